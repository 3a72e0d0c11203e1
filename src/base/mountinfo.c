/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

#define TABLE	  "/proc/self/mountinfo"
#define TABLE_MAX (64u << 20)

/* "ID PARENT DEV ROOT POINT OPTIONS [...] - TYPE SOURCE OPTIONS" */
enum { ID, POINT = 4, OPTIONS, FIELDS };

void mountinfo_unescape(char *s)
{
	char *to = s;

	while (*s) {
		unsigned int c;

		if (s[0] == '\\' && strspn(s + 1, "01234567") >= 3 &&
		    sscanf(s + 1, "%3o", &c) == 1) {
			*to++ = (char)c;
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

static bool is_below(const char *point, const char *path)
{
	size_t len = strcmp(path, "/") == 0 ? 0 : strlen(path);

	return strncmp(point, path, len) == 0 && point[len] == '/' && point[len + 1];
}

static void take_options(char *options, struct mountinfo *ret)
{
	char *word;

	while ((word = strsep(&options, ","))) {
		ret->readonly |= strcmp(word, "ro") == 0;
		ret->noexec |= strcmp(word, "noexec") == 0;
	}
}

/* Return: whether it is that of @ret's number. */
static bool take_line(char *line, const char *path, struct mountinfo *ret)
{
	char *fields[FIELDS];

	for (size_t i = 0; i < FIELDS; i++)
		if (!(fields[i] = strsep(&line, " ")))
			return false;
	mountinfo_unescape(fields[POINT]);
	ret->inside |= is_below(fields[POINT], path);
	if (strtoull(fields[ID], NULL, 10) != ret->id)
		return false;
	take_options(fields[OPTIONS], ret);
	return true;
}

static int path_of(int fd, char ret[PATH_MAX])
{
	char link[32];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, ret, PATH_MAX);
	if (n < 0 || n == PATH_MAX)
		return n < 0 ? -errno : -ENAMETOOLONG;
	ret[n] = '\0';
	return 0;
}

int mountinfo_find(int fd, struct mountinfo *ret)
{
	_cleanup_free_ char *table = NULL;
	char path[PATH_MAX], *at, *line;
	bool found = false;
	struct statx st;
	int r;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &st) < 0)
		return -errno;
	r = path_of(fd, path);
	if (r == 0)
		r = file_slurp_at(AT_FDCWD, TABLE, TABLE_MAX, &table, NULL);
	if (r < 0)
		return r;
	*ret = (struct mountinfo){.id = st.stx_mnt_id};
	at = table;
	while ((line = strsep(&at, "\n")))
		found |= take_line(line, path, ret);
	return found ? 0 : -ENOENT;
}
