/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>

#include "base/err.h"

/**
 * change_apply() - do to an image's configuration what an instruction of a Dockerfile says
 * @config: the member "config" of the document (OCI image-spec 1.1, config.md)
 * @instruction: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME or WORKDIR,
 *	in any case, with its words, as `docker commit --change` takes it
 *
 * Return: 0 or -EINVAL, with a message.
 */
int change_apply(struct json_object *config, const char *instruction, struct err *err);
