/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/conf.h"
#include "sandbox/spec.h"

/* Bytes of a VM's memory that are its kernel's and vminitd's, where a limit of the container is its size. */
#define MACHINE_GUEST_MEMORY (UINT64_C(64) << 20)

/**
 * machine_begin() - the VM of a container: what the administrator has set, then what its limits of
 *	memory and CPUs ask for, then what its own variables and annotations say (sandbox/setting.h)
 * @spec: has its env and annotations
 *
 * Return: 0 or negative errno with a message.
 */
int machine_begin(struct sandbox_spec *spec, const struct conf *conf, struct err *err);

/**
 * machine_end() - once all that is known better is in @spec, too: is a VM of that kind allowed?
 *
 * Return: as machine_begin().
 */
int machine_end(struct sandbox_spec *spec, const struct conf *conf, struct err *err);

/**
 * machine_join() - what of a bundle's container is its own, where it comes to the VM of another one
 * @spec: has all that the bundle says; gets the rest
 * @first: the container that the VM was started for
 * @conf: path of the administrator's configuration; NULL: the usual one
 *
 * Return: as machine_begin().
 */
int machine_join(struct sandbox_spec *spec, const struct sandbox_spec *first, const char *conf,
		 struct err *err);

/**
 * machine_choose() - all of that for a container that comes as a bundle
 * @spec: has all that the bundle says; gets the rest
 *
 * Return: as machine_begin().
 */
int machine_choose(struct sandbox_spec *spec, struct err *err);
