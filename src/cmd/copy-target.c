/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/copy-target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "image/text.h"
#include "tar/place.h"

/* Without the slashes at its end: how long; the last name begins at *@ret_name. */
static size_t last_name(const char *path, size_t *ret_name)
{
	size_t len = strlen(path), name;

	while (len > 0 && path[len - 1] == '/')
		len--;
	for (name = len; name > 0 && path[name - 1] != '/'; name--)
		;
	*ret_name = name;
	return len;
}

int copy_name(const char *from, char ret[NAME_MAX + 1])
{
	size_t name, len = last_name(from, &name);

	if (len - name > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(ret, from + name, len - name);
	ret[len - name] = '\0';
	/* "/" has no name, and neither has what a folder is called by itself. */
	if (!*ret || !strcmp(ret, ".."))
		memcpy(ret, ".", 2);
	return 0;
}

/* @to is to be the source's new name. */
static int rename_to(const char *to, struct copy_target *ret, struct err *err)
{
	size_t name, len = last_name(to, &name);
	int r = copy_name(to, ret->name);

	if (r < 0)
		return err_set(err, r, "the name \"%.64s…\" is too long", text_of(to + name));
	if (len == 0 || !strcmp(ret->name, "."))
		return err_set(err, -ENOENT, "there is no folder \"%s\"", text_of(to));
	if (name == 0)
		memcpy(ret->folder, ".", 2);
	else
		(void)snprintf(ret->folder, sizeof(ret->folder), "%.*s", (int)name, to);
	return 0;
}

int copy_target_choose(const char *to, enum copy_kind kind, const char *from, bool folder,
		       struct copy_target *ret, struct err *err)
{
	int r;

	if (strlen(to) >= PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "the path \"%.64s…\" is too long", text_of(to));
	if (kind == COPY_OTHER && folder)
		return err_set(err, -ENOTDIR,
			       "cannot copy the folder \"%s\" over \"%s\", which is none",
			       text_of(from), text_of(to));
	if (kind == COPY_OTHER && tar_place_is_content(to))
		return err_set(err, -ENOTDIR, "\"%s\" is not a folder", text_of(to));
	if (kind == COPY_MISSING && !folder && tar_place_is_content(to))
		return err_set(err, -ENOENT, "there is no folder \"%s\"", text_of(to));
	if (kind != COPY_FOLDER)
		return rename_to(to, ret, err);
	(void)snprintf(ret->folder, sizeof(ret->folder), "%s", to);
	r = copy_name(from, ret->name);
	return r < 0 ? err_set(err, r, "the name of \"%.64s…\" is too long", from) : 0;
}
