/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/direct/setup.h"

/*
 * One of the steps of setup.c, in the container's root: what the host, which reads no file system of others',
 * has left open is taken from ABI_ENTRYPOINT and ABI_ENTRYPOINT_CONF there.
 */

/** image_settings_read() - complete the request, if it wants that */
int image_settings_read(struct setup *setup);
