/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "image/image.h"
#include "sandbox/spec.h"

/*
 * What a container runs: the image's configuration with a person's options on top, as `docker run`
 * puts the two together.
 */

/**
 * struct compose - what a person asked for
 * @words: what follows the image; ends with NULL
 * @env: see compose_env()
 * @entrypoint: NULL: the image's; "": none
 * @workdir, @user: NULL or "": the image's
 * @open: what is not said, the guest will read in the image
 */
struct compose {
	char **words;
	const struct strv *env;
	const char *entrypoint, *workdir, *user;
	bool terminal, open;
};

/**
 * compose_spec() - fill in @spec's args, env, cwd, user, capabilities, stop_signal and terminal
 *
 * Return: 0 or -EINVAL with a message; what was filled in is still @spec's.
 */
int compose_spec(const struct compose *how, const struct image_config *config,
		 struct sandbox_spec *spec, struct err *err);

/**
 * compose_env() - put what --env gave into an environment
 * @words: "K=V"; or "K": as in our own environment, and taken out of @env where that has none
 *
 * Return: 0 or -EINVAL with a message.
 */
int compose_env(struct strv *env, const struct strv *words, struct err *err);

/** compose_check_workdir() - NULL or an absolute path. Return: 0 or -EINVAL with a message. */
int compose_check_workdir(const char *workdir, struct err *err);

/** compose_hostname() - give @spec its id for a HOSTNAME, unless somebody chose one */
void compose_hostname(const struct compose *how, const struct image_config *config,
		      struct sandbox_spec *spec);
