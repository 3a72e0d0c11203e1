/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <termios.h>

#include "cmd/client.h"
#include "loop/pump.h"

/**
 * struct attach - our own stdin, stdout, stderr and signals, joined to a process in a container
 *
 * The streams go through FIFOs in the container's run folder, as containerd's clients do it. The
 *shim removes them as soon as it has opened them, so that they go even if we are killed.
 *
 * @exec_id: the process; "" for the container's first
 * @terminal: our terminal, if we have one on stdin, is put into raw mode and its size passed on
 * @interrupts: how often somebody asked for the end; the third time is final
 * @lost: why output could not be written, and which: the first error, but for -EPIPE
 * @running: the process has been started: signals go to it. One that comes before, and the third
 *	one that asks for the end, cancel @client
 */
struct attach {
	struct client *client;
	const struct record *record;
	const char *exec_id;
	bool terminal, raw, running;
	char *paths[3];
	int fifos[3];
	struct pump pumps[3];
	char *buffers;
	int open_outputs, interrupts;
	int lost, lost_stream;
	struct termios saved;
	struct loop_signal signals;
};

#define ATTACH_NULL                                                                 \
	{                                                                           \
		.fifos = {-EBADF, -EBADF, -EBADF}, .signals = {.io = LOOP_IO_NULL } \
	}

/**
 * attach_check() - does our stdin suit what was asked for?
 * @input: it is wanted
 * @terminal: the process gets one
 *
 * Return: 0 or -EINVAL with a message.
 */
int attach_check(bool input, bool terminal, struct err *err);

/**
 * attach_prepare() - make the FIFOs and take over the signals
 * @input, @terminal: as for attach_check()
 *
 * Return: 0 or negative errno with a message.
 */
int attach_prepare(struct attach *attach, struct client *client, const struct record *record,
		   const char *exec_id, bool input, bool terminal, struct err *err);

/** attach_path() - the FIFO of stream 0, 1 or 2; "" where there is none */
const char *attach_path(const struct attach *attach, int stream);

/** attach_begin() - once the process has been created: copy. Return: 0 or negative errno, with a
 * message. */
int attach_begin(struct attach *attach, struct err *err);

/** attach_running() - once it has been started: from now on signals go to it */
void attach_running(struct attach *attach);

/**
 * attach_drain() - run the loop until all output has been written, or somebody gave up
 *
 * Return: 0, or negative errno with a message when some of it was lost; not when its reader left.
 */
int attach_drain(struct attach *attach, struct err *err);

/** attach_end() - restore the terminal, remove FIFOs never opened; may be called again */
void attach_end(struct attach *attach);
