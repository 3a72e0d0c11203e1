/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/task/process.h"
#include "guest/task/stream.h"

/*
 * A process' stdin, stdout and stderr: streams of the host on one side, pipes or a terminal on the
 * other, relays between them.
 *
 *	process_io_take()	the streams that the request names are the process' now
 *	process_io_connect()	pipes; their ends for the process are in child_io
 *	process_io_unmute()	if its output was not to be heard, it is from now on
 *	process_io_spawned()	the process has its ends
 *	process_io_terminal()	the process has made its terminal
 *	process_io_finish()	the process is gone: what it wrote goes to the host, then the end
 *	process_io_close()	all is closed at once
 *
 * When the last of the output has been copied, process_table.drained is called.
 */

/**
 * process_io_take() - find the streams of a request
 * @names: stdin, stdout, stderr as in the request; "" for none; stdout and stderr may be the same
 *
 * Return: 0; -EINVAL: not a stream, or not one that a terminal has; -ENOENT: no such stream waits;
 * *@ret_which is the one.
 */
int process_io_take(struct process *process, struct stream_table *streams,
		    const char *const names[3], int *ret_which);

/**
 * process_io_connect() - make pipes and begin to copy
 * @muted: leave the output in its pipes until process_io_unmute(): it may be another program's, and
 *	is dropped when the process never begins
 *
 * Return: 0 or negative errno.
 */
int process_io_connect(struct process *process, struct loop *loop, bool muted);

/** process_io_mute() - let go of the streams of its output, which waits in its pipes; of one without a terminal */
void process_io_mute(struct process *process);

/** process_io_unmute() - copy the output; harmless when it is copied already, or there is no stream */
void process_io_unmute(struct process *process, struct loop *loop);

/** process_io_spawned() - close the ends that the process has now */
void process_io_spawned(struct process *process);

/**
 * process_io_terminal() - the process has made its terminal
 * @master: owned
 * @muted: as process_io_connect()
 *
 * Return: 0 or negative errno.
 */
int process_io_terminal(struct process *process, struct loop *loop, int master, bool muted);

/**
 * process_io_take_words() - what was written to stderr, or the terminal, while it was not to be heard
 *
 * It is not heard later either. Return: bytes; 0: nothing, or it was heard.
 */
size_t process_io_take_words(struct process *process, char *buf, size_t size);

/**
 * process_io_resize() - remember the terminal's size and tell it, if there is one; harmless else
 */
void process_io_resize(struct process *process, uint32_t columns, uint32_t rows);

/** process_io_close_input() - the host will send no more than it has sent */
void process_io_close_input(struct process *process);

/** process_io_finish() - the process is gone */
void process_io_finish(struct process *process);

/** process_io_busy() - there is output that the host has not taken */
bool process_io_busy(const struct process *process);

/** process_io_close() - close everything; may be called again */
void process_io_close(struct process *process);
