/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/oci/oci.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "guest/mount/root.h"
#include "guest/oci/bundle.h"
#include "guest/oci/oci-cgroup.h"
#include "guest/oci/oci-crun.h"
#include "guest/oci/oci-error.h"
#include "guest/oci/oci-sign.h"
#include "guest/oci/oci-task.h"
#include "guest/procfs.h"
#include "guest/task/process-io.h"

#define PIDS_MAX 4096

/* Between tries of what is tried again: at first, and at last. */
#define AGAIN_NS     (NSEC_PER_SEC / 10)
#define AGAIN_MAX_NS (30 * NSEC_PER_SEC)

static struct oci *oci_of(struct executor *executor)
{
	return container_of(executor, struct oci, base);
}

bool oci_available(void)
{
	return access(ABI_CRUN, X_OK) == 0;
}

/* Early ends. */

void oci_ending(struct oci *oci, pid_t pid, uint32_t status)
{
	/* crun has no other status for that; one that was killed had no time to fail. */
	bool crun = status == EXIT_FAILURE && !procfs_has_executed(pid);

	oci->last = (struct oci_end){.pid = pid, .status = status, .crun = crun};
}

void oci_reaped(struct oci *oci, pid_t pid)
{
	if (oci->n_busy == 0 || process_find_pid(oci->processes, pid))
		return;
	/* The oldest is the likeliest to be nobody's. */
	if (oci->n_early == OCI_EARLY_MAX)
		memmove(oci->early, oci->early + 1, --oci->n_early * sizeof(oci->early[0]));
	oci->early[oci->n_early++] = oci->last;
}

static void tell_early_end(struct oci *oci, pid_t pid)
{
	for (size_t i = oci->n_early; i-- > 0;) {
		if (oci->early[i].pid != pid)
			continue;
		oci->last = oci->early[i];
		oci->early[i].pid = 0;
		/* A number may have been given again: what lives is not what ended. */
		if (kill(pid, 0) < 0 && errno == ESRCH)
			oci->ended(pid, oci->last.status);
		return;
	}
}

/* A process stands: all that is to be known of it is known now. */

static void set_size(int tty, const struct process *p)
{
	struct winsize size = {.ws_col = p->columns, .ws_row = p->rows};

	if (size.ws_col > 0)
		(void)ioctl(tty, TIOCSWINSZ, &size);
}

static int take_terminal(struct oci_task *task)
{
	struct process *p = task->process;
	int tty;

	if (!p->terminal)
		return 0;
	tty = crun_take_terminal(task->console);
	if (tty < 0)
		return tty;
	set_size(tty, p);
	task->oci->base.events->terminal(p, tty);
	return 0;
}

/*
 * A container's mounts stay until it is deleted, not only until its last process is gone: Linux 6.1 was seen to free
 * files of a virtiofs while they were still being read ahead, and to panic when they had come (fuse_invalidate_atime(),
 * fs/fuse/file.c).
 */
static void hold_mounts(struct process *p)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)p->pid);
	p->mntns = open(path, O_RDONLY | O_CLOEXEC);
}

static int take_process(struct oci_task *task)
{
	int r = crun_read_pid(oci_task_number(task), &task->process->pid);

	if (r == 0 && !process_is_exec(task->process))
		hold_mounts(task->process);
	task->process->ctl = take_fd(task->sign);
	return r < 0 ? r : take_terminal(task);
}

/* Why crun failed, or was not reached; @r: or what went wrong after it had not. */
static void explain(struct oci_task *task, uint32_t status, int r)
{
	char words[400];

	if (r == -ENOTTY) {
		task->code = TTRPC_INVALID_ARGUMENT;
		(void)snprintf(task->text, sizeof(task->text),
			       "a terminal is asked for, and \"process.terminal\" is not true");
		return;
	}
	if (r < 0) {
		task->code = ttrpc_code_from_errno(r);
		(void)snprintf(task->text, sizeof(task->text), "cannot take the process over: %s",
			       strerror(-r));
		return;
	}
	worker_words(&task->worker, words, sizeof(words));
	task->code = oci_explain(words, task->text, sizeof(task->text));
	if (status > CRUN_MOUNT_FAILED && status <= CRUN_MOUNT_FAILED + TTRPC_UNAUTHENTICATED)
		task->code = (enum ttrpc_code)(status - CRUN_MOUNT_FAILED);
}

static void removed(struct oci_task *task, uint32_t status);

static int begin_removal(struct oci_task *task)
{
	struct crun crun = {.verb = CRUN_DELETE};

	return oci_task_start(task, &crun, removed);
}

static void remove_later(struct oci_task *task);

static void try_again(struct loop_timer *timer)
{
	struct oci_task *task = container_of(timer, struct oci_task, again);

	if (begin_removal(task) < 0)
		remove_later(task);
}

/* Nobody else would ever remove it; what is lacking now need not be in a moment. */
static void remove_later(struct oci_task *task)
{
	struct loop *loop = task->oci->workers->loop;

	task->delay = task->delay ? MIN(2 * task->delay, AGAIN_MAX_NS) : AGAIN_NS;
	loop_timer_start(loop, &task->again, loop_now(loop) + task->delay, try_again);
}

static void tell_removed(struct oci_task *task)
{
	const struct executor_events *events = task->oci->base.events;
	struct process *p = take_ptr(task->process);

	if (p && task->code != TTRPC_OK)
		events->failed(p, task->code, task->text);
	else if (p)
		events->removed(p);
}

/* The process is told of its failure once nothing is left of it; or it would have to wait. */
static void create_failed(struct oci_task *task, uint32_t status, int r)
{
	explain(task, status, r);
	task->console = fd_close(task->console);
	task->sign = fd_close(task->sign);
	if (begin_removal(task) == 0)
		return;
	tell_removed(task);
	remove_later(task);
}

static void created(struct oci_task *task, uint32_t status)
{
	struct process *p = task->process;
	struct oci *oci = task->oci;
	int r = 0;

	if (p && status == 0)
		r = take_process(task);
	if (p && (status != 0 || r < 0)) {
		/* Its end is part of the removal, and not to be told: it was never there. */
		p->pid = 0;
		create_failed(task, status, r);
		return;
	}
	if (p) {
		oci->base.events->prepared(p);
		tell_early_end(oci, p->pid);
	}
	oci_task_free(task);
}

static void started(struct oci_task *task, uint32_t status)
{
	struct process *p = task->process;
	struct oci *oci = task->oci;

	/* Its end was told before: settle(). */
	if (p && p->state == PROCESS_STARTING) {
		if (status == 0) {
			oci_sign_await(oci, p);
		} else {
			explain(task, status, 0);
			oci->base.events->failed(p, task->code, task->text);
		}
	}
	oci_task_free(task);
}

static void executed(struct oci_task *task, uint32_t status)
{
	struct process *p = task->process;
	struct oci *oci = task->oci;
	int r = 0;

	if (p && status == 0)
		r = take_process(task);
	if (p && status == 0 && r == 0) {
		if (task->signo > 0)
			(void)kill(p->pid, task->signo);
		oci_sign_await(oci, p);
		tell_early_end(oci, p->pid);
	} else if (p) {
		explain(task, status, r);
		oci->base.events->failed(p, task->code, task->text);
	}
	oci_task_free(task);
}

static void removed(struct oci_task *task, uint32_t status)
{
	char words[400];
	int r;

	worker_words(&task->worker, words, sizeof(words));
	/* What could not be created is not there to be deleted. */
	if (status != 0 && task->code == TTRPC_OK)
		log_warn("%s: cannot be deleted: %s", task->id, words);
	oci_cgroup_remove(task->id);
	r = bundle_remove(task->id);
	tell_removed(task);
	if (ttrpc_code_from_errno(r) == TTRPC_RESOURCE_EXHAUSTED)
		remove_later(task);
	else
		oci_task_free(task);
}

/* What the Task service asks for. */

static int begin(struct executor *executor, struct process *p, struct crun *crun,
		 void (*done)(struct oci_task *task, uint32_t status))
{
	struct oci_task *task;
	int r = root_prepare();

	if (r < 0)
		return r;
	task = oci_task_new(oci_of(executor), p);
	r = task ? oci_task_start(task, crun, done) : -EAGAIN;
	if (task && r < 0)
		oci_task_free(task);
	return r;
}

/* What is left of an earlier container of that name is still to be removed. */
static bool name_is_busy(const struct oci *oci, const char *id)
{
	for (size_t i = 0; i < OCI_TASKS_MAX && oci->n_busy > 0; i++)
		if (oci->tasks[i].busy && !oci->tasks[i].process &&
		    strcmp(oci->tasks[i].id, id) == 0)
			return true;
	return false;
}

static int oci_create(struct executor *executor, struct process *p,
		      const struct executor_request *request)
{
	struct crun crun = {.verb = CRUN_CREATE, .speaks = true, .request = request};

	if (name_is_busy(oci_of(executor), p->id))
		return -EAGAIN;
	return begin(executor, p, &crun, created);
}

static int oci_start(struct executor *executor, struct process *p)
{
	struct crun crun = {.verb = CRUN_START};

	return begin(executor, p, &crun, started);
}

static int oci_exec(struct executor *executor, struct process *p,
		    const struct executor_request *request)
{
	struct crun crun = {.verb = CRUN_EXEC,
			    .speaks = true,
			    .request = request,
			    .rows = p->rows,
			    .columns = p->columns};

	if (p->container->reaped)
		return -ESRCH;
	return begin(executor, p, &crun, executed);
}

static int oci_remove(struct executor *executor, struct process *p)
{
	struct oci_task *task = oci_task_new(oci_of(executor), p);
	int r = task ? begin_removal(task) : -EAGAIN;

	if (task && r < 0)
		oci_task_free(task);
	if (r < 0)
		log_warn("%s: cannot be deleted: %s", p->id, strerror(-r));
	return r;
}

/* Of an exec that has no number yet, which is about to be known. */
static int signal_later(struct oci *oci, const struct process *p, int signo)
{
	for (size_t i = 0; i < OCI_TASKS_MAX; i++) {
		struct oci_task *task = &oci->tasks[i];

		if (!task->busy || task->process != p)
			continue;
		if (signo != 0 && task->signo != SIGKILL)
			task->signo = signo;
		return 0;
	}
	return -ESRCH;
}

static int signal_all(const struct process *p, int signo)
{
	pid_t pids[PIDS_MAX];
	int n;

	if (signo == SIGKILL && cgroup_write(&p->cgroup, "cgroup.kill", "1") == 0)
		return 0;
	n = oci_cgroup_pids(&p->cgroup, pids, PIDS_MAX);
	for (int i = 0; i < n; i++)
		(void)kill(pids[i], signo);
	return n > 0 ? 0 : -ESRCH;
}

static int oci_signal(struct executor *executor, struct process *p, int signo, bool all)
{
	if (p->reaped)
		return -ESRCH;
	if (p->pid <= 0)
		return signal_later(oci_of(executor), p, signo);
	if (all && !process_is_exec(p) && signo != 0)
		return signal_all(p, signo);
	/* Not reaped yet, so the number is still this process'. */
	return kill(p->pid, signo) < 0 ? -errno : 0;
}

static int oci_pids(struct executor *executor _unused_, const struct process *p, pid_t *ret,
		    int max)
{
	return oci_cgroup_pids(&p->cgroup, ret, max);
}

static void oci_settle(struct executor *executor, struct process *p)
{
	const struct oci_end *last = &oci_of(executor)->last;

	if (p->state != PROCESS_STARTING)
		return;
	if (last->pid == p->pid && last->crun)
		oci_sign_not_executed(p);
	else
		oci_sign_started(p);
}

static void oci_release(struct executor *executor, struct process *p)
{
	struct oci *oci = oci_of(executor);

	oci_sign_close(p);
	p->mntns = fd_close(p->mntns);
	for (size_t i = 0; i < OCI_TASKS_MAX && oci->n_busy > 0; i++) {
		struct oci_task *task = &oci->tasks[i];

		if (!task->busy || task->process != p)
			continue;
		task->process = NULL;
		/* What it is about is gone; it might wait for that without end. */
		worker_kill(&task->worker);
	}
}

static const struct executor_ops oci_ops = {
	.takes_bundles = true,
	.create = oci_create,
	.start = oci_start,
	.exec = oci_exec,
	.signal = oci_signal,
	.pids = oci_pids,
	.settle = oci_settle,
	.remove = oci_remove,
	.release = oci_release,
};

void oci_init(struct oci *oci, struct workers *workers, struct process_table *processes,
	      const struct executor_events *events, int null_fd)
{
	oci->base.ops = &oci_ops;
	oci->base.events = events;
	oci->workers = workers;
	oci->processes = processes;
	oci->null_fd = null_fd;
}
