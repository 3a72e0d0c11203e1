/* SPDX-License-Identifier: Apache-2.0 */
#include "image/entry.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/parse.h"
#include "image/text.h"
#include "tar/member.h"

/* aufs kept its own files under such names. */
#define WHITEOUT_META ".wh..wh."

/*
 * Copies @path, which is @what of an entry, to @out without empty and "." parts. An absolute name
 * counts from the image's root.
 * ".." is refused even where it would stay inside: no tool writes it, and what it means would
 * depend on symbolic links.
 */
static int normalise(const char *path, const char *what, char out[PATH_MAX], struct err *err)
{
	size_t len = 0;

	for (const char *p = path; *p; p += *p == '/') {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.')
			return err_set(err, -EBADMSG, "%s '%s' leaves the image", what,
				       text_of(path));
		if (n > NAME_MAX)
			return err_set(err, -ENAMETOOLONG,
				       "%s '%s' has a name of %zu bytes; a file system takes %d",
				       what, text_of(path), n, NAME_MAX);
		if (n > 0 && !(n == 1 && p[0] == '.')) {
			if (len + 1 + n + 1 > PATH_MAX)
				return err_set(err, -ENAMETOOLONG,
					       "%s '%s' has a path of more than %d bytes", what,
					       text_of(path), PATH_MAX - 1);
			if (len > 0)
				out[len++] = '/';
			memcpy(out + len, p, n);
			len += n;
		}
		p += n;
	}
	out[len] = '\0';
	return 0;
}

/* Splits the last part off @e->parent, which holds the whole path. */
static void split(struct entry *e)
{
	char *slash = strrchr(e->parent, '/');
	char *name = slash ? slash + 1 : e->parent;

	memcpy(e->name, name, strlen(name) + 1);
	*(slash ? slash : e->parent) = '\0';
}

/* Any part of the path, so that what is inside such a folder is left out, too. */
static bool is_meta(const struct entry *e)
{
	const char *p = e->parent;

	if (str_starts(e->name, WHITEOUT_META) && strcmp(e->name, TAR_OPAQUE) != 0)
		return true;
	while (p && *p) {
		if (str_starts(p, WHITEOUT_META))
			return true;
		p = strchr(p, '/');
		p = p ? p + 1 : NULL;
	}
	return false;
}

/* Return: 1 if it is a whiteout or to be left out, 0 if not, negative errno. */
static int plan_whiteout(struct entry *e, const char *path, struct err *err)
{
	const char *target = str_starts(e->name, TAR_WHITEOUT);

	if (is_meta(e)) {
		e->kind = ENTRY_SKIP;
		return 1;
	}
	if (!target)
		return 0;
	if (strcmp(e->name, TAR_OPAQUE) == 0) {
		e->kind = ENTRY_OPAQUE;
		e->name[0] = '\0';
		return 1;
	}
	if (!*target || strcmp(target, ".") == 0 || strcmp(target, "..") == 0)
		return err_set(err, -EBADMSG, "entry '%s' removes no name", text_of(path));
	e->kind = ENTRY_WHITEOUT;
	memmove(e->name, target, strlen(target) + 1);
	return 1;
}

static int plan_symlink(struct archive_entry *ae, struct entry *e, const char *path,
			struct err *err)
{
	const char *target = archive_entry_symlink(ae);

	if (!target || !*target)
		return err_set(err, -EBADMSG, "entry '%s' is a symbolic link to nothing",
			       text_of(path));
	if (strlen(target) >= PATH_MAX)
		return err_set(err, -ENAMETOOLONG,
			       "entry '%s' is a symbolic link with more than %d bytes",
			       text_of(path), PATH_MAX - 1);
	memcpy(e->link, target, strlen(target) + 1);
	e->kind = ENTRY_SYMLINK;
	return 0;
}

static int plan_type(struct archive_entry *ae, struct entry *e, const char *path, struct err *err)
{
	const char *hardlink = archive_entry_hardlink(ae);
	mode_t type = archive_entry_filetype(ae);
	int r;

	if (hardlink) {
		e->kind = ENTRY_HARDLINK;
		r = normalise(hardlink, "its hard link to", e->link, err);
		if (r < 0)
			(void)err_wrap(err, r, "entry '%s'", text_of(path));
		return r;
	}
	switch (type) {
	case AE_IFREG:
		e->kind = ENTRY_FILE;
		return 0;
	case AE_IFDIR:
		e->kind = ENTRY_DIR;
		return 0;
	case AE_IFLNK:
		return plan_symlink(ae, e, path, err);
	case AE_IFCHR:
	case AE_IFBLK:
	case AE_IFIFO:
		e->kind = ENTRY_NODE;
		e->mode |= type;
		e->rdev = type == AE_IFIFO ? 0
					   : makedev(archive_entry_rdevmajor(ae),
						     archive_entry_rdevminor(ae));
		return 0;
	default:
		return err_set(err, -ENOTSUP, "entry '%s' is of a kind that is not known here",
			       text_of(path));
	}
}

/*
 * libarchive (3.6 to 3.8, pax_time()) applies the sign of a time to the seconds only: -1.25, which
 * is two seconds before the epoch and 750,000,000 ns after that, comes as -1 and 250,000,000.
 */
static struct timespec plan_time(int64_t sec, long nsec)
{
	if (sec < 0 && nsec > 0) {
		sec--;
		nsec = 1000000000 - nsec;
	}
	return (struct timespec){.tv_sec = sec, .tv_nsec = nsec};
}

static int plan_owner(struct archive_entry *ae, struct entry *e, const char *path, struct err *err)
{
	int64_t uid = archive_entry_uid(ae), gid = archive_entry_gid(ae);

	/* The highest number means "leave as it is" to chown(2). */
	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return err_set(err, -EBADMSG, "entry '%s' has an impossible owner", text_of(path));
	e->uid = (uint32_t)uid;
	e->gid = (uint32_t)gid;
	return 0;
}

int entry_plan(struct archive_entry *ae, struct entry *e, struct err *err)
{
	const char *path = archive_entry_pathname(ae);
	int r;

	if (!path)
		return err_set(err, -EBADMSG, "an entry has no name");
	r = normalise(path, "entry", e->parent, err);
	if (r < 0)
		return r;
	split(e);
	r = plan_whiteout(e, path, err);
	if (r != 0)
		return r < 0 ? r : 0;
	e->mode = archive_entry_perm(ae) & 07777;
	e->link[0] = '\0';
	e->size = archive_entry_size(ae);
	e->archive = ae;
	e->mtime = plan_time(archive_entry_mtime(ae), archive_entry_mtime_nsec(ae));
	e->atime = archive_entry_atime_is_set(ae)
			   ? plan_time(archive_entry_atime(ae), archive_entry_atime_nsec(ae))
			   : e->mtime;
	r = plan_owner(ae, e, path, err);
	if (r == 0)
		r = plan_type(ae, e, path, err);
	if (r == 0 && !*e->name && e->kind != ENTRY_DIR)
		return err_set(err, -EBADMSG, "the image's root is not a folder");
	if (r == 0 && e->kind == ENTRY_HARDLINK && !*e->link)
		return err_set(err, -EBADMSG, "entry '%s' is a hard link to the root",
			       text_of(path));
	return r;
}

int entry_blame(const struct entry *e, int r, struct err *err)
{
	if (r < 0)
		(void)err_wrap(err, r, "entry '%s%s%s'", text_of(e->parent), *e->parent ? "/" : "",
			       text_of(e->name));
	return r;
}
