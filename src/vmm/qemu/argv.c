/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qemu/argv.h"

#include <stdio.h>
#include <string.h>

#include "abi/abi.h"
#include "base/mem.h"
#include "vmm/cmdline.h"
#include "vmm/qemu/slots.h"

/*
 * Theory of operation. The machine is "microvm": no PCI, no firmware beyond the few kilobytes that
 * enter the kernel through its PVH note, devices on virtio-mmio; or "q35", a PC (pc.c). What the guest talks to is handed
 * over as descriptors, so that no name can be misread or change meaning before QEMU opens it; the
 * names that remain are checked words, or paths with their commas doubled, which is QEMU's only
 * quoting (QemuOpts).
 *
 * QEMU adds the virtio-mmio devices to the kernel's command line itself where there is no ACPI.
 */

/*
 * How much translated code QEMU keeps. By itself it would be a GiB, which belongs to nobody: a container's
 * memory is what its machine has and OCI_HOST_MEMORY_OVERHEAD (oci/resources.h).
 */
#define TRANSLATED_MIB "128"

/* What QEMU may add: "virtio_mmio.device=512@0xfeb00000:12 " for each device. */
#define CMDLINE_RESERVE (40 * (2 + VMM_SHARES_MAX + VMM_DISKS_MAX))

/* QEMU's end of the chain: 2 and a comma for a comma. */
char *qemu_escape(const char *s)
{
	char *out = xmalloc(2 * strlen(s) + 1), *p = out;

	for (; *s; s++) {
		if (*s == ',')
			*p++ = ',';
		*p++ = *s;
	}
	*p = '\0';
	return out;
}

static int inherit(struct qemu_command *c, int fd)
{
	c->fds[c->n_fds] = fd;
	return QEMU_FD_BASE + (int)c->n_fds++;
}

/* A connection to a vhost-user backend. */
static void add_socket(struct qemu_command *c, const char *id, int fd, const char *path)
{
	_cleanup_free_ char *escaped = NULL;

	strv_add(&c->argv, "-chardev");
	if (fd >= 0) {
		strv_addf(&c->argv, "socket,id=%s,fd=%d", id, inherit(c, fd));
		return;
	}
	escaped = qemu_escape(path);
	strv_addf(&c->argv, "socket,id=%s,path=%s", id, escaped);
}

/*
 * Without ACPI, QEMU tells the devices' addresses on the kernel's command line and has interrupts
 * 12 downwards for them, of which the fifth is the real-time clock's. It saves an emulated guest a
 * tenth of its boot, if the kernel has what it takes; under KVM there is next to nothing to save.
 */
#define DEVICES_WITHOUT_ACPI 4

static bool without_acpi(const struct vmm_spec *spec)
{
	size_t devices = spec->n_shares + spec->n_disks + spec->slots.writable + spec->n_nics +
			 (spec->vsock.kind != VMM_VSOCK_NONE);

	return !spec->pc && spec->tuned && spec->accel == VMM_ACCEL_TCG &&
	       devices <= DEVICES_WITHOUT_ACPI;
}

static void add_chipset(struct qemu_command *c, const struct vmm_spec *spec)
{
	strv_add(&c->argv, "-machine");
	if (spec->pc) {
		strv_add(&c->argv, "q35,smm=off,vmport=off,sata=off,smbus=off,memory-backend=mem");
		return;
	}
	strv_addf(&c->argv,
		  "microvm,x-option-roms=off,pit=off,pic=off,rtc=on,isa-serial=on,acpi=%s,"
		  "memory-backend=mem",
		  without_acpi(spec) ? "off" : "on");
	/* vhost-user backends speak virtio 1.0 and later only. */
	strv_add(&c->argv, "-global");
	strv_add(&c->argv, "virtio-mmio.force-legacy=false");
}

static void add_machine(struct qemu_command *c, const struct vmm_spec *spec)
{
	static const char *const fixed[] = {
		"-no-user-config",
		"-nodefaults",
		"-nographic",
		"-no-reboot",
		"-sandbox",
		"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
	};
	unsigned long long mib = spec->memory >> 20;
	bool kvm = spec->accel == VMM_ACCEL_KVM;

	strv_add(&c->argv, spec->program ? spec->program : QEMU_PROGRAM);
	strv_add(&c->argv, "-name");
	strv_add(&c->argv, spec->name);
	add_chipset(c, spec);
	strv_add(&c->argv, "-accel");
	strv_add(&c->argv, kvm ? "kvm" : "tcg,tb-size=" TRANSLATED_MIB);
	strv_add(&c->argv, "-cpu");
	/* Told that "rep movsb" is fast Linux copies bytes, and each of them is slow to emulate. */
	strv_add(&c->argv, kvm ? "host" : "max,-erms,-fsrm");
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		strv_add(&c->argv, fixed[i]);
	strv_add(&c->argv, "-smp");
	strv_addf(&c->argv, "%u", spec->cpus);
	strv_add(&c->argv, "-m");
	strv_addf(&c->argv, "%lluM", mib);
	/* Shared, so that vhost-user backends can map the guest's memory. */
	strv_add(&c->argv, "-object");
	strv_addf(&c->argv, "memory-backend-memfd,id=mem,size=%lluM,share=on%s%s", mib,
		  spec->prealloc ? ",prealloc=on" : "", spec->huge ? ",hugetlb=on" : "");
}

/*
 * An emulated guest cannot measure its clocks on a busy host, and is left without one when it
 * fails; told their rates it need not try. QEMU's counter is the host's, so it is reliable, on all
 * CPUs; its local APIC counts nanoseconds (hw/intc/apic_common.c). Writing over code that was
 * translated already is dear, while the lock prefixes that this would remove are not.
 */
static void emulated_words(const struct vmm_spec *spec, uint32_t tsc_khz, struct strv *line)
{
	if (tsc_khz)
		strv_addf(line, "tsc_early_khz=%u", tsc_khz);
	strv_add(line, "tsc=reliable");
	strv_add(line, "noreplace-smp");
	strv_add(line, ABI_CMDLINE_EMULATED "1");
	if (spec->tuned)
		strv_add(line, "lapic_hz=1000000000");
}

static int add_kernel(struct qemu_command *c, const struct vmm_spec *spec, uint32_t tsc_khz)
{
	_cleanup_strv_ struct strv words = STRV_NULL;
	_cleanup_free_ char *line = NULL;

	strv_add(&words, "reboot=t");
	if (spec->accel == VMM_ACCEL_TCG)
		emulated_words(spec, tsc_khz, &words);
	line = vmm_cmdline(spec, (const char *const *)words.v, CMDLINE_RESERVE);
	if (!line)
		return -E2BIG;
	strv_add(&c->argv, "-kernel");
	strv_add(&c->argv, spec->kernel);
	strv_add(&c->argv, "-initrd");
	strv_add(&c->argv, spec->initrd);
	strv_add(&c->argv, "-append");
	strv_take(&c->argv, take_ptr(line));
	return 0;
}

/* QEMU's standard output is the console; nothing can be typed. */
static void add_console(struct qemu_command *c)
{
	strv_add(&c->argv, "-chardev");
	strv_add(&c->argv, "stdio,id=console,signal=off");
	strv_add(&c->argv, "-serial");
	strv_add(&c->argv, "chardev:console");
}

static void add_qmp(struct qemu_command *c, int qmp_fd)
{
	strv_add(&c->argv, "-chardev");
	strv_addf(&c->argv, "socket,id=qmp,fd=%d", inherit(c, qmp_fd));
	strv_add(&c->argv, "-mon");
	strv_add(&c->argv, "chardev=qmp,mode=control");
}

static void add_vsock(struct qemu_command *c, const struct vmm_vsock *vsock)
{
	switch (vsock->kind) {
	case VMM_VSOCK_NONE:
	case VMM_VSOCK_HYBRID:
		break;
	case VMM_VSOCK_VHOST_USER:
		add_socket(c, "vsock", vsock->fd, vsock->socket_path);
		strv_add(&c->argv, "-device");
		strv_addf(&c->argv, "vhost-user-vsock-%s,chardev=vsock", c->bus);
		break;
	case VMM_VSOCK_VHOST:
		strv_add(&c->argv, "-device");
		strv_addf(&c->argv, "vhost-vsock-%s,guest-cid=%u,vhostfd=%d", c->bus, vsock->cid,
			  inherit(c, vsock->fd));
		break;
	}
}

static void add_shares(struct qemu_command *c, const struct vmm_spec *spec)
{
	char id[16];

	for (size_t i = 0; i < spec->n_shares; i++) {
		const struct vmm_share *share = &spec->shares[i];

		(void)snprintf(id, sizeof(id), "fs%zu", i);
		add_socket(c, id, share->fd, share->socket_path);
		strv_add(&c->argv, "-device");
		strv_addf(&c->argv, "vhost-user-fs-%s,chardev=%s,tag=%s,queue-size=1024", c->bus,
			  id, share->tag);
	}
}

/* QEMU opens what it inherits under a name, /dev/fdset/N, as it would a file. */
static void add_disks(struct qemu_command *c, const struct vmm_spec *spec)
{
	for (size_t i = 0; i < spec->n_disks; i++) {
		const struct vmm_disk *disk = &spec->disks[i];
		const char *read_only = disk->readonly ? "on" : "off";

		strv_add(&c->argv, "-add-fd");
		strv_addf(&c->argv, "fd=%d,set=%zu", inherit(c, disk->fd), i);
		strv_add(&c->argv, "-blockdev");
		strv_addf(&c->argv,
			  "driver=raw,node-name=disk%zu,read-only=%s,file.driver=%s,"
			  "file.filename=/dev/fdset/%zu,file.read-only=%s",
			  i, read_only, disk->device ? "host_device" : "file", i, read_only);
		strv_add(&c->argv, "-device");
		/* Or it would stop the VM where the host's disk is full, and nobody would be told. */
		strv_addf(&c->argv,
			  "virtio-blk-%s,id=" QEMU_DISK_ID
			  "%zu,drive=disk%zu,serial=%s,werror=report",
			  c->bus, i, i, disk->serial);
	}
}

/* Nothing is in them. */
static void add_slots(struct qemu_command *c, const struct vmm_spec *spec)
{
	for (size_t i = 0; i < spec->slots.writable; i++) {
		size_t disk = spec->n_disks + i;

		strv_add(&c->argv, "-blockdev");
		strv_addf(&c->argv,
			  "driver=null-co,node-name=" QEMU_SLOT_EMPTY "%zu,size=%d,read-zeroes=on",
			  i, QEMU_SLOT_SIZE);
		strv_add(&c->argv, "-blockdev");
		strv_addf(&c->argv, "driver=raw,node-name=disk%zu,file=" QEMU_SLOT_EMPTY "%zu",
			  disk, i);
		strv_add(&c->argv, "-device");
		strv_addf(&c->argv,
			  "virtio-blk-%s,id=" QEMU_DISK_ID
			  "%zu,drive=disk%zu,serial=" ABI_SLOT_SERIAL "%zu,werror=report",
			  c->bus, disk, disk, i);
	}
}

/* A tap tells by itself that its frames have a header. */
static void add_nic(struct qemu_command *c, const struct vmm_nic *nic, size_t i)
{
	int fd = inherit(c, nic->fd);

	if (nic->kind == VMM_NIC_TAP)
		strv_addf(&c->argv, "tap,id=net%zu,fd=%d", i, fd);
	else
		strv_addf(&c->argv, "stream,id=net%zu,server=off,addr.type=fd,addr.str=%d", i, fd);
}

static void add_nics(struct qemu_command *c, const struct vmm_spec *spec)
{
	for (size_t i = 0; i < spec->n_nics; i++) {
		const uint8_t *m = spec->nics[i].mac;
		/* Nobody boots from it. */
		const char *rom = spec->pc ? ",romfile=" : "";

		strv_add(&c->argv, "-netdev");
		add_nic(c, &spec->nics[i], i);
		strv_add(&c->argv, "-device");
		strv_addf(&c->argv,
			  "virtio-net-%s,netdev=net%zu,mac=%02x:%02x:%02x:%02x:%02x:%02x%s", c->bus,
			  i, m[0], m[1], m[2], m[3], m[4], m[5], rom);
	}
}

int qemu_argv(const struct vmm_spec *spec, int qmp_fd, uint32_t tsc_khz, struct qemu_command *ret)
{
	_cleanup_qemu_command_ struct qemu_command c = QEMU_COMMAND_NULL;
	int r;

	c.bus = spec->pc ? "pci" : "device";
	add_machine(&c, spec);
	r = add_kernel(&c, spec, tsc_khz);
	if (r < 0)
		return r;
	add_console(&c);
	add_qmp(&c, qmp_fd);
	add_vsock(&c, &spec->vsock);
	add_shares(&c, spec);
	add_disks(&c, spec);
	add_slots(&c, spec);
	add_nics(&c, spec);
	if (spec->pc)
		qemu_add_pc(&c, spec->pc);
	*ret = c;
	c = (struct qemu_command)QEMU_COMMAND_NULL;
	return 0;
}

void qemu_command_done(struct qemu_command *command)
{
	strv_done(&command->argv);
	command->n_fds = 0;
}
