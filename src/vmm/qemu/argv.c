/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qemu/argv.h"

#include <stdio.h>
#include <string.h>

#include "abi/abi.h"
#include "base/mem.h"

/*
 * Theory of operation. The machine is "microvm": no PCI, no firmware beyond the few kilobytes that
 * enter the kernel through its PVH note, devices on virtio-mmio. What the guest talks to is handed
 * over as descriptors, so that no name can be misread or change meaning before QEMU opens it; the
 * names that remain are checked words, or paths with their commas doubled, which is QEMU's only
 * quoting (QemuOpts).
 *
 * QEMU adds the virtio-mmio devices to the kernel's command line itself where there is no ACPI.
 */

/* What QEMU may add: "virtio_mmio.device=512@0xfeb00000:12 " for each device. */
#define CMDLINE_RESERVE (40 * (2 + VMM_SHARES_MAX))

/* QEMU's end of the chain: 2 and a comma for a comma. */
static char *escape(const char *s)
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
	escaped = escape(path);
	strv_addf(&c->argv, "socket,id=%s,path=%s", id, escaped);
}

/*
 * Emulated, the local APIC's timer has to be measured by the guest, which takes it 100 ms; the
 * frequency of the PIT is known. It can serve a single processor only. Under KVM there is a timer
 * that needs neither (TSC deadline).
 */
static bool pit_clock(const struct vmm_spec *spec)
{
	return spec->accel == VMM_ACCEL_TCG && spec->cpus == 1;
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
		/* vhost-user backends speak virtio 1.0 and later only. */
		"-global",
		"virtio-mmio.force-legacy=false",
	};
	unsigned long long mib = spec->memory >> 20;
	bool kvm = spec->accel == VMM_ACCEL_KVM;

	strv_add(&c->argv, spec->program ? spec->program : QEMU_PROGRAM);
	strv_add(&c->argv, "-name");
	strv_add(&c->argv, spec->name);
	strv_add(&c->argv, "-machine");
	strv_addf(&c->argv,
		  "microvm,x-option-roms=off,pit=%s,pic=%s,rtc=on,isa-serial=on,memory-backend=mem",
		  pit_clock(spec) ? "on" : "off", pit_clock(spec) ? "on" : "off");
	strv_add(&c->argv, "-accel");
	strv_add(&c->argv, kvm ? "kvm" : "tcg");
	strv_add(&c->argv, "-cpu");
	strv_add(&c->argv, kvm ? "host" : "max");
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		strv_add(&c->argv, fixed[i]);
	strv_add(&c->argv, "-smp");
	strv_addf(&c->argv, "%u", spec->cpus);
	strv_add(&c->argv, "-m");
	strv_addf(&c->argv, "%lluM", mib);
	/* Shared, so that vhost-user backends can map the guest's memory. */
	strv_add(&c->argv, "-object");
	strv_addf(&c->argv, "memory-backend-memfd,id=mem,size=%lluM,share=on", mib);
}

/* The kernel's command line, word by word. */
static void kernel_words(const struct vmm_spec *spec, uint32_t tsc_khz, struct strv *line)
{
	/* ABI: the guest ends by a reset, after a panic too. */
	static const char *const always[] = {"console=ttyS0", "8250.nr_uarts=1", "reboot=t",
					     "panic=-1", "rdinit=/init"};

	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		strv_add(line, always[i]);
	strv_add(line, spec->kernel_log ? "ignore_loglevel" : "quiet");
	/*
	 * An emulated guest cannot calibrate its counter on a busy host, and is left with no clock
	 * when it fails.
	 */
	if (spec->accel == VMM_ACCEL_TCG && tsc_khz)
		strv_addf(line, "tsc_early_khz=%u", tsc_khz);
	if (pit_clock(spec)) {
		strv_add(line, "noapictimer");
		/* The check counts ticks against time, too: a busy host would fail it. */
		strv_add(line, "no_timer_check");
	}
	/* Writing over code that was translated already is dear, a lock prefix is not. */
	if (spec->accel == VMM_ACCEL_TCG)
		strv_add(line, "noreplace-smp");
	for (const char *const *word = spec->cmdline; word && *word; word++)
		strv_add(line, *word);
}

static char *join(const struct strv *words)
{
	size_t len = 1;
	char *line, *p;

	for (size_t i = 0; i < words->n; i++)
		len += strlen(words->v[i]) + 1;
	line = p = xmalloc(len);
	*line = '\0';
	for (size_t i = 0; i < words->n; i++) {
		if (i)
			*p++ = ' ';
		p = stpcpy(p, words->v[i]);
	}
	return line;
}

static int add_kernel(struct qemu_command *c, const struct vmm_spec *spec, uint32_t tsc_khz)
{
	_cleanup_strv_ struct strv words = STRV_NULL;
	_cleanup_free_ char *line = NULL;

	kernel_words(spec, tsc_khz, &words);
	line = join(&words);
	if (strlen(line) + CMDLINE_RESERVE >= ABI_CMDLINE_MAX)
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
		break;
	case VMM_VSOCK_VHOST_USER:
		add_socket(c, "vsock", vsock->fd, vsock->socket_path);
		strv_add(&c->argv, "-device");
		strv_add(&c->argv, "vhost-user-vsock-device,chardev=vsock");
		break;
	case VMM_VSOCK_VHOST:
		strv_add(&c->argv, "-device");
		strv_addf(&c->argv, "vhost-vsock-device,guest-cid=%u,vhostfd=%d", vsock->cid,
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
		strv_addf(&c->argv, "vhost-user-fs-device,chardev=%s,tag=%s,queue-size=1024", id,
			  share->tag);
	}
}

int qemu_argv(const struct vmm_spec *spec, int qmp_fd, uint32_t tsc_khz, struct qemu_command *ret)
{
	_cleanup_qemu_command_ struct qemu_command c = QEMU_COMMAND_NULL;
	int r;

	add_machine(&c, spec);
	r = add_kernel(&c, spec, tsc_khz);
	if (r < 0)
		return r;
	add_console(&c);
	add_qmp(&c, qmp_fd);
	add_vsock(&c, &spec->vsock);
	add_shares(&c, spec);
	*ret = c;
	c = (struct qemu_command)QEMU_COMMAND_NULL;
	return 0;
}

void qemu_command_done(struct qemu_command *command)
{
	strv_done(&command->argv);
	command->n_fds = 0;
}
