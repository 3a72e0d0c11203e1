/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The contract between the host and the guest. Both sides include this file; a value here is never
 * changed, only added to.
 */

/* vsock ports (the same numbers on both sides of a VM). */
#define ABI_PORT_RPC	    1024 /* TTRPC: the guest dials the host's, and listens on its own */
#define ABI_PORT_STREAMS    1025 /* stdio: one connection a stream, the host dials */
#define ABI_PORT_SUPERVISOR 1027 /* metadata of the supervisor, the guest dials */
#define ABI_PORT_SHARE	    1028 /* 9P2000.L: what the host shares, the guest dials */

/* Sockets of the host's that containers may use: as many ports from here on as they have of them. */
#define ABI_PORT_SOCKETS 2048

/* Where the guest has them, by their number, for binds. */
#define ABI_SOCKETS_DIR "/run/sockets"

/*
 * A DNS server of the host's for one container: at 127.0.0.11, as Docker's is, on both sides. As many
 * queries may wait for their answers.
 */
#define ABI_RESOLVER_ADDRESS 0x7f00000bu
#define ABI_RESOLVER_PORT    53
#define ABI_RESOLVER_CLIENTS 64
#define ABI_RESOLVER_QUERY   4096 /* bytes */

/* Well-known vsock addresses (virtio 1.2, 5.10.4). */
#define ABI_CID_HOST  2
#define ABI_CID_GUEST 3

/*
 * Streams: the host sends a 32-bit big-endian length and that many bytes of id. The guest answers
 * with the same bytes, or with a length and an error text of at most ABI_STREAM_ID_MAX bytes, which
 * the host shows, and closes. Then raw bytes; the end of one direction is shutdown(SHUT_WR). In
 * Task requests a stream is named "stream://<id>".
 */
#define ABI_STREAM_ID_MAX 256
#define ABI_STREAM_SCHEME "stream://"

/*
 * A stream with such an id, and a port in decimal, is a connection to that port of the guest's localhost: 127.0.0.1
 * or ::1. It is answered once that stands. There may be as many at a time.
 */
#define ABI_STREAM_TCP4 "tcp4:"
#define ABI_STREAM_TCP6 "tcp6:"
#define ABI_STREAM_TCPS 64

/*
 * The initramfs: vminitd is /init. Kernel modules, where the kernel needs any, are uncompressed
 * files in ABI_MODULES_DIR; ABI_MODULES_LIST names them, one a line, in the order to load.
 */
#define ABI_MODULES_DIR	 "/modules"
#define ABI_MODULES_LIST "/modules/list"

/* Limits of the Task service, on both sides: the length of an id, as containerd has it, how many
 * containers a VM has at a time, and how many execs a container. */
#define ABI_ID_MAX	   76
#define ABI_CONTAINERS_MAX 64
#define ABI_EXECS_MAX	   256

/* The longest name of a host (HOST_NAME_MAX of Linux). */
#define ABI_HOSTNAME_MAX 64

/*
 * vminitd as an image's own init, that is, started as anything but ABI_INIT: the file that says
 * what to do, and how long it may be.
 */
#define ABI_INIT	  "/init"
#define ABI_INIT_CONF	  "/etc/caisson/init.conf"
#define ABI_INIT_CONF_MAX 65536

/*
 * An image that has no such file may have these two instead, made by "caisson image build": the
 * command's arguments, and lines as in ABI_INIT_CONF (guest/init/entrypoint.h). What a Linux process
 * can be given as arguments and environment fits in.
 */
#define ABI_ENTRYPOINT	    "/.runcvm/entrypoint"
#define ABI_ENTRYPOINT_CONF "/.runcvm/config"
#define ABI_ENTRYPOINT_MAX  (2u << 20)

/*
 * A container's root file system of two disks: the image, which is shared by all of its containers
 * and never written to, and one of the container's own for overlayfs to write to. Mounts of a root
 * file system that have a target, a name, are made at that name in ABI_LAYERS_DIR, for an overlay to
 * be put together of; nothing in the container sees them there. The overlay's upper and work folders
 * are made if they are not there. Where there are no disks they have the same names, in the container's
 * folder on the host.
 */
#define ABI_IMAGE_SERIAL "caisson-image"
#define ABI_UPPER_SERIAL "caisson-upper"
#define ABI_LAYERS_DIR	 "/layers"
#define ABI_UPPER_FOLDER "upper"
#define ABI_WORK_FOLDER	 "work"

/*
 * Or what the host shares by virtiofs, with that tag: a layer as well, in which are the root file system
 * and whatever else of the host's the container gets to see.
 */
#define ABI_SHARE_TAG	"caisson-share"
#define ABI_SHARE_LAYER "share"
#define ABI_SHARE_DIR	ABI_LAYERS_DIR "/" ABI_SHARE_LAYER

/*
 * The same by 9P2000.L: the source of such a mount is this and the number of the host's port. Nobody but who
 * mounts it gets to speak to the host there: it takes one connection for each mount, and then no more.
 */
#define ABI_SHARE_9P "vsock:"

/*
 * Memory that all containers of a VM share by name: a tmpfs that the host has mounted there (Mount's MountAll),
 * for binds.
 */
#define ABI_SHM_DIR "/run/mounts/shm"

/* All of what the host shares, mounted in the same way, where containers may come later. */
#define ABI_SHARE_WHOLE "/run/mounts/share"

/* How much a container may have mounted besides its root file system. */
#define ABI_MOUNTS_MAX 64

/*
 * Or a root file system of one disk, the container's own. ABI_MOUNT_GROW is an option of a mount: the
 * file system is made as large as its disk, if that has grown.
 */
#define ABI_ROOT_SERIAL "caisson-root"
#define ABI_MOUNT_GROW	"x-caisson.grow"

/*
 * Disks that a container has besides: from 0 upwards, as layers with numbers as theirs, for binds.
 */
#define ABI_DISK_SERIAL "caisson-disk"
#define ABI_DISK_LAYER	"disk"

/*
 * Places for disks that come while the VM runs: from 0 upwards. The guest looks for such a disk while nothing is in
 * its place (FindDisk), and knows it from then on. ABI_MOUNT_SIZE is an option of a mount: what is on the disk is not
 * looked at before that has so many bytes, which is when the guest has heard of what is there now.
 */
#define ABI_SLOT_SERIAL "caisson-slot"
#define ABI_MOUNT_SIZE	"x-caisson.size="

/*
 * The extras disk: a read-only ext4 file system, with files for the guest itself, not for a
 * container. It is known by its serial; the two folders of it appear in vminitd's own root.
 */
#define ABI_EXTRAS_SERIAL "caisson-extras"
#define ABI_EXTRAS_RUN	  "/run/spin-stack"
#define ABI_EXTRAS_LIB	  "/var/lib/spin-stack"

/* Where vminitd looks for a supervisor, in this order. */
#define ABI_SUPERVISOR_RUN ABI_EXTRAS_RUN "/spin-supervisor"
#define ABI_SUPERVISOR_LIB ABI_EXTRAS_LIB "/bin/spin-supervisor"

/*
 * Kernel command line. Of words that it does not know, the kernel gives those with a "=" and no "."
 * before it to init, as environment variables (Documentation/admin-guide/kernel-parameters.rst).
 * Nothing that a user wrote is ever on it.
 *
 * caisson_port=N: dial this port of the host instead of ABI_PORT_RPC (vhost-vsock, where the
 *   ports of the host are shared by all VMs)
 * caisson_metadata=N: the supervisor's port of the host instead of ABI_PORT_SUPERVISOR (the same)
 * caisson_extras=1: there is an extras disk to wait for
 * caisson_disks=NAME:SERIAL,…: where the VMM has chosen the serials of its disks, which is which
 * caisson_emulated=1: its processors are emulated by QEMU
 * caisson_probe=1: power off at once; used to find out whether an accelerator runs guests at all
 */
#define ABI_CMDLINE_PORT     "caisson_port="
#define ABI_CMDLINE_METADATA "caisson_metadata="
#define ABI_CMDLINE_EXTRAS   "caisson_extras="
#define ABI_CMDLINE_DISKS    "caisson_disks="
#define ABI_CMDLINE_EMULATED "caisson_emulated="
#define ABI_CMDLINE_PROBE    "caisson_probe="
#define ABI_CMDLINE_MAX	     2048

/* The variable that the kernel makes of ABI_CMDLINE_EMULATED. */
#define ABI_EMULATED "caisson_emulated"

/*
 * The kernel's own word for its network, which vminitd reads where it is an image's own init: a
 * kernel without CONFIG_IP_PNP does nothing with it (guest/init/netconf.h).
 */
#define ABI_CMDLINE_IP "ip="

/*
 * What vminitd prints on the console before the reason when it cannot go on. The host looks for
 * nothing there: of a VM that does not get ready it shows the end of the console.
 */
#define ABI_FATAL_MARK "vminitd: fatal: "

/*
 * The guest always ends the VM with reboot(LINUX_REBOOT_CMD_RESTART) and "reboot=t" or "reboot=k":
 * QEMU with -no-reboot and Firecracker both exit on it.
 */

/*
 * What the message of a failed Create, Exec or Start begins with when it is the command's fault:
 * with NOT_FOUND it is not there, else it cannot be run. The words are runc's.
 */
#define ABI_COMMAND_MARK "exec: "

/*
 * What several containers in one VM are run by, in the initramfs of VMs that may have them. The
 * container's control group is that of its id, so a config.json that the host sends must have
 * "/<id>" for linux.cgroupsPath; and nothing in it may name what only the host has: AppArmor
 * profiles, SELinux labels, hooks, network namespaces.
 */
#define ABI_CRUN "/usr/bin/crun"

/*
 * What a container's tar is where its image has none (src/tar/program), beside that in the initramfs. An exec whose
 * JSON begins so gets it as a descriptor, which is what it executes then: a copy that nobody can write to.
 */
#define ABI_TAR	     "/usr/bin/caisson-tar"
#define ABI_TAR_FD   3
#define ABI_TAR_PATH "/proc/self/fd/3"
#define ABI_TAR_EXEC "{\"args\":[\"" ABI_TAR_PATH "\""

/*
 * Docker's defaults for a container without CAP_SYS_ADMIN, whoever runs it: what shows or changes the
 * machine rather than the container is hidden or read-only.
 */
#define ABI_MASKED_PATHS                                                                    \
	"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",   \
		"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", \
		"/sys/firmware"
#define ABI_READ_ONLY_PATHS "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"

/* type_url of an exec in a container that came as a bundle: the "process" of config.json. */
#define ABI_TYPE_OCI_PROCESS "types.containerd.io/opencontainers/runtime-spec/1/Process"

/* type_url of the messages of proto/caisson/guest/v1 in a google.protobuf.Any. */
#define ABI_TYPE_CONTAINER "caisson.guest.v1.Container"
#define ABI_TYPE_PROCESS   "caisson.guest.v1.Process"
