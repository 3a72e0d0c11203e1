/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/driver.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "vmm/child.h"
#include "vmm/qemu/argv.h"
#include "vmm/qemu/qmp.h"
#include "vmm/qemu/rates.h"
#include "vmm/qemu/slots.h"
#include "vmm/qemu/tsc.h"

/*
 * Theory of operation. QEMU is a child with one end of a socket pair for QMP. Nothing is waited
 * for: the first command is written before QEMU runs and the guest boots without it.
 *
 * One message a turn of the loop (see qmp.h), and a notification is the last thing done in a
 * callback, since it may free the VM. The end: the process's descriptor says that it is dead, then
 * what it had still written is read, a message a turn, and then the end is reported.
 */

struct qemu {
	struct vmm *owner;
	struct loop *loop;
	struct vmm_child child;
	struct qmp qmp;
	struct loop_io qmp_io;
	struct loop_defer finish;
	int status;
	bool broken; /* killed because it broke the protocol */
	uint32_t pending_id;
	size_t n_disks;
	struct qemu_rates rates;
	struct qemu_slots slots;
	bool rates_asked; /* somebody waits for a reply */
};

static const struct {
	const char *event;
	const char *reason; /* NULL: any */
	enum vmm_event means;
} events[] = {
	{"STOP", NULL, VMM_EVENT_PAUSED},
	{"RESUME", NULL, VMM_EVENT_RESUMED},
	{"GUEST_PANICKED", NULL, VMM_EVENT_GUEST_PANIC},
	{"SHUTDOWN", "guest-reset", VMM_EVENT_GUEST_RESET},
	{"SHUTDOWN", "guest-panic", VMM_EVENT_GUEST_PANIC},
	{"SHUTDOWN", "guest-shutdown", VMM_EVENT_GUEST_SHUTDOWN},
	{"SHUTDOWN", NULL, VMM_EVENT_HOST_QUIT},
};

static void stop_qmp(struct qemu *q)
{
	loop_io_stop(&q->qmp_io);
	qmp_deinit(&q->qmp);
}

static void handle_event(struct qemu *q, const struct qmp_message *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		if (strcmp(m->event, events[i].event) != 0)
			continue;
		if (events[i].reason && strcmp(m->reason, events[i].reason) != 0)
			continue;
		vmm_notify_event(q->owner, events[i].means);
		return;
	}
}

/* A VM that is not held to its rates from the start is none that was asked for. */
static void rates_set(struct qemu *q)
{
	bool asked = q->rates_asked;

	q->rates_asked = false;
	if (asked)
		vmm_notify_reply(q->owner, *q->rates.refusal ? -EIO : 0, q->rates.refusal);
	else if (*q->rates.refusal)
		proc_kill(&q->child.proc, SIGKILL);
}

static void handle_message(struct qemu *q, const struct qmp_message *m)
{
	bool expected = m->id && m->id == q->pending_id, last, done;

	switch (m->kind) {
	case QMP_GREETING:
		break;
	case QMP_EVENT:
		handle_event(q, m);
		break;
	case QMP_RETURN:
	case QMP_ERROR:
		if (qemu_rates_answered(&q->rates, m, &last) && last)
			rates_set(q);
		if (qemu_slots_answered(&q->slots, &q->qmp, m, &done) && done)
			vmm_notify_reply(q->owner, *q->slots.refusal ? -EREMOTEIO : 0,
					 q->slots.refusal);
		if (!expected)
			break;
		q->pending_id = 0;
		vmm_notify_reply(q->owner, m->kind == QMP_RETURN ? 0 : -EIO, m->desc);
		break;
	}
}

/* Return: whether a message was handled, after which @q may be gone. */
static bool next_message(struct qemu *q)
{
	struct qmp_message m;
	int r = q->qmp.fd < 0 ? 0 : qmp_receive(&q->qmp, &m);

	if (r > 0) {
		handle_message(q, &m);
		return true;
	}
	if (r == 0)
		return false;
	stop_qmp(q);
	if (r != -ECONNRESET) {
		q->broken = true;
		proc_kill(&q->child.proc, SIGKILL);
	}
	return false;
}

static void qmp_readable(struct loop_io *io, uint32_t revents _unused_)
{
	(void)next_message(container_of(io, struct qemu, qmp_io));
}

static void finish(struct loop_defer *defer)
{
	struct qemu *q = container_of(defer, struct qemu, finish);
	char why[VMM_MESSAGE_MAX];

	/* Before what is handled, since that may be the end of @q. */
	loop_defer_start(q->loop, defer, finish);
	if (next_message(q))
		return;
	loop_defer_stop(defer);
	stop_qmp(q);
	(void)snprintf(why, sizeof(why), "QEMU refused to limit disks: %s", q->rates.refusal);
	if (q->broken)
		vmm_notify_failure(q->owner, "what QEMU answered is not QMP");
	else if (!*q->child.message && *q->rates.refusal)
		vmm_notify_failure(q->owner, why);
	else
		vmm_notify_exit(q->owner, q->status, q->child.message);
}

static void process_ended(struct vmm_child *child, int status)
{
	struct qemu *q = container_of(child, struct qemu, child);

	q->status = status;
	loop_io_stop(&q->qmp_io);
	loop_defer_start(q->loop, &q->finish, finish);
}

static void qemu_free(void *vm)
{
	struct qemu *q = vm;

	loop_defer_stop(&q->finish);
	vmm_child_stop(&q->child);
	stop_qmp(q);
	free(q);
}
DEFINE_CLEANUP(struct qemu *, qemu_free)

static int launch(struct qemu *q, const struct vmm_spec *spec, int qemu_end, struct err *err)
{
	_cleanup_qemu_command_ struct qemu_command command = QEMU_COMMAND_NULL;
	struct proc_spec proc = PROC_SPEC_NULL;
	int r;

	r = qemu_argv(spec, qemu_end, spec->accel == VMM_ACCEL_TCG ? tsc_khz() : 0, &command);
	if (r < 0)
		return err_set(err, r, "the kernel's command line is too long");
	proc.argv = (const char *const *)command.argv.v;
	proc.stdout_fd = spec->console_fd;
	proc.fds = command.fds;
	proc.n_fds = command.n_fds;
	proc.fd_base = QEMU_FD_BASE;
	/* A terminal's signals are for the caller to pass on, or not. */
	proc.new_session = true;
	r = vmm_child_start(q->loop, &q->child, &proc, process_ended);
	if (r == -ENOENT)
		return err_set(err, r, "%s is not installed (Debian's package is qemu-system-x86)",
			       proc.argv[0]);
	if (r < 0)
		return err_errno(err, r, "%s cannot be started", proc.argv[0]);
	return 0;
}

static int qemu_start(struct loop *loop, const struct vmm_spec *spec, struct vmm *owner,
		      void **ret_vm, struct err *err)
{
	_cleanup_(qemu_free) struct qemu *q = xmalloc(sizeof(*q));
	_cleanup_close_ int ours = -EBADF, theirs = -EBADF;
	int pair[2], r;

	*q = (struct qemu){
		.owner = owner,
		.loop = loop,
		.child = VMM_CHILD_NULL,
		.qmp = QMP_NULL,
		.qmp_io = LOOP_IO_NULL,
	};
	loop_defer_init(&q->finish);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(err, -errno, "a socket pair for QEMU");
	ours = pair[0];
	theirs = pair[1];
	r = fd_nonblock(ours, true);
	if (r == 0)
		r = qmp_init(&q->qmp, ours);
	if (r < 0)
		return err_errno(err, r, "the control connection to QEMU");
	(void)take_fd(ours);
	r = loop_io_start(loop, &q->qmp_io, q->qmp.fd, EPOLLIN, qmp_readable);
	if (r < 0)
		return err_errno(err, r, "the control connection to QEMU");
	q->n_disks = spec->n_disks + spec->slots.writable;
	q->slots.n_disks = spec->n_disks;
	/* Read before the guest has come to where it would look for disks. */
	if (spec->rates.disk_bytes || spec->rates.disk_ops)
		r = qemu_rates_send(&q->rates, &q->qmp, q->n_disks, &spec->rates);
	if (r < 0)
		return err_errno(err, r, "the control connection to QEMU");
	r = launch(q, spec, theirs, err);
	if (r < 0)
		return r;
	*ret_vm = take_ptr(q);
	return 0;
}

static int qemu_pause(void *vm)
{
	struct qemu *q = vm;

	return qmp_send(&q->qmp, "stop", &q->pending_id);
}

static int qemu_resume(void *vm)
{
	struct qemu *q = vm;

	return qmp_send(&q->qmp, "cont", &q->pending_id);
}

static int qemu_set_rates(void *vm, const struct vmm_rates *rates)
{
	struct qemu *q = vm;
	int r = q->n_disks == 0 ? -EINVAL : qemu_rates_send(&q->rates, &q->qmp, q->n_disks, rates);

	q->rates_asked = r == 0;
	return r;
}

static int qemu_disk_attach(void *vm, size_t slot, const struct vmm_disk *disk, struct err *err)
{
	struct qemu *q = vm;
	int r = qemu_slots_fill(&q->slots, &q->qmp, slot, disk);

	return r < 0 ? err_errno(err, r, "cannot give QEMU the disk %s", disk->serial) : 0;
}

static int qemu_disk_detach(void *vm, size_t slot, struct err *err)
{
	struct qemu *q = vm;
	int r = qemu_slots_clear(&q->slots, &q->qmp, slot);

	return r < 0 ? err_errno(err, r, "cannot speak to QEMU") : 0;
}

static pid_t qemu_pid(const void *vm)
{
	return ((const struct qemu *)vm)->child.proc.pid;
}

const struct vmm_ops vmm_qemu_ops = {
	.name = "qemu",
	.title = "QEMU",
	.program = QEMU_PROGRAM,
	.traits = {.no_readonly_slots = true},
	.start = qemu_start,
	.pause = qemu_pause,
	.resume = qemu_resume,
	.set_rates = qemu_set_rates,
	.disk_attach = qemu_disk_attach,
	.disk_detach = qemu_disk_detach,
	.pid = qemu_pid,
	.free = qemu_free,
};
