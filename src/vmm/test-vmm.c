/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vmm.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "abi/abi.h"
#include "base/clock.h"
#include "vmm/driver.h"
#include "vmm/test-files.h"

/*
 * The guard and both drivers, with shell scripts in the VMM's place: they speak QMP on descriptor 3
 * where "qemu" is the driver. A watchdog ends a test that would hang.
 */

#define PATIENCE (20 * NSEC_PER_SEC)

/* Waits for ever, for somebody to open the other end of a named pipe. */
#define BLOCK "read -r never <${0%/*}/fifo"

static struct loop loop;
static struct loop_timer watchdog = LOOP_TIMER_NULL(watchdog);
static struct vmm *vmm;
static int zero_fd;
static struct vmm_spec spec;
static struct err err;
static char trace[256];
static struct vmm_exit last_exit;
static char last_message[VMM_MESSAGE_MAX], last_failure[VMM_MESSAGE_MAX];
static void (*on_event)(enum vmm_event event);

static void note(const char *fmt, ...)
{
	size_t n = strlen(trace);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(trace + n, sizeof(trace) - n, fmt, ap);
	va_end(ap);
}

static void late(struct loop_timer *timer)
{
	test_fail("nothing happened for too long; so far: %s", trace);
}

static void exited(void *data, const struct vmm_exit *result)
{
	test_true(data == trace);
	last_exit = *result;
	(void)snprintf(last_message, sizeof(last_message), "%s", result->message);
	(void)snprintf(last_failure, sizeof(last_failure), "%s",
		       result->failure ? result->failure : "");
	note("exit ");
	loop_quit(&loop, 0);
}

static void event(void *data, enum vmm_event what)
{
	test_true(data == trace);
	note("%s ", vmm_event_name(what));
	if (on_event)
		on_event(what);
}

static const struct vmm_callbacks callbacks = {.exited = exited, .event = event, .data = trace};

static int start(const char *driver)
{
	return vmm_start(&loop, vmm_driver(driver), &spec, &callbacks, &vmm, &err);
}

static void begin(const char *script)
{
	static char program[PATH_MAX], kernel[PATH_MAX];
	struct vmm_spec fresh = VMM_SPEC_NULL;

	test_int(loop_init(&loop), 0);
	loop_timer_start(&loop, &watchdog, clock_now() + PATIENCE, late);
	trace[0] = last_message[0] = err.text[0] = '\0';
	on_event = NULL;
	vmm = NULL;
	(void)snprintf(program, sizeof(program), "%s", files_script("vmm", script));
	files_write("kernel", "", 0, 0644);
	(void)snprintf(kernel, sizeof(kernel), "%s", files_path("kernel"));
	spec = fresh;
	spec.name = "test";
	spec.run_dir = files_dir;
	spec.program = program;
	spec.memory = VMM_MEMORY_MIN;
	spec.kernel = spec.initrd = kernel;
}

static void end(void)
{
	vmm_free(vmm);
	vmm = NULL;
	loop_timer_stop(&watchdog);
	loop_deinit(&loop);
	/* Nothing is left behind. */
	test_int(waitpid(-1, NULL, WNOHANG), -1);
	test_int(errno, ECHILD);
}

static void run(void)
{
	test_int(loop_run(&loop), 0);
}

static void missing_program(void)
{
	begin("exit 0");
	spec.program = "/nonexistent/qemu";
	test_int(start("fake"), -ENOENT);
	test_int(start("qemu"), -ENOENT);
	test_true(strstr(err.text, "qemu-system-x86") != NULL);
	end();
}

/* Calls @check for each word of "a|b|c". */
static void each_word(const char *words, void (*check)(const char *word))
{
	_cleanup_free_ char *copy = xstrdup(words);
	char *rest = copy, *word;

	while ((word = strsep(&rest, "|")))
		check(word);
}

static void is_driver(const char *word)
{
	test_true(vmm_driver(word) != NULL && strcmp(word, "fake") != 0);
}

static void is_accel(const char *word)
{
	test_true(vmm_accel_parse(word) >= 0);
}

static void names(void)
{
	each_word(VMM_HYPERVISORS, is_driver);
	each_word(VMM_ACCELS, is_accel);
	is_driver(VMM_HYPERVISOR_DEFAULT);
	is_accel(VMM_ACCEL_DEFAULT);
	test_true(vmm_driver("nothing") == NULL);
	test_int(vmm_accel_parse("kvm"), VMM_ACCEL_KVM);
	test_int(vmm_accel_parse("tcg"), VMM_ACCEL_TCG);
	test_int(vmm_accel_parse("xen"), -EINVAL);
	test_str(vmm_event_name(VMM_EVENT_MAX_), "?");
}

static void both_drivers_report_the_end(void)
{
	static const char *const drivers[] = {"fake", "qemu"};

	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		begin("echo noise >&2; echo vmm: it failed >&2; echo >&2; exit 7");
		test_int(start(drivers[i]), 0);
		test_true(vmm_pid(vmm) > 0);
		run();
		test_str(trace, "exit ");
		test_int(last_exit.status, 7);
		test_true(!last_exit.guest_ended);
		test_str(last_message, "vmm: it failed");
		test_int(vmm_pid(vmm), 0);
		test_int(vmm_pause(vmm, NULL), -ESHUTDOWN);
		end();
	}
}

/* The console is the program's standard output. */
static void console_reaches_the_descriptor(void)
{
	char buf[64] = "";
	int p[2];

	begin("echo hello $2; kill -9 $$");
	test_int(pipe2(p, O_CLOEXEC), 0);
	spec.console_fd = p[1];
	spec.cmdline = (const char *const[]){"word", NULL};
	test_int(start("fake"), 0);
	fd_close(p[1]);
	run();
	test_int(last_exit.status, 128 + SIGKILL);
	test_int(fd_read_full(p[0], buf, sizeof(buf) - 1), 11);
	test_str(buf, "hello word\n");
	fd_close(p[0]);
	end();
}

/* A grandchild that holds stderr open delays nothing. */
static void inherited_stderr_is_not_waited_for(void)
{
	int p[2];
	char c;

	begin("cat <&3 >/dev/null & exit 3");
	test_int(pipe2(p, O_CLOEXEC), 0);
	spec.vsock = (struct vmm_vsock){.kind = VMM_VSOCK_VHOST_USER, .fd = p[0]};
	test_int(start("fake"), 0);
	fd_close(p[0]);
	run();
	test_int(last_exit.status, 3);
	c = 0;
	test_int(write(p[1], &c, 1), 1);
	fd_close(p[1]);
	end();
}

/* It may stand still. */
static void end_it(void)
{
	test_int(kill(vmm_pid(vmm), SIGTERM), 0);
	test_int(kill(vmm_pid(vmm), SIGCONT), 0);
}

static void replied(void *data, int r, const char *message)
{
	note("%s=%d%s ", (char *)data, r, message);
}

static char pause_name[] = "paused", resume_name[] = "resumed";
static struct vmm_reply paused = {.done = replied, .data = pause_name};
static struct vmm_reply resumed = {.done = replied, .data = resume_name};

static void after_pause(void *data, int r, const char *message)
{
	replied(data, r, message);
	test_int(vmm_pause(vmm, NULL), -EALREADY);
	test_int(vmm_resume(vmm, &resumed), 0);
	test_int(vmm_resume(vmm, &resumed), -EBUSY);
}

static void after_resume(void *data, int r, const char *message)
{
	replied(data, r, message);
	test_int(vmm_resume(vmm, NULL), -EALREADY);
	end_it();
}

static void operations(const char *driver, const char *script, const char *want)
{
	begin(script);
	paused.done = after_pause;
	resumed.done = after_resume;
	test_int(start(driver), 0);
	test_int(vmm_resume(vmm, NULL), -EALREADY);
	test_int(vmm_pause(vmm, &paused), 0);
	test_int(vmm_pause(vmm, &paused), -EBUSY);
	run();
	test_str(trace, want);
	paused.done = resumed.done = replied;
	end();
}

static char save_name[] = "saved";

static void after_saving(void *data, int r, const char *message)
{
	replied(data, r, message);
	test_int(vmm_resume(vmm, &resumed), 0);
	test_int(vmm_snapshot(vmm, NULL), -EBUSY);
}

static struct vmm_reply saved = {.done = after_saving, .data = save_name};

static void after_pause_to_save(void *data, int r, const char *message)
{
	replied(data, r, message);
	test_int(vmm_snapshot(vmm, &saved), 0);
	test_int(vmm_snapshot(vmm, &saved), -EBUSY);
	test_int(vmm_resume(vmm, &resumed), -EBUSY);
}

/* Only what stands still is saved, and it stands still afterwards. */
static void only_a_paused_vm_is_saved(void)
{
	begin(BLOCK);
	paused.done = after_pause_to_save;
	resumed.done = after_resume;
	test_int(start("fake"), 0);
	test_int(vmm_snapshot(vmm, NULL), -EPERM);
	test_int(vmm_pause(vmm, &paused), 0);
	run();
	test_str(trace, "paused paused=0 saved=0 resumed resumed=0 exit ");
	test_int(vmm_snapshot(vmm, NULL), -ESHUTDOWN);
	paused.done = resumed.done = replied;
	end();
	begin(BLOCK);
	test_int(start("qemu"), 0);
	test_int(vmm_snapshot(vmm, NULL), -EOPNOTSUPP);
	end();
	begin(BLOCK);
	spec.restore_dir = zero_fd;
	test_int(start("qemu"), -ENOTSUP);
	test_str(err.text, "QEMU begins from nothing that was saved");
	end();
}

static void operations_of_fake(void)
{
	operations("fake", BLOCK, "paused paused=0 resumed resumed=0 exit ");
	test_int(last_exit.status, 128 + SIGTERM);
}

static char disk_name[] = "disk";

static void disk_replied(void *data, int r, const char *message)
{
	static const struct vmm_reply last = {.done = replied, .data = pause_name};

	replied(data, r, message);
	test_int(vmm_disk_detach(vmm, 1, &last, &err), 0);
	end_it();
}

/* A place is for disks that are open as it is; one operation is on its way at a time; it changes no state. */
static void disks_that_come_later(void)
{
	static const struct vmm_reply reply = {.done = disk_replied, .data = disk_name};
	struct vmm_disk disk = {.fd = zero_fd, .serial = "late", .readonly = true};

	begin(BLOCK);
	spec.slots = (struct vmm_slots){.writable = 1, .readonly = 1};
	test_int(start("fake"), 0);
	test_int(vmm_disk_attach(vmm, 2, &disk, &reply, &err), -EINVAL);
	test_str(err.text, "the VM has no place 2 for disks");
	test_int(vmm_disk_attach(vmm, 0, &disk, &reply, &err), -EINVAL);
	test_str(err.text, "the disk late is not open as its place is");
	disk.readonly = false;
	test_int(vmm_disk_attach(vmm, 0, &disk, &reply, &err), -EINVAL);
	test_str(err.text, "the disk late is not open as it will be used");
	disk.readonly = true;
	test_int(vmm_disk_attach(vmm, 1, &disk, &reply, &err), 0);
	test_int(vmm_disk_detach(vmm, 1, NULL, &err), -EBUSY);
	test_int(vmm_pause(vmm, NULL), -EBUSY);
	run();
	test_true(strstr(trace, "disk=0 ") == trace);
	test_int(vmm_disk_attach(vmm, 0, &disk, NULL, &err), -ESHUTDOWN);
	end();
}

static void slots_for_disks(void)
{
	begin("exit 0");
	spec.slots = (struct vmm_slots){.writable = VMM_DISKS_MAX, .readonly = 1};
	test_int(start("fake"), -E2BIG);
	test_str(err.text, "a VM can have 12 disks: beside its 0 there is no room for 13 "
			   "placeholders");
	spec.slots = (struct vmm_slots){.readonly = 1};
	test_int(start("qemu"), -ENOTSUP);
	test_str(err.text, "QEMU has no placeholders for disks that are read only: try "
			   "--hypervisor firecracker");
	end();
}

/* Plays QEMU: each command by its turn, events before answers. */
#define QMP_OPEN "exec <&3 >&3; echo '{\"QMP\":{}}'; read -r c; echo '{\"return\":{},\"id\":1}';"

static void operations_of_qemu(void)
{
	operations("qemu",
		   "trap 'echo \"{\\\"event\\\":\\\"SHUTDOWN\\\",\\\"data\\\":{\\\"guest\\\":false,"
		   "\\\"reason\\\":\\\"host-signal\\\"}}\"; exit 0' TERM;" QMP_OPEN
		   "read -r c; case $c in *stop*) ;; *) exit 9;; esac;"
		   "echo '{\"event\":\"STOP\"}'; echo '{\"return\":{},\"id\":2}';"
		   "read -r c; case $c in *cont*) ;; *) exit 9;; esac;"
		   "echo '{\"event\":\"RESUME\"}'; echo '{\"return\":{},\"id\":3}';"
		   "read -r c",
		   "paused paused=0 resumed resumed=0 host-quit exit ");
	test_int(last_exit.status, 0);
}

static void rated(void *data, int r, const char *message)
{
	test_true(data == trace);
	note("rated=%d %s ", r, message);
	end_it();
}

static const struct vmm_reply rates_told = {.done = rated, .data = trace};

static void with_disks(void)
{
	static struct vmm_disk disks[2];

	for (size_t i = 0; i < 2; i++)
		disks[i] = (struct vmm_disk){
			.fd = zero_fd, .serial = i ? "two" : "one", .readonly = true};
	spec.disks = disks;
	spec.n_disks = 2;
}

/* Takes a rate of a disk, in QEMU's place. */
#define TAKE_RATE(disk, bps, iops)                                                               \
	"read -r c; case $c in "                                                                 \
	"*'\"block_set_io_throttle\",\"arguments\":{\"id\":\"disk-device" disk "\",\"bps\":" bps \
	",'*'\"iops\":" iops ",'*) ;; *) echo \"$c\" >&2; exit 9;; esac;"

static void rates_of_qemu(void)
{
	const struct vmm_rates rates = {.disk_ops = 5};

	/* Those of the start come first, before anybody has to have answered. */
	begin(QMP_OPEN TAKE_RATE("0", "1048576", "0") TAKE_RATE(
		"1", "1048576",
		"0") "echo '{\"return\":{},\"id\":2}'; echo "
		     "'{\"return\":{},\"id\":3}';" TAKE_RATE("0", "0", "5")
			     TAKE_RATE("1", "0", "5") "echo '{\"return\":{},\"id\":4}'; echo "
						      "'{\"return\":{},\"id\":5}'; read -r c");
	with_disks();
	spec.rates.disk_bytes = 1 << 20;
	test_int(start("qemu"), 0);
	test_int(vmm_set_rates(vmm, &rates, &rates_told, &err), 0);
	test_int(vmm_set_rates(vmm, &rates, &rates_told, &err), -EBUSY);
	run();
	test_str(trace, "rated=0  exit ");
	end();
}

static void rates_that_are_refused(void)
{
	const struct vmm_rates rates = {.disk_ops = 5}, none = {0}, nic = {.nic_bytes = 1 << 20},
			       low = {.disk_bytes = 1}, high = {.disk_bytes = VMM_RATE_MAX + 1};

	begin(QMP_OPEN "read -r c; read -r d; echo '{\"return\":{},\"id\":2}';"
		       "echo '{\"error\":{\"class\":\"GenericError\",\"desc\":\"no\"},\"id\":3}';"
		       "read -r c");
	with_disks();
	test_int(start("qemu"), 0);
	test_int(vmm_set_rates(vmm, &nic, NULL, &err), -EINVAL);
	test_int(vmm_set_rates(vmm, &low, NULL, &err), -ERANGE);
	test_int(vmm_set_rates(vmm, &high, NULL, &err), -ERANGE);
	test_int(vmm_set_rates(vmm, &rates, &rates_told, &err), 0);
	run();
	test_str(trace, "rated=-5 no exit ");
	end();

	/* From the start on or not at all. */
	begin(QMP_OPEN "read -r c; read -r d; echo '{\"return\":{},\"id\":2}';"
		       "echo '{\"error\":{\"class\":\"GenericError\",\"desc\":\"no\"},\"id\":3}';"
		       "kill -STOP $$");
	with_disks();
	spec.rates.disk_ops = 1;
	test_int(start("qemu"), 0);
	run();
	test_str(trace, "exit ");
	test_str(last_failure, "QEMU refused to limit disks: no");
	end();

	begin("exit 0");
	spec.rates.disk_ops = 1;
	test_int(start("qemu"), -EINVAL);
	test_true(strstr(err.text, "this VM has none") != NULL);
	spec.rates = nic;
	test_int(start("qemu"), -ENOTSUP);
	test_str(err.text, "QEMU limits no network interfaces (--net-rate)");
	spec.rates = none;
	test_int(start("qemu"), 0);
	test_int(vmm_set_rates(vmm, &none, NULL, &err), -EINVAL);
	run();
	end();
}

static void refused_operation(void)
{
	begin(QMP_OPEN "read -r c;"
		       "echo '{\"error\":{\"class\":\"GenericError\",\"desc\":\" no\"},\"id\":2}'");
	test_int(start("qemu"), 0);
	test_int(vmm_pause(vmm, &paused), 0);
	run();
	test_str(trace, "paused=-5 no exit ");
	end();
}

/* All that QEMU wrote before its end is reported, in order, and the end after it. */
static void events_come_before_the_end(void)
{
	begin("exec >&3; echo '{\"QMP\":{}}'; echo '{\"return\":{},\"id\":1}';"
	      "echo '{\"event\":\"NIC_RX_FILTER_CHANGED\"}';"
	      "echo '{\"event\":\"SHUTDOWN\",\"data\":{\"guest\":true,"
	      "\"reason\":\"guest-reset\"}}'; printf '{\"event\":'");
	test_int(start("qemu"), 0);
	/* All of it is there, and the process dead, when the loop begins. */
	test_int(waitid(P_PID, (id_t)vmm_pid(vmm), &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
	run();
	test_str(trace, "guest-reset exit ");
	test_int(last_exit.status, 0);
	test_true(last_exit.guest_ended);
	test_str(last_message, "");
	end();
}

/* A guest may end before QEMU can tell anybody; one that was told to end says who told it. */
static void ends_before_the_connection(void)
{
	begin("exit 0");
	test_int(start("qemu"), 0);
	run();
	test_true(last_exit.guest_ended);
	end();

	begin("echo qemu: terminating on signal 15 >&2; exit 0");
	test_int(start("qemu"), 0);
	run();
	test_true(!last_exit.guest_ended);
	end();
}

/* Still runs, but what it says is not QMP: it is not trusted with a VM any more. */
static void garbage_ends_the_vm(void)
{
	begin("exec >&3; echo garbage; kill -STOP $$");
	test_int(start("qemu"), 0);
	run();
	test_str(trace, "exit ");
	test_str(last_failure, "what QEMU answered is not QMP");
	end();
}

static void closed_control_connection(void)
{
	begin("exec 3>&-; kill -STOP $$");
	test_int(start("qemu"), 0);
	test_int(waitid(P_PID, (id_t)vmm_pid(vmm), &(siginfo_t){0}, WSTOPPED | WNOWAIT), 0);
	test_int(vmm_pause(vmm, NULL), -EPIPE);
	end();
}

static void free_in_event(enum vmm_event what)
{
	vmm_free(vmm);
	vmm = NULL;
	loop_quit(&loop, 0);
}

static void vm_may_be_freed_in_an_event(void)
{
	begin(QMP_OPEN "echo '{\"event\":\"STOP\"}'; echo '{\"event\":\"RESUME\"}'; read -r c");
	on_event = free_in_event;
	test_int(start("qemu"), 0);
	run();
	test_str(trace, "paused ");
	end();
	/* The same when the process is dead already and its last words are being read. */
	begin("exec >&3; echo '{\"QMP\":{}}'; echo '{\"event\":\"STOP\"}'; echo "
	      "'{\"event\":\"X\"}'");
	on_event = free_in_event;
	test_int(start("qemu"), 0);
	test_int(waitid(P_PID, (id_t)vmm_pid(vmm), &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
	run();
	test_str(trace, "paused ");
	end();
}

static void free_in_exit(void *data, const struct vmm_exit *result)
{
	vmm_free(vmm);
	vmm = NULL;
	note("%d:%s ", result->status, result->message);
	loop_quit(&loop, 0);
}

static void vm_may_be_freed_at_its_end(void)
{
	static const struct vmm_callbacks freeing = {.exited = free_in_exit};
	static const char *const drivers[] = {"fake", "qemu"};

	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		begin("echo vmm: bye >&2; exit 2");
		test_int(vmm_start(&loop, vmm_driver(drivers[i]), &spec, &freeing, &vmm, &err), 0);
		run();
		test_str(trace, "2:vmm: bye ");
		end();
	}
}

/* vmm_free() of one that runs kills and reaps it: end() looks. */
static void running_vm_is_freed(void)
{
	begin(BLOCK);
	test_int(start("fake"), 0);
	test_int(vmm_pause(vmm, &paused), 0);
	end();
	begin(BLOCK);
	test_int(start("qemu"), 0);
	test_int(vmm_pause(vmm, &paused), 0);
	end();
}

int main(void)
{
	zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	files_begin();
	test_int(mkfifo(files_path("fifo"), 0600), 0);
	test_run(names);
	test_run(missing_program);
	test_run(both_drivers_report_the_end);
	test_run(console_reaches_the_descriptor);
	test_run(inherited_stderr_is_not_waited_for);
	test_run(operations_of_fake);
	test_run(operations_of_qemu);
	test_run(rates_of_qemu);
	test_run(rates_that_are_refused);
	test_run(slots_for_disks);
	test_run(disks_that_come_later);
	test_run(only_a_paused_vm_is_saved);
	test_run(refused_operation);
	test_run(events_come_before_the_end);
	test_run(ends_before_the_connection);
	test_run(garbage_ends_the_vm);
	test_run(closed_control_connection);
	test_run(vm_may_be_freed_in_an_event);
	test_run(vm_may_be_freed_at_its_end);
	test_run(running_vm_is_freed);
	files_end();
	return 0;
}
