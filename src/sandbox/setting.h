/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "sandbox/conf.h"
#include "sandbox/spec.h"

/*
 * Settings: what a container says of its own VM, by variables RUNCVM_NAME of its environment, or by
 * annotations io.caisson.name, which beat those. Whoever made the image, or the bundle, may have
 * written them: what names something of the host's, or is more than a VM's own business, the
 * administrator has to allow. What cannot be had is refused by name, and nothing is misspelt
 * unnoticed.
 */

#define SETTING_VARIABLE   "RUNCVM_"
#define SETTING_ANNOTATION "io.caisson."

/* Bytes of a value. The kernel's command line has 2048 for all that is on it. */
#define SETTING_VALUE_MAX 1024

/* Bytes of a container's own disk. */
#define SETTING_ROOTFS_MIN (UINT64_C(1) << 20)
#define SETTING_ROOTFS_MAX ((UINT64_C(16) << 40) - (UINT64_C(1) << 20))

/** setting_known() - is it the name of a setting, as "kernel_append", or "*" for all? */
bool setting_known(const char *name);

/** setting_is_annotation() - is this the name of an annotation that makes a setting? */
bool setting_is_annotation(const char *name, size_t len);

/** setting_text_valid() - is it printable ASCII, of SETTING_VALUE_MAX bytes at most? */
bool setting_text_valid(const char *value);

/**
 * setting_early() - what a container says of a setting, unchecked, before there is a spec to make
 * @name: as "KERNEL_APPEND"
 *
 * Return: its value, of @annotations or @env, or NULL.
 */
const char *setting_early(const struct strv *env, const struct strv *annotations, const char *name);

/**
 * settings_make() - let a container choose its VM
 * @spec: has its env and annotations; gets what they set. All of its other fields have values that a
 *	setting may replace
 * @conf: what of it is allowed
 *
 * Return: 0 or negative errno with a message that names the setting.
 */
int settings_make(struct sandbox_spec *spec, const struct conf *conf, struct err *err);

/**
 * settings_join() - the same for a container that comes to the VM of another one
 * @spec: gets what is set of itself; and notes for what its variables say of the VM, which do not count. Annotations
 *	that do are refused, unless the VM was started with the same
 * @first: the container that it was started for
 *
 * Return: as settings_make().
 */
int settings_join(struct sandbox_spec *spec, const struct sandbox_spec *first,
		  const struct conf *conf, struct err *err);

/**
 * settings_check() - do a VM's settings go together, and has it no more than the administrator lets any have?
 *
 * Return: 0, -EINVAL or -EPERM with a message.
 */
int settings_check(const struct sandbox_spec *spec, const struct conf *conf, struct err *err);
