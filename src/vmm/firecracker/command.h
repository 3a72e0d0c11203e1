/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/strv.h"
#include "loop/tail.h"
#include "vmm/firecracker/jail.h"
#include "vmm/firecracker/metrics.h"
#include "vmm/firecracker/plan.h"

/** The names under which both are looked for in $PATH. */
#define FC_PROGRAM "firecracker"
#define FC_JAILER  "jailer"

/* What else is in VMM_FIRECRACKER_FOLDER. */
#define FC_LOG_FIFO	"firecracker.log.fifo"
#define FC_METRICS_FIFO "firecracker.metrics.fifo"
#define FC_CONFIG_FILE	"firecracker.json"

/**
 * struct fc_command - what is started
 * @argv: owned
 * @fds: become FC_FD_DIR, FC_FD_DIR + 1, …; borrowed, but for @config and @vsock
 * @config: a file in memory, of a VM without a folder; owned
 * @vsock: the folder of its vsock; owned
 * @program, @id: the jail's; owned
 * @jail: what fc_jail_make() is to get; points into this and the spec
 */
struct fc_command {
	struct strv argv;
	int fds[1 + VMM_DISKS_MAX + FC_FOLDERS];
	size_t n_fds;
	int config, vsock;
	char *program, *id;
	struct fc_jail jail;
};

#define FC_COMMAND_NULL                                               \
	{                                                             \
		.argv = STRV_NULL, .config = -EBADF, .vsock = -EBADF, \
	}

/**
 * fc_folder() - make the VM's folder, and read there what Firecracker logs: its first TAIL_COPIED_MAX bytes become
 * VMM_FIRECRACKER_LOG; and its figures, for VMM_FIRECRACKER_METRICS
 *
 * Return: 0 or negative errno with a message.
 */
int fc_folder(const struct vmm_spec *spec, struct loop *loop, struct tail *log,
	      struct fc_metrics *metrics, int *ret_dir, struct err *err);

/**
 * fc_command() - the command line, and the files that it names
 * @spec: without a run_dir it has neither jail nor API
 * @dir: of fc_folder(); -EBADF: without
 * @slots: what @plan is made with
 *
 * Return: 0 or negative errno with a message.
 */
int fc_command(const struct vmm_spec *spec, const struct fc_plan *plan, int dir,
	       const struct fc_slots *slots, struct fc_command *ret, struct err *err);

/** fc_command_done() - free; may be called again */
void fc_command_done(struct fc_command *command);
#define _cleanup_fc_command_ __attribute__((cleanup(fc_command_done)))

/**
 * fc_check_version() - is it one of those that are known?
 * @answer: to GET /version
 * @ret_minor: of 1.@ret_minor
 *
 * Return: 0 or negative errno with a message.
 */
int fc_check_version(const char *answer, unsigned int *ret_minor, struct err *err);

/** fc_check_program() - the same, of what an executable says. Return: 0 or negative errno with a message. */
int fc_check_program(const char *program, struct err *err);
