/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "oci/oci-limits.h"

/*
 * A container's limits as files of control groups: of its own in the guest, and of that on the host which
 * holds its whole virtual machine. The conversions between the versions are those of runc, and of crun:
 * what was said for version 1 (shares, swap) means the same in version 2.
 */

/*
 * What the processes of a virtual machine may use beyond its memory: the hypervisor's own, virtiofsd's, and
 * under emulation the translated code (vmm/qemu/argv.c); and the threads that these programs are made of.
 */
#define OCI_HOST_MEMORY_OVERHEAD (UINT64_C(256) << 20)
#define OCI_HOST_PIDS_OVERHEAD	 512

/**
 * oci_resources_guest() - files of version 2 in the guest
 * @cpusets: with those: the numbers of CPUs are the guest's
 *
 * Return: 0, or -EINVAL with a message for limits that contradict each other.
 */
int oci_resources_guest(const struct oci_limits *limits, bool cpusets, struct oci_settings *ret,
			struct err *err);

/**
 * oci_resources_host() - files on the host
 * @memory: of the virtual machine, bytes; the limit, whatever that of the container is
 * @v2: of version 2; else 1
 *
 * Return: as above.
 */
int oci_resources_host(const struct oci_limits *limits, uint64_t memory, bool v2,
		       struct oci_settings *ret, struct err *err);
