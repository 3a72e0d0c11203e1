/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "base/err.h"

/*
 * The limits of a container: "resources" of the OCI runtime specification (config-linux.md, "Control
 * groups"), turned into files of cgroup v2 and what to write into them. The conversions are those of
 * runc, and of crun: what was said for version 1 (shares, swap) means the same here.
 */

#define OCI_SETTINGS_MAX  16
#define OCI_SETTING_FILE  32
#define OCI_SETTING_VALUE 256

/**
 * struct oci_settings - in the order in which they are to be written
 */
struct oci_settings {
	size_t n;
	struct {
		char file[OCI_SETTING_FILE], value[OCI_SETTING_VALUE];
	} list[OCI_SETTINGS_MAX];
};

/**
 * oci_resources_parse() - from the JSON of a LinuxResources
 * @json, @len: not trusted
 *
 * What is 0, empty or absent is not limited, as Docker writes it. What cannot be limited is refused
 * by name, never left out.
 *
 * Return: 0; -EINVAL for what makes no sense, -EOPNOTSUPP for what there is not.
 */
int oci_resources_parse(const char *json, size_t len, struct oci_settings *ret, struct err *err);
