/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/direct/test-container.h"

/* What a container is, as its first process sees it; and those that cannot be. */

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
	container_expect("echo $$; set -- /proc/[0-9]*; echo $#", "1\n1\n");
	container_expect("ls /proc/1/root/outside /outside 2>/dev/null | wc -l", "0\n");
	container_expect("kill -9 -1; kill -9 1; echo alive", "alive\n");
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
	container_expect("id -u; echo $HOME; pwd; umask", "0\n/root\n/\n0022\n");
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
	container_expect("grep -E 'SigBlk|SigIgn' /proc/self/status | tr -d ' \\t'",
			 "SigBlk:0000000000000000\nSigIgn:0000000000000000\n");
	container_expect("cat /proc/self/oom_score_adj; ls /proc/self/fd | wc -l", "0\n4\n");
}

#define SYS_MOUNTS "grep -oE ' /sys(/fs/cgroup)? [a-z0-9]+ r.' /proc/mounts"

static void what_it_sees(void)
{
	struct run run;

	container_expect("echo x > /dev/null && head -c 3 /dev/zero | wc -c", "3\n");
	container_expect(
		"for i in ptmx fd stdin; do readlink /dev/$i; done; stat -c '%t %T %a' /dev/tty",
		"pts/ptmx\n/proc/self/fd\n/proc/self/fd/0\n5 0 666\n");
	container_expect("grep -c ' /sys sysfs rw,' /proc/mounts; touch /dev/shm/x && echo shm",
			 "1\nshm\n");
	container_expect("stat -c '%t:%T' /dev/kmsg /dev/fuse /dev/net/tun", "1:b\na:e5\na:c8\n");
	run_init(&run, "",
		 "hostname; cat /proc/kcore /proc/keys /proc/timer_list | wc -c; echo 1 > "
		 "/proc/sys/kernel/pid_max || echo ro; "
		 "touch /new || echo ro; ls /dev/kmsg; " SYS_MOUNTS);
	run.process.capabilities = 0xa80425fb;
	run.create.container.hostname = (char *)"box";
	run.create.container.readonly_rootfs = true;
	test_int(run_begin(&run), TTRPC_OK);
	test_int(run_end(&run), 0);
	test_str(run.out[0], "box\n0\nro\nro\n /sys sysfs ro\n /sys/fs/cgroup cgroup2 ro\n");
}

/* As systemd needs them, which needs not be privileged for that. */
static void control_groups_of_its_own(void)
{
	struct run run;

	run_init(&run, "", SYS_MOUNTS);
	run.process.capabilities = 0xa80425fb;
	run.create.container.delegate_cgroups = true;
	test_int(run_begin(&run), TTRPC_OK);
	test_int(run_end(&run), 0);
	test_str(run.out[0], " /sys sysfs ro\n /sys/fs/cgroup cgroup2 rw\n");
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
		{"/garbage", TTRPC_PERMISSION_DENIED, "exec: \"/garbage\": exec format error", 126},
		{"/orphan", TTRPC_NOT_FOUND,
		 "exec: \"/orphan\": no such file or directory, its interpreter or loader", 127},
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

static void layers_have_plain_names(void)
{
	static const char *const bad[] = {"../x", "/x", "a/../b",
					  ".",	  "A",	"abcdefghijklmnopqrstuvwxyz0123456"};
	struct run run;
	char text[128];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		run_init(&run, "", "true");
		run.create.mount.target = (char *)bad[i];
		(void)snprintf(text, sizeof(text),
			       "root file system: mount target \"%s\" is no layer's name", bad[i]);
		expect_failure(&run, TTRPC_INVALID_ARGUMENT, text);
	}
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

	container_hold();
	p = process_find(&harness_task.processes, "c", "");
	pid = fork();
	if (pid == 0)
		escape(p->pidfd);
	test_int(waitpid(pid, &status, 0), pid);
	test_int(status, 0);
	container_let_go();
}

int main(void)
{
	container_begin();
	test_run(statuses);
	test_run(output_is_complete_and_apart);
	test_run(it_is_alone);
	test_run(who_it_is);
	test_run(what_it_may_do);
	test_run(what_it_sees);
	test_run(control_groups_of_its_own);
	test_run(commands_that_do_not_exist);
	test_run(programs_that_do_not_run);
	test_run(containers_that_cannot_be);
	test_run(layers_have_plain_names);
	test_run(no_way_out);
	container_end();
	return 0;
}
