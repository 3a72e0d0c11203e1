/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/test.h"
#include "sandbox/spec.h"
#include "vmm/vmm.h"

static struct conf conf = CONF_NULL;
static struct err err;

static int parse(const char *text)
{
	conf_done(&conf);
	err.text[0] = '\0';
	return conf_parse("/etc/c", text, strlen(text), &conf, &err);
}

static const char *refused(const char *text)
{
	test_int(parse(text), -EINVAL);
	return err.text;
}

static void empty_ones(void)
{
	static const char *const texts[] = {"", "\n", "# a word\n\n  # b", "\r\n\t"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		test_int(parse(texts[i]), 0);
		test_int(conf.extras_allow.n, 0);
		test_true(conf.supervisor_socket == NULL);
		test_str(conf.path, "/etc/c");
	}
}

static void values(void)
{
	test_int(parse("extras.allow = /opt/agent\n"
		       "  extras.allow=/with blank/x = y \r\n"
		       "supervisor.socket\t=\t/run/s.sock\n"
		       "images.limit = 20G\n"
		       "rootfs.mode = image\n"
		       "volumes.mode = 9p"),
		 0);
	test_str(conf.rootfs_mode, "image");
	test_str(conf.volume_mode, "9p");
	test_true(conf.images_limit == UINT64_C(20) << 30);
	test_int(conf.extras_allow.n, 2);
	test_str(conf.extras_allow.v[0], "/opt/agent");
	test_str(conf.extras_allow.v[1], "/with blank/x = y");
	test_str(conf.supervisor_socket, "/run/s.sock");
}

static void toml(void)
{
	test_int(parse("# what is said\n"
		       "[vm]  # of all\n"
		       "memory = \"512M\" # a comment\n"
		       "cpus = 3#7\n"
		       "cpus = 3\n"),
		 -EINVAL);
	test_int(parse("images.limit = '1G'\n"
		       "[ vm ]  # of all\n"
		       "memory = \"512M\" # a comment\n"
		       "cpus = 3 # another\n"
		       "kernel_append = \"a=\\\"b\\\" \\\\ # c\"\n"
		       "hypervisor=\"qemu\"\n"
		       "[extras]\n"
		       "allow = [ \"/a, b\", '/c\\t' ,\"/d\",]# end\n"
		       "[settings]\n"
		       "deny = []\n"),
		 0);
	test_true(conf.images_limit == UINT64_C(1) << 30 && conf.memory == UINT64_C(512) << 20);
	test_int(conf.cpus, 3);
	test_str(conf.kernel_append, "a=\"b\" \\ # c");
	test_str(conf.hypervisor, "qemu");
	test_int(conf.extras_allow.n, 3);
	test_str(conf.extras_allow.v[0], "/a, b");
	test_str(conf.extras_allow.v[1], "/c\\t");
	test_str(conf.extras_allow.v[2], "/d");
	test_int(conf.settings_deny.n, 0);
}

static void presets(void)
{
	test_int(parse(""), 0);
	test_true(conf.memory == SANDBOX_MEMORY_DEFAULT);
	test_int(conf.cpus, 1);
	test_int(conf.boot_timeout, SANDBOX_BOOT_TIMEOUT_DEFAULT);
	test_int(conf.firecracker_placeholders + conf.firecracker_placeholders_ro, 0);
	test_str(conf.hypervisor, VMM_HYPERVISOR_DEFAULT);
	test_str(conf.accel, VMM_ACCEL_DEFAULT);
	test_true(!conf.kernel && !conf.kernel_append && !conf.rootfs_mode && !conf.volume_mode &&
		  !conf.limit_memory);
}

struct seen {
	int n, lists;
	char text[512];
};

static void see(void *data, const struct conf_value *value)
{
	struct seen *seen = data;
	size_t len = strlen(seen->text);

	seen->n++;
	seen->lists += value->is_list;
	if (value->line > 0)
		(void)snprintf(seen->text + len, sizeof(seen->text) - len, "%s=%s@%u ", value->key,
			       value->value, value->line);
}

static void each(void)
{
	struct seen none = {.n = 0}, seen = {.n = 0};

	test_int(parse(""), 0);
	conf_each(&conf, see, &none);
	test_str(none.text, "");
	test_int(parse("vm.memory = 1024K\n"), -EINVAL);
	test_int(
		parse("extras.allow = /b\n\n[vm]\nmemory = 524288K\n[extras]\nallow = ['/a','/c']"),
		0);
	conf_each(&conf, see, &seen);
	test_str(seen.text,
		 "extras.allow=/b@1 extras.allow=/a@6 extras.allow=/c@6 vm.memory=524288K@4 ");
	test_int(seen.n, none.n + 2);
	test_int(seen.lists, none.lists + 2);
}

static void bad_syntax(void)
{
	static const struct {
		const char *text, *part;
	} all[] = {
		{"[vm", "/etc/c, line 1: must be \"[table]\""},
		{"[vm] x", "\"[table]\""},
		{"[]", "\"[table]\""},
		{"\n[vm]\nmemory", "/etc/c, line 3: must be \"key = value\""},
		{"[vm]\nimages.limit = 1G", "no key \"vm.images.limit\""},
		{"vm.kernel = \"a", "quotation mark"},
		{"vm.kernel = 'a", "quotation mark"},
		{"vm.kernel = \"a\" b", "more behind the value"},
		{"vm.kernel = \"\\x\"", "backslash"},
		{"vm.kernel = \"\\", "backslash"},
		{"vm.kernel = \"a\tb\"", "vm.kernel: must be printable ASCII"},
		{"vm.kernel = ['a', 'b']", "vm.kernel: must be one value, not a list"},
		{"vm.kernel = []", "not a list"},
		{"extras.allow = [", "list on one line"},
		{"extras.allow = ['/a' '/b']", "list on one line"},
		{"extras.allow = [/a]", "list on one line"},
		{"extras.allow = ['/a',", "list on one line"},
		{"extras.allow = ['/a'] x", "more behind"},
		{"vm.cpus = 0", "vm.cpus: must be a number from 1 to 64"},
		{"vm.cpus = two", "must be a number"},
		{"limit.memory = 2T", "limit.memory: is more than 1048576M"},
		{"limit.memory = 1M", "must be a size"},
		{"settings.allow = kernels", "settings.allow: there is no setting of that name"},
		{"settings.deny = ['cpus', 'floppy']", "no setting of that name"},
		{"vm.accel = fast", "must be one of auto|kvm|tcg"},
		{"vm.hypervisor = qem", "must be one of qemu"},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!strstr(refused(all[i].text), all[i].part))
			test_fail("%s: %s", all[i].text, err.text);
}

static void nonsense(void)
{
	_cleanup_free_ char *many = xcalloc(CONF_LIST_MAX + 2, 32);
	char path[200], *p = many;

	test_str(refused("images.limit = much"),
		 "/etc/c, line 1: images.limit: must be a size: 500M, 20G");
	test_str(refused("images.limit = 0"),
		 "/etc/c, line 1: images.limit: must be a size: 500M, 20G");
	test_str(refused("images.limit = 1G\nimages.limit = 2G"),
		 "/etc/c, line 2: images.limit: there is another one above");
	test_str(refused("volumes.mode = nfs"),
		 "/etc/c, line 1: volumes.mode: must be one of virtiofs|9p");
	test_str(refused("rootfs.mode = disk"),
		 "/etc/c, line 1: rootfs.mode: must be one of virtiofs|image|copy");
	test_str(refused("rootfs.mode = copy\nrootfs.mode = copy"),
		 "/etc/c, line 2: rootfs.mode: there is another one above");
	test_str(refused("extras.allow"), "/etc/c, line 1: must be \"key = value\"");
	test_true(
		strstr(refused("\n\nextras.deny = /x"), "line 3: there is no key \"extras.deny\""));
	test_true(strstr(refused("extras.allow = x"), "absolute path"));
	test_true(strstr(refused("extras.allow ="), "absolute path"));
	test_true(strstr(refused("= /x"), "must be \"key = value\""));
	test_true(strstr(refused("supervisor.socket = run/x"), "absolute path"));
	test_true(strstr(refused("supervisor.socket = /a\nsupervisor.socket = /b"), "line 2"));
	(void)snprintf(path, sizeof(path), "supervisor.socket = /%0150d", 1);
	test_true(strstr(refused(path), "too long"));
	for (int i = 0; i <= CONF_LIST_MAX; i++)
		p = stpcpy(p, "extras.allow = /x\n");
	test_true(strstr(refused(many), "too many"));
	test_int(conf_parse("/etc/c", "a\0b", 3, &conf, &err), -EINVAL);
	test_true(strstr(err.text, "no text"));
}

static int load(const char *path)
{
	conf_done(&conf);
	err.text[0] = '\0';
	test_int(setenv("CAISSON_CONFIG", path, 1), 0);
	return conf_load(&conf, &err);
}

static void file(void)
{
	char dir[] = "/tmp/caisson-test.XXXXXX";
	_cleanup_free_ char *path = NULL, *want = NULL;
	int fd;

	test_true(mkdtemp(dir) != NULL);
	path = xasprintf("%s/conf", dir);
	/* One that was named must be there. */
	test_int(load(path), -ENOENT);
	test_true(strstr(err.text, path) != NULL);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	test_int(fd_write_full(fd, "extras.allow = /x\n", 18), 0);
	test_int(load(path), 0);
	test_int(conf.extras_allow.n, 1);
	test_str(conf.path, path);
	test_int(fchmod(fd, 0664), 0);
	test_int(load(path), -EPERM);
	test_int(fchmod(fd, 0646), 0);
	test_int(load(path), -EPERM);
	test_int(fchmod(fd, 0600), 0);
	test_int(ftruncate(fd, CONF_BYTES_MAX + 1), 0);
	test_int(load(path), -EFBIG);
	fd_close(fd);
	test_int(unlink(path), 0);
	test_int(load(dir), -EINVAL);
	test_int(mkfifo(path, 0600), 0);
	test_int(load(path), -EINVAL);
	test_int(unlink(path), 0);
	test_int(rmdir(dir), 0);
}

int main(void)
{
	test_run(empty_ones);
	test_run(values);
	test_run(toml);
	test_run(presets);
	test_run(each);
	test_run(bad_syntax);
	test_run(nonsense);
	test_run(file);
	conf_done(&conf);
	conf_done(&conf);
	return 0;
}
