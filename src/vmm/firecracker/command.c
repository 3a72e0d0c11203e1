/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/firecracker/command.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/proc.h"

/* The oldest with an entropy device, whose API has what is said here. */
#define OLDEST_MAJOR	 1
#define OLDEST_MINOR	 4

#define ID_MAX		 64
#define VERSION_PATIENCE (5 * NSEC_PER_SEC)
/* Bytes of a snapshot beside the memory. */
#define SNAPSHOT_SPARE (UINT64_C(64) << 20)

/* @text: as "1.7.0"; something else: -EPROTO, without a message */
static int check_version(const char *text, unsigned int *ret_minor, struct err *err)
{
	unsigned int major = 0, minor = 0;

	if (sscanf(text, "%3u.%3u", &major, &minor) != 2)
		return -EPROTO;
	*ret_minor = minor;
	if (major == OLDEST_MAJOR && minor >= OLDEST_MINOR)
		return 0;
	return err_set(
		err, -ENOTSUP,
		"Firecracker %u.%u is not known here: it takes one from %d.%d on, before %d.0",
		major, minor, OLDEST_MAJOR, OLDEST_MINOR, OLDEST_MAJOR + 1);
}

int fc_check_version(const char *answer, unsigned int *ret_minor, struct err *err)
{
	struct json_object *object = json_tokener_parse(answer), *version;
	char text[32] = "";
	int r;

	if (object && json_object_is_type(object, json_type_object) &&
	    json_object_object_get_ex(object, "firecracker_version", &version) &&
	    json_object_is_type(version, json_type_string))
		(void)snprintf(text, sizeof(text), "%s", json_object_get_string(version));
	json_object_put(object);
	r = check_version(text, ret_minor, err);
	return r == -EPROTO ? err_set(err, r, "what answers is no Firecracker: it tells no version")
			    : r;
}

int fc_check_program(const char *program, struct err *err)
{
	_cleanup_free_ char *line = NULL;
	const char *version;
	unsigned int minor;
	int status =
		proc_ask((const char *[]){program, "--version", NULL}, VERSION_PATIENCE, &line);
	int r;

	if (status == -ETIMEDOUT)
		return err_set(err, status, "%s does not tell its version: it does not end",
			       program);
	if (status < 0)
		return err_errno(err, status, "%s cannot be started", program);
	version = str_starts(line, "Firecracker v");
	r = status == 0 && version ? check_version(version, &minor, err) : -EPROTO;
	if (r == -EPROTO && *line)
		return err_set(err, r, "%s is no Firecracker: of its version it says \"%.60s\"",
			       program, line);
	if (r == -EPROTO)
		return err_set(err, r,
			       "%s is no Firecracker: it ends with status %d without a "
			       "version",
			       program, status);
	return r < 0 ? err_wrap(err, r, "%s", program) : 0;
}

static int read_log(int dir, struct loop *loop, struct tail *log)
{
	int fifo, copy;

	if (mkfifoat(dir, FC_LOG_FIFO, 0600) < 0)
		return -errno;
	fifo = openat(dir, FC_LOG_FIFO, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fifo < 0)
		return -errno;
	copy = openat(dir, VMM_FIRECRACKER_LOG, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (copy < 0) {
		(void)fd_close(fifo);
		return -errno;
	}
	return tail_of(log, loop, fifo, copy);
}

/*
 * Of block devices, in a folder of their user's. A mount that is read-only keeps nobody from writing to a device: those
 * that are only read stay root's.
 */
static int make_nodes(int dir, const struct vmm_spec *spec)
{
	char node[16];
	struct stat st;
	mode_t mode;

	for (size_t i = 0; spec->jail && i < spec->n_disks; i++) {
		if (!spec->disks[i].device)
			continue;
		fc_disk_name(i, node);
		mode = spec->disks[i].readonly ? 0444 : 0600;
		if (fstat(spec->disks[i].fd, &st) < 0 ||
		    mknodat(dir, node, S_IFBLK | mode, st.st_rdev) < 0 ||
		    fchmodat(dir, node, mode, 0) < 0)
			return -errno;
	}
	return 0;
}

int fc_folder(const struct vmm_spec *spec, struct loop *loop, struct tail *log,
	      struct fc_metrics *metrics, int *ret_dir, struct err *err)
{
	_cleanup_free_ char *figures = path_join(spec->run_dir, VMM_FIRECRACKER_METRICS);
	_cleanup_free_ char *path = path_join(spec->run_dir, VMM_FIRECRACKER_FOLDER);
	_cleanup_close_ int dir = -EBADF;
	int r = mkdir(path, 0700) < 0 ? -errno : 0;

	if (r == 0)
		dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (r == 0)
		r = dir < 0 ? -errno : make_nodes(dir, spec);
	if (r == 0)
		r = read_log(dir, loop, log);
	if (r == 0)
		r = fc_metrics_start(metrics, loop, dir, FC_METRICS_FIFO, figures);
	if (r < 0)
		return err_errno(err, r, "cannot make the folder %s", path);
	*ret_dir = take_fd(dir);
	return 0;
}

/* Names of the jailer's, and of Firecracker's, have letters, digits and "-". */
static char *id_of(const char *name)
{
	char *id = xasprintf("%.*s", ID_MAX, name);

	for (char *p = id; *p; p++)
		if (*p == '_' || *p == '.')
			*p = '-';
	return id;
}

/* Return: what stands before the name of a file of the VM's folder. */
static const char *prefix(const struct vmm_spec *spec)
{
	return spec->jail ? FC_JAIL_DIR : "/proc/self/fd/3";
}
_Static_assert(FC_FD_DIR == 3, "as in the path");

/* A file of the folder, or where there is none one in memory, which Firecracker inherits in its place. */
static int write_config(struct fc_command *c, const struct fc_plan *plan, int dir)
{
	_cleanup_free_ char *text = fc_plan_file(plan);

	if (dir >= 0)
		return file_write_atomic_at(dir, FC_CONFIG_FILE, text, strlen(text), 0600);
	c->config = memfd_create(FC_CONFIG_FILE, MFD_CLOEXEC);
	if (c->config < 0)
		return -errno;
	return fd_write_full(c->config, text, strlen(text));
}

static void add_config(struct fc_command *c, const struct vmm_spec *spec)
{
	strv_add(&c->argv, "--no-api");
	strv_add(&c->argv, "--config-file");
	if (c->config >= 0)
		strv_add(&c->argv, prefix(spec));
	else
		strv_addf(&c->argv, "%s/" FC_CONFIG_FILE, prefix(spec));
}

/*
 * Bytes of the largest file that it has to write, which a snapshot of its memory may be as well: more it does not take
 * of the host. 0: it is not known, as disks may come later.
 */
static uint64_t largest_file(const struct vmm_spec *spec)
{
	uint64_t largest = spec->memory + SNAPSHOT_SPARE;
	struct stat st;

	for (size_t i = 0; i < spec->n_disks; i++)
		if (fstat(spec->disks[i].fd, &st) == 0 && (uint64_t)st.st_size > largest)
			largest = (uint64_t)st.st_size;
	return spec->slots.writable > 0 ? 0 : largest;
}

static int add_jailer(struct fc_command *c, const struct vmm_spec *spec, struct err *err)
{
	_cleanup_free_ char *found = path_find_program(c->program);
	uint64_t largest = largest_file(spec);

	strv_add(&c->argv, FC_JAILER);
	if (!found)
		return err_set(err, -ENOENT, "%s is not installed", c->program);
	free(c->program);
	c->program = realpath(found, NULL);
	if (!c->program)
		return err_errno(err, -errno, "cannot find %s", found);
	strv_add(&c->argv, "--id");
	strv_add(&c->argv, c->id);
	strv_add(&c->argv, "--exec-file");
	strv_add(&c->argv, c->program);
	strv_add(&c->argv, "--uid");
	strv_addf(&c->argv, "%u", spec->jail->uid);
	strv_add(&c->argv, "--gid");
	strv_addf(&c->argv, "%u", spec->jail->gid);
	strv_add(&c->argv, "--chroot-base-dir");
	strv_addf(&c->argv, "%s/" FC_JAIL_BASE, spec->run_dir);
	if (largest > 0) {
		strv_add(&c->argv, "--resource-limit");
		strv_addf(&c->argv, "fsize=%llu", (unsigned long long)largest);
	}
	strv_add(&c->argv, "--");
	return 0;
}

static void add_firecracker(struct fc_command *c, const struct vmm_spec *spec, int dir)
{
	if (spec->no_api || dir < 0) {
		add_config(c, spec);
	} else {
		strv_add(&c->argv, "--api-sock");
		strv_addf(&c->argv, "%s/" VMM_FIRECRACKER_SOCKET, prefix(spec));
	}
	if (dir >= 0) {
		strv_add(&c->argv, "--log-path");
		strv_addf(&c->argv, "%s/" FC_LOG_FIFO, prefix(spec));
		strv_add(&c->argv, "--metrics-path");
		strv_addf(&c->argv, "%s/" FC_METRICS_FIFO, prefix(spec));
	}
}

static int inherit(struct fc_command *c, const struct vmm_spec *spec, int dir, struct err *err)
{
	if (spec->jail)
		return 0;
	if (spec->vsock.kind == VMM_VSOCK_HYBRID) {
		c->vsock = fc_vsock_folder(spec, err);
		if (c->vsock < 0)
			return c->vsock;
	}
	c->fds[c->n_fds++] = dir >= 0 ? dir : c->config;
	for (size_t i = 0; i < spec->n_disks; i++)
		c->fds[c->n_fds++] = spec->disks[i].fd;
	c->fds[c->n_fds++] = c->vsock;
	c->fds[c->n_fds++] = spec->snapshot_dir;
	c->fds[c->n_fds++] = spec->restore_dir;
	return 0;
}

int fc_command(const struct vmm_spec *spec, const struct fc_plan *plan, int dir,
	       const struct fc_slots *slots, struct fc_command *c, struct err *err)
{
	int r = 0;

	c->id = id_of(spec->name);
	c->program = xstrdup(spec->program ? spec->program : FC_PROGRAM);
	c->jail = (struct fc_jail){.spec = spec, .dir = dir, .slots = slots};
	if (spec->no_api || dir < 0)
		r = write_config(c, plan, dir);
	if (r < 0)
		return err_errno(err, r, "cannot write Firecracker's configuration");
	if (spec->jail) {
		r = add_jailer(c, spec, err);
		c->jail.program = c->program;
		c->jail.id = c->id;
		if (r == 0)
			r = fc_jail_prepare(&c->jail, err);
	} else {
		strv_add(&c->argv, c->program);
		strv_add(&c->argv, "--id");
		strv_add(&c->argv, c->id);
	}
	add_firecracker(c, spec, dir);
	return r < 0 ? r : inherit(c, spec, dir, err);
}

void fc_command_done(struct fc_command *c)
{
	fc_jail_done(&c->jail);
	strv_done(&c->argv);
	c->config = fd_close(c->config);
	c->vsock = fd_close(c->vsock);
	free(take_ptr(c->program));
	free(take_ptr(c->id));
}
