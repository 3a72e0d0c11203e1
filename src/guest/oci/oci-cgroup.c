/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/oci/oci-cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "guest/mount/root.h"

#define DEPTH_MAX 16 /* of groups that a container makes in its own */

static int open_group(const char *id)
{
	char path[sizeof(ROOT_CGROUP) + ABI_ID_MAX + 2];
	int fd;

	(void)snprintf(path, sizeof(path), ROOT_CGROUP "/%s", id);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int read_pids(int group, pid_t *ret, int max)
{
	int fd = openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC), n = 0;
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	char line[16];

	while (file && n < max && fgets(line, sizeof(line), file))
		ret[n++] = (pid_t)strtol(line, NULL, 10);
	if (file)
		(void)fclose(file);
	else
		fd_close(fd);
	return n;
}

/* @group is closed. Only folders are groups. */
static int walk(int group, pid_t *ret, int max, int depth)
{
	int n = read_pids(group, ret, max);
	DIR *dir = fdopendir(group);
	struct dirent *entry;

	if (!dir) {
		fd_close(group);
		return n;
	}
	while (depth < DEPTH_MAX && n < max && (entry = readdir(dir))) {
		int fd = entry->d_type == DT_DIR && *entry->d_name != '.'
				 ? openat(dirfd(dir), entry->d_name,
					  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
				 : -EBADF;

		if (fd >= 0)
			n += walk(fd, ret + n, max - n, depth + 1);
	}
	(void)closedir(dir);
	return n;
}

int oci_cgroup_pids(const struct cgroup *cgroup, pid_t *ret, int max)
{
	int group = openat(cgroup->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return group < 0 ? 0 : walk(group, ret, max, 0);
}

static void remove_below(int group, int depth)
{
	DIR *dir = fdopendir(group);
	struct dirent *entry;

	while (dir && depth < DEPTH_MAX && (entry = readdir(dir))) {
		int fd;

		if (entry->d_type != DT_DIR || *entry->d_name == '.')
			continue;
		fd = openat(dirfd(dir), entry->d_name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			remove_below(fd, depth + 1);
		(void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	}
	if (dir)
		(void)closedir(dir);
	else
		fd_close(group);
}

void oci_cgroup_remove(const char *id)
{
	char path[sizeof(ROOT_CGROUP) + ABI_ID_MAX + 2];
	int group = open_group(id);

	if (group < 0)
		return;
	remove_below(group, 0);
	(void)snprintf(path, sizeof(path), ROOT_CGROUP "/%s", id);
	(void)rmdir(path);
}
