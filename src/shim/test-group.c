/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/test-group.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "bundle.pb-c.h"
#include "sandbox/rootfs.h"

struct asked create, start, asked;

/* A bundle of that name, in the folder of sockets. Return: its path. */
char *make_bundle(const char *name, const char *namespaces, const char *mounts)
{
	char *path = path_join(t.paths.run, name);
	_cleanup_free_ char *rootfs = path_join(path, "rootfs"), *file = path_join(rootfs, "file");
	_cleanup_free_ char *json = xasprintf(
		"{\"root\":{\"path\":\"rootfs\"},\"process\":{\"args\":[\"%s\"],\"cwd\":\"/"
		"\"},\"linux\":{\"namespaces\":[%s]},\"mounts\":[%s],"
		"\"annotations\":{\"io.kubernetes.cri.container-name\":\"main\"}}",
		name, namespaces, mounts);
	_cleanup_close_ int dir = -EBADF;

	test_int(path_remove_tree(AT_FDCWD, path), 0);
	test_int(path_mkdirs(file, 0700), 0);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	test_int(file_write_atomic_at(dir, "config.json", json, strlen(json), 0600), 0);
	return path;
}

void ask_join(const char *id, const char *bundle)
{
	Containerd__Task__V2__CreateTaskRequest request =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;

	request.id = (char *)id;
	request.bundle = (char *)bundle;
	ask(&create, "Create", &request.base);
}

void ask_of(struct asked *a, const char *method, const char *id, const char *exec_id)
{
	Containerd__Task__V2__KillRequest request = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;

	request.id = (char *)id;
	request.exec_id = (char *)exec_id;
	ask(a, method, &request.base);
}

void expect_state_of(const char *id, Containerd__V1__Types__Status status)
{
	Containerd__Task__V2__StateResponse *response;

	ask_of(&asked, "State", id, "");
	response = (Containerd__Task__V2__StateResponse *)expect_ok(
		&asked, &containerd__task__v2__state_response__descriptor);
	test_str(response->id, id);
	test_int(response->status, status);
	rpc_free(&response->base);
}

void expect_path(const char *in, const char *name, bool there)
{
	_cleanup_free_ char *path = path_join(in, name);

	test_int(access(path, F_OK) == 0 ? 0 : -errno, there ? 0 : -ENOENT);
}

/* The first one runs, and others may come. */
void begin_group(void)
{
	struct err err = ERR_NULL;

	begin_running(false);
	t.spec.executor = xstrdup(SANDBOX_EXECUTOR_BUNDLES);
	t.spec.rootfs_mode = xstrdup(SANDBOX_ROOTFS_MODE_DEFAULT);
	t.shim.sandbox.group = true;
	t.shim.keeper = getpid();
	if (share_make(&t.record, &t.spec, &t.shim.sandbox.sources, &err) < 0)
		test_fail("%s", err.text);
}

void end_group(void)
{
	share_undo(&t.record);
	test_shim_end();
}

/* Return: what the guest is asked to create, once it has the bundle; rpc_free() it. */
Containerd__Task__V2__CreateTaskRequest *guest_takes_bundle(const char *id, const char *part)
{
	Caisson__Guest__V1__CreateBundleResponse response =
		CAISSON__GUEST__V1__CREATE_BUNDLE_RESPONSE__INIT;
	Caisson__Guest__V1__CreateBundleRequest *request =
		(Caisson__Guest__V1__CreateBundleRequest *)asked_of_guest(
			"Create", &caisson__guest__v1__create_bundle_request__descriptor);

	test_str(request->id, id);
	test_int(request->n_files, 1);
	if (!memmem(request->files[0]->value.data, request->files[0]->value.len, part,
		    strlen(part)))
		test_fail("\"%s\" is not in the bundle", part);
	rpc_free(&request->base);
	response.bundle = (char *)"/run/bundles/x";
	guest_replies(&response.base);
	return (Containerd__Task__V2__CreateTaskRequest *)asked_of_guest(
		"Create", &containerd__task__v2__create_task_request__descriptor);
}

void guest_creates_joined(const char *id, const char *rootfs)
{
	Containerd__Task__V2__CreateTaskResponse response =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;
	Containerd__Task__V2__CreateTaskRequest *request =
		guest_takes_bundle(id, "/proc\\/7\\/ns\\/ipc");

	test_str(request->id, id);
	test_int(request->n_rootfs, 2);
	test_str(request->rootfs[1]->source, rootfs);
	rpc_free(&request->base);
	response.pid = 9;
	guest_replies(&response.base);
}

/* What the other one is told of it, and what that is: a process that sees the container's files. */
void expect_process_of(const char *id, uint32_t pid)
{
	_cleanup_free_ char *file = xasprintf("/proc/%u/root/file", pid);
	Containerd__Task__V2__StateResponse *state;

	test_int(access(file, F_OK), 0);
	test_true((pid_t)pid != getpid());
	ask_of(&asked, "State", id, "");
	state = (Containerd__Task__V2__StateResponse *)expect_ok(
		&asked, &containerd__task__v2__state_response__descriptor);
	test_int(state->pid, pid);
	rpc_free(&state->base);
}

void join(const char *id, const char *part)
{
	Containerd__Task__V2__CreateTaskResponse *created;
	_cleanup_free_ char *ipc = xasprintf(
		TEST_NETWORK ",{\"type\":\"ipc\",\"path\":\"/proc/%d/ns/ipc\"}", (int)getpid());
	_cleanup_free_ char *bundle = make_bundle("b", ipc, "");
	_cleanup_free_ char *rootfs = xasprintf("/layers/share/%s/rootfs", part);

	ask_join(id, bundle);
	guest_creates_joined(id, rootfs);
	created = (Containerd__Task__V2__CreateTaskResponse *)expect_ok(
		&create, &containerd__task__v2__create_task_response__descriptor);
	expect_process_of(id, created->pid);
	rpc_free(&created->base);
}

void start_it(const char *id)
{
	ask_of(&start, "Start", id, "");
	guest_starts();
	expect(&start, TTRPC_OK, "");
}

/* Answers come one by one, so each is an occasion to look. */
void until_state_of(const char *id, enum process_state state)
{
	const struct container *c = container_find(&t.shim.sandbox, id);

	do {
		ask_of(&asked, "State", id, "");
		expect(&asked, TTRPC_OK, "");
	} while (c->init->state != state);
}

/* The guest keeps Wait of both: the older one is the first container's. */
void it_ends(const char *id, uint32_t status)
{
	Containerd__Task__V2__WaitResponse response = CONTAINERD__TASK__V2__WAIT_RESPONSE__INIT;
	Containerd__Task__V2__WaitRequest *request;

	response.exit_status = status;
	request = (Containerd__Task__V2__WaitRequest *)asked_of_guest(
		"Wait", &containerd__task__v2__wait_request__descriptor);
	test_str(request->id, "c1");
	rpc_free(&request->base);
	request = (Containerd__Task__V2__WaitRequest *)asked_of_guest(
		"Wait", &containerd__task__v2__wait_request__descriptor);
	test_str(request->id, id);
	rpc_free(&request->base);
	guest_replies(&response.base);
	until_state_of(id, PROCESS_STOPPING);
	for (size_t i = 0; i < t.guest.n; i++)
		if (t.guest.peers[i].state == TEST_PEER_GREETED)
			test_peer_close(&t.guest.peers[i]);
	until_state_of(id, PROCESS_STOPPED);
}

void expect_deleted(uint32_t status)
{
	Containerd__Task__V2__DeleteResponse *response =
		(Containerd__Task__V2__DeleteResponse *)expect_ok(
			&asked, &containerd__task__v2__delete_response__descriptor);

	test_int(response->exit_status, status);
	rpc_free(&response->base);
}

void delete_it(const char *id, uint32_t status)
{
	Containerd__Task__V2__DeleteRequest *request;

	ask_of(&asked, "Delete", id, "");
	request = (Containerd__Task__V2__DeleteRequest *)asked_of_guest(
		"Delete", &containerd__task__v2__delete_request__descriptor);
	test_str(request->id, id);
	rpc_free(&request->base);
	test_true(!asked.done);
	guest_replies(EMPTY);
	expect_deleted(status);
}

void expect_kill(const char *id, uint32_t signo)
{
	Containerd__Task__V2__KillRequest *request =
		(Containerd__Task__V2__KillRequest *)asked_of_guest(
			"Kill", &containerd__task__v2__kill_request__descriptor);

	test_str(request->id, id);
	test_int(request->signal, signo);
	rpc_free(&request->base);
	guest_replies(EMPTY);
}

void deadline_passes(struct loop_timer *timer)
{
	loop_timer_start(&t.loop, timer, clock_now(), timer->callback);
}

void expect_gone(const char *id)
{
	_cleanup_free_ char *containers = path_join(t.paths.root, "containers");

	run_until(&t.loop, !container_find(&t.shim.sandbox, id));
	expect_path(containers, id, false);
	expect_state_of("c1", CONTAINERD__V1__TYPES__STATUS__RUNNING);
}

void expect_delete(const char *id)
{
	Containerd__Task__V2__DeleteRequest *request =
		(Containerd__Task__V2__DeleteRequest *)asked_of_guest(
			"Delete", &containerd__task__v2__delete_request__descriptor);

	test_str(request->id, id);
	rpc_free(&request->base);
	guest_replies(EMPTY);
}

void ask_to_remove(const char *id)
{
	Containerd__Task__V2__ShutdownRequest request =
		CONTAINERD__TASK__V2__SHUTDOWN_REQUEST__INIT;

	request.id = (char *)id;
	request.now = true;
	ask(&asked, "Shutdown", &request.base);
	expect(&asked, TTRPC_OK, "");
}

int run_as_root(void (*tests)(void))
{
	return test_is_root() ? test_in_child(tests) : TEST_SKIPPED;
}
