/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "any.pb-c.h"
#include "base/err.h"
#include "shim/containerd/args.h"

/**
 * struct containerd_options - what containerd's configuration, or `ctr run`, says of the runtime
 * @systemd_cgroup: cgroupsPath is in the words of systemd
 * @config: path of the administrator's configuration; NULL: the usual one
 * @socket_dir: where the shim's socket is to be; NULL: the usual place
 * @bootstrap: they came with what containerd 2.3 and later say
 */
struct containerd_options {
	bool systemd_cgroup, bootstrap;
	char *config, *socket_dir;
};

/**
 * containerd_options_take() - of a message: containerd.runc.v1.Options or runtimeoptions.v1.Options
 * @any: NULL, or an empty one: there are none
 * @ret: added to; end with containerd_options_done()
 *
 * Return: 0; -ENOTSUP with a message that names what cannot be had; -EBADMSG with one.
 */
int containerd_options_take(const Google__Protobuf__Any *any, struct containerd_options *ret,
			    struct err *err);

/**
 * containerd_options_read() - of the standard input of `start`, up to its end
 * @ret: set on success; end with containerd_options_done()
 *
 * Return: as above, or another negative errno with a message.
 */
int containerd_options_read(int fd, const struct containerd_args *args,
			    struct containerd_options *ret, struct err *err);

/** containerd_options_done() - may be called again */
void containerd_options_done(struct containerd_options *options);
