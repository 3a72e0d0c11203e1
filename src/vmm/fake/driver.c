/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/driver.h"

#include "base/mem.h"
#include "base/strv.h"
#include "vmm/child.h"

/*
 * A VM that is none: the spec's program runs in its place, as "PROGRAM RUN_DIR WORD…" with the
 * words of the kernel's command line. Its standard output is the console; the vsock device's
 * descriptor, where there is one, is its 3, the shares' follow. Its end is the VM's end. For tests
 * of all that stands on this layer; pausing is SIGSTOP.
 */

struct fake {
	struct vmm *owner;
	struct loop *loop;
	struct vmm_child child;
	struct loop_defer reply;
	struct loop_defer event;
	bool pausing;
};

static void process_ended(struct vmm_child *child, int status)
{
	struct fake *f = container_of(child, struct fake, child);

	loop_defer_stop(&f->reply);
	loop_defer_stop(&f->event);
	vmm_notify_exit(f->owner, status, child->message);
}

static void fake_free(void *vm)
{
	struct fake *f = vm;

	loop_defer_stop(&f->reply);
	loop_defer_stop(&f->event);
	vmm_child_stop(&f->child);
	free(f);
}

static void build(const struct vmm_spec *spec, struct strv *argv, int fds[1 + VMM_SHARES_MAX],
		  size_t *n_fds)
{
	strv_add(argv, spec->program);
	strv_add(argv, spec->run_dir ? spec->run_dir : "");
	for (const char *const *word = spec->cmdline; word && *word; word++)
		strv_add(argv, *word);
	*n_fds = 0;
	if (spec->vsock.kind != VMM_VSOCK_NONE && spec->vsock.fd >= 0)
		fds[(*n_fds)++] = spec->vsock.fd;
	for (size_t i = 0; i < spec->n_shares; i++)
		if (spec->shares[i].fd >= 0)
			fds[(*n_fds)++] = spec->shares[i].fd;
}

static int fake_start(struct loop *loop, const struct vmm_spec *spec, struct vmm *owner,
		      void **ret_vm, struct err *err)
{
	_cleanup_strv_ struct strv argv = STRV_NULL;
	struct proc_spec proc = PROC_SPEC_NULL;
	int fds[1 + VMM_SHARES_MAX], r;
	struct fake *f;

	if (!spec->program)
		return err_set(err, -EINVAL, "the fake VMM needs a program");
	build(spec, &argv, fds, &proc.n_fds);
	proc.argv = (const char *const *)argv.v;
	proc.stdout_fd = spec->console_fd;
	proc.fds = fds;
	proc.new_session = true;
	f = xmalloc(sizeof(*f));
	*f = (struct fake){.owner = owner, .loop = loop, .child = VMM_CHILD_NULL};
	loop_defer_init(&f->reply);
	loop_defer_init(&f->event);
	r = vmm_child_start(loop, &f->child, &proc, process_ended);
	if (r < 0) {
		fake_free(f);
		return err_errno(err, r, "%s cannot be started", spec->program);
	}
	*ret_vm = f;
	return 0;
}

static void give_reply(struct loop_defer *defer)
{
	vmm_notify_reply(container_of(defer, struct fake, reply)->owner, 0, NULL);
}

/* The event comes before the answer, as QEMU's does. */
static void give_event(struct loop_defer *defer)
{
	struct fake *f = container_of(defer, struct fake, event);

	loop_defer_start(f->loop, &f->reply, give_reply);
	vmm_notify_event(f->owner, f->pausing ? VMM_EVENT_PAUSED : VMM_EVENT_RESUMED);
}

static int signal_guest(struct fake *f, bool pausing)
{
	proc_kill(&f->child.proc, pausing ? SIGSTOP : SIGCONT);
	f->pausing = pausing;
	loop_defer_start(f->loop, &f->event, give_event);
	return 0;
}

static int fake_pause(void *vm)
{
	return signal_guest(vm, true);
}

static int fake_resume(void *vm)
{
	return signal_guest(vm, false);
}

static int reply_later(void *vm)
{
	struct fake *f = vm;

	loop_defer_start(f->loop, &f->reply, give_reply);
	return 0;
}

/* There is nothing to save. */
static int fake_snapshot(void *vm)
{
	return reply_later(vm);
}

static int fake_set_rates(void *vm, const struct vmm_rates *rates _unused_)
{
	return reply_later(vm);
}

static int fake_flush_metrics(void *vm)
{
	return reply_later(vm);
}

static int fake_disk_attach(void *vm, size_t slot _unused_, const struct vmm_disk *disk _unused_,
			    struct err *err _unused_)
{
	return reply_later(vm);
}

static int fake_disk_detach(void *vm, size_t slot _unused_, struct err *err _unused_)
{
	return reply_later(vm);
}

static pid_t fake_pid(const void *vm)
{
	return ((const struct fake *)vm)->child.proc.pid;
}

const struct vmm_ops vmm_fake_ops = {
	.name = "fake",
	.title = "the fake VMM",
	.start = fake_start,
	.pause = fake_pause,
	.resume = fake_resume,
	.set_rates = fake_set_rates,
	.flush_metrics = fake_flush_metrics,
	.disk_attach = fake_disk_attach,
	.disk_detach = fake_disk_detach,
	.snapshot = fake_snapshot,
	.pid = fake_pid,
	.free = fake_free,
};
