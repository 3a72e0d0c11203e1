/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"

/*
 * The administrator's configuration: $CAISSON_CONFIG, else CONF_PATH, which need not be there. It is
 * TOML, of which there are tables, strings, whole numbers and lists on one line (sandbox/conf-line.h);
 * what can be said is in the table of conf.c. A key that is not known, or a value that makes no sense,
 * is an error: nobody has to wonder whether a line counts.
 */

#define CONF_VARIABLE	    "CAISSON_CONFIG"
#define CONF_PATH	    "/etc/caisson/config.toml"
#define CONF_BYTES_MAX	    65536
#define CONF_LIST_MAX	    32

#define CONF_EXTRAS_ALLOW   "extras.allow"
#define CONF_KERNEL_ALLOW   "kernel.allow"
#define CONF_SETTINGS_ALLOW "settings.allow"
#define CONF_SETTINGS_DENY  "settings.deny"
#define CONF_LIMIT_MEMORY   "limit.memory"
#define CONF_LIMIT_CPUS	    "limit.cpus"
#define CONF_LIMIT_ROOTFS   "limit.rootfs_size"

/**
 * struct conf_line - a value that the file has
 * @key: which row of the table of keys
 * @number: of its line
 * @value: as it is written there, without quotation marks
 */
struct conf_line {
	size_t key;
	unsigned int number;
	char *value;
};

/**
 * struct conf - what it says
 * @path: the file, for messages
 * @lines, @n_lines: what is in it, in its order
 * @extras_allow: absolute paths of folders whose files may be given to VMs
 * @kernel_allow: of folders whose files containers may choose as their kernels
 * @settings_allow: names of privileged settings that containers may make (sandbox/setting.h)
 * @settings_deny: of those that they may not make
 * @images_limit: bytes that all images of the store may take together; 0: as many as there are
 * @limit_memory, @limit_rootfs_size: bytes that no VM, and no disk of one, may have more of; 0: any
 * @limit_cpus: the same of CPUs
 * @memory, @cpus, @boot_timeout, @hypervisor, @accel: of VMs that nobody said it of
 * @kernel: the same; NULL: the default one
 * @kernel_append: words for the command line of all guests' kernels; NULL: none
 * @rootfs_mode: a word of SANDBOX_ROOTFS_MODES, for containers that nobody chose one for; NULL: none
 * @volume_mode: the same of SANDBOX_VOLUME_MODES
 * @firecracker_jailer: "true": as root, it is started by its jailer
 * @firecracker_api: "false": it gets its configuration in a file, and takes no orders
 * @firecracker_placeholders, @firecracker_placeholders_ro: of its VMs that nobody said it of (spec.h)
 * @supervisor_socket: absolute path of the unix socket that supervisors ask for their metadata;
 *	NULL: none
 */
struct conf {
	char *path;
	struct conf_line *lines;
	size_t n_lines;
	struct strv extras_allow, kernel_allow, settings_allow, settings_deny;
	uint64_t images_limit, limit_memory, limit_rootfs_size, memory;
	uint32_t limit_cpus, cpus, boot_timeout, firecracker_placeholders,
		firecracker_placeholders_ro;
	char *hypervisor, *accel, *kernel, *kernel_append, *rootfs_mode, *volume_mode,
		*supervisor_socket, *firecracker_jailer, *firecracker_api;
};

#define CONF_NULL                                                                                  \
	{                                                                                          \
		.path = NULL, .lines = NULL, .extras_allow = STRV_NULL, .kernel_allow = STRV_NULL, \
		.settings_allow = STRV_NULL, .settings_deny = STRV_NULL                            \
	}

/**
 * conf_load() - read the file, which only root may be able to change
 * @ret: set on success, with what holds where nothing is said; end with conf_done()
 *
 * Return: 0 or negative errno with a message that names the file and, where there is one, the line.
 */
int conf_load(struct conf *ret, struct err *err);

/** conf_load_from() - the same of that file, or the usual one if @path is NULL. Return: as above. */
int conf_load_from(const char *path, struct conf *ret, struct err *err);

/**
 * conf_parse() - the text of such a file
 * @path: for messages
 * @ret: as for conf_load()
 *
 * Return: 0 or -EINVAL, with a message.
 */
int conf_parse(const char *path, const char *text, size_t len, struct conf *ret, struct err *err);

/**
 * struct conf_value - what is in force of a key
 * @key: its name
 * @value: NULL: nothing
 * @line: of the file; 0: it is the default
 * @is_list: there may be several
 */
struct conf_value {
	const char *key, *value;
	unsigned int line;
	bool is_list;
};

/**
 * conf_each() - call @each for every key, and for every value of one that has several
 * @data: for @each
 */
void conf_each(const struct conf *conf, void (*each)(void *data, const struct conf_value *value),
	       void *data);

/** conf_done() - may be called again */
void conf_done(struct conf *conf);
#define _cleanup_conf_ __attribute__((cleanup(conf_done)))
