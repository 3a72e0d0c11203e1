/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/** shell_word() - as a shell takes it for one word, as it is: for commands that people paste; free() it */
char *shell_word(const char *word);
