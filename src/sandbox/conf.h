/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"

/*
 * The administrator's configuration: $CAISSON_CONFIG, else CONF_PATH, which need not be there. One
 * "key = value" a line; empty lines and those that begin with "#" say nothing. A key that is not
 * known, or a value that makes no sense, is an error: nobody has to wonder whether a line counts.
 */

#define CONF_PATH	       "/etc/caisson/caisson.conf"
#define CONF_BYTES_MAX	       65536
#define CONF_ALLOW_MAX	       32

#define CONF_EXTRAS_ALLOW      "extras.allow"
#define CONF_IMAGES_LIMIT      "images.limit"
#define CONF_ROOTFS_MODE       "rootfs.mode"
#define CONF_SUPERVISOR_SOCKET "supervisor.socket"

/**
 * struct conf - what it says
 * @path: the file, for messages
 * @extras_allow: absolute paths of folders whose files may be given to VMs
 * @images_limit: bytes that all images of the store may take together; 0: as many as there are
 * @rootfs_mode: a word of SANDBOX_ROOTFS_MODES, for containers that nobody chose one for; NULL: none
 * @supervisor_socket: absolute path of the unix socket that supervisors ask for their metadata;
 *	NULL: none
 */
struct conf {
	char *path;
	struct strv extras_allow;
	uint64_t images_limit;
	char *rootfs_mode, *supervisor_socket;
};

#define CONF_NULL                                                                                \
	{                                                                                        \
		.path = NULL, .extras_allow = STRV_NULL, .images_limit = 0, .rootfs_mode = NULL, \
		.supervisor_socket = NULL                                                        \
	}

/**
 * conf_load() - read the file, which only root may be able to change
 * @ret: set on success; end with conf_done()
 *
 * Return: 0 or negative errno with a message that names the file and, where there is one, the line.
 */
int conf_load(struct conf *ret, struct err *err);

/**
 * conf_parse() - the text of such a file
 * @path: for messages
 * @ret: as for conf_load()
 *
 * Return: 0 or -EINVAL, with a message.
 */
int conf_parse(const char *path, const char *text, size_t len, struct conf *ret, struct err *err);

/** conf_done() - may be called again */
void conf_done(struct conf *conf);
#define _cleanup_conf_ __attribute__((cleanup(conf_done)))
