/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "base/strv.h"
#include "image/digest.h"

/**
 * struct amend - what becomes of an image's configuration when a container is committed
 * @base: the image's configuration, IMAGE_CONFIG_MAX bytes at most; NULL: there is none
 * @args, @env, @cwd, @user: what the container was run with
 * @changes: instructions, see change.h
 * @author, @message: for the history; NULL: nothing to say
 * @created: now, in RFC 3339
 * @layers: the uncompressed layers, lowest first: those of the image in one, and the new one
 * @n_layers: how many
 */
struct amend {
	const char *base;
	const struct strv *args, *env, *changes;
	const char *cwd, *user, *author, *message, *created;
	const struct digest *layers;
	size_t n_layers;
};

/**
 * amend_config() - make the new configuration
 * @ret: set on success to the document; free() it
 *
 * Arguments that begin with the image's Entrypoint are that and a Cmd; others replace both, as if
 * --entrypoint was given, which cannot be told from it any more.
 *
 * Return: 0; -EINVAL: a change that makes no sense; -EBADMSG: a base that is none; with a message.
 */
int amend_config(const struct amend *amend, char **ret, struct err *err);

/** amend_check() - do these make sense, before anything is done for them? Return: 0 or -EINVAL. */
int amend_check(const struct strv *changes, struct err *err);
