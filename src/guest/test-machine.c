/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/test-machine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/fs.h>
#include <linux/random.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/macro.h"
#include "base/path.h"
#include "base/test.h"
#include "guest/mount/mount.h"
#include "guest/mount/root.h"
#include "guest/oci/bundle.h"
#include "guest/oci/oci-crun.h"
#include "guest/procfs.h"
#include "guest/task/test-session.h"

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_fexecve(int fd, char *const argv[], char *const envp[]);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_clock_settime(clockid_t clock, const struct timespec *now);
void __wrap_sync(void);

/* crun's process: it executes a program, which closes what is above 2, and waits for its end. */
static pid_t stand(void)
{
	static char *const argv[] = {(char *)"sleep", (char *)"1000000", NULL};
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
	(void)execve("/bin/sleep", argv, environ);
	_exit(127);
}

void (*machine_crun_begins)(void);

static _noreturn_ void crun(char *const argv[])
{
	const char *pid_file = NULL;
	char text[16];
	pid_t pid;
	int fd;

	if (machine_crun_begins)
		machine_crun_begins();
	for (int i = 0; argv[i]; i++)
		if (strcmp(argv[i], "--pid-file") == 0)
			pid_file = argv[i + 1];
	if (!pid_file)
		_exit(0);
	pid = stand();
	fd = open(pid_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	_exit(pid > 0 && fd_write_full(fd, text, strlen(text)) == 0 ? 0 : 1);
}

int __wrap_fexecve(int fd _unused_, char *const argv[], char *const envp[] _unused_)
{
	crun(argv);
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (request == FIFREEZE || request == FITHAW || request == RNDADDENTROPY ||
	    request == RNDRESEEDCRNG)
		return 0;
	return __real_ioctl(fd, request, arg);
}

/* What the kernel takes (include/linux/time64.h). */
int __wrap_clock_settime(clockid_t clock _unused_, const struct timespec *now)
{
	const int64_t max = INT64_MAX / 1000000000 - 30LL * 365 * 24 * 3600;

	if (now->tv_sec >= 0 && now->tv_sec < max && now->tv_nsec >= 0 && now->tv_nsec < 1000000000)
		return 0;
	errno = EINVAL;
	return -1;
}

void __wrap_sync(void)
{
}

static _noreturn_ void skip(const char *why)
{
	printf("skipped: %s\n", why);
	exit(TEST_SKIPPED);
}

/* A folder that control groups can be made in; nothing is limited by them. */
static void make_cgroups(void)
{
	test_int(mkdir("/run/groups", 0755), 0);
	session_cgroups.root = open("/run/groups", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* As the first process, like vminitd: whatever becomes of the test, nothing outlives it. */
static void become_init(void)
{
	pid_t pid = fork();
	int status;

	test_true(pid >= 0);
	if (pid == 0) {
		test_int(prctl(PR_SET_PDEATHSIG, SIGKILL), 0);
		return;
	}
	test_int(waitpid(pid, &status, 0), pid);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

void machine_begin(void)
{
	if (geteuid() != 0)
		skip("not root");
	if (unshare(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWNET | CLONE_NEWPID) < 0)
		skip("cannot make namespaces");
	become_init();
	for (int signo = 1; signo < SIGRTMIN; signo++)
		(void)signal(signo, SIG_DFL);
	/* What is refused is said in the answers. */
	log_init("test", STDERR_FILENO, LOG_LEVEL_ERROR);
	test_int(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	test_int(mount("tmpfs", "/run", "tmpfs", 0, "mode=755"), 0);
	test_int(root_prepare(), 0);
	test_int(mkdir(MOUNT_DIR, 0755), 0);
	test_int(mkdir(BUNDLE_DIR, 0700), 0);
	test_int(mkdir("/run/oci", 0700), 0);
	make_cgroups();
	test_int(system("ip link add machine0 address " MACHINE_NIC_TEXT " type veth"), 0);
}

static void list(FILE *to, const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (*entry->d_name != '.')
			(void)fprintf(to, "%s/%s\n", path, entry->d_name);
	if (dir)
		(void)closedir(dir);
}

static char *leftovers(void)
{
	static const char *const folders[] = {"/run", BUNDLE_DIR, "/run/groups", "/run/oci"};
	char *text = NULL, line[4096];
	size_t size;
	FILE *to = open_memstream(&text, &size), *mounts = fopen("/proc/self/mountinfo", "re");

	test_true(to && mounts);
	while (fgets(line, sizeof(line), mounts))
		(void)fputs(line, to);
	(void)fclose(mounts);
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		list(to, folders[i]);
	test_int(fclose(to), 0);
	return text;
}

static int count_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	test_true(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

static char *clean;
static int n_files;

void machine_remember(void)
{
	/* What listing processes needs stays, and crun. */
	test_true(procfs_get() >= 0);
	test_true(crun_program() >= 0);
	clean = leftovers();
	n_files = count_files();
}

void machine_expect_clean(void)
{
	char *now = leftovers();
	size_t same = 0;

	while (now[same] && now[same] == clean[same])
		same++;
	while (same > 0 && now[same - 1] != '\n')
		same--;
	if (strcmp(now, clean) != 0)
		test_fail("left, or gone: %.*s", (int)strcspn(now + same, "\n"), now + same);
	free(now);
	test_int(count_files(), n_files);
}

static void empty(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			test_int(path_remove_tree(dirfd(dir), entry->d_name), 0);
	if (dir)
		(void)closedir(dir);
}

void machine_clean(void)
{
	empty(BUNDLE_DIR);
	empty(MOUNT_DIR);
}
