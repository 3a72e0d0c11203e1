/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "runtimesandbox.pb-c.h"
#include "sandbox/oci-adapt.h"

/*
 * A pod that is no container of containerd's, but a sandbox: what CRI says of it becomes the config.json of a container of
 * our own, whose only process holds the namespaces that the pod's containers have in common.
 */

/* In its root file system. */
#define POD_PROGRAM "caisson-pause"

#define POD_FILES   3

/**
 * struct pod_config - what comes of it
 * @json: the config.json
 * @texts: of @files, which each of the pod's containers gets
 */
struct pod_config {
	char *json, *texts[POD_FILES];
	struct oci_file files[POD_FILES];
	size_t n_files;
};

/**
 * pod_config_make() - the same as containerd would say of a pause container
 * @id: of the sandbox
 * @request: of its creation; NULL: nothing is known yet
 * @ret: end with pod_config_done(), also after a failure
 *
 * Of annotations only those for caisson are taken. Return: 0; -ENOTSUP, -EINVAL or -EBADMSG with a message.
 */
int pod_config_make(const char *id,
		    const Containerd__Runtime__Sandbox__V1__CreateSandboxRequest *request,
		    struct pod_config *ret, struct err *err);

/** pod_config_done() - may be called again */
void pod_config_done(struct pod_config *config);
