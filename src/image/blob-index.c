/* SPDX-License-Identifier: Apache-2.0 */
#include "image/blob-index.h"

#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "image/tarfile.h"

#define LINKS_MAX 8

void blob_index_free(struct blob_entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(entries[i].name);
		free(entries[i].link);
	}
	free(entries);
}

void blob_index_normalise(char *name)
{
	char *out = name, *p = name;

	while (*p) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.') {
			while (out > name && *--out != '/')
				;
		} else if (n > 0 && !(n == 1 && p[0] == '.')) {
			if (out > name)
				*out++ = '/';
			memmove(out, p, n);
			out += n;
		}
		p += n;
		if (*p)
			p++;
	}
	*out = '\0';
}

/* A symbolic link's target counts from the folder that the link is in. */
static char *link_target(const char *name, const char *target)
{
	const char *slash = strrchr(name, '/');

	if (*target == '/' || !slash)
		return xstrdup(target);
	return xasprintf("%.*s/%s", (int)(slash - name), name, target);
}

static bool fits(const char *name)
{
	return strnlen(name, PATH_MAX) < PATH_MAX;
}

/* Sets @e->name where the entry can be a blob or stand for one. */
static void take_entry(struct blob_entry *e, struct archive *a, struct archive_entry *entry)
{
	const char *name = archive_entry_pathname(entry);
	const char *hardlink = archive_entry_hardlink(entry), *target = hardlink;
	mode_t type = archive_entry_filetype(entry);

	*e = (struct blob_entry){.offset = archive_read_header_position(a)};
	if (!target && type == AE_IFLNK)
		target = archive_entry_symlink(entry);
	if (!name || !fits(name) || (target && !fits(target)) || (!target && type != AE_IFREG))
		return;
	if (target)
		e->link = hardlink ? xstrdup(target) : link_target(name, target);
	e->name = xstrdup(name);
	blob_index_normalise(e->name);
	if (e->link)
		blob_index_normalise(e->link);
}

static size_t length(const char *s)
{
	return s ? strlen(s) : 0;
}

/* What is left out counts, too: it takes its time. */
static int read_entries(struct archive *a, struct tar_header *h,
			const volatile sig_atomic_t *cancel, struct blob_entry *entries, size_t *n,
			struct err *err)
{
	struct archive_entry *entry;
	size_t bytes = 0, seen = 0;
	int r;

	while ((r = tarfile_next(a, h, &entry)) != ARCHIVE_EOF) {
		if (cancel && *cancel)
			return err_set(err, -EINTR, "interrupted");
		/* A warning is about a name that is not ASCII; blobs have none of those. */
		if (r < ARCHIVE_WARN)
			return tarfile_error(a, "the archive", err);
		if (seen++ == BLOB_ENTRIES_MAX)
			return err_set(err, -EFBIG, "the archive has more than %d entries",
				       BLOB_ENTRIES_MAX);
		bytes += length(archive_entry_pathname(entry)) +
			 length(archive_entry_hardlink(entry)) +
			 length(archive_entry_symlink(entry));
		if (bytes > BLOB_NAMES_MAX)
			return err_set(err, -EFBIG,
				       "the names in the archive have more than %u bytes",
				       BLOB_NAMES_MAX);
		take_entry(&entries[*n], a, entry);
		*n += entries[*n].name != NULL;
	}
	return 0;
}

int blob_index_read(int fd, const volatile sig_atomic_t *cancel, struct blob_entry **ret,
		    size_t *ret_n, struct err *err)
{
	struct blob_entry *entries = xcalloc(BLOB_ENTRIES_MAX + 1, sizeof(*entries));
	struct archive *a = tarfile_new();
	struct tar_file *file = NULL;
	size_t n = 0;
	int r = tarfile_open_fd(a, fd, 0, &file, err);

	if (r == 0)
		r = read_entries(a, &file->header, cancel, entries, &n, err);
	tarfile_free(a);
	tarfile_close_fd(file);
	if (r < 0) {
		blob_index_free(entries, n);
		return r;
	}
	*ret = entries;
	*ret_n = n;
	return 0;
}

/* The last of several entries of a name counts, as when a tar is unpacked. */
static const struct blob_entry *find(const struct blob_entry *entries, size_t n, const char *name)
{
	while (n-- > 0)
		if (strcmp(entries[n].name, name) == 0)
			return &entries[n];
	return NULL;
}

const struct blob_entry *blob_index_find(const struct blob_entry *entries, size_t n,
					 const char *name)
{
	_cleanup_free_ char *wanted = xstrdup(name);
	const struct blob_entry *e;

	blob_index_normalise(wanted);
	e = find(entries, n, wanted);
	for (int i = 0; e && e->link && i < LINKS_MAX; i++)
		e = find(entries, n, e->link);
	return e && !e->link ? e : NULL;
}
