/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cmd/checkpoint-files.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "cmd/describe.h"
#include "cmd/image-shown.h"
#include "cmd/interrupts.h"
#include "cmd/spawn.h"
#include "cmd/task-call.h"
#include "image/image.h"
#include "sandbox/conf.h"
#include "sandbox/setting.h"
#include "sandbox/snapshot-check.h"
#include "task.pb-c.h"
#include "vmm/vmm.h"

/**
 * struct restore - the options, and what has been made so far
 * @dir: the checkpoint's folder, @folder its path
 * @was: the container's name when it was saved
 */
struct restore {
	const char *image_path, *work_path, *bundle, *pid_file, *console_socket, *cgroups_mode;
	bool detach, tcp, unix_sockets, shell_job, file_locks, no_pivot, no_subreaper, remove;

	const volatile sig_atomic_t *interrupted;
	struct paths paths;
	struct checkpoint_manifest manifest;
	struct image image;
	struct record record;
	struct spawned shim;
	struct client client;
	char *folder, *was;
	int dir;
};

#define NOTHING "changes nothing in a VM"

static const struct opt options[] = {
	OPT(restore, 0, "image-path", OPT_STRING, image_path, "DIR",
	    "the checkpoint (checkpoint); it has to stay as long as the container runs"),
	OPT(restore, 'd', "detach", OPT_FLAG, detach, NULL,
	    "return once it runs, which is what happens anyway"),
	OPT(restore, 0, "rm", OPT_FLAG, remove, NULL,
	    "remove the container when its command has ended"),
	OPT(restore, 0, "pid-file", OPT_STRING, pid_file, "FILE",
	    "write the number of the shim, which ends with the container"),
	OPT(restore, 'b', "bundle", OPT_STRING, bundle, "DIR", "not supported"),
	OPT(restore, 0, "console-socket", OPT_STRING, console_socket, "PATH", "not supported"),
	OPT(restore, 0, "work-path", OPT_STRING, work_path, "DIR", NOTHING),
	OPT(restore, 0, "tcp-established", OPT_FLAG, tcp, NULL, NOTHING),
	OPT(restore, 0, "ext-unix-sk", OPT_FLAG, unix_sockets, NULL, NOTHING),
	OPT(restore, 0, "shell-job", OPT_FLAG, shell_job, NULL, NOTHING),
	OPT(restore, 0, "file-locks", OPT_FLAG, file_locks, NULL, NOTHING),
	OPT(restore, 0, "manage-cgroups-mode", OPT_STRING, cgroups_mode, "M", NOTHING),
	OPT(restore, 0, "no-pivot", OPT_FLAG, no_pivot, NULL, NOTHING),
	OPT(restore, 0, "no-subreaper", OPT_FLAG, no_subreaper, NULL, NOTHING),
	{.kind = OPT_END},
};

static int read_manifest(struct restore *c, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	int r = file_slurp_at(c->dir, CHECKPOINT_MANIFEST, CHECKPOINT_BYTES_MAX, &text, NULL);

	if (r == -ENOENT)
		return err_set(
			err, r,
			"%s is no checkpoint, or was not finished: it has no " CHECKPOINT_MANIFEST,
			c->folder);
	if (r < 0)
		return err_errno(err, r, "cannot read %s/" CHECKPOINT_MANIFEST, c->folder);
	r = checkpoint_manifest_parse(text, &c->manifest, err);
	if (r == 0)
		r = checkpoint_files_check(c->dir, &c->manifest, err);
	return r < 0 ? err_wrap(err, r, "%s", c->folder) : 0;
}

/* It says what Firecracker opens, and what the guest runs: who can write to it could have all that we have. */
static int check_own(const struct restore *c, const char *name, struct err *err)
{
	struct stat st;

	if (fstatat(c->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (st.st_uid == geteuid() && (S_ISLNK(st.st_mode) || !(st.st_mode & 022)))
		return 0;
	return err_set(err, -EPERM,
		       "the checkpoint %s is not your own alone (%s): whoever can write to it "
		       "decides what it does",
		       c->folder, name);
}

static int check_owner(const struct restore *c, struct err *err)
{
	int r = check_own(c, ".", err);
	const char *name;

	if (r == 0)
		r = check_own(c, CHECKPOINT_MANIFEST, err);
	for (size_t i = 0; r == 0 && (name = checkpoint_file_name(i)); i++)
		r = check_own(c, name, err);
	return r;
}

static int open_checkpoint(struct restore *c, struct err *err)
{
	int r;

	c->folder = realpath(c->image_path, NULL);
	if (!c->folder)
		return err_errno(err, -errno, "cannot find the checkpoint %s", c->image_path);
	c->dir = open(c->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->dir < 0)
		return err_errno(err, -errno, "cannot open the checkpoint %s", c->folder);
	r = check_owner(c, err);
	if (r == 0)
		r = read_manifest(c, err);
	/* Whoever wrote it may have thought of more than is ever saved. */
	return r == 0 ? snapshot_check_spec(&c->manifest.spec, err) : r;
}

static bool is_own_disk(const char *name)
{
	return strcmp(name, RECORD_UPPER_DISK) == 0 || strcmp(name, RECORD_ROOT_DISK) == 0;
}

/* What is in its state are the paths of a jail, or those of this host. */
static int check_jail(const struct restore *c, const struct conf *conf, struct err *err)
{
	bool was = c->manifest.jail == CHECKPOINT_JAILED;
	bool configured = strcmp(conf->firecracker_jailer, "true") == 0;
	bool is = configured && geteuid() == 0;

	if (c->manifest.jail == CHECKPOINT_JAIL_UNKNOWN || was == is)
		return 0;
	if (was && configured)
		return err_set(err, -EPERM,
			       "the checkpoint %s is of a VM in a jail, and goes on in one only: "
			       "that takes root",
			       c->folder);
	return err_set(err, -ENOTSUP,
		       "the checkpoint %s is of a VM that was in %s jail, and goes on so only: "
		       "firecracker.jailer in %s is %s",
		       c->folder, was ? "a" : "no", conf->path, conf->firecracker_jailer);
}

/* What `run` would not give it, the administrator may have said since, or on this host only. */
static int check_limits(const struct restore *c, struct err *err)
{
	const struct checkpoint_manifest *m = &c->manifest;
	_cleanup_conf_ struct conf conf = CONF_NULL;
	int r = conf_load(&conf, err);

	if (r == 0)
		r = settings_check(&m->spec, &conf, err);
	if (r == 0)
		r = check_jail(c, &conf, err);
	for (size_t i = 0; r == 0 && conf.limit_rootfs_size > 0 && i < m->n; i++)
		if (is_own_disk(m->files[i].name) && m->files[i].size > conf.limit_rootfs_size)
			r = err_set(err, -EPERM,
				    "%lluM of disk are more than " CONF_LIMIT_ROOTFS
				    " in %s lets a container have: %lluM",
				    (unsigned long long)m->files[i].size >> 20, conf.path,
				    (unsigned long long)conf.limit_rootfs_size >> 20);
	return r;
}

static void replace(char **field, char *value)
{
	free(*field);
	*field = value;
}

/* The disk that the image has here, which is the same wherever it was made. */
static int find_image(struct restore *c, struct err *err)
{
	const struct image_get_options how = {.form = IMAGE_DISK, .cancel = c->interrupted};
	struct sandbox_spec *spec = &c->manifest.spec;
	struct stat st;
	int r;

	if (!*c->manifest.image)
		return 0;
	r = image_get_shown(c->paths.root, c->manifest.image, &how, &c->image, err);
	if (r < 0)
		return err_wrap(err, r, "the image of the checkpoint");
	if (stat(c->image.rootfs, &st) < 0 || (uint64_t)st.st_size != c->manifest.image_size)
		return err_set(err, -ESTALE,
			       "the disk %s is not the one that the container was saved with",
			       c->image.rootfs);
	replace(&spec->rootfs, xstrdup(c->image.rootfs));
	return 0;
}

static int make_record(struct restore *c, const char *name, struct err *err)
{
	struct sandbox_spec *spec = &c->manifest.spec;
	int r;

	c->was = xstrdup(spec->id);
	replace(&spec->id, xstrdup(name));
	replace(&spec->restore, xstrdup(c->folder));
	spec->remove = c->remove;
	spec->created = time(NULL);
	r = record_create(&c->paths, spec, &c->record, err);
	return r == -EEXIST ? err_set(err, r, "container with given ID already exists: %s", name)
			    : r;
}

static bool is_disk(const char *name)
{
	return strcmp(name, VMM_SNAPSHOT_STATE) != 0 && strcmp(name, VMM_SNAPSHOT_MEMORY) != 0;
}

/* The VM's own files are used where they are. */
static int copy_disks(struct restore *c, struct err *err)
{
	const struct checkpoint_manifest *m = &c->manifest;
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->n; i++)
		if (is_disk(m->files[i].name))
			r = checkpoint_file_copy(c->dir, c->record.dir, m->files[i].name,
						 c->record.dir_path, c->interrupted, NULL, err);
	return r;
}

static int start_shim(struct restore *c, struct err *err)
{
	int r = copy_disks(c, err);

	if (r == 0)
		r = spawn_shim(&c->paths, &c->record, c->image.lock_fd, NULL, &c->shim, err);
	if (r < 0) {
		(void)record_remove(&c->paths, &c->record, NULL);
		return r;
	}
	r = client_connect(&c->client, &c->record, err);
	c->client.patience = 0;
	return r == 0 ? client_obey_signals(&c->client, err) : r;
}

static int create(struct restore *c, struct err *err)
{
	Containerd__Task__V2__CreateTaskRequest request =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;

	request.id = c->record.id;
	request.bundle = c->record.dir_path;
	request.checkpoint = c->was;
	return client_call(&c->client, "Create", &request.base, NULL, NULL, err);
}

static int restore_all(struct restore *c, const char *name, struct err *err)
{
	int r = paths_init(&c->paths, err);

	if (r == 0) {
		record_sweep(&c->paths);
		r = open_checkpoint(c, err);
	}
	if (r == 0)
		r = check_limits(c, err);
	if (r == 0)
		r = find_image(c, err);
	if (r == 0)
		r = make_record(c, name, err);
	if (r == 0)
		r = start_shim(c, err);
	if (r == 0)
		r = create(c, err);
	if (r == 0)
		r = task_start(&c->client, c->record.id, "", err);
	if (r == 0 && c->pid_file)
		r = spawn_write_pid(c->shim.proc.pid, c->pid_file, err);
	if (r == 0)
		spawn_let_go(&c->shim);
	return r;
}

static void done(struct restore *c)
{
	client_disconnect(&c->client);
	spawn_end(&c->shim);
	record_done(&c->record);
	image_done(&c->image);
	checkpoint_manifest_done(&c->manifest);
	paths_done(&c->paths);
	fd_close(c->dir);
	free(c->folder);
	free(c->was);
}

static int check(const struct restore *c, int argc, char **argv, int at, struct err *err)
{
	if (c->bundle || c->console_socket)
		return err_set(err, -ENOTSUP,
			       "%s: containers of bundles are not saved, so none is restored",
			       c->bundle ? "--bundle" : "--console-socket");
	if (argc - at != 1)
		return err_set(err, -EINVAL,
			       "which name shall the container have? See `caisson restore --help`");
	if (!*c->image_path)
		return err_set(err, -EINVAL, "--image-path: which folder?");
	return sandbox_id_valid(argv[at])
		       ? 0
		       : err_set(err, -EINVAL, "\"%s\" is no container's name: " SANDBOX_ID_RULE,
				 argv[at]);
}

static int restore_main(const struct command *self, int argc, char **argv)
{
	struct restore c = {
		.image_path = "checkpoint",
		.paths = PATHS_NULL,
		.manifest = CHECKPOINT_MANIFEST_NULL,
		.image = IMAGE_NULL,
		.record = RECORD_NULL,
		.shim = SPAWNED_NULL,
		.client = CLIENT_NULL,
		.dir = -EBADF,
	};
	struct err err = ERR_NULL;
	int at, r;

	/* As containerd writes it. */
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "-no-subreaper") == 0)
			argv[i] = (char *)"--no-subreaper";
	at = r = opts_parse(self, argc, argv, &c, &err);
	if (r >= 0)
		r = check(&c, argc, argv, at, &err);
	if (r == 0) {
		c.interrupted = interrupts_catch();
		r = restore_all(&c, argv[at], &err);
	}
	done(&c);
	if (r < 0 && c.interrupted && (*c.interrupted || c.client.cancelled))
		return STATUS_INTERRUPTED;
	return r < 0 ? cmd_fail(self, &err) : 0;
}

const struct command command_restore = {
	.name = "restore",
	.usage = "[OPTIONS] NAME",
	.summary = "Let a container go on that `caisson checkpoint` has saved.",
	.details =
		"It may have another name than it had, and be on another host, with the same image "
		"in\n"
		"its store and the same Firecracker. One checkpoint can be restored many times.\n",
	.opts = options,
	.failure = 1,
	.run = restore_main,
};
