/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mount.h>

#include "base/fd.h"
#include "base/mem.h"
#include "image/build.h"
#include "image/overlaid.h"
#include "image/text.h"
#include "image/unpack.h"

/* Bytes of a value that fsconfig(2) takes. */
#define VALUE_MAX 255

static void put_path(FILE *out, const char *path)
{
	for (; *path; path++)
		if (*path <= ' ' || *path > '~' || strchr("\"\\%", *path))
			(void)fprintf(out, "%%%02x", (unsigned char)*path);
		else
			(void)putc(*path, out);
}

/*
 * A folder counts as the same as long as it has the same name, number and time of change. Of what is
 * below it nothing is looked at: Docker and containerd fill the folder of a layer before a container
 * has it, and then never write to it again, and overlayfs itself gives no promise of what is seen
 * when somebody does. One that is removed and made again has another time.
 */
static int put_lower(FILE *out, const char *path, bool last, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(err, -errno, "cannot use the folder '%s' of the overlay",
				 text_of(path));
	(void)putc('"', out);
	put_path(out, path);
	(void)fprintf(out, " %llu %llu %lld.%09ld\"%s", (unsigned long long)st.st_dev,
		      (unsigned long long)st.st_ino, (long long)st.st_ctim.tv_sec,
		      st.st_ctim.tv_nsec, last ? "" : ",");
	return 0;
}

int overlaid_config(const struct overlaid *o, char **ret, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int r = 0;

	if (!out)
		return err_errno(err, -errno, "cannot say what the overlay is made of");
	(void)fputs("{\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]},"
		    "\"caisson.overlay\":[",
		    out);
	for (size_t i = 0; i < o->lowers.n && r == 0; i++)
		r = put_lower(out, o->lowers.v[i], i + 1 == o->lowers.n, err);
	(void)fputs("]}", out);
	if (fclose(out) != 0)
		abort();
	if (r == 0)
		*ret = take_ptr(text);
	return r;
}

/* struct merge - @folders: descriptors of all lower folders */
struct merge {
	int *folders;
	size_t n;
};

static void merge_done(struct merge *m)
{
	for (size_t i = 0; i < m->n; i++)
		fd_close(m->folders[i]);
	free(m->folders);
}

static int open_folders(struct merge *m, const struct overlaid *o, struct err *err)
{
	m->folders = xcalloc(o->lowers.n, sizeof(*m->folders));
	for (; m->n < o->lowers.n; m->n++) {
		m->folders[m->n] = open(o->lowers.v[m->n], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (m->folders[m->n] < 0)
			return err_errno(err, -errno, "cannot use the folder '%s' of the overlay",
					 text_of(o->lowers.v[m->n]));
	}
	return 0;
}

static int configure(int fs, unsigned int command, const char *key, const char *value)
{
	return syscall(SYS_fsconfig, fs, command, key, value, 0) < 0 ? -errno : 0;
}

/* By numbers, from a folder where they are names: no character means anything, and they are short. */
static int set_lowers(int fs, const struct merge *m)
{
	char list[VALUE_MAX + 1] = "", name[16];
	int r = 0;

	for (size_t i = 0; i < m->n; i++) {
		(void)snprintf(name, sizeof(name), "%s%d", i > 0 ? ":" : "", m->folders[i]);
		if (strlen(list) + strlen(name) > VALUE_MAX)
			break;
		strcat(list, name);
		if (i + 1 == m->n)
			return configure(fs, FSCONFIG_SET_STRING, "lowerdir", list);
	}
	/* One by one, which Linux 6.8 has brought. */
	for (size_t i = 0; i < m->n && r == 0; i++) {
		(void)snprintf(name, sizeof(name), "%d", m->folders[i]);
		r = configure(fs, FSCONFIG_SET_STRING, "lowerdir+", name);
	}
	return r == -EINVAL ? -E2BIG : r;
}

/* The kernel puts them together, as whoever mounted them sees them, in a mount that is nowhere. */
static int mount_merged(const struct merge *m)
{
	_cleanup_close_ int fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC),
			    here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r, fd;

	if (fs < 0 || here < 0 || chdir("/proc/self/fd") < 0)
		return -errno;
	r = set_lowers(fs, m);
	if (r == 0)
		r = configure(fs, FSCONFIG_CMD_CREATE, NULL, NULL);
	if (fchdir(here) < 0 && r == 0)
		r = -errno;
	if (r < 0)
		return r;
	fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME);
	return fd < 0 ? -errno : fd;
}

/* Return: a descriptor of the folder with all that is in the lower ones. */
static int open_merged(const struct overlaid *o, struct err *err)
{
	__attribute__((cleanup(merge_done))) struct merge m = {.folders = NULL};
	int r = open_folders(&m, o, err), fd;

	if (r < 0)
		return r;
	/* overlayfs takes no single one. */
	if (m.n == 1) {
		fd = m.folders[0];
		m.n = 0;
		return fd;
	}
	fd = mount_merged(&m);
	if (fd == -E2BIG)
		return err_set(err, fd, "this kernel does not put %zu folders together", m.n);
	return fd < 0 ? err_errno(err, fd, "cannot put the overlay's lower folders together") : fd;
}

/* struct making - what the disk is made of, and its ID */
struct making {
	const struct overlaid *overlaid;
	const struct digest *id;
	const struct image_get_options *opts;
};

static int build(int fd, void *userdata, struct err *err)
{
	const struct making *m = userdata;
	_cleanup_close_ int merged = open_merged(m->overlaid, err);
	char path[64];

	if (merged < 0)
		return merged;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", merged);
	return build_disk_of(fd, path, m->id, m->opts, err);
}

static int fill_disk(int dirfd, void *userdata, struct err *err)
{
	return unpack_disk(dirfd, build, userdata, err);
}

int overlaid_make(const struct store *store, const struct overlaid *o, const char *config,
		  const struct digest *id, const struct image_get_options *opts, struct err *err)
{
	struct making m = {.overlaid = o, .id = id, .opts = opts};
	const struct unpack_job job = {
		.id = id,
		.config = config,
		.config_len = strlen(config),
		.fill = {[IMAGE_DISK] = fill_disk},
		.userdata = &m,
		.opts = opts,
	};

	if (opts->progress)
		opts->progress("reading the overlay's lower folders", opts->userdata);
	return unpack_commit(store, &job, err);
}
