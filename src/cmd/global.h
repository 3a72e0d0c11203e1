/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>

#include "base/err.h"
#include "sandbox/bundle.h"

/*
 * What stands before the command, as OCI runtimes have it: `caisson --root R --log FILE create …`.
 */

/**
 * global_parse() - take those options; they hold for this process and the shims that it starts
 *
 * Return: index of the command; or -EINVAL with a message.
 */
int global_parse(int argc, char **argv, struct err *err);

/**
 * global_log() - write an error to the log that somebody wanted; without one nothing happens
 *
 * In JSON a caller may parse the whole file: one error is one object, and nothing else is written.
 */
void global_log(const char *message);

/** global_end() - a folder of sockets that --root led to does not stay when it is empty */
void global_end(void);

/** global_has_root() - Return: whether a folder of containers was chosen */
bool global_has_root(void);

/** global_cgroups() - Return: in whose words bundles have control groups */
enum bundle_cgroups global_cgroups(void);

/** global_help() - the options, for --help, on stdout or stderr */
void global_help(FILE *out);
