/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "guest/direct.h"
#include "guest/lifecycle.h"
#include "guest/reap.h"
#include "guest/test-container.h"

/*
 * The Task service on the real executor, with containers of this machine's kernel: in mount, UTS,
 * IPC and network namespaces of the test's own, as root, with a root file system of busybox.
 * Skipped where that cannot be had.
 */

static struct direct direct = DIRECT_NULL;
static struct reaper reaper = REAPER_NULL;

static void child_reaped(struct reaper *r, pid_t pid, uint32_t status)
{
	(void)r;
	lifecycle_reaped(&harness_task, pid, status);
}

static void expect(const char *script, const char *out)
{
	struct run run;

	test_int(run_simple(&run, script), 0);
	test_str(run.out[0], out);
}

/* A container in which others are executed. */
static struct run holder;

static void hold(void)
{
	run_init(&holder, "", "echo up; read x");
	test_int(run_begin(&holder), TTRPC_OK);
	run_until(&holder, "up\n");
}

static void let_go(void)
{
	test_int(write(holder.fd[0], "\n", 1), 1);
	test_int(run_end(&holder), 0);
}

static void statuses(void)
{
	static const struct {
		const char *script;
		uint32_t status;
	} cases[] = {
		{"exit 0", 0},	   {"exit 1", 1}, {"exit 255", 255}, {"kill -9 $$; exit 3", 3},
		{"exit 127", 127},
	};
	struct run run;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		test_int(run_simple(&run, cases[i].script), cases[i].status);
}

static void output_is_complete_and_apart(void)
{
	struct run run;

	test_int(run_simple(&run, "echo out; echo err >&2; printf 'a\\000b'"), 0);
	test_int(run.len[0], 7);
	test_mem(run.out[0], "out\na\0b", 7);
	test_str(run.out[1], "err\n");
}

static void it_is_alone(void)
{
	expect("echo $$; set -- /proc/[0-9]*; echo $#", "1\n1\n");
	expect("ls /proc/1/root/outside /outside 2>/dev/null | wc -l", "0\n");
	expect("kill -9 -1; kill -9 1; echo alive", "alive\n");
}

static void who_it_is(void)
{
	struct run run;
	uint32_t gids[] = {77};

	run_init(&run, "",
		 "id -u; id -g; id -G; echo $HOME; pwd; umask; stat -c %u /proc/self/fd/1");
	run.process.user = (char *)"anna";
	run.process.n_additional_gids = 1;
	run.process.additional_gids = gids;
	run.process.cwd = (char *)"/made/for/it";
	run.process.umask = 0077;
	test_int(run_begin(&run), TTRPC_OK);
	test_int(run_end(&run), 0);
	test_str(run.out[0], "1000\n1001\n1001 10 77\n/home/anna\n/made/for/it\n0077\n1000\n");
	test_str(run.out[1], "");
	expect("id -u; echo $HOME; pwd; umask", "0\n/root\n/\n0022\n");
	/* A folder of the user's own; and stdout can be opened by its name. */
	run_init(&run, "", "pwd; echo again > /dev/stdout");
	run.process.user = (char *)"1000:1000";
	run.process.cwd = (char *)"/private";
	test_int(run_begin(&run), TTRPC_OK);
	test_int(run_end(&run), 0);
	test_str(run.out[0], "/private\nagain\n");
}

static void what_it_may_do(void)
{
	struct run run;
	Caisson__Guest__V1__Rlimit limit = CAISSON__GUEST__V1__RLIMIT__INIT, *limits[] = {&limit};

	run_init(&run, "",
		 "grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)|NoNew' /proc/self/status | tr -d ' \\t';"
		 "ulimit -n; ulimit -Hn");
	run.process.capabilities = 0xa80425fb; /* Docker's */
	run.process.no_new_privileges = true;
	limit.type = 7;
	limit.soft = 100;
	limit.hard = 200;
	run.process.n_rlimits = 1;
	run.process.rlimits = limits;
	test_int(run_begin(&run), TTRPC_OK);
	test_int(run_end(&run), 0);
	test_str(run.out[0], "CapInh:0000000000000000\nCapPrm:00000000a80425fb\n"
			     "CapEff:00000000a80425fb\nCapBnd:00000000a80425fb\n"
			     "CapAmb:0000000000000000\nNoNewPrivs:1\n100\n200\n");
	run_init(&run, "", "grep -E 'CapEff|CapBnd' /proc/self/status | tr -d ' \\t'");
	run.process.capabilities = 0xa80425fb;
	run.process.user = (char *)"anna";
	test_int(run_begin(&run), TTRPC_OK);
	test_int(run_end(&run), 0);
	test_str(run.out[0], "CapEff:0000000000000000\nCapBnd:00000000a80425fb\n");
	expect("grep -E 'SigBlk|SigIgn' /proc/self/status | tr -d ' \\t'",
	       "SigBlk:0000000000000000\nSigIgn:0000000000000000\n");
	expect("cat /proc/self/oom_score_adj; ls /proc/self/fd | wc -l", "0\n4\n");
}

static void what_it_sees(void)
{
	struct run run;

	expect("echo x > /dev/null && head -c 3 /dev/zero | wc -c", "3\n");
	expect("for i in ptmx fd stdin; do readlink /dev/$i; done; stat -c '%t %T %a' /dev/tty",
	       "pts/ptmx\n/proc/self/fd\n/proc/self/fd/0\n5 0 666\n");
	expect("grep -c ' /sys sysfs ro,' /proc/mounts; touch /dev/shm/x && echo shm", "1\nshm\n");
	run_init(&run, "",
		 "hostname; cat /proc/kcore /proc/keys /proc/timer_list | wc -c; echo 1 > "
		 "/proc/sys/kernel/pid_max || echo ro; "
		 "touch /new || echo ro");
	run.process.capabilities = 0xa80425fb;
	run.create.container.hostname = (char *)"box";
	run.create.container.readonly_rootfs = true;
	test_int(run_begin(&run), TTRPC_OK);
	test_int(run_end(&run), 0);
	test_str(run.out[0], "box\n0\nro\nro\n");
}

static void expect_failure(struct run *run, enum ttrpc_code code, const char *text)
{
	test_int(harness_create(&run->create), code);
	test_str(harness_text, text);
	test_true(!process_find(&harness_task.processes, "c", ""));
}

static void commands_that_do_not_exist(void)
{
	static const struct {
		const char *name;
		enum ttrpc_code code;
		const char *text;
	} cases[] = {
		{"foo", TTRPC_NOT_FOUND, "exec: \"foo\": executable file not found in $PATH"},
		{"", TTRPC_NOT_FOUND, "exec: \"\": executable file not found in $PATH"},
		{"/nope", TTRPC_NOT_FOUND,
		 "exec: \"/nope\": stat /nope: no such file or directory"},
		{"/plain/x", TTRPC_NOT_FOUND, "exec: \"/plain/x\": stat /plain/x: not a directory"},
		{"/plain", TTRPC_PERMISSION_DENIED, "exec: \"/plain\": permission denied"},
		{"/tmp", TTRPC_PERMISSION_DENIED, "exec: \"/tmp\": permission denied"},
	};
	struct run run;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		run_init(&run, "", "");
		run.words[0] = (char *)cases[i].name;
		expect_failure(&run, cases[i].code, cases[i].text);
	}
}

static void programs_that_do_not_run(void)
{
	static const struct {
		const char *name;
		enum ttrpc_code code;
		const char *text;
		uint32_t status;
	} cases[] = {
		{"/garbage", TTRPC_PERMISSION_DENIED, "exec /garbage: exec format error", 126},
		{"/orphan", TTRPC_NOT_FOUND, "exec /orphan: no such file or directory", 127},
	};
	struct run run;
	uint32_t status = 0;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		run_init(&run, "", "");
		run.words[0] = (char *)cases[i].name;
		test_int(harness_create(&run.create), TTRPC_OK);
		test_int(harness_start_process(""), cases[i].code);
		test_str(harness_text, cases[i].text);
		test_int(harness_delete("", &status), TTRPC_OK);
		test_int(status, cases[i].status);
	}
}

static void containers_that_cannot_be(void)
{
	Caisson__Guest__V1__Rlimit limit = CAISSON__GUEST__V1__RLIMIT__INIT, *limits[] = {&limit};
	struct run run;

	run_init(&run, "", "");
	run.process.user = (char *)"carl";
	expect_failure(&run, TTRPC_INVALID_ARGUMENT,
		       "unable to find user carl: no matching entries in passwd file");
	run.process.user = (char *)"anna:carls";
	expect_failure(&run, TTRPC_INVALID_ARGUMENT,
		       "unable to find group carls: no matching entries in group file");
	run.process.user = (char *)"4294967296";
	expect_failure(&run, TTRPC_INVALID_ARGUMENT, "uids and gids must be in range 0-2147483647");
	run_init(&run, "", "");
	run.process.cwd = (char *)"/plain";
	expect_failure(&run, TTRPC_INVALID_ARGUMENT,
		       "cannot enter the working directory \"/plain\": not a directory");
	run_init(&run, "", "");
	limit.type = 99;
	run.process.n_rlimits = 1;
	run.process.rlimits = limits;
	expect_failure(&run, TTRPC_INVALID_ARGUMENT,
		       "error setting rlimit type 99: invalid argument");
	run_init(&run, "", "");
	run.create.mount.type = (char *)"nfs";
	expect_failure(&run, TTRPC_UNIMPLEMENTED,
		       "root file system: mount type \"nfs\" is not supported");
	run_init(&run, "", "");
	run.create.mount.source = (char *)"/nowhere";
	expect_failure(&run, TTRPC_INTERNAL,
		       "root file system: cannot mount \"/nowhere\" of type bind: no such file or "
		       "directory");
}

#define MUCH 3000000

static void input_comes_back(void)
{
	static char buf[65536];
	size_t sent = 0, got = 0;
	struct run run;
	ssize_t n;

	run_init(&run, "", "cat");
	test_int(run_begin(&run), TTRPC_OK);
	while ((n = read(run.fd[1], buf, sizeof(buf))) != 0) {
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != (char)((got + (size_t)i) % 251))
				test_fail("byte %zu differs", got + (size_t)i);
		got += n > 0 ? (size_t)n : 0;
		for (size_t i = 0; i < 5000; i++)
			buf[i] = (char)((sent + i) % 251);
		n = sent < MUCH ? write(run.fd[0], buf, 5000) : 0;
		sent += n > 0 ? (size_t)n : 0;
		if (sent >= MUCH)
			(void)shutdown(run.fd[0], SHUT_WR);
		harness_wait();
	}
	test_int(got, sent);
	run.ended[0] = true;
	test_int(run_end(&run), 0);
}

static void execs_join_the_container(void)
{
	struct run run;

	hold();
	run_init(&run, "e",
		 "echo $PPID; for i in mnt pid; do test $(readlink /proc/self/ns/$i) = "
		 "$(readlink /proc/1/ns/$i) && echo same; done; id -un; pwd; exit 9");
	run.process.cwd = (char *)"/etc";
	test_int(run_begin(&run), TTRPC_OK);
	test_int(run_end(&run), 9);
	test_str(run.out[0], "0\nsame\nsame\nroot\n/etc\n");
	run_init(&run, "e", "kill -USR1 $$");
	test_int(run_begin(&run), TTRPC_OK);
	test_int(run_end(&run), 128 + SIGUSR1);
	let_go();
}

static void failed_execs(void)
{
	struct run run;
	uint32_t status;

	hold();
	run_init(&run, "e", "");
	run.words[0] = (char *)"foo";
	test_int(run_begin(&run), TTRPC_NOT_FOUND);
	test_str(harness_text, "exec: \"foo\": executable file not found in $PATH");
	test_int(run_end(&run), 127);
	run_init(&run, "e", "");
	run.process.cwd = (char *)"/not/there";
	test_int(run_begin(&run), TTRPC_INVALID_ARGUMENT);
	test_int(run_end(&run), 126);
	let_go();
	run_init(&run, "e", "");
	test_int(harness_exec("e", &run.process, "", "", ""), TTRPC_NOT_FOUND);
	(void)status;
}

/* What an exec leaves in the background keeps its stdout open, but no one waits for that. */
static void background_children(void)
{
	struct run run;

	hold();
	run_init(&run, "e", "sleep 1000 & echo said");
	test_int(run_begin(&run), TTRPC_OK);
	test_int(run_end(&run), 0);
	test_str(run.out[0], "said\n");
	let_go();
}

#define PARALLEL 50

static void fifty_at_once(void)
{
	static struct run runs[PARALLEL];
	static char scripts[PARALLEL][80], ids[PARALLEL][8];
	char want[16];

	hold();
	for (int i = 0; i < PARALLEL; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "e%d", i);
		(void)snprintf(scripts[i], sizeof(scripts[i]),
			       "read x; seq 1000 | while read n; do echo %d; done; exit %d", i, i);
		run_init(&runs[i], ids[i], scripts[i]);
		test_int(run_begin(&runs[i]), TTRPC_OK);
	}
	for (int i = 0; i < PARALLEL; i++)
		test_int(write(runs[i].fd[0], "\n", 1), 1);
	for (int i = 0; i < PARALLEL; i++) {
		int n = snprintf(want, sizeof(want), "%d\n", i);

		test_int(run_end(&runs[i]), i);
		test_int(runs[i].len[0], 1000 * n);
		for (size_t at = 0; at < runs[i].len[0]; at += (size_t)n)
			test_mem(runs[i].out[0] + at, want, (size_t)n);
	}
	let_go();
}

static void the_end_of_the_first_is_the_end_of_all(void)
{
	static struct run runs[5];
	static char ids[5][8];

	hold();
	for (int i = 0; i < 5; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "e%d", i);
		run_init(&runs[i], ids[i], "echo up; sleep 1000");
		test_int(run_begin(&runs[i]), TTRPC_OK);
		run_until(&runs[i], "up\n");
	}
	test_int(harness_kill("", SIGKILL, true), TTRPC_OK);
	harness_until(&holder.wait.done);
	for (int i = 0; i < 5; i++) {
		test_true(runs[i].wait.done);
		test_int(run_end(&runs[i]), 137);
	}
	test_int(run_end(&holder), 137);
}

static void signals_reach_all(void)
{
	struct run run;

	run_init(&run, "",
		 "sleep 1000 & sleep 1000 & trap 'echo first' TERM; echo up; wait; wait; exit 4");
	test_int(run_begin(&run), TTRPC_OK);
	run_until(&run, "up\n");
	test_int(harness_kill("", SIGTERM, true), TTRPC_OK);
	test_int(run_end(&run), 4);
	test_str(run.out[0], "up\nfirst\n");
}

static void every_process_is_listed(void)
{
	Containerd__Task__V2__PidsRequest request = CONTAINERD__TASK__V2__PIDS_REQUEST__INIT;
	struct harness_call call;
	struct run run;

	run_init(&run, "", "sleep 1000 & sleep 1000 & echo up; read x");
	test_int(run_begin(&run), TTRPC_OK);
	run_until(&run, "up\n");
	request.id = (char *)"c";
	harness_start(&call, "Pids", &request.base,
		      &containerd__task__v2__pids_response__descriptor);
	test_int(harness_finish(&call), TTRPC_OK);
	test_int(((Containerd__Task__V2__PidsResponse *)call.response)->n_processes, 3);
	harness_done(&call);
	test_int(shutdown(run.fd[0], SHUT_WR), 0);
	(void)run_end(&run);
}

static void resize(const char *exec_id, uint32_t width, uint32_t height)
{
	Containerd__Task__V2__ResizePtyRequest request =
		CONTAINERD__TASK__V2__RESIZE_PTY_REQUEST__INIT;

	request.id = (char *)"c";
	request.exec_id = (char *)exec_id;
	request.width = width;
	request.height = height;
	test_int(harness_call("ResizePty", &request.base), TTRPC_OK);
}

static void terminals(void)
{
	struct run run, exec;

	run_init(&run, "",
		 "tty; stty size; read x; stty size; ls -l /dev/console | wc -l; "
		 "echo hello > /dev/tty; trap 'exit 7' INT; echo up; read x");
	run.process.terminal = true;
	run_streams(&run);
	test_int(harness_create(&run.create), TTRPC_OK);
	resize("", 80, 25);
	resize("", 0, 0);
	harness_start_wait(&run.wait, "");
	test_int(harness_start_process(""), TTRPC_OK);
	run_until(&run, "25 80");
	resize("", 132, 43);
	test_int(write(run.fd[0], "\n", 1), 1);
	run_until(&run, "up\r\n");
	test_true(strstr(run.out[0], "/dev/pts/0\r\n25 80\r\n\r\n43 132\r\n1\r\nhello\r\n"));

	run_init(&exec, "e", "tty; stty size");
	exec.process.terminal = true;
	run_streams(&exec);
	test_int(harness_exec("e", &exec.process, exec.names[0], exec.names[1], ""), TTRPC_OK);
	resize("e", 20, 10);
	harness_start_wait(&exec.wait, "e");
	test_int(harness_start_process("e"), TTRPC_OK);
	test_int(run_end(&exec), 0);
	test_str(exec.out[0], "/dev/pts/1\r\n10 20\r\n");

	/* Ctrl-C, as the terminal makes a signal of it. */
	test_int(write(run.fd[0], "\003", 1), 1);
	test_int(run_end(&run), 7);
}

/* The host leaves: whoever has the terminal gets SIGHUP. */
static void a_lost_terminal_hangs_up(void)
{
	struct run run;

	run_init(&run, "", "trap 'exit 5' HUP; echo up; while :; do read x; done");
	run.process.terminal = true;
	test_int(run_begin(&run), TTRPC_OK);
	run_until(&run, "up\r\n");
	run_close(&run);
	run.ended[0] = true;
	test_int(run_end(&run), 5);
}

/* The oldest way out of a chroot, tried in the container's mount namespace. */
static _noreturn_ void escape(int pidfd)
{
	int outside;

	if (setns(pidfd, CLONE_NEWNS) < 0)
		_exit(100);
	outside = open("/", O_RDONLY | O_DIRECTORY);
	if (outside < 0 || chroot("/tmp") < 0 || fchdir(outside) < 0)
		_exit(101);
	for (int i = 0; i < 20; i++)
		if (chdir("..") < 0)
			_exit(102);
	if (chroot(".") < 0)
		_exit(103);
	_exit(access("/bin/busybox", F_OK) == 0 && access("/mnt/tree", F_OK) < 0 ? 0 : 1);
}

static void no_way_out(void)
{
	const struct process *p;
	int status;
	pid_t pid;

	hold();
	p = process_find(&harness_task.processes, "c", "");
	pid = fork();
	if (pid == 0)
		escape(p->pidfd);
	test_int(waitpid(pid, &status, 0), pid);
	test_int(status, 0);
	let_go();
}

static int count(const char *folder)
{
	DIR *dir = opendir(folder);
	int n = 0;

	test_true(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void many_leave_nothing(void)
{
	struct run run;
	int files = 0;

	hold();
	for (int i = 0; i < 300; i++) {
		run_init(&run, "e", "");
		run.words[0] = (char *)"/bin/echo";
		run.words[1] = (char *)"word";
		run.words[2] = NULL;
		run.process.n_args = 2;
		test_int(run_begin(&run), TTRPC_OK);
		test_int(run_end(&run), 0);
		test_str(run.out[0], "word\n");
		if (i == 0)
			files = count("/proc/self/fd");
	}
	test_int(count("/proc/self/fd"), files);
	let_go();
	test_true(!process_next(&harness_task.processes, NULL));
	for (size_t i = 0; i < harness_streams.n_seen; i++)
		test_int(harness_streams.slots[i].state, STREAM_FREE);
}

int main(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), files;

	/* Whoever runs the tests may ignore some; init never does, and the containers inherit that.
	 */
	for (int signo = 1; signo < SIGRTMIN; signo++)
		(void)signal(signo, SIG_DFL);
	container_tree();
	harness_begin(&direct.base);
	test_int(direct_init(&direct, &harness_loop, &lifecycle_events, null,
			     CONTAINER_BASE "/root"),
		 0);
	test_int(reaper_start(&reaper, &harness_loop, child_reaped), 0);
	files = count("/proc/self/fd");
	test_run(statuses);
	test_run(output_is_complete_and_apart);
	test_run(it_is_alone);
	test_run(who_it_is);
	test_run(what_it_may_do);
	test_run(what_it_sees);
	test_run(commands_that_do_not_exist);
	test_run(programs_that_do_not_run);
	test_run(containers_that_cannot_be);
	test_run(input_comes_back);
	test_run(execs_join_the_container);
	test_run(failed_execs);
	test_run(background_children);
	test_run(fifty_at_once);
	test_run(the_end_of_the_first_is_the_end_of_all);
	test_run(signals_reach_all);
	test_run(every_process_is_listed);
	test_run(terminals);
	test_run(a_lost_terminal_hangs_up);
	test_run(no_way_out);
	test_run(many_leave_nothing);
	/* What listing processes needs stays. */
	test_int(count("/proc/self/fd"), files + 1);
	reaper_stop(&reaper);
	direct_deinit(&direct);
	harness_end();
	fd_close(null);
	return 0;
}
