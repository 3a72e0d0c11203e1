/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "image/store.h"

/*
 * What a name or a file meant when it was last looked at. A file here is one line of text. It may
 * be lost or cut short by a power failure: whatever cannot be read is the same as not there.
 */

#define LINE_MAX_LEN 8192

/* File systems keep times as coarse as this (FAT: 2 s); most are far finer. */
#define TIME_GRAIN_SEC 3

/* Written in tmp/, so that a writer who is killed leaves nothing that stays. */
int store_write_line(const struct store *s, const char *path, const char *line)
{
	_cleanup_store_tmp_ struct store_tmp tmp = STORE_TMP_NULL;
	_cleanup_close_ int fd = -EBADF;
	int r = store_tmp_new(s, &tmp, NULL);

	if (r < 0)
		return r;
	fd = openat(tmp.fd, "line", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = fd_write_full(fd, line, strlen(line));
	if (r == 0 && renameat(tmp.fd, "line", s->fd, path) < 0)
		r = -errno;
	return r;
}

int store_read_line(const struct store *s, const char *path, char **ret)
{
	return file_slurp_at(s->fd, path, LINE_MAX_LEN, ret, NULL);
}

/* A reference has no '+', and a name no '/'. */
void store_ref_path(const char *name, char path[NAME_MAX + 1])
{
	(void)snprintf(path, NAME_MAX + 1, "refs/%s", name);
	for (char *p = path + 5; *p; p++)
		if (*p == '/')
			*p = '+';
}

int store_get_ref(const struct store *s, const char *name, struct digest *ret)
{
	_cleanup_free_ char *line = NULL;
	char path[NAME_MAX + 1];

	store_ref_path(name, path);
	if (store_read_line(s, path, &line) < 0)
		return -ENOENT;
	line[strcspn(line, "\n")] = '\0';
	return digest_parse(line, ret) < 0 ? -ENOENT : 0;
}

int store_set_ref(const struct store *s, const char *name, const struct digest *id)
{
	_cleanup_free_ char *line = xasprintf("%s\n", id->text);
	char path[NAME_MAX + 1];

	store_ref_path(name, path);
	return store_write_line(s, path, line);
}

uint64_t store_hash(const char *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return h;
}

int store_look(int fd, const struct reference *ref, struct store_file *ret)
{
	struct timespec now;
	struct stat st;

	if (fstat(fd, &st) < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0)
		return -errno;
	(void)snprintf(ret->key, sizeof(ret->key), "index/%d-%llx-%llx-%llx", (int)ref->transport,
		       (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
		       (unsigned long long)store_hash(ref->tag ? ref->tag : ""));
	ret->state[0] = '\0';
	if (st.st_ctim.tv_sec + TIME_GRAIN_SEC > now.tv_sec)
		return 0;
	(void)snprintf(ret->state, sizeof(ret->state), "%lld %lld.%09ld %lld.%09ld",
		       (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
		       (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	return 0;
}

/* The tag stands in full: its hash in the key may be another's, too. */
static char *file_line(const struct store_file *f, const struct reference *ref)
{
	return xasprintf("%s %s ", f->state, ref->tag ? ref->tag : "");
}

int store_get_file(const struct store *s, const struct store_file *f, const struct reference *ref,
		   struct digest *ret)
{
	_cleanup_free_ char *line = NULL, *want = file_line(f, ref);
	size_t len = strlen(want);

	if (!*f->state || store_read_line(s, f->key, &line) < 0)
		return -ENOENT;
	if (strncmp(line, want, len) != 0 || strlen(line) != len + DIGEST_TEXT_LEN + 1)
		return -ENOENT;
	line[len + DIGEST_TEXT_LEN] = '\0';
	return digest_parse(line + len, ret) < 0 ? -ENOENT : 0;
}

void store_set_file(const struct store *s, const struct store_file *f, const struct reference *ref,
		    const struct digest *id)
{
	_cleanup_free_ char *prefix = file_line(f, ref), *line = NULL;

	if (!*f->state)
		return;
	line = xasprintf("%s%s\n", prefix, id->text);
	/* It only saves time: where it cannot be written, the archive is read again. */
	(void)store_write_line(s, f->key, line);
}
