/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"

/**
 * struct containerd_args - how containerd calls its shims: options with one dash, then what to do
 * @namespace: containerd's, of the container
 * @address: the socket of its GRPC services
 * @id: the container's
 * @bundle: the container's folder; NULL: the present one
 * @action: "start" or "delete"; NULL: none
 */
struct containerd_args {
	const char *namespace, *address, *id, *bundle, *action;
	bool version, info, help;
};

/**
 * containerd_args_parse() - what of it is missing or impossible is an error, unless only @version, @info or @help is wanted
 * @ret: points into @argv
 *
 * Return: 0 or -EINVAL with a message.
 */
int containerd_args_parse(int argc, char **argv, struct containerd_args *ret, struct err *err);

/** containerd_args_help() - say how it is called */
void containerd_args_help(FILE *out);
