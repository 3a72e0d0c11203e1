/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strv.h"
#include "cmd/doctor.h"
#include "cmd/toml-look.h"

/* What pods need of a node besides who runs them: a network, the kernel's leave to forward, memory. */

#define CNI_CONF    "/etc/cni/net.d"
#define CNI_BIN	    "/opt/cni/bin"
#define HUGE_FOLDER "/sys/kernel/mm/hugepages"

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len > end_len && strcmp(name + len - end_len, end) == 0;
}

/* Return: the configuration that counts, the first one, or NULL. */
static char *find_network(void)
{
	_cleanup_dir_ DIR *dir = dir_open(AT_FDCWD, CNI_CONF);
	_cleanup_strv_ struct strv names = STRV_NULL;
	const char *name;

	while (dir && (name = dir_next(dir)))
		if (ends_with(name, ".conf") || ends_with(name, ".conflist") ||
		    ends_with(name, ".json"))
			strv_add(&names, name);
	strv_sort(&names);
	return names.n > 0 ? path_join(CNI_CONF, names.v[0]) : NULL;
}

static void add_type(struct json_object *plugin, struct strv *types)
{
	struct json_object *type;

	if (json_object_object_get_ex(plugin, "type", &type) &&
	    json_object_is_type(type, json_type_string))
		strv_add(types, json_object_get_string(type));
}

/* The programs that a configuration names, each with that for its addresses. */
static void add_types(struct json_object *plugin, struct strv *types)
{
	struct json_object *ipam;

	add_type(plugin, types);
	if (json_object_object_get_ex(plugin, "ipam", &ipam))
		add_type(ipam, types);
}

/* Return: whether it is JSON. */
static bool list_types(const char *path, struct strv *types)
{
	_cleanup_free_ char *text = NULL;
	struct json_object *o = NULL, *plugins;

	if (file_slurp_at(AT_FDCWD, path, DOCTOR_FILE_MAX, &text, NULL) == 0)
		o = json_tokener_parse(text);
	add_types(o, types);
	if (json_object_object_get_ex(o, "plugins", &plugins) &&
	    json_object_is_type(plugins, json_type_array))
		for (size_t i = 0; i < json_object_array_length(plugins); i++)
			add_types(json_object_array_get_idx(plugins, i), types);
	json_object_put(o);
	return types->n > 0;
}

static char *programs_folder(void)
{
	_cleanup_free_ char *text = NULL;
	char *folder = NULL;

	if (file_slurp_at(AT_FDCWD, DOCTOR_CONTAINERD_FILE, DOCTOR_FILE_MAX, &text, NULL) == 0)
		folder = toml_value(text, "bin_dir");
	return folder ? folder : xstrdup(CNI_BIN);
}

void doctor_cni(struct doctor *d _unused_, struct finding *f)
{
	_cleanup_free_ char *conf = find_network(), *folder = programs_folder();
	_cleanup_strv_ struct strv types = STRV_NULL;

	if (!conf) {
		doctor_say(f, DOCTOR_FAILS,
			   "pods have no network: there is no configuration in " CNI_CONF);
		doctor_mend(f, "install the cluster's network, which makes one");
		return;
	}
	if (!list_types(conf, &types)) {
		doctor_say(f, DOCTOR_FAILS, "pods have no network: %s names no plugin", conf);
		doctor_mend(f, "correct it: a list of plugins, as CNI has them, each with a type");
		return;
	}
	doctor_say(f, DOCTOR_OK, "%s, of plugins in %s", conf, folder);
	for (size_t i = 0; i < types.n; i++) {
		_cleanup_free_ char *program = path_join(folder, types.v[i]);

		if (access(program, X_OK) == 0)
			continue;
		doctor_say(f, DOCTOR_FAILS, "pods have no network: %s wants %s, which is not there",
			   conf, program);
		doctor_mend(f, "install the CNI plugins (containernetworking-plugins), or set "
			       "bin_dir in " DOCTOR_CONTAINERD_FILE " to where they are");
		return;
	}
}

static bool is_on(const char *path)
{
	_cleanup_free_ char *text = NULL;

	return file_slurp_at(AT_FDCWD, path, 64, &text, NULL) == 0 && *text == '1';
}

/* What kubeadm asks of a node's kernel, too. */
void doctor_forwarding(struct doctor *d _unused_, struct finding *f)
{
	static const struct {
		const char *path, *lack, *mend;
	} switches[] = {
		{"/proc/sys/net/ipv4/ip_forward",
		 "net.ipv4.ip_forward is off: pods reach nobody beyond the node",
		 "run `sysctl -w net.ipv4.ip_forward=1`, and write it to /etc/sysctl.d"},
		{"/proc/sys/net/bridge/bridge-nf-call-iptables",
		 "net.bridge.bridge-nf-call-iptables is not on: services may not be reached from "
		 "pods of "
		 "the same node",
		 "run `modprobe br_netfilter`, and `sysctl -w "
		 "net.bridge.bridge-nf-call-iptables=1`"},
	};

	doctor_say(f, DOCTOR_OK, "the kernel forwards what pods send, and shows it to iptables");
	for (size_t i = 0; i < ARRAY_SIZE(switches); i++) {
		if (is_on(switches[i].path))
			continue;
		doctor_say(f, DOCTOR_LACKS, "%s", switches[i].lack);
		doctor_mend(f, "%s", switches[i].mend);
		return;
	}
}

/* "hugepages-2048kB". Return: bytes that are free of that size */
static uint64_t free_of_size(int folder, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/free_hugepages", name), *text = NULL;
	const char *size = str_starts(name, "hugepages-");
	unsigned long long kb, n;

	if (!size || sscanf(size, "%llukB", &kb) != 1 ||
	    file_slurp_at(folder, path, 64, &text, NULL) < 0 || sscanf(text, "%llu", &n) != 1)
		return 0;
	return kb * n << 10;
}

void doctor_hugepages(struct doctor *d _unused_, struct finding *f)
{
	_cleanup_dir_ DIR *dir = dir_open(AT_FDCWD, HUGE_FOLDER);
	unsigned long long bytes = 0;
	const char *name;

	while (dir && (name = dir_next(dir)))
		bytes += free_of_size(dirfd(dir), name);
	if (!dir)
		doctor_say(f, DOCTOR_NOTE,
			   "this kernel has none: VMs of RUNCVM_HUGETLB do not start");
	else if (bytes > 0)
		doctor_say(f, DOCTOR_OK, "%lluM are free, for VMs that want them", bytes >> 20);
	else
		doctor_say(f, DOCTOR_NOTE,
			   "none are free: VMs that want them do not start; "
			   "vm.nr_hugepages of sysctl reserves them");
}
