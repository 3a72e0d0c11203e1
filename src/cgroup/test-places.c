/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/test.h"
#include "cgroup/cgroup.h"

#define V2 "34 24 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1(point, root, options)         \
	"40 31 0:30 " root " /cg/" point \
	" rw,relatime shared:1 master:2 - cgroup cgroup rw," options "\n"
#define OTHER	 "22 1 254:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
#define BOTH_CPU V1("cpu,cpuacct", "/", "cpu,cpuacct")
#define HYBRID                                                                \
	OTHER BOTH_CPU V1("memory", "/", "memory") V1("again", "/", "memory") \
		V1("sys\\040temd", "/",                                       \
		   "xattr,name=systemd") "41 31 0:38 / /cg/unified rw - cgroup2 cgroup2 rw\n"
#define SELF "9:name=systemd:/s\n4:memory:/m/own\n1:cpuacct,cpu:/c\n0::/u/own\n"

static struct err err;

static const char *places(const char *mountinfo, const char *self, const char *path)
{
	static char text[4096];
	_cleanup_strv_ struct strv found = STRV_NULL;

	err.code = 0;
	text[0] = '\0';
	if (cgroup_places_in(mountinfo, self, path, "ID", &found, &err) < 0)
		return err.text;
	for (size_t i = 0; i < found.n; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
			       i ? " " : "", found.v[i]);
	return text;
}

static void paths_are_those_of_runc(void)
{
	test_str(places(OTHER V2, SELF, "/docker/1"), "/sys/fs/cgroup/./docker/1");
	/* From the group above ours, which cannot have groups and processes in it. */
	test_str(places(OTHER V2, SELF, "a/b"), "/sys/fs/cgroup/./u/a/b");
	test_str(places(OTHER V2, SELF, ""), "/sys/fs/cgroup/./u/ID");
	test_str(places(V2, "0::/\n", ""), "/sys/fs/cgroup/./ID");
	test_str(places(V2, "0::/x\n", "//a///b/"), "/sys/fs/cgroup/./a/b");
	test_str(places(HYBRID, SELF, "/docker/1"),
		 "/cg/cpu,cpuacct/./docker/1 /cg/memory/./docker/1 /cg/sys temd/./docker/1");
	test_str(places(HYBRID, SELF, "a"),
		 "/cg/cpu,cpuacct/./c/a /cg/memory/./m/own/a /cg/sys temd/./s/a");
	/* The colons are systemd's; who is not told so takes them for a name. */
	test_str(places(V2, SELF, "/system.slice:docker:1"),
		 "/sys/fs/cgroup/./system.slice:docker:1");
}

static void a_container_sees_only_its_own_groups(void)
{
	const char *mounts = V1("memory", "/m", "memory");

	test_str(places(mounts, SELF, "a"), "/cg/memory/./own/a");
	test_str(places(mounts, "4:memory:/m\n", "a"), "/cg/memory/./a");
	test_str(places(mounts, "4:memory:/mm/own\n", "a"), "/cg/memory/./a");
	test_str(places(mounts, "", "a"), "/cg/memory/./a");
}

static void nothing_leads_elsewhere(void)
{
	static const struct {
		const char *path, *text;
	} rows[] = {
		{"/", "names no group"},
		{"//", "names no group"},
		{"/docker/../x", "\"/docker/../x\" must not have"},
		{"..", "\"..\""},
		{"../../x", "\"..\""},
		{"/a/./b", "\".\""},
		{"/a\nb", "a line's end"},
	};
	char name[300], path[CGROUP_PATH_MAX + 2];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		(void)places(V2, SELF, rows[i].path);
		test_int(err.code, -EINVAL);
		test_true(strstr(err.text, rows[i].text));
	}
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	test_true(strstr(places(V2, SELF, name), "too long a name"));
	for (size_t i = 0; i < sizeof(path) - 1; i++)
		path[i] = i % 2 ? 'a' : '/';
	path[sizeof(path) - 1] = '\0';
	test_true(strstr(places(V2, SELF, path), "is too long"));
	test_int(err.code, -EINVAL);
}

static void without_control_groups_none_can_be_asked_for(void)
{
	test_str(places(OTHER, SELF, ""), "");
	test_int(err.code, 0);
	test_true(strstr(places(OTHER, SELF, "/docker/1"), "no control groups are mounted"));
	test_true(strstr(places("- cgroup\nx\n1 2 3 4 5 6 - cgroup2", "", "/a"),
			 "no control groups"));
}

static const char *scope(const char *name)
{
	static char text[CGROUP_PATH_MAX];
	char *path;

	if (cgroup_scope_path(name, "ID", &path, &err) < 0)
		return err.text;
	(void)snprintf(text, sizeof(text), "%s", path);
	free(path);
	return text;
}

static void slices_are_in_slices(void)
{
	test_str(scope("system.slice:docker:1"), "/system.slice/docker-1.scope");
	test_str(scope(""), "/system.slice/caisson-ID.scope");
	test_str(scope(":docker:1"), "/system.slice/docker-1.scope");
	test_str(scope("kube-pod-x.slice:cri:1"),
		 "/kube.slice/kube-pod.slice/kube-pod-x.slice/cri-1.scope");
	test_str(scope("a.slice::b"), "/a.slice/b.scope");
	test_str(scope("a.slice:p:b.slice"), "/a.slice/b.slice");
	test_str(scope("-.slice:p:b"), "/p-b.scope");
	test_true(strstr(scope("/docker/1"), "is not SLICE:PREFIX:NAME"));
	test_true(strstr(scope("a.slice:p:b:c"), "is not SLICE:PREFIX:NAME"));
	test_true(strstr(scope("a.slice:p:"), "is not SLICE:PREFIX:NAME"));
	test_true(strstr(scope("a.slice:../p:b"), "is not SLICE:PREFIX:NAME"));
	test_true(strstr(scope("a/../b.slice:p:b"), "is no slice"));
	test_true(strstr(scope("a--b.slice:p:b"), "is no slice"));
	test_true(strstr(scope("-a.slice:p:b"), "is no slice"));
	test_true(strstr(scope("a-.slice:p:b"), "is no slice"));
	test_true(strstr(scope("a:p:b"), "is no slice"));
}

int main(void)
{
	test_run(paths_are_those_of_runc);
	test_run(a_container_sees_only_its_own_groups);
	test_run(nothing_leads_elsewhere);
	test_run(slices_are_in_slices);
	test_run(without_control_groups_none_can_be_asked_for);
	return 0;
}
