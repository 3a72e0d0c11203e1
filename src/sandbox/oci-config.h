/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "base/user.h"
#include "guest.pb-c.h"

/*
 * OCI's JSON for crun in the guest (runtime-spec, "config.json"). The guest reads none of it, so
 * all that the host knows better is settled here. The contract for a bundle that goes to a guest:
 *
 *   linux.cgroupsPath is "/<id>"
 *   there is no process.apparmorProfile, process.selinuxLabel, linux.mountLabel: the guest's
 *     kernel has neither
 *   there are no hooks: their programs are on the host, which runs them
 *   there is no network namespace: the VM's own is the container's
 */

/**
 * oci_config() - config.json of a container that `caisson run` makes, with Docker's defaults
 * @container: its first process, its mounts; its id is its host name
 * @user: who that process is
 * @ret: a new string
 *
 * Return: 0; -EILSEQ: an argument or variable is not UTF-8, which JSON cannot hold.
 */
int oci_config(const Caisson__Guest__V1__Container *container, const struct user *user, char **ret,
	       struct err *err);

/**
 * oci_check() - can JSON hold these of a process? What oci_config() checks too, for before a boot
 * @cwd: or NULL
 *
 * Return: 0; -EILSEQ: one is not UTF-8, with a message that says which.
 */
int oci_check(char *const *args, size_t n_args, char *const *env, size_t n_env, const char *cwd,
	      struct err *err);

/** oci_process() - the same of a process that is executed in it */
int oci_process(const Caisson__Guest__V1__Process *process, const struct user *user, char **ret,
		struct err *err);

/** oci_capability() - the bit of "CAP_CHOWN" and the others; 0: there is none of that name */
uint64_t oci_capability(const char *word);

/**
 * oci_find_user() - who a process is, by the container's own files
 * @root: descriptor of its root file system, whose symbolic links lead nowhere else
 * @spec: as `docker run --user`
 *
 * Return: 0 or negative errno with a message.
 */
int oci_find_user(int root, const char *spec, struct user *ret, struct err *err);
