/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "sandbox/oci-adapt.h"

struct spec {
	const char *bundle;
};

static const struct opt options[] = {
	OPT(spec, 'b', "bundle", OPT_STRING, bundle, "DIR", "where to (.)"),
	{.kind = OPT_END},
};

#define CAPABILITIES "[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"]"
#define MOUNT(where, type, source, options)                                               \
	"{\"destination\":\"" where "\",\"type\":\"" type "\",\"source\":\"" source "\"," \
	"\"options\":[" options "]}"

static const char config[] =
	"{\"ociVersion\":\"" OCI_VERSION "\","
	"\"process\":{\"terminal\":true,\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"sh\"],"
	"\"env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\","
	"\"TERM=xterm\"],\"cwd\":\"/\","
	"\"capabilities\":{\"bounding\":" CAPABILITIES ",\"effective\":" CAPABILITIES ","
	"\"permitted\":" CAPABILITIES "},"
	"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],"
	"\"noNewPrivileges\":true},"
	"\"root\":{\"path\":\"rootfs\",\"readonly\":true},"
	"\"hostname\":\"caisson\","
	"\"mounts\":[" MOUNT("/proc", "proc", "proc", "") "," MOUNT("/dev", "tmpfs", "tmpfs", "\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"") "," MOUNT(
		"/dev/pts", "devpts", "devpts",
		"\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\","
		"\"gid=5\"") "," MOUNT("/dev/shm", "tmpfs", "shm",
				       "\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\","
				       "\"size=65536k\"") "," MOUNT("/dev/mqueue", "mqueue",
								    "mqueue",
								    "\"nosuid\",\"noexec\","
								    "\"nodev\"") "," MOUNT("/sys",
											   "sysfs",
											   "sysfs",
											   "\"nosui"
											   "d\","
											   "\"noexe"
											   "c\","
											   "\"nodev"
											   "\","
											   "\"ro\"") "," MOUNT("/sys/fs/cgroup",
													       "cgroup",
													       "cgroup",
													       "\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"") "],"
																				      "\"linux\":{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]},"
																				      "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"ipc\"},"
																				      "{\"type\":\"uts\"},{\"type\":\"mount\"}],"
																				      "\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/kcore\",\"/proc/keys\","
																				      "\"/proc/latency_stats\",\"/proc/timer_list\",\"/proc/timer_stats\","
																				      "\"/proc/sched_debug\",\"/sys/firmware\",\"/proc/scsi\"],"
																				      "\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\","
																				      "\"/proc/sysrq-trigger\"]}}";

/* Never over one that is there, whoever makes it meanwhile. */
static int write_config(int dir, struct err *err)
{
	_cleanup_close_ int fd =
		openat(dir, OCI_CONFIG_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	struct json_object *o = NULL;
	_cleanup_free_ char *text = NULL;
	int r = fd < 0 ? -errno : 0;

	if (r == -EEXIST)
		return err_set(err, r,
			       "File " OCI_CONFIG_FILE " exists. Remove it first: nothing was "
			       "written");
	if (r == 0) {
		o = json_tokener_parse(config);
		text = xasprintf("%s\n",
				 json_object_to_json_string_ext(
					 o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_PRETTY_TAB |
						    JSON_C_TO_STRING_SPACED |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
		r = fd_write_full(fd, text, strlen(text));
		json_object_put(o);
	}
	return r < 0 ? err_errno(err, r, "cannot write " OCI_CONFIG_FILE) : 0;
}

static int spec_main(const struct command *self, int argc, char **argv)
{
	struct spec spec = {.bundle = "."};
	_cleanup_close_ int dir = -EBADF;
	struct err err = ERR_NULL;
	int r = opts_parse(self, argc, argv, &spec, &err);

	if (r >= 0)
		r = opts_check_words(self, argv + r, 0, 0, "", &err);
	if (r >= 0) {
		dir = open(spec.bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
		r = dir < 0 ? err_errno(&err, -errno, "cannot use the bundle %s", spec.bundle)
			    : write_config(dir, &err);
	}
	return r < 0 ? cmd_fail(self, &err) : 0;
}

const struct command command_spec = {
	.name = "spec",
	.usage = "[OPTIONS]",
	.summary = "Write a config.json to begin an OCI bundle with.",
	.details = "It wants a root file system in the folder \"rootfs\" beside it, and a "
		   "terminal.\n",
	.opts = options,
	.failure = 1,
	.run = spec_main,
};
