/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vmm.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "vmm/accel.h"
#include "vmm/boot/initramfs.h"
#include "vmm/boot/kernel.h"
#include "vmm/qemu/argv.h"
#include "vmm/test-files.h"

/*
 * Real guests: the kernel named by CAISSON_TEST_KERNEL, or the default one of this machine's cache,
 * and guest-init, whose path is the program's argument. Without a kernel or QEMU: skipped.
 */

#define PATIENCE (60 * NSEC_PER_SEC)

static const char *init;
static struct kernel kernel = KERNEL_NULL;
static char *initrd;
static struct loop loop;
static struct loop_timer watchdog = LOOP_TIMER_NULL(watchdog);
static struct loop_io console_io = LOOP_IO_NULL;
static int console = -EBADF;
static char text[65536];
static char trace[256];
static struct vmm *vmm;
static struct vmm_spec spec;
static struct err err;
static struct vmm_exit last_exit;
static void (*on_hello)(void);

static void note(const char *word)
{
	size_t n = strlen(trace);

	(void)snprintf(trace + n, sizeof(trace) - n, "%s ", word);
}

static void late(struct loop_timer *timer)
{
	test_fail("nothing happened for too long; so far: %s; the console: %s", trace, text);
}

static void read_console(void)
{
	size_t len = strlen(text);
	ssize_t n = read(console, text + len, sizeof(text) - 1 - len);

	if (n > 0)
		text[len + (size_t)n] = '\0';
	else if (n == 0)
		loop_io_stop(&console_io);
}

static void console_readable(struct loop_io *io, uint32_t revents)
{
	read_console();
	if (on_hello && strstr(text, "hello")) {
		void (*once)(void) = on_hello;

		on_hello = NULL;
		once();
	}
}

static void exited(void *data, const struct vmm_exit *result)
{
	static char message[VMM_MESSAGE_MAX];

	(void)snprintf(message, sizeof(message), "%s", result->message);
	last_exit = *result;
	last_exit.message = message;
	note("exit");
	loop_quit(&loop, 0);
}

static void event(void *data, enum vmm_event what)
{
	note(vmm_event_name(what));
}

static void begin(const char *const *words)
{
	struct vmm_spec fresh = VMM_SPEC_NULL;
	int p[2];

	test_int(loop_init(&loop), 0);
	loop_timer_start(&loop, &watchdog, clock_now() + PATIENCE, late);
	text[0] = trace[0] = '\0';
	on_hello = NULL;
	test_int(pipe2(p, O_CLOEXEC), 0);
	console = p[0];
	test_int(fd_nonblock(console, true), 0);
	test_int(loop_io_start(&loop, &console_io, console, EPOLLIN, console_readable), 0);
	spec = fresh;
	spec.name = "test";
	spec.run_dir = files_dir;
	spec.memory = UINT64_C(256) << 20;
	spec.kernel = kernel.vmlinux;
	spec.tuned = kernel.tuned;
	spec.initrd = initrd;
	spec.cmdline = words;
	spec.console_fd = p[1];
}

static void start(void)
{
	static const struct vmm_callbacks callbacks = {.exited = exited, .event = event};

	if (vmm_start(&loop, vmm_driver("qemu"), &spec, &callbacks, &vmm, &err) < 0)
		test_fail("%s", err.text);
	fd_close(spec.console_fd);
}

static void end(void)
{
	vmm_free(vmm);
	vmm = NULL;
	loop_io_stop(&console_io);
	console = fd_close(console);
	loop_timer_stop(&watchdog);
	loop_deinit(&loop);
	test_int(waitpid(-1, NULL, WNOHANG), -1);
}

static void guest_boots_and_resets(void)
{
	uint64_t t = clock_now();

	begin(NULL);
	start();
	test_int(loop_run(&loop), 0);
	printf("# boot to the end: %llu ms\n",
	       (unsigned long long)((clock_now() - t) / NSEC_PER_MSEC));
	read_console();
	if (!strstr(text, "hello"))
		test_fail("the console: %s", text);
	test_str(trace, "guest-reset exit ");
	test_int(last_exit.status, 0);
	test_true(last_exit.guest_ended);
	test_str(last_exit.message, "");
	end();
}

static void several_cpus(void)
{
	begin(NULL);
	spec.cpus = 2;
	start();
	test_int(loop_run(&loop), 0);
	test_str(trace, "guest-reset exit ");
	end();
}

static void after_resume(void *data, int r, const char *message)
{
	test_int(r, 0);
	note("is-resumed");
	test_int(kill(vmm_pid(vmm), SIGTERM), 0);
}

static void after_pause(void *data, int r, const char *message)
{
	static const struct vmm_reply reply = {.done = after_resume};

	test_int(r, 0);
	note("is-paused");
	test_int(vmm_resume(vmm, &reply), 0);
}

static void pause_it(void)
{
	static const struct vmm_reply reply = {.done = after_pause};

	test_int(vmm_pause(vmm, &reply), 0);
}

static void guest_is_paused_resumed_and_ended(void)
{
	begin((const char *const[]){"wait", NULL});
	on_hello = pause_it;
	start();
	test_int(loop_run(&loop), 0);
	test_str(trace, "paused is-paused resumed is-resumed host-quit exit ");
	test_int(last_exit.status, 0);
	test_true(!last_exit.guest_ended);
	end();
}

static void stop_loop(void)
{
	loop_quit(&loop, 0);
}

/* end() looks for what is left. */
static void running_guest_is_killed(void)
{
	begin((const char *const[]){"wait", NULL});
	on_hello = stop_loop;
	start();
	test_int(loop_run(&loop), 0);
	test_str(trace, "");
	end();
}

/* QEMU's own words say why it did not start. */
static void refused_device(void)
{
	int pair[2];

	begin(NULL);
	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	fd_close(pair[1]);
	spec.vsock = (struct vmm_vsock){.kind = VMM_VSOCK_VHOST_USER, .fd = pair[0]};
	start();
	fd_close(pair[0]);
	test_int(loop_run(&loop), 0);
	test_str(trace, "exit ");
	test_int(last_exit.status, 1);
	if (!strstr(last_exit.message, "vsock"))
		test_fail("it says: %s", last_exit.message);
	end();
}

static void accelerator_is_found_out(void)
{
	struct accel_probe_args args = {
		.cache_dir = files_path("cache"),
		.driver = vmm_driver("qemu"),
		.kernel = kernel.vmlinux,
		.initrd = initrd,
	};
	enum vmm_accel first, second;

	test_int(vmm_accel_resolve(VMM_ACCEL_AUTO, &args, &first, &err), 0);
	test_true(first == VMM_ACCEL_KVM || first == VMM_ACCEL_TCG);
	test_int(vmm_accel_resolve(VMM_ACCEL_AUTO, &args, &second, &err), 0);
	test_int(second, first);
	if (vmm_accel_resolve(VMM_ACCEL_KVM, &args, &second, &err) < 0) {
		test_int(first, VMM_ACCEL_TCG);
		printf("# %s\n", err.text);
	}
	test_int(waitpid(-1, NULL, WNOHANG), -1);
}

static void prepare(void)
{
	const char *wanted = getenv("CAISSON_TEST_KERNEL");
	const char *modules[] = {NULL};

	if (system("command -v " QEMU_PROGRAM " >/dev/null") != 0) {
		printf("SKIP: " QEMU_PROGRAM " is not installed\n");
		exit(77);
	}
	files_begin();
	if (kernel_resolve("/var/cache/caisson", wanted, &kernel, &err) < 0) {
		printf("SKIP: %s\n", err.text);
		files_end();
		exit(77);
	}
	/* guest-init loads none. */
	if (initramfs_get(files_path("cache"), init, modules, NULL, &initrd, &err) < 0)
		test_fail("%s", err.text);
}

int main(int argc, char **argv)
{
	test_int(argc, 2);
	init = argv[1];
	prepare();
	test_run(guest_boots_and_resets);
	test_run(several_cpus);
	test_run(guest_is_paused_resumed_and_ended);
	test_run(running_guest_is_killed);
	test_run(refused_device);
	test_run(accelerator_is_found_out);
	free(initrd);
	kernel_done(&kernel);
	files_end();
	return 0;
}
