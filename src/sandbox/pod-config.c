/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/pod-config.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "podsandbox.pb-c.h"
#include "rpc/task.h"
#include "sandbox/annotation.h"
#include "sandbox/cri.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define RESOLV_MAX  (64u << 10)
/* As Kubernetes' own. */
#define NOBODY 65535

static const Runtime__V1__PodSandboxConfig no_pod = RUNTIME__V1__POD_SANDBOX_CONFIG__INIT;
static const Runtime__V1__LinuxPodSandboxConfig no_linux =
	RUNTIME__V1__LINUX_POD_SANDBOX_CONFIG__INIT;
static const Runtime__V1__NamespaceOption no_options = RUNTIME__V1__NAMESPACE_OPTION__INIT;

/**
 * struct described - what is made of what
 * @request: NULL: there is none
 */
struct described {
	const char *id;
	const Containerd__Runtime__Sandbox__V1__CreateSandboxRequest *request;
	const Runtime__V1__PodSandboxConfig *pod;
	const Runtime__V1__LinuxPodSandboxConfig *own;
	const Runtime__V1__NamespaceOption *namespaces;
};

static void add_text(struct json_object *o, const char *name, const char *value)
{
	json_object_object_add(o, name, json_object_new_string(value));
}

static void add_texts(struct json_object *o, const char *name, const char *const *values, size_t n)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < n; i++)
		json_object_array_add(list, json_object_new_string(values[i]));
	json_object_object_add(o, name, list);
}

static struct json_object *make_process(void)
{
	static const char *const args[] = {"/" POD_PROGRAM};
	struct json_object *process = json_object_new_object(), *user = json_object_new_object();

	add_texts(process, "args", args, ARRAY_SIZE(args));
	add_text(process, "cwd", "/");
	json_object_object_add(user, "uid", json_object_new_int(NOBODY));
	json_object_object_add(user, "gid", json_object_new_int(NOBODY));
	json_object_object_add(process, "user", user);
	json_object_object_add(process, "noNewPrivileges", json_object_new_boolean(true));
	return process;
}

static struct json_object *make_root(void)
{
	struct json_object *root = json_object_new_object();

	add_text(root, "path", "rootfs");
	json_object_object_add(root, "readonly", json_object_new_boolean(true));
	return root;
}

static void add_mount(struct json_object *mounts, const char *where, const char *type,
		      const char *const *words, size_t n)
{
	struct json_object *mount = json_object_new_object();

	add_text(mount, "destination", where);
	add_text(mount, "type", type);
	add_text(mount, "source", type);
	add_texts(mount, "options", words, n);
	json_object_array_add(mounts, mount);
}

static struct json_object *make_mounts(void)
{
	static const char *const proc[] = {"nosuid", "noexec", "nodev"};
	static const char *const dev[] = {"nosuid", "noexec", "mode=755", "size=64k"};
	struct json_object *mounts = json_object_new_array();

	add_mount(mounts, "/proc", "proc", proc, ARRAY_SIZE(proc));
	add_mount(mounts, "/dev", "tmpfs", dev, ARRAY_SIZE(dev));
	return mounts;
}

static void add_namespace(struct json_object *list, const char *type, const char *path)
{
	struct json_object *item = json_object_new_object();

	add_text(item, "type", type);
	if (*path)
		add_text(item, "path", path);
	json_object_array_add(list, item);
}

/* A namespace of the node's is the VM's own, as it is for its containers. */
static struct json_object *make_namespaces(const struct described *d)
{
	static const Runtime__V1__NamespaceMode node = RUNTIME__V1__NAMESPACE_MODE__NODE;
	struct json_object *list = json_object_new_array();

	add_namespace(list, "mount", "");
	add_namespace(list, "uts", "");
	if (d->namespaces->ipc != node)
		add_namespace(list, "ipc", "");
	if (d->namespaces->pid != node)
		add_namespace(list, "pid", "");
	if (d->namespaces->network != node)
		add_namespace(list, "network", d->request ? d->request->netns_path : "");
	return list;
}

static bool is_slice(const char *name)
{
	const char *end = strrchr(name, '.');

	return end && strcmp(end, ".slice") == 0;
}

static char *cgroups_path(const struct described *d)
{
	const char *parent = d->own->cgroup_parent, *base = strrchr(parent, '/');

	base = base ? base + 1 : parent;
	if (is_slice(base))
		return xasprintf("%s:cri-containerd:%s", base, d->id);
	return path_join(parent, d->id);
}

static struct json_object *make_linux(const struct described *d)
{
	struct json_object *own = json_object_new_object(), *sysctls = json_object_new_object();
	_cleanup_free_ char *path = cgroups_path(d);

	for (size_t i = 0; i < d->own->n_sysctls; i++)
		add_text(sysctls, d->own->sysctls[i]->key, d->own->sysctls[i]->value);
	json_object_object_add(own, "sysctl", sysctls);
	json_object_object_add(own, "namespaces", make_namespaces(d));
	add_text(own, "cgroupsPath", path);
	return own;
}

/* Of a pod that begins with a container containerd has a list of those that count (pod_annotations); here all of ours do. */
static void add_ours(struct json_object *all, const char *name, const char *value)
{
	if (annotation_is_own(name))
		add_text(all, name, value);
}

static void add_number(struct json_object *o, const char *name, int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)value);
	add_text(o, name, text);
}

/* In containerd's words of a pause container, which caisson knows. */
static struct json_object *make_annotations(const struct described *d)
{
	const Runtime__V1__LinuxContainerResources *resources = d->own->resources;
	const Runtime__V1__PodSandboxMetadata *metadata = d->pod->metadata;
	struct json_object *all = json_object_new_object();

	for (size_t i = 0; i < d->pod->n_annotations; i++)
		add_ours(all, d->pod->annotations[i]->key, d->pod->annotations[i]->value);
	for (size_t i = 0; d->request && i < d->request->n_annotations; i++)
		add_ours(all, d->request->annotations[i]->key, d->request->annotations[i]->value);
	add_text(all, CRI_TYPE, CRI_TYPE_SANDBOX);
	add_text(all, CRI_SANDBOX_ID, d->id);
	if (metadata) {
		add_text(all, CRI_NAME, metadata->name);
		add_text(all, CRI_NAMESPACE, metadata->namespace_);
		add_text(all, CRI_UID, metadata->uid);
	}
	if (resources) {
		add_number(all, CRI_MEMORY, resources->memory_limit_in_bytes);
		add_number(all, CRI_CPU_QUOTA, resources->cpu_quota);
		add_number(all, CRI_CPU_PERIOD, resources->cpu_period);
	}
	return all;
}

static const char *hostname_of(const struct described *d)
{
	return *d->pod->hostname ? d->pod->hostname : d->id;
}

static char *make_json(const struct described *d)
{
	struct json_object *o = json_object_new_object();
	char *text;

	add_text(o, "ociVersion", "1.0.2");
	add_text(o, "hostname", hostname_of(d));
	json_object_object_add(o, "process", make_process());
	json_object_object_add(o, "root", make_root());
	json_object_object_add(o, "mounts", make_mounts());
	json_object_object_add(o, "annotations", make_annotations(d));
	json_object_object_add(o, "linux", make_linux(d));
	text = xstrdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
	return text;
}

/* A word of a line, which has no others after it. */
static int check_words(char *const *words, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (!*words[i] || strpbrk(words[i], " \t\n"))
			return err_set(err, -EINVAL,
				       "options: dns_config: \"%.64s\" is no single word",
				       words[i]);
	return 0;
}

static void add_line(char **text, const char *keyword, char *const *words, size_t n)
{
	_cleanup_free_ char *line = xstrdup(keyword);

	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *before = line;

		line = xasprintf("%s %s", before, words[i]);
	}
	if (n > 0) {
		_cleanup_free_ char *before = *text;

		*text = xasprintf("%s%s\n", before, line);
	}
}

static int make_resolv_conf(const Runtime__V1__DNSConfig *dns, char **ret, struct err *err)
{
	int r = check_words(dns->servers, dns->n_servers, err);

	if (r == 0)
		r = check_words(dns->searches, dns->n_searches, err);
	if (r == 0)
		r = check_words(dns->options, dns->n_options, err);
	if (r < 0)
		return r;
	*ret = xstrdup("");
	add_line(ret, "search", dns->searches, dns->n_searches);
	for (size_t i = 0; i < dns->n_servers; i++)
		add_line(ret, "nameserver", dns->servers + i, 1);
	add_line(ret, "options", dns->options, dns->n_options);
	return strlen(*ret) > RESOLV_MAX
		       ? err_set(err, -EINVAL, "options: dns_config: more than %u bytes",
				 RESOLV_MAX)
		       : 0;
}

/* The administrator's, who has a link there where systemd-resolved does it. */
static int read_resolv_conf(char **ret)
{
	_cleanup_close_ int fd = open(RESOLV_CONF, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? fd_slurp(fd, RESOLV_MAX, ret, NULL) : -EINVAL;
}

/* Without a word of DNS the host's is the pod's. */
static int find_resolv_conf(const Runtime__V1__DNSConfig *dns, char **ret, struct err *err)
{
	int r;

	if (dns && dns->n_servers + dns->n_searches + dns->n_options > 0)
		return make_resolv_conf(dns, ret, err);
	r = read_resolv_conf(ret);
	if (r < 0)
		log_warn("cannot read " RESOLV_CONF ", and the pod has none: %s", strerror(-r));
	return 0;
}

static void add_file(struct pod_config *config, const char *where, char *text)
{
	config->texts[config->n_files] = text;
	config->files[config->n_files++] = (struct oci_file){.where = where, .text = text};
}

static int check(const struct described *d, struct err *err)
{
	const Runtime__V1__UserNamespace *users = d->namespaces->userns_options;

	if (users && users->mode != RUNTIME__V1__NAMESPACE_MODE__NODE)
		return err_set(err, -ENOTSUP,
			       "options: userns_options: caisson's pods have no user namespaces");
	if (strlen(d->pod->hostname) > ABI_HOSTNAME_MAX)
		return err_set(err, -EINVAL, "options: hostname: longer than %d bytes",
			       ABI_HOSTNAME_MAX);
	return 0;
}

static int describe(const struct described *d, struct pod_config *ret, struct err *err)
{
	char *text = NULL;
	int r = check(d, err);

	if (r == 0)
		r = find_resolv_conf(d->pod->dns_config, &text, err);
	if (text)
		add_file(ret, RESOLV_CONF, text);
	if (r < 0)
		return r;
	add_file(ret, "/etc/hostname", xasprintf("%s\n", hostname_of(d)));
	add_file(ret, "/etc/hosts", xstrdup("127.0.0.1\tlocalhost\n::1\tlocalhost\n"));
	ret->json = make_json(d);
	return 0;
}

static int describe_pod(struct described *d, const Runtime__V1__PodSandboxConfig *pod,
			struct pod_config *ret, struct err *err)
{
	d->pod = pod;
	if (pod->linux_config)
		d->own = pod->linux_config;
	if (d->own->security_context && d->own->security_context->namespace_options)
		d->namespaces = d->own->security_context->namespace_options;
	return describe(d, ret, err);
}

int pod_config_make(const char *id,
		    const Containerd__Runtime__Sandbox__V1__CreateSandboxRequest *request,
		    struct pod_config *ret, struct err *err)
{
	const Google__Protobuf__Any *any = request ? request->options : NULL;
	struct described d = {.id = id,
			      .request = request,
			      .pod = &no_pod,
			      .own = &no_linux,
			      .namespaces = &no_options};
	ProtobufCMessage *m;
	int r;

	*ret = (struct pod_config){.json = NULL};
	if (!any || (!*any->type_url && any->value.len == 0))
		return describe(&d, ret, err);
	r = rpc_any_unpack(any, &runtime__v1__pod_sandbox_config__descriptor, &m);
	if (r == -EPROTOTYPE)
		return err_set(err, -ENOTSUP,
			       "options: of a sandbox caisson knows no type but CRI's "
			       "PodSandboxConfig, not %.128s",
			       any->type_url);
	if (r < 0)
		return err_set(err, -EBADMSG, "options: this is no valid PodSandboxConfig");
	r = describe_pod(&d, (const Runtime__V1__PodSandboxConfig *)m, ret, err);
	rpc_free(m);
	return r;
}

void pod_config_done(struct pod_config *config)
{
	free(take_ptr(config->json));
	for (size_t i = 0; i < POD_FILES; i++)
		free(take_ptr(config->texts[i]));
	config->n_files = 0;
}
