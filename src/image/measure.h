/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/**
 * measure_folder() - the room that a folder and all in it take on the disk
 * @fd: the folder
 *
 * A file with several names counts once. What is removed meanwhile, or cannot be read, counts as far
 * as it was seen.
 *
 * Return: bytes.
 */
uint64_t measure_folder(int fd);
