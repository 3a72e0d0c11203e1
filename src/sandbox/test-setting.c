/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/setting.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/test.h"
#include "sandbox/cri.h"

static struct conf conf = CONF_NULL;
static struct sandbox_spec spec = SANDBOX_SPEC_NULL;
static struct err err;

static void allow(const char *text)
{
	conf_done(&conf);
	test_int(conf_parse("/etc/c", text, strlen(text), &conf, &err), 0);
}

static void add(const char *word)
{
	strv_env_set(strchr(word, '.') && strchr(word, '.') < strchr(word, '=') ? &spec.annotations
										: &spec.env,
		     word);
}

/* What comes of a container that says these words, variables and annotations. */
static int make(const char *a, const char *b)
{
	sandbox_spec_done(&spec);
	spec = (struct sandbox_spec)SANDBOX_SPEC_NULL;
	spec.hypervisor = xstrdup("");
	spec.kernel = xstrdup("");
	spec.kernel_append = xstrdup("");
	spec.console = xstrdup("");
	spec.virtiofs_cache = xstrdup("");
	spec.volume_mode = xstrdup("");
	add("PATH=/bin");
	add("org.example=x");
	add(a);
	if (b)
		add(b);
	err.text[0] = '\0';
	return settings_make(&spec, &conf, &err);
}

static void refused(const char *word, int code, const char *part)
{
	test_int(make(word, NULL), code);
	if (!strstr(err.text, part))
		test_fail("%s: \"%s\" lacks \"%s\"", word, err.text, part);
}

static void kept(void)
{
	allow("");
	test_int(make("RUNCVM_MEM_SIZE=1000K", NULL), -EINVAL);
	test_int(make("RUNCVM_MEM_SIZE=131073K", NULL), 0);
	test_true(spec.memory == UINT64_C(128) << 20);
	test_int(make("io.caisson.mem_size=1G", NULL), 0);
	test_true(spec.memory == UINT64_C(1) << 30);
	test_int(make("RUNCVM_PLACEHOLDERS=3", "io.caisson.placeholders_ro=12"), 0);
	test_int(spec.placeholders, 3);
	test_int(spec.placeholders_ro, 12);
	test_int(make("RUNCVM_CPUS=3", NULL), 0);
	test_int(spec.cpus, 3);
	test_int(make("RUNCVM_HYPERVISOR=qemu", NULL), 0);
	test_str(spec.hypervisor, "qemu");
	test_int(make("RUNCVM_KERNEL=distro", NULL), 0);
	test_str(spec.kernel, "distro");
	test_int(make("RUNCVM_ROOTFS_SIZE=2G", NULL), 0);
	test_true(spec.rootfs_size == UINT64_C(2) << 30);
	test_int(make("RUNCVM_CGROUPFS=2", NULL), 0);
	test_int(make("RUNCVM_VIRTIOFSD_CACHE=none", NULL), 0);
	test_str(spec.virtiofs_cache, "none");
	test_int(make("RUNCVM_SYSTEMD=true", NULL), 0);
	test_true(spec.systemd);
	test_int(make("RUNCVM_SYSTEMD=true", "io.caisson.systemd=0"), 0);
	test_true(!spec.systemd);
	/* As if it were not there. */
	test_int(make("RUNCVM_MEM_SIZE=", "RUNCVM_DISKS="), 0);
	test_int(spec.memory, 0);
}

static void volumes(void)
{
	test_int(make("RUNCVM_VOLUME_MODE=9p", NULL), 0);
	test_true(sandbox_spec_has_9p(&spec));
	test_int(make("RUNCVM_VOLUME_MODE=9p", "io.caisson.volume_mode=virtiofs"), 0);
	test_true(!sandbox_spec_has_9p(&spec));
}

static void early(void)
{
	test_int(make("RUNCVM_VOLUME_MODE=9p", NULL), 0);
	test_str(setting_early(&spec.env, &spec.annotations, "VOLUME_MODE"), "9p");
	test_true(!setting_early(&spec.env, &spec.annotations, "HYPERVISOR"));
	test_int(make("RUNCVM_VOLUME_MODE=9p", "io.caisson.volume_mode=virtiofs"), 0);
	test_str(setting_early(&spec.env, &spec.annotations, "VOLUME_MODE"), "virtiofs");
	test_int(make("RUNCVM_VOLUME_MODE=", NULL), 0);
	test_true(!setting_early(&spec.env, &spec.annotations, "VOLUME_MODE"));
}

static void console(void)
{
	static const struct {
		const char *word, *want;
		bool stages;
	} all[] = {
		{"RUNCVM_LOG_LEVEL=OFF", ""},
		{"RUNCVM_LOG_LEVEL=error", ""},
		{"RUNCVM_LOG_LEVEL=INFO", SANDBOX_CONSOLE_KEPT},
		{"RUNCVM_LOG_LEVEL=DEBUG", SANDBOX_CONSOLE_DEBUG, true},
		{"RUNCVM_KERNEL_DEBUG=1", SANDBOX_CONSOLE_DEBUG},
		{"RUNCVM_KERNEL_DEBUG=yes", SANDBOX_CONSOLE_DEBUG},
		{"io.caisson.kernel_debug=true", SANDBOX_CONSOLE_DEBUG},
		{"RUNCVM_KERNEL_DEBUG=0", ""},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		test_int(make(all[i].word, NULL), 0);
		test_str(spec.console, all[i].want);
		test_int(spec.stages, all[i].stages);
	}
	/* It takes nothing away. */
	test_int(make("RUNCVM_LOG_LEVEL=info", "RUNCVM_KERNEL_DEBUG=0"), 0);
	test_str(spec.console, SANDBOX_CONSOLE_KEPT);
}

static void which_counts(void)
{
	test_int(make("RUNCVM_CPUS=3", "io.caisson.cpus=2"), 0);
	test_int(spec.cpus, 2);
	test_int(make("RUNCVM_KERNEL=new", "RUNCVM_FC_KERNEL_PATH=old"), 0);
	test_str(spec.kernel, "new");
	test_int(make("RUNCVM_KERNEL=new", "io.caisson.fc_kernel_path=old"), 0);
	test_str(spec.kernel, "old");
}

static void machine(void)
{
	test_int(make("RUNCVM_MACHINE=q35", "RUNCVM_BIOS=EFI"), 0);
	test_true(sandbox_spec_has_pc(&spec) && sandbox_spec_has_vnc(&spec));
	test_str(spec.bios, "efi");
	test_int(settings_check(&spec, &conf, &err), 0);
	test_int(make("RUNCVM_MACHINE=q35", "RUNCVM_DISPLAY_MODE=headless"), 0);
	test_true(!sandbox_spec_has_vnc(&spec));
	test_int(make("io.caisson.machine=q35", "RUNCVM_QEMU_USB=no"), 0);
	test_str(spec.usb, "0");
	/* Of what is no PC they would say nothing. */
	test_int(make("RUNCVM_BIOS=efi", NULL), 0);
	test_int(settings_check(&spec, &conf, &err), -EINVAL);
	test_true(strstr(err.text, "RUNCVM_BIOS=efi goes with the machine q35 only"));
	test_int(make("RUNCVM_DISPLAY_MODE=serial", NULL), 0);
	test_int(settings_check(&spec, &conf, &err), 0);
	allow("settings.allow = [\"qemu_vnc_display\"]");
	test_int(make("RUNCVM_MACHINE=q35", "RUNCVM_QEMU_VNC_DISPLAY=127.0.0.1:3"), 0);
	test_str(spec.vnc, "5903");
	refused("RUNCVM_QEMU_VNC_DISPLAY=:100", -EINVAL, "no display from :0 to :99");
	refused("RUNCVM_QEMU_VNC_DISPLAY=0.0.0.0:1", -EINVAL, "127.0.0.1's");
	test_int(make("RUNCVM_QEMU_VGA=none", "RUNCVM_QEMU_VNC_DISPLAY=1"), 0);
	strv_add(&spec.annotations, "io.caisson.machine=q35");
	test_int(settings_make(&spec, &conf, &err), 0);
	test_int(settings_check(&spec, &conf, &err), -EINVAL);
	test_true(strstr(err.text, "there is none"));
	allow("");
}

static void values(void)
{
	static const struct {
		const char *word, *part;
	} all[] = {
		{"RUNCVM_MEM_SIZE=1M", "RUNCVM_MEM_SIZE of '1M' is no size from 64M to 1048576M"},
		{"RUNCVM_MEM_SIZE=2T", "is no size"},
		{"RUNCVM_MEM_SIZE=much", "is no size"},
		{"io.caisson.mem_size=x", "io.caisson.mem_size of 'x' is no size"},
		{"RUNCVM_CPUS=0", "is no number from 1 to 64"},
		{"RUNCVM_CPUS=65", "is no number"},
		{"RUNCVM_PLACEHOLDERS=13", "is no number from 0 to 12"},
		{"RUNCVM_CPUS=0.5", "is no number"},
		{"RUNCVM_HYPERVISOR=fake", "is not one of qemu"},
		{"RUNCVM_HYPERVISOR=bochs", "is not one of qemu"},
		{"RUNCVM_MACHINE=pc", "is not one of microvm|q35"},
		{"RUNCVM_BIOS=seabios", "is not EFI"},
		{"RUNCVM_QEMU_VGA=1", "is not one of std|"},
		{"RUNCVM_DISPLAY_MODE=gtk", "is not one of vnc|headless|serial"},
		{"RUNCVM_QEMU_USB=2", "is neither 1 nor 0"},
		{"RUNCVM_LOG_LEVEL=loud", "is not one of off|error|info|debug"},
		{"RUNCVM_KERNEL_DEBUG=2", "is neither 1 nor 0"},
		{"RUNCVM_ROOTFS_SIZE=1k", "is no size from 1M"},
		{"RUNCVM_VOLUME_MODE=nfs", "is not one of virtiofs|9p"},
		{"RUNCVM_VIRTIOFSD_CACHE=never", "is not one of auto|always|none"},
		{"RUNCVM_CPUS=\x1b[2J", "RUNCVM_CPUS is not printable ASCII"},
	};
	_cleanup_free_ char *many = xmalloc(SETTING_VALUE_MAX + 64);

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		refused(all[i].word, -EINVAL, all[i].part);
	refused("RUNCVM_CGROUPFS=1", -ENOTSUP, "version 2");
	(void)snprintf(many, SETTING_VALUE_MAX + 64, "RUNCVM_KERNEL=%0*d", SETTING_VALUE_MAX + 1,
		       1);
	refused(many, -EINVAL, "longer than 1024");
}

static void every_one_of_them(void)
{
	static const struct {
		int code;
		const char *names;
	} all[] = {
		{-ENOTSUP, /* refused */
		 "BIOS_DEBUG QEMU_DISPLAY INIT BREAK DEBUG RUNTIME_DEBUG QEMU_DEBUG LOG_FILE "
		 "QEMU_ARCH QEMU_NET_VHOST "
		 "SYS_ADMIN KERNEL_MOUNT_LIB_MODULES NETWORK_MODE ENABLE_BALLOON BALLOON_SIZE_MIB "
		 "ROOTFS_EXTRA NFS_VOLUMES NFS_DIR NFS_UID NFS_GID NFS_PORT NFS_HOST_EXPORTS "
		 "SOCKET_DIR"},
		{-EPERM, "KERNEL_APPEND KERNEL_ARGS QEMU_MEM_PREALLOC HUGETLB QEMU_VNC_DISPLAY"},
		{0, "CACHE_KEY DNS_IP ENTRYPOINT GUEST HAS_HOME JQ KERNEL_ID KERNEL_IDVER "
		    "KERNEL_INITRAMFS_PATH KERNEL_PATH KERNEL_ROOT KERNEL_OS_X KERNEL_MODULES_X "
		    "KUBERNETES_MODE LD MEM_LIMIT TMPFS UIDGID VM_MOUNTPOINT"},
	};

	allow("");
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		_cleanup_free_ char *names = xstrdup(all[i].names);
		char *rest = names, *name;

		while ((name = strsep(&rest, " "))) {
			_cleanup_free_ char *word = xasprintf("RUNCVM_%s=1", name);

			test_int(make(word, NULL), all[i].code);
			test_true(all[i].code == 0 || strstr(err.text, name));
		}
	}
}

static void what_cannot_be_had(void)
{
	refused("RUNCVM_BREAK=prenet", -ENOTSUP, "RUNCVM_BREAK cannot be had: no shell");
	refused("RUNCVM_LOG_FILE=/etc/passwd", -ENOTSUP, "does not choose files");
	refused("RUNCVM_MEMSIZE=1G", -EINVAL,
		"RUNCVM_MEMSIZE in the container's environment is no setting");
	refused("RUNCVM_\x1b=1", -EINVAL, "RUNCVM_? in");
	/* Notes of another runtime's, which are no annotations. */
	test_int(make("RUNCVM_GUEST=/x", "RUNCVM_KERNEL_OS_SOMETHING=1"), 0);
	test_int(make("RUNCVM_UIDGID=\x1b", NULL), 0);
	test_true(!setting_is_annotation("io.caisson.guest", 16));
}

/* Of a Service that is called runcvm, or runcvm-nfs. */
static void what_kubernetes_makes_is_no_setting(void)
{
	static const char *const words[] = {
		"RUNCVM_SERVICE_HOST=10.0.0.1",	       "RUNCVM_SERVICE_PORT_HTTP=80",
		"RUNCVM_PORT=tcp://10.0.0.1:80",       "RUNCVM_PORT_80_TCP_ADDR=10.0.0.1",
		"RUNCVM_NFS_PORT=tcp://10.0.0.1:2049",
	};
	struct sandbox_spec first = SANDBOX_SPEC_NULL;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		test_int(make(words[i], CRI_SANDBOX_ID "=1"), 0);
		test_int(settings_join(&spec, &first, &conf, &err), 0);
		test_int(spec.notes.n, 0);
		test_true(make(words[i], NULL) < 0);
	}
	test_int(make("RUNCVM_NFS_PORT=2049", CRI_SANDBOX_ID "=1"), -ENOTSUP);
	test_int(make("RUNCVM_SERVICE=1", CRI_SANDBOX_ID "=1"), -EINVAL);
	sandbox_spec_done(&first);
}

static void privileged(void)
{
	allow("");
	refused("RUNCVM_KERNEL_APPEND=debug", -EPERM, "unless settings.allow in /etc/c has it");
	refused("RUNCVM_KERNEL_ARGS=debug", -EPERM, "settings.allow");
	allow("settings.allow = [\"kernel_append\"]");
	test_int(make("RUNCVM_KERNEL_APPEND=debug x=y", NULL), 0);
	test_str(spec.kernel_append, "debug x=y");
	refused("RUNCVM_KERNEL_ARGS=debug", -EPERM, "settings.allow");
	allow("settings.allow = ['*']");
	test_int(make("RUNCVM_KERNEL_ARGS=a", "RUNCVM_KERNEL_APPEND=b"), 0);
	test_str(spec.kernel_append, "b");
	refused("RUNCVM_HUGETLB=maybe", -EINVAL, "is neither 1 nor 0");
	test_int(make("RUNCVM_HUGETLB=1", "io.caisson.qemu_mem_prealloc=true"), 0);
	test_true(spec.memory_huge && spec.memory_prealloc);
	test_int(make("RUNCVM_HUGETLB=1", "io.caisson.hugetlb=0"), 0);
	test_true(!spec.memory_huge && !spec.memory_prealloc);
	allow("settings.allow = \"*\"\nsettings.deny = [\"cpus\", \"kernel_append\"]");
	refused("RUNCVM_CPUS=1", -EPERM, "settings.deny in /etc/c has it");
	refused("io.caisson.kernel_append=x", -EPERM, "settings.deny in /etc/c has it");
	test_int(make("RUNCVM_MEM_SIZE=1G", NULL), 0);
	allow("settings.deny = \"*\"");
	refused("RUNCVM_MEM_SIZE=1G", -EPERM, "settings.deny");
	test_int(make("RUNCVM_GUEST=1", NULL), 0);
}

static void kernels(void)
{
	char dir[] = "/tmp/caisson-test.XXXXXX";
	_cleanup_free_ char *text = NULL, *folder = NULL, *good = NULL, *word = NULL, *link = NULL,
			    *out = NULL, *up = NULL, *beside = NULL;

	test_true(mkdtemp(dir) != NULL);
	folder = xasprintf("%s/kernels", dir);
	beside = xasprintf("%s/kernels2", dir);
	good = xasprintf("%s/vmlinux", folder);
	link = xasprintf("%s/out", folder);
	test_int(mkdir(folder, 0700) | mkdir(beside, 0700), 0);
	fclose(fopen(good, "w"));
	test_int(symlink("/etc/passwd", link), 0);
	allow("");
	word = xasprintf("RUNCVM_KERNEL=%s", good);
	refused(word, -EPERM, "is a path, and an image may have set it");
	text = xasprintf("kernel.allow = '%s'", folder);
	allow(text);
	test_int(make(word, NULL), 0);
	test_true(strstr(spec.kernel, "/kernels/vmlinux"));
	out = xasprintf("RUNCVM_KERNEL=%s", link);
	refused(out, -EPERM, "kernel.allow in /etc/c");
	up = xasprintf("RUNCVM_KERNEL=%s/../kernels2", folder);
	refused(up, -EPERM, "kernel.allow");
	refused("RUNCVM_KERNEL=./vmlinux", -EPERM, "kernel.allow");
	test_int(unlink(link) | unlink(good) | rmdir(folder) | rmdir(beside) | rmdir(dir), 0);
}

static void limits(void)
{
	allow("limit.memory = 1G\nlimit.cpus = 2\nlimit.rootfs_size = 1G");
	test_int(make("RUNCVM_MEM_SIZE=1G", "RUNCVM_CPUS=2"), 0);
	test_int(settings_check(&spec, &conf, &err), 0);
	spec.memory++;
	test_int(settings_check(&spec, &conf, &err), -EPERM);
	test_str(err.text,
		 "1024M of memory are more than limit.memory in /etc/c lets a VM have: 1024M");
	spec.memory--;
	spec.cpus = 3;
	test_int(settings_check(&spec, &conf, &err), -EPERM);
	test_str(err.text, "3 CPUs are more than limit.cpus in /etc/c lets a VM have: 2");
	spec.cpus = 1;
	spec.rootfs_size = UINT64_C(2) << 30;
	test_int(settings_check(&spec, &conf, &err), -EPERM);
	allow("");
	test_int(settings_check(&spec, &conf, &err), 0);
}

static void names(void)
{
	test_true(setting_known("mem_size") && setting_known("kernel_append") &&
		  setting_known("*"));
	test_true(!setting_known("MEM_SIZE") && !setting_known("break") && !setting_known(""));
	test_true(!setting_known("guest") && !setting_known("mem_siz"));
	test_true(setting_is_annotation("io.caisson.mem_size=x", 19));
	test_true(!setting_is_annotation("io.caisson.mem_size=x", 18));
	test_true(!setting_is_annotation("io.caisson.MEM_SIZE", 19));
}

/* The same of one that comes to a VM which was started with @first, an annotation. */
static int join(const char *first, const char *a, const char *b)
{
	struct sandbox_spec vm = SANDBOX_SPEC_NULL;
	int r;

	(void)make("A=b", NULL);
	add(a);
	if (b)
		add(b);
	strv_add(&vm.annotations, first);
	spec.part = 1;
	r = settings_join(&spec, &vm, &conf, &err);
	sandbox_spec_done(&vm);
	return r;
}

static void those_who_come_later_say_nothing_of_the_vm(void)
{
	allow("settings.deny = [\"cpus\"]");
	/* What it says of itself counts. */
	test_int(join("a=b", "RUNCVM_SYSTEMD=1", "io.caisson.log_level=debug"), 0);
	test_true(spec.systemd && spec.stages);
	test_str(spec.console, "");
	test_int(spec.notes.n, 0);
	test_int(join("a=b", "RUNCVM_SYSTEMD=maybe", NULL), -EINVAL);
	test_int(join("a=b", "RUNCVM_CGROUPFS=1", NULL), -ENOTSUP);
	/* An image that was made for VMs of its own goes on. */
	test_int(join("a=b", "RUNCVM_MEM_SIZE=no size", "RUNCVM_KERNEL_APPEND=x"), 0);
	test_int(spec.memory, 0);
	test_str(spec.kernel_append, "");
	test_int(spec.notes.n, 2);
	test_str(spec.notes.v[0],
		 "RUNCVM_MEM_SIZE is about the virtual machine, which was there before the "
		 "container: of a pod its annotation io.caisson.mem_size counts");
	test_int(join("a=b", "RUNCVM_CPUS=2", "RUNCVM_MEM_SIZE="), 0);
	test_int(spec.notes.n, 1);
	/* An annotation beats the variable, that of the pod too. */
	test_int(join("io.caisson.hypervisor=qemu", "RUNCVM_HYPERVISOR=firecracker", NULL), 0);
	test_int(spec.notes.n, 0);
	/* What nobody can have, or has misspelt, is refused as ever. */
	test_int(join("a=b", "RUNCVM_BREAK=x", NULL), -ENOTSUP);
	test_int(join("a=b", "RUNCVM_MEMSIZE=1G", NULL), -EINVAL);
	test_int(join("a=b", "RUNCVM_GUEST=x", NULL), 0);
	test_int(spec.notes.n, 0);
	/* All of a pod's containers have its annotations. */
	test_int(join("io.caisson.mem_size=1G", "io.caisson.mem_size=1G", NULL), 0);
	test_int(join("io.caisson.mem_size=1G", "io.caisson.mem_size=2G", NULL), -ENOTSUP);
	test_true(strstr(err.text, "annotation io.caisson.mem_size: it is about the VM"));
	test_int(join("io.spin.extras.files={}", "io.spin.extras.files={}", NULL), 0);
	test_int(join("a=b", "io.spin.extras.files={}", NULL), -ENOTSUP);
	test_true(strstr(err.text, "annotation io.spin.extras.files: it is about the VM"));
}

int main(void)
{
	test_run(those_who_come_later_say_nothing_of_the_vm);
	test_run(kept);
	test_run(volumes);
	test_run(early);
	test_run(console);
	test_run(which_counts);
	test_run(machine);
	test_run(values);
	test_run(every_one_of_them);
	test_run(what_cannot_be_had);
	test_run(what_kubernetes_makes_is_no_setting);
	test_run(privileged);
	test_run(kernels);
	test_run(limits);
	test_run(names);
	sandbox_spec_done(&spec);
	conf_done(&conf);
	return 0;
}
