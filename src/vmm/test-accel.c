/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/accel.h"

#include <sys/file.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "vmm/test-files.h"

/* Scripts in QEMU's place; each run of one adds a line to the file "runs". */

static struct accel_probe_args args;
static struct err err;

static void begin(const char *script)
{
	static char program[PATH_MAX], cache[PATH_MAX], kernel[PATH_MAX];
	char body[1024];

	test_int(path_remove_tree(AT_FDCWD, files_path("cache")), 0);
	files_write("runs", "", 0, 0644);
	(void)snprintf(body, sizeof(body), "echo run >>'%s'\n%s", files_path("runs"), script);
	(void)snprintf(program, sizeof(program), "%s", files_script("qemu", body));
	(void)snprintf(cache, sizeof(cache), "%s", files_path("cache"));
	files_write("kernel", "k", 1, 0644);
	(void)snprintf(kernel, sizeof(kernel), "%s", files_path("kernel"));
	args = (struct accel_probe_args){
		.cache_dir = cache,
		.driver = vmm_driver("qemu"),
		.program = program,
		.kernel = kernel,
		.initrd = kernel,
		.kvm_device = "/dev/null",
	};
	err.text[0] = '\0';
}

static int runs(void)
{
	_cleanup_free_ char *text = NULL;
	int n = 0;

	test_int(file_slurp_at(AT_FDCWD, files_path("runs"), 4096, &text, NULL), 0);
	for (char *p = text; *p; p++)
		n += *p == '\n';
	return n;
}

static enum vmm_accel resolve(enum vmm_accel wanted, int want)
{
	enum vmm_accel got = VMM_ACCEL_INVALID_;
	int r = vmm_accel_resolve(wanted, &args, &got, &err);

	if (r != want)
		test_fail("%d, not %d: %s", r, want, err.text);
	return got;
}

static void tcg_needs_no_trial(void)
{
	begin("exit 0");
	test_int(resolve(VMM_ACCEL_TCG, 0), VMM_ACCEL_TCG);
	test_int(runs(), 0);
}

static void success_is_remembered(void)
{
	begin("case \"$*\" in *caisson_probe=1*) exit 0;; esac; exit 5");
	test_int(resolve(VMM_ACCEL_AUTO, 0), VMM_ACCEL_KVM);
	test_int(resolve(VMM_ACCEL_AUTO, 0), VMM_ACCEL_KVM);
	test_int(resolve(VMM_ACCEL_KVM, 0), VMM_ACCEL_KVM);
	test_int(runs(), 1);
}

static void failure_is_remembered_with_its_reason(void)
{
	begin("echo 'qemu: failed to set MSR' >&2; exit 1");
	test_int(resolve(VMM_ACCEL_AUTO, 0), VMM_ACCEL_TCG);
	for (int i = 0; i < 2; i++) {
		(void)resolve(VMM_ACCEL_KVM, -ENODEV);
		test_str(err.text,
			 "a guest that was tried did not run with KVM: qemu: failed to set MSR");
	}
	test_int(runs(), 1);
}

static void silent_failure_has_a_reason(void)
{
	begin("kill -ABRT $$");
	(void)resolve(VMM_ACCEL_KVM, -ENODEV);
	test_str(err.text,
		 "a guest that was tried did not run with KVM: QEMU was killed by signal 6");
	begin("exit 3");
	(void)resolve(VMM_ACCEL_KVM, -ENODEV);
	test_str(err.text, "a guest that was tried did not run with KVM: QEMU ended with status 3, "
			   "without a word; is it the right program?");
}

static struct loop loop;
static int told = 1;

static void tried(struct accel_trial *trial _unused_, int r, const struct err *why)
{
	told = r;
	err = *why;
	loop_quit(&loop, 0);
}

static struct accel_trial trial = ACCEL_TRIAL_NULL;

static int begin_trial(enum vmm_accel wanted)
{
	trial.done = tried;
	told = 1;
	return vmm_accel_begin(&loop, &trial, wanted, &args, &err);
}

static void trial_goes_on_beside_a_loop(void)
{
	test_int(loop_init(&loop), 0);
	begin("exit 0");
	test_int(begin_trial(VMM_ACCEL_TCG), 0);
	test_int(trial.accel, VMM_ACCEL_TCG);
	test_int(begin_trial(VMM_ACCEL_AUTO), 1);
	test_int(loop_run(&loop), 0);
	test_int(told, 0);
	test_int(trial.accel, VMM_ACCEL_KVM);
	/* From now on it is known. */
	test_int(begin_trial(VMM_ACCEL_KVM), 0);
	test_int(trial.accel, VMM_ACCEL_KVM);
	begin("echo 'qemu: no' >&2; exit 1");
	test_int(begin_trial(VMM_ACCEL_KVM), 1);
	test_int(loop_run(&loop), 0);
	test_int(told, -ENODEV);
	test_str(err.text, "a guest that was tried did not run with KVM: qemu: no");
	test_int(waitpid(-1, NULL, WNOHANG), -1);
	loop_deinit(&loop);
}

/* The guest of it, too: the pipe that it holds open ends. */
static void trial_can_be_ended(void)
{
	char script[PATH_MAX + 32], byte;
	_cleanup_close_ int end = -EBADF;

	test_int(loop_init(&loop), 0);
	test_int(mkfifo(files_path("alive"), 0600), 0);
	(void)snprintf(script, sizeof(script), "exec sleep 1000 >'%s'", files_path("alive"));
	begin(script);
	args.deadline = 3600 * NSEC_PER_SEC;
	test_int(begin_trial(VMM_ACCEL_KVM), 1);
	end = open(files_path("alive"), O_RDONLY | O_CLOEXEC);
	test_true(end >= 0);
	vmm_accel_end(&trial);
	test_int(read(end, &byte, 1), 0);
	test_int(waitpid(-1, NULL, WNOHANG), -1);
	vmm_accel_end(&trial);
	loop_deinit(&loop);
}

static void hanging_guest_is_ended(void)
{
	begin("exec cat <&3 >&1");
	args.deadline = 100 * NSEC_PER_MSEC;
	test_int(resolve(VMM_ACCEL_AUTO, 0), VMM_ACCEL_TCG);
	(void)resolve(VMM_ACCEL_KVM, -ENODEV);
	test_true(strstr(err.text, "in time") != NULL);
	test_int(runs(), 1);
	test_int(waitpid(-1, NULL, WNOHANG), -1);
}

static void halted_guest_is_not_waited_for(void)
{
	begin("echo '{\"QMP\":{}}' >&3; echo '{\"event\":\"STOP\"}' >&3; exec cat <&3 >&1");
	args.deadline = 3600 * NSEC_PER_SEC;
	(void)resolve(VMM_ACCEL_KVM, -ENODEV);
	test_true(strstr(err.text, "internal error") != NULL);
}

static void another_kernel_or_program_is_another_trial(void)
{
	begin("exit 0");
	test_int(resolve(VMM_ACCEL_AUTO, 0), VMM_ACCEL_KVM);
	files_write("kernel", "kk", 2, 0644);
	test_int(resolve(VMM_ACCEL_AUTO, 0), VMM_ACCEL_KVM);
	test_int(runs(), 2);
	(void)files_script("qemu", "exit 1");
	test_int(resolve(VMM_ACCEL_AUTO, 0), VMM_ACCEL_TCG);
}

static void absent_device_is_not_remembered(void)
{
	begin("exit 0");
	args.kvm_device = "/nonexistent/kvm";
	test_int(resolve(VMM_ACCEL_AUTO, 0), VMM_ACCEL_TCG);
	(void)resolve(VMM_ACCEL_KVM, -ENOENT);
	test_int(runs(), 0);
	args.kvm_device = "/dev/null";
	test_int(resolve(VMM_ACCEL_AUTO, 0), VMM_ACCEL_KVM);
	test_int(runs(), 1);
}

/* Whoever chose it finds the way that they did it in. */
static void what_needs_kvm_names_all_ways_to_choose(void)
{
	static const char *const ways[] = {"--hypervisor,", "RUNCVM_HYPERVISOR",
					   "io.caisson.hypervisor", "vm.hypervisor"};
	_cleanup_free_ char *path = xstrdup(getenv("PATH"));

	begin("exit 0");
	args.driver = vmm_driver("firecracker");
	args.program = NULL;
	test_int(setenv("PATH", "/nonexistent", 1), 0);
	(void)resolve(VMM_ACCEL_KVM, -ENOPKG);
	test_int(setenv("PATH", path, 1), 0);
	test_true(strstr(err.text, "firecracker is not installed; qemu goes without"));
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		test_true(strstr(err.text, ways[i]));
}

static void damaged_result_is_replaced(void)
{
	_cleanup_free_ char *text = NULL;
	char command[PATH_MAX + 64];

	begin("exit 0");
	test_int(resolve(VMM_ACCEL_AUTO, 0), VMM_ACCEL_KVM);
	(void)snprintf(command, sizeof(command), "for f in '%s'/accel/*; do echo what >$f; done",
		       args.cache_dir);
	test_int(system(command), 0);
	test_int(resolve(VMM_ACCEL_AUTO, 0), VMM_ACCEL_KVM);
	test_int(runs(), 2);
}

static void trial_that_cannot_be_made(void)
{
	begin("exit 0");
	args.kernel = "/nonexistent/kernel";
	test_int(resolve(VMM_ACCEL_AUTO, 0), VMM_ACCEL_TCG);
	(void)resolve(VMM_ACCEL_KVM, -ENOENT);
	test_true(err.text[0] != '\0');
	begin("exit 0");
	args.initrd = "/nonexistent/initrd";
	test_int(resolve(VMM_ACCEL_AUTO, 0), VMM_ACCEL_TCG);
	(void)resolve(VMM_ACCEL_KVM, -ENOENT);
	test_int(runs(), 0);
}

static void cache_that_cannot_be_written(void)
{
	begin("exit 0");
	args.cache_dir = "/dev/null/x";
	test_int(resolve(VMM_ACCEL_AUTO, 0), VMM_ACCEL_KVM);
	test_int(resolve(VMM_ACCEL_AUTO, 0), VMM_ACCEL_KVM);
	test_int(runs(), 2);
}

#define CROWD 5

/*
 * All begin while the trial is held back by a pipe that the first one reads; the others must take
 * its result.
 */
static void one_tries_and_others_wait(void)
{
	char script[PATH_MAX + 32];
	_cleanup_close_ int gate = -EBADF;
	pid_t pids[CROWD];
	int status;

	test_int(mkfifo(files_path("gate"), 0600), 0);
	(void)snprintf(script, sizeof(script), "read -r x <'%s'; exit 0", files_path("gate"));
	begin(script);
	args.deadline = 60 * NSEC_PER_SEC;
	for (int i = 0; i < CROWD; i++) {
		pids[i] = fork();
		test_true(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(resolve(VMM_ACCEL_AUTO, 0) == VMM_ACCEL_KVM ? 0 : 1);
	}
	/* Opens once the one that tries has come as far as reading. */
	gate = open(files_path("gate"), O_WRONLY | O_CLOEXEC);
	test_true(gate >= 0);
	gate = fd_close(gate);
	for (int i = 0; i < CROWD; i++) {
		test_int(waitpid(pids[i], &status, 0), pids[i]);
		test_int(status, 0);
	}
	test_int(runs(), 1);
}

int main(void)
{
	files_begin();
	test_run(tcg_needs_no_trial);
	test_run(success_is_remembered);
	test_run(failure_is_remembered_with_its_reason);
	test_run(silent_failure_has_a_reason);
	test_run(trial_goes_on_beside_a_loop);
	test_run(trial_can_be_ended);
	test_run(hanging_guest_is_ended);
	test_run(halted_guest_is_not_waited_for);
	test_run(another_kernel_or_program_is_another_trial);
	test_run(absent_device_is_not_remembered);
	test_run(what_needs_kvm_names_all_ways_to_choose);
	test_run(damaged_result_is_replaced);
	test_run(trial_that_cannot_be_made);
	test_run(cache_that_cannot_be_written);
	test_run(one_tries_and_others_wait);
	files_end();
	return 0;
}
