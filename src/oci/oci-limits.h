/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "oci/settings.h"

/**
 * struct oci_limits - what a container may use: "resources" of the OCI runtime specification
 * (config-linux.md, "Control groups"), in its words and units
 * @memory, @reservation, @swap: bytes, the last one of memory and swap together; -1: no limit
 * @shares: a share of the CPUs, where they are scarce
 * @quota, @period, @burst: microseconds of CPU time, of the time that passes
 * @cpus, @mems: lists as in cpuset.cpus
 * @pids: -1: no limit
 * @unified: files of cgroup v2
 *
 * What is 0 or empty is not said, as Docker writes it.
 */
struct oci_limits {
	int64_t memory, reservation, swap, shares, quota, burst, period, idle, pids;
	char cpus[OCI_SETTING_VALUE], mems[OCI_SETTING_VALUE];
	struct oci_settings unified;
};

/**
 * oci_limits_parse() - from the JSON of a LinuxResources
 * @json, @len: not trusted
 *
 * What cannot be limited is refused by name, never left out.
 *
 * Return: 0; -EINVAL for what makes no sense, -EOPNOTSUPP for what there is not.
 */
int oci_limits_parse(const char *json, size_t len, struct oci_limits *ret, struct err *err);

/**
 * oci_limits_parse_changed() - the same, where all that is in force may be said again, as containerd does
 * @before: what the container was made with, JSON of the same kind; NULL: nothing
 */
int oci_limits_parse_changed(const char *json, size_t len, const char *before,
			     struct oci_limits *ret, struct err *err);

/** oci_limits_parse_known() - the same, but what a struct oci_limits has no word for is left out */
int oci_limits_parse_known(const char *json, size_t len, struct oci_limits *ret, struct err *err);
