/* SPDX-License-Identifier: Apache-2.0 */
/* Containers of a VM with several that come, end or go too late, or not at all. */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>

#include "abi/abi.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/path.h"
#include "loop/test-clock.h"
#include "sandbox/rootfs.h"
#include "shim/containerd/containerd.h"
#include "shim/containerd/pod.h"
#include "shim/test-group.h"
#include "shim/told.h"
#include "vmmount.pb-c.h"

#define BLOCK_DEVICE "{\"path\":\"/dev/x\",\"type\":\"b\",\"major\":7,\"minor\":250}"

static struct asked waiting;
static struct containerd containerd;
static struct pod pod;

static void one_is_removed_while_it_is_created(void)
{
	Containerd__Task__V2__CreateTaskResponse response =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;
	_cleanup_free_ char *bundle = NULL;

	begin_group();
	bundle = make_bundle("b", TEST_NETWORK, "");
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
	bundle = make_bundle("b", TEST_NETWORK, "");
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
	mounted_too_late(TEST_NETWORK, TTRPC_OK);
	mounted_too_late(TEST_NETWORK, TTRPC_RESOURCE_EXHAUSTED);
	mounted_too_late(TEST_NETWORK "],\"devices\":[" BLOCK_DEVICE, TTRPC_OK);
}

/* Two mounts are there of each; a guest that always has one more is not asked for ever. */
static void what_it_shared_is_unmounted(void)
{
	Containerd__Task__V2__CreateTaskResponse response =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;
	Caisson__Guest__V1__UnmountRequest *request;

	begin_group();
	ask_join_with_volume("c2", TEST_NETWORK);
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

/* All that the host has of it. */
static void expect_left(const char *id)
{
	_cleanup_free_ char *containers = path_join(t.paths.root, "containers");

	run_until(&t.loop, !container_find(&t.shim.sandbox, id)->init->forgetting);
	expect_path(containers, id, false);
}

/* The guest need not agree. */
static void one_is_removed_before_it_is_started(void)
{
	begin_group();
	join("c2", "1");
	told_remove(container_find(&t.shim.sandbox, "c2")->init);
	rpc_free(asked_of_guest("Delete", &containerd__task__v2__delete_request__descriptor));
	guest_fails(TTRPC_INTERNAL, "no");
	expect_delete("c2");
	expect_left("c2");
	end_group();
}

/* That fails then. */
static void one_is_removed_while_it_is_started(void)
{
	begin_group();
	join("c2", "1");
	ask_of(&start, "Start", "c2", "");
	rpc_free(asked_of_guest("Start", &containerd__task__v2__start_request__descriptor));
	told_remove(container_find(&t.shim.sandbox, "c2")->init);
	guest_fails(TTRPC_FAILED_PRECONDITION, "it has ended");
	expect_kill("c2", SIGKILL);
	expect(&start, TTRPC_FAILED_PRECONDITION, "it has ended");
	expect_delete("c2");
	expect_left("c2");
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
	bundle = make_bundle("b", TEST_NETWORK, "");
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

/* The first one is a sandbox, and one more was created; from now on time stands still. */
static void begin_pod_unstarted(void)
{
	begin_group();
	join("c2", "1");
	containerd_init(&containerd, &t.shim, "ns", "/nowhere", -EBADF);
	pod_init(&pod, &t.shim, &t.spec);
	containerd.pod = &pod;
	t.shim.containerd = &containerd;
	t.loop.now = test_clock;
}

/* It runs. */
static void begin_pod(void)
{
	begin_pod_unstarted();
	start_it("c2");
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
	expect(&waiting, TTRPC_OK, "");
	test_int(t.shim.sandbox.state, SANDBOX_ENDED);
}

static void a_pod_waits_for_its_containers(void)
{
	begin_pod();
	ask_to_stop(&waiting, 30);
	expect_kill("c2", SIGTERM);
	expect_end_after(30 * NSEC_PER_SEC);
	end_pod();
}

/* Nobody is left who has to be waited for; and time stands still. */
static void a_pod_waits_for_none_that_never_runs(void)
{
	begin_pod_unstarted();
	ask_to_stop(&waiting, 30);
	expect_kill("c2", SIGTERM);
	ask_of(&asked, "Delete", "c2", "");
	expect_delete("c2");
	expect(&asked, TTRPC_OK, "");
	expect(&waiting, TTRPC_OK, "");
	end_pod();

	begin_pod_unstarted();
	ask_of(&start, "Start", "c2", "");
	rpc_free(asked_of_guest("Start", &containerd__task__v2__start_request__descriptor));
	ask_to_stop(&waiting, 30);
	run_until(&t.loop, guest_was_asked("Kill"));
	test_true(!waiting.done);
	guest_fails(TTRPC_FAILED_PRECONDITION, "it has ended");
	expect_kill("c2", SIGTERM);
	expect(&start, TTRPC_FAILED_PRECONDITION, "it has ended");
	expect(&waiting, TTRPC_OK, "");
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

static void tests(void)
{
	test_run(one_is_removed_while_it_is_created);
	test_run(one_that_is_created_too_late);
	test_run(one_whose_volumes_come_too_late);
	test_run(what_it_shared_is_unmounted);
	test_run(one_that_starts_too_late);
	test_run(one_is_removed_before_it_is_started);
	test_run(one_is_removed_while_it_is_started);
	test_run(one_that_nobody_stands_for);
	test_run(one_that_the_guest_does_not_kill);
	test_run(one_that_the_guest_does_not_end);
	test_run(a_pod_waits_for_its_containers);
	test_run(a_pod_waits_for_none_that_never_runs);
	test_run(who_asks_again_can_only_have_less_patience);
	test_run(one_that_is_deleted_too_late);
	test_run(one_that_the_guest_does_not_forget);
}

int main(void)
{
	return run_as_root(tests);
}
