/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "guest/init/init-conf.h"

/*
 * The programs of an image whose own init vminitd is: its command, and a shell on the console. What
 * keeps one from running is said on the console by the child itself, which has the user's rights.
 */

/**
 * struct launch - a program that was started; one at a time
 * @pid: 0: none
 * @failure: has something in it when the program never ran
 */
struct launch {
	pid_t pid;
	int failure;
};

#define LAUNCH_NULL                         \
	{                                   \
		.pid = 0, .failure = -EBADF \
	}

/**
 * launch_command() - start the image's command as its user, with its workspace made
 * @again: it was tried before: what there is instead of it has been listed
 *
 * Return: 0 or the negative errno of fork() or pipe2().
 */
int launch_command(struct launch *launch, const struct init_conf *conf, bool again);

/** launch_shell() - start the shell as root, with the console as its terminal. Return: as above. */
int launch_shell(struct launch *launch, const struct init_conf *conf);

/**
 * launch_ended() - the program was reaped; @launch may be used again
 *
 * Return: did it ever run?
 */
bool launch_ended(struct launch *launch);
