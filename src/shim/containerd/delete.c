/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: containerd asks for this whenever a container has been removed, and has five seconds for it.
 * What is left is known from the record, which a shim that ends in order takes along; from one that was killed
 * its keeper has set the exit status, or nobody has. A shim that lives still is on its way out, or there for others of its VM,
 * and is told that this one is to go; one that has not let go of it in time is killed, with its VM.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "cgroup/cgroup.h"
#include "rpc/task.h"
#include "sandbox/hooks.h"
#include "sandbox/oci-adapt.h"
#include "shim/containerd/address.h"
#include "shim/containerd/ask.h"
#include "shim/containerd/start.h"
#include "task.pb-c.h"

#define STATUS_KILLED (128 + SIGKILL)

/* Of containerd's five seconds, both together. */
#define END_SECONDS    2
#define KILLED_SECONDS 2
/* Longer than an address is, and a shim's command line. */
#define ADDRESS_MAX 256
#define CMDLINE_MAX 4096

/* struct end - how it has ended, and when */
struct end {
	int status;
	struct timespec at;
};

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

/* A name that begins with it is another's. */
static int open_exactly(const struct paths *paths, const char *id, struct record *ret,
			struct err *err)
{
	int r = record_open(paths, id, ret, err);

	return r == 0 && strcmp(ret->id, id) != 0 ? -ENOENT : r;
}

/* And all that it has started: its keeper leads their session. @vm: the container that it was started for */
static void kill_shim(const struct paths *paths, const char *vm)
{
	struct record record = RECORD_NULL;
	pid_t keeper = open_exactly(paths, vm, &record, NULL) == 0 ? record_keeper(&record) : 0;

	if (keeper > 0 && is_shim(keeper, vm))
		(void)kill(-keeper, SIGKILL);
	record_done(&record);
}

/* Of one that has come to another's VM: the shim is there for that, and does not end with it. */
static int ask_to_remove(const struct record *record)
{
	_cleanup_free_ char *socket = path_join(record->run_path, RECORD_SHIM_SOCKET);
	Containerd__Task__V2__ShutdownRequest request =
		CONTAINERD__TASK__V2__SHUTDOWN_REQUEST__INIT;

	request.id = record->id;
	request.now = true;
	return shim_ask(socket, "Shutdown", &request.base, END_SECONDS * NSEC_PER_SEC, NULL, NULL);
}

/* Others may be in its VM: a shim that answers is killed only if its guest cannot be brought to end this one. */
static int await_end(const struct paths *paths, struct record *record,
		     const struct sandbox_spec *spec, struct err *err)
{
	bool joined = sandbox_spec_shares_vm(spec);
	int r = record_claim(record), asked;

	if (r != -EWOULDBLOCK)
		return r;
	asked = joined ? ask_to_remove(record) : -ENOTCONN;
	r = asked == -ETIMEDOUT ? asked : record_wait(record, END_SECONDS);
	if (r == -ETIMEDOUT) {
		kill_shim(paths, joined ? spec->vm : record->id);
		r = record_wait(record, KILLED_SECONDS);
	}
	if (r == -ETIMEDOUT)
		return err_set(err, r, "container %s: its caisson-shim does not end", record->id);
	return r;
}

static void look_at_end(const struct record *record, struct end *end)
{
	int status;

	if (record_state(record, &status) == RECORD_STOPPED &&
	    record_exited_at(record, &end->at) == 0)
		end->status = status;
}

static int remove_it(const struct paths *paths, struct record *record,
		     const struct sandbox_spec *spec, struct end *end, struct err *err)
{
	int r;

	look_at_end(record, end);
	r = await_end(paths, record, spec, err);
	/* A shim has removed it meanwhile. */
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err->code ? r : err_errno(err, r, "cannot claim container %s", record->id);
	look_at_end(record, end);
	if (spec->id)
		(void)hooks_run(record, spec, "poststop", "stopped", 0, NULL);
	(void)record_remove_cgroups(record, CGROUP_PATIENCE);
	return record_remove(paths, record, err);
}

/* Of one that was half made or removed there is no spec. */
static int remove_record(const struct paths *paths, struct record *record, struct end *end,
			 struct err *err)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	int r;

	(void)record_load(record, &spec, NULL);
	r = remove_it(paths, record, &spec, end, err);
	sandbox_spec_done(&spec);
	return r;
}

static bool is_of(const struct sandbox_spec *spec, const char *sandbox)
{
	return spec->vm && strcmp(spec->vm, sandbox) == 0;
}

/* A shim that lives has the claim on it; and others may remove it just now. */
static int remove_claimed(const struct paths *paths, struct record *record, struct err *err)
{
	int r = record_claim(record);

	if (r == -EWOULDBLOCK)
		return err_set(err, r, "its caisson-shim has not ended");
	if (r == 0)
		return record_remove(paths, record, err);
	return r == -ENOENT ? 0 : err_errno(err, r, "cannot claim it");
}

/* What containerd finds on stderr is in its log: this is no reason to keep the sandbox. */
static void remove_member(const struct paths *paths, const char *name, const char *sandbox)
{
	struct record record = RECORD_NULL;
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct err err = ERR_NULL;

	if (open_exactly(paths, name, &record, NULL) == 0 &&
	    record_load(&record, &spec, NULL) == 0 && is_of(&spec, sandbox) &&
	    remove_claimed(paths, &record, &err) < 0)
		log_warn("container %s, which was in sandbox %s, is not removed: %s", name, sandbox,
			 err.text);
	sandbox_spec_done(&spec);
	record_done(&record);
}

/* containerd, which asks for that with each container of a pod, does not with those of a sandbox that is none itself. */
static void remove_members(const struct paths *paths, const struct containerd_args *args)
{
	_cleanup_free_ char *config = path_join(args->bundle ? args->bundle : ".", OCI_CONFIG_FILE);
	_cleanup_strv_ struct strv all = STRV_NULL;

	if (access(config, F_OK) == 0 || record_list(paths, &all, NULL) < 0)
		return;
	for (size_t i = 0; i < all.n; i++)
		remove_member(paths, all.v[i], args->id);
}

static int remove_container(const struct containerd_args *args, struct end *end, struct err *err)
{
	struct paths paths = PATHS_NULL;
	struct record record = RECORD_NULL;
	int r = containerd_paths(args->namespace, &paths, err);

	if (r == 0) {
		r = open_exactly(&paths, args->id, &record, err);
		if (r == 0)
			r = remove_record(&paths, &record, end, err);
		else if (r == -ENOENT)
			r = 0;
		remove_members(&paths, args);
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

static int print(const struct end *end)
{
	Containerd__Task__V2__DeleteResponse response = CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	uint8_t data[64];

	rpc_timestamp(&end->at, &at);
	response.exit_status = (uint32_t)end->status;
	response.exited_at = &at;
	if (protobuf_c_message_get_packed_size(&response.base) > sizeof(data))
		return -EMSGSIZE;
	return fd_write_full(STDOUT_FILENO, data, protobuf_c_message_pack(&response.base, data));
}

int containerd_delete(const struct containerd_args *args, struct err *err)
{
	struct end end = {.status = STATUS_KILLED};
	int r;

	(void)clock_gettime(CLOCK_REALTIME, &end.at);
	r = remove_container(args, &end, err);
	if (r < 0)
		return r;
	remove_socket(args);
	r = print(&end);
	return r < 0 ? err_errno(err, r, "cannot print how it ended") : 0;
}
