/* SPDX-License-Identifier: Apache-2.0 */
/* Containers that come to a VM in which there is one already. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "bundle.pb-c.h"
#include "loop/test-clock.h"
#include "sandbox/rootfs.h"
#include "shim/containerd/containerd.h"
#include "shim/containerd/pod.h"
#include "shim/test-shim.h"
#include "shim/told.h"
#include "vmmount.pb-c.h"

#define SKIP	77
#define NETWORK "{\"type\":\"network\",\"path\":\"/proc/self/ns/net\"}"
/* What follows the namespaces, too. */
#define NETWORK_AND_BLOCK_DEVICE \
	NETWORK "],\"devices\":[{\"path\":\"/dev/x\",\"type\":\"b\",\"major\":7,\"minor\":250}"

static struct asked create, start, waiting, asked;
static struct containerd containerd;
static struct pod pod;

/* A bundle of that name, in the folder of sockets. Return: its path. */
static char *make_bundle(const char *name, const char *namespaces, const char *mounts)
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

static void ask_join(const char *id, const char *bundle)
{
	Containerd__Task__V2__CreateTaskRequest request =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;

	request.id = (char *)id;
	request.bundle = (char *)bundle;
	ask(&create, "Create", &request.base);
}

static void ask_of(struct asked *a, const char *method, const char *id, const char *exec_id)
{
	Containerd__Task__V2__KillRequest request = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;

	request.id = (char *)id;
	request.exec_id = (char *)exec_id;
	ask(a, method, &request.base);
}

static void expect_state_of(const char *id, Containerd__V1__Types__Status status)
{
	Containerd__Task__V2__StateResponse *response;

	ask_of(&asked, "State", id, "");
	response = (Containerd__Task__V2__StateResponse *)expect_ok(
		&asked, &containerd__task__v2__state_response__descriptor);
	test_str(response->id, id);
	test_int(response->status, status);
	rpc_free(&response->base);
}

static void expect_path(const char *in, const char *name, bool there)
{
	_cleanup_free_ char *path = path_join(in, name);

	test_int(access(path, F_OK) == 0 ? 0 : -errno, there ? 0 : -ENOENT);
}

/* The first one runs, and others may come. */
static void begin_group(void)
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

static void end_group(void)
{
	share_undo(&t.record);
	test_shim_end();
}

/* Return: what the guest is asked to create, once it has the bundle; rpc_free() it. */
static Containerd__Task__V2__CreateTaskRequest *guest_takes_bundle(const char *id, const char *part)
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

static void guest_creates_joined(const char *id, const char *rootfs)
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
static void expect_process_of(const char *id, uint32_t pid)
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

static void join(const char *id, const char *part)
{
	Containerd__Task__V2__CreateTaskResponse *created;
	_cleanup_free_ char *ipc = xasprintf(
		NETWORK ",{\"type\":\"ipc\",\"path\":\"/proc/%d/ns/ipc\"}", (int)getpid());
	_cleanup_free_ char *bundle = make_bundle("b", ipc, "");
	_cleanup_free_ char *rootfs = xasprintf("/layers/share/%s/rootfs", part);

	ask_join(id, bundle);
	guest_creates_joined(id, rootfs);
	created = (Containerd__Task__V2__CreateTaskResponse *)expect_ok(
		&create, &containerd__task__v2__create_task_response__descriptor);
	expect_process_of(id, created->pid);
	rpc_free(&created->base);
}

static void start_it(const char *id)
{
	ask_of(&start, "Start", id, "");
	guest_starts();
	expect(&start, TTRPC_OK, "");
}

/* Answers come one by one, so each is an occasion to look. */
static void until_state_of(const char *id, enum process_state state)
{
	const struct container *c = container_find(&t.shim.sandbox, id);

	do {
		ask_of(&asked, "State", id, "");
		expect(&asked, TTRPC_OK, "");
	} while (c->init->state != state);
}

/* The guest keeps Wait of both: the older one is the first container's. */
static void it_ends(const char *id, uint32_t status)
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

static void expect_deleted(uint32_t status)
{
	Containerd__Task__V2__DeleteResponse *response =
		(Containerd__Task__V2__DeleteResponse *)expect_ok(
			&asked, &containerd__task__v2__delete_response__descriptor);

	test_int(response->exit_status, status);
	rpc_free(&response->base);
}

static void delete_it(const char *id, uint32_t status)
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

static void one_comes_and_goes(void)
{
	_cleanup_free_ char *share = NULL, *containers = NULL;

	begin_group();
	share = path_join(t.record.run_path, SHARE_FOLDER);
	containers = path_join(t.paths.root, "containers");
	join("c2", "1");
	expect_path(share, "1/rootfs/file", true);
	expect_path(containers, "c2", true);
	expect_state_of("c2", CONTAINERD__V1__TYPES__STATUS__CREATED);
	start_it("c2");
	expect_state_of("c2", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	expect_state_of("c1", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	ask_of(&waiting, "Wait", "c2", "");
	it_ends("c2", 3);
	expect_waited(&waiting, 3);
	expect_state_of("c1", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	test_int(t.shim.sandbox.state, SANDBOX_READY);
	delete_it("c2", 3);
	expect_path(share, "1", false);
	expect_path(containers, "c2", false);
	ask_of(&asked, "State", "c2", "");
	expect(&asked, TTRPC_NOT_FOUND, "c2");
	test_int(t.shim.restarts.n, 1);
	test_int(t.shim.restarts.rows[0].count, 0);
	/* Of the same name again, it has another part. */
	join("c2", "2");
	expect_path(share, "2/rootfs/file", true);
	test_str(t.shim.restarts.rows[0].name, "main");
	test_int(t.shim.restarts.rows[0].count, 1);
	end_group();
}

static void expect_kill(const char *id, uint32_t signo)
{
	Containerd__Task__V2__KillRequest *request =
		(Containerd__Task__V2__KillRequest *)asked_of_guest(
			"Kill", &containerd__task__v2__kill_request__descriptor);

	test_str(request->id, id);
	test_int(request->signal, signo);
	rpc_free(&request->base);
	guest_replies(EMPTY);
}

/* A signal for it is for the container, and its end is the container's. */
static void what_stands_for_it(void)
{
	pid_t pid;

	begin_group();
	join("c2", "1");
	start_it("c2");
	pid = shim_container_pid(container_find(&t.shim.sandbox, "c2"));
	test_int(kill(pid, SIGUSR1), 0);
	expect_kill("c2", SIGUSR1);
	test_int(kill(pid, SIGKILL), 0);
	expect_kill("c2", SIGKILL);
	test_int(kill(pid, 0) < 0 ? -errno : 0, -ESRCH);
	it_ends("c2", 137);
	delete_it("c2", 137);
	end_group();
}

static void what_stands_for_it_ends_with_it(void)
{
	pid_t pid;

	begin_group();
	join("c2", "1");
	start_it("c2");
	pid = shim_container_pid(container_find(&t.shim.sandbox, "c2"));
	it_ends("c2", 3);
	test_int(kill(pid, 0) < 0 ? -errno : 0, -ESRCH);
	end_group();
}

static void deadline_passes(struct loop_timer *timer)
{
	loop_timer_start(&t.loop, timer, clock_now(), timer->callback);
}

static void expect_gone(const char *id)
{
	_cleanup_free_ char *containers = path_join(t.paths.root, "containers");

	run_until(&t.loop, !container_find(&t.shim.sandbox, id));
	expect_path(containers, id, false);
	expect_state_of("c1", CONTAINERD__V1__TYPES__STATUS__RUNNING);
}

static void expect_delete(const char *id)
{
	Containerd__Task__V2__DeleteRequest *request =
		(Containerd__Task__V2__DeleteRequest *)asked_of_guest(
			"Delete", &containerd__task__v2__delete_request__descriptor);

	test_str(request->id, id);
	rpc_free(&request->base);
	guest_replies(EMPTY);
}

static void ask_to_remove(const char *id)
{
	Containerd__Task__V2__ShutdownRequest request =
		CONTAINERD__TASK__V2__SHUTDOWN_REQUEST__INIT;

	request.id = (char *)id;
	request.now = true;
	ask(&asked, "Shutdown", &request.base);
	expect(&asked, TTRPC_OK, "");
}

/* `caisson delete -f` of it is not the end of others. */
static void one_is_removed(void)
{
	_cleanup_free_ char *containers = NULL;

	begin_group();
	containers = path_join(t.paths.root, "containers");
	join("c2", "1");
	start_it("c2");
	ask_of(&waiting, "Wait", "c2", "");
	ask_to_remove("c2");
	expect_kill("c2", SIGKILL);
	it_ends("c2", 137);
	expect_waited(&waiting, 137);
	expect_delete("c2");
	run_until(&t.loop, !container_find(&t.shim.sandbox, "c2")->init->forgetting);
	expect_path(containers, "c2", false);
	/* Who has it still hears how it ended. */
	expect_state_of("c2", CONTAINERD__V1__TYPES__STATUS__STOPPED);
	ask_of(&asked, "Delete", "c2", "");
	rpc_free(asked_of_guest("Delete", &containerd__task__v2__delete_request__descriptor));
	guest_fails(TTRPC_NOT_FOUND, "container c2 does not exist");
	expect(&asked, TTRPC_OK, "");
	expect_gone("c2");
	end_group();
}

static void one_is_removed_while_it_is_created(void)
{
	Containerd__Task__V2__CreateTaskResponse response =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;
	_cleanup_free_ char *bundle = NULL;

	begin_group();
	bundle = make_bundle("b", NETWORK, "");
	ask_join("c2", bundle);
	rpc_free(&guest_takes_bundle("c2", "\"b\"")->base);
	ask_to_remove("c2");
	response.pid = 9;
	guest_replies(&response.base);
	expect(&create, TTRPC_ABORTED, "container c2: it was removed meanwhile");
	expect_delete("c2");
	expect_gone("c2");
	end_group();
}

/* Nobody knows of it then, and when it comes to be in the guest at last, it is removed there. */
static void one_that_is_created_too_late(void)
{
	Containerd__Task__V2__CreateTaskResponse response =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;
	_cleanup_free_ char *bundle = NULL, *share = NULL;

	begin_group();
	share = path_join(t.record.run_path, SHARE_FOLDER);
	bundle = make_bundle("b", NETWORK, "");
	ask_join("c2", bundle);
	rpc_free(&guest_takes_bundle("c2", "\"b\"")->base);
	deadline_passes(&container_find(&t.shim.sandbox, "c2")->init->deadline);
	expect(&create, TTRPC_DEADLINE_EXCEEDED, "did not answer");
	ask_of(&asked, "State", "c2", "");
	expect(&asked, TTRPC_NOT_FOUND, "c2");
	expect_path(share, "1", true);
	response.pid = 9;
	guest_replies(&response.base);
	expect_delete("c2");
	expect_gone("c2");
	expect_path(share, "1", false);
	end_group();
}

/* With a folder that others may have, too, which the guest is asked to mount before. */
static void ask_join_with_volume(const char *id, const char *namespaces)
{
	_cleanup_free_ char *volume = path_join(t.paths.run, "volume"), *bundle = NULL;
	_cleanup_free_ char *mount =
		xasprintf("{\"destination\":\"/d\",\"type\":\"bind\",\"source\":\"%s\"}", volume);

	test_int(path_mkdirs(volume, 0700), 0);
	bundle = make_bundle("b", namespaces, mount);
	ask_join(id, bundle);
	rpc_free(asked_of_guest("MountAll", &caisson__guest__v1__mount_all_request__descriptor));
}

/* Before it is created there: the guest has not even what is mounted for it. */
static void mounted_too_late(const char *namespaces, enum ttrpc_code code)
{
	_cleanup_free_ char *share = NULL;

	begin_group();
	share = path_join(t.record.run_path, SHARE_FOLDER);
	ask_join_with_volume("c2", namespaces);
	deadline_passes(&container_find(&t.shim.sandbox, "c2")->init->deadline);
	expect(&create, TTRPC_DEADLINE_EXCEEDED, "did not answer");
	expect_path(share, "1", true);
	if (code == TTRPC_OK)
		guest_replies(EMPTY);
	else
		guest_fails(code, "no");
	expect_gone("c2");
	expect_path(share, "1", false);
	test_true(!guest_was_asked("Create"));
	end_group();
}

static void one_whose_volumes_come_too_late(void)
{
	mounted_too_late(NETWORK, TTRPC_OK);
	mounted_too_late(NETWORK, TTRPC_RESOURCE_EXHAUSTED);
	mounted_too_late(NETWORK_AND_BLOCK_DEVICE, TTRPC_OK);
}

/* Two mounts are there of each; a guest that always has one more is not asked for ever. */
static void what_it_shared_is_unmounted(void)
{
	Containerd__Task__V2__CreateTaskResponse response =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;
	Caisson__Guest__V1__UnmountRequest *request;

	begin_group();
	ask_join_with_volume("c2", NETWORK);
	guest_replies(EMPTY);
	rpc_free(&guest_takes_bundle("c2", "\"b\"")->base);
	response.pid = 9;
	guest_replies(&response.base);
	expect(&create, TTRPC_OK, "");
	ask_of(&asked, "Delete", "c2", "");
	expect_delete("c2");
	expect(&asked, TTRPC_OK, "");
	for (int i = 0; i < 2; i++) {
		request = (void *)asked_of_guest("Unmount",
						 &caisson__guest__v1__unmount_request__descriptor);
		test_str(request->target, ABI_SHARE_WHOLE "/" SHARE_IN_COMMON "/1");
		rpc_free(&request->base);
		test_true(!list_empty(&t.shim.sandbox.sources.gone));
		guest_replies(EMPTY);
	}
	do {
		expect_state_of("c1", CONTAINERD__V1__TYPES__STATUS__RUNNING);
		test_true(!guest_was_asked("Unmount"));
	} while (!list_empty(&t.shim.sandbox.sources.gone));
	expect_gone("c2");
	end_group();
}

/* It may run by then, so it is killed, and ends like any other. */
static void one_that_starts_too_late(void)
{
	begin_group();
	join("c2", "1");
	ask_of(&start, "Start", "c2", "");
	rpc_free(asked_of_guest("Start", &containerd__task__v2__start_request__descriptor));
	deadline_passes(&container_find(&t.shim.sandbox, "c2")->init->deadline);
	expect(&start, TTRPC_DEADLINE_EXCEEDED, "did not answer");
	expect_kill("c2", SIGKILL);
	expect_state_of("c2", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	it_ends("c2", 137);
	delete_it("c2", 137);
	expect_gone("c2");
	end_group();
}

/* Without what stands for it there is none. */
static void one_that_nobody_stands_for(void)
{
	Containerd__Task__V2__CreateTaskResponse response =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;
	_cleanup_free_ char *bundle = NULL, *rootfs = NULL;

	begin_group();
	rootfs = path_join(t.record.run_path, SHARE_FOLDER "/1/rootfs");
	bundle = make_bundle("b", NETWORK, "");
	ask_join("c2", bundle);
	rpc_free(&guest_takes_bundle("c2", "\"b\"")->base);
	rootfs_unmount(rootfs);
	response.pid = 9;
	guest_replies(&response.base);
	expect(&create, TTRPC_INTERNAL, "no process of the host's can stand for it");
	expect_delete("c2");
	expect_gone("c2");
	end_group();
}

static void one_that_the_guest_does_not_kill(void)
{
	begin_group();
	join("c2", "1");
	start_it("c2");
	t.loop.now = test_clock;
	test_int(kill(shim_container_pid(container_find(&t.shim.sandbox, "c2")), SIGKILL), 0);
	rpc_free(asked_of_guest("Kill", &containerd__task__v2__kill_request__descriptor));
	test_pass(&t.loop, PROCESS_GUEST_ENDS - 1);
	test_int(t.shim.sandbox.state, SANDBOX_READY);
	test_pass(&t.loop, 1);
	test_int(t.shim.sandbox.state, SANDBOX_ENDED);
	test_true(strstr(t.shim.sandbox.failure.text, "did not answer when it was to kill"));
	end_group();
}

/* `caisson delete -f` of it, whose guest says yes and does not. */
static void one_that_the_guest_does_not_end(void)
{
	begin_group();
	join("c2", "1");
	start_it("c2");
	t.loop.now = test_clock;
	told_remove(container_find(&t.shim.sandbox, "c2")->init);
	expect_kill("c2", SIGKILL);
	test_pass(&t.loop, PROCESS_GUEST_ENDS - 1);
	test_int(t.shim.sandbox.state, SANDBOX_READY);
	test_pass(&t.loop, 1);
	test_int(t.shim.sandbox.state, SANDBOX_ENDED);
	test_true(strstr(t.shim.sandbox.failure.text, "did not end container c2"));
	end_group();
}

/* The first one is a sandbox, and one more runs; from now on time stands still. */
static void begin_pod(void)
{
	begin_group();
	join("c2", "1");
	start_it("c2");
	containerd_init(&containerd, &t.loop, "ns", "/nowhere", -EBADF);
	pod_init(&pod, &t.shim, &t.spec);
	containerd.pod = &pod;
	t.shim.containerd = &containerd;
	t.loop.now = test_clock;
}

static void end_pod(void)
{
	containerd_done(&containerd);
	end_group();
	pod_done(&pod);
}

static void ask_to_stop(struct asked *a, uint32_t seconds)
{
	Containerd__Runtime__Sandbox__V1__StopSandboxRequest request =
		CONTAINERD__RUNTIME__SANDBOX__V1__STOP_SANDBOX_REQUEST__INIT;

	request.sandbox_id = (char *)"c1";
	request.timeout_secs = seconds;
	ask_over(t.client, a, RPC_SERVICE_SANDBOX, "StopSandbox", &request.base);
}

/* It ends when so many nanoseconds have passed, and not before. */
static void expect_end_after(uint64_t ns)
{
	(void)test_pass(&t.loop, ns - 1);
	test_int(t.shim.sandbox.state, SANDBOX_READY);
	(void)test_pass(&t.loop, 1);
	test_int(t.shim.sandbox.state, SANDBOX_ENDED);
	expect(&waiting, TTRPC_OK, "");
}

static void a_pod_waits_for_its_containers(void)
{
	begin_pod();
	ask_to_stop(&waiting, 30);
	expect_kill("c2", SIGTERM);
	expect_end_after(30 * NSEC_PER_SEC);
	end_pod();
}

/* Its containers are asked to end once. */
static void who_asks_again_can_only_have_less_patience(void)
{
	static struct asked again;

	begin_pod();
	ask_to_stop(&waiting, 30);
	expect_kill("c2", SIGTERM);
	(void)test_pass(&t.loop, 10 * NSEC_PER_SEC);
	ask_to_stop(&again, 30);
	expect_state_of("c2", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	test_true(!guest_was_asked("Kill"));
	expect_end_after(20 * NSEC_PER_SEC);
	expect(&again, TTRPC_OK, "");
	end_pod();
	begin_pod();
	ask_to_stop(&waiting, 30);
	expect_kill("c2", SIGTERM);
	ask_to_stop(&again, 5);
	expect_state_of("c2", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	expect_end_after(5 * NSEC_PER_SEC);
	expect(&again, TTRPC_OK, "");
	end_pod();
}

/* Who has heard how it ended need not wait for the guest, which is no part of that any more. */
static void one_that_is_deleted_too_late(void)
{
	begin_group();
	join("c2", "1");
	start_it("c2");
	it_ends("c2", 3);
	t.loop.now = test_clock;
	ask_of(&asked, "Delete", "c2", "");
	rpc_free(asked_of_guest("Delete", &containerd__task__v2__delete_request__descriptor));
	test_pass(&t.loop, 5 * NSEC_PER_SEC - 1);
	test_true(!asked.done);
	test_pass(&t.loop, 1);
	expect_deleted(3);
	guest_replies(EMPTY);
	expect_gone("c2");
	end_group();
}

static void one_that_the_guest_does_not_forget(void)
{
	begin_group();
	join("c2", "1");
	start_it("c2");
	it_ends("c2", 3);
	ask_of(&asked, "Delete", "c2", "");
	rpc_free(asked_of_guest("Delete", &containerd__task__v2__delete_request__descriptor));
	guest_fails(TTRPC_INTERNAL, "no");
	expect_deleted(3);
	expect_gone("c2");
	end_group();
}

/* It is gone before there is an answer of anybody's. */
static void streams_that_cannot_be_opened(void)
{
	_cleanup_free_ char *bundle = NULL, *containers = NULL;
	const char *address;

	begin_group();
	containers = path_join(t.paths.root, "containers");
	bundle = make_bundle("b", NETWORK, "");
	address = t.shim.sandbox.address.hybrid_path;
	t.shim.sandbox.address.hybrid_path = "/nowhere";
	ask_join("c2", bundle);
	expect(&create, TTRPC_NOT_FOUND, "cannot open the standard streams");
	t.shim.sandbox.address.hybrid_path = address;
	expect_path(containers, "c2", false);
	test_true(!container_find(&t.shim.sandbox, "c2"));
	end_group();
}

/* Whoever asked for that hears of it, and what is asked next is not kept waiting. */
static void a_pause_that_the_guest_does_not_answer(void)
{
	begin_group();
	join("c2", "1");
	start_it("c2");
	ask_of(&waiting, "Pause", "c2", "");
	rpc_free(asked_of_guest("Pause", &containerd__task__v2__pause_request__descriptor));
	it_ends("c2", 3);
	delete_it("c2", 3);
	expect(&waiting, TTRPC_ABORTED, "was asked for something else");
	end_group();
}

static void the_guest_may_refuse(void)
{
	_cleanup_free_ char *bundle = NULL, *share = NULL, *containers = NULL;

	begin_group();
	share = path_join(t.record.run_path, SHARE_FOLDER);
	containers = path_join(t.paths.root, "containers");
	bundle = make_bundle("b", NETWORK, "");
	ask_join("c2", bundle);
	rpc_free(&guest_takes_bundle("c2", "\"b\"")->base);
	guest_fails(TTRPC_RESOURCE_EXHAUSTED, "no memory");
	expect(&create, TTRPC_RESOURCE_EXHAUSTED, "no memory");
	expect_path(share, "1", false);
	expect_path(containers, "c2", false);
	test_true(!container_find(&t.shim.sandbox, "c2"));
	expect_state_of("c1", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	end_group();
}

static void refused(const char *namespaces, const char *mounts, enum ttrpc_code code,
		    const char *text)
{
	_cleanup_free_ char *bundle = make_bundle("b", namespaces, mounts);
	_cleanup_free_ char *containers = path_join(t.paths.root, "containers");

	ask_join("c2", bundle);
	expect(&create, code, text);
	expect_path(containers, "c2", false);
	test_true(!container_find(&t.shim.sandbox, "c2"));
}

static void what_cannot_be_had(void)
{
	_cleanup_free_ char *socket = NULL;

	begin_group();
	socket = xasprintf("{\"destination\":\"/s\",\"type\":\"bind\",\"source\":\"%s/vsock\"}",
			   t.record.run_path);
	refused("{\"type\":\"network\"}", "", TTRPC_UNIMPLEMENTED, "a VM has one network");
	refused(NETWORK ",{\"type\":\"ipc\",\"path\":\"/proc/1/ns/ipc\"}", "", TTRPC_UNIMPLEMENTED,
		"ipc namespace /proc/1/ns/ipc");
	refused(NETWORK, socket, TTRPC_UNIMPLEMENTED, "is a socket of the host");
	refused(NETWORK, "{\"destination\":\"/d\",\"type\":\"bind\",\"source\":\"/nowhere\"}",
		TTRPC_NOT_FOUND, "/nowhere");
	ask_join("c2", "/nowhere");
	expect(&create, TTRPC_NOT_FOUND, "/nowhere");
	ask_join("c2/..", "/nowhere");
	expect(&create, TTRPC_INVALID_ARGUMENT, "id");
	t.shim.sandbox.group = false;
	ask_join("c2", "/nowhere");
	expect(&create, TTRPC_NOT_FOUND, "container c2");
	end_group();
}

/* @variable: of its environment */
static void ask_join_with(const char *variable)
{
	_cleanup_free_ char *bundle = make_bundle("b", NETWORK, ""), *text = NULL, *changed = NULL;
	_cleanup_close_ int dir = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);

	test_int(file_slurp_at(dir, "config.json", 65536, &text, NULL), 0);
	changed =
		xasprintf("{\"process\":{\"env\":[\"%s\"],%s", variable, strstr(text, "\"args\""));
	free(text);
	text = xasprintf("{\"root\":{\"path\":\"rootfs\"},%s", changed + 1);
	test_int(file_write_atomic_at(dir, "config.json", text, strlen(text), 0600), 0);
	ask_join("c2", bundle);
}

static void what_it_says_of_itself_counts(void)
{
	Containerd__Task__V2__CreateTaskResponse response =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;
	const struct sandbox_spec *spec;

	begin_group();
	ask_join_with("RUNCVM_SYSTEMD=1");
	rpc_free(&guest_takes_bundle("c2", "\"container=caisson\"")->base);
	response.pid = 9;
	guest_replies(&response.base);
	expect(&create, TTRPC_OK, "");
	spec = container_find(&t.shim.sandbox, "c2")->spec;
	test_true(spec->systemd && spec->notes.n == 0);
	end_group();
	begin_group();
	ask_join_with("RUNCVM_MEM_SIZE=1G");
	rpc_free(&guest_takes_bundle("c2", "RUNCVM_MEM_SIZE=1G")->base);
	guest_replies(&response.base);
	expect(&create, TTRPC_OK, "");
	spec = container_find(&t.shim.sandbox, "c2")->spec;
	test_int(spec->memory, SANDBOX_MEMORY_DEFAULT);
	test_int(spec->notes.n, 1);
	end_group();
	begin_group();
	ask_join_with("RUNCVM_SYSTEMD=x");
	expect(&create, TTRPC_INVALID_ARGUMENT, "RUNCVM_SYSTEMD of 'x'");
	test_true(!container_find(&t.shim.sandbox, "c2"));
	end_group();
}

static void all_go_with_the_vm(void)
{
	_cleanup_free_ char *containers = NULL;

	begin_group();
	containers = path_join(t.paths.root, "containers");
	join("c2", "1");
	start_it("c2");
	it_ends("c2", 0);
	ask_of(&asked, "Delete", "c2", "");
	rpc_free(asked_of_guest("Delete", &containerd__task__v2__delete_request__descriptor));
	sandbox_deinit(&t.shim.sandbox);
	shim_task_lost(&t.shim);
	/* It was about to go, and is gone. */
	expect(&asked, TTRPC_OK, "");
	expect_path(containers, "c2", false);
	test_true(!container_find(&t.shim.sandbox, "c2"));
	end_group();
}

/* In a child: its mounts go with it, whatever happens. */
static int run_in_child(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		test_run(one_comes_and_goes);
		test_run(what_stands_for_it);
		test_run(what_stands_for_it_ends_with_it);
		test_run(one_is_removed);
		test_run(one_is_removed_while_it_is_created);
		test_run(one_that_is_created_too_late);
		test_run(one_whose_volumes_come_too_late);
		test_run(what_it_shared_is_unmounted);
		test_run(one_that_starts_too_late);
		test_run(one_that_nobody_stands_for);
		test_run(one_that_the_guest_does_not_kill);
		test_run(one_that_the_guest_does_not_end);
		test_run(a_pod_waits_for_its_containers);
		test_run(who_asks_again_can_only_have_less_patience);
		test_run(one_that_is_deleted_too_late);
		test_run(one_that_the_guest_does_not_forget);
		test_run(the_guest_may_refuse);
		test_run(streams_that_cannot_be_opened);
		test_run(a_pause_that_the_guest_does_not_answer);
		test_run(what_cannot_be_had);
		test_run(what_it_says_of_itself_counts);
		test_run(all_go_with_the_vm);
		exit(0);
	}
	test_int(waitpid(pid, &status, 0), pid);
	test_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

int main(void)
{
	if (geteuid() != 0) {
		puts("mounting needs root");
		return SKIP;
	}
	return run_in_child();
}
