/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/sandbox.h"

#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "rpc/rpc.h"
#include "sandbox/launch.h"
#include "task.pb-c.h"

/* The host's disk may be busy with others for long, and what is not on it by then is lost; `delete` waits longer. */
#define CLEAN_DEADLINE (50 * NSEC_PER_SEC)
#define LEFT_DEADLINE  (5 * NSEC_PER_SEC)

static const struct {
	const char *name, *step;
} phase_words[] = {
	[SANDBOX_PHASE_BEGIN] = {"shim started", "begin"},
	[SANDBOX_PHASE_PREPARED] = {"root file system, kernel and accelerator ready", "prepare"},
	[SANDBOX_PHASE_LAUNCHED] = {"virtual machine started", "launch"},
	[SANDBOX_PHASE_READY] = {"guest booted", "boot"},
	[SANDBOX_PHASE_CREATED] = {"container created", "create"},
	[SANDBOX_PHASE_STARTED] = {"command started", "start"},
};
_Static_assert(ARRAY_SIZE(phase_words) == SANDBOX_PHASE_MAX, "words for each phase");

const char *sandbox_phase_name(enum sandbox_phase phase)
{
	return phase_words[phase].name;
}

const char *sandbox_phase_step(enum sandbox_phase phase)
{
	return phase_words[phase].step;
}

void sandbox_phase(struct sandbox *sb, enum sandbox_phase phase)
{
	if (sb->phases[phase] == 0)
		sb->phases[phase] = clock_now();
}

void sandbox_init(struct sandbox *sb, struct loop *loop, const struct paths *paths,
		  const struct record *record, const struct sandbox_spec *spec)
{
	*sb = (struct sandbox){
		.loop = loop,
		.paths = paths,
		.record = record,
		.spec = spec,
		.containers = LIST_NULL(sb->containers),
		.trial = ACCEL_TRIAL_NULL,
		.console = TAIL_NULL,
		.vsockd = HELPER_NULL,
		.share = HELPER_NULL,
		.passt = HELPER_NULL,
		.accept_fd = -EBADF,
		.cid_fd = -EBADF,
		.jail_lock = -EBADF,
		.accept = LOOP_IO_NULL,
	};
	metadata_init(&sb->metadata);
	network_init(&sb->network, sb);
	localhost_init(&sb->localhost, sb);
	resolver_init(&sb->resolver, sb);
	sockets_init(&sb->sockets, sb);
	standby_init(&sb->standby, sb);
	slots_init(&sb->slots, sb);
	snapshot_init(&sb->snapshot, sb);
	meet_init(&sb->meet, sb);
	sources_init(&sb->sources, &sb->share.proc);
	ttrpc_request_init(&sb->shutdown);
	ttrpc_request_init(&sb->forget);
	loop_timer_init(&sb->deadline);
	loop_defer_init(&sb->ending);
	sandbox_phase(sb, SANDBOX_PHASE_BEGIN);
}

static void stop_everything(struct sandbox *sb)
{
	loop_timer_stop(&sb->deadline);
	loop_defer_stop(&sb->ending);
	loop_io_stop(&sb->accept);
	vmm_accel_end(&sb->trial);
	slots_end(&sb->slots);
	standby_end(&sb->standby);
	snapshot_end(&sb->snapshot);
	meet_stop(&sb->meet);
	ttrpc_request_cancel(&sb->forget);
	ttrpc_client_free(take_ptr(sb->guest));
	/* All at once, so that nobody's end is waited for before the next one's is begun. */
	proc_kill(&sb->vsockd.proc, SIGKILL);
	proc_kill(&sb->share.proc, SIGKILL);
	proc_kill(&sb->passt.proc, SIGKILL);
	vmm_free(take_ptr(sb->vmm));
	helper_stop(&sb->vsockd);
	helper_stop(&sb->share);
	helper_stop(&sb->passt);
	metadata_stop(&sb->metadata);
	sockets_stop(&sb->sockets);
	network_end(&sb->network);
	localhost_stop(&sb->localhost);
	resolver_stop(&sb->resolver);
	tail_drain(&sb->console);
	tail_stop(&sb->console);
	sb->accept_fd = fd_close(sb->accept_fd);
	sb->cid_fd = fd_close(sb->cid_fd);
	sb->jail_lock = fd_close(sb->jail_lock);
	launch_undo(sb);
}

void sandbox_deinit(struct sandbox *sb)
{
	stop_everything(sb);
	sb->state = SANDBOX_ENDED;
	sources_done(&sb->sources);
	free(take_ptr(sb->hybrid_path));
}

static void ended(struct sandbox *sb)
{
	if (sb->state == SANDBOX_ENDED)
		return;
	stop_everything(sb);
	sb->state = SANDBOX_ENDED;
	sb->ended(sb);
}

/* The first cause counts; what follows from it is noise. */
static void fail(struct sandbox *sb, int code, const char *what)
{
	char tail[600] = "";

	if (sb->failure.code == 0 && sb->state == SANDBOX_BOOTING) {
		tail_drain(&sb->console);
		tail_lines(&sb->console, 6, tail, sizeof(tail));
	}
	if (sb->failure.code == 0)
		err_set(&sb->failure, code, "%s%s%s", what,
			tail[0] ? "; the guest's console ended with:\n" : "", tail);
	ended(sb);
}

static void end_deferred(struct loop_defer *defer)
{
	ended(container_of(defer, struct sandbox, ending));
}

/*
 * With SIGKILL: there is nothing in a VMM that is worth a good-bye, the guest's files are on the
 * host already. Not from here, since this may be called from a callback of what goes.
 */
static void kill_vmm(struct sandbox *sb)
{
	ttrpc_request_cancel(&sb->shutdown);
	loop_defer_start(sb->loop, &sb->ending, end_deferred);
}

static void clean_late(struct loop_timer *timer)
{
	log_warn("the guest has not written back all in time: what came last may be lost");
	kill_vmm(container_of(timer, struct sandbox, deadline));
}

/* The guest answers before it ends, so the answer decides nothing unless it is a refusal. */
static void shutdown_answered(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct sandbox *sb = container_of(req, struct sandbox, shutdown);

	if (answer->code != TTRPC_OK)
		kill_vmm(sb);
}

static int ask_guest_to_end(struct sandbox *sb)
{
	Containerd__Task__V2__ShutdownRequest request =
		CONTAINERD__TASK__V2__SHUTDOWN_REQUEST__INIT;

	request.id = sb->spec->id;
	request.now = true;
	return rpc_call(sb->guest, &sb->shutdown, RPC_SERVICE_TASK_V3, "Shutdown", &request.base, 0,
			shutdown_answered);
}

void sandbox_stop(struct sandbox *sb, bool clean)
{
	bool was_ready = sb->state == SANDBOX_READY;

	if (sb->state != SANDBOX_BOOTING && !was_ready)
		return;
	sb->state = SANDBOX_ENDING;
	standby_forbid(&sb->standby);
	if (!clean || !was_ready || !sb->guest || ask_guest_to_end(sb) < 0) {
		kill_vmm(sb);
		return;
	}
	loop_timer_start(sb->loop, &sb->deadline, loop_now(sb->loop) + CLEAN_DEADLINE, clean_late);
}

void sandbox_give_up(struct sandbox *sb)
{
	if (!sb->failure.code)
		(void)err_set(&sb->failure, -ETIMEDOUT,
			      "the guest did not answer when it was to kill");
	sandbox_stop(sb, false);
}

static void boot_late(struct loop_timer *timer)
{
	struct sandbox *sb = container_of(timer, struct sandbox, deadline);
	char what[64];

	(void)snprintf(what, sizeof(what), "the guest did not get ready within %u s",
		       sb->spec->boot_timeout);
	fail(sb, -ETIMEDOUT, what);
}

/* What one that was killed said before tells how far it had come, and nothing of why it ended. */
static void describe_end(const char *name, int status, const char *words, char *buf, size_t size)
{
	if (status > 128)
		(void)snprintf(buf, size, "%s was killed by signal %d", name, status - 128);
	else if (words && *words)
		(void)snprintf(buf, size, "%s ended (status %d): %s", name, status, words);
	else
		(void)snprintf(buf, size, "%s ended (status %d) without a word", name, status);
}

static void vmm_exited(void *data, const struct vmm_exit *result)
{
	struct sandbox *sb = data;
	const char *title = vmm_title(sb->vmm);
	char what[VMM_MESSAGE_MAX + 128];

	if (sb->state == SANDBOX_ENDING) {
		ended(sb);
		return;
	}
	if (result->failure)
		(void)snprintf(what, sizeof(what), "%s", result->failure);
	else if (result->guest_ended)
		(void)snprintf(what, sizeof(what), "the guest's kernel or init gave up");
	else
		describe_end(title, result->status, result->message, what, sizeof(what));
	fail(sb, -EIO, what);
}

static void helper_failed(struct sandbox *sb, struct helper *helper, int status)
{
	char words[300], what[500];

	helper_words(helper, words, sizeof(words));
	describe_end(helper->name, status, words, what, sizeof(what));
	fail(sb, -EIO, what);
}

static void left_alone(struct loop_timer *timer)
{
	struct sandbox *sb = container_of(timer, struct sandbox, deadline);

	if (sb->left)
		helper_failed(sb, sb->left, 0);
	else
		fail(sb, -EIO, "the guest's init closed its connection");
}

/*
 * All leave when the VMM closes its end, and connections to the guest end. So that one of them ends well, or the
 * guest's connection, is news of the VMM's, which is about to come and knows the reason; only if it does not come they
 * themselves are to blame.
 */
static void await_news(struct sandbox *sb)
{
	loop_timer_start(sb->loop, &sb->deadline, loop_now(sb->loop) + LEFT_DEADLINE, left_alone);
}

static void helper_died(struct helper *helper, int status)
{
	struct sandbox *sb = helper->userdata;

	if (sb->state == SANDBOX_ENDING)
		return;
	if (status != 0) {
		helper_failed(sb, helper, status);
		return;
	}
	sb->left = helper;
	await_news(sb);
}

static void guest_closed(struct ttrpc_client *client _unused_, void *userdata)
{
	struct sandbox *sb = userdata;

	sb->guest = NULL;
	ttrpc_client_free(client);
	if (meet_closed(&sb->meet))
		return;
	/* On its way down the guest closes this before it resets. */
	if (sb->state == SANDBOX_READY)
		await_news(sb);
}

int sandbox_serve_guest(struct sandbox *sb, int fd)
{
	int r = ttrpc_client_new(sb->loop, fd, guest_closed, sb, &sb->guest);

	if (r == 0)
		ttrpc_client_distrust(sb->guest);
	return r;
}

static void guest_is_up(struct sandbox *sb)
{
	/* One is enough: a second one would be somebody else inside the guest. */
	loop_io_stop(&sb->accept);
	sb->accept_fd = fd_close(sb->accept_fd);
	loop_timer_stop(&sb->deadline);
	sb->state = SANDBOX_READY;
	sandbox_phase(sb, SANDBOX_PHASE_READY);
	sb->ready(sb);
}

static void guest_dialled(struct loop_io *io, uint32_t revents _unused_)
{
	struct sandbox *sb = container_of(io, struct sandbox, accept);
	_cleanup_close_ int fd = accept4(sb->accept_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int r;

	if (fd < 0 || !guest_is_peer(&sb->address, fd))
		return;
	r = sandbox_serve_guest(sb, fd);
	if (r < 0) {
		fail(sb, r, "cannot serve the guest's connection");
		return;
	}
	fd = -EBADF;
	guest_is_up(sb);
}

static void restored(struct sandbox *sb, int r)
{
	if (r < 0)
		fail(sb, r, "the guest that was restored does not answer");
	else
		guest_is_up(sb);
}

/* It goes on from where it was saved; nobody in it knows that it is to connect to us. */
static void vmm_event(void *data, enum vmm_event event)
{
	struct sandbox *sb = data;

	if (event == VMM_EVENT_RESUMED && sb->state == SANDBOX_BOOTING &&
	    sandbox_spec_is_restored(sb->spec) && meet_start(&sb->meet, restored) < 0)
		fail(sb, -EIO, "the guest that was restored cannot be reached");
}

void sandbox_fail(struct sandbox *sb, const struct err *why)
{
	sb->failure = *why;
	sb->state = SANDBOX_ENDED;
}

/* @r: what came of launch_begin(), and of the trial. */
static int go_on(struct sandbox *sb, int r)
{
	if (r == 0)
		r = launch(sb, &sb->failure);
	if (r == 0 && !sandbox_spec_is_restored(sb->spec))
		r = loop_io_start(sb->loop, &sb->accept, sb->accept_fd, EPOLLIN, guest_dialled);
	if (r < 0) {
		if (sb->failure.code == 0)
			err_errno(&sb->failure, r, "cannot start the virtual machine");
		stop_everything(sb);
		sb->state = SANDBOX_ENDED;
		return r;
	}
	loop_timer_start(sb->loop, &sb->deadline,
			 loop_now(sb->loop) + sb->spec->boot_timeout * NSEC_PER_SEC, boot_late);
	return 0;
}

static void tried(struct accel_trial *trial, int r, const struct err *err)
{
	struct sandbox *sb = container_of(trial, struct sandbox, trial);

	if (sb->state != SANDBOX_BOOTING)
		return;
	if (r < 0)
		sb->failure = *err;
	if (go_on(sb, r) < 0)
		sb->ended(sb);
}

int sandbox_start(struct sandbox *sb)
{
	static const struct launch_callbacks callbacks = {
		.vmm_exited = vmm_exited,
		.vmm_event = vmm_event,
		.helper_died = helper_died,
		.tried = tried,
	};
	int r;

	sb->state = SANDBOX_BOOTING;
	r = launch_begin(sb, &callbacks, &sb->failure);
	return r > 0 ? 0 : go_on(sb, r);
}
