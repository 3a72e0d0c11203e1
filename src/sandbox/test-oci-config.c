/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/oci-config.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/capability.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"

static char *args[] = {(char *)"sh", (char *)"-c", (char *)"caf\xc3\xa9 \"\\\n"};
static char *env[] = {(char *)"A=b=c", (char *)"HOME="};
static struct err err = ERR_NULL;

static Caisson__Guest__V1__Process example(void)
{
	Caisson__Guest__V1__Process process = CAISSON__GUEST__V1__PROCESS__INIT;

	process.args = args;
	process.n_args = ARRAY_SIZE(args);
	process.env = env;
	process.n_env = ARRAY_SIZE(env);
	process.cwd = (char *)"";
	process.capabilities = 1 << 0 | 1 << 10;
	return process;
}

/* A value by its path: "process.user.uid"; NULL: it is not there. */
static struct json_object *at(struct json_object *o, const char *path)
{
	_cleanup_free_ char *copy = xstrdup(path);
	char *rest = copy, *name;

	while ((name = strsep(&rest, ".")))
		if (!json_object_object_get_ex(o, name, &o))
			return NULL;
	return o;
}

static const char *text_at(struct json_object *o, const char *path)
{
	return json_object_to_json_string_ext(at(o, path), JSON_C_TO_STRING_PLAIN);
}

static struct json_object *config_of(const Caisson__Guest__V1__Process *process,
				     const struct user *user)
{
	Caisson__Guest__V1__Container container = CAISSON__GUEST__V1__CONTAINER__INIT;
	_cleanup_free_ char *json = NULL;

	container.process = (Caisson__Guest__V1__Process *)process;
	container.hostname = (char *)"box";
	if (oci_config(&container, user, &json, &err) < 0)
		test_fail("%s", err.text);
	return json_tokener_parse(json);
}

static void root(void)
{
	Caisson__Guest__V1__Process process = example();
	static struct user user = {.n_groups = 1, .groups = {0}, .home = "/root"};
	struct json_object *o = config_of(&process, &user);

	test_str(text_at(o, "hostname"), "\"box\"");
	test_str(text_at(o, "root.path"), "\"rootfs\"");
	test_str(json_object_get_string(at(o, "linux.cgroupsPath")), "/box");
	test_str(json_object_get_string(json_object_array_get_idx(at(o, "process.args"), 2)),
		 args[2]);
	test_str(text_at(o, "process.env"), "[\"A=b=c\",\"HOME=\",\"HOME=\\/root\"]");
	test_str(text_at(o, "process.cwd"), "\"\\/\"");
	test_str(text_at(o, "process.capabilities.effective"),
		 "[\"CAP_CHOWN\",\"CAP_NET_BIND_SERVICE\"]");
	test_str(text_at(o, "linux.namespaces"),
		 "[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},"
		 "{\"type\":\"cgroup\"}]");
	test_int(json_object_array_length(at(o, "linux.maskedPaths")), 10);
	json_object_put(o);
}

static void another_user(void)
{
	Caisson__Guest__V1__Process process = example();
	static struct user user = {
		.uid = 1000, .gid = 100, .n_groups = 2, .groups = {100, 7}, .home = "/"};
	uint32_t more[] = {9};
	struct json_object *o;

	process.additional_gids = more;
	process.n_additional_gids = 1;
	o = config_of(&process, &user);
	test_str(text_at(o, "process.user"),
		 "{\"uid\":1000,\"gid\":100,\"umask\":18,\"additionalGids\":[100,7,9]}");
	test_str(text_at(o, "process.capabilities.effective"), "[]");
	test_int(json_object_array_length(at(o, "process.capabilities.bounding")), 2);
	json_object_put(o);
}

/* Is there a rule for a system call, and with which error? 0: none. */
static int refused(struct json_object *o, const char *call)
{
	struct json_object *rules = at(o, "linux.seccomp.syscalls");

	for (size_t i = 0; i < json_object_array_length(rules); i++) {
		struct json_object *rule = json_object_array_get_idx(rules, i);

		for (size_t j = 0; j < json_object_array_length(at(rule, "names")); j++)
			if (strcmp(json_object_get_string(
					   json_object_array_get_idx(at(rule, "names"), j)),
				   call) == 0)
				return json_object_get_int(at(rule, "errnoRet"));
	}
	return 0;
}

static void system_calls(void)
{
	static const struct {
		unsigned int capability;
		const char *call;
	} given[] = {
		{CAP_SYS_ADMIN, "mount"},
		{CAP_SYS_ADMIN, "setns"},
		{CAP_SYS_ADMIN, "clone"},
		{CAP_SYS_ADMIN, "bpf"},
		{CAP_BPF, "bpf"},
		{CAP_SYS_TIME, "settimeofday"},
		{CAP_SYS_BOOT, "reboot"},
		{CAP_SYS_CHROOT, "chroot"},
		{CAP_SYS_MODULE, "init_module"},
		{CAP_SYS_PTRACE, "kcmp"},
		{CAP_SYSLOG, "syslog"},
		{CAP_SYS_RAWIO, "iopl"},
		{CAP_SYS_ADMIN, "socket"},
		{CAP_PERFMON, "perf_event_open"},
	};
	Caisson__Guest__V1__Process process = example();
	static struct user user = {.home = "/"};
	struct json_object *o = config_of(&process, &user);

	test_str(text_at(o, "linux.seccomp.defaultAction"), "\"SCMP_ACT_ALLOW\"");
	test_int(refused(o, "clone3"), ENOSYS);
	test_int(refused(o, "keyctl"), EPERM);
	test_int(refused(o, "ptrace"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
		struct json_object *with;

		test_int(refused(o, given[i].call), EPERM);
		process.capabilities = UINT64_C(1) << given[i].capability;
		with = config_of(&process, &user);
		test_int(refused(with, given[i].call), 0);
		test_int(refused(with, "keyctl"), EPERM);
		json_object_put(with);
	}
	json_object_put(o);
}

/* Whoever may mount could take the masks away. */
static void all_capabilities(void)
{
	Caisson__Guest__V1__Process process = example();
	static struct user user = {.home = "/"};
	struct json_object *o;

	process.capabilities = 0;
	o = config_of(&process, &user);
	test_int(json_object_array_length(at(o, "process.capabilities.bounding")), 41);
	test_true(!at(o, "linux.maskedPaths"));
	test_true(!at(o, "linux.seccomp"));
	test_int(json_object_array_length(at(o, "linux.devices")), 4);
	test_true(!strstr(text_at(o, "mounts"), "\"ro\""));
	json_object_put(o);
}

/* Of two that are read-only this one alone is not. */
static void control_groups_of_its_own(void)
{
	Caisson__Guest__V1__Container container = CAISSON__GUEST__V1__CONTAINER__INIT;
	Caisson__Guest__V1__Process process = example();
	static struct user user = {.home = "/"};
	_cleanup_free_ char *json = NULL;

	container.process = &process;
	container.hostname = (char *)"box";
	container.delegate_cgroups = true;
	test_int(oci_config(&container, &user, &json, &err), 0);
	test_true(strstr(json, "\"source\":\"cgroup\",\"options\":[\"nosuid\""));
	test_true(strstr(json, "\"source\":\"sysfs\",\"options\":[\"nosuid\",\"noexec\","
			       "\"nodev\",\"ro\"]"));
}

static void which_is_not_utf8(void)
{
	static char sh[] = "sh", bad[] = "a\xff", good[] = "A=b", value[] = "NAME=\xff",
		    name[] = "\xff=x";
	char *words[] = {sh, bad}, *vars[] = {good, value, name};

	test_int(oci_check(words, 1, vars, 1, NULL, &err), 0);
	test_int(oci_check(words, 2, vars, 1, "/", &err), -EILSEQ);
	test_true(strstr(err.text, "args[1] is not valid") != NULL);
	test_int(oci_check(words, 1, vars, 3, "/", &err), -EILSEQ);
	test_true(strstr(err.text, "the variable NAME is not valid") != NULL);
	test_int(oci_check(words, 1, vars + 2, 1, "/", &err), -EILSEQ);
	test_true(strstr(err.text, "env[0] is not valid") != NULL);
	test_int(oci_check(words, 1, vars, 1, "/\xff", &err), -EILSEQ);
	test_true(strstr(err.text, "working directory") != NULL);
}

static void not_utf8(void)
{
	static const char *const bad[] = {"\xff",
					  "a\xc3",
					  "\xc0\x80",
					  "\xed\xa0\x80",
					  "\xe2\x82",
					  "\xf4\x90\x80\x80",
					  "\xf8\x88\x80\x80\x80"};
	static const char *const good[] = {"", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
					   "\xf4\x8f\xbf\xbf"};
	Caisson__Guest__V1__Process process = example();
	static struct user user = {.home = "/"};
	char *words[] = {NULL}, *json = NULL;

	process.args = words;
	process.n_args = 1;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		words[0] = (char *)bad[i];
		test_int(oci_process(&process, &user, &json, &err), -EILSEQ);
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		words[0] = (char *)good[i];
		test_int(oci_process(&process, &user, &json, &err), 0);
		free(json);
	}
}

static void write_file(int dir, const char *path, const char *text)
{
	_cleanup_close_ int fd = openat(dir, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	test_int(fd_write_full(fd, text, strlen(text)), 0);
}

static void users(void)
{
	char path[] = "/tmp/test-oci-config-XXXXXX";
	static struct user user;
	int dir;

	test_true(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_int(oci_find_user(dir, "5:6", &user, &err), 0);
	test_int(oci_find_user(dir, "anna", &user, &err), -EINVAL);
	test_int(mkdirat(dir, "etc", 0755), 0);
	test_int(mkdirat(dir, "real", 0755), 0);
	write_file(dir, "real/passwd", "anna:x:1000:1001::/home/anna:/bin/sh\n");
	/* As the container itself would see it. */
	test_int(symlinkat("/../real/passwd", dir, "etc/passwd"), 0);
	test_int(oci_find_user(dir, "anna", &user, &err), 0);
	test_int(user.uid, 1000);
	test_str(user.home, "/home/anna");
	test_int(oci_find_user(dir, "anna:none", &user, &err), -EINVAL);
	test_str(err.text, "unable to find group none: no matching entries in group file");
	test_int(unlinkat(dir, "etc/passwd", 0), 0);
	test_int(mkfifoat(dir, "etc/passwd", 0600), 0);
	test_int(oci_find_user(dir, "anna", &user, &err), -EINVAL);
	fd_close(dir);
	test_int(path_remove_tree(AT_FDCWD, path), 0);
}

int main(void)
{
	test_run(root);
	test_run(another_user);
	test_run(system_calls);
	test_run(all_capabilities);
	test_run(control_groups_of_its_own);
	test_run(which_is_not_utf8);
	test_run(not_utf8);
	test_run(users);
	return 0;
}
