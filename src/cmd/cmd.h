/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cmd/opts.h"
#include "sandbox/paths.h"

/* Exit statuses of our own, as Docker has them: the container's are everything else. */
#define STATUS_CAISSON_FAILED 125
#define STATUS_NOT_EXECUTABLE 126
#define STATUS_NOT_FOUND      127
#define STATUS_INTERRUPTED    130
/* Of `caisson exec --process`, as runc has it. */
#define STATUS_OCI_FAILED 255

/* Of the runtime specification that we keep to. */
#define OCI_VERSION "1.0.2"

/* One file a command; the table is in main.c. */
extern const struct command command_create, command_config, command_start, command_pause,
	command_resume, command_update, command_features, command_ps, command_events, command_spec,
	command_checkpoint, command_restore, command_run, command_exec, command_cp, command_list,
	command_logs, command_kill, command_wait, command_delete, command_commit, command_diff,
	command_export, command_inspect, command_state, command_kernel, command_image,
	command_images, command_image_list, command_image_pull, command_image_import,
	command_image_remove, command_image_prune, command_image_inspect, command_image_build,
	command_image_convert, command_image_init_config, command_image_verify, command_doctor,
	command_volume, command_disk, command_metrics;

/** cmd_fail() - print "caisson: <message>". Return: the command's failure status. */
int cmd_fail(const struct command *command, const struct err *err);

/**
 * cmd_status_of() - what a process that could not be created or started makes of the command
 * @err: what client_call() made of the shim's answer
 *
 * Return: an exit status.
 */
int cmd_status_of(const struct err *err);

/**
 * cmd_each() - do the same to every container named on the command line, going on after a failure
 * @names: ends with NULL; none at all is an error
 *
 * Return: exit status: 0, or the command's failure status.
 */
int cmd_each(const struct command *command, char **names,
	     int (*one)(const struct paths *paths, const char *name, void *userdata,
			struct err *err),
	     void *userdata);
