/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/pod-config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/test.h"
#include "podsandbox.pb-c.h"
#include "rpc/task.h"

static struct err err = ERR_NULL;

static Containerd__Runtime__Sandbox__V1__CreateSandboxRequest request =
	CONTAINERD__RUNTIME__SANDBOX__V1__CREATE_SANDBOX_REQUEST__INIT;
static Runtime__V1__PodSandboxConfig pod = RUNTIME__V1__POD_SANDBOX_CONFIG__INIT;
static Runtime__V1__PodSandboxMetadata metadata = RUNTIME__V1__POD_SANDBOX_METADATA__INIT;
static Runtime__V1__LinuxPodSandboxConfig own = RUNTIME__V1__LINUX_POD_SANDBOX_CONFIG__INIT;
static Runtime__V1__LinuxSandboxSecurityContext context =
	RUNTIME__V1__LINUX_SANDBOX_SECURITY_CONTEXT__INIT;
static Runtime__V1__NamespaceOption namespaces = RUNTIME__V1__NAMESPACE_OPTION__INIT;
static Runtime__V1__UserNamespace users = RUNTIME__V1__USER_NAMESPACE__INIT;
static Runtime__V1__LinuxContainerResources resources =
	RUNTIME__V1__LINUX_CONTAINER_RESOURCES__INIT;
static Runtime__V1__DNSConfig dns = RUNTIME__V1__DNSCONFIG__INIT;

/* A pod as a kubelet describes one, for tests to change. */
static void describe(void)
{
	request.netns_path = (char *)"/run/netns/a";
	metadata.name = (char *)"web";
	metadata.namespace_ = (char *)"default";
	metadata.uid = (char *)"u1";
	resources.memory_limit_in_bytes = 1 << 27;
	resources.cpu_quota = 50000;
	resources.cpu_period = 100000;
	own.cgroup_parent = (char *)"/kubepods/pod1";
	context.namespace_options = &namespaces;
	own.security_context = &context;
	own.resources = &resources;
	pod.metadata = &metadata;
	pod.linux_config = &own;
	pod.dns_config = &dns;
	pod.hostname = (char *)"web-0";
	namespaces.userns_options = NULL;
	namespaces.ipc = namespaces.pid = namespaces.network = RUNTIME__V1__NAMESPACE_MODE__POD;
	dns.n_servers = 0;
}

static int make(struct pod_config *ret)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	int r;

	test_int(rpc_any_pack(&pod.base, &any), 0);
	request.options = &any;
	r = pod_config_make("p1", &request, ret, &err);
	request.options = NULL;
	rpc_any_done(&any);
	return r;
}

static void expect(const char *part)
{
	struct pod_config config;

	if (make(&config) < 0)
		test_fail("%s", err.text);
	if (!strstr(config.json, part))
		test_fail("\"%s\" is not in %s", part, config.json);
	pod_config_done(&config);
}

static void expect_no(const char *part)
{
	struct pod_config config;

	test_int(make(&config), 0);
	test_true(!strstr(config.json, part));
	pod_config_done(&config);
}

static void refused(int code, const char *part)
{
	struct pod_config config;

	test_int(make(&config), code);
	if (!strstr(err.text, part))
		test_fail("\"%s\" is not in \"%s\"", part, err.text);
	pod_config_done(&config);
}

static void of_a_kubelets(void)
{
	describe();
	expect("\"hostname\":\"web-0\"");
	expect("\"args\":[\"\\/" POD_PROGRAM "\"]");
	expect("\"cgroupsPath\":\"\\/kubepods\\/pod1\\/p1\"");
	expect("{\"type\":\"network\",\"path\":\"\\/run\\/netns\\/a\"}");
	expect("{\"type\":\"ipc\"},{\"type\":\"pid\"}");
	expect("\"io.kubernetes.cri.sandbox-id\":\"p1\"");
	expect("\"io.kubernetes.cri.sandbox-name\":\"web\"");
	expect("\"io.kubernetes.cri.sandbox-memory\":\"134217728\"");
	expect("\"io.kubernetes.cri.sandbox-cpu-quota\":\"50000\"");
	own.cgroup_parent = (char *)"/kubepods.slice/kubepods-pod1.slice";
	expect("\"cgroupsPath\":\"kubepods-pod1.slice:cri-containerd:p1\"");
	pod.hostname = (char *)"";
	expect("\"hostname\":\"p1\"");
}

/* The node is the VM. */
static void namespaces_of_the_node(void)
{
	describe();
	namespaces.ipc = namespaces.pid = namespaces.network = RUNTIME__V1__NAMESPACE_MODE__NODE;
	expect_no("\"type\":\"ipc\"");
	expect_no("\"type\":\"pid\"");
	expect_no("\"type\":\"network\"");
	namespaces.userns_options = &users;
	users.mode = RUNTIME__V1__NAMESPACE_MODE__NODE;
	expect("\"type\":\"uts\"");
	users.mode = RUNTIME__V1__NAMESPACE_MODE__POD;
	refused(-ENOTSUP, "no user namespaces");
}

static void annotations(void)
{
	Runtime__V1__PodSandboxConfig__AnnotationsEntry entries[2], *list[2];
	Containerd__Runtime__Sandbox__V1__CreateSandboxRequest__AnnotationsEntry more, *one = &more;

	describe();
	for (int i = 0; i < 2; i++) {
		runtime__v1__pod_sandbox_config__annotations_entry__init(&entries[i]);
		list[i] = &entries[i];
	}
	containerd__runtime__sandbox__v1__create_sandbox_request__annotations_entry__init(&more);
	entries[0].key = (char *)"io.caisson.cpus";
	entries[0].value = (char *)"2";
	entries[1].key = (char *)"example.org/x";
	more.key = (char *)"io.spin.extras.files";
	more.value = (char *)"/x";
	pod.annotations = list;
	pod.n_annotations = 2;
	request.annotations = &one;
	request.n_annotations = 1;
	expect("\"io.caisson.cpus\":\"2\"");
	expect("\"io.spin.extras.files\":\"\\/x\"");
	/* By which it is known for one that has no command of its pod's. */
	expect("\"io.kubernetes.cri.container-type\":\"sandbox\"");
	expect_no("example.org");
	pod.n_annotations = request.n_annotations = 0;
}

static void sysctls(void)
{
	Runtime__V1__LinuxPodSandboxConfig__SysctlsEntry entry, *list = &entry;

	describe();
	runtime__v1__linux_pod_sandbox_config__sysctls_entry__init(&entry);
	entry.key = (char *)"net.core.somaxconn";
	entry.value = (char *)"\"1";
	own.sysctls = &list;
	own.n_sysctls = 1;
	expect("\"sysctl\":{\"net.core.somaxconn\":\"\\\"1\"}");
	own.n_sysctls = 0;
}

static const char *text_of(const struct pod_config *config, const char *where)
{
	for (size_t i = 0; i < config->n_files; i++)
		if (strcmp(config->files[i].where, where) == 0)
			return config->files[i].text;
	return NULL;
}

static void files(void)
{
	char *servers[] = {(char *)"1.2.3.4", (char *)"::1"},
	     *searches[] = {(char *)"a", (char *)"b.c"};
	char *options[] = {(char *)"ndots:5"};
	struct pod_config config;

	describe();
	dns.servers = servers;
	dns.n_servers = 2;
	dns.searches = searches;
	dns.n_searches = 2;
	dns.options = options;
	dns.n_options = 1;
	test_int(make(&config), 0);
	test_str(text_of(&config, "/etc/resolv.conf"),
		 "search a b.c\nnameserver 1.2.3.4\nnameserver ::1\noptions ndots:5\n");
	test_str(text_of(&config, "/etc/hostname"), "web-0\n");
	test_true(text_of(&config, "/etc/hosts") != NULL);
	pod_config_done(&config);
	searches[1] = (char *)"x\nnameserver 6.6.6.6";
	refused(-EINVAL, "no single word");
	searches[1] = (char *)"";
	refused(-EINVAL, "no single word");
	dns.n_servers = dns.n_searches = dns.n_options = 0;
}

static void what_makes_no_sense(void)
{
	static char name[66], many[70 << 10];
	char *servers[] = {many};
	struct pod_config config;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;

	describe();
	memset(name, 'x', 65);
	pod.hostname = name;
	refused(-EINVAL, "hostname");
	describe();
	memset(many, 'x', sizeof(many) - 1);
	dns.servers = servers;
	dns.n_servers = 1;
	refused(-EINVAL, "more than 65536 bytes");
	request.options = &any;
	any.type_url = (char *)"some.other.Type";
	test_int(pod_config_make("p1", &request, &config, &err), -ENOTSUP);
	pod_config_done(&config);
	any.type_url = (char *)"runtime.v1.PodSandboxConfig";
	any.value.data = (uint8_t *)"\x0a\xff";
	any.value.len = 2;
	test_int(pod_config_make("p1", &request, &config, &err), -EBADMSG);
	pod_config_done(&config);
	request.options = NULL;
}

static const char *host_has(const char *name)
{
	static char text[64];
	struct pod_config config;
	const char *have;

	(void)unlink("/etc/resolv.conf");
	test_int(symlink(name, "/etc/resolv.conf"), 0);
	describe();
	test_int(make(&config), 0);
	have = text_of(&config, "/etc/resolv.conf");
	(void)snprintf(text, sizeof(text), "%s", have ? have : "none");
	pod_config_done(&config);
	return text;
}

static void look_at_links(void)
{
	static const char stub[] = "nameserver 127.0.0.53\n";

	test_int(unshare(CLONE_NEWNS), 0);
	test_int(mount("", "/", "", MS_REC | MS_PRIVATE, NULL), 0);
	test_int(mount("tmpfs", "/etc", "tmpfs", 0, NULL), 0);
	test_int(chdir("/etc"), 0);
	test_int(file_write_atomic_at(AT_FDCWD, "stub", stub, sizeof(stub) - 1, 0644), 0);
	test_str(host_has("../etc/stub"), stub);
	test_str(host_has("nowhere"), "none");
	test_str(host_has("/dev/zero"), "none");
}

/* In a child, whose /etc is its own. */
static void links_of_the_hosts(void)
{
	test_int(test_in_child(look_at_links), 0);
}

/* Before anything is known, and of what is no pod. */
static void of_nothing(void)
{
	struct pod_config config;

	test_int(pod_config_make("p1", NULL, &config, &err), 0);
	test_true(strstr(config.json, "{\"type\":\"network\"}") != NULL);
	pod_config_done(&config);
	request.options = NULL;
	test_int(pod_config_make("p1", &request, &config, &err), 0);
	test_true(strstr(config.json, "\"hostname\":\"p1\"") != NULL);
	pod_config_done(&config);
	pod_config_done(&config);
}

int main(void)
{
	test_run(of_a_kubelets);
	test_run(namespaces_of_the_node);
	test_run(annotations);
	test_run(sysctls);
	test_run(files);
	test_run(what_makes_no_sense);
	if (geteuid() == 0)
		test_run(links_of_the_hosts);
	test_run(of_nothing);
	return 0;
}
