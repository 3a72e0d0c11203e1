/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strv.h"

/* A page: what mount(2) takes at most. */
#define DATA_MAX   4096
#define MOUNTS_MAX 16
#define PLACE_MAX  32

/* Words that are no file system's. @clear: they take the flags away. */
static const struct {
	const char *word;
	unsigned long flags;
	bool clear;
} words[] = {
	{"async", MS_SYNCHRONOUS, true},   {"atime", MS_NOATIME, true},
	{"bind", MS_BIND, false},	   {"defaults", 0, false},
	{"dev", MS_NODEV, true},	   {"diratime", MS_NODIRATIME, true},
	{"dirsync", MS_DIRSYNC, false},	   {"exec", MS_NOEXEC, true},
	{"mand", MS_MANDLOCK, false},	   {"noatime", MS_NOATIME, false},
	{"nodev", MS_NODEV, false},	   {"nodiratime", MS_NODIRATIME, false},
	{"noexec", MS_NOEXEC, false},	   {"nomand", MS_MANDLOCK, true},
	{"norelatime", MS_RELATIME, true}, {"nostrictatime", MS_STRICTATIME, true},
	{"nosuid", MS_NOSUID, false},	   {"rbind", MS_BIND | MS_REC, false},
	{"relatime", MS_RELATIME, false},  {"ro", MS_RDONLY, false},
	{"rw", MS_RDONLY, true},	   {"strictatime", MS_STRICTATIME, false},
	{"suid", MS_NOSUID, true},	   {"sync", MS_SYNCHRONOUS, false},
};

/* Those that somebody else than the kernel would have to do. */
static const char *const refused[] = {"loop", "remount", "X-containerd."};

/**
 * struct request - one mount
 * @data: the words that are the file system's, with commas between them
 * @folder: that it is done in, so that names in @data are shorter; NULL: anywhere
 */
struct request {
	const char *type, *source;
	unsigned long flags;
	char *data, *folder;
};

static void request_done(struct request *r)
{
	free(take_ptr(r->data));
	free(take_ptr(r->folder));
}

static bool take_word(const char *word, unsigned long *flags)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(words[i].word, word) != 0)
			continue;
		*flags = words[i].clear ? *flags & ~words[i].flags : *flags | words[i].flags;
		return true;
	}
	return false;
}

static int check_word(const char *word, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (str_starts(word, refused[i]))
			return err_set(err, -ENOTSUP,
				       "rootfs: caisson does not know the mount option %.64s",
				       word);
	return 0;
}

static void read_request(const Containerd__Types__Mount *m, struct request *ret)
{
	*ret = (struct request){.type = m->type, .source = m->source, .data = xstrdup("")};
	for (size_t i = 0; i < m->n_options; i++) {
		char *old = ret->data;

		if (take_word(m->options[i], &ret->flags))
			continue;
		ret->data = xasprintf("%s%s%s", old, *old ? "," : "", m->options[i]);
		free(old);
	}
	/* On the host nothing of it is a program or a device. */
	ret->flags |= MS_NOSUID | MS_NODEV;
}

int mounts_check(Containerd__Types__Mount *const *mounts, size_t n, struct err *err)
{
	if (n > MOUNTS_MAX)
		return err_set(err, -EINVAL, "rootfs: more than %d mounts", MOUNTS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (strchr(mounts[i]->type, '/'))
			return err_set(err, -ENOTSUP,
				       "rootfs: caisson mounts nothing of the type %.64s",
				       mounts[i]->type);
		for (size_t k = 0; k < mounts[i]->n_options; k++)
			if (check_word(mounts[i]->options[k], err) < 0)
				return err->code;
	}
	return 0;
}

/* How much two paths have in common, up to a slash. */
static size_t common(const char *a, const char *b, size_t len)
{
	size_t last = 0;

	for (size_t i = 0; i < len && a[i] && a[i] == b[i]; i++)
		if (a[i] == '/')
			last = i + 1;
	return last;
}

/*
 * Images of many layers have more lower folders than a page takes by their whole names: all are in one folder of the
 * snapshotter's, from which they are named then.
 */
static void shorten(struct request *r)
{
	const char *lower = strstr(r->data, "lowerdir="), *first, *end;
	_cleanup_free_ char *rest = NULL, *list = NULL;
	size_t prefix;
	char *at;

	if (strcmp(r->type, "overlay") != 0 || !lower || (lower != r->data && lower[-1] != ',') ||
	    strchr(r->data, '\\'))
		return;
	first = lower + strlen("lowerdir=");
	end = first + strcspn(first, ",");
	prefix = strcspn(first, ":,");
	for (const char *p = first; p < end; p += strcspn(p, ":,") + 1)
		prefix = common(first, p, prefix);
	if (prefix <= 1 || *first != '/')
		return;
	list = xstrdup("");
	for (const char *p = first; p < end; p += strcspn(p, ":,") + 1) {
		char *old = list;

		list = xasprintf("%s%s%.*s", old, *old ? ":" : "", (int)(strcspn(p, ":,") - prefix),
				 p + prefix);
		free(old);
	}
	r->folder = xstrndup(first, prefix);
	rest = xstrdup(end);
	at = xasprintf("%.*s%s%s", (int)(first - r->data), r->data, list, rest);
	free(r->data);
	r->data = at;
}

/* Where a mount before it may have put a symbolic link. @ret: a path of what is there now, while the descriptor is open */
static int open_place(const char *root, const char *where, char ret[PLACE_MAX])
{
	_cleanup_close_ int top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = top < 0 ? -errno : path_open_in_root(top, *where ? where : "/", O_PATH, 0);

	(void)snprintf(ret, PLACE_MAX, "/proc/self/fd/%d", fd);
	return fd;
}

/* Flags of a bind count only when it is mounted once more. */
static int set_flags(const char *root, const char *where, const struct request *r)
{
	char place[PLACE_MAX];
	_cleanup_close_ int fd = open_place(root, where, place);

	if (fd < 0)
		return fd;
	return mount(NULL, place, NULL, MS_REMOUNT | MS_BIND | (r->flags & ~MS_REC), NULL) < 0
		       ? -errno
		       : 0;
}

static int do_mount(const char *root, const char *where, const struct request *r)
{
	char place[PLACE_MAX];
	_cleanup_close_ int fd = open_place(root, where, place);

	if (fd < 0)
		return fd;
	if (r->folder && chdir(r->folder) < 0)
		return -errno;
	if (mount(r->source, place, r->type, r->flags, *r->data ? r->data : NULL) < 0)
		return -errno;
	return r->flags & MS_BIND ? set_flags(root, where, r) : 0;
}

static int make_one(const Containerd__Types__Mount *m, const char *target, struct err *err)
{
	struct request request;
	int r;

	read_request(m, &request);
	if (strlen(request.data) >= DATA_MAX)
		shorten(&request);
	r = strlen(request.data) < DATA_MAX ? do_mount(target, m->target, &request) : -E2BIG;
	if (r < 0)
		(void)err_errno(err, r, "rootfs: cannot mount %.256s, of the type %.64s", m->source,
				m->type);
	request_done(&request);
	return r;
}

int mounts_make(Containerd__Types__Mount *const *mounts, size_t n, const char *target,
		struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = make_one(mounts[i], target, err);
	/* Names may have been shortened. */
	return chdir("/") < 0 && r == 0 ? err_errno(err, -errno, "cannot enter /") : r;
}
