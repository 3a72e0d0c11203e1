/* SPDX-License-Identifier: Apache-2.0 */
#include "image/build-archive.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* An ID, as docker-archives call their layers and configurations. */
static bool is_id(const char *name)
{
	return strspn(name, "0123456789abcdef") == 64;
}

static int entry(void *userdata, const struct entry *e, struct err *err)
{
	struct build_archive *a = userdata;
	const char *path = *e->parent ? e->parent : e->name;
	char top[NAME_MAX + 1];

	(void)snprintf(top, sizeof(top), "%.*s", (int)strcspn(path, "/"), path);
	if (strcmp(top, "manifest.json") == 0 || strcmp(top, "oci-layout") == 0)
		a->marked = true;
	else if (is_id(top) || strcmp(top, "blobs") == 0)
		a->parts = true;
	else if (*top && strcmp(top, "index.json") != 0 && strcmp(top, "repositories") != 0)
		a->other = true;
	return a->to->entry(a->to->userdata, e, err);
}

static int data(void *userdata, const void *data, size_t len, int64_t offset, struct err *err)
{
	const struct layer_sink *to = ((const struct build_archive *)userdata)->to;

	return to->data(to->userdata, data, len, offset, err);
}

static int end(void *userdata, struct err *err)
{
	const struct layer_sink *to = ((const struct build_archive *)userdata)->to;

	return to->end(to->userdata, err);
}

struct layer_sink build_archive_sink(struct build_archive *a)
{
	return (struct layer_sink){.entry = entry, .data = data, .end = end, .userdata = a};
}
