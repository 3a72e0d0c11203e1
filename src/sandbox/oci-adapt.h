/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "sandbox/spec.h"

/*
 * Bundles that somebody else has made, by `runc spec` for instance, made fit for a guest: the
 * contract is that of sandbox/oci-config.h. What only means something on the host is refused, but
 * for labels of AppArmor and SELinux, which no guest's kernel has, and hooks, which the host runs.
 */

/* What a guest takes is not more. */
#define OCI_CONFIG_FILE "config.json"
#define OCI_CONFIG_MAX	(4u << 20)

/**
 * struct oci_member - a container that runs: the process that stands for it on the host, and its own in the guest
 * @guest_pid: 0: none that is known
 * @hollow: its namespaces are the VM's own (oci-pause.h), and @guest_pid is 0 until it is filled
 */
struct oci_member {
	pid_t host_pid;
	uint32_t guest_pid;
	bool hollow;
};

/** struct oci_file - a file of a container's own: where, and what is in it */
struct oci_file {
	const char *where, *text;
};

/**
 * struct oci_group - the containers of a VM that can have several
 * @members: those that there are, the VM's first one first; @n: 0: this is the first
 * @shm: what of the host's ABI_SHM_DIR stands for, or SANDBOX_SHM_OWN; empty: it is not there
 * @files, @n_files: what each one gets, unless it has something else there
 */
struct oci_group {
	const struct oci_member *members;
	size_t n;
	const char *shm;
	const struct oci_file *files;
	size_t n_files;
};

/**
 * oci_config_adapt() - make somebody else's config.json one for a guest
 * @json: the text
 * @group: that it comes to, or begins; NULL: it will be alone. Namespaces of its members' can be joined then; the
 *	network is the VM's
 * @spec: has its id; gets rootfs as it is written there, args, env, cwd, user, capabilities,
 *	terminal and annotations, which are for those who ask, and for execs; of the first one of a group shm and
 *	pod_host
 * @ret: the text for the guest
 *
 * Return: 0; -EBADMSG or -ENOTSUP with a message: it is not the JSON of a container, or of one that
 * cannot be had in a VM. What was filled in is still @spec's.
 */
int oci_config_adapt(const char *json, const struct oci_group *group, struct sandbox_spec *spec,
		     char **ret, struct err *err);

/**
 * oci_config_annotations() - what somebody else's config.json says of its container, as NAME=VALUE, added to @ret
 *
 * Return: 0 or -EBADMSG with a message.
 */
int oci_config_annotations(const char *json, struct strv *ret, struct err *err);

/**
 * oci_process_inherit() - let an exec have what the bundle says of the container's processes
 * @config: what oci_config_adapt() returned
 * @same_user: the container's first process' user, and so its groups, are the exec's too
 * @process: of oci_process(); replaced
 */
void oci_process_inherit(const char *config, bool same_user, char **process);

/**
 * oci_process_adapt() - make somebody else's "process" one that is executed in a guest's container
 * @json, @len: the text
 * @ret: the text for the guest
 * @ret_command: its first word
 *
 * Return: 0 or -EBADMSG with a message.
 */
int oci_process_adapt(const void *json, size_t len, char **ret, char **ret_command,
		      bool *ret_terminal, struct err *err);

/**
 * oci_process_lend_tar() - if that is a tar, let it be the guest's where the container has none (ABI_TAR_EXEC)
 * @process: of oci_process_adapt(); replaced then
 */
void oci_process_lend_tar(char **process);
