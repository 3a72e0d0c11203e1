/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "cmd/checkpoint-files.h"
#include "cmd/cmd.h"
#include "cmd/interrupts.h"
#include "cmd/task-call.h"
#include "sandbox/snapshot-check.h"
#include "vmm/vmm.h"

#define ID_DIGITS 64

/*
 * Theory of operation. The shim pauses the container for us, then saves its VM into the container's record, and has it
 * stand still until we let go of it, or are gone: whatever becomes of us, the container goes on. What is its own
 * meanwhile is copied into the checkpoint's folder; its manifest is the last.
 */

/**
 * struct checkpoint - the options, and what has been made so far
 * @dir: the checkpoint's folder; @saved: where the shim has saved the VM
 * @held: the container is paused for us
 * @ours: files in @dir are
 */
struct checkpoint {
	const char *image_path, *work_path, *cgroups_mode, *empty_ns;
	bool leave_running, tcp, unix_sockets, shell_job, file_locks;

	const volatile sig_atomic_t *interrupted;
	struct paths paths;
	struct record record;
	struct sandbox_spec spec;
	struct client client;
	struct checkpoint_manifest manifest;
	int dir, saved;
	bool held, ours;
};

#define NOTHING "changes nothing in a VM"

static const struct opt options[] = {
	OPT(checkpoint, 0, "image-path", OPT_STRING, image_path, "DIR",
	    "where it gets (checkpoint); made if it is not there"),
	OPT(checkpoint, 0, "leave-running", OPT_FLAG, leave_running, NULL,
	    "let the container go on, instead of ending it"),
	OPT(checkpoint, 0, "work-path", OPT_STRING, work_path, "DIR", NOTHING),
	OPT(checkpoint, 0, "tcp-established", OPT_FLAG, tcp, NULL, NOTHING),
	OPT(checkpoint, 0, "ext-unix-sk", OPT_FLAG, unix_sockets, NULL, NOTHING),
	OPT(checkpoint, 0, "shell-job", OPT_FLAG, shell_job, NULL, NOTHING),
	OPT(checkpoint, 0, "file-locks", OPT_FLAG, file_locks, NULL, NOTHING),
	OPT(checkpoint, 0, "manage-cgroups-mode", OPT_STRING, cgroups_mode, "M", NOTHING),
	OPT(checkpoint, 0, "empty-ns", OPT_STRING, empty_ns, "NAME", NOTHING),
	{.kind = OPT_END},
};

/* All that its processes know will be in it. One that is empty is taken for this alone. */
static int make_private(int dir, const char *path, struct err *err)
{
	_cleanup_dir_ DIR *entries = NULL;
	struct stat st;

	if (fstat(dir, &st) < 0)
		return err_errno(err, -errno, "cannot look at %s", path);
	if (!(st.st_mode & 077))
		return 0;
	entries = dir_open(dir, ".");
	if (!entries || dir_next(entries))
		return err_set(
			err, -EPERM,
			"others may enter %s, and it is not empty: give a folder of your own, "
			"or one that is not there",
			path);
	return fchmod(dir, 0700) < 0 ? err_errno(err, -errno, "cannot make %s private", path) : 0;
}

/* What somebody left behind that was killed is none; a whole one is kept. */
static int make_folder(struct checkpoint *c, struct err *err)
{
	int r = path_mkdirs(c->image_path, 0700);

	if (r == 0)
		c->dir = open(c->image_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r == 0 && c->dir < 0)
		r = -errno;
	if (r < 0)
		return err_errno(err, r, "cannot make the folder %s", c->image_path);
	if (flock(c->dir, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, -EBUSY, "another checkpoint is just made in %s", c->image_path);
	r = make_private(c->dir, c->image_path, err);
	if (r < 0)
		return r;
	if (faccessat(c->dir, CHECKPOINT_MANIFEST, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(err, -EEXIST, "there is a checkpoint in %s already", c->image_path);
	r = checkpoint_files_begin(c->dir, c->image_path, err);
	c->ours = r == 0;
	return r;
}

static int open_container(struct checkpoint *c, const char *name, struct err *err)
{
	int r = paths_find(&c->paths, err);

	if (r == 0)
		r = record_open(&c->paths, name, &c->record, err);
	if (r == 0)
		r = record_load(&c->record, &c->spec, err);
	/* Which says more than that it does not run. */
	if (r == 0)
		r = snapshot_check_spec(&c->spec, err);
	if (r == 0)
		r = client_connect(&c->client, &c->record, err);
	return r == 0 ? client_obey_signals(&c->client, err) : r;
}

/*
 * One at a time: to each of two the other one would be somebody who is at work in the container. Of one that cannot be
 * saved there is no such folder, and the shim says why.
 */
static int claim(struct checkpoint *c, struct err *err)
{
	c->saved = openat(c->record.dir, RECORD_SNAPSHOT,
			  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (c->saved < 0 && errno != ENOENT)
		return err_errno(err, -errno, "cannot open %s/" RECORD_SNAPSHOT,
				 c->record.dir_path);
	if (c->saved >= 0 && flock(c->saved, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, -EBUSY, "container %s is being saved: try again in a while",
			       c->record.id);
	return 0;
}

static int save(struct checkpoint *c, struct err *err)
{
	int r = claim(c, err);

	/* As long as it takes: its memory is written. */
	c->client.patience = 0;
	if (r == 0) {
		r = task_hold(&c->client, c->record.id, err);
		c->held = r == 0;
	}
	if (r == 0)
		r = task_save(&c->client, c->record.id, err);
	if (r == 0 && c->saved < 0)
		r = err_set(err, -ENOENT, "cannot open %s/" RECORD_SNAPSHOT, c->record.dir_path);
	return r;
}

static struct checkpoint_file *add(struct checkpoint *c, const char *name)
{
	struct checkpoint_file *file = &c->manifest.files[c->manifest.n++];

	*file = (struct checkpoint_file){.name = name};
	return file;
}

static bool is_vms(const char *name)
{
	return strcmp(name, VMM_SNAPSHOT_STATE) == 0 || strcmp(name, VMM_SNAPSHOT_MEMORY) == 0;
}

/* The VM's own files are nobody's else, and move. */
static int take_files(struct checkpoint *c, struct err *err)
{
	const char *name;
	int r = 0;

	for (size_t i = 0; r == 0 && (name = checkpoint_file_name(i)); i++) {
		bool vms = is_vms(name);

		if (!vms && faccessat(c->record.dir, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		r = vms ? checkpoint_file_move(c->saved, c->dir, name, c->image_path,
					       c->interrupted, &add(c, name)->size, err)
			: checkpoint_file_copy(c->record.dir, c->dir, name, c->image_path,
					       c->interrupted, &add(c, name)->size, err);
	}
	return r;
}

/* Of the store's images, the folder has the ID for its name. Return: a new string. */
static char *image_id(const char *path)
{
	for (const char *at = path; *at; at += strcspn(at, "/")) {
		at += strspn(at, "/");
		if (strcspn(at, "/") == ID_DIGITS && strspn(at, "0123456789abcdef") == ID_DIGITS)
			return xasprintf("sha256:%.*s", ID_DIGITS, at);
	}
	return xstrdup("");
}

/* One that all containers of an image have, and nobody changes. */
static int describe_image(struct checkpoint *c, struct err *err)
{
	struct stat st;

	c->manifest.image = xstrdup("");
	if (sandbox_spec_has_copy(&c->spec) ||
	    faccessat(c->record.dir, RECORD_IMAGE_DISK, F_OK, 0) == 0)
		return 0;
	free(c->manifest.image);
	c->manifest.image = image_id(c->spec.rootfs);
	if (!*c->manifest.image || stat(c->spec.rootfs, &st) < 0)
		return err_set(err, -ENOTSUP,
			       "container %s cannot be saved: its image's disk %s is none of the "
			       "store's",
			       c->record.id, c->spec.rootfs);
	c->manifest.image_size = (uint64_t)st.st_size;
	return 0;
}

/* Signals that come while answers are waited for are told there; a copy is ended by them at once. */
static void let_signals_interrupt(bool yes)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	(void)sigprocmask(yes ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL);
}

static int take_all(struct checkpoint *c, struct err *err)
{
	int r;

	let_signals_interrupt(true);
	r = take_files(c, err);
	let_signals_interrupt(false);
	return r == 0 && *c->interrupted ? err_set(err, -EINTR, "interrupted") : r;
}

static int sync_manifest(int dir)
{
	_cleanup_close_ int fd =
		openat(dir, CHECKPOINT_MANIFEST, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 || fsync(dir) < 0 ? -errno : 0;
}

/* From then on it is whole, and stays whatever happens. */
static int write_manifest(struct checkpoint *c, struct err *err)
{
	_cleanup_free_ char *text = checkpoint_manifest_text(&c->manifest, &c->spec);
	int r = file_write_atomic_at(c->dir, CHECKPOINT_MANIFEST, text, strlen(text), 0600);

	if (r == 0)
		r = sync_manifest(c->dir);
	if (r < 0)
		return err_errno(err, r, "cannot write %s/" CHECKPOINT_MANIFEST, c->image_path);
	checkpoint_files_end(c->dir);
	c->ours = false;
	return 0;
}

static int end_container(struct checkpoint *c, struct err *err)
{
	int r = task_shutdown(&c->client, c->record.id, err);

	client_disconnect(&c->client);
	if (r < 0)
		return r;
	r = record_wait(&c->record, 0);
	/* With --rm its record has gone with it. */
	return r == 0 || r == -ENOENT ? 0 : err_errno(err, r, "cannot wait for its end");
}

/* What is of it on the host, as long as it runs. */
static enum checkpoint_jail is_jailed(const struct checkpoint *c)
{
	_cleanup_free_ char *path = path_join(c->record.run_path, VMM_FIRECRACKER_JAIL);

	return access(path, F_OK) == 0 ? CHECKPOINT_JAILED : CHECKPOINT_NOT_JAILED;
}

static int checkpoint_all(struct checkpoint *c, const char *name, struct err *err)
{
	int r = open_container(c, name, err);

	if (r == 0)
		r = describe_image(c, err);
	if (r == 0)
		r = make_folder(c, err);
	if (r == 0) {
		c->manifest.jail = is_jailed(c);
		r = save(c, err);
	}
	if (r == 0)
		r = take_all(c, err);
	/* It goes on, or there would be two of it. */
	if (r == 0 && c->leave_running)
		r = task_release(&c->client, c->record.id, err);
	if (r == 0)
		r = write_manifest(c, err);
	if (r == 0 && !c->leave_running)
		r = end_container(c, err);
	/* Rather now than as soon as it is noticed that we are gone. */
	if (r < 0 && c->held)
		(void)task_release(&c->client, c->record.id, NULL);
	return r;
}

static void done(struct checkpoint *c, bool failed)
{
	client_disconnect(&c->client);
	if (failed && c->ours) {
		(void)unlinkat(c->dir, CHECKPOINT_MANIFEST, 0);
		checkpoint_files_remove(c->dir);
		checkpoint_files_end(c->dir);
		/* If it was there before, there may be more in it. */
		(void)rmdir(c->image_path);
	}
	fd_close(c->dir);
	fd_close(c->saved);
	checkpoint_manifest_done(&c->manifest);
	record_done(&c->record);
	sandbox_spec_done(&c->spec);
	paths_done(&c->paths);
}

static int check(const struct checkpoint *c, int argc, int at, struct err *err)
{
	if (argc - at != 1)
		return err_set(err, -EINVAL,
			       "which container? One name: see `caisson checkpoint --help`");
	return *c->image_path ? 0 : err_set(err, -EINVAL, "--image-path: which folder?");
}

static int checkpoint_main(const struct command *self, int argc, char **argv)
{
	struct checkpoint c = {
		.image_path = "checkpoint",
		.paths = PATHS_NULL,
		.record = RECORD_NULL,
		.spec = SANDBOX_SPEC_NULL,
		.client = CLIENT_NULL,
		.manifest = CHECKPOINT_MANIFEST_NULL,
		.dir = -EBADF,
		.saved = -EBADF,
	};
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, &c, &err), r = at;

	if (r >= 0)
		r = check(&c, argc, at, &err);
	if (r == 0) {
		c.interrupted = interrupts_catch();
		r = checkpoint_all(&c, argv[at], &err);
	}
	done(&c, r < 0);
	if (r < 0 && c.interrupted && (*c.interrupted || c.client.cancelled))
		return STATUS_INTERRUPTED;
	return r < 0 ? cmd_fail(self, &err) : 0;
}

const struct command command_checkpoint = {
	.name = "checkpoint",
	.usage = "[OPTIONS] NAME",
	.summary = "Save a running container with its VM, and end it.",
	.details =
		"`caisson restore` lets it go on from there. Only containers can be saved whose "
		"VM\n"
		"Firecracker runs, of which nothing is elsewhere: a root file system on disks, no\n"
		"volumes, no network, and `caisson run --detach`.\n",
	.opts = options,
	.failure = 1,
	.run = checkpoint_main,
};
