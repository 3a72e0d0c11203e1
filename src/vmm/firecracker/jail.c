/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/firecracker/jail.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/mem.h"
#include "base/path.h"
#include "vmm/firecracker/idmap.h"
#include "vmm/firecracker/plan.h"
#include "vmm/firecracker/slots.h"

#ifndef MOVE_MOUNT_F_EMPTY_PATH
#define MOVE_MOUNT_F_EMPTY_PATH 0x00000004
#endif

/* The jailer copies Firecracker into it: a few MiB. */
#define JAIL_TMPFS "mode=0755,size=64m,nr_inodes=256"

static char *folder_of(const char *path)
{
	const char *end = strrchr(path, '/');

	return end ? xasprintf("%.*s", (int)(end - path), path) : xstrdup(".");
}

/* A descriptor may be of a mount in another namespace, where it cannot be cloned: its name leads to ours. */
static int open_again(int fd)
{
	char link[32], path[PATH_MAX];
	struct stat was, is;
	ssize_t n;
	int again;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	again = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	if (again < 0)
		return -errno;
	if (fstat(fd, &was) < 0 || fstat(again, &is) < 0 || was.st_dev != is.st_dev ||
	    was.st_ino != is.st_ino) {
		(void)fd_close(again);
		return -ESTALE;
	}
	return again;
}

static int clone_tree(int fd)
{
	_cleanup_close_ int again = open_again(fd);
	int tree;

	if (again < 0)
		return again;
	tree = (int)syscall(SYS_open_tree, again, "",
			    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	return tree < 0 ? -errno : tree;
}

int fc_jail_see(struct fc_seen *seen, int fd, const struct vmm_jail *jail, bool readonly,
		const char *what, struct err *err)
{
	struct stat st;
	int r;

	seen->tree = -EBADF;
	if (fstat(fd, &st) < 0)
		return err_errno(err, -errno, "cannot look at %s", what);
	seen->folder = S_ISDIR(st.st_mode);
	seen->tree = clone_tree(fd);
	if (seen->tree < 0)
		return err_errno(err, seen->tree, "cannot show %s to Firecracker", what);
	r = idmap_mount(seen->tree, &st, jail, readonly);
	if (r < 0)
		return err_errno(
			err, r,
			"cannot give %s to Firecracker's user: its file system may have no "
			"idmapped mounts (firecracker.jailer = false goes without)",
			what);
	return 0;
}

static int see_file(struct fc_seen *seen, const char *path, const struct vmm_jail *jail,
		    struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_errno(err, -errno, "cannot open %s", path)
		      : fc_jail_see(seen, fd, jail, true, path, err);
}

int fc_vsock_folder(const struct vmm_spec *spec, struct err *err)
{
	_cleanup_free_ char *path = folder_of(spec->vsock.socket_path);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? err_errno(err, -errno, "cannot open %s", path) : fd;
}

static int see_vsock_folder(struct fc_seen *seen, const struct vmm_spec *spec, struct err *err)
{
	_cleanup_close_ int fd = fc_vsock_folder(spec, err);

	return fd < 0 ? fd
		      : fc_jail_see(seen, fd, spec->jail, false, "the folder of its vsock", err);
}

static struct fc_seen *add(struct fc_jail *jail, const char *where)
{
	struct fc_seen *seen = &jail->seen[jail->n++];

	*seen = (struct fc_seen){.tree = -EBADF};
	(void)snprintf(seen->where, sizeof(seen->where), "%s", where);
	return seen;
}

/* A device by its node in the VM's folder, which is the user's already. */
static int see_disk(struct fc_jail *jail, const struct vmm_disk *disk, size_t i, struct err *err)
{
	_cleanup_close_ int node = -EBADF;
	char where[17] = "/";

	fc_disk_name(i, where + 1);
	if (disk->device) {
		node = openat(jail->dir, where + 1, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (node < 0)
			return err_errno(err, -errno, "cannot open the node of %s", disk->serial);
	}
	return fc_jail_see(add(jail, where), disk->device ? node : disk->fd, jail->spec->jail,
			   disk->readonly, disk->serial, err);
}

static int see_disks(struct fc_jail *jail, struct err *err)
{
	const struct vmm_spec *spec = jail->spec;
	int r = 0;

	for (size_t i = 0; r == 0 && i < spec->n_disks; i++)
		r = see_disk(jail, &spec->disks[i], i, err);
	return r;
}

static int see_slots(struct fc_jail *jail, struct err *err)
{
	struct fc_seen *seen;

	if (fc_slots_count(jail->slots) == 0)
		return 0;
	seen = add(jail, FC_JAIL_SLOTS);
	seen->folder = true;
	seen->tree = fc_slots_tree(jail->slots);
	return seen->tree < 0 ? err_errno(err, seen->tree, "cannot show %s to Firecracker",
					  jail->slots->path)
			      : 0;
}

static int see_snapshots(struct fc_jail *jail, struct err *err)
{
	const struct vmm_spec *spec = jail->spec;
	int r = 0;

	if (spec->snapshot_dir >= 0)
		r = fc_jail_see(add(jail, FC_JAIL_SAVE), spec->snapshot_dir, spec->jail, false,
				"the folder for snapshots", err);
	if (r == 0 && spec->restore_dir >= 0)
		r = fc_jail_see(add(jail, FC_JAIL_LOAD), spec->restore_dir, spec->jail, true,
				"the folder of what was saved", err);
	return r;
}

static int see_all(struct fc_jail *jail, struct err *err)
{
	const struct vmm_spec *spec = jail->spec;
	int r = see_file(add(jail, FC_JAIL_KERNEL), spec->kernel, spec->jail, err);

	if (r == 0)
		r = see_file(add(jail, FC_JAIL_INITRD), spec->initrd, spec->jail, err);
	if (r == 0)
		r = fc_jail_see(add(jail, FC_JAIL_DIR), jail->dir, spec->jail, false,
				"the VM's folder", err);
	if (r == 0 && spec->vsock.kind == VMM_VSOCK_HYBRID)
		r = see_vsock_folder(add(jail, FC_JAIL_VSOCK), spec, err);
	if (r == 0)
		r = see_slots(jail, err);
	if (r == 0)
		r = see_snapshots(jail, err);
	return r < 0 ? r : see_disks(jail, err);
}

static int put(int root, const struct fc_seen *seen)
{
	const char *name = seen->where + 1;
	_cleanup_close_ int file = -EBADF;

	if (seen->folder) {
		if (mkdirat(root, name, 0700) < 0)
			return -errno;
	} else {
		file = openat(root, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0400);
		if (file < 0)
			return -errno;
	}
	return syscall(SYS_move_mount, seen->tree, "", root, name, MOVE_MOUNT_F_EMPTY_PATH) < 0
		       ? -errno
		       : 0;
}

/* Return: descriptor of the jail's root, or negative errno. */
static int make_root(const struct fc_jail *jail)
{
	const char *name = strrchr(jail->program, '/');
	_cleanup_free_ char *base = path_join(jail->spec->run_dir, FC_JAIL_BASE);
	_cleanup_free_ char *root =
		xasprintf("%s/%s/%s/root", base, name ? name + 1 : jail->program, jail->id);
	int fd, r = path_mkdirs(base, 0700);

	if (r == 0 && mount("jail", base, "tmpfs", MS_NOSUID, JAIL_TMPFS) < 0)
		r = -errno;
	if (r == 0)
		r = path_mkdirs(root, 0755);
	if (r < 0)
		return r;
	fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int fc_jail_make(void *data, struct err *err)
{
	const struct fc_jail *jail = data;
	_cleanup_close_ int root = -EBADF;
	int r;

	/* The network is for taps. */
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC | (jail->spec->n_nics == 0 ? CLONE_NEWNET : 0)) < 0)
		return err_errno(err, -errno, "cannot make namespaces for a jail");
	root = make_root(jail);
	if (root < 0)
		return err_errno(err, root, "cannot make a jail in %s", jail->spec->run_dir);
	for (size_t i = 0; i < jail->n; i++) {
		r = put(root, &jail->seen[i]);
		if (r < 0)
			return err_errno(err, r, "cannot put %s into the jail",
					 jail->seen[i].where);
	}
	return 0;
}

/* But for devices that are only read. */
static int give(int dir, const struct vmm_jail *jail)
{
	_cleanup_dir_ DIR *entries = dir_open(dir, ".");
	const char *name;
	struct stat st;

	if (!entries || fchown(dir, jail->uid, jail->gid) < 0)
		return -errno;
	while ((name = dir_next(entries))) {
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
		if (S_ISBLK(st.st_mode) && st.st_mode & S_IROTH)
			continue;
		if (fchownat(dir, name, jail->uid, jail->gid, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
	}
	return 0;
}

int fc_jail_prepare(struct fc_jail *jail, struct err *err)
{
	int r = give(jail->dir, jail->spec->jail);

	return r < 0 ? err_errno(err, r, "cannot give the VM's folder to its user")
		     : see_all(jail, err);
}

void fc_jail_done(struct fc_jail *jail)
{
	while (jail->n > 0)
		fd_close(jail->seen[--jail->n].tree);
}
