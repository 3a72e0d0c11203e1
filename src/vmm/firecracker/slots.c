/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/firecracker/slots.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "vmm/firecracker/plan.h"

#define SECTOR	    512
#define SLOTS_TMPFS "mode=0755,size=1m,nr_inodes=64"

/* A device's node, beside the file that it is mounted on. */
#define NODE "device"

static void name_of(char buf[32], const char *prefix, size_t i)
{
	(void)snprintf(buf, 32, "%s%zu", prefix, i);
}

/* Whoever has it open reads what is mounted here later: its copy in the jail is told of that. */
static int mount_folder(const char *path)
{
	if (mount("slots", path, "tmpfs", MS_NOSUID | MS_NOEXEC, SLOTS_TMPFS) < 0)
		return -errno;
	return mount(NULL, path, NULL, MS_SHARED, NULL) < 0 ? -errno : 0;
}

static int make_file(const struct fc_slots *s, size_t i)
{
	_cleanup_close_ int fd = -EBADF;
	char name[32];

	name_of(name, "", i);
	fd = openat(s->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, SECTOR) < 0)
		return -errno;
	return s->jail.uid && fchown(fd, s->jail.uid, s->jail.gid) < 0 ? -errno : 0;
}

static int make(struct fc_slots *s)
{
	int r = mkdir(s->path, 0700) < 0 ? -errno : 0;

	if (r == 0 && s->jail.uid)
		r = mount_folder(s->path);
	if (r < 0)
		return r;
	s->dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (s->dir < 0)
		return -errno;
	for (size_t i = 0; r == 0 && i < fc_slots_count(s); i++)
		r = make_file(s, i);
	return r;
}

int fc_slots_make(const struct vmm_spec *spec, struct fc_slots *s, struct err *err)
{
	int r;

	s->count = spec->slots;
	if (fc_slots_count(s) == 0)
		return 0;
	if (spec->jail)
		s->jail = *spec->jail;
	s->path = path_join(spec->run_dir, FC_SLOTS_FOLDER);
	r = make(s);
	return r < 0 ? err_errno(err, r, "cannot make placeholders for disks in %s", s->path) : 0;
}

int fc_slots_tree(const struct fc_slots *s)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC};
	_cleanup_close_ int tree = (int)syscall(
		SYS_open_tree, s->dir, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	if (tree < 0 ||
	    syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -errno;
	return take_fd(tree);
}

/*
 * A device that is only read stays root's: a mount that is read-only keeps nobody from writing to one.
 *
 * Return: a descriptor of a node for the device in the folder, which nobody but us can write to.
 */
static int make_node(const struct fc_slots *s, size_t i, const struct vmm_disk *disk)
{
	const mode_t mode = disk->readonly ? 0444 : 0600;
	struct stat st;
	char name[32];
	int fd;

	name_of(name, NODE, i);
	(void)unlinkat(s->dir, name, 0);
	if (fstat(disk->fd, &st) < 0 || mknodat(s->dir, name, S_IFBLK | mode, st.st_rdev) < 0 ||
	    fchmodat(s->dir, name, mode, 0) < 0)
		return -errno;
	if (!disk->readonly &&
	    fchownat(s->dir, name, s->jail.uid, s->jail.gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	fd = openat(s->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int put(const struct fc_slots *s, size_t i, int tree, const struct vmm_disk *disk,
	       struct err *err)
{
	_cleanup_close_ int target = -EBADF;
	char name[32];

	name_of(name, "", i);
	target = openat(s->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0 || syscall(SYS_move_mount, tree, "", target, "",
				  MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_errno(err, -errno, "cannot put %s into the jail", disk->serial);
	return 0;
}

static int mount_disk(const struct fc_slots *s, size_t i, const struct vmm_disk *disk,
		      struct err *err)
{
	_cleanup_close_ int node = disk->device ? make_node(s, i, disk) : -EBADF;
	struct fc_seen seen = {.tree = -EBADF};
	int r;

	if (disk->device && node < 0)
		return err_errno(err, node, "cannot make a node of %s", disk->serial);
	r = fc_jail_see(&seen, disk->device ? node : disk->fd, &s->jail, disk->readonly,
			disk->serial, err);
	if (r == 0)
		r = put(s, i, seen.tree, disk, err);
	fd_close(seen.tree);
	return r;
}

char *fc_slots_path(const struct fc_slots *s, size_t i)
{
	return s->jail.uid ? xasprintf(FC_JAIL_SLOTS "/%zu", i) : xasprintf("%s/%zu", s->path, i);
}

int fc_slots_fill(const struct fc_slots *s, size_t i, const struct vmm_disk *disk, char **ret_path,
		  struct err *err)
{
	int r = s->jail.uid ? mount_disk(s, i, disk, err) : 0;

	if (r < 0)
		return r;
	*ret_path = s->jail.uid ? fc_slots_path(s, i)
				: xasprintf("/proc/%d/fd/%d", (int)getpid(), disk->fd);
	return 0;
}

/* Firecracker has it open still: it is gone from where it was all the same. */
void fc_slots_clear(const struct fc_slots *s, size_t i)
{
	char path[64], name[32];

	if (!s->jail.uid)
		return;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%zu", s->dir, i);
	(void)umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
	name_of(name, NODE, i);
	(void)unlinkat(s->dir, name, 0);
}

void fc_slots_done(struct fc_slots *s)
{
	if (!s->path)
		return;
	for (size_t i = 0; s->dir >= 0 && i < fc_slots_count(s) && !s->jail.uid; i++) {
		char name[32];

		name_of(name, "", i);
		(void)unlinkat(s->dir, name, 0);
	}
	s->dir = fd_close(s->dir);
	if (s->jail.uid)
		(void)umount2(s->path, MNT_DETACH | UMOUNT_NOFOLLOW);
	(void)rmdir(s->path);
	free(take_ptr(s->path));
}
