/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/macro.h"
#include "loop/loop.h"
#include "vmm/rates.h"

/*
 * One virtual machine, whatever starts it.
 *
 * Nobody calls a driver directly: the functions here check arguments, state and results, then call
 * through the driver's table (vmm/driver.h). A driver starts the VM as a child process that dies
 * with its parent, and reports through callbacks from the event loop.
 *
 * States:
 *
 *   vmm_start() --> RUNNING <--> PAUSED      vmm_pause(), vmm_resume()
 *                      |            |
 *                      +---ENDED----+        exited() was called, once; the process is reaped
 *
 * vmm_snapshot() leaves it PAUSED. vmm_free() is allowed in every state and from every callback.
 */

/* What a person can choose from, in the form of `--hypervisor a|b`; the first one unless they do.
 */
#define VMM_HYPERVISORS	       "qemu|firecracker"
#define VMM_HYPERVISOR_DEFAULT "qemu"
#define VMM_MACHINES	       "microvm|q35"
#define VMM_MACHINE_DEFAULT    "microvm"
#define VMM_MACHINE_PC	       "q35"
#define VMM_VGAS	       "std|virtio|cirrus|vmware|qxl|none"
#define VMM_VGA_DEFAULT	       "std"
#define VMM_ACCELS	       "auto|kvm|tcg"
#define VMM_ACCEL_DEFAULT      "auto"

#define VMM_SHARES_MAX	       8
#define VMM_DISKS_MAX	       12
#define VMM_NICS_MAX	       8
#define VMM_MAC_LEN	       6
#define VMM_SERIAL_MAX	       20 /* bytes, without a final NUL (virtio 1.2, 5.2.6) */
#define VMM_TAG_MAX	       36 /* bytes, without a final NUL (virtio 1.2, 5.11.4) */
#define VMM_CPUS_MAX	       64
#define VMM_MEMORY_MIN	       (UINT64_C(32) << 20)
#define VMM_MEMORY_MAX	       (UINT64_C(1) << 40)
#define VMM_MESSAGE_MAX	       512

/* Of Firecracker's VMs, in their run_dir: a folder with its API's socket, and the beginning of its log. */
#define VMM_FIRECRACKER_FOLDER "firecracker"
#define VMM_FIRECRACKER_JAIL   "jail" /* where there is one, as long as the VM runs */
#define VMM_FIRECRACKER_SOCKET "firecracker.sock"
#define VMM_FIRECRACKER_LOG    "firecracker.log"

/* Beside that folder, where Firecracker cannot come to: its figures, JSON, the last line is the newest. */
#define VMM_FIRECRACKER_METRICS "firecracker.metrics"

/* What vmm_snapshot() makes. */
#define VMM_SNAPSHOT_STATE  "state"
#define VMM_SNAPSHOT_MEMORY "memory"

struct vmm;
struct vmm_ops;

enum vmm_accel {
	VMM_ACCEL_AUTO, /* only for vmm_accel_resolve(), see vmm/accel.h */
	VMM_ACCEL_KVM,
	VMM_ACCEL_TCG,
	VMM_ACCEL_INVALID_ = -EINVAL,
};

/** vmm_accel_parse() - a word of VMM_ACCELS. Return: an enum vmm_accel, or -EINVAL. */
int vmm_accel_parse(const char *name);

enum vmm_vsock_kind {
	VMM_VSOCK_NONE,
	VMM_VSOCK_VHOST_USER, /* a backend process at the other end of a unix socket */
	VMM_VSOCK_VHOST,      /* the host kernel's, /dev/vhost-vsock */
	VMM_VSOCK_HYBRID, /* the VMM's own, which listens on a unix socket for who wants a port of the guest */
};

/**
 * struct vmm_vsock - the guest's vsock device
 * @fd: VHOST_USER: a stream socket already connected to the backend, or -EBADF: use @socket_path;
 *	VHOST: an open /dev/vhost-vsock
 * @socket_path: VHOST_USER without @fd: what to connect to; HYBRID: the socket that the VMM makes; where the
 *	guest connects to port P of the host, it connects to "<socket_path>_P". Nothing else is in its folder
 * @cid: VHOST, HYBRID: the guest's address, at least 3; VHOST_USER: 0, the backend decides
 */
struct vmm_vsock {
	enum vmm_vsock_kind kind;
	int fd;
	const char *socket_path;
	uint32_t cid;
};

/**
 * struct vmm_share - one virtiofs share, served by a virtiofsd
 * @tag: what the guest mounts; letters, digits, "-", "_", "."
 * @fd: a stream socket already connected to virtiofsd, or -EBADF: use @socket_path
 * @socket_path: without @fd: what to connect to; must be listening before vmm_start()
 */
struct vmm_share {
	const char *tag;
	int fd;
	const char *socket_path;
};

/**
 * struct vmm_disk - one virtio-blk disk
 * @fd: an image, or a block device, open for reading, and for writing unless @readonly
 * @serial: by which the guest finds it; letters, digits, "-", "_", ".". Where the VMM has serials of its own, it is
 *	told which is which: ABI_CMDLINE_DISKS
 * @device: it is a block device
 * @size: bytes, whole sectors, of one that comes to a slot: what the guest is to see
 */
struct vmm_disk {
	int fd;
	const char *serial;
	bool readonly, device;
	uint64_t size;
};

enum vmm_nic_kind {
	VMM_NIC_TAP, /* whose frames have a struct virtio_net_hdr in front */
	VMM_NIC_STREAM, /* a stream socket, connected: each frame has its length in front, 4 bytes, big-endian */
};

/**
 * struct vmm_nic - one virtio-net interface
 * @fd: of what @kind says; -EBADF where the driver wants a name (struct vmm_traits)
 * @tap: its name then, in our network namespace: a tap that nobody has open
 * @mac: that the guest finds it by; no multicast address
 */
struct vmm_nic {
	enum vmm_nic_kind kind;
	int fd;
	const char *tap;
	uint8_t mac[VMM_MAC_LEN];
};

/**
 * struct vmm_jail - whom the VMM is while it sees nothing but what it is to use
 * @uid, @gid: nobody else's; the folder of its vsock's socket, and what is in there, are theirs already
 */
struct vmm_jail {
	uid_t uid;
	gid_t gid;
};

/**
 * struct vmm_traits - in what a driver differs, for who prepares a VM
 * @kvm_only: it emulates nothing
 * @own_vsock: VMM_VSOCK_HYBRID is the only kind it has
 * @taps_by_name: it opens taps itself, and has no other kind of NIC
 * @no_shares: it has no virtiofs
 * @no_pc: it has microVMs only
 * @jails: it can be in a jail, which its driver makes
 * @limits_nics: of struct vmm_rates it has those of NICs, too
 * @no_readonly_slots: of struct vmm_slots it has none for disks that are read only
 * @snapshots: it can be saved, and begin from that again
 */
struct vmm_traits {
	bool kvm_only, own_vsock, taps_by_name, no_shares, no_pc, jails, limits_nics,
		no_readonly_slots, snapshots;
};

/**
 * struct vmm_slots - places for disks that come while the VM runs; people know them as placeholders
 * @writable: how many are for disks that are written to; their numbers begin with 0
 * @readonly: how many for others; their numbers follow. Together with the disks there may be VMM_DISKS_MAX
 *
 * A place is a disk from the start, of one sector, which the guest finds by ABI_SLOT_SERIAL and its number. Later it
 * is only as large as what is put there, and may have another serial.
 */
struct vmm_slots {
	size_t writable, readonly;
};

/* What the title of a VMM goes before whose traits say so. */
#define VMM_NO_READONLY_SLOTS \
	"has no placeholders for disks that are read only: try --hypervisor firecracker"

#define VMM_VNC_PORT_MIN 5900

/**
 * struct vmm_pc - a full PC instead of a microVM: its devices are on PCI, and it has what follows
 * @firmware: path of an EFI; NULL: it has a BIOS
 * @vga: a word of VMM_VGAS, its graphics card
 * @usb: an xHCI with a keyboard and a tablet
 * @vnc_path: a unix socket for that to be made and listened on by a VNC server; NULL: none
 * @vnc_port: a TCP port of 127.0.0.1 for the same, from VMM_VNC_PORT_MIN on; 0: none
 */
struct vmm_pc {
	const char *firmware, *vga;
	bool usb;
	const char *vnc_path;
	uint16_t vnc_port;
};

/**
 * struct vmm_spec - what to start; plain data, all of it borrowed for the length of vmm_start()
 * @name: for messages and the process list: letters, digits, "-", "_", "."; at most 64 characters
 * @run_dir: an existing folder that belongs to this VM alone; NULL: none, for a guest that only tells whether it runs:
 *	then there is no @jail, and no orders are taken later
 * @program: the VMM's executable; NULL: the driver's own choice, from $PATH
 * @memory: bytes, whole MiB
 * @prealloc: the host gives all of it at once, instead of what the guest touches
 * @huge: in the host's huge pages, of which there have to be enough
 * @cpus: at least 1
 * @accel: KVM or TCG: ask vmm_accel_resolve() first
 * @pc: its devices, if it is a full PC; NULL: it is a microVM
 * @kernel: path of an uncompressed ELF kernel with a PVH entry (see vmm/boot/kernel.h); for an EFI, of a
 *	bzImage
 * @tuned: the kernel is one of our own (struct kernel): it needs no ACPI, and takes clock rates
 * @initrd: path of an initramfs (see vmm/boot/initramfs.h)
 * @verbose: the kernel says all it can on its console, instead of what is wrong
 * @console_fd: what the guest writes on its serial console goes here (a pipe or a file; a pipe's
 *	other end must be read, or the guest stops); -EBADF: dropped
 * @vsock: its device
 * @shares, @n_shares: virtiofs devices
 * @disks, @n_disks: virtio-blk devices
 * @slots: for more of them, later
 * @nics, @n_nics: virtio-net devices
 * @rates: of devices that there are
 * @jail: only root can, and only where the driver's traits say so; NULL: none
 * @no_api: the VMM gets its configuration at once and takes no orders later: vmm_pause() is -EOPNOTSUPP. For drivers
 *	with jails; there are no slots then
 * @snapshot_dir: a folder in which vmm_snapshot() makes files, which nobody else does; -EBADF: none
 * @restore_dir: a folder with files of vmm_snapshot(), of a VM with the same devices: it goes on as that one,
 *	instead of booting, and VMM_EVENT_RESUMED tells that it does. They are read for as long as it is there. -EBADF: none
 * @cmdline: further words for the kernel's command line, NULL-terminated array; may be NULL.
 *	Those with characters that would end a word are refused
 *
 * Descriptors stay the caller's, who may close them once vmm_start() has returned.
 */
struct vmm_spec {
	const char *name;
	const char *run_dir;
	const char *program;
	uint64_t memory;
	bool prealloc, huge;
	uint32_t cpus;
	enum vmm_accel accel;
	const struct vmm_pc *pc;
	const char *kernel;
	bool tuned, verbose;
	const char *initrd;
	int console_fd;
	struct vmm_vsock vsock;
	const struct vmm_share *shares;
	size_t n_shares;
	const struct vmm_disk *disks;
	size_t n_disks;
	struct vmm_slots slots;
	const struct vmm_nic *nics;
	size_t n_nics;
	struct vmm_rates rates;
	const struct vmm_jail *jail;
	bool no_api;
	int snapshot_dir, restore_dir;
	const char *const *cmdline;
};

#define VMM_SPEC_NULL                                                                    \
	{                                                                                \
		.accel = VMM_ACCEL_TCG, .cpus = 1, .console_fd = -EBADF,                 \
		.vsock = {.kind = VMM_VSOCK_NONE, .fd = -EBADF}, .snapshot_dir = -EBADF, \
		.restore_dir = -EBADF,                                                   \
	}

enum vmm_event {
	VMM_EVENT_PAUSED, /* unasked: the VMM cannot go on with this guest */
	VMM_EVENT_RESUMED,
	VMM_EVENT_GUEST_SHUTDOWN, /* the guest powered off */
	VMM_EVENT_GUEST_RESET,	  /* the guest reset: its normal end, or a panic (panic=-1) */
	VMM_EVENT_GUEST_PANIC,	  /* only where the VMM can tell */
	VMM_EVENT_HOST_QUIT,	  /* somebody on the host ends it: the VMM got a signal */
	VMM_EVENT_MAX_,
};

/** vmm_event_name() - for logs: "paused", "guest-reset", … */
const char *vmm_event_name(enum vmm_event event);

/**
 * struct vmm_exit - how a VM ended
 * @status: the VMM's exit status, or 128 + signal
 * @guest_ended: the guest itself shut down, reset or panicked
 * @message: the last line that the VMM wrote on its stderr: says why when it could not start;
 *	empty if it wrote none; printable, at most VMM_MESSAGE_MAX bytes
 * @failure: why the driver has ended it, which names the VMM; as @message. NULL: it has not, and @status tells more
 */
struct vmm_exit {
	int status;
	bool guest_ended;
	const char *message, *failure;
};

/**
 * struct vmm_callbacks - called from the event loop, never from inside vmm_start() or an operation
 * @exited: the VM is gone; comes once, after all events. vmm_free() may be called in it.
 * @event: may be NULL
 */
struct vmm_callbacks {
	void (*exited)(void *data, const struct vmm_exit *result);
	void (*event)(void *data, enum vmm_event event);
	void *data;
};

/**
 * vmm_driver() - a driver by name: a word of VMM_HYPERVISORS, or "fake", which is for tests
 *
 * Return: NULL if there is none.
 */
const struct vmm_ops *vmm_driver(const char *name);

/** vmm_traits() - what its VMs cannot do without. Return: for ever valid. */
const struct vmm_traits *vmm_traits(const struct vmm_ops *driver);

/** vmm_driver_title() - how people call it: "QEMU" */
const char *vmm_driver_title(const struct vmm_ops *driver);

/**
 * vmm_check_program() - is an executable one that the driver knows? It is asked for its version, at most some seconds.
 * @program: its path
 *
 * Return: 0 or negative errno with a message.
 */
int vmm_check_program(const struct vmm_ops *driver, const char *program, struct err *err);

/**
 * vmm_start() - start a VM; returns as soon as the VMM's program runs
 * @driver: from vmm_driver()
 * @callbacks: copied
 * @ret: set on success; end it with vmm_free()
 *
 * Whether the guest comes up is not known yet: that is for the guest to say. A VMM that refuses its
 * devices ends, and exited() tells.
 *
 * Return: 0 or negative errno: -EINVAL for a wrong spec, -ENOENT where the program, kernel or
 * initramfs does not exist, …; nothing was left behind.
 */
int vmm_start(struct loop *loop, const struct vmm_ops *driver, const struct vmm_spec *spec,
	      const struct vmm_callbacks *callbacks, struct vmm **ret, struct err *err);

/**
 * struct vmm_reply - who wants to know how an operation went
 * @done: called once, from the event loop, unless the VM ends first: then exited() comes instead.
 *	@r: 0 or negative errno; @message: the VMM's own words on failure, else empty
 */
struct vmm_reply {
	void (*done)(void *data, int r, const char *message);
	void *data;
};

/**
 * vmm_pause() - stop all of the guest's CPUs
 * @reply: may be NULL
 *
 * Return: 0: asked, @reply will come; -EBUSY: another operation is on its way; -ESHUTDOWN: the VM
 * is ending; -EALREADY: it is paused.
 */
int vmm_pause(struct vmm *vmm, const struct vmm_reply *reply);

/** vmm_resume() - the reverse of vmm_pause(); the same results (-EALREADY: it is running) */
int vmm_resume(struct vmm *vmm, const struct vmm_reply *reply);

/**
 * vmm_set_rates() - change what the guest may do in a second
 * @rates: all of them count
 *
 * Return: as vmm_pause(), or with a message -EINVAL, -ERANGE, -ENOTSUP: no device, or no VMM, that could be
 * limited so; -EOPNOTSUPP: the VMM takes no orders.
 */
int vmm_set_rates(struct vmm *vmm, const struct vmm_rates *rates, const struct vmm_reply *reply,
		  struct err *err);

/**
 * vmm_flush_metrics() - have the VMM write what figures it has of itself, and wait until they are in their file
 *
 * Return: as vmm_pause(); -EOPNOTSUPP: it has none, or takes no orders.
 */
int vmm_flush_metrics(struct vmm *vmm, const struct vmm_reply *reply);

/**
 * vmm_disk_attach() - put a disk into one of struct vmm_slots, of a VM that runs
 * @slot: its number; nothing is in it
 * @disk: its @serial is for messages; its @fd stays open until vmm_disk_detach()
 * @reply: may be NULL. When it comes, the guest is being told of the disk's size
 *
 * Return: 0: asked, @reply will come, and if it says that there was an error the slot is empty; or negative errno
 * with a message: -EBUSY: another operation is on its way; -ESHUTDOWN: the VM is ending; -EOPNOTSUPP: there are no
 * slots; -EINVAL: not such a one, or not for such a disk; or what is wrong with the disk.
 */
int vmm_disk_attach(struct vmm *vmm, size_t slot, const struct vmm_disk *disk,
		    const struct vmm_reply *reply, struct err *err);

/**
 * vmm_disk_detach() - take it out again, once the guest does not use it any more
 *
 * Return: as vmm_disk_attach(). After an error the slot is of no more use.
 */
int vmm_disk_detach(struct vmm *vmm, size_t slot, const struct vmm_reply *reply, struct err *err);

/**
 * vmm_snapshot() - save a PAUSED VM in its @snapshot_dir: VMM_SNAPSHOT_STATE and VMM_SNAPSHOT_MEMORY
 * @reply: may be NULL
 *
 * What was there is overwritten. The guest's connections by vsock are reset when it goes on, here as well. Its disks
 * are not saved: who wants to have them copies them before vmm_resume().
 *
 * Return: as vmm_pause(); -EOPNOTSUPP: it has no such folder, or its VMM saves nothing; -EPERM: it is not paused.
 */
int vmm_snapshot(struct vmm *vmm, const struct vmm_reply *reply);

/** vmm_title() - how people call what runs it: "QEMU" */
const char *vmm_title(const struct vmm *vmm);

/** vmm_pid() - process id of the VMM, for tests that wait for it; 0 once it has ended */
pid_t vmm_pid(const struct vmm *vmm);

/** vmm_free() - SIGKILL and reap what is left, no callback any more; NULL is allowed */
void vmm_free(struct vmm *vmm);
DEFINE_CLEANUP(struct vmm *, vmm_free)
