/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/direct/test-container.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "guest/direct/direct.h"
#include "guest/procfs.h"
#include "guest/reap.h"
#include "guest/task/lifecycle.h"

#define BASE CONTAINER_BASE
#define TREE CONTAINER_TREE

static _noreturn_ void skip(const char *why)
{
	printf("skipped: %s\n", why);
	exit(TEST_SKIPPED);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	test_true(fd >= 0);
	test_int(write(fd, text, strlen(text)), (long long)strlen(text));
	test_int(fchmod(fd, mode), 0);
}

static void copy_busybox(void)
{
	static const char *const applets[] = {
		"sh",	"cat",	 "echo", "id",	     "sleep", "true",  "tty",	   "stty",
		"head", "dd",	 "grep", "kill",     "ls",    "mkdir", "mount",	   "pwd",
		"seq",	"touch", "wc",	 "hostname", "stat",  "test",  "readlink", "tr"};
	_cleanup_close_ int in = open("/bin/busybox", O_RDONLY | O_CLOEXEC), out = -EBADF;
	char path[64];
	struct stat st;

	if (in < 0)
		skip("there is no /bin/busybox");
	test_int(fstat(in, &st), 0);
	out = open(TREE "/bin/busybox", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	test_int(sendfile(out, in, NULL, (size_t)st.st_size), st.st_size);
	for (size_t i = 0; i < ARRAY_SIZE(applets); i++) {
		(void)snprintf(path, sizeof(path), TREE "/bin/%s", applets[i]);
		test_int(symlink("busybox", path), 0);
	}
}

/*
 * In a build that measures coverage a process writes what it did into the build's folder when it
 * executes another program: so that folder is in containers, too. A child that does not get so far
 * writes before it says so, as it may be killed then. All of it is nothing in other builds. The
 * linker is told that send() is ours.
 */
void __gcov_dump(void) __attribute__((weak));
ssize_t __real_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);

static pid_t parent;

ssize_t __wrap_send(int fd, const void *data, size_t len, int flags)
{
	if (__gcov_dump && getpid() != parent)
		__gcov_dump();
	return __real_send(fd, data, len, flags);
}

static void show_build(void)
{
	char path[PATH_MAX] = TREE;
	char *build = path + strlen(TREE);

	if (!__gcov_dump)
		return;
	parent = getpid();
	/* Where meson runs tests. */
	test_true(getcwd(build, sizeof(path) - strlen(TREE)));
	for (char *end = build + 1; (end = strchr(end, '/')); *end++ = '/') {
		*end = '\0';
		(void)mkdir(path, 0755);
	}
	test_int(mkdir(path, 0755), 0);
	test_int(mount(build, path, NULL, MS_BIND, NULL), 0);
}

static void build_tree(void)
{
	test_int(mount("tmpfs", BASE, "tmpfs", 0, "mode=755"), 0);
	test_int(mkdir(TREE, 0755), 0);
	test_int(mkdir(TREE "/bin", 0755), 0);
	test_int(mkdir(TREE "/etc", 0755), 0);
	test_int(mkdir(TREE "/tmp", 01777), 0);
	test_int(mkdir(TREE "/private", 0700), 0);
	test_int(chown(TREE "/private", 1000, 1000), 0);
	copy_busybox();
	show_build();
	write_file(BASE "/outside", "", 0644);
	write_file(TREE "/etc/passwd",
		   "root:x:0:0::/root:/bin/sh\nanna:x:1000:1001::/home/anna:/bin/sh\n", 0644);
	write_file(TREE "/etc/group", "root:x:0:\nwheel:x:10:anna\n", 0644);
	write_file(TREE "/plain", "no program", 0644);
	write_file(TREE "/garbage", "no program", 0755);
	write_file(TREE "/orphan", "#!/no/such/interpreter\n", 0755);
}

static void enter_namespaces(void)
{
	if (geteuid() != 0)
		skip("not root");
	if (unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET) < 0)
		skip("cannot make namespaces");
	test_int(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
}

void run_init(struct run *run, const char *exec_id, const char *script)
{
	static char path[] = "PATH=/bin";
	static char *env[] = {path};

	memset(run, 0, sizeof(*run));
	run->exec_id = exec_id;
	run->words[0] = (char *)"sh";
	run->words[1] = (char *)"-c";
	run->words[2] = (char *)script;
	harness_process(&run->process, run->words);
	run->process.n_env = 1;
	run->process.env = env;
	harness_create_init(&run->create, &run->process);
	run->create.mount.type = (char *)"bind";
	run->create.mount.source = (char *)TREE;
	for (int i = 0; i < 3; i++)
		run->fd[i] = -EBADF;
}

void run_streams(struct run *run)
{
	for (int i = 0; i < 3; i++) {
		if (i == 2 && run->process.terminal)
			continue;
		(void)snprintf(run->names[i], sizeof(run->names[i]), ABI_STREAM_SCHEME "%s-%d",
			       *run->exec_id ? run->exec_id : "c", i);
		run->fd[i] = harness_stream(run->names[i] + strlen(ABI_STREAM_SCHEME));
	}
	run->create.request.stdin_ = run->names[0];
	run->create.request.stdout_ = run->names[1];
	run->create.request.stderr_ = run->names[2];
}

enum ttrpc_code run_begin(struct run *run)
{
	enum ttrpc_code code;

	run_streams(run);
	if (*run->exec_id)
		code = harness_exec(run->exec_id, &run->process, run->names[0], run->names[1],
				    run->names[2]);
	else
		code = harness_create(&run->create);
	if (code != TTRPC_OK)
		return code;
	harness_start_wait(&run->wait, run->exec_id);
	return harness_start_process(run->exec_id);
}

/* All that is there now. Of what is more than the buffer only the end is kept. */
static void collect(struct run *run, int i)
{
	ssize_t n = 1;

	while (n > 0) {
		if (run->len[i] == sizeof(run->out[i]) - 1)
			run->len[i] = 0;
		n = read(run->fd[i + 1], run->out[i] + run->len[i],
			 sizeof(run->out[i]) - 1 - run->len[i]);
		run->len[i] += n > 0 ? (size_t)n : 0;
		run->out[i][run->len[i]] = '\0';
	}
	run->ended[i] = n == 0 || errno != EAGAIN;
}

bool run_poll(struct run *run)
{
	for (int i = 0; i < 2; i++)
		if (run->fd[i + 1] >= 0 && !run->ended[i])
			collect(run, i);
	return run->wait.done && run->ended[0] && (run->ended[1] || run->fd[2] < 0);
}

void run_close(struct run *run)
{
	for (int i = 0; i < 3; i++)
		run->fd[i] = fd_close(run->fd[i]);
}

uint32_t run_end(struct run *run)
{
	uint32_t status, again;

	while (!run_poll(run))
		harness_wait();
	test_int(run->wait.code, TTRPC_OK);
	status = ((Containerd__Task__V2__WaitResponse *)run->wait.response)->exit_status;
	harness_done(&run->wait);
	test_int(harness_delete(run->exec_id, &again), TTRPC_OK);
	test_int(again, status);
	run_close(run);
	harness_turn();
	return status;
}

void run_until(struct run *run, const char *text)
{
	while (!run_poll(run) && !strstr(run->out[0], text))
		harness_wait();
	test_true(strstr(run->out[0], text));
}

uint32_t run_simple(struct run *run, const char *script)
{
	run_init(run, "", script);
	test_int(run_begin(run), TTRPC_OK);
	return run_end(run);
}

void container_expect(const char *script, const char *out)
{
	struct run run;

	test_int(run_simple(&run, script), 0);
	test_str(run.out[0], out);
}

struct run container_holder;

void container_hold(void)
{
	run_init(&container_holder, "", "echo up; read x");
	test_int(run_begin(&container_holder), TTRPC_OK);
	run_until(&container_holder, "up\n");
}

void container_let_go(void)
{
	test_int(write(container_holder.fd[0], "\n", 1), 1);
	test_int(run_end(&container_holder), 0);
}

int count_entries(const char *folder)
{
	DIR *dir = opendir(folder);
	int n = 0;

	test_true(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

struct direct container_executor = DIRECT_NULL;
static struct reaper reaper = REAPER_NULL;
static int null_fd, files;

int container_reaped;

static void child_reaped(struct reaper *r, pid_t pid, uint32_t status)
{
	(void)r;
	container_reaped++;
	lifecycle_reaped(&harness_task, pid, status);
}

void container_begin(void)
{
	/* Whoever runs the tests may ignore some; init never does, and containers inherit it. */
	for (int signo = 1; signo < SIGRTMIN; signo++)
		(void)signal(signo, SIG_DFL);
	enter_namespaces();
	build_tree();
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	harness_begin(&container_executor.base);
	test_int(direct_init(&container_executor, &harness_loop, &harness_task.processes,
			     &lifecycle_events, null_fd, BASE "/root"),
		 0);
	test_int(reaper_start(&reaper, &harness_loop, child_reaped), 0);
	files = count_entries("/proc/self/fd");
}

void container_end(void)
{
	/* What listing processes needs stays, until now. */
	procfs_close();
	test_int(count_entries("/proc/self/fd"), files);
	reaper_stop(&reaper);
	direct_deinit(&container_executor);
	harness_end();
	fd_close(null_fd);
}
