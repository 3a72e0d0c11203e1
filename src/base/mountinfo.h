/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * What the kernel's table of mounts says (proc_pid_mountinfo(5)). No file system is asked anything, so none that does
 * not answer holds anybody up, as it does in statvfs(3).
 */

/**
 * struct mountinfo - what is known of where something was found
 * @id: of that mount
 * @readonly, @noexec: its options
 * @inside: something is mounted in what was found
 */
struct mountinfo {
	uint64_t id;
	bool readonly, noexec, inside;
};

/** mountinfo_find() - @fd: of what was found. Return: 0 or negative errno. */
int mountinfo_find(int fd, struct mountinfo *ret);

/** mountinfo_unescape() - in place: a blank is "\040" there, and so on */
void mountinfo_unescape(char *s);
