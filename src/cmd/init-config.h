/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/strv.h"

/*
 * The text of an image's init.conf (guest/init/init-conf.h), out of what the command line says.
 */

/**
 * struct init_config - what to write; NULL, or empty, is left out
 * @env: "NAME=VALUE", or "NAME" to take it from our own environment
 * @command: ends with NULL
 */
struct init_config {
	const char *hostname, *user, *owner, *workspace, *workdir, *on_exit, *shell;
	struct strv dns, env, require;
	char **command;
	bool install, force;
};

/**
 * init_config_text() - make the file, and read it as vminitd will, so that nothing of it is wrong
 * @ret: set on success; free() it
 *
 * Return: 0 or -EINVAL with a message.
 */
int init_config_text(const struct init_config *config, char **ret, struct err *err);

/** init_config_env() - the line for a variable, "NAME=VALUE"; free() it */
char *init_config_env(const char *assignment);

/** init_config_done() - free the lists; may be called again */
void init_config_done(struct init_config *config);
