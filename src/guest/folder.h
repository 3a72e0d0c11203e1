/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/**
 * folder_make_all() - make a folder and all above it, as far as that goes
 * @path: in the caller's own root, which symbolic links cannot leave
 *
 * What is there already, and what cannot be made, shows when the folder is used.
 */
void folder_make_all(const char *path);
