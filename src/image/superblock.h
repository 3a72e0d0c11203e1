/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/**
 * superblock_size() - how many bytes an ext4 file system says that it has
 * @fd: a file that anybody may have made; nothing else of it is looked at
 *
 * Return: 0, or -EBADMSG: there is none.
 */
int superblock_size(int fd, uint64_t *ret);
