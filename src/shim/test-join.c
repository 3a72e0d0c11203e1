/* SPDX-License-Identifier: Apache-2.0 */
/* Containers that come to a VM in which there is one already. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "shim/test-group.h"

static struct asked waiting;

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

/* It is gone before there is an answer of anybody's. */
static void streams_that_cannot_be_opened(void)
{
	_cleanup_free_ char *bundle = NULL, *containers = NULL;
	const char *address;

	begin_group();
	containers = path_join(t.paths.root, "containers");
	bundle = make_bundle("b", TEST_NETWORK, "");
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
	expect(&waiting, TTRPC_UNAVAILABLE, "the container has ended");
	delete_it("c2", 3);
	end_group();
}

static void the_guest_may_refuse(void)
{
	_cleanup_free_ char *bundle = NULL, *share = NULL, *containers = NULL;

	begin_group();
	share = path_join(t.record.run_path, SHARE_FOLDER);
	containers = path_join(t.paths.root, "containers");
	bundle = make_bundle("b", TEST_NETWORK, "");
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
	refused(TEST_NETWORK ",{\"type\":\"ipc\",\"path\":\"/proc/1/ns/ipc\"}", "",
		TTRPC_UNIMPLEMENTED, "ipc namespace /proc/1/ns/ipc");
	refused(TEST_NETWORK, socket, TTRPC_UNIMPLEMENTED, "is a socket of the host");
	refused(TEST_NETWORK, "{\"destination\":\"/d\",\"type\":\"bind\",\"source\":\"/nowhere\"}",
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
	_cleanup_free_ char *bundle = make_bundle("b", TEST_NETWORK, ""), *text = NULL,
			    *changed = NULL;
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

static void tests(void)
{
	test_run(one_comes_and_goes);
	test_run(what_stands_for_it);
	test_run(what_stands_for_it_ends_with_it);
	test_run(one_is_removed);
	test_run(the_guest_may_refuse);
	test_run(streams_that_cannot_be_opened);
	test_run(a_pause_that_the_guest_does_not_answer);
	test_run(what_cannot_be_had);
	test_run(what_it_says_of_itself_counts);
	test_run(all_go_with_the_vm);
}

int main(void)
{
	return run_as_root(tests);
}
