/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/proc.h"
#include "cmd/cmd.h"
#include "vmm/boot/kernel.h"

#define KEY_LEN	   64
#define CHECK_NAME "kernel/check.sh"

struct kernel_options {
	const char *arch;
	const char *vmm;
};

static const struct opt options[] = {
	OPT(kernel_options, 0, "arch", OPT_CHOICE, arch, "x86_64|aarch64",
	    "build: for guests of that architecture", .choices = "x86_64|aarch64"),
	OPT(kernel_options, 0, "for", OPT_CHOICE, vmm, "qemu|firecracker",
	    "check: to run under this hypervisor", .choices = "qemu|firecracker"),
	{.kind = OPT_END},
};

/* Our own scripts are beside the program's tree, or where they were installed. */
static char *script_path(const char *name)
{
	static const char *const folders[] = {"/../share/caisson/kernel", "/../../kernel"};
	_cleanup_free_ char *self = path_self_dir();

	for (size_t i = 0; self && i < ARRAY_SIZE(folders); i++) {
		_cleanup_free_ char *path = xasprintf("%s%s/%s", self, folders[i], name);

		if (access(path, X_OK) == 0)
			return take_ptr(path);
	}
	return NULL;
}

static int run_script(const char *const argv[], int stdout_fd, int stderr_fd, struct err *err)
{
	struct proc_spec spec = PROC_SPEC_NULL;
	struct proc proc = PROC_NULL;
	int r;

	spec.argv = argv;
	spec.stdout_fd = stdout_fd;
	spec.stderr_fd = stderr_fd;
	spec.death_signal = SIGTERM;
	r = proc_start(&spec, &proc);
	if (r < 0)
		return err_errno(err, r, "cannot start %s", argv[0]);
	return proc_wait(&proc);
}

/* The key names what goes into the kernel: the same key, the same kernel. */
static int kernel_key(const char *script, const char *arch, char *ret, struct err *err)
{
	const char *argv[] = {script, "--arch", arch, "--key", NULL};
	_cleanup_close_ int rd = -EBADF, wr = -EBADF;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "cannot make a pipe");
	rd = fds[0];
	wr = fds[1];
	r = run_script(argv, wr, STDERR_FILENO, err);
	if (r != 0)
		return r < 0 ? r : err_set(err, -EIO, "the kernel was not built: see above");
	if (fd_read_full(rd, ret, KEY_LEN) != KEY_LEN)
		return err_set(err, -EPROTO, "%s printed no key", script);
	ret[KEY_LEN] = '\0';
	return 0;
}

static int build(const struct paths *paths, const char *arch, struct err *err)
{
	_cleanup_free_ char *script = script_path("build.sh"), *folder = NULL, *image = NULL;
	char key[KEY_LEN + 1];
	struct utsname machine;
	int r;

	if (!arch)
		arch = uname(&machine) < 0 ? "unknown" : machine.machine;
	if (!script)
		return err_set(err, -ENOENT, "the kernel's build script is not installed");
	/* The script remembers the digest of the source there. */
	if (setenv("CAISSON_CACHE", paths->cache, 1) < 0)
		return err_errno(err, -errno, "cannot set $CAISSON_CACHE");
	r = kernel_key(script, arch, key, err);
	if (r < 0)
		return r;
	folder = xasprintf("%s/kernels/%s", paths->cache, key);
	image = path_join(folder, strcmp(arch, "aarch64") == 0 ? "Image" : "vmlinux");
	if (access(image, R_OK) == 0) {
		printf("%s is there already\n", image);
		return 0;
	}
	r = run_script((const char *[]){script, "--arch", arch, folder, NULL}, STDOUT_FILENO,
		       STDERR_FILENO, err);
	if (r > 0)
		return err_set(err, -EIO, "the kernel was not built: see above");
	if (r == 0)
		printf("%s\n", image);
	return r;
}

static int list(const struct paths *paths, struct err *err)
{
	struct kernel_list kernels = KERNEL_LIST_NULL;
	int r = kernel_list(paths->cache, &kernels, err);

	if (r < 0)
		return r;
	kernel_list_versions(&kernels);
	printf("  %-16s %-28s %s\n", "NAME", "VERSION", "FILE");
	for (size_t i = 0; i < kernels.n; i++) {
		const struct kernel_entry *k = &kernels.entries[i];

		printf("%c %-16.16s %-28s %s\n", k->is_default ? '*' : ' ', k->name, k->version,
		       k->path);
	}
	kernel_list_done(&kernels);
	return 0;
}

/* The script's complaint becomes ours: its first line, without its name. */
static int complain(int fd, struct err *err)
{
	char text[512];
	ssize_t n = read(fd, text, sizeof(text) - 1);
	const char *sentence;

	text[MAX(n, 0)] = '\0';
	text[strcspn(text, "\n")] = '\0';
	sentence = str_starts(text, CHECK_NAME ": ");
	return err_set(err, -EINVAL, "%s", sentence ? sentence : "the kernel checker failed");
}

static int check(const char *vmm, const char *file, struct err *err)
{
	_cleanup_free_ char *script = script_path("check.sh");
	const char *argv[] = {script, "--for", vmm ? vmm : "qemu", file, NULL};
	_cleanup_close_ int rd = -EBADF, wr = -EBADF;
	int fds[2], r;

	if (!script)
		return err_set(err, -ENOENT, "the kernel checker is not installed");
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "cannot make a pipe");
	rd = fds[0];
	wr = fds[1];
	r = run_script(argv, STDOUT_FILENO, wr, err);
	wr = fd_close(wr);
	/* 1: the kernel lacks something, which has been printed. */
	return r > 1 ? complain(rd, err) : r;
}

static int dispatch(const struct paths *paths, const struct kernel_options *given, char **words,
		    int n, struct err *err)
{
	const char *what = n > 0 ? words[0] : "";
	bool builds = strcmp(what, "build") == 0, checks = strcmp(what, "check") == 0;

	if (given->arch && !builds)
		return err_set(err, -EINVAL, "--arch is for kernel build");
	if (given->vmm && !checks)
		return err_set(err, -EINVAL, "--for is for kernel check");
	if (builds && n == 1)
		return build(paths, given->arch, err);
	if (strcmp(what, "list") == 0 && n == 1)
		return list(paths, err);
	if (strcmp(what, "use") == 0 && n == 2)
		return kernel_use(paths->cache, words[1], err);
	if (checks && n == 2)
		return check(given->vmm, words[1], err);
	return err_set(err, -EINVAL,
		       "kernel build, list, use NAME or check FILE: see "
		       "`caisson kernel --help`");
}

static int kernel_main(const struct command *self, int argc, char **argv)
{
	struct kernel_options given = {NULL};
	struct paths paths = PATHS_NULL;
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, &given, &err), r = at;

	if (r >= 0)
		r = paths_find(&paths, &err);
	if (r >= 0)
		r = dispatch(&paths, &given, argv + at, argc - at, &err);
	paths_done(&paths);
	return r < 0 ? cmd_fail(self, &err) : r;
}

const struct command command_kernel = {
	.name = "kernel",
	.usage = "build [--arch ARCH] | list | use NAME | check [--for VMM] FILE",
	.summary = "Build, list, choose and check the kernels of guests.",
	.details = "  build       the tuned kernel, from Debian's linux-source; minutes, once\n"
		   "  list        what there is; * marks the one that is used\n"
		   "  use NAME    use this one from now on; \"distro\" is the distribution's own\n"
		   "  check FILE  what a kernel lacks to run as a guest: its .config, vmlinux or\n"
		   "              Image, or a /boot/vmlinuz with its config beside it\n",
	.opts = options,
	.failure = 1,
	.run = kernel_main,
};
