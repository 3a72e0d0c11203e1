/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "image/hashing.h"
#include "image/layout-write.h"
#include "image/output.h"

/* Between the files that begin so. */

struct archive;
struct json_object;

/**
 * struct layout_blob - a layer, the configuration or the manifest
 * @type: its media type
 * @made: it has been put into a folder that did not have it
 */
struct layout_blob {
	const char *type;
	struct digest digest;
	uint64_t size;
	struct output output;
	bool made;
};

/**
 * struct layout_layer - the layer that is being written
 * @plain, @stored: of the tar, and of what is stored, where that is something else
 * @filter: compresses; NULL: nothing does
 * @buf: what is not written yet, @n bytes
 */
struct layout_layer {
	enum layout_compression how;
	struct layout_blob blob;
	struct hashing plain, stored;
	struct archive *filter;
	char *buf;
	size_t n;
	int error;
};

/**
 * struct layout_writer - @output: the archive, if it is to be one
 * @dir: folder that names below are in; @prefix: what comes before them, "" or "NAME/"
 * @fresh: the folder is not there yet; @made: it is now
 */
struct layout_writer {
	bool archive, fresh, made;
	char *path, *tag, *prefix;
	int dir;
	struct output output;
	struct layout_layer layer;
	struct layout_blob *blobs;
	size_t n;
};

/** layout_blob_open() - an empty one, that has no name yet */
int layout_blob_open(struct layout_writer *w, struct layout_blob *b, struct err *err);

/** layout_blob_add() - it is written; @w owns it now */
void layout_blob_add(struct layout_writer *w, struct layout_blob *b);

/** layout_blob_name() - "blobs/sha256/…"; free() it */
char *layout_blob_name(const struct layout_blob *b);

/** layout_layer_done() - free; may be called again */
void layout_layer_done(struct layout_layer *l);

/** layout_folder_finish() - put all into the folder */
int layout_folder_finish(struct layout_writer *w, struct err *err);

/** layout_archive_finish() - put all into the archive */
int layout_archive_finish(struct layout_writer *w, struct err *err);

/* layout-json.c. What they return is to be freed; the last blob is the manifest. */

/** layout_json_manifest() - layers, and the configuration behind them */
char *layout_json_manifest(const struct layout_blob *v, size_t n);

/**
 * layout_json_index() - with one more manifest
 * @old: the index that is there, NULL: none; @len bytes
 */
int layout_json_index(const struct layout_blob *manifest, const char *tag, const char *old,
		      size_t len, char **ret, struct err *err);

/* What says that it is a layout. */
#define LAYOUT_FILE	     "oci-layout"
#define LAYOUT_INDEX	     "index.json"
#define LAYOUT_VERSION	     "{\"imageLayoutVersion\":\"1.0.0\"}"

#define LAYOUT_CONFIG_TYPE   "application/vnd.oci.image.config.v1+json"
#define LAYOUT_MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
