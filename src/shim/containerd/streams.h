/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/process.h"

/*
 * A process' streams as containerd names them: paths of FIFOs, or URIs.
 *
 *	/path, fifo:///path	a FIFO that its client has made; or a file, which output is added to
 *	file:///path		a file, made with the folders above it, which output is added to; %20 is a blank there
 *	binary:///path?k=v	a program that takes both outputs (logger.h)
 *	""			none
 *
 * Of a FIFO for a container's output we have both ends, so that nothing is lost, and the process goes on, while nobody reads; its
 * reader sees the end when we close them. One for input is opened when the process is started, and no sooner: as soon as
 * it is, its client writes all that there is, and would say that this was all before it knows of the process.
 */

/** struct streams - descriptors for struct process_stdio */
struct streams {
	int fds[3];
};

#define STREAMS_NULL                              \
	{                                         \
		.fds = { -EBADF, -EBADF, -EBADF } \
	}

/**
 * streams_open() - open what @stdio names, and let that have them: they are the process' then
 * @ret: its descriptors; end with streams_done() unless the process has them
 *
 * What `caisson exec` has made in the container's folder is left to be opened by its name.
 *
 * Return: 0 or negative errno with a message.
 */
int streams_open(const struct container *container, struct process_stdio *stdio,
		 struct streams *ret, struct err *err);

/** streams_are_ours() - are stdin and stdout what `caisson exec` has made in the container's folder? */
bool streams_are_ours(const struct container *container, const char *in, const char *out);

/** streams_done() - close them; may be called again */
void streams_done(struct streams *streams);
