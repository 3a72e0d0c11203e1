/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest is asked, and when, by whom its VM is saved and let go on: a stopped process is in the VM's place. */
#include <signal.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "shim/lifeline.h"
#include "shim/save.h"
#include "shim/test-shim.h"
#include "system.pb-c.h"
#include "vmm/test-files.h"

static struct asked held, saved, released, asked;
static struct ttrpc_client *client;

static void vm_ended(void *data _unused_, const struct vmm_exit *result _unused_)
{
}

/* All that a spec says of a container that can be saved. */
static void describe(struct sandbox_spec *spec)
{
	spec->executor = xstrdup(SANDBOX_EXECUTOR_DEFAULT);
	spec->hypervisor = xstrdup("firecracker");
	spec->rootfs_mode = xstrdup(SANDBOX_ROOTFS_MODE_IMAGE);
	spec->network = xstrdup(SANDBOX_NETWORK_NONE);
	spec->netns = xstrdup("");
	spec->supervisor_config = xstrdup("");
}

static void begin(void)
{
	static const struct vmm_callbacks callbacks = {.exited = vm_ended};
	struct vmm_spec spec = VMM_SPEC_NULL;
	struct err err = ERR_NULL;

	begin_running(false);
	describe(&t.spec);
	save_init(&t.shim);
	t.shim.sandbox.can_be_saved = true;
	spec.name = "test";
	spec.run_dir = files_dir;
	spec.memory = VMM_MEMORY_MIN;
	spec.program = files_script("vmm", "read -r never <${0%/*}/fifo");
	files_write("kernel", "", 0, 0644);
	spec.kernel = spec.initrd = files_path("kernel");
	if (vmm_start(&t.loop, vmm_driver("fake"), &spec, &callbacks, &t.shim.sandbox.vmm, &err) <
	    0)
		test_fail("%s", err.text);
	client = test_client();
}

static void ask_ours(struct asked *a, const char *method)
{
	Containerd__Task__V2__PauseRequest request = CONTAINERD__TASK__V2__PAUSE_REQUEST__INIT;

	request.id = (char *)"c1";
	ask_over(client, a, SHIM_SERVICE, method, &request.base);
}

static void agrees(const char *method)
{
	rpc_free(asked_of_guest(method, &google__protobuf__empty__descriptor));
	guest_replies(EMPTY);
}

static void save(void)
{
	ask_ours(&held, "Hold");
	agrees("Pause");
	expect(&held, TTRPC_OK, "");
	ask_ours(&saved, "Save");
	agrees("FreezeFilesystems");
	agrees("Checkpoint");
	test_true(!saved.done);
	/* What was on its way has arrived only then. */
	close_outputs();
	t.n_calls = 0;
	expect(&saved, TTRPC_OK, "");
	test_true(!t.shim.sandbox.guest);
}

static struct test_peer *rpc_peer(void)
{
	for (size_t i = 0; i < t.guest.n; i++)
		if (t.guest.peers[i].is_rpc && t.guest.peers[i].fd >= 0)
			return &t.guest.peers[i];
	return NULL;
}

static int take_connection(void)
{
	run_until(&t.loop, rpc_peer() != NULL);
	return take_fd(rpc_peer()->fd);
}

/* Nothing else is asked before it has answered. */
static void only(const char *method, const ProtobufCMessage *reply)
{
	run_until(&t.loop, guest_was_asked(method));
	test_int((int)t.n_calls, 1);
	rpc_free(asked_of_guest(method, &google__protobuf__empty__descriptor));
	guest_replies(reply);
}

static void only_seed(void)
{
	Caisson__Guest__V1__ReseedRequest *request;

	run_until(&t.loop, guest_was_asked("Reseed"));
	test_int((int)t.n_calls, 1);
	request = (Caisson__Guest__V1__ReseedRequest *)asked_of_guest(
		"Reseed", &caisson__guest__v1__reseed_request__descriptor);
	test_int((int)request->seed.len, 64);
	rpc_free(&request->base);
	guest_replies(EMPTY);
}

static void only_adopts(void)
{
	Containerd__Task__V2__CreateTaskResponse response =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;
	Containerd__Task__V2__CreateTaskRequest *request;

	run_until(&t.loop, guest_was_asked("Create"));
	test_int((int)t.n_calls, 1);
	request = (Containerd__Task__V2__CreateTaskRequest *)asked_of_guest(
		"Create", &containerd__task__v2__create_task_request__descriptor);
	test_str(request->id, "c1");
	test_str(request->checkpoint, "c1");
	test_true(*request->stdout_ && *request->stderr_);
	rpc_free(&request->base);
	response.pid = 77;
	guest_replies(&response.base);
}

static void goes_on(void)
{
	test_int(ttrpc_server_add(t.guest_server, take_connection()), 0);
	only("SetTime", EMPTY);
	only_seed();
	only_adopts();
	run_until(&t.loop, guest_was_asked("ThawFilesystems"));
	test_true(guest_was_asked("Wait") && !guest_was_asked("Resume"));
	agrees("ThawFilesystems");
	agrees("Resume");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	test_int((int)t.shim.first.init->pid, 77);
}

static void in_a_fixed_order(void)
{
	begin();
	save();
	/* Nobody else gets it to go on, or what it has. */
	ask_id(&asked, "Resume", "");
	expect(&asked, TTRPC_FAILED_PRECONDITION, "is being saved");
	ask_id(&asked, "Stats", "");
	expect(&asked, TTRPC_FAILED_PRECONDITION, "is being saved");
	ask_ours(&released, "Release");
	goes_on();
	expect(&released, TTRPC_OK, "");
	ttrpc_client_free(client);
	test_shim_end();
}

static void when_the_client_has_gone(void)
{
	begin();
	save();
	ttrpc_client_free(client);
	goes_on();
	test_shim_end();
}

/* The guest's kernel may reset the connection that it has been offered just now. */
static void a_reset_connection_is_made_again(void)
{
	begin();
	save();
	ttrpc_client_free(client);
	for (int i = 0; i < 3; i++)
		fd_close(take_connection());
	goes_on();
	test_shim_end();
}

static void a_guest_that_refuses_goes_on(void)
{
	begin();
	ask_ours(&held, "Hold");
	agrees("Pause");
	expect(&held, TTRPC_OK, "");
	ask_ours(&saved, "Save");
	rpc_free(asked_of_guest("FreezeFilesystems", &google__protobuf__empty__descriptor));
	guest_fails(TTRPC_RESOURCE_EXHAUSTED, "too many");
	agrees("ThawFilesystems");
	expect(&saved, TTRPC_RESOURCE_EXHAUSTED, "its file systems cannot be frozen: too many");
	ttrpc_client_free(client);
	agrees("Resume");
	expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	test_shim_end();
}

static void only_who_holds_it_saves_it(void)
{
	begin();
	ask_ours(&saved, "Save");
	expect(&saved, TTRPC_FAILED_PRECONDITION, "others are at work in it");
	t.shim.sandbox.can_be_saved = false;
	ask_ours(&saved, "Save");
	expect(&saved, TTRPC_FAILED_PRECONDITION, "firecracker.api = false");
	ttrpc_client_free(client);
	test_shim_end();
}

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	files_begin();
	test_int(mkfifo(files_path("fifo"), 0600), 0);
	test_run(in_a_fixed_order);
	test_run(when_the_client_has_gone);
	test_run(a_reset_connection_is_made_again);
	test_run(a_guest_that_refuses_goes_on);
	test_run(only_who_holds_it_saves_it);
	files_end();
	return 0;
}
