/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "sandbox/conf.h"
#include "sandbox/paths.h"
#include "vmm/boot/kernel.h"

/* What `caisson doctor` looks at: the table is in doctor.c, the checks are in the doctor-*.c. */

/* Where containerd's configuration is, of what type a runtime of ours is there, and how much of such a file is read. */
#define DOCTOR_CONTAINERD_FILE "/etc/containerd/config.toml"
#define DOCTOR_RUNTIME_TYPE    "io.containerd.caisson.v2"
#define DOCTOR_FILE_MAX	       (1u << 20)

enum doctor_level {
	DOCTOR_OK,
	DOCTOR_NOTE,  /* good to know */
	DOCTOR_LACKS, /* containers run, but something they may want does not, or is slower */
	DOCTOR_FAILS, /* no container runs */
};

/**
 * struct finding - what has come of a check
 * @text: what there is, or what is lacking and what for
 * @mend: what to do about it; empty: nothing
 */
struct finding {
	enum doctor_level level;
	char text[ERR_TEXT_MAX + 256], mend[512];
};

/**
 * struct doctor - what one check has found out for the next ones
 * @conf: defaults where the file is wrong
 * @paths: all NULL where they cannot be known; the folders need not be there
 * @kernel: @vmlinux is NULL where there is none
 */
struct doctor {
	struct conf conf;
	struct paths paths;
	struct kernel kernel;
	bool has_qemu;
};

/** doctor_say() - set what was found */
void doctor_say(struct finding *f, enum doctor_level level, const char *fmt, ...) _printf_(3, 4);

/** doctor_mend() - and what to do about it */
void doctor_mend(struct finding *f, const char *fmt, ...) _printf_(2, 3);

/**
 * doctor_try() - do something in a process of its own, in namespaces of its own
 * @flags: of unshare()
 * @try: Return: 0 or negative errno with a message
 *
 * Return: what it returned, with its message; that of the namespaces where there are none.
 */
int doctor_try(int flags, int (*try)(void *data, struct err *err), void *data, struct err *err);

/** doctor_version() - the first line of what a program prints when asked for its version; free() it */
char *doctor_version(const char *program);

typedef void doctor_check(struct doctor *d, struct finding *f);

doctor_check doctor_system, doctor_user, doctor_config, doctor_folders, doctor_own_programs,
	doctor_memory, doctor_cgroup, doctor_overlay, doctor_userns;
doctor_check doctor_qemu, doctor_kernel, doctor_kvm, doctor_virtiofsd, doctor_crun, doctor_skopeo,
	doctor_passt, doctor_firecracker;
doctor_check doctor_tun, doctor_redirect, doctor_localhost, doctor_vsock;
doctor_check doctor_docker, doctor_podman, doctor_containerd;
doctor_check doctor_cri, doctor_crio, doctor_shim, doctor_kubelet;
doctor_check doctor_cni, doctor_forwarding, doctor_hugepages;
