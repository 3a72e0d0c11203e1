/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "base/err.h"

#define OCI_SETTINGS_MAX  16
#define OCI_SETTING_FILE  32
#define OCI_SETTING_VALUE 256

/**
 * struct oci_settings - files of a control group and what to write into them, in that order
 */
struct oci_settings {
	size_t n;
	struct {
		char file[OCI_SETTING_FILE], value[OCI_SETTING_VALUE];
	} list[OCI_SETTINGS_MAX];
};

/** oci_settings_add() - Return: 0, or -EINVAL with a message: there are too many, or it is too long */
int oci_settings_add(struct oci_settings *settings, const char *file, const char *value,
		     struct err *err);
