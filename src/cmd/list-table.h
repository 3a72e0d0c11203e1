/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/spec.h"

/**
 * struct list_row - a container in a list of them
 * @status: in words for people
 */
struct list_row {
	const struct sandbox_spec *spec;
	const char *status;
};

/**
 * list_table_print() - a line each, below the columns' names, on stdout
 *
 * Names of containers are shown in full. Where containerd's CRI has said of one what it is for, there are columns for
 * the pod and the container in that.
 */
void list_table_print(const struct list_row *rows, size_t n);
