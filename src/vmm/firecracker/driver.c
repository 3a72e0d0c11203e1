/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "vmm/firecracker/command.h"
#include "vmm/firecracker/driver-impl.h"

/*
 * Theory of operation. Firecracker is a child, by way of the jailer where there is a jail. As soon as the socket of
 * its API is there, which inotify tells, it is asked for its version, then it gets its parts one by one, and
 * is told to start; or what to go on from. Where something is refused it is killed, and what it said is why the VM has ended.
 *
 * The guest's end is the process's own, with status 0; of nothing else are there events.
 */

/* Between the making of its socket and listen(2) nothing can be waited for. */
#define RETRY_NS      (1000 * 1000)

#define LAST_WORDS_NS (1000 * 1000 * 1000)

static void ask(struct firecracker *f, const char *method, const char *path, const char *body,
		void (*done)(void *data, const struct fc_answer *answer));

void fc_fail(struct firecracker *f, const char *why)
{
	f->failure = xstrdup(why);
	proc_kill(&f->child.proc, SIGKILL);
}

static void lost(struct loop_timer *timer)
{
	proc_kill(&container_of(timer, struct firecracker, retry)->child.proc, SIGKILL);
}

/* One that gives no answer is about to end, perhaps, and what it says then says more. */
static void unanswered(struct firecracker *f, const struct fc_answer *answer)
{
	if (answer->r == -EREMOTEIO) {
		fc_fail(f, answer->text);
		return;
	}
	f->failure = xstrdup(answer->text);
	loop_timer_start(f->loop, &f->retry, loop_now(f->loop) + LAST_WORDS_NS, lost);
}

static void start_answered(void *data, const struct fc_answer *answer)
{
	struct firecracker *f = data;

	f->started = answer->r == 0;
	if (!f->started)
		unanswered(f, answer);
}

static void part_answered(void *data, const struct fc_answer *answer)
{
	struct firecracker *f = data;
	const struct fc_part *part;

	if (answer->r < 0) {
		unanswered(f, answer);
		return;
	}
	while (f->next < f->plan.n && f->plan.parts[f->next].since > f->minor)
		f->next++;
	part = &f->plan.parts[f->next];
	if (f->next == f->plan.n)
		ask(f, "PUT", "/actions", "{\"action_type\":\"InstanceStart\"}", start_answered);
	else
		ask(f, "PUT", part->path, json_object_to_json_string(part->body), part_answered);
	f->next++;
}

static void load_answered(void *data, const struct fc_answer *answer)
{
	struct firecracker *f = data;

	start_answered(f, answer);
	if (f->started)
		vmm_notify_event(f->owner, VMM_EVENT_RESUMED);
}

static void version_answered(void *data, const struct fc_answer *answer);

static void try_again(struct loop_timer *timer)
{
	ask(container_of(timer, struct firecracker, retry), "GET", "/version", NULL,
	    version_answered);
}

static void version_answered(void *data, const struct fc_answer *answer)
{
	struct firecracker *f = data;
	struct err err = ERR_NULL;

	if (answer->r == -ECONNREFUSED) {
		loop_timer_start(f->loop, &f->retry, loop_now(f->loop) + RETRY_NS, try_again);
		return;
	}
	if (answer->r < 0)
		unanswered(f, answer);
	else if (fc_check_version(answer->text, &f->minor, &err) < 0)
		fc_fail(f, err.text);
	else if (f->load[0])
		ask(f, "PUT", "/snapshot/load", f->load[f->minor >= FC_TAPS_SINCE], load_answered);
	else
		part_answered(f, answer);
}

static void ask(struct firecracker *f, const char *method, const char *path, const char *body,
		void (*done)(void *data, const struct fc_answer *answer))
{
	if (fc_api_send(f->api, method, path, body, done, f) < 0)
		fc_fail(f, "there is no memory to speak to Firecracker");
}

static void stop_watching(struct firecracker *f)
{
	loop_io_stop(&f->watch_io);
	f->watch = fd_close(f->watch);
}

static void look(struct firecracker *f)
{
	int r = fc_api_at(f->api, f->dir);

	if (r == -ENOENT)
		return;
	stop_watching(f);
	if (r < 0)
		fc_fail(f, "what Firecracker has made is no socket");
	else
		ask(f, "GET", "/version", NULL, version_answered);
}

static void folder_changed(struct loop_io *io, uint32_t revents _unused_)
{
	char events[4096];

	/* What came is looked for, not read of. */
	(void)!read(io->fd, events, sizeof(events));
	look(container_of(io, struct firecracker, watch_io));
}

static int watch_folder(struct firecracker *f)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", f->dir);
	f->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (f->watch < 0 || inotify_add_watch(f->watch, path, IN_CREATE) < 0)
		return -errno;
	return loop_io_start(f->loop, &f->watch_io, f->watch, EPOLLIN, folder_changed);
}

static void process_ended(struct vmm_child *child, int status)
{
	struct firecracker *f = container_of(child, struct firecracker, child);
	char words[VMM_MESSAGE_MAX] = "";
	const char *message = child->message;

	stop_watching(f);
	loop_timer_stop(&f->retry);
	fc_api_free(take_ptr(f->api));
	tail_drain(&f->log);
	tail_stop(&f->log);
	fc_metrics_drain(&f->metrics);
	fc_metrics_stop(&f->metrics);
	/* What it logs at its good end is no complaint. */
	if (status != 0 && !*message) {
		tail_lines(&f->log, 1, words, sizeof(words));
		message = words;
	}
	if (f->failure && (status == 0 || status > 128))
		vmm_notify_failure(f->owner, f->failure);
	else
		vmm_notify_exit(f->owner, status, status == 0 ? "" : message);
}

static void fc_free(void *vm)
{
	struct firecracker *f = vm;

	stop_watching(f);
	loop_timer_stop(&f->retry);
	fc_api_free(f->api);
	vmm_child_stop(&f->child);
	tail_stop(&f->log);
	fc_metrics_stop(&f->metrics);
	fc_plan_done(&f->plan);
	fc_plan_done(&f->rates);
	fc_slots_done(&f->slots);
	for (size_t i = 0; i < VMM_DISKS_MAX; i++) {
		fc_disk_let_go(&f->kept[i]);
		fc_disk_let_go(&f->came[i]);
	}
	fd_close(f->dir);
	free(f->failure);
	free(f->save);
	free(f->load[0]);
	free(f->load[1]);
	free(f);
}

static int start_process(struct firecracker *f, const struct vmm_spec *spec, struct err *err)
{
	_cleanup_fc_command_ struct fc_command command = FC_COMMAND_NULL;
	struct err unprepared = ERR_NULL;
	struct proc_spec proc = PROC_SPEC_NULL;
	int r = fc_command(spec, &f->plan, f->dir, &f->slots, &command, err);

	if (r < 0)
		return r;
	proc.argv = (const char *const *)command.argv.v;
	proc.stdout_fd = spec->console_fd;
	proc.fds = command.fds;
	proc.n_fds = command.n_fds;
	proc.fd_base = FC_FD_DIR;
	proc.new_session = true;
	if (spec->jail) {
		/* The jailer changes its user, by which the kernel forgets that it dies with us. */
		proc.guarded = true;
		proc.prepare = fc_jail_make;
		proc.prepare_data = &command.jail;
		proc.prepare_err = &unprepared;
	}
	r = vmm_child_start(f->loop, &f->child, &proc, process_ended);
	if (unprepared.code < 0)
		return err_set(err, r, "%s", unprepared.text);
	if (r == -ENOENT)
		return err_set(err, r, "%s is not installed%s", proc.argv[0],
			       spec->jail ? " (firecracker.jailer = false goes without)" : "");
	return r < 0 ? err_errno(err, r, "%s cannot be started", proc.argv[0]) : 0;
}

static int keep_disks(struct firecracker *f, const struct vmm_spec *spec, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && spec->jail && i < spec->n_disks; i++)
		r = fc_disk_keep(&f->kept[i], &spec->disks[i], err);
	return r;
}

static void plan_snapshots(struct firecracker *f, const struct vmm_spec *spec)
{
	if (spec->snapshot_dir >= 0)
		f->save = fc_plan_save(spec);
	for (size_t i = 0; spec->restore_dir >= 0 && i < ARRAY_SIZE(f->load); i++)
		f->load[i] = fc_plan_load(spec, i > 0);
}

static int begin(struct firecracker *f, const struct vmm_spec *spec, struct err *err)
{
	bool api = spec->run_dir && !spec->no_api;
	int r = spec->run_dir ? fc_folder(spec, f->loop, &f->log, &f->metrics, &f->dir, err) : 0;

	if (r == 0)
		r = keep_disks(f, spec, err);
	if (r == 0)
		r = fc_slots_make(spec, &f->slots, err);
	if (r == 0)
		r = fc_plan_make(spec, f->dir, &f->slots, &f->plan, err);
	plan_snapshots(f, spec);
	if (r == 0 && api && (r = watch_folder(f)) < 0)
		(void)err_errno(err, r, "cannot watch the folder %s", spec->run_dir);
	if (r == 0)
		r = start_process(f, spec, err);
	if (r == 0 && api)
		f->api = fc_api_new(f->loop);
	return r;
}

static int fc_start(struct loop *loop, const struct vmm_spec *spec, struct vmm *owner,
		    void **ret_vm, struct err *err)
{
	struct firecracker *f = xcalloc(1, sizeof(*f));
	int r;

	*f = (struct firecracker){
		.owner = owner,
		.n_disks = spec->n_disks,
		.n_nics = spec->n_nics,
		.loop = loop,
		.child = VMM_CHILD_NULL,
		.dir = -EBADF,
		.watch = -EBADF,
		.watch_io = LOOP_IO_NULL,
		.log = TAIL_NULL,
		.metrics = FC_METRICS_NULL,
		.slots = FC_SLOTS_NULL,
	};
	loop_timer_init(&f->retry);
	r = begin(f, spec, err);
	if (r < 0) {
		fc_free(f);
		return r;
	}
	*ret_vm = f;
	return 0;
}

static pid_t fc_pid(const void *vm)
{
	return ((const struct firecracker *)vm)->child.proc.pid;
}

const struct vmm_ops vmm_firecracker_ops = {
	.name = "firecracker",
	.title = "Firecracker",
	.program = FC_PROGRAM,
	.traits = {.kvm_only = true,
		   .own_vsock = true,
		   .taps_by_name = true,
		   .no_shares = true,
		   .no_pc = true,
		   .jails = true,
		   .limits_nics = true,
		   .snapshots = true},
	.check_program = fc_check_program,
	.start = fc_start,
	.pause = fc_pause,
	.resume = fc_resume,
	.set_rates = fc_set_rates,
	.flush_metrics = fc_flush_metrics,
	.disk_attach = fc_disk_attach,
	.disk_detach = fc_disk_detach,
	.snapshot = fc_snapshot,
	.pid = fc_pid,
	.free = fc_free,
};
