/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/strv.h"

/*
 * Annotations: NAME=VALUE, what tools say of a container. Most names are theirs, and only kept;
 * those that begin with "io.caisson." or "io.spin." are ours.
 */

#define ANNOTATIONS_MAX	     256
#define ANNOTATION_BYTES_MAX (64 * 1024)
#define ANNOTATION_EXTRAS    "io.spin.extras.files"

/** annotation_is_own() - is the name, or NAME=VALUE, one of ours? */
bool annotation_is_own(const char *word);

/**
 * annotation_check() - may a container have this one?
 * @word: NAME=VALUE
 *
 * Return: 0 or -EINVAL with a message.
 */
int annotation_check(const char *word, struct err *err);

/**
 * annotations_set() - check all of @words and put them into @list; of several with a name the last
 * counts
 *
 * Return: 0 or -EINVAL with a message.
 */
int annotations_set(struct strv *list, const struct strv *words, struct err *err);

/**
 * annotations_to_json() - as the runtime specification's state has them: an object of texts
 *
 * Return: a new object of the caller's.
 */
struct json_object *annotations_to_json(const struct strv *list);
