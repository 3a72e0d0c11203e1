/* SPDX-License-Identifier: Apache-2.0 */
#include "base/user.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/parse.h"

#define ID_MAX	   INT32_MAX
#define FIELDS_MAX 7
#define LINE_BUF   65536

/* A file read line by line; lines that do not fit the buffer are skipped whole. */
struct lines {
	int fd;
	bool eof, skipping;
	size_t start, end, left;
	char buf[LINE_BUF];
};

/* Made anew for each file: nothing of the one before is relied on. */
static struct lines lines;

static void lines_init(int fd)
{
	lines.fd = fd;
	lines.eof = fd < 0;
	lines.skipping = false;
	lines.start = lines.end = 0;
	lines.left = USER_FILE_MAX;
}

/* More bytes behind those that are there. Return: 0 or negative errno. */
static int lines_fill(void)
{
	ssize_t n;

	if (lines.start > 0) {
		memmove(lines.buf, lines.buf + lines.start, lines.end - lines.start);
		lines.end -= lines.start;
		lines.start = 0;
	}
	if (lines.end == sizeof(lines.buf) - 1) {
		lines.skipping = true;
		lines.end = 0;
	}
	n = fd_read_full(lines.fd, lines.buf + lines.end, sizeof(lines.buf) - 1 - lines.end);
	if (n < 0)
		return (int)n;
	if ((size_t)n > lines.left)
		return -EFBIG;
	lines.left -= (size_t)n;
	lines.eof = n == 0;
	lines.end += (size_t)n;
	return 0;
}

/* Return: 1 with a line, 0 at the end, or negative errno. */
static int lines_next(char **ret)
{
	char *line, *end;
	bool skip;
	int r;

	for (;;) {
		line = lines.buf + lines.start;
		end = memchr(line, '\n', lines.end - lines.start);
		if (!end && !lines.eof) {
			r = lines_fill();
			if (r < 0)
				return r;
			continue;
		}
		if (!end && lines.start == lines.end)
			return 0;
		if (!end)
			end = lines.buf + lines.end;
		*end = '\0';
		lines.start = MIN((size_t)(end - lines.buf) + 1, lines.end);
		skip = lines.skipping;
		lines.skipping = false;
		if (skip)
			continue;
		*ret = line;
		return 1;
	}
}

/* Cut at the colons; the last field keeps those that are left. Return: number of fields. */
static size_t split(char *line, char *fields[FIELDS_MAX])
{
	size_t n = 0;

	while (line && n < FIELDS_MAX) {
		fields[n++] = line;
		line = strchr(line, ':');
		if (line)
			*line++ = '\0';
	}
	return n;
}

/* A name or a number, as given by the user. */
struct wanted {
	const char *name;
	bool is_number;
	uint32_t number;
};

/* Return: 0 or USER_E_RANGE. */
static int wanted_parse(const char *name, struct wanted *ret)
{
	size_t digits = strspn(name, "0123456789");

	ret->name = name;
	ret->number = 0;
	ret->is_number = digits > 0 && name[digits] == '\0';
	if (ret->is_number && parse_u32(name, 0, ID_MAX, &ret->number) < 0)
		return USER_E_RANGE;
	return 0;
}

static bool wanted_match(const struct wanted *wanted, const char *name, uint32_t number)
{
	return wanted->is_number ? wanted->number == number : strcmp(wanted->name, name) == 0;
}

/* passwd(5): name:password:uid:gid:gecos:home:shell. Fills @user. Return: as user_lookup(). */
static int find_user(const struct wanted *wanted, int fd, struct user *user, char *name,
		     size_t name_size)
{
	char *line, *field[FIELDS_MAX];
	uint32_t uid, gid;
	int r;

	lines_init(fd);
	while ((r = lines_next(&line)) > 0) {
		if (split(line, field) < 6 || parse_u32(field[2], 0, ID_MAX, &uid) < 0 ||
		    parse_u32(field[3], 0, ID_MAX, &gid) < 0)
			continue;
		if (!wanted_match(wanted, field[0], uid) || strlen(field[0]) >= name_size)
			continue;
		user->uid = uid;
		user->gid = gid;
		strcpy(name, field[0]);
		if (field[5][0] && strlen(field[5]) < sizeof(user->home))
			strcpy(user->home, field[5]);
		return 0;
	}
	if (r < 0)
		return r;
	if (!wanted->is_number)
		return USER_E_NO_USER;
	user->uid = wanted->number;
	return 0;
}

static bool is_member(char *members, const char *name)
{
	char *rest = members, *member;

	while ((member = strsep(&rest, ",")))
		if (strcmp(member, name) == 0)
			return true;
	return false;
}

/* group(5): name:password:gid:members. Return: 1 with the fields, 0 at the end, negative errno. */
static int next_group(char *field[FIELDS_MAX], uint32_t *ret_gid)
{
	char *line;
	int r;

	while ((r = lines_next(&line)) > 0)
		if (split(line, field) == 4 && parse_u32(field[2], 0, ID_MAX, ret_gid) == 0)
			return 1;
	return r;
}

static int find_group(const struct wanted *wanted, int fd, struct user *user)
{
	char *field[FIELDS_MAX];
	uint32_t gid;
	int r;

	lines_init(fd);
	while ((r = next_group(field, &gid)) > 0)
		if (wanted_match(wanted, field[0], gid)) {
			user->gid = gid;
			return 0;
		}
	if (r < 0)
		return r;
	if (!wanted->is_number)
		return USER_E_NO_GROUP;
	user->gid = wanted->number;
	return 0;
}

static int find_supplementary(const char *name, int fd, struct user *user)
{
	char *field[FIELDS_MAX];
	uint32_t gid;
	int r;

	lines_init(fd);
	while (user->n_groups < ARRAY_SIZE(user->groups) && (r = next_group(field, &gid)) > 0)
		if (gid != user->gid && is_member(field[3], name))
			user->groups[user->n_groups++] = gid;
	return user->n_groups < ARRAY_SIZE(user->groups) ? r : 0;
}

int user_lookup(const char *spec, int passwd_fd, int group_fd, struct user *ret)
{
	struct wanted user, group = {.name = ""};
	char part[256], name[256] = "", *colon;
	int r;

	if (strlen(spec) >= sizeof(part))
		return USER_E_NO_USER;
	strcpy(part, spec);
	colon = strchr(part, ':');
	if (colon)
		*colon++ = '\0';
	ret->uid = 0;
	ret->gid = 0;
	ret->n_groups = 0;
	strcpy(ret->home, "/");

	r = wanted_parse(part[0] ? part : "0", &user);
	if (r == 0 && colon)
		r = wanted_parse(colon, &group);
	if (r == 0)
		r = find_user(&user, passwd_fd, ret, name, sizeof(name));
	if (r != 0)
		return r;
	if (group.name[0])
		r = find_group(&group, group_fd, ret);
	ret->groups[ret->n_groups++] = ret->gid;
	if (r == 0 && name[0] && !group.name[0])
		r = find_supplementary(name, group_fd, ret);
	return r;
}
