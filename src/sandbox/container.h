/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/list.h"
#include "sandbox/blocks.h"
#include "sandbox/hollow.h"
#include "sandbox/iolog.h"
#include "sandbox/record.h"
#include "sandbox/share.h"

struct process;
struct sandbox;

/**
 * struct container - what belongs to one of a VM's containers, and not to the VM
 * @link: in its sandbox' list
 * @spec: what it is; that of the first one says what the VM is, too
 * @config: of a bundle, config.json ready for the guest; NULL: it is not, or the guest has it
 * @alone: by 9P: which of its volumes have connections of their own
 * @uses: of one of a group: what of its volumes is the same for all
 * @blocks: of one that came later: the block devices that it has
 * @hollow: where its first process is none of the guest's, or it waits for such a one
 * @log: gets what its first process prints
 * @init: its first process, once there is one
 * @execs: the others, by struct process' link
 * @started: its command was started, or ended before: there is an exit status to keep
 * @deleted: there is nothing more to ask about
 * @userdata: for its owner
 */
struct container {
	struct list link;
	struct sandbox *sandbox;
	const struct record *record;
	const struct sandbox_spec *spec;
	char *config;
	struct share_alone alone;
	struct source_uses uses;
	struct blocks blocks;
	struct hollow hollow;
	struct iolog log;
	struct process *init;
	struct list execs;
	size_t n_execs;
	bool started, deleted;
	void *userdata;
};

/** container_init() - one more of @sandbox'; the pointers must outlive it */
void container_init(struct container *container, struct sandbox *sandbox,
		    const struct record *record, const struct sandbox_spec *spec);

/** container_find() - the one of that name. Return: NULL: there is none. */
struct container *container_find(const struct sandbox *sandbox, const char *id);

/** container_find_exec() - the exec of that name. Return: NULL: there is none. */
struct process *container_find_exec(const struct container *container, const char *exec_id);

/** container_deinit() - forget it and its processes, without callbacks */
void container_deinit(struct container *container);
