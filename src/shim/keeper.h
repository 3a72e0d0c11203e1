/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "sandbox/record.h"

/*
 * The process that stands for a container: whoever asked for the container has its number, sends it
 * signals, and is told by its end how the container ended. All work is done by its child, the shim.
 */

/* What stays of the container: nothing, its record with an exit status, or with what it had. */
enum leaving {
	LEAVE_NOTHING,
	LEAVE_STATUS,
	LEAVE_AS_IT_WAS,
};

/**
 * keeper_settle() - make the record what it is to be once the container has ended
 * @why: what ended it, if nobody has written its status before; may be NULL
 */
void keeper_settle(const struct paths *paths, const struct record *record, enum leaving leaving,
		   const char *why);

/** keeper_block() - before the child is made: signals wait for keeper_run(). @old: what was so before */
void keeper_block(sigset_t *old);

/* A byte through the pipe that is no signal's number: the keeper has the container's view. */
#define KEEPER_SEES 0

/** keeper_pass_on() - tell the shim of a signal, or of KEEPER_SEES. @passing: as of keeper_run() */
void keeper_pass_on(int passing, int signo);

/* The same: it is where the child is. */
#define KEEPER_FOLLOWS 255

/** keeper_ask_follow() - in the child: let the keeper enter its network and the group of the record; KEEPER_FOLLOWS follows */
void keeper_ask_follow(pid_t keeper);

/** keeper_ask_view() - in the child: let the keeper enter the view of view.h; KEEPER_SEES follows */
void keeper_ask_view(pid_t keeper);

/**
 * keeper_run() - until the child has ended
 * @spec: the record's, which is read anew when the child asks for that
 * @passing: gets a byte for each signal that comes
 * @leaving: if the child is killed, and cannot see to that itself
 *
 * Return: its exit status; 137 if it was killed.
 */
int keeper_run(const struct paths *paths, const struct record *record, struct sandbox_spec *spec,
	       pid_t child, int passing, enum leaving leaving);
