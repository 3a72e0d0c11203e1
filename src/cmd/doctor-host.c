/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "cmd/doctor.h"
#include "cmd/table.h"
#include "sandbox/rootfs.h"
#include "sandbox/userns.h"

/* The kernel, its files, and ours. */

/* Return: a new string: the folder, or while nobody has made that, the one that it would be made in. */
static char *place_of(const char *folder)
{
	char *place = xstrdup(folder), *slash;

	while (access(place, F_OK) < 0 && errno == ENOENT && (slash = strrchr(place, '/')))
		*(slash == place ? slash + 1 : slash) = '\0';
	return place;
}

#define ROOM_WANTED (UINT64_C(1) << 30)

void doctor_system(struct doctor *d _unused_, struct finding *f)
{
	struct utsname u;

	(void)uname(&u);
	doctor_say(f, DOCTOR_OK, "caisson " CAISSON_VERSION " on %s %s, %s", u.sysname, u.release,
		   u.machine);
	if (strcmp(u.machine, "x86_64") == 0)
		return;
	f->level = DOCTOR_FAILS;
	doctor_mend(f, "take an x86-64 machine: guests are of that kind only");
}

void doctor_user(struct doctor *d _unused_, struct finding *f)
{
	doctor_say(f, DOCTOR_OK, "root");
	if (geteuid() == 0)
		return;
	doctor_say(f, DOCTOR_NOTE,
		   "not root, but user %u: images are disks, networks are passt's, and bundles, so "
		   "Docker's and Podman's containers, do not run",
		   geteuid());
}

static int mount_inside(void *data, struct err *err)
{
	_cleanup_close_ int dir = -EBADF;
	int r = rootfs_private_mounts(err);

	if (r < 0)
		return r;
	dir = open(data, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? err_errno(err, -errno, "cannot open %s", (char *)data)
		       : rootfs_bind(dir, data, true, false, err);
}

/* How a user shares files, see launch_share(). */
void doctor_userns(struct doctor *d, struct finding *f)
{
	_cleanup_free_ char *place = NULL;
	struct userns_range users, groups;
	struct err err = ERR_NULL;

	if (geteuid() == 0) {
		doctor_say(f, DOCTOR_OK, "root needs none");
		return;
	}
	place = d->paths.run ? place_of(d->paths.run) : NULL;
	if (!place || userns_call(mount_inside, place, &err) < 0) {
		doctor_say(f, DOCTOR_LACKS, "containers with volumes do not run: %s", err.text);
		doctor_mend(f, "allow user namespaces: see the settings user.max_user_namespaces, "
			       "kernel.unprivileged_userns_clone and "
			       "kernel.apparmor_restrict_unprivileged_userns");
	} else if (!userns_ranges(&users, &groups)) {
		doctor_say(f, DOCTOR_LACKS,
			   "volumes have files of one owner, root of the container; others "
			   "there can make none");
		doctor_mend(f, "install uidmap, and give this user a range: `usermod "
			       "--add-subuids 100000-165535 --add-subgids 100000-165535 NAME`");
	} else {
		doctor_say(f, DOCTOR_OK, "owners in volumes are %u and the %u numbers from %u on",
			   getuid(), users.count, users.first);
	}
}

void doctor_config(struct doctor *d, struct finding *f)
{
	struct err err = ERR_NULL;

	if (conf_load(&d->conf, &err) == 0) {
		if (access(d->conf.path, F_OK) == 0)
			doctor_say(f, DOCTOR_OK, "%s says %zu values", d->conf.path,
				   d->conf.n_lines);
		else
			doctor_say(f, DOCTOR_OK, "there is no %s: defaults count", d->conf.path);
		return;
	}
	doctor_say(f, DOCTOR_FAILS, "%s", err.text);
	doctor_mend(f, "mend that; caisson(1) has the keys");
	(void)conf_parse("", "", 0, &d->conf, NULL);
}

static bool is_usable(const char *folder)
{
	_cleanup_free_ char *place = place_of(folder);

	return access(place, W_OK) == 0;
}

void doctor_folders(struct doctor *d, struct finding *f)
{
	_cleanup_free_ char *place = NULL;
	struct err err = ERR_NULL;
	struct statvfs vfs;
	char room[32];

	if (paths_find(&d->paths, &err) < 0) {
		doctor_say(f, DOCTOR_FAILS, "%s", err.text);
		doctor_mend(f, "set the variable to another place");
		return;
	}
	place = place_of(d->paths.root);
	if (!is_usable(d->paths.root) || !is_usable(d->paths.run) || statvfs(place, &vfs) < 0) {
		doctor_say(f, DOCTOR_FAILS, "%s and %s cannot be written to", d->paths.root,
			   d->paths.run);
		doctor_mend(f, "mount their file systems for writing, or set $CAISSON_ROOT and "
			       "$CAISSON_RUN to other places");
		return;
	}
	table_size((uint64_t)vfs.f_bavail * vfs.f_frsize, room, sizeof(room));
	doctor_say(f, DOCTOR_OK, "%s, with %s of room, %s and %s", d->paths.root, room,
		   d->paths.run, d->paths.cache);
	if ((uint64_t)vfs.f_bavail * vfs.f_frsize >= ROOM_WANTED)
		return;
	f->level = DOCTOR_LACKS;
	doctor_mend(f, "make room for images and what containers write: `caisson image prune`");
}

void doctor_own_programs(struct doctor *d, struct finding *f)
{
	static const char *const names[] = {"caisson-shim",
					    "caisson-vsockd",
					    "caisson-9pd",
					    "vminitd",
					    "containerd-shim-caisson-v2",
					    PATHS_CRUN_SYSTEMD};

	if (!d->paths.programs) {
		doctor_say(f, DOCTOR_NOTE, "without folders they are not looked for");
		return;
	}
	doctor_say(f, DOCTOR_OK, "caisson-shim, caisson-vsockd, caisson-9pd and vminitd are there");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = paths_program(&d->paths, names[i]);

		if (access(path, X_OK) == 0)
			continue;
		doctor_say(f, DOCTOR_FAILS, "there is no %s", path);
		doctor_mend(f, "install caisson again, all of it");
		return;
	}
}

void doctor_memory(struct doctor *d, struct finding *f)
{
	_cleanup_free_ char *text = NULL;
	const char *line = NULL;
	unsigned long long free_kb = 0, all_kb = 0;

	if (file_slurp_at(AT_FDCWD, "/proc/meminfo", 65536, &text, NULL) == 0)
		line = strstr(text, "MemAvailable:");
	if (!line || sscanf(line, "MemAvailable: %llu", &free_kb) != 1 ||
	    sscanf(text, "MemTotal: %llu", &all_kb) != 1) {
		doctor_say(f, DOCTOR_NOTE, "/proc/meminfo does not say how much there is");
		return;
	}
	doctor_say(f, DOCTOR_OK, "%lluM of %lluM are free; a VM has %lluM unless it is told",
		   free_kb >> 10, all_kb >> 10, (unsigned long long)(d->conf.memory >> 20));
	if (free_kb << 10 >= d->conf.memory)
		return;
	f->level = DOCTOR_LACKS;
	doctor_mend(f, "end what takes it, or set vm.memory in %s to less",
		    *d->conf.path ? d->conf.path : CONF_PATH);
}

void doctor_cgroup(struct doctor *d _unused_, struct finding *f)
{
	struct statfs fs;
	bool has = statfs("/sys/fs/cgroup", &fs) == 0;

	if (has && fs.f_type == CGROUP2_SUPER_MAGIC)
		doctor_say(f, DOCTOR_OK, "version 2");
	else if (has && fs.f_type == TMPFS_MAGIC)
		doctor_say(f, DOCTOR_OK, "version 1%s",
			   access("/sys/fs/cgroup/unified", F_OK) == 0 ? ", and 2 beside it" : "");
	else
		doctor_say(f, DOCTOR_NOTE,
			   "none at /sys/fs/cgroup; guests have their own, and limits in them");
}

/* As the root of a container is made, of two empty folders. */
static int try_overlay(void *data, struct err *err)
{
	_cleanup_free_ char *image = path_join(data, "image"), *target = path_join(data, "target");
	int r = rootfs_private_mounts(err);

	if (r < 0)
		return r;
	r = path_mkdirs(image, 0700);
	if (r == 0)
		r = path_mkdirs(target, 0700);
	return r < 0 ? err_errno(err, r, "cannot make %s", target)
		     : rootfs_mount(image, data, target, err);
}

void doctor_overlay(struct doctor *d, struct finding *f)
{
	_cleanup_free_ char *place = d->paths.root ? place_of(d->paths.root) : NULL;
	_cleanup_free_ char *dir = place ? path_join(place, "doctor.XXXXXX") : NULL;
	_cleanup_close_ int root = -EBADF;
	struct err err = ERR_NULL;
	int r;

	if (geteuid() != 0) {
		doctor_say(f, DOCTOR_NOTE, "not tried: without root the guest mounts them");
		return;
	}
	if (!dir || !mkdtemp(dir)) {
		doctor_say(f, DOCTOR_LACKS, "overlays cannot be tried");
		return;
	}
	r = doctor_try(0, try_overlay, dir, &err);
	root = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)path_remove_tree(root, strrchr(dir, '/') + 1);
	doctor_say(f, DOCTOR_OK, "overlays can be mounted on %s", d->paths.root);
	if (r == 0)
		return;
	doctor_say(f, DOCTOR_LACKS, "overlays cannot be mounted: %s", err.text);
	doctor_mend(f, "run `modprobe overlay`, or set rootfs.mode = \"image\" in " CONF_PATH
		       ": then the guest does it");
}
