/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: containerd asks for this whenever a container has been removed, and has five seconds for it.
 * What is left is known from the record, which a shim that ends in order takes along; from one that was killed
 * its keeper has set the exit status, or nobody has. A shim that lives still is on its way out; if it does not go, it is killed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "cgroup/cgroup.h"
#include "rpc/task.h"
#include "sandbox/hooks.h"
#include "shim/containerd/address.h"
#include "shim/containerd/start.h"
#include "task.pb-c.h"

#define STATUS_KILLED (128 + SIGKILL)

/* Of containerd's five seconds, both together. */
#define END_SECONDS    2
#define KILLED_SECONDS 2
/* Longer than an address is, and a shim's command line. */
#define ADDRESS_MAX 256
#define CMDLINE_MAX 4096

/* Its number may be another process' by now. */
static bool is_shim(pid_t pid, const char *id)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/cmdline", (int)pid), *words = NULL;
	_cleanup_free_ char *wanted = xasprintf("--id %s ", id);
	size_t len;

	if (file_slurp_at(AT_FDCWD, path, CMDLINE_MAX, &words, &len) < 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!words[i])
			words[i] = ' ';
	return strstr(words, "caisson-shim") && strstr(words, wanted);
}

static int await_end(struct record *record, struct err *err)
{
	int r = record_claim(record);
	pid_t keeper;

	if (r == -EWOULDBLOCK)
		r = record_wait(record, END_SECONDS);
	if (r == -ETIMEDOUT) {
		/* And all that it has started: it leads their session. */
		keeper = record_keeper(record);
		if (keeper > 0 && is_shim(keeper, record->id))
			(void)kill(-keeper, SIGKILL);
		r = record_wait(record, KILLED_SECONDS);
	}
	if (r == -ETIMEDOUT)
		return err_set(err, r, "container %s: its caisson-shim does not end", record->id);
	return r;
}

static void run_hooks(const struct record *record)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;

	if (record_load(record, &spec, NULL) == 0)
		(void)hooks_run(record, &spec, "poststop", "stopped", 0, NULL);
	sandbox_spec_done(&spec);
}

static int remove_record(const struct paths *paths, struct record *record, int *ret_status,
			 struct err *err)
{
	int status, r = await_end(record, err);

	/* A shim has removed it meanwhile. */
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err->code ? r : err_errno(err, r, "cannot claim container %s", record->id);
	if (record_state(record, &status) == RECORD_STOPPED)
		*ret_status = status;
	run_hooks(record);
	(void)record_remove_cgroups(record, CGROUP_PATIENCE);
	return record_remove(paths, record, err);
}

static int remove_container(const struct containerd_args *args, int *ret_status, struct err *err)
{
	struct paths paths = PATHS_NULL;
	struct record record = RECORD_NULL;
	int r = containerd_paths(args->namespace, &paths, err);

	if (r == 0) {
		r = record_open(&paths, args->id, &record, err);
		/* A name that begins with it is another's. */
		if (r == 0 && strcmp(record.id, args->id) == 0)
			r = remove_record(&paths, &record, ret_status, err);
		else if (r == -ENOENT)
			r = 0;
	}
	record_done(&record);
	paths_done(&paths);
	paths_leave_root();
	return r;
}

/* The bundle, which says where it was, may have gone. */
static void remove_socket(const struct containerd_args *args)
{
	const char *bundle = args->bundle ? args->bundle : ".";
	_cleanup_free_ char *file = path_join(bundle, CONTAINERD_ADDRESS_FILE), *text = NULL;
	_cleanup_free_ char *usual = containerd_socket_path(args, args->id, NULL);
	const char *path = NULL;

	if (file_slurp_at(AT_FDCWD, file, ADDRESS_MAX, &text, NULL) == 0)
		path = str_starts(text, CONTAINERD_UNIX "/");
	containerd_unlink(path ? path - 1 : usual);
}

static int print(int status)
{
	Containerd__Task__V2__DeleteResponse response = CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	struct timespec now;
	uint8_t data[64];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	rpc_timestamp(&now, &at);
	response.exit_status = (uint32_t)status;
	response.exited_at = &at;
	if (protobuf_c_message_get_packed_size(&response.base) > sizeof(data))
		return -EMSGSIZE;
	return fd_write_full(STDOUT_FILENO, data, protobuf_c_message_pack(&response.base, data));
}

int containerd_delete(const struct containerd_args *args, struct err *err)
{
	int status = STATUS_KILLED, r = remove_container(args, &status, err);

	if (r < 0)
		return r;
	remove_socket(args);
	r = print(status);
	return r < 0 ? err_errno(err, r, "cannot print how it ended") : 0;
}
