/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/mountinfo.h"
#include "base/parse.h"
#include "cgroup/cgroup.h"

#define PROC_FILE_MAX (4u << 20)
#define FIELDS_MAX    16

/* struct mount - a hierarchy. @options: its controllers are among them, between commas */
struct mount {
	const char *root, *point, *options;
	bool v2;
};

/* "ID PARENT DEV ROOT POINT OPTIONS [...] - TYPE SOURCE OPTIONS". Return: whether it is of ours. */
static bool parse_mount(char *line, struct mount *ret)
{
	char *fields[FIELDS_MAX], *word;
	size_t n = 0, dash = 0;

	while (n < FIELDS_MAX && (word = strsep(&line, " "))) {
		if (!dash && n > 5 && strcmp(word, "-") == 0)
			dash = n;
		fields[n++] = word;
	}
	if (!dash || dash + 3 >= n || strncmp(fields[dash + 1], "cgroup", 6) != 0)
		return false;
	mountinfo_unescape(fields[3]);
	mountinfo_unescape(fields[4]);
	*ret = (struct mount){
		.root = fields[3],
		.point = fields[4],
		.options = fields[dash + 3],
		.v2 = strcmp(fields[dash + 1], "cgroup2") == 0,
	};
	return ret->v2 || strcmp(fields[dash + 1], "cgroup") == 0;
}

/* Each is its own string for mountinfo_unescape(); a hierarchy may be mounted several times. */
static bool is_known(const struct strv *points, const struct mount *m)
{
	for (size_t i = 0; i < points->n; i++)
		if (strcmp(points->v[i], m->v2 ? "cgroup2" : m->options) == 0)
			return true;
	return false;
}

/* The caller's group as seen at the mount: "/" if it cannot be seen there. */
static char *own_group(const struct mount *m, const char *self)
{
	size_t root = strcmp(m->root, "/") == 0 ? 0 : strlen(m->root);

	for (const char *line = self; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *names = strchr(line, ':'),
			   *path = names ? strchr(names + 1, ':') : NULL;
		size_t len, word;

		if (!path || path > line + strcspn(line, "\n"))
			continue;
		names++;
		word = strcspn(names, ":,");
		if (m->v2 ? word > 0 : word == 0 || !str_has_word(m->options, ",", names, word))
			continue;
		len = strcspn(++path, "\n");
		if (len > root && strncmp(path, m->root, root) == 0 && path[root] == '/')
			return xstrndup(path + root, len - root);
		break;
	}
	return xstrdup("/");
}

/* A group of a version 2 that has processes cannot hand controllers down, so the next is beside it. */
static char *start_of(const struct mount *m, const char *self, const char *path)
{
	char *own;

	if (*path == '/')
		return xstrdup("");
	own = own_group(m, self);
	if (m->v2)
		*strrchr(own, '/') = '\0';
	return own;
}

static int refuse(const char *path, const char *why, struct err *err)
{
	return err_set(err, -EINVAL, "linux.cgroupsPath \"%.64s\"%s %s", path,
		       strlen(path) > 64 ? "…" : "", why);
}

/* Without doubled slashes. */
static int add_path(const char *path, struct strv *words, struct err *err)
{
	const char *at = path;

	if (strlen(path) > CGROUP_PATH_MAX)
		return refuse(path, "is too long", err);
	for (size_t len; *at; at += len) {
		at += strspn(at, "/");
		len = strcspn(at, "/");
		if (len == 0)
			break;
		if (len > NAME_MAX)
			return refuse(path, "has too long a name in it", err);
		if (at[0] == '.' && (len == 1 || (len == 2 && at[1] == '.')))
			return refuse(path, "must not have \".\" or \"..\" in it", err);
		if (memchr(at, '\n', len))
			return refuse(path, "must not have a line's end in it", err);
		strv_take(words, xstrndup(at, len));
	}
	return 0;
}

static int add_place(const struct mount *m, const char *self, const char *path, struct strv *ret,
		     struct err *err)
{
	_cleanup_free_ char *start = start_of(m, self, path);
	_cleanup_strv_ struct strv words = STRV_NULL;
	_cleanup_free_ char *place = xasprintf("%s/.", m->point);
	size_t above;
	int r = add_path(start, &words, err);

	above = words.n;
	if (r == 0)
		r = add_path(path, &words, err);
	if (r == 0 && words.n == above)
		r = refuse(path, "names no group but the one that holds all", err);
	for (size_t i = 0; r == 0 && i < words.n; i++) {
		char *longer = xasprintf("%s/%s", place, words.v[i]);

		free(place);
		place = longer;
	}
	if (r == 0)
		strv_take(ret, take_ptr(place));
	return r;
}

/* Version 1 counts where it has a controller: version 2 is beside it then, with none. */
static bool has_v1(const char *mountinfo)
{
	_cleanup_free_ char *text = xstrdup(mountinfo);
	char *at = text, *line;
	struct mount m;

	while ((line = strsep(&at, "\n")))
		if (parse_mount(line, &m) && !m.v2 && !strstr(m.options, "name="))
			return true;
	return false;
}

int cgroup_places_in(const char *mountinfo, const char *self, const char *path, const char *id,
		     struct strv *ret, struct err *err)
{
	_cleanup_free_ char *text = xstrdup(mountinfo);
	_cleanup_strv_ struct strv known = STRV_NULL;
	const bool v1 = has_v1(mountinfo);
	char *at = text, *line;
	struct mount m;
	int r = 0;

	while (r == 0 && (line = strsep(&at, "\n"))) {
		if (!parse_mount(line, &m) || m.v2 == v1 || is_known(&known, &m))
			continue;
		strv_add(&known, m.v2 ? "cgroup2" : m.options);
		r = add_place(&m, self, *path ? path : id, ret, err);
	}
	if (r == 0 && known.n == 0 && *path)
		r = refuse(path, "cannot be had: no control groups are mounted", err);
	return r;
}

int cgroup_places(const char *path, const char *id, struct strv *ret, struct err *err)
{
	_cleanup_free_ char *mountinfo = NULL, *self = NULL;
	int r = file_slurp_at(AT_FDCWD, "/proc/self/mountinfo", PROC_FILE_MAX, &mountinfo, NULL);

	if (r == 0)
		r = file_slurp_at(AT_FDCWD, "/proc/self/cgroup", PROC_FILE_MAX, &self, NULL);
	if (r < 0)
		return err_errno(err, r, "cannot read which control groups there are");
	return cgroup_places_in(mountinfo, self, path, id, ret, err);
}
