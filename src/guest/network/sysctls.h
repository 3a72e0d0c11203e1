/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "network.pb-c.h"

/** sysctls_check() - are they of the network? Return: 0 or negative errno; @err begins with the field. */
int sysctls_check(const Caisson__Guest__V1__ConfigureRequest *request, struct err *err);

/**
 * sysctls_configure() - set those of a request that was checked
 *
 * A name is read as sysctl(8) does: its first separator says whether "." or "/" is the one.
 *
 * Return: 0 or negative errno; @err begins with the field.
 */
int sysctls_configure(const Caisson__Guest__V1__ConfigureRequest *request, struct err *err);
