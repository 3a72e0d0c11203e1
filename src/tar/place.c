/* SPDX-License-Identifier: Apache-2.0 */
#include "tar/place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)
#define LINKS_MAX    40 /* as many as the kernel follows */

bool tar_place_is_content(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *last = slash ? slash + 1 : path;

	return !*last || !strcmp(last, ".") || !strcmp(last, "..");
}

int tar_place_open(char *path, const char **ret_name)
{
	char *slash = strrchr(path, '/');
	int fd;

	if (tar_place_is_content(path)) {
		*ret_name = ".";
		fd = open(path, FOLDER_FLAGS);
	} else if (slash) {
		*ret_name = slash + 1;
		*slash = '\0';
		fd = open(slash == path ? "/" : path, FOLDER_FLAGS);
		*slash = '/';
	} else {
		*ret_name = path;
		fd = open(".", FOLDER_FLAGS);
	}
	return fd < 0 ? -errno : fd;
}

static int follow_one(char path[PATH_MAX])
{
	char target[PATH_MAX];
	char *slash = strrchr(path, '/');
	size_t folder = slash ? (size_t)(slash + 1 - path) : 0;
	ssize_t n = readlink(path, target, sizeof(target));

	if (n <= 0)
		return n < 0 ? -errno : -ENOENT;
	if (target[0] == '/')
		folder = 0;
	if (folder + (size_t)n >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(path + folder, target, (size_t)n);
	path[folder + (size_t)n] = '\0';
	return 0;
}

int tar_place_follow(char path[PATH_MAX])
{
	struct stat st;
	int r = 0;

	for (int i = 0; r == 0 && lstat(path, &st) == 0 && S_ISLNK(st.st_mode); i++)
		r = i < LINKS_MAX ? follow_one(path) : -ELOOP;
	return r;
}
