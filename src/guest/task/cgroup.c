/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/task/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mount.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/parse.h"

/* Groups of a container that others of its name, on their way out, still have. */
#define SPARES_MAX 9

/* Groups that a container may make in its own. */
#define DESCENDANTS_MAX "256"
#define DEPTH_MAX	"16"

/* Those of the kernel's that containers are given, if the kernel has them. */
static const char *const controllers[] = {"cpu", "cpuset", "io", "memory", "pids"};

static int mount_cgroup2(void)
{
	_cleanup_close_ int fs = (int)syscall(SYS_fsopen, "cgroup2", FSOPEN_CLOEXEC);
	int fd;

	if (fs < 0)
		return -errno;
	/* The limits of a container are not its own to change, whatever it may mount. */
	(void)syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "nsdelegate", NULL, 0);
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
			  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return fd < 0 ? -errno : fd;
}

static int write_file(int dir, const char *file, const char *value)
{
	_cleanup_close_ int fd = openat(dir, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

static ssize_t read_fd(int fd, char *buf, size_t size)
{
	ssize_t n = pread(fd, buf, size - 1, 0);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

static ssize_t read_file(int dir, const char *file, char *buf, size_t size)
{
	_cleanup_close_ int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : read_fd(fd, buf, size);
}

/* "+cpu +memory": one write for all, which either takes effect as a whole or not. */
static int delegate(struct cgroups *cgroups)
{
	char have[CGROUP_CONTROLLERS_MAX], want[CGROUP_CONTROLLERS_MAX] = "";
	ssize_t n = read_file(cgroups->root, "cgroup.controllers", have, sizeof(have));
	size_t at = 0, listed = 0;
	int r;

	if (n < 0)
		return (int)n;
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
		const char *gap = at ? " " : "";

		if (!str_has_word(have, " \n", controllers[i], strlen(controllers[i])))
			continue;
		at += (size_t)sprintf(want + at, "%s+%s", gap, controllers[i]);
		listed +=
			(size_t)sprintf(cgroups->controllers + listed, "%s%s", gap, controllers[i]);
	}
	r = at ? write_file(cgroups->root, "cgroup.subtree_control", want) : 0;
	if (r < 0)
		cgroups->controllers[0] = '\0';
	return r;
}

int cgroups_init(struct cgroups *cgroups)
{
	cgroups->root = mount_cgroup2();
	return cgroups->root < 0 ? cgroups->root : delegate(cgroups);
}

void cgroup_init(struct cgroup *cgroup)
{
	*cgroup = (struct cgroup){
		.dir = -EBADF,
		.events_fd = -EBADF,
		.memory_fd = -EBADF,
		.events_io = LOOP_IO_NULL,
		.memory_io = LOOP_IO_NULL,
	};
}

/* "~" is in no id. */
static void make_name(char name[ABI_ID_MAX + 4], const char *id, unsigned int spare)
{
	if (spare == 0)
		(void)snprintf(name, ABI_ID_MAX + 4, "%s", id);
	else
		(void)snprintf(name, ABI_ID_MAX + 4, "%s~%u", id, spare);
}

/*
 * A container that could not be made is gone for its host before its last process has exited, and
 * until then so is not its group: one of the same name gets a spare one meanwhile.
 */
int cgroup_make(struct cgroup *cgroup, const struct cgroups *cgroups, const char *id, bool exact)
{
	char name[ABI_ID_MAX + 4];
	int r = -EEXIST;

	if (cgroups->root < 0)
		return -ENODEV;
	for (unsigned int spare = 0; r == -EEXIST && spare <= (exact ? 0 : SPARES_MAX); spare++) {
		make_name(name, id, spare);
		(void)unlinkat(cgroups->root, name, AT_REMOVEDIR);
		r = mkdirat(cgroups->root, name, 0755) < 0 ? -errno : 0;
		cgroup->spare = spare;
	}
	if (r < 0)
		return r;
	cgroup->dir = openat(cgroups->root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (cgroup->dir < 0) {
		r = -errno;
		(void)unlinkat(cgroups->root, name, AT_REMOVEDIR);
		return r;
	}
	/* We walk over what is below: it must not be without end. */
	(void)write_file(cgroup->dir, "cgroup.max.descendants", DESCENDANTS_MAX);
	(void)write_file(cgroup->dir, "cgroup.max.depth", DEPTH_MAX);
	return 0;
}

static void stop_watching(struct loop_io *io, int *fd)
{
	loop_io_stop(io);
	*fd = fd_close(*fd);
}

void cgroup_remove(struct cgroup *cgroup, const struct cgroups *cgroups, const char *id)
{
	char name[ABI_ID_MAX + 4];

	if (cgroup->dir < 0)
		return;
	stop_watching(&cgroup->events_io, &cgroup->events_fd);
	stop_watching(&cgroup->memory_io, &cgroup->memory_fd);
	cgroup->dir = fd_close(cgroup->dir);
	make_name(name, id, cgroup->spare);
	(void)unlinkat(cgroups->root, name, AT_REMOVEDIR);
}

ssize_t cgroup_read(const struct cgroup *cgroup, const char *file, char *buf, size_t size)
{
	return read_file(cgroup->dir, file, buf, size);
}

int cgroup_write(const struct cgroup *cgroup, const char *file, const char *value)
{
	return write_file(cgroup->dir, file, value);
}

char *cgroup_line(char **text, char **ret_value)
{
	char *line = strsep(text, "\n");

	if (!line || !*line)
		return NULL;
	*ret_value = line + strcspn(line, " ");
	if (**ret_value)
		*(*ret_value)++ = '\0';
	return line;
}

/* Return: the number beside @name in a file of "NAME VALUE" lines, 0 if it is not there. */
static uint64_t read_number(int fd, const char *name)
{
	char buf[512], *at = buf, *value, *line;

	if (read_fd(fd, buf, sizeof(buf)) < 0)
		return 0;
	while ((line = cgroup_line(&at, &value)))
		if (strcmp(line, name) == 0)
			return strtoull(value, NULL, 10);
	return 0;
}

static int watch(struct cgroup *cgroup, struct loop *loop, const char *file, struct loop_io *io,
		 int *fd, void (*callback)(struct loop_io *io, uint32_t revents))
{
	int r;

	if (*fd >= 0)
		return 0;
	*fd = openat(cgroup->dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*fd < 0)
		return -errno;
	/* A change is an exceptional condition until the file is read again (kernfs_notify()). */
	r = loop_io_start(loop, io, *fd, EPOLLPRI, callback);
	if (r < 0)
		*fd = fd_close(*fd);
	return r;
}

static void memory_changed(struct loop_io *io, uint32_t revents _unused_)
{
	struct cgroup *cgroup = container_of(io, struct cgroup, memory_io);
	uint64_t kills = read_number(cgroup->memory_fd, "oom_kill");

	if (kills <= cgroup->oom_kills)
		return;
	cgroup->oom_kills = kills;
	cgroup->oom(cgroup);
}

int cgroup_watch(struct cgroup *cgroup, struct loop *loop)
{
	int r = watch(cgroup, loop, "memory.events", &cgroup->memory_io, &cgroup->memory_fd,
		      memory_changed);

	if (r == 0)
		cgroup->oom_kills = read_number(cgroup->memory_fd, "oom_kill");
	return r;
}

static void events_changed(struct loop_io *io, uint32_t revents _unused_)
{
	struct cgroup *cgroup = container_of(io, struct cgroup, events_io);

	if (read_number(cgroup->events_fd, "frozen") == 0)
		return;
	stop_watching(&cgroup->events_io, &cgroup->events_fd);
	cgroup->frozen(cgroup);
}

int cgroup_freeze(struct cgroup *cgroup, struct loop *loop)
{
	int r = watch(cgroup, loop, "cgroup.events", &cgroup->events_io, &cgroup->events_fd,
		      events_changed);

	if (r == 0)
		r = write_file(cgroup->dir, "cgroup.freeze", "1");
	if (r < 0)
		stop_watching(&cgroup->events_io, &cgroup->events_fd);
	return r;
}

int cgroup_thaw(struct cgroup *cgroup)
{
	stop_watching(&cgroup->events_io, &cgroup->events_fd);
	return write_file(cgroup->dir, "cgroup.freeze", "0");
}
