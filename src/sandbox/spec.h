/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"
#include "vmm/rates.h"

/**
 * struct sandbox_spec - a container and its VM, as plain data
 *
 * Written to the container's folder by whoever creates it and read by its shim. Which of it is the VM's, the same for
 * all containers in it, the table in spec.c says.
 *
 * @id: name of the container
 * @image: the reference a person gave, for listings
 * @bundle: absolute path of the OCI bundle that the container was made of, whose config.json, made
 *	fit for a guest, is in the container's folder; empty: of an image
 * @rootfs: absolute path of the unpacked image, or of its disk; never written to
 * @volumes: what else of the host's the container gets to see, in the form of sandbox/volume.h
 * @volume_targets: for each, where it has it
 * @readonly_rootfs: the container may write to these only
 * @block_devices: of a bundle, those of the host's that it names and no disk is on yet: PATH=MAJOR:MINOR
 * @network: a word of SANDBOX_NETWORKS, or empty: that of @netns
 * @ports: that passt takes connections to: "[IP:]HOSTPORT:PORT/tcp", or "/udp"
 * @sysctls: NAME=VALUE, of the network
 * @cgroups_path: of a bundle, linux.cgroupsPath; empty: it says nothing
 * @cgroups: the places (cgroup/cgroup.h) of the host's group that all processes of the VM are in; none:
 *	that of whoever created it
 * @resources: of a bundle, linux.resources as JSON; empty: it says nothing
 * @netns: of whose interfaces the guest's are made: a path, SANDBOX_NETNS_NEW, or empty: of none
 * @rootfs_mode: a word of SANDBOX_ROOTFS_MODES
 * @shares_pids: of a bundle, the container's processes are the VM's: its end is not that of all of them
 * @systemd: its first process is systemd, or the like (systemd.h)
 * @settings_in_image: what is not said here is in files of the image, for the guest to read
 * @args: the command, at least one, or none where @settings_in_image
 * @env: KEY=VALUE
 * @cwd: absolute, or empty for "/"
 * @user: as `docker run --user`, or empty for root
 * @capabilities: bit mask; 0: all
 * @stop_signal: what `caisson kill` sends unless told otherwise
 * @terminal: the command gets a pty
 * @remove: the container's folder goes when its command has ended
 * @executor: a word of SANDBOX_EXECUTORS
 * @hypervisor: a word of VMM_HYPERVISORS (vmm/vmm.h)
 * @accel: a word of VMM_ACCELS
 * @machine: a word of VMM_MACHINES; what follows is of VMM_MACHINE_PC only:
 * @bios: SANDBOX_BIOS_EFI; empty: a BIOS
 * @display: a word of SANDBOX_DISPLAYS; empty: the first
 * @vga: a word of VMM_VGAS; empty: the first
 * @vnc: a TCP port of 127.0.0.1 to show it on; empty: by RECORD_VNC in the folder of its sockets
 * @usb: "0": it has none
 * @kernel: name or path; empty: the default one
 * @kernel_append: words for the kernel's command line, with blanks between them
 * @console: what of the guest's console is kept, in RECORD_CONSOLE: nothing if empty; all of it; or
 *	SANDBOX_CONSOLE_DEBUG: with all that the kernel says
 * @stages: the way of the command into the VM is told (stages.h)
 * @memory: bytes
 * @memory_prealloc: all of it is the VM's from the start, instead of when the guest touches it
 * @memory_huge: it is made of the host's huge pages
 * @virtiofs_cache: what the guest may keep of shared files, a word of SANDBOX_VIRTIOFS_CACHES; empty:
 *	as follows from who else can change them
 * @volume_mode: how the guest sees files and folders of the host's, a word of SANDBOX_VOLUME_MODES; empty:
 *	the first, or what there is with that hypervisor
 * @rootfs_size: bytes of its own disk, where it has one; 0: not said
 * @cpus: virtual CPUs
 * @rates: what it may do with its disks and network interfaces, when it starts
 * @placeholders: for disks that come while it runs, how many of the VM's there are; @placeholders_ro: the same for
 *	disks that are only read
 * @part: where in what the host shares with the VM its own is (share.h): 0, if the VM was started for it
 * @notes: what it says in vain, in sentences, for people
 * @vm: the container that the VM was started for; empty: this one
 * @annotations: NAME=VALUE, checked (sandbox/annotation.h)
 * @supervisor_config: path of the file that a supervisor gets as its metadata; empty: none
 * @boot_timeout: seconds that the guest may take to get ready
 * @created: seconds since the epoch
 * @shm: of a bundle whose VM others may come to: the host's tmpfs that is one of the guest's for all who have that
 *	(ABI_SHM_DIR), or SANDBOX_SHM_OWN: whoever has a tmpfs there has that one; empty: there is none
 * @pod_host: of a pod's pause container whose program is not run in the VM (oci-pause.h): the VM's host name; empty: it is no
 *	such
 * @restore: absolute path of a checkpoint's folder, that its VM begins from; empty: it boots
 */
struct sandbox_spec {
	char *id, *image, *bundle, *rootfs, *rootfs_mode;
	struct strv volumes, volume_targets, block_devices, sysctls, ports, args, env, cgroups;
	char *cwd, *user, *netns, *network, *cgroups_path, *resources;
	uint64_t capabilities;
	int stop_signal;
	bool terminal, remove, settings_in_image, readonly_rootfs, memory_prealloc, memory_huge;
	bool shares_pids, systemd, stages;
	char *executor, *hypervisor, *accel, *kernel, *kernel_append, *console;
	char *virtiofs_cache, *volume_mode;
	char *machine, *bios, *display, *vga, *vnc, *usb;
	uint64_t memory, rootfs_size;
	uint32_t cpus, boot_timeout, placeholders, placeholders_ro, part;
	struct vmm_rates rates;
	int64_t created;
	struct strv annotations, notes;
	char *supervisor_config, *restore, *shm, *vm, *pod_host;
};

/*
 * What runs the container in its VM: vminitd itself, or crun, by an OCI bundle. In the form of
 * `--executor a|b`; the first one unless they choose.
 */
#define SANDBOX_EXECUTORS	 "direct|oci"
#define SANDBOX_EXECUTOR_DEFAULT "direct"
#define SANDBOX_EXECUTOR_BUNDLES "oci" /* that takes OCI bundles */

/*
 * How the root file system gets into the VM: a folder of the host's, by virtiofs; the image as a
 * disk, with one of the container's own, RECORD_UPPER_DISK, for what it writes; or a copy of that disk,
 * RECORD_ROOT_DISK. As above.
 */
#define SANDBOX_ROOTFS_MODES	    "virtiofs|image|copy"
#define SANDBOX_ROOTFS_MODE_DEFAULT "virtiofs"
#define SANDBOX_ROOTFS_MODE_IMAGE   "image"
#define SANDBOX_ROOTFS_MODE_COPY    "copy"

/*
 * How what is shared by files and folders, volumes and root file systems that are folders, gets into the VM. As
 * above.
 */
#define SANDBOX_VOLUME_MODES   "virtiofs|9p"
#define SANDBOX_VOLUME_MODE_9P "9p"

/* Whether the first process is systemd; auto: as its name says. As above. */
#define SANDBOX_SYSTEMD_CHOICES "auto|always|never"

/* What a container of an image has: nothing but its own lo, or passt (passt.h). As above. */
#define SANDBOX_NETWORKS      "none|passt"
#define SANDBOX_NETWORK_NONE  "none"
#define SANDBOX_NETWORK_PASST "passt"

#define SANDBOX_BIOS_EFI      "efi"

/* As above; serial is what the other tools call a console without a display. */
#define SANDBOX_DISPLAYS	"vnc|headless|serial"
#define SANDBOX_DISPLAY_VNC	"vnc"

#define SANDBOX_CONSOLE_KEPT	"kept"
#define SANDBOX_CONSOLE_DEBUG	"debug"

#define SANDBOX_VIRTIOFS_CACHES "auto|always|none"
#define SANDBOX_VIRTIOFS_ALWAYS "always"

#define SANDBOX_NETNS_NEW	"new"

#define SANDBOX_SHM_OWN		"own"

#define SANDBOX_MEMORY_MIN	(UINT64_C(64) << 20)
#define SANDBOX_MEMORY_DEFAULT	(UINT64_C(256) << 20)
/* Under emulation, on a machine busy with other VMs, a boot has been seen to take half a minute. */
#define SANDBOX_BOOT_TIMEOUT_DEFAULT 120u
#define SANDBOX_BOOT_TIMEOUT_MAX     3600u

#define SANDBOX_SPEC_NULL                                                          \
	{                                                                          \
		.id = NULL, .volumes = STRV_NULL, .volume_targets = STRV_NULL,     \
		.block_devices = STRV_NULL, .ports = STRV_NULL, .args = STRV_NULL, \
		.env = STRV_NULL, .sysctls = STRV_NULL, .cgroups = STRV_NULL,      \
		.annotations = STRV_NULL, .notes = STRV_NULL,                      \
		.boot_timeout = SANDBOX_BOOT_TIMEOUT_DEFAULT                       \
	}

/** sandbox_spec_done() - may be called again */
void sandbox_spec_done(struct sandbox_spec *spec);

/* What it has to be, for messages. */
#define SANDBOX_ID_RULE                                                                       \
	"letters, digits, \"_\", \".\" and \"-\", beginning with a letter or digit, at most " \
	"64"

/** sandbox_id_valid() - as process_id_valid(), but <= 64, for it is the host name in the guest */
bool sandbox_id_valid(const char *id);

/** sandbox_id_generated() - has it the form that we make up: 12 hexadecimal digits? */
bool sandbox_id_generated(const char *id);

/** sandbox_spec_has_bundle() - does the container come as a bundle, for crun? */
bool sandbox_spec_has_bundle(const struct sandbox_spec *spec);

/** sandbox_spec_shares_vm() - has it come to the VM of another container? */
bool sandbox_spec_shares_vm(const struct sandbox_spec *spec);

/** sandbox_spec_is_hollow() - is its first process none of the guest's? See hollow.h. */
bool sandbox_spec_is_hollow(const struct sandbox_spec *spec);

/** sandbox_spec_has_disks() - is the root file system on disks? */
bool sandbox_spec_has_disks(const struct sandbox_spec *spec);

/** sandbox_spec_has_copy() - is it on a single one, of the container's own? */
bool sandbox_spec_has_copy(const struct sandbox_spec *spec);

/** sandbox_spec_has_9p() - is what the host shares with the VM served by 9P, instead of virtiofs? */
bool sandbox_spec_has_9p(const struct sandbox_spec *spec);

/** sandbox_spec_is_restored() - does its VM begin from a checkpoint? */
bool sandbox_spec_is_restored(const struct sandbox_spec *spec);

/** sandbox_spec_has_pc() - is the VM a full PC? */
bool sandbox_spec_has_pc(const struct sandbox_spec *spec);

/** sandbox_spec_has_vnc() - and has it a display by VNC? */
bool sandbox_spec_has_vnc(const struct sandbox_spec *spec);

/**
 * sandbox_spec_take_vm() - all that is the VM's, in place of what was there
 * @first: of the container that the VM was started for
 */
void sandbox_spec_take_vm(struct sandbox_spec *spec, const struct sandbox_spec *first);

/** sandbox_spec_to_json() - a new string, for sandbox_spec_from_json() */
char *sandbox_spec_to_json(const struct sandbox_spec *spec);

/** sandbox_spec_describe() - the same for people: UTF-8 stays as it is. It cannot be read back. */
char *sandbox_spec_describe(const struct sandbox_spec *spec);

/**
 * sandbox_spec_from_json() - the reverse; every field must be there, with the right type
 * @ret: set on success; end with sandbox_spec_done()
 *
 * Return: 0 or -EBADMSG with a message that names the field.
 */
int sandbox_spec_from_json(const char *json, struct sandbox_spec *ret, struct err *err);
