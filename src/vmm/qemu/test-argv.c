/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qemu/argv.h"

#include "abi/abi.h"
#include "base/test.h"

static struct qemu_command c;

static struct vmm_spec a_spec(void)
{
	struct vmm_spec spec = VMM_SPEC_NULL;

	spec.name = "a";
	spec.memory = UINT64_C(256) << 20;
	spec.kernel = "/k";
	spec.initrd = "/i";
	return spec;
}

static void render(const struct vmm_spec *spec)
{
	qemu_command_done(&c);
	test_int(qemu_argv(spec, 40, 2600000, &c), 0);
}

/* Is @value somewhere, and does @option (if any) come before it? */
static bool has(const char *option, const char *value)
{
	for (size_t i = 1; i < c.argv.n; i++)
		if (strcmp(c.argv.v[i], value) == 0 &&
		    (!option || strcmp(c.argv.v[i - 1], option) == 0))
			return true;
	return false;
}

static const char *after(const char *option)
{
	for (size_t i = 1; i < c.argv.n; i++)
		if (strcmp(c.argv.v[i - 1], option) == 0)
			return c.argv.v[i];
	return NULL;
}

/* Each word either is an option or follows one; returns how many options there are. */
static size_t count(const char *option)
{
	size_t n = 0;

	for (size_t i = 0; i < c.argv.n; i++)
		n += strcmp(c.argv.v[i], option) == 0;
	return n;
}

static void plain_machine(void)
{
	struct vmm_spec spec = a_spec();

	spec.cpus = 3;
	render(&spec);
	test_true(strstr(after("-append"), "tsc=reliable") != NULL);
	test_str(c.argv.v[0], QEMU_PROGRAM);
	test_str(after("-m"), "256M");
	test_str(after("-smp"), "3");
	test_str(after("-accel"), "tcg,tb-size=128");
	test_str(after("-cpu"), "max,-erms,-fsrm");
	test_str(after("-kernel"), "/k");
	test_str(after("-initrd"), "/i");
	test_true(has("-object", "memory-backend-memfd,id=mem,size=256M,share=on"));
	test_true(has("-global", "virtio-mmio.force-legacy=false"));
	test_true(has("-chardev", "socket,id=qmp,fd=3"));
	test_int(c.n_fds, 1);
	test_int(c.fds[0], 40);
	test_int(count("-device"), 0);
	test_int(count("-blockdev") + count("-add-fd"), 0);
	test_true(strstr(after("-append"), " tsc_early_khz=2600000") != NULL);
	test_true(strstr(after("-append"), " caisson_emulated=1") != NULL);
	test_true(strstr(after("-append"), "quiet") != NULL);
}

static void a_kernel_may_say_all(void)
{
	struct vmm_spec spec = a_spec();

	spec.verbose = true;
	render(&spec);
	test_true(strstr(after("-append"), " ignore_loglevel") != NULL);
	test_true(strstr(after("-append"), "quiet") == NULL);
}

static void memory_may_be_taken_at_once(void)
{
	struct vmm_spec spec = a_spec();

	spec.prealloc = true;
	render(&spec);
	test_true(has("-object", "memory-backend-memfd,id=mem,size=256M,share=on,prealloc=on"));
	spec.huge = true;
	spec.prealloc = false;
	render(&spec);
	test_true(has("-object", "memory-backend-memfd,id=mem,size=256M,share=on,hugetlb=on"));
}

static void kvm_needs_no_frequency(void)
{
	struct vmm_spec spec = a_spec();

	spec.accel = VMM_ACCEL_KVM;
	render(&spec);
	test_str(after("-accel"), "kvm");
	test_str(after("-cpu"), "host");
	test_true(strstr(after("-append"), "tsc_early_khz") == NULL);
	test_true(strstr(after("-append"), "emulated") == NULL);
}

static void a_pc(void)
{
	const struct vmm_pc all = {
		.vga = "virtio", .usb = true, .firmware = "/f", .vnc_path = "/a,b"};
	const struct vmm_pc none = {.vga = "none"}, tcp = {.vga = "std", .vnc_port = 5907};
	const struct vmm_disk disk = {.fd = 60, .serial = "d", .device = true};
	struct vmm_spec spec = a_spec();

	spec.pc = &all;
	spec.tuned = true;
	spec.disks = &disk;
	spec.n_disks = 1;
	spec.vsock = (struct vmm_vsock){.kind = VMM_VSOCK_VHOST_USER, .fd = 50};
	render(&spec);
	test_true(strncmp(after("-machine"), "q35,", 4) == 0);
	test_int(count("-global"), 0);
	test_str(after("-bios"), "/f");
	test_str(after("-vnc"), "unix:/a,,b");
	test_true(has("-device", "virtio-vga") && has("-device", "usb-tablet"));
	test_true(has("-device", "vhost-user-vsock-pci,chardev=vsock"));
	test_true(has("-device",
		      "virtio-blk-pci,id=disk-device0,drive=disk0,serial=d,werror=report"));
	test_true(strstr(after("-blockdev"), "file.driver=host_device") != NULL);
	test_true(strncmp(after("-append"), "console=tty0 console=ttyS0", 26) == 0);
	spec.vsock.kind = VMM_VSOCK_NONE;
	spec.n_disks = 0;
	spec.pc = &none;
	render(&spec);
	test_int(count("-device") + count("-vnc") + count("-bios"), 0);
	spec.pc = &tcp;
	render(&spec);
	test_str(after("-vnc"), "127.0.0.1:7");
	test_true(has("-device", "VGA"));
}

static void own_kernel_needs_no_acpi(void)
{
	static struct vmm_share shares[4];
	struct vmm_spec spec = a_spec();

	render(&spec);
	test_true(strstr(after("-machine"), "acpi=on") != NULL);
	test_true(strstr(after("-append"), "lapic_hz") == NULL);
	spec.tuned = true;
	spec.vsock = (struct vmm_vsock){.kind = VMM_VSOCK_VHOST_USER, .fd = 50};
	spec.shares = shares;
	for (size_t i = 0; i < ARRAY_SIZE(shares); i++)
		shares[i] = (struct vmm_share){.tag = "t", .fd = 51};
	spec.n_shares = 3;
	render(&spec);
	test_true(strstr(after("-machine"), "acpi=off") != NULL);
	test_true(strstr(after("-append"), "lapic_hz=1000000000") != NULL);
	/* One more has no interrupt of its own without. */
	spec.n_shares = 4;
	render(&spec);
	test_true(strstr(after("-machine"), "acpi=on") != NULL);
	/* A disk is a device like others. */
	spec.n_shares = 2;
	spec.disks = (const struct vmm_disk[]){{.fd = 60, .serial = "d", .readonly = true}};
	spec.n_disks = 1;
	render(&spec);
	test_true(strstr(after("-machine"), "acpi=off") != NULL);
	spec.n_shares = 3;
	render(&spec);
	test_true(strstr(after("-machine"), "acpi=on") != NULL);
	spec.n_disks = 0;
	spec.n_shares = 0;
	spec.accel = VMM_ACCEL_KVM;
	render(&spec);
	test_true(strstr(after("-machine"), "acpi=on") != NULL);
	test_true(strstr(after("-append"), "lapic_hz") == NULL);
	test_true(strstr(after("-append"), "tsc=reliable") == NULL);
}

static void unknown_frequency_is_left_out(void)
{
	struct vmm_spec spec = a_spec();

	qemu_command_done(&c);
	test_int(qemu_argv(&spec, 40, 0, &c), 0);
	test_true(strstr(after("-append"), "tsc_early_khz") == NULL);
}

static void slots_for_disks(void)
{
	struct vmm_spec spec = a_spec();

	spec.disks = (const struct vmm_disk[]){{.fd = 60, .serial = "one"}};
	spec.n_disks = 1;
	spec.slots.writable = 2;
	render(&spec);
	test_true(has("-blockdev", "driver=null-co,node-name=empty1,size=512,read-zeroes=on"));
	test_true(has("-blockdev", "driver=raw,node-name=disk2,file=empty1"));
	test_true(has("-device", "virtio-blk-device,id=disk-device2,drive=disk2,"
				 "serial=caisson-slot1,werror=report"));
}

static void disks_by_descriptor(void)
{
	const struct vmm_disk disks[] = {
		{.fd = 60, .serial = "one", .readonly = true},
		{.fd = 61, .serial = "two"},
	};
	struct vmm_spec spec = a_spec();

	spec.disks = disks;
	spec.n_disks = ARRAY_SIZE(disks);
	render(&spec);
	test_true(has("-add-fd", "fd=4,set=0"));
	test_true(has("-blockdev", "driver=raw,node-name=disk0,read-only=on,file.driver=file,"
				   "file.filename=/dev/fdset/0,file.read-only=on"));
	test_true(has("-device",
		      "virtio-blk-device,id=disk-device0,drive=disk0,serial=one,werror=report"));
	test_true(has("-add-fd", "fd=5,set=1"));
	test_true(has("-blockdev", "driver=raw,node-name=disk1,read-only=off,file.driver=file,"
				   "file.filename=/dev/fdset/1,file.read-only=off"));
	test_true(has("-device",
		      "virtio-blk-device,id=disk-device1,drive=disk1,serial=two,werror=report"));
	test_int(c.n_fds, 3);
	test_int(c.fds[1], 60);
	test_int(c.fds[2], 61);
}

static void devices_by_descriptor(void)
{
	const struct vmm_share shares[] = {
		{.tag = ABI_SHARE_TAG, .fd = 51},
		{.tag = "vol-1", .fd = 52},
	};
	struct vmm_spec spec = a_spec();

	spec.vsock = (struct vmm_vsock){.kind = VMM_VSOCK_VHOST_USER, .fd = 50};
	spec.shares = shares;
	spec.n_shares = ARRAY_SIZE(shares);
	render(&spec);
	test_true(has("-chardev", "socket,id=vsock,fd=4"));
	test_true(has("-device", "vhost-user-vsock-device,chardev=vsock"));
	test_true(has("-chardev", "socket,id=fs0,fd=5"));
	test_true(has("-device",
		      "vhost-user-fs-device,chardev=fs0,tag=caisson-share,queue-size=1024"));
	test_true(has("-device", "vhost-user-fs-device,chardev=fs1,tag=vol-1,queue-size=1024"));
	test_int(c.n_fds, 4);
	test_int(c.fds[1], 50);
	test_int(c.fds[2], 51);
	test_int(c.fds[3], 52);
}

static void vhost_of_the_host(void)
{
	struct vmm_spec spec = a_spec();

	spec.vsock = (struct vmm_vsock){.kind = VMM_VSOCK_VHOST, .fd = 50, .cid = 77};
	render(&spec);
	test_true(has("-device", "vhost-vsock-device,guest-cid=77,vhostfd=4"));
	test_int(c.fds[1], 50);
}

/* Commas end a value for QEMU, and are doubled to be one; nothing else means anything there. */
static void hostile_paths_stay_one_value(void)
{
	const struct vmm_share share = {
		.tag = "t", .fd = -EBADF, .socket_path = ",fd=0,,x=\"$(id)\n -device"};
	struct vmm_spec spec = a_spec();

	spec.kernel = "/k,initrd=/etc/shadow -monitor stdio";
	spec.initrd = "-S";
	spec.vsock = (struct vmm_vsock){
		.kind = VMM_VSOCK_VHOST_USER, .fd = -EBADF, .socket_path = "/r/a,server=on"};
	spec.shares = &share;
	spec.n_shares = 1;
	render(&spec);
	test_true(has("-chardev", "socket,id=vsock,path=/r/a,,server=on"));
	test_true(has("-chardev", "socket,id=fs0,path=,,fd=0,,,,x=\"$(id)\n -device"));
	/* Taken as they are: these options have no syntax of their own. */
	test_str(after("-kernel"), "/k,initrd=/etc/shadow -monitor stdio");
	test_str(after("-initrd"), "-S");
	test_int(c.n_fds, 1);
}

static void command_line_words_come_last(void)
{
	const char *const words[] = {"caisson_port=5", "x", NULL};
	struct vmm_spec spec = a_spec();
	const char *line;

	spec.cmdline = words;
	render(&spec);
	line = after("-append");
	test_str(line + strlen(line) - strlen(" caisson_port=5 x"), " caisson_port=5 x");
}

static void long_command_line_is_refused(void)
{
	static char word[ABI_CMDLINE_MAX];
	const char *const words[] = {word, NULL};
	struct vmm_spec spec = a_spec();

	memset(word, 'x', sizeof(word) - 1);
	spec.cmdline = words;
	qemu_command_done(&c);
	test_int(qemu_argv(&spec, 40, 0, &c), -E2BIG);
	test_true(c.argv.v == NULL);
	/* QEMU needs room for what it adds itself. */
	word[ABI_CMDLINE_MAX - 450] = '\0';
	test_int(qemu_argv(&spec, 40, 0, &c), -E2BIG);
	word[950] = '\0';
	render(&spec);
}

int main(void)
{
	test_run(plain_machine);
	test_run(a_kernel_may_say_all);
	test_run(memory_may_be_taken_at_once);
	test_run(kvm_needs_no_frequency);
	test_run(a_pc);
	test_run(own_kernel_needs_no_acpi);
	test_run(unknown_frequency_is_left_out);
	test_run(devices_by_descriptor);
	test_run(disks_by_descriptor);
	test_run(slots_for_disks);
	test_run(vhost_of_the_host);
	test_run(hostile_paths_stay_one_value);
	test_run(command_line_words_come_last);
	test_run(long_command_line_is_refused);
	qemu_command_done(&c);
	return 0;
}
