/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "image/layer.h"

/**
 * struct build_archive - passes a tar on to a sink, and finds out whether it is an image's archive
 * @to: who gets it
 * @marked: it has a manifest, by its name
 * @parts: it has files that are called by digests
 * @other: it has what such archives never have
 */
struct build_archive {
	const struct layer_sink *to;
	bool marked, parts, other;
};

/** build_archive_sink() - what is to be read into, instead of @a->to */
struct layer_sink build_archive_sink(struct build_archive *a);
