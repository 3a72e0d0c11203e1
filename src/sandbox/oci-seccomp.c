/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/oci-seccomp.h"

#include <errno.h>
#include <json-c/json.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/socket.h>

#include <linux/capability.h>

#include "base/macro.h"

#define ALL	   (UINT64_MAX >> (63 - CAP_LAST_CAP))
#define BIT(which) (UINT64_C(1) << (which))
#define ADMIN	   BIT(CAP_SYS_ADMIN)

/* Processes of other sizes have system calls of their own, which the same names are looked up for. */
static const char *const architectures[] = {
#if defined(__x86_64__)
	"SCMP_ARCH_X86_64",
	"SCMP_ARCH_X86",
	"SCMP_ARCH_X32",
#elif defined(__aarch64__)
	"SCMP_ARCH_AARCH64",
	"SCMP_ARCH_ARM",
#endif
};

/*
 * Any one of the capabilities will do; 0: none does, for the kernel has no notion of whose they are
 * (keyrings), or they are reached by far fewer programs than attackers.
 */
static const struct {
	uint64_t capabilities;
	const char *calls[20];
} refused[] = {
	/* File systems and namespaces. */
	{ADMIN,
	 {"mount", "umount", "umount2", "pivot_root", "fsopen", "fsconfig", "fsmount", "fspick",
	  "move_mount", "open_tree", "mount_setattr", "quotactl", "quotactl_fd", "fanotify_init",
	  "setns", "unshare", "sethostname", "setdomainname", "lookup_dcookie"}},
	{BIT(CAP_SYS_CHROOT), {"chroot"}},
	{BIT(CAP_DAC_READ_SEARCH), {"open_by_handle_at"}},
	/* Looking into the kernel, and into other processes. */
	{ADMIN | BIT(CAP_BPF), {"bpf"}},
	{ADMIN | BIT(CAP_PERFMON), {"perf_event_open"}},
	{ADMIN | BIT(CAP_SYSLOG), {"syslog"}},
	{BIT(CAP_SYS_PTRACE), {"kcmp", "pidfd_getfd"}},
	/* The machine. */
	{ADMIN, {"swapon", "swapoff"}},
	{BIT(CAP_SYS_MODULE),
	 {"init_module", "finit_module", "delete_module", "create_module", "query_module",
	  "get_kernel_syms"}},
	{BIT(CAP_SYS_BOOT), {"reboot", "kexec_load", "kexec_file_load"}},
	{BIT(CAP_SYS_RAWIO), {"iopl", "ioperm"}},
	{BIT(CAP_SYS_TIME), {"settimeofday", "stime", "clock_settime", "clock_settime64"}},
	{BIT(CAP_SYS_PACCT), {"acct"}},
	{BIT(CAP_SYS_TTY_CONFIG), {"vhangup"}},
	{BIT(CAP_SYS_NICE),
	 {"get_mempolicy", "set_mempolicy", "mbind", "move_pages", "migrate_pages"}},
	/* Nobody. */
	{0, {"add_key", "request_key", "keyctl"}},
	{0, {"userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register"}},
	{0, {"uselib", "ustat", "sysfs", "_sysctl", "nfsservctl", "vm86", "vm86old"}},
};

/* Flags of clone(2), in the same argument on all of these architectures. */
static const uint64_t namespaces[] = {
	CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
	CLONE_NEWUSER, CLONE_NEWPID,	CLONE_NEWNET,
};

static struct json_object *put_list(struct json_object *o, const char *name)
{
	struct json_object *list = json_object_new_array();

	json_object_object_add(o, name, list);
	return list;
}

static struct json_object *refuse(struct json_object *list, const char *const *calls, size_t n,
				  int error)
{
	struct json_object *rule = json_object_new_object(), *names = put_list(rule, "names");

	for (size_t i = 0; i < n && calls[i]; i++)
		json_object_array_add(names, json_object_new_string(calls[i]));
	json_object_object_add(rule, "action", json_object_new_string("SCMP_ACT_ERRNO"));
	json_object_object_add(rule, "errnoRet", json_object_new_int(error));
	json_object_array_add(list, rule);
	return rule;
}

/* Only if the bits of @mask in its first argument are @value. */
static void refuse_first(struct json_object *list, const char *call, uint64_t mask, uint64_t value)
{
	struct json_object *args = put_list(refuse(list, &call, 1, EPERM), "args");
	struct json_object *arg = json_object_new_object();

	json_object_object_add(arg, "index", json_object_new_int(0));
	json_object_object_add(arg, "value", json_object_new_uint64(mask));
	json_object_object_add(arg, "valueTwo", json_object_new_uint64(value));
	json_object_object_add(arg, "op", json_object_new_string("SCMP_CMP_MASKED_EQ"));
	json_object_array_add(args, arg);
}

/*
 * clone3(2) has its flags in memory, where no filter looks: libraries fall back on clone(2) when
 * there is none. vsock is how the host speaks to vminitd.
 */
static void refuse_parts(struct json_object *list)
{
	static const char *const clone3 = "clone3";

	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		refuse_first(list, "clone", namespaces[i], namespaces[i]);
	(void)refuse(list, &clone3, 1, ENOSYS);
	refuse_first(list, "socket", UINT32_MAX, AF_VSOCK);
}

struct json_object *oci_seccomp(uint64_t capabilities)
{
	struct json_object *o, *list;

	if ((capabilities & ALL) == ALL)
		return NULL;
	o = json_object_new_object();
	json_object_object_add(o, "defaultAction", json_object_new_string("SCMP_ACT_ALLOW"));
	list = put_list(o, "architectures");
	for (size_t i = 0; i < ARRAY_SIZE(architectures); i++)
		json_object_array_add(list, json_object_new_string(architectures[i]));
	list = put_list(o, "syscalls");
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (!(capabilities & refused[i].capabilities))
			(void)refuse(list, refused[i].calls, ARRAY_SIZE(refused[i].calls), EPERM);
	if (!(capabilities & ADMIN))
		refuse_parts(list);
	return o;
}
