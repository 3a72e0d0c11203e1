/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/paths.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strv.h"
#include "base/test.h"

#define NOBODY 65534

static char folder[] = "/tmp/test-paths-XXXXXX";
static struct paths paths = PATHS_NULL;
static struct err err;

static void set_all(const char *root, const char *run, const char *cache)
{
	test_int(setenv("CAISSON_ROOT", root, 1), 0);
	test_int(setenv("CAISSON_RUN", run, 1), 0);
	test_int(setenv("CAISSON_CACHE", cache, 1), 0);
	err = (struct err)ERR_NULL;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		test_fail("%s is no folder", path);
	return st.st_mode & 07777;
}

static void folders_are_made(void)
{
	_cleanup_free_ char *root = path_join(folder, "a/b/root"), *run = path_join(folder, "run");
	_cleanup_free_ char *cache = path_join(folder, "cache");

	set_all(root, run, cache);
	for (int i = 0; i < 2; i++) {
		test_int(paths_init(&paths, &err), 0);
		test_str(paths.root, root);
		test_str(paths.run, run);
		test_str(paths.cache, cache);
		paths_done(&paths);
		paths_done(&paths);
	}
	/* Images hold other people's files; only their owner may walk to the sockets. */
	test_int(mode_of(root), 0711);
	test_int(mode_of(run), 0700);
	test_int(mode_of(cache), 0755);
}

static void who_only_looks_makes_nothing(void)
{
	_cleanup_free_ char *root = path_join(folder, "looked/root");
	_cleanup_free_ char *above = path_join(folder, "looked");

	set_all(root, root, root);
	test_int(paths_find(&paths, &err), 0);
	test_str(paths.root, root);
	test_true(paths.run && paths.cache && paths.programs);
	paths_done(&paths);
	test_true(access(above, F_OK) < 0);
	set_all("relative", root, root);
	test_int(paths_find(&paths, &err), -EINVAL);
	test_true(!paths.root);
}

static void refused(int code, const char *part)
{
	test_int(paths_init(&paths, &err), code);
	test_int(err.code, code);
	if (!strstr(err.text, part))
		test_fail("\"%s\" is not in: %s", part, err.text);
	test_true(!paths.root && !paths.run && !paths.cache);
}

static void what_cannot_be_made_is_named(void)
{
	_cleanup_free_ char *good = path_join(folder, "good"), *file = path_join(folder, "file");
	_cleanup_free_ char *below = path_join(folder, "file/below");
	char overlong[PATH_MAX + 1];

	test_int(close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
	memset(overlong, 'x', sizeof(overlong) - 1);
	overlong[0] = '/';
	overlong[sizeof(overlong) - 1] = '\0';
	set_all("relative/path", good, good);
	refused(-EINVAL, "CAISSON_ROOT is \"relative/path\"");
	set_all(good, "./run", good);
	refused(-EINVAL, "CAISSON_RUN");
	set_all(good, good, below);
	refused(-ENOTDIR, "$CAISSON_CACHE");
	set_all(good, good, overlong);
	refused(-ENAMETOOLONG, "cannot make the folder /xxx");
}

static void expect_paths(const char *root, const char *run, const char *cache)
{
	if (paths_init(&paths, &err) < 0)
		test_fail("%s", err.text);
	test_str(paths.root + strlen(folder), root);
	test_str(paths.run + strlen(folder), run);
	test_str(paths.cache + strlen(folder), cache);
	paths_done(&paths);
}

/* The folders of somebody who is not root: in a child, since there is no way back. */
static void check_users_folders(void)
{
	_cleanup_free_ char *data = path_join(folder, "data"), *home = path_join(folder, "home");
	_cleanup_free_ char *run = path_join(folder, "user");

	/* An empty variable is as good as none. */
	set_all("", "", "");
	test_int(setenv("HOME", home, 1), 0);
	test_int(setenv("XDG_DATA_HOME", data, 1), 0);
	test_int(setenv("XDG_RUNTIME_DIR", run, 1), 0);
	/* The specification wants a relative one ignored. */
	test_int(setenv("XDG_CACHE_HOME", "relative", 1), 0);
	expect_paths("/data/caisson", "/user/caisson", "/home/.cache/caisson");
	test_int(unsetenv("XDG_DATA_HOME"), 0);
	test_int(unsetenv("XDG_RUNTIME_DIR"), 0);
	expect_paths("/home/.local/share/caisson", "/home/.local/run/caisson",
		     "/home/.cache/caisson");
	test_int(setenv("HOME", "", 1), 0);
	refused(-EACCES, "/nonexistent");
}

static void users_have_folders_of_their_own(void)
{
	int status;
	pid_t pid;

	test_int(chmod(folder, 0777), 0);
	pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0)
			test_fail("cannot become somebody else");
		check_users_folders();
		_exit(0);
	}
	test_int(waitpid(pid, &status, 0), pid);
	test_int(status, 0);
}

/* What one folder's containers listen on is none of another's. */
static void roots_have_folders_of_sockets(void)
{
	static const char *const roots[] = {"/a/b", "/a/c", "a/b"};
	_cleanup_strv_ struct strv runs = STRV_NULL;
	char *same;
	_cleanup_free_ char *base = paths_default_run();

	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		test_int(paths_set_root(roots[i], &err), 0);
		test_true(*getenv("CAISSON_ROOT") == '/' &&
			  strstr(getenv("CAISSON_ROOT"), roots[i]));
		strv_add(&runs, getenv("CAISSON_RUN"));
		test_true(str_starts(runs.v[i], base));
		same = paths_run_of(getenv("CAISSON_ROOT"));
		test_str(same, runs.v[i]);
		free(same);
		test_int(strlen(runs.v[i]), strlen(base) + strlen("/@01234567"));
		for (size_t k = 0; k < i; k++)
			test_true(strcmp(runs.v[i], runs.v[k]) != 0);
	}
	test_int(paths_set_root(roots[0], &err), 0);
	test_str(getenv("CAISSON_RUN"), runs.v[0]);
	/* One that is not empty stays. */
	test_int(setenv("CAISSON_RUN", folder, 1), 0);
	paths_leave_root();
	test_int(access(folder, F_OK), 0);
}

/* Messages name commands as somebody has to type them. */
static void commands_name_the_root(void)
{
	static const struct {
		const char *root, *command;
	} roots[] = {
		{"/run/a-b_c/@1", "caisson --root /run/a-b_c/@1"},
		{"here", "caisson --root here"},
		{"/a b/$c", "caisson --root '/a b/$c'"},
		{"/it's", "caisson --root '/it'\\''s'"},
		{"", "caisson --root ''"},
	};

	test_str(paths_command(), "caisson");
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		test_int(paths_set_root(roots[i].root, &err), 0);
		test_str(paths_command(), roots[i].command);
	}
}

static void programs_are_found_beside_us(void)
{
	_cleanup_free_ char *self = path_self_dir(), *name = NULL, *found = NULL, *missing = NULL;
	_cleanup_free_ char *elsewhere = xasprintf("%s/../libexec/caisson/no-such-program", self);
	const struct paths here = {.programs = self};
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	test_true(n > 0);
	exe[n] = '\0';
	name = xstrdup(strrchr(exe, '/') + 1);
	found = paths_program(&here, name);
	test_str(found, exe);
	missing = paths_program(&here, "no-such-program");
	test_str(missing, elsewhere);
}

int main(void)
{
	(void)umask(0);
	test_true(mkdtemp(folder));
	test_run(folders_are_made);
	test_run(who_only_looks_makes_nothing);
	test_run(what_cannot_be_made_is_named);
	test_run(programs_are_found_beside_us);
	test_run(commands_name_the_root);
	test_run(roots_have_folders_of_sockets);
	/* Before a fork(), or the child prints it again. */
	(void)fflush(stdout);
	test_run(users_have_folders_of_their_own);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	return 0;
}
