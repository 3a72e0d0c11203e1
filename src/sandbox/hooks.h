/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "sandbox/record.h"

/*
 * Hooks of an OCI bundle (runtime-spec, config.md, "POSIX-platform Hooks"): programs of the host that an
 * engine has run beside a container's life. Those that are to run in the container's namespaces are refused:
 * the container is in a VM.
 */

#define HOOKS_FILE "hooks.json" /* in the container's folder, from the bundle's config.json */

/**
 * hooks_take() - the hooks of a config.json
 * @ret: its "hooks", as JSON, NULL if there are none; free() it
 *
 * Return: 0; -EBADMSG or -ENOTSUP with a message.
 */
int hooks_take(const char *config, char **ret, struct err *err);

/** hooks_are_kept() - has the container any? */
bool hooks_are_kept(const struct record *record);

/** hooks_has() - are there any of a stage? @hooks: of hooks_take() */
bool hooks_has(const char *hooks, const char *stage);

/**
 * hooks_run() - run those of one stage, one after the other
 * @stage: "prestart", "createRuntime", "poststart" or "poststop"
 * @status: of the container: "creating", "created", "running" or "stopped"
 * @pid: of the process that stands for it; 0: it has ended
 *
 * Each gets the container's state on its stdin, and has as long as its timeout says.
 *
 * Return: 0; or negative errno with a message, of the first one that failed: those behind it are not
 * run, but for "poststop".
 */
int hooks_run(const struct record *record, const struct sandbox_spec *spec, const char *stage,
	      const char *status, pid_t pid, struct err *err);
