/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/oci-adapt.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/test.h"
#include "sandbox/oci-devices.h"

#define PROCESS "\"process\":{\"args\":[\"a\"],\"cwd\":\"/\"}"
#define ROOT	"\"root\":{\"path\":\"x\"}"

static struct err err = ERR_NULL;

static int adapt(const char *json, struct sandbox_spec *spec, char **ret)
{
	*spec = (struct sandbox_spec)SANDBOX_SPEC_NULL;
	spec->id = xstrdup("c1");
	spec->bundle = xstrdup("/");
	*ret = NULL;
	return oci_config_adapt(json, NULL, spec, ret, &err);
}

static void adapted(void)
{
	static const char theirs[] =
		"{\"hooks\":{\"prestart\":[{\"path\":\"/x\"}]},\"root\":{\"path\":\"../"
		"fs\",\"readonly\":true},"
		"\"process\":{\"args\":[\"a\",\"b\"],\"env\":[\"K=v\"],\"cwd\":\"/"
		"d\",\"terminal\":true,"
		"\"user\":{\"uid\":5,\"gid\":6},\"capabilities\":{\"bounding\":[\"CAP_CHOWN\","
		"\"CAP_BPF\"]},\"apparmorProfile\":\"docker-default\",\"selinuxLabel\":\"s0\"},"
		"\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\"}],\"linux\":{"
		"\"devices\":[],\"cgroupsPath\":\"/kubepods/"
		"x\",\"mountLabel\":\"s0\",\"namespaces\":"
		"[{\"type\":\"pid\"},{\"type\":\"network\"}],\"sysctl\":{\"net.ipv4.x\":\"1 2\","
		"\"kernel.sem\":\"1\"},\"seccomp\":{\"a\":1},\"maskedPaths\":"
		"[\"/proc/x\"]}}";
	struct sandbox_spec spec;
	char *json;

	test_int(adapt(theirs, &spec, &json), 0);
	test_str(json,
		 "{\"root\":{\"path\":\"rootfs\",\"readonly\":true},\"process\":{\"args\":[\"a\","
		 "\"b\"],\"env\":[\"K=v\"],\"cwd\":\"\\/d\",\"terminal\":true,\"user\":{\"uid\":5,"
		 "\"gid\":6},\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_BPF\"]}},"
		 "\"mounts\":"
		 "[{\"destination\":\"\\/"
		 "proc\",\"type\":\"proc\"}],\"linux\":{\"devices\":[],\"cgroupsPath\":"
		 "\"\\/"
		 "c1\",\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"cgroup\"}],\"sysctl\":{"
		 "\"kernel.sem\":\"1\"},"
		 "\"seccomp\":{\"a\":1},\"maskedPaths\":"
		 "[\"\\/proc\\/x\"]}}");
	test_str(spec.rootfs, "../fs");
	test_str(spec.netns, SANDBOX_NETNS_NEW);
	test_int(spec.sysctls.n, 1);
	test_str(spec.sysctls.v[0], "net.ipv4.x=1 2");
	test_str(spec.args.v[1], "b");
	test_str(spec.env.v[0], "K=v");
	test_str(spec.cwd, "/d");
	test_str(spec.user, "5:6");
	test_true(spec.capabilities == (1 | UINT64_C(1) << 39));
	test_true(spec.terminal);
	test_true(!spec.shares_pids);
	test_str(spec.cgroups_path, "/kubepods/x");
	test_true(!spec.resources);
	free(json);
	sandbox_spec_done(&spec);
}

/* Of the host's control groups a guest could do nothing with the files. */
static void control_groups(void)
{
	struct sandbox_spec spec;
	char *json;

	test_int(adapt("{\"linux\":{\"namespaces\":[{\"type\":\"network\"}]}," ROOT "," PROCESS
		       ",\"mounts\":[{\"destination\":\"/sys/fs/cgroup\",\"type\":\"bind\","
		       "\"source\":\"/sys/fs/cgroup\",\"options\":[\"rbind\",\"rprivate\"]},"
		       "{\"type\":\"none\",\"destination\":\"/sys/fs/cgroup\",\"source\":\"/sys/fs/"
		       "cgroup\","
		       "\"options\":[\"bind\",\"ro\"]},"
		       "{\"type\":\"bind\",\"destination\":\"/sys/fs/cgroup/systemd\","
		       "\"source\":\"/sys/fs/cgroup/systemd\"}]}",
		       &spec, &json),
		 0);
	test_true(spec.shares_pids);
	test_int(spec.volumes.n, 0);
	test_true(strstr(json, "[{\"destination\":\"\\/sys\\/fs\\/cgroup\",\"type\":\"cgroup\","
			       "\"source\":\"cgroup\",\"options\":[\"nosuid\",\"noexec\","
			       "\"nodev\"]},"));
	test_true(strstr(json, "\"nodev\",\"ro\"]}]"));
	free(json);
	sandbox_spec_done(&spec);
}

#define ANNOTATED(text)                                                          \
	"{\"linux\":{\"namespaces\":[{\"type\":\"network\"}]}," ROOT "," PROCESS \
	",\"annotations\":{" text "}}"

static void annotations(void)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	char *json = NULL;

	spec.id = xstrdup("c1");
	spec.bundle = xstrdup("/");
	strv_add(&spec.annotations, "b=ours");
	test_int(oci_config_adapt(ANNOTATED("\"a\":\"1=2\",\"b\":\"x\",\"io.caisson.cpus\":\"2\""),
				  NULL, &spec, &json, &err),
		 0);
	test_int(spec.annotations.n, 3);
	test_str(strv_env_get(&spec.annotations, "a"), "1=2");
	test_str(strv_env_get(&spec.annotations, "b"), "ours");
	test_str(strv_env_get(&spec.annotations, "io.caisson.cpus"), "2");
	free(json);
	sandbox_spec_done(&spec);
}

static const struct {
	const char *json;
	int error;
	const char *text;
} refused[] = {
	{ANNOTATED("\"a\":1"), -EBADMSG, "annotations.a is no text, or its name is none"},
	{ANNOTATED("\"a=b\":\"1\""), -EBADMSG, "annotations.a=b is no text, or its name is none"},
	{ANNOTATED("\"a\":\"1\\u0000\""), -EBADMSG,
	 "annotations.a is no text, or its name is none"},
	{ANNOTATED("\"io.caisson.nonesuch\":\"1\""), -EINVAL,
	 "annotation io.caisson.nonesuch: caisson knows none of this name, only "
	 "io.spin.extras.files and "
	 "settings, as io.caisson.mem_size"},
	{"", -EBADMSG, "it is no JSON object with \"linux\" in it"},
	{"{", -EBADMSG, "it is no JSON object with \"linux\" in it"},
	{"[]", -EBADMSG, "it is no JSON object with \"linux\" in it"},
	{"{\"linux\":[]}", -EBADMSG, "it is no JSON object with \"linux\" in it"},
	{"{\"linux\":{}," PROCESS "}", -EBADMSG, "there is no root.path"},
	{"{\"linux\":{}," ROOT "}", -EBADMSG, "there is no \"process\""},
	{"{\"linux\":{}," ROOT ",\"process\":{\"args\":[]}}", -EBADMSG,
	 "process.args names no command"},
	{"{\"linux\":{}," ROOT ",\"process\":{\"args\":[1]}}", -EBADMSG,
	 "process.args[0] is no string"},
	{"{\"linux\":{}," ROOT ",\"process\":{\"args\":[\"a\"],\"cwd\":\"d\"}}", -EBADMSG,
	 "process.cwd is no absolute path"},
	{"{\"linux\":{\"devices\":[{\"path\":\"/dev/x\"}]}," ROOT "," PROCESS "}", -ENOTSUP,
	 "linux.devices: /dev/x is a device of the host, which cannot be passed on"},
	{"{\"linux\":{\"devices\":{}}," ROOT "," PROCESS "}", -EBADMSG,
	 "linux.devices is no array"},
	{"{\"linux\":{\"intelRdt\":{\"closID\":\"x\"}}," ROOT "," PROCESS "}", -ENOTSUP,
	 "linux.intelRdt: the host's caches are not the guest's to divide"},
	{"{\"linux\":{\"seccomp\":{\"listenerPath\":\"/x\"}}," ROOT "," PROCESS "}", -ENOTSUP,
	 "linux.seccomp.listenerPath: a socket of the host cannot be reached"},
	{"{\"linux\":{\"namespaces\":[{\"type\":\"ipc\",\"path\":\"/n\"}]}," ROOT "," PROCESS "}",
	 -ENOTSUP, "linux.namespaces: the ipc namespace /n of the host cannot be joined"},
	{"{\"linux\":{\"namespaces\":[{\"type\":\"pid\"}]}," ROOT "," PROCESS "}", -ENOTSUP,
	 "linux.namespaces: there is no network namespace, and the host's own network cannot be "
	 "had in a VM: hostNetwork of a pod, or an engine's --network host, is for other runtimes"},
	{"{\"linux\":{},\"mounts\":[{\"destination\":\"/d\",\"source\":\"/"
	 "nowhere\",\"type\":\"none\","
	 "\"options\":[\"rbind\"]}]," ROOT "," PROCESS "}",
	 -ENOENT, "mounts: cannot bind /nowhere to /d: No such file or directory"},
	{"{\"linux\":{},\"mounts\":[{\"destination\":\"/d\",\"source\":\"/\",\"type\":\"bind\","
	 "\"options\":[\"rshared\"]}]," ROOT "," PROCESS "}",
	 -ENOTSUP,
	 "mounts: /d: \"rshared\" cannot be had: what is mounted in a VM is not seen on its host"},
	{"{\"linux\":{},\"mounts\":[{\"destination\":\"/d\",\"source\":\"/dev/"
	 "null\",\"type\":\"bind\"}]," ROOT "," PROCESS "}",
	 -ENOTSUP, "mounts: /dev/null, for /d, is a device of the host"},
	{"{\"linux\":{},\"mounts\":[{\"destination\":\"/d\",\"type\":\"ext4\"}]," ROOT "," PROCESS
	 "}",
	 -ENOTSUP, "mounts: a file system of type \"ext4\" cannot be had, on /d"},
	{"{\"linux\":{\"sysctl\":{\"net.x\":1},\"namespaces\":[{\"type\":\"network\"}]}," ROOT
	 "," PROCESS "}",
	 -EBADMSG, "linux.sysctl: the value of net.x is no string"},
	{"{\"linux\":{},\"mounts\":[1]," ROOT "," PROCESS "}", -EBADMSG,
	 "one of \"mounts\" has no destination"},
};

static void what_cannot_be_had(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct sandbox_spec spec;
		char *json;

		test_int(adapt(refused[i].json, &spec, &json), refused[i].error);
		test_str(err.text, refused[i].text);
		test_true(!json);
		sandbox_spec_done(&spec);
	}
}

#define NULL_AND_DISK                                                                \
	"\"devices\":[{\"path\":\"/dev/n\",\"type\":\"c\",\"major\":1,\"minor\":3}," \
	"{\"path\":\"/dev/pipe\",\"type\":\"p\"},"                                   \
	"{\"path\":\"/dev/sda\",\"type\":\"b\",\"major\":8,\"minor\":0}]"

static int devices(const char *rules, const char *want)
{
	_cleanup_free_ char *json =
		xasprintf("{" NULL_AND_DISK ",\"resources\":{\"devices\":[%s]}}", rules);
	struct json_object *own = json_tokener_parse(json);
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	int r = oci_devices_adapt(own, false, &spec, &err);

	if (r == 0)
		r = oci_devices_check(&spec, &err);
	sandbox_spec_done(&spec);
	if (r == 0)
		test_str(json_object_to_json_string_ext(json_object_object_get(own, "devices"),
							JSON_C_TO_STRING_PLAIN |
								JSON_C_TO_STRING_NOSLASHESCAPE),
			 want);
	json_object_put(own);
	return r;
}

/* Nobody wants a VM to have the host's disks who lets a container have all devices there are. */
static void devices_of_the_guest(void)
{
	static const char left[] = "[{\"path\":\"/dev/n\",\"type\":\"c\",\"major\":1,\"minor\":3},"
				   "{\"path\":\"/dev/pipe\",\"type\":\"p\"}]";

	test_int(devices("{\"allow\":false,\"access\":\"rwm\"}", NULL), -ENOTSUP);
	test_str(err.text,
		 "linux.devices: /dev/sda is a device of the host, which cannot be passed on, "
		 "unless RUNCVM_DISKS mounts what is on it");
	test_int(devices("{\"allow\":true,\"type\":\"b\",\"access\":\"rwm\"}", NULL), -ENOTSUP);
	test_int(devices("{\"allow\":true,\"major\":8,\"access\":\"rwm\"}", NULL), -ENOTSUP);
	test_int(devices("{\"allow\":true,\"access\":\"rwm\"}", left), 0);
	test_int(devices("{\"allow\":false},{\"allow\":true,\"type\":\"a\"}", left), 0);
}

/* One that comes later has them, with the guest's numbers, wherever they are named. */
static void block_devices_that_come(void)
{
	_cleanup_free_ char *json =
		xstrdup("{\"linux\":{\"devices\":[{\"path\":\"/dev/"
			"a\",\"type\":\"b\",\"major\":8,\"minor\":1},"
			"{\"path\":\"/dev/n\",\"type\":\"c\",\"major\":8,\"minor\":1},"
			"{\"path\":\"/dev/b\",\"type\":\"b\",\"major\":254,\"minor\":16},"
			"{\"path\":\"/dev/c\",\"type\":\"b\",\"major\":8,\"minor\":1}],"
			"\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},"
			"{\"allow\":true,\"type\":\"b\",\"major\":8,\"minor\":1,\"access\":\"r\"},"
			"{\"allow\":true,\"type\":\"b\",\"major\":254,\"minor\":16,\"access\":"
			"\"rwm\"}]}}}");
	struct oci_block blocks[2];

	test_int(oci_blocks_find(json, blocks, 1), 2);
	test_int(oci_blocks_find(json, blocks, 2), 2);
	test_int(blocks[0].major, 8);
	test_int(blocks[0].minor, 1);
	test_true(blocks[0].readonly && !blocks[1].readonly);
	blocks[0].guest = makedev(254, 16);
	blocks[1].guest = makedev(254, 300);
	oci_blocks_place(blocks, 2, &json);
	test_str(json,
		 "{\"linux\":{\"devices\":[{\"path\":\"\\/dev\\/"
		 "a\",\"type\":\"b\",\"major\":254,\"minor\":16},"
		 "{\"path\":\"\\/dev\\/n\",\"type\":\"c\",\"major\":8,\"minor\":1},"
		 "{\"path\":\"\\/dev\\/b\",\"type\":\"b\",\"major\":254,\"minor\":300},"
		 "{\"path\":\"\\/dev\\/c\",\"type\":\"b\",\"major\":254,\"minor\":16}],"
		 "\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},"
		 "{\"allow\":true,\"type\":\"b\",\"major\":254,\"minor\":16,\"access\":\"r\"},"
		 "{\"allow\":true,\"type\":\"b\",\"major\":254,\"minor\":300,\"access\":\"rwm\"}]}}"
		 "}");
	test_int(oci_blocks_find("{}", blocks, 2), 0);
}

#define BOUND(options) \
	"{\"destination\":\"/d\",\"source\":\"/\",\"type\":\"bind\",\"options\":[" options "]}"

static void the_host_holds_what_is_read_only(void)
{
	struct sandbox_spec spec;
	char *json;

	test_int(adapt("{\"linux\":{\"namespaces\":[{\"type\":\"network\"}]}," ROOT "," PROCESS
		       ",\"mounts\":[" BOUND("\"rw\"") "," BOUND("\"ro\"") "," BOUND(
			       "\"rbind\",\"rro\"") "]}",
		       &spec, &json),
		 0);
	test_int(spec.volumes.n, 3);
	test_str(spec.volumes.v[0], "rw:/");
	test_str(spec.volumes.v[1], "ro:/");
	test_str(spec.volumes.v[2], "ro:/");
	free(json);
	sandbox_spec_done(&spec);
}

static const struct oci_group first_of_group = {.n = 0}, *group = &first_of_group;

static int adapt_in_group(const char *namespaces, const char *mounts, struct sandbox_spec *spec,
			  char **ret)
{
	_cleanup_free_ char *json =
		xasprintf("{\"linux\":{\"namespaces\":[%s]}," ROOT "," PROCESS ",\"mounts\":[%s]}",
			  namespaces, mounts);

	*spec = (struct sandbox_spec)SANDBOX_SPEC_NULL;
	spec->id = xstrdup("c1");
	spec->bundle = xstrdup("/");
	*ret = NULL;
	return oci_config_adapt(json, group, spec, ret, &err);
}

static void expect_in_group(const char *namespaces, const char *mounts, const char *part)
{
	struct sandbox_spec spec;
	char *json;

	if (adapt_in_group(namespaces, mounts, &spec, &json) < 0)
		test_fail("%s", err.text);
	if (!strstr(json, part))
		test_fail("\"%s\" is not in: %s", part, json);
	free(json);
	sandbox_spec_done(&spec);
}

static void expect_not_in_group(const char *namespaces, const char *text)
{
	struct sandbox_spec spec;
	char *json;

	test_int(adapt_in_group(namespaces, "", &spec, &json), -ENOTSUP);
	if (!strstr(err.text, text))
		test_fail("\"%s\" is not in: %s", text, err.text);
	sandbox_spec_done(&spec);
}

/* The process that stands for the group is this one. */
#define OURS(type)	  "{\"type\":\"" type "\",\"path\":\"/proc/%d/ns/" type "\"}"
#define NETWORK		  "{\"type\":\"network\",\"path\":\"/proc/self/ns/net\"}"
#define GUESTS(type, pid) "{\"type\":\"" type "\",\"path\":\"\\/proc\\/" pid "\\/ns\\/" type "\"}"

static void namespaces_of_a_group(void)
{
	int pid = (int)getpid();
	const struct oci_member members[] = {{.host_pid = pid, .guest_pid = 42},
					     {.host_pid = pid + 1, .guest_pid = 43}};
	const struct oci_group later = {.members = members, .n = ARRAY_SIZE(members), .shm = ""};
	_cleanup_free_ char *all =
		xasprintf(NETWORK "," OURS("ipc") "," OURS("uts") "," OURS("pid"), pid, pid, pid);
	_cleanup_free_ char *mnt = xasprintf(NETWORK "," OURS("mnt"), pid);
	_cleanup_free_ char *target =
		xasprintf(NETWORK "," OURS("ipc") "," OURS("pid"), pid, pid + 1);
	_cleanup_free_ char *others = xasprintf(NETWORK "," OURS("ipc"), pid + 2);

	expect_not_in_group(all, "the ipc namespace /proc/");
	group = &later;
	expect_in_group(all, "",
			GUESTS("ipc", "42") "," GUESTS("uts", "42") "," GUESTS("pid", "42"));
	expect_in_group(target, "", GUESTS("ipc", "42") "," GUESTS("pid", "43"));
	expect_in_group(NETWORK ",{\"type\":\"ipc\"}", "",
			"[{\"type\":\"ipc\"},{\"type\":\"cgroup\"}]");
	expect_not_in_group(mnt, "the mnt namespace /proc/");
	expect_not_in_group(others, "the ipc namespace /proc/");
	expect_not_in_group(NETWORK ",{\"type\":\"ipc\",\"path\":\"/proc/self/ns/ipc\"}",
			    "the ipc namespace /proc/self");
	expect_not_in_group("{\"type\":\"network\"}", "a VM has one network");
	expect_not_in_group("{\"type\":\"network\",\"path\":\"/proc/self/ns/ipc\"}",
			    "not \"/proc/self/ns/ipc\"");
	expect_not_in_group("", "there is no network namespace");
	group = &first_of_group;
}

/* Of one that is not run: IPC and UTS are the VM's own, and whose PID namespace it is shall be known later. */
static void namespaces_of_what_is_not_run(void)
{
	int pid = (int)getpid();
	const struct oci_member members[] = {{.host_pid = pid, .hollow = true},
					     {.host_pid = pid + 1, .guest_pid = 43},
					     {.host_pid = pid + 2}};
	const struct oci_group later = {.members = members, .n = ARRAY_SIZE(members), .shm = ""};
	_cleanup_free_ char *all =
		xasprintf(NETWORK "," OURS("ipc") "," OURS("uts") "," OURS("pid"), pid, pid, pid);
	_cleanup_free_ char *others =
		xasprintf(NETWORK "," OURS("uts") "," OURS("ipc"), pid, pid + 1);
	_cleanup_free_ char *mnt = xasprintf(NETWORK "," OURS("mnt"), pid);
	_cleanup_free_ char *ipc = xasprintf(NETWORK "," OURS("ipc"), pid + 2);
	_cleanup_free_ char *pids = xasprintf(NETWORK "," OURS("pid"), pid + 2);

	group = &later;
	expect_in_group(all, "", "\"namespaces\":[" GUESTS("pid", "0") ",{\"type\":\"cgroup\"}]");
	expect_in_group(others, "", "\"namespaces\":[" GUESTS("ipc", "43") ",");
	expect_not_in_group(mnt, "the mnt namespace /proc/");
	/* One that is run, of which the guest has told no number. */
	expect_not_in_group(ipc, "the ipc namespace /proc/");
	expect_not_in_group(pids, "the pid namespace /proc/");
	group = &first_of_group;
}

/* crun would set them in a UTS namespace that is named only. */
static void names_in_what_is_the_vms(void)
{
	static const char names[] = "],\"hostname\":\"web\",\"domainname\":\"a.b\",\"x\":[";
	int pid = (int)getpid();
	const struct oci_member member = {.host_pid = pid, .hollow = true};
	const struct oci_group later = {.members = &member, .n = 1, .shm = ""};
	_cleanup_free_ char *ipc = xasprintf(NETWORK "," OURS("ipc"), pid);
	_cleanup_free_ char *uts = xasprintf(NETWORK "," OURS("uts"), pid);

	group = &later;
	expect_in_group(ipc, names, "\"hostname\":\"web\",\"domainname\":\"a.b\",");
	expect_in_group(uts, names, "\"mounts\":[],\"x\":[]}");
	group = &first_of_group;
}

/* That it is none is what all the other tests of groups say. */
static void a_pause_container(void)
{
	static const char json[] =
		"{\"hostname\":\"web\",\"process\":{\"args\":[\"/pause\"],\"cwd\":\"/\"}," ROOT
		",\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\"},\"linux\":{"
		"\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},"
		"{\"type\":\"mount\"}," NETWORK "]}}";
	static const struct oci_member member = {.host_pid = 1, .guest_pid = 2};
	static const struct oci_group alone = {.members = &member, .n = 1, .shm = ""};
	static const struct oci_group *const groups[] = {&first_of_group, NULL, &alone};

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		struct sandbox_spec spec = SANDBOX_SPEC_NULL;
		char *text = NULL;
		int r;

		spec.id = xstrdup("c1");
		spec.bundle = xstrdup("/");
		r = oci_config_adapt(json, groups[i], &spec, &text, &err);
		test_int(r, i == 2 ? -ENOTSUP : 0);
		test_int(sandbox_spec_is_hollow(&spec), i == 0);
		if (i == 0)
			test_str(spec.pod_host, "web");
		/* It is there, should it be run after all. */
		test_true(r < 0 || strstr(text, "\"hostname\":\"web\""));
		free(text);
		sandbox_spec_done(&spec);
	}
}

#define SHM(source) "{\"destination\":\"/dev/shm\",\"type\":\"bind\",\"source\":\"" source "\"}"

static void memory_of_a_group(void)
{
	const struct oci_member first = {.host_pid = getpid(), .guest_pid = 42};
	struct oci_group later = {.members = &first, .n = 1, .shm = "/dev/shm"};
	struct sandbox_spec spec;
	struct statfs fs;
	char *json;

	if (statfs("/dev/shm", &fs) < 0 || fs.f_type != TMPFS_MAGIC)
		return;
	test_int(adapt_in_group(NETWORK, SHM("/dev/shm"), &spec, &json), 0);
	test_str(spec.shm, "/dev/shm");
	test_true(strstr(json, "\"source\":\"\\/run\\/mounts\\/shm\",\"options\":[\"rbind\","));
	free(json);
	sandbox_spec_done(&spec);
	group = &later;
	expect_in_group(NETWORK, SHM("/dev/shm"), "\"\\/run\\/mounts\\/shm\"");
	/* That of somebody else is one more. */
	later.shm = "/dev";
	expect_in_group(NETWORK, SHM("/dev/shm"), "\"type\":\"tmpfs\",\"source\":\"shm\"");
	later.shm = "";
	expect_in_group(NETWORK, SHM("/dev/shm"), "\"type\":\"tmpfs\",\"source\":\"shm\"");
	group = &first_of_group;
}

#define BIND(where, source) \
	"{\"destination\":\"" where "\",\"type\":\"bind\",\"source\":\"" source "\"}"
#define VOLUME(where, number)                                                                  \
	"{\"destination\":\"" where "\",\"type\":\"bind\",\"options\":[\"rbind\"],\"source\":" \
	"\"\\/layers\\/share\\/volumes\\/" number "\"}"

/* What nobody else has made: the VM's own memory, and files. */
static void what_a_group_brings(void)
{
	static const struct oci_file files[] = {{.where = "/etc/a", .text = "one\n"},
						{.where = "/etc/b", .text = "two\n"}};
	const struct oci_member first = {.host_pid = getpid(), .guest_pid = 42};
	const struct oci_group later = {
		.members = &first, .n = 1, .shm = SANDBOX_SHM_OWN, .files = files, .n_files = 2};
	struct sandbox_spec spec;
	char *json;

	group = &later;
	expect_in_group(NETWORK, "{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\"}",
			"\"type\":\"bind\",\"source\":\"\\/run\\/mounts\\/shm\"");
	expect_in_group(NETWORK, "", VOLUME("\\/etc\\/a", "0") "," VOLUME("\\/etc\\/b", "1"));
	test_int(adapt_in_group(NETWORK, BIND("/etc/a", "/etc/passwd"), &spec, &json), 0);
	test_int(spec.volumes.n, 2);
	test_str(spec.volumes.v[0], "rw:/etc/passwd");
	test_str(spec.volumes.v[1], "text:two\n");
	free(json);
	sandbox_spec_done(&spec);
	/* A folder is none of them. */
	test_int(adapt_in_group(NETWORK, BIND("/etc/a", "/etc") "," BIND("/etc/c", "/etc"), &spec,
				&json),
		 0);
	test_int(spec.volumes.n, 3);
	test_str(spec.volumes.v[0], "rw:/etc");
	test_str(spec.volume_targets.v[0], "/etc/c");
	test_str(spec.volumes.v[1], "text:one\n");
	free(json);
	sandbox_spec_done(&spec);
	group = &first_of_group;
}

static void execs_inherit(void)
{
	static const char config[] = "{\"process\":{\"user\":{\"uid\":5,\"additionalGids\":[7]},"
				     "\"noNewPrivileges\":true,\"args\":[\"first\"]}}";
	char *json = xstrdup("{\"args\":[\"x\"],\"user\":{\"uid\":1},\"capabilities\":{\"a\":1},"
			     "\"noNewPrivileges\":false}");

	oci_process_inherit(config, false, &json);
	test_str(json, "{\"args\":[\"x\"],\"user\":{\"uid\":1},\"noNewPrivileges\":true}");
	oci_process_inherit(config, true, &json);
	test_str(json, "{\"args\":[\"x\"],\"noNewPrivileges\":true,\"user\":{\"uid\":5,"
		       "\"additionalGids\":[7]}}");
	free(json);
}

/* What the guest knows it by is how its JSON begins; its other members stay, and none is there twice. */
static void lends_tar(void)
{
	static const char *const others[] = {"{\"args\":[\"/bin/tar\",\"x\"]}",
					     "{\"args\":[\"cat\",\"tar\"]}",
					     "{\"args\":[\"tarry\"]}",
					     "{\"args\":[]}",
					     "{\"args\":\"tar\"}",
					     "{\"args\":[1]}",
					     "{}"};
	char *json = xstrdup("{\"cwd\":\"/\",\"args\":[\"tar\",\"cf\",\"-\",\"a \\\"b\\\"/c\"],"
			     "\"user\":{\"uid\":1,\"args\":null},\"terminal\":null}");

	oci_process_lend_tar(&json);
	test_str(json, ABI_TAR_EXEC ",\"cf\",\"-\",\"a \\\"b\\\"/c\"],\"cwd\":\"/\","
				    "\"user\":{\"uid\":1,\"args\":null},\"terminal\":null}");
	free(json);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		json = xstrdup(others[i]);
		oci_process_lend_tar(&json);
		test_str(json, others[i]);
		free(json);
	}
}

int main(void)
{
	test_run(adapted);
	test_run(control_groups);
	test_run(annotations);
	test_run(what_cannot_be_had);
	test_run(devices_of_the_guest);
	test_run(block_devices_that_come);
	test_run(the_host_holds_what_is_read_only);
	test_run(namespaces_of_a_group);
	test_run(namespaces_of_what_is_not_run);
	test_run(names_in_what_is_the_vms);
	test_run(a_pause_container);
	test_run(memory_of_a_group);
	test_run(what_a_group_brings);
	test_run(execs_inherit);
	test_run(lends_tar);
	return 0;
}
