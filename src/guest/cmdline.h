/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/**
 * struct cmdline - what the kernel command line says to vminitd (see abi/abi.h)
 * @port: the host's port to dial
 * @metadata_port: the host's port for the supervisor
 * @disks: which serials disks have, in the form of blockdev_serial(); part of the environment; NULL: their names
 * @extras: there is an extras disk
 * @probe: end the VM at once
 */
struct cmdline {
	uint32_t port, metadata_port;
	const char *disks;
	bool extras, probe;
};

/**
 * cmdline_parse() - read the words meant for vminitd
 * @env: init's environment, which the kernel made of its command line; ends with NULL
 * @ret: set on success; what is not mentioned has its default
 *
 * Return: 0, or -EINVAL when a word of ours has a value that makes no sense.
 */
int cmdline_parse(const char *const *env, struct cmdline *ret);
