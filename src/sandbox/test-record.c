/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/record.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"

static char folder[] = "/tmp/test-record-XXXXXX";
static struct paths paths;
static struct err err;

static void begin(void)
{
	test_int(path_remove_tree(AT_FDCWD, paths.root), 0);
	test_int(path_remove_tree(AT_FDCWD, paths.run), 0);
	test_int(mkdir(paths.root, 0700), 0);
	test_int(mkdir(paths.run, 0700), 0);
	err = (struct err)ERR_NULL;
}

static struct record create(const char *id, bool remove)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct record rec = RECORD_NULL;

	spec.id = xstrdup(id);
	spec.remove = remove;
	strv_add(&spec.args, "true");
	if (record_create(&paths, &spec, &rec, &err) < 0)
		test_fail("%s: %s", id, err.text);
	sandbox_spec_done(&spec);
	return rec;
}

/* A container whose shim was killed. */
static void create_dead(const char *id, bool remove)
{
	struct record rec = create(id, remove);

	record_done(&rec);
}

static bool exists(const char *parent, const char *name)
{
	_cleanup_free_ char *path = path_join(parent, name);
	struct stat st;

	return lstat(path, &st) == 0;
}

static bool is_recorded(const char *id)
{
	_cleanup_free_ char *containers = path_join(paths.root, "containers");

	return exists(containers, id);
}

static void expect_error(int r, int want, const char *part)
{
	test_int(r, want);
	test_int(err.code, want);
	if (!strstr(err.text, part))
		test_fail("\"%s\" is not in: %s", part, err.text);
}

static void write_in(const char *id, const char *name, const char *text, size_t len)
{
	_cleanup_free_ char *dir = xasprintf("%s/containers/%s", paths.root, id);
	_cleanup_close_ int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	test_int(file_write_atomic_at(fd, name, text, len, 0600), 0);
}

static enum record_state state_of(const char *id, int *status)
{
	struct record rec = RECORD_NULL;
	enum record_state state;

	*status = -1;
	test_int(record_open(&paths, id, &rec, &err), 0);
	state = record_state(&rec, status);
	record_done(&rec);
	return state;
}

static void a_record_lives_and_ends(void)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct record rec, other = RECORD_NULL;
	_cleanup_free_ char *why = NULL;
	int status;

	begin();
	rec = create("c1", false);
	test_true(exists(paths.run, "c1"));
	test_int(state_of("c1", &status), RECORD_RUNNING);
	test_int(record_keeper(&rec), 0);
	test_int(record_set_keeper(&rec, 4711), 0);
	test_int(record_keeper(&rec), 4711);
	test_int(record_open(&paths, "c1", &other, &err), 0);
	test_int(record_claim(&other), -EWOULDBLOCK);
	test_int(record_wait(&other, 1), -ETIMEDOUT);
	test_int(record_load(&other, &spec, &err), 0);
	test_str(spec.id, "c1");
	/* The status is told before the shim has gone. */
	test_true(!record_failure(&rec));
	test_int(record_set_exit(&rec, 3, NULL), 0);
	test_int(state_of("c1", &status), RECORD_STOPPED);
	test_int(status, 3);
	test_true(!record_failure(&rec));
	test_int(record_set_exit(&rec, 137, "the kernel\npanicked"), 0);
	test_int(state_of("c1", &status), RECORD_STOPPED);
	test_int(status, 137);
	why = record_failure(&rec);
	test_str(why, "the kernel\npanicked");
	rec.lock = fd_close(rec.lock);
	test_int(record_wait(&other, 0), 0);
	test_int(record_remove(&paths, &other, &err), 0);
	test_true(!is_recorded("c1") && !exists(paths.run, "c1"));
	sandbox_spec_done(&spec);
	record_done(&rec);
	record_done(&other);
	record_done(&other);
}

static void names_are_taken_once(void)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct record rec, second = RECORD_NULL;

	begin();
	rec = create("c1", false);
	spec.id = xstrdup("c1");
	expect_error(record_create(&paths, &spec, &second, &err), -EEXIST, "\"c1\" is taken");
	test_true(!second.id && second.lock < 0);
	test_true(is_recorded("c1") && exists(paths.run, "c1"));
	sandbox_spec_done(&spec);
	record_done(&rec);
}

static void names_may_be_shortened(void)
{
	struct record rec = RECORD_NULL;

	begin();
	expect_error(record_open(&paths, "a", &rec, &err), -ENOENT, "\"a\"");
	create_dead("abc000000000", false);
	create_dead("abd000000000", false);
	create_dead("abd", false);
	test_int(record_open(&paths, "abc", &rec, &err), 0);
	test_str(rec.id, "abc000000000");
	record_done(&rec);
	/* One that is called so goes before those that only begin so. */
	test_int(record_open(&paths, "abd", &rec, &err), 0);
	test_str(rec.id, "abd");
	record_done(&rec);
	test_int(record_open(&paths, "abd0", &rec, &err), 0);
	test_str(rec.id, "abd000000000");
	record_done(&rec);
	expect_error(record_open(&paths, "ab", &rec, &err), -EEXIST,
		     "\"abc000000000\" or \"abd000000000\"");
	expect_error(record_open(&paths, "abce", &rec, &err), -ENOENT, "\"abce\"");
	expect_error(record_open(&paths, "bc", &rec, &err), -ENOENT, "\"bc\"");
}

static void chosen_names_are_not_shortened(void)
{
	static const char *const chosen[] = {"web-prod", "fade", "fade00000000f", "fade0000000g",
					     "FADE00000000"};
	struct record rec = RECORD_NULL;

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(chosen); i++)
		create_dead(chosen[i], false);
	expect_error(record_open(&paths, "web", &rec, &err), -ENOENT, "\"web\"");
	expect_error(record_open(&paths, "fad", &rec, &err), -ENOENT, "\"fad\"");
	expect_error(record_open(&paths, "fade0", &rec, &err), -ENOENT, "\"fade0\"");
	expect_error(record_open(&paths, "FADE", &rec, &err), -ENOENT, "\"FADE\"");
}

static void no_name_leads_elsewhere(void)
{
	static const char *const names[] = {"", ".", "..", "../containers", "/etc", "a/b", "a\n"};
	_cleanup_free_ char *link = xasprintf("%s/containers/link", paths.root);
	struct record rec = RECORD_NULL;
	char name[300];

	begin();
	create_dead("c1", false);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		expect_error(record_open(&paths, names[i], &rec, &err), -EINVAL, "no container");
	memset(name, 'c', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	expect_error(record_open(&paths, name, &rec, &err), -EINVAL, "no container");
	test_int(symlink("/etc", link), 0);
	expect_error(record_open(&paths, "link", &rec, &err), -ENOTDIR, "\"link\"");
	test_true(!rec.id && rec.dir < 0);
}

static void a_broken_status_is_none(void)
{
	static const char *const broken[] = {"",    "256", "-1",   "1\n",     "1x",
					     "0x1", " 1",  "\xff", "9999999", "000000000000000001",
					     "1 ",  "+1",  "1e2"};
	_cleanup_free_ char *path = xasprintf("%s/containers/c1/exit", paths.root);
	int status;

	begin();
	create_dead("c1", false);
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		write_in("c1", "exit", broken[i], strlen(broken[i]));
		test_int(state_of("c1", &status), RECORD_DEAD);
		test_int(status, -1);
	}
	write_in("c1", "exit", "255", 3);
	test_int(state_of("c1", &status), RECORD_STOPPED);
	test_int(status, 255);
	write_in("c1", "status", "0", 1);
	test_int(unlink(path), 0);
	test_int(symlink("status", path), 0);
	test_int(state_of("c1", &status), RECORD_DEAD);
}

static void a_broken_spec_is_refused(void)
{
	_cleanup_free_ char *path = xasprintf("%s/containers/c1/spec.json", paths.root);
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct record rec = RECORD_NULL;

	begin();
	create_dead("c1", false);
	test_int(record_open(&paths, "c1", &rec, &err), 0);
	write_in("c1", "spec.json", "{\"id\": \"c1\"", 11);
	expect_error(record_load(&rec, &spec, &err), -EBADMSG, path);
	write_in("c1", "spec.json", "{}\0{}", 5);
	expect_error(record_load(&rec, &spec, &err), -EBADMSG, "\"id\"");
	test_int(truncate(path, (16 << 20) + 1), 0);
	expect_error(record_load(&rec, &spec, &err), -EFBIG, path);
	test_int(unlink(path), 0);
	expect_error(record_load(&rec, &spec, &err), -ENOENT, path);
	test_true(!spec.id);
	record_done(&rec);
}

static void sockets_must_fit(void)
{
	struct paths deep = paths;
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct record rec = RECORD_NULL;
	char name[65];

	begin();
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	deep.run = xasprintf("%s/a-folder-that-is-too-long", paths.run);
	test_int(mkdir(deep.run, 0700), 0);
	spec.id = xstrdup(name);
	expect_error(record_create(&deep, &spec, &rec, &err), -ENAMETOOLONG, "$CAISSON_RUN");
	test_true(!is_recorded(name) && !exists(deep.run, name));
	sandbox_spec_done(&spec);
	free(deep.run);
}

static void lists_are_sorted_and_ours(void)
{
	_cleanup_strv_ struct strv names = STRV_NULL;
	_cleanup_free_ char *odd = xasprintf("%s/containers/.odd", paths.root);

	begin();
	test_int(record_list(&paths, &names, &err), 0);
	test_int(names.n, 0);
	create_dead("b", false);
	create_dead("a", false);
	create_dead("B", false);
	test_int(mkdir(odd, 0700), 0);
	test_int(record_list(&paths, &names, &err), 0);
	test_int(names.n, 3);
	test_str(names.v[0], "B");
	test_str(names.v[1], "a");
	test_str(names.v[2], "b");
}

static void the_dead_are_swept(void)
{
	_cleanup_free_ char *half = xasprintf("%s/containers/half", paths.root);
	_cleanup_free_ char *file = xasprintf("%s/containers/file", paths.root);
	struct record live, live_kept;

	begin();
	create_dead("kept", false);
	create_dead("gone", true);
	create_dead("broken", false);
	write_in("broken", "spec.json", "{", 1);
	live = create("live", true);
	live_kept = create("live-kept", false);
	test_int(mkdir(half, 0700), 0);
	test_int(close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
	record_sweep(&paths);
	test_true(is_recorded("kept") && !exists(paths.run, "kept"));
	test_true(!is_recorded("gone") && !exists(paths.run, "gone"));
	test_true(!is_recorded("broken") && !exists(paths.run, "broken"));
	test_true(is_recorded("live") && exists(paths.run, "live"));
	test_true(is_recorded("live-kept") && exists(paths.run, "live-kept"));
	test_true(!is_recorded("half"));
	test_true(is_recorded("file"));
	record_done(&live);
	record_done(&live_kept);
}

static void who_looks_for_the_dead_makes_nothing(void)
{
	struct strv ids = STRV_NULL;
	struct record rec;

	begin();
	record_sweep(&paths);
	test_int(record_list(&paths, &ids, &err), 0);
	test_int((int)ids.n, 0);
	test_int(record_open(&paths, "c1", &rec, &err), -ENOENT);
	test_true(!exists(paths.root, "containers.lock") && !exists(paths.root, "containers"));
}

static void what_a_killed_shim_left_is_replaced(void)
{
	_cleanup_free_ char *left = xasprintf("%s/c1", paths.run);
	_cleanup_free_ char *socket = xasprintf("%s/c1/shim.sock", paths.run);
	struct record rec;

	begin();
	test_int(mkdir(left, 0700), 0);
	test_int(mkfifo(socket, 0600), 0);
	rec = create("c1", false);
	test_true(exists(paths.run, "c1") && !exists(left, "shim.sock"));
	record_done(&rec);
}

static void a_reboot_ends_what_says_so(void)
{
	struct record rec;

	begin();
	rec = create("now", false);
	test_int(record_mark_boot(&rec, &err), 0);
	record_done(&rec);
	rec = create("live", false);
	create_dead("earlier", false);
	create_dead("unmarked", false);
	write_in("earlier", "boot", "another", 7);
	write_in("live", "boot", "another", 7);
	record_sweep(&paths);
	test_true(is_recorded("now") && is_recorded("unmarked"));
	test_true(!is_recorded("earlier"));
	test_true(is_recorded("live"));
	record_done(&rec);
}

static void the_folder_of_sockets_may_vanish(void)
{
	struct record rec;

	begin();
	test_int(rmdir(paths.run), 0);
	rec = create("c1", false);
	test_true(exists(paths.run, "c1"));
	record_done(&rec);
}

static bool waits_for_a_lock(pid_t pid)
{
	char line[256];
	bool found = false;
	int who;
	FILE *locks = fopen("/proc/locks", "re");

	test_true(locks);
	while (!found && fgets(line, sizeof(line), locks))
		found = sscanf(line, "%*d: -> FLOCK %*s %*s %d", &who) == 1 && who == pid;
	(void)fclose(locks);
	return found;
}

/* The claim on a folder that went meanwhile is worth nothing: its name may be another's by now. */
static void waiting_ends_with_the_container(void)
{
	struct record rec, other = RECORD_NULL;
	int status;
	pid_t pid;

	begin();
	rec = create("c1", false);
	test_int(record_open(&paths, "c1", &other, &err), 0);
	pid = fork();
	if (pid == 0) {
		rec.lock = fd_close(rec.lock);
		_exit(record_wait(&other, 0) == -ENOENT && other.lock < 0 ? 0 : 1);
	}
	while (!waits_for_a_lock(pid))
		(void)sched_yield();
	test_int(record_remove(&paths, &rec, &err), 0);
	record_done(&rec);
	test_int(waitpid(pid, &status, 0), pid);
	test_int(status, 0);
	/* And when it had gone before. */
	test_int(record_wait(&other, 0), -ENOENT);
	test_int(record_claim(&other), -ENOENT);
	record_done(&other);
}

static bool is_let_go_at_once(struct record *other)
{
	while (record_claim(other) != -ENOENT)
		other->lock = fd_close(other->lock);
	return true;
}

static bool is_removed(struct record *other)
{
	int r;

	while ((r = record_claim(other)) == -EWOULDBLOCK)
		;
	return r == -ENOENT || (r == 0 && record_remove(&paths, other, NULL) == 0);
}

static void removed_while(bool (*what)(struct record *other))
{
	struct record rec, other = RECORD_NULL;
	int status, ready[2];
	pid_t pid;
	char c;

	begin();
	rec = create("c1", false);
	test_int(record_open(&paths, "c1", &other, &err), 0);
	test_int(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		test_int(prctl(PR_SET_PDEATHSIG, SIGKILL), 0);
		test_int(write(ready[1], "", 1), 1);
		_exit(!what(&other));
	}
	test_int(read(ready[0], &c, 1), 1);
	test_int(record_remove(&paths, &rec, &err), 0);
	record_done(&rec);
	test_int(waitpid(pid, &status, 0), pid);
	test_int(status, 0);
	record_done(&other);
	fd_close(ready[0]);
	fd_close(ready[1]);
}

/* Of those who want to remove it, one comes while another one does. */
static void claimed_while_it_is_removed(void)
{
	for (int i = 0; i < 50; i++)
		removed_while(is_let_go_at_once);
}

static void removed_by_two_at_once(void)
{
	for (int i = 0; i < 300; i++)
		removed_while(is_removed);
}

/* Its folder of sockets would be that of containerd's containers. */
static void one_name_is_taken(void)
{
	_cleanup_free_ char *ours = paths.run;
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct record rec = RECORD_NULL;

	begin();
	rec = create(PATHS_CONTAINERD, true);
	record_done(&rec);
	begin();
	paths.run = paths_default_run();
	spec.id = xstrdup(PATHS_CONTAINERD);
	test_int(record_create(&paths, &spec, &rec, &err), -EINVAL);
	test_true(strstr(err.text, PATHS_CONTAINERD));
	sandbox_spec_done(&spec);
	free(paths.run);
	paths.run = take_ptr(ours);
}

int main(void)
{
	test_true(mkdtemp(folder));
	paths.root = path_join(folder, "root");
	paths.run = path_join(folder, "run");
	test_run(a_record_lives_and_ends);
	test_run(names_are_taken_once);
	test_run(names_may_be_shortened);
	test_run(chosen_names_are_not_shortened);
	test_run(no_name_leads_elsewhere);
	test_run(a_broken_status_is_none);
	test_run(a_broken_spec_is_refused);
	test_run(sockets_must_fit);
	test_run(lists_are_sorted_and_ours);
	test_run(the_dead_are_swept);
	test_run(a_reboot_ends_what_says_so);
	test_run(the_folder_of_sockets_may_vanish);
	test_run(who_looks_for_the_dead_makes_nothing);
	test_run(what_a_killed_shim_left_is_replaced);
	test_run(one_name_is_taken);
	/* Before a fork(), or the child prints it again. */
	(void)fflush(stdout);
	test_run(waiting_ends_with_the_container);
	(void)fflush(stdout);
	test_run(claimed_while_it_is_removed);
	(void)fflush(stdout);
	test_run(removed_by_two_at_once);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	paths_done(&paths);
	return 0;
}
