/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/copy.h"
#include "base/dir.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/strv.h"
#include "base/test-proc.h"
#include "base/test.h"

static char *scratch(void)
{
	char template[] = "/tmp/test-base.XXXXXX";

	test_true(mkdtemp(template));
	return xstrdup(template);
}

static void words_are_whole(void)
{
	test_true(str_has_word("cpu,cpuacct", ",", "cpu", 3));
	test_true(str_has_word("cpu memory\n", " \n", "memory", 6));
	test_true(str_has_word(" a  b ", " ", "b:", 1));
	test_true(!str_has_word("cpuacct,cpuset", ",", "cpu", 3));
	test_true(!str_has_word("xcpu", ",", "cpu", 3));
	test_true(!str_has_word("", ",", "cpu", 3));
}

static void numbers_are_strict(void)
{
	static const struct {
		const char *text;
		int r;
		uint64_t bytes;
	} sizes[] = {
		{"4096", 0, 4096},
		{"1k", 0, 1024},
		{"256M", 0, 256 << 20},
		{"2GiB", 0, 2ULL << 30},
		{"1T", 0, 1ULL << 40},
		{"", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"1x", -EINVAL, 0},
		{"1.5G", -EINVAL, 0},
		{"99999999T", -ERANGE, 0},
		{" 1", -EINVAL, 0},
		{"1MM", -EINVAL, 0},
		{"99999999999999999999", -ERANGE, 0},
	};
	uint64_t v;
	uint32_t n;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		v = 0;
		test_int(parse_size(sizes[i].text, &v), sizes[i].r);
		test_int(v, sizes[i].bytes);
	}
	test_int(parse_u32("4294967296", 0, UINT32_MAX, &n), -ERANGE);
	test_int(parse_u32("+1", 0, 10, &n), -EINVAL);
	test_int(parse_u32("10", 0, 10, &n), 0);
	test_int(n, 10);
}

static void signals_have_names(void)
{
	test_int(signal_from_name("TERM"), SIGTERM);
	test_int(signal_from_name("sigint"), SIGINT);
	test_int(signal_from_name("9"), 9);
	test_int(signal_from_name("SIGRTMIN+3"), 37);
	test_int(signal_from_name("RTMAX-1"), 63);
	test_int(signal_from_name("0"), -EINVAL);
	test_int(signal_from_name("65"), -EINVAL);
	test_int(signal_from_name("SIGRTMIN+99"), -EINVAL);
	test_int(signal_from_name("NOPE"), -EINVAL);
	test_int(signal_from_name(""), -EINVAL);
}

static void files_are_read_whole_or_refused(void)
{
	_cleanup_free_ char *dir = scratch(), *data = NULL;
	_cleanup_close_ int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char big[10000];
	size_t len;

	memset(big, 'a', sizeof(big));
	test_int(file_write_atomic_at(dirfd, "f", big, sizeof(big), 0600), 0);
	test_int(file_slurp_at(dirfd, "f", sizeof(big), &data, &len), 0);
	test_int(len, sizeof(big));
	test_mem(data, big, sizeof(big));
	test_int(file_slurp_at(dirfd, "f", sizeof(big) - 1, &data, &len), -EFBIG);
	test_int(file_slurp_at(dirfd, "g", 10, &data, &len), -ENOENT);
	test_int(mkfifoat(dirfd, "fifo", 0600), 0);
	test_int(file_slurp_at(dirfd, "fifo", 10, &data, &len), -EINVAL);
	test_int(unlinkat(dirfd, "fifo", 0), 0);
	test_int(file_slurp_at(AT_FDCWD, "/dev/null", 10, &data, &len), -EINVAL);
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
}

static void folders_are_read_from_their_beginning(void)
{
	_cleanup_free_ char *path = scratch();
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	test_int(mkdirat(fd, ".hidden", 0700), 0);
	test_int(symlinkat(".hidden", fd, "link"), 0);
	for (int i = 0; i < 2; i++) {
		_cleanup_dir_ DIR *dir = dir_open(fd, ".");
		const char *name = dir_next(dir);
		bool hidden = strcmp(name, ".hidden") == 0;

		test_true(hidden || strcmp(name, "link") == 0);
		test_str(dir_next(dir), hidden ? "link" : ".hidden");
		errno = EIO;
		test_true(!dir_next(dir));
		test_int(errno, 0);
	}
	test_true(!dir_open(fd, "link"));
	test_int(errno, ENOTDIR);
	test_true(!dir_open(fd, "missing"));
	test_int(errno, ENOENT);
	test_int(path_remove_tree(AT_FDCWD, path), 0);
}

static void paths_stay_inside(void)
{
	_cleanup_free_ char *dir = scratch(), *deep = path_join(dir, "a/b/c");
	_cleanup_close_ int dirfd = -EBADF;
	int fd;

	test_int(path_mkdirs(deep, 0700), 0);
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_int(symlinkat("/etc", dirfd, "out"), 0);
	test_int(symlinkat("..", dirfd, "up"), 0);
	test_int(path_open_beneath(dirfd, "out/passwd", O_RDONLY, 0), -EXDEV);
	test_int(path_open_beneath(dirfd, "up/etc", O_RDONLY, 0), -EXDEV);
	test_int(path_open_beneath(dirfd, "../x", O_RDONLY, 0), -EXDEV);
	test_int(path_open_in_root(dirfd, "out/passwd", O_RDONLY, 0), -ENOENT);
	fd = path_open_in_root(dirfd, "/../../a/b", O_RDONLY | O_DIRECTORY, 0);
	test_true(fd >= 0);
	fd_close(fd);
	/* The link goes, what it points at stays. */
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
	test_int(access("/etc/passwd", F_OK), 0);
	test_int(access(dir, F_OK), -1);
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
}

static void trees_of_any_depth_are_removed(void)
{
	_cleanup_free_ char *dir = scratch();
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), next;

	/* Deeper than there are descriptors, and than any path can say. */
	for (int i = 0; i < 2000; i++) {
		test_int(mkdirat(fd, "folder", 0700), 0);
		test_int(symlinkat("/etc", fd, "link"), 0);
		next = openat(fd, "folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		test_true(next >= 0);
		fd_close(fd);
		fd = next;
	}
	fd_close(fd);
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
	test_int(access(dir, F_OK), -1);
	test_int(access("/etc/passwd", F_OK), 0);
}

static int run_sh(const char *script, char **out)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	struct proc_spec spec = PROC_SPEC_NULL;

	spec.argv = argv;
	return test_proc_run(&spec, out);
}

static int prepare(void *data, struct err *err)
{
	if (setenv("PREPARED", data, 1) == 0 && *(const char *)data)
		return 0;
	return err_set(err, -EDOM, "nothing to prepare");
}

static void programs_are_prepared(void)
{
	const char *argv[] = {"sh", "-c", "echo $PREPARED", NULL};
	_cleanup_free_ char *out = NULL, *none = NULL;
	struct proc_spec spec = PROC_SPEC_NULL;
	struct err err = ERR_NULL;

	spec.argv = argv;
	spec.prepare = prepare;
	spec.prepare_data = (char[]){"well"};
	spec.prepare_err = &err;
	test_int(test_proc_run(&spec, &out), 0);
	test_str(out, "well\n");
	test_int(err.code, 0);
	spec.prepare_data = (char[]){""};
	test_int(test_proc_run(&spec, &none), -EDOM);
	test_int(err.code, -EDOM);
	test_str(err.text, "nothing to prepare");
	/* That of exec leaves no message. */
	err = (struct err)ERR_NULL;
	spec.prepare_data = (char[]){"well"};
	argv[0] = "/no/such/program";
	test_int(test_proc_run(&spec, &none), -ENOENT);
	test_int(err.code, 0);
}

static void programs_start_and_end(void)
{
	const char *missing[] = {"/no/such/program", NULL};
	struct proc_spec spec = PROC_SPEC_NULL;
	_cleanup_free_ char *out = NULL;
	char *missing_out = NULL;

	test_int(run_sh("echo hello; echo there >&2; exit 3", &out), 3);
	test_str(out, "hello\nthere\n");
	free(take_ptr(out));
	test_int(run_sh("kill -TERM $$", &out), 128 + 15);
	spec.argv = missing;
	test_int(test_proc_run(&spec, &missing_out), -ENOENT);
}

/* Not even if a shell could read it. */
static void a_text_is_no_program(void)
{
	char path[] = "/tmp/test-base-XXXXXX";
	const char *argv[] = {path, NULL};
	struct proc_spec spec = PROC_SPEC_NULL;
	char *out = NULL;
	int fd = mkostemp(path, O_CLOEXEC);

	test_int(write(fd, "exit 0\n", 7), 7);
	test_int(fchmod(fd, 0700), 0);
	(void)fd_close(fd);
	spec.argv = argv;
	test_int(test_proc_run(&spec, &out), -ENOEXEC);
	test_int(unlink(path), 0);
}

static int run_spared(int score, bool expendable, char **out)
{
	static const char *const argv[] = {"cat", "/proc/self/oom_score_adj", NULL};
	_cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	struct proc_spec spec = PROC_SPEC_NULL;

	if (fd < 0 || dprintf(fd, "%d", score) < 0)
		return -EACCES;
	spec.argv = argv;
	spec.expendable = expendable;
	return test_proc_run(&spec, out);
}

/* Only root may be spared. */
static void programs_are_not_spared_with_us(void)
{
	_cleanup_free_ char *spared = NULL, *expendable = NULL, *others = NULL;

	if (run_spared(-500, false, &spared) == -EACCES)
		return;
	test_str(spared, "-500\n");
	test_int(run_spared(-500, true, &expendable), 0);
	test_str(expendable, "0\n");
	test_int(run_spared(300, true, &others), 0);
	test_str(others, "300\n");
}

static int run_guarded(const char *script, char **out)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	struct proc_spec spec = PROC_SPEC_NULL;

	spec.argv = argv;
	spec.guarded = true;
	return test_proc_run(&spec, out);
}

/* One that starts it and waits to be killed, in a process of its own. */
static pid_t start_guarded(const char *const *argv, int out)
{
	struct proc_spec spec = PROC_SPEC_NULL;
	struct proc p = PROC_NULL;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	spec.argv = argv;
	spec.guarded = true;
	spec.stdout_fd = out;
	if (proc_start(&spec, &p) < 0)
		_exit(1);
	(void)fd_close(out);
	for (;;)
		(void)pause();
}

static void programs_are_guarded(void)
{
	const char *const argv[] = {
		"setpriv", "--reuid", "65534", "sh", "-c", "echo up; exec sleep 1000", NULL};
	_cleanup_free_ char *number = NULL, *killed = NULL, *orphan = NULL;
	char up[4] = "";
	int fds[2];
	pid_t pid;

	/* Who may make no namespace. */
	if (run_guarded("echo $$; exit 7", &number) == -EPERM)
		return;
	test_str(number, "2\n");
	test_int(run_guarded("kill -9 $$", &killed), 128 + SIGKILL);
	/* Another one's end is not the program's. */
	test_int(run_guarded("(sh -c 'exit 3' & ); exec sh -c 'exit 4'", &orphan), 4);

	test_int(pipe2(fds, O_CLOEXEC), 0);
	pid = start_guarded(argv, fds[1]);
	(void)fd_close(fds[1]);
	test_int(fd_read_full(fds[0], up, 3), 3);
	test_int(kill(pid, SIGKILL), 0);
	/* The end of the file comes when the last one is gone who could write to it. */
	test_int(fd_read_full(fds[0], up, 1), 0);
	test_int(waitpid(pid, NULL, 0), pid);
	(void)fd_close(fds[0]);
}

static void descriptors_land_where_asked(void)
{
	const char *argv[] = {"sh", "-c", "cat <&5; ls /proc/self/fd | wc -l", NULL};
	struct proc_spec spec = PROC_SPEC_NULL;
	_cleanup_free_ char *out = NULL;
	int p[2], fds[3];

	test_int(pipe2(p, O_CLOEXEC), 0);
	test_int(write(p[1], "five\n", 5), 5);
	fds[0] = -EBADF;
	fds[1] = -EBADF;
	fds[2] = p[0];
	p[1] = fd_close(p[1]);
	spec.argv = argv;
	spec.fds = fds;
	spec.n_fds = 3;
	test_int(test_proc_run(&spec, &out), 0);
	/* 0 1 2, 3 4 5, and the one that ls reads the folder with. */
	test_str(out, "five\n7\n");
	fd_close(p[0]);
}

static void lists_are_sorted_by_bytes(void)
{
	_cleanup_strv_ struct strv l = STRV_NULL;

	strv_sort(&l);
	test_int(l.n, 0);
	strv_add(&l, "b");
	strv_add(&l, "\xc3");
	strv_add(&l, "B");
	strv_add(&l, "ab");
	strv_sort(&l);
	test_str(l.v[0], "B");
	test_str(l.v[1], "ab");
	test_str(l.v[2], "b");
	test_str(l.v[3], "\xc3");
	test_true(!l.v[4]);
}

static void environments_replace(void)
{
	_cleanup_strv_ struct strv env = STRV_NULL;

	strv_add(&env, "A=1");
	strv_add(&env, "AB=2");
	strv_env_set(&env, "A=3");
	strv_env_set(&env, "C=");
	test_int(env.n, 3);
	test_str(strv_env_get(&env, "A"), "3");
	test_str(strv_env_get(&env, "AB"), "2");
	test_str(strv_env_get(&env, "C"), "");
	test_true(!strv_env_get(&env, "B"));
	test_true(!env.v[3]);
	strv_env_unset(&env, "A");
	strv_env_unset(&env, "A");
	strv_env_unset(&env, "B");
	test_true(!strv_env_get(&env, "A"));
	test_str(strv_env_get(&env, "AB"), "2");
	test_str(strv_env_get(&env, "C"), "");
	test_true(!env.v[env.n]);
}

static void errors_carry_context(void)
{
	struct err err = ERR_NULL;
	char big[2 * ERR_TEXT_MAX];

	test_int(err_errno(&err, -ENOENT, "open %s", "x"), -ENOENT);
	test_str(err.text, "open x: No such file or directory");
	test_int(err_wrap(&err, -ENOENT, "image y"), -ENOENT);
	test_str(err.text, "image y: open x: No such file or directory");
	memset(big, 'b', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	test_int(err_set(&err, -EIO, "%s", big), -EIO);
	test_int(err_wrap(&err, -EIO, "w"), -EIO);
	test_int(strlen(err.text), ERR_TEXT_MAX - 1);
	test_int(err_set(NULL, -EIO, "nobody listens"), -EIO);
	test_int(err_errno(NULL, -EIO, "nobody listens"), -EIO);
	test_int(err_wrap(NULL, -EIO, "nobody listens"), -EIO);
}

static void files_of_a_program_have_a_limit(void)
{
	const char *argv[] = {"sh", "-c", "head -c 5000 /dev/zero >big", NULL};
	struct proc_spec spec = PROC_SPEC_NULL;
	_cleanup_free_ char *dir = scratch(), *fits = NULL, *is_cut = NULL;

	test_int(chdir(dir), 0);
	spec.argv = argv;
	spec.file_bytes_max = 5000;
	test_int(test_proc_run(&spec, &fits), 0);
	spec.file_bytes_max = 4999;
	test_true(test_proc_run(&spec, &is_cut) != 0);
	test_int(chdir("/"), 0);
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
}

static void files_are_copied_with_their_holes(void)
{
	const off_t last = 50 << 20;
	_cleanup_free_ char *dir = scratch(), *from = NULL, *to = NULL;
	_cleanup_close_ int in = -EBADF, out = -EBADF;
	volatile sig_atomic_t cancel = 1;
	struct stat a, b;
	char text[6];

	from = xasprintf("%s/from", dir);
	to = xasprintf("%s/to", dir);
	in = open(from, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	out = open(to, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	test_int(pwrite(in, "first", 5, 0), 5);
	test_int(pwrite(in, "last", 4, last), 4);
	test_int(ftruncate(in, 2 * last), 0);
	test_int(copy_file(in, out, NULL), 0);
	test_int(fstat(in, &a), 0);
	test_int(fstat(out, &b), 0);
	test_int(b.st_size, a.st_size);
	test_true(b.st_blocks <= a.st_blocks + 16);
	test_int(pread(out, text, 6, 0), 6);
	test_true(memcmp(text, "first", 6) == 0);
	test_int(pread(out, text, 5, last), 5);
	test_true(memcmp(text, "last", 5) == 0);
	test_int(ftruncate(out, 0), 0);
	/* A file system that shares blocks is done at once. */
	test_true(copy_file(in, out, &cancel) == -EINTR || fstat(out, &b) == 0);
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
}

static void a_program_is_asked(void)
{
	_cleanup_free_ char *line = NULL, *none = NULL, *all = NULL;
	const uint64_t long_enough = 60 * NSEC_PER_SEC;

	test_int(proc_ask((const char *[]){"sh", "-c", "echo one; echo two; exit 3", NULL},
			  long_enough, &line),
		 3);
	test_str(line, "one");
	test_int(proc_ask((const char *[]){"true", NULL}, long_enough, &none), 0);
	test_str(none, "");
	test_int(proc_ask((const char *[]){"/nonexistent", NULL}, long_enough, &all), -ENOENT);
	/* One that says nothing, that says all the time, or that only closes its output. */
	test_int(proc_ask((const char *[]){"sleep", "1000", NULL}, 1, &all), -ETIMEDOUT);
	test_int(proc_ask((const char *[]){"sh", "-c", "exec sleep 1000 >&-", NULL}, 1, &all),
		 -ETIMEDOUT);
	test_true(all == NULL);
	test_int(proc_ask((const char *[]){"yes", NULL}, long_enough, &all), 128 + SIGPIPE);
	test_str(all, "y");
}

static int return_it(void *data, struct err *err)
{
	int r = *(int *)data;

	return r < 0 ? err_set(err, r, "it is %d", r) : r;
}

static void a_call_is_made_elsewhere(void)
{
	struct err err = ERR_NULL;
	struct proc proc = PROC_NULL;
	int good = 7, bad = -EDOM, fd = -EBADF;

	test_int(proc_call(return_it, &good, &err), 7);
	test_int(proc_call(return_it, &bad, &err), -EDOM);
	test_true(strncmp(err.text, "it is -", 7) == 0);
	test_int(proc_call_begin(return_it, &good, &proc, &fd, &err), 0);
	test_int(proc_call_end(&proc, fd, &err), 7);
	fd_close(fd);
}

int main(void)
{
	test_run(words_are_whole);
	test_run(numbers_are_strict);
	test_run(signals_have_names);
	test_run(files_are_read_whole_or_refused);
	test_run(folders_are_read_from_their_beginning);
	test_run(paths_stay_inside);
	test_run(trees_of_any_depth_are_removed);
	test_run(programs_start_and_end);
	test_run(a_text_is_no_program);
	test_run(programs_are_prepared);
	test_run(programs_are_guarded);
	test_run(programs_are_not_spared_with_us);
	test_run(descriptors_land_where_asked);
	test_run(lists_are_sorted_by_bytes);
	test_run(environments_replace);
	test_run(errors_carry_context);
	test_run(files_of_a_program_have_a_limit);
	test_run(files_are_copied_with_their_holes);
	test_run(a_program_is_asked);
	test_run(a_call_is_made_elsewhere);
	return 0;
}
