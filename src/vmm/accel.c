/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/accel.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "abi/abi.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "vmm/driver.h"
#include "vmm/identity.h"

/*
 * Theory of operation. "<cache_dir>/accel/<key>" holds what a trial came to, <key> stands for this
 * boot of the machine, the VMM's executable and the kernel. Trials hold a lock on the folder, so
 * that those who come meanwhile find the result when they get it. The lock goes with its holder.
 *
 * The result's first line is "kvm" or "tcg"; the second one, for "tcg", says why.
 *
 * Who has a loop to serve has all that done by a process of its own, as soon as it may take time: the trial, or the
 * wait for somebody else's. That one, and so its guest, can be ended at any time, and ends with its parent.
 */

#define RESULT_MAX   (VMM_MESSAGE_MAX + 16)
#define PROBE_MEMORY (UINT64_C(128) << 20)
#define BOOT_ID	     "/proc/sys/kernel/random/boot_id"

/**
 * struct verdict - does KVM run guests?
 * @reason: why not
 */
struct verdict {
	bool works;
	char reason[VMM_MESSAGE_MAX];
};

/* The trial guest. */
struct trial {
	struct loop loop;
	struct loop_timer deadline;
	struct vmm *vmm;
	struct verdict *verdict;
};

static _printf_(2, 3) void fails(struct verdict *verdict, const char *fmt, ...)
{
	va_list ap;

	verdict->works = false;
	va_start(ap, fmt);
	(void)vsnprintf(verdict->reason, sizeof(verdict->reason), fmt, ap);
	va_end(ap);
}

static void trial_exited(void *data, const struct vmm_exit *result)
{
	struct trial *t = data;

	if (result->failure)
		fails(t->verdict, "%s", result->failure);
	else if (result->status == 0)
		t->verdict->works = true;
	else if (result->message[0])
		fails(t->verdict, "%s", result->message);
	else if (result->status > 128)
		fails(t->verdict, "%s was killed by signal %d", vmm_title(t->vmm),
		      result->status - 128);
	else
		fails(t->verdict,
		      "%s ended with status %d, without a word; is it the right program?",
		      vmm_title(t->vmm), result->status);
	loop_quit(&t->loop, 0);
}

static void trial_event(void *data, enum vmm_event event)
{
	struct trial *t = data;

	/* It prints what it could not emulate, and halts. */
	if (event != VMM_EVENT_PAUSED)
		return;
	fails(t->verdict, "%s stopped the guest: KVM internal error", vmm_title(t->vmm));
	loop_quit(&t->loop, 0);
}

static void trial_late(struct loop_timer *timer)
{
	struct trial *t = container_of(timer, struct trial, deadline);

	fails(t->verdict, "a trial guest did not come to its end in time");
	loop_quit(&t->loop, 0);
}

static int try_kvm(const struct accel_probe_args *args, struct verdict *verdict, struct err *err)
{
	static const char *const cmdline[] = {ABI_CMDLINE_PROBE "1", NULL};
	struct trial t = {.deadline = LOOP_TIMER_NULL(t.deadline), .verdict = verdict};
	const struct vmm_callbacks callbacks = {
		.exited = trial_exited, .event = trial_event, .data = &t};
	struct vmm_spec spec = VMM_SPEC_NULL;
	uint64_t patience = args->deadline		    ? args->deadline
			    : args->driver->traits.kvm_only ? ACCEL_PROBE_DEADLINE_ONLY
							    : ACCEL_PROBE_DEADLINE;
	int r = loop_init(&t.loop);

	if (r < 0)
		return err_errno(err, r, "an event loop");
	spec.name = "accel-probe";
	spec.program = args->program;
	spec.memory = PROBE_MEMORY;
	spec.accel = VMM_ACCEL_KVM;
	spec.kernel = args->kernel;
	spec.initrd = args->initrd;
	spec.cmdline = cmdline;
	r = vmm_start(&t.loop, args->driver, &spec, &callbacks, &t.vmm, err);
	if (r == 0) {
		loop_timer_start(&t.loop, &t.deadline, loop_now(&t.loop) + patience, trial_late);
		r = loop_run(&t.loop);
		if (r < 0)
			(void)err_errno(err, r, "the trial guest");
	}
	loop_timer_stop(&t.deadline);
	vmm_free(t.vmm);
	loop_deinit(&t.loop);
	return r;
}

static int make_key(const struct accel_probe_args *args, char key[IDENTITY_LEN + 1])
{
	_cleanup_identity_ struct identity id = IDENTITY_NULL;
	const char *name = args->program ? args->program : args->driver->program;
	_cleanup_free_ char *boot = NULL, *program = NULL;
	int r = name ? 0 : -EINVAL;

	if (r == 0)
		r = file_slurp_at(AT_FDCWD, BOOT_ID, 64, &boot, NULL);
	if (r < 0)
		return r;
	program = path_find_program(name);
	if (!program)
		return -ENOPKG;
	identity_add_word(&id, "accel 1");
	identity_add_word(&id, boot);
	r = identity_add_file(&id, program);
	if (r == 0)
		r = identity_add_file(&id, args->kernel);
	if (r == 0)
		identity_key(&id, key);
	return r;
}

/* Return: whether there is a result. */
static bool recall(int dir, const char *key, struct verdict *verdict)
{
	_cleanup_free_ char *text = NULL;
	char *newline;

	if (dir < 0 || file_slurp_at(dir, key, RESULT_MAX, &text, NULL) < 0)
		return false;
	newline = strchr(text, '\n');
	if (!newline)
		return false;
	*newline = '\0';
	if (strcmp(text, "kvm") == 0) {
		verdict->works = true;
		return true;
	}
	if (strcmp(text, "tcg") != 0)
		return false;
	newline[1 + strcspn(newline + 1, "\n")] = '\0';
	fails(verdict, "%s", newline + 1);
	return true;
}

/* Results of other boots and programs are of no use any more, but harm nobody: they are tiny. */
static void remember(int dir, const char *key, const struct verdict *verdict)
{
	char text[RESULT_MAX];
	int n;

	n = snprintf(text, sizeof(text), "%s\n%s\n", verdict->works ? "kvm" : "tcg",
		     verdict->works ? "" : verdict->reason);
	/* Without it the next one tries again, that is all. */
	if (dir >= 0 && n > 0 && (size_t)n < sizeof(text))
		(void)file_write_atomic_at(dir, key, text, (size_t)n, 0644);
}

/* Return: the folder, or -EBADF where results cannot be kept. */
static int open_cache(const char *cache_dir)
{
	_cleanup_free_ char *path = path_join(cache_dir, "accel");
	int fd;

	if (path_mkdirs(path, 0755) < 0)
		return -EBADF;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -EBADF : fd;
}

/* The lock is released with the descriptor, whatever becomes of us. */
static void lock(int dir)
{
	while (dir >= 0 && flock(dir, LOCK_EX) < 0 && errno == EINTR)
		;
}

/* Or what is wrong with it would be told of KVM. */
static int check_program(const struct accel_probe_args *args, struct err *err)
{
	_cleanup_free_ char *path =
		path_find_program(args->program ? args->program : args->driver->program);

	return path ? vmm_check_program(args->driver, path, err) : 0;
}

/* Who chose it may have said so in any of these ways. */
static const char *way_on(const struct accel_probe_args *args)
{
	return args->driver->traits.kvm_only
		       ? "; qemu goes without: --hypervisor, RUNCVM_HYPERVISOR, the annotation "
			 "io.caisson.hypervisor or vm.hypervisor of the configuration says which"
		       : "";
}

/* Return: -EINPROGRESS: only a trial can tell, and @now is not the time for one. */
static int find_out(const struct accel_probe_args *args, bool now, struct verdict *verdict,
		    struct err *err)
{
	_cleanup_close_ int dir = -EBADF;
	char key[IDENTITY_LEN + 1];
	int r = make_key(args, key);

	if (r == -ENOPKG)
		return err_set(err, r, "%s is not installed%s",
			       args->program ? args->program : args->driver->program, way_on(args));
	if (r < 0)
		return err_errno(err, r, "the trial guest's kernel or %s", args->driver->title);
	dir = open_cache(args->cache_dir);
	if (recall(dir, key, verdict))
		return 0;
	if (!now)
		return -EINPROGRESS;
	lock(dir);
	if (recall(dir, key, verdict))
		return 0;
	r = check_program(args, err);
	if (r == 0)
		r = try_kvm(args, verdict, err);
	if (r == 0)
		remember(dir, key, verdict);
	return r;
}

static int check_device(const struct accel_probe_args *args)
{
	_cleanup_close_ int fd = -EBADF;

	fd = open(args->kvm_device ? args->kvm_device : "/dev/kvm", O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : 0;
}

static int resolve(enum vmm_accel wanted, const struct accel_probe_args *args, bool now,
		   enum vmm_accel *ret, struct err *err)
{
	struct verdict verdict = {.works = false};
	int r;

	if (wanted == VMM_ACCEL_TCG) {
		*ret = VMM_ACCEL_TCG;
		return 0;
	}
	r = check_device(args);
	if (r < 0 && wanted == VMM_ACCEL_KVM)
		return err_set(err, r, "KVM cannot be used: /dev/kvm: %s%s%s", strerror(-r),
			       r == -EACCES ? "; root can, and who is in the group kvm" : "",
			       way_on(args));
	if (r == 0)
		r = find_out(args, now, &verdict, wanted == VMM_ACCEL_KVM ? err : NULL);
	if (r == -EINPROGRESS || (wanted == VMM_ACCEL_KVM && r < 0))
		return r;
	if (wanted == VMM_ACCEL_KVM && !verdict.works)
		return err_set(err, -ENODEV, "a guest that was tried did not run with KVM: %s",
			       verdict.reason);
	*ret = verdict.works ? VMM_ACCEL_KVM : VMM_ACCEL_TCG;
	return 0;
}

int vmm_accel_resolve(enum vmm_accel wanted, const struct accel_probe_args *args,
		      enum vmm_accel *ret, struct err *err)
{
	return resolve(wanted, args, true, ret, err);
}

struct question {
	enum vmm_accel wanted;
	const struct accel_probe_args *args;
};

/* In the process for it. Return: an enum vmm_accel, or negative errno with a message. */
static int answer(void *data, struct err *err)
{
	const struct question *question = data;
	enum vmm_accel accel = VMM_ACCEL_INVALID_;
	int r = resolve(question->wanted, question->args, true, &accel, err);

	return r < 0 ? r : (int)accel;
}

static void answered(struct loop_io *io, uint32_t revents _unused_)
{
	struct accel_trial *trial = container_of(io, struct accel_trial, io);
	struct err err = ERR_NULL;
	int r;

	loop_io_stop(io);
	r = proc_call_end(&trial->proc, trial->fd, &err);
	trial->fd = fd_close(trial->fd);
	if (r >= 0)
		trial->accel = (enum vmm_accel)r;
	trial->done(trial, r < 0 ? r : 0, &err);
}

int vmm_accel_begin(struct loop *loop, struct accel_trial *trial, enum vmm_accel wanted,
		    const struct accel_probe_args *args, struct err *err)
{
	struct question question = {.wanted = wanted, .args = args};
	int r = resolve(wanted, args, false, &trial->accel, err);

	if (r != -EINPROGRESS)
		return r;
	r = proc_call_begin(answer, &question, &trial->proc, &trial->fd, err);
	if (r < 0)
		return r;
	r = loop_io_start(loop, &trial->io, trial->fd, EPOLLIN, answered);
	if (r < 0) {
		vmm_accel_end(trial);
		return err_errno(err, r, "a trial of KVM");
	}
	return 1;
}

void vmm_accel_end(struct accel_trial *trial)
{
	loop_io_stop(&trial->io);
	proc_done(&trial->proc);
	trial->fd = fd_close(trial->fd);
}
