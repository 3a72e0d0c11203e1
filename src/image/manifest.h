/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"
#include "image/digest.h"

/*
 * The documents that lead from a name to layers: OCI's index and manifest, Docker's manifest list
 * and manifest (schema 2), and the manifest.json of "docker save". Parsers of memory only; nothing
 * here opens a file.
 */

/** enum compression - what a layer's media type promises */
enum compression {
	COMPRESSION_NONE,
	COMPRESSION_ANY, /* gzip or zstd; or none, which some writers of "gzip" types do */
};

/**
 * struct blob_ref - where a blob is and what it must be
 * @digest: of the bytes as stored; "" where the document does not say
 * @path: name in a "docker save" archive; NULL where the digest is the name
 * @size: in bytes; UINT64_MAX where the document does not say
 */
struct blob_ref {
	struct digest digest;
	char *path;
	uint64_t size;
	enum compression compression;
};

/**
 * struct manifest - one image
 * @layers: lowest first; @n of them
 */
struct manifest {
	struct blob_ref config;
	struct blob_ref *layers;
	size_t n;
};

#define MANIFEST_NULL                  \
	{                              \
		.layers = NULL, .n = 0 \
	}

/** manifest_done() - free; may be called again */
void manifest_done(struct manifest *m);

/**
 * manifest_parse() - an OCI image manifest or a Docker manifest of schema 2
 * @ret: MANIFEST_NULL before; free it with manifest_done(), on failure too
 *
 * Return: 0; -EBADMSG: malformed; -ENOTSUP: with a media type that is not known, which @err names;
 * -EFBIG: too many layers.
 */
int manifest_parse(const char *data, size_t len, struct manifest *ret, struct err *err);

/** manifest_is_index() - an OCI index or a Docker manifest list? What is malformed is neither. */
bool manifest_is_index(const char *data, size_t len);

/**
 * manifest_size() - check what is to be fetched
 * @max_bytes: the configuration and all layers may have no more than that, as they are stored
 * @ret_largest: bytes of the largest of them
 *
 * Return: 0; -EBADMSG: a size is not said; -EFBIG: too many bytes.
 */
int manifest_size(const struct manifest *m, uint64_t max_bytes, uint64_t *ret_largest,
		  struct err *err);

/**
 * manifest_pick() - choose an image from an OCI index or a Docker manifest list
 * @tag: "org.opencontainers.image.ref.name" wanted; NULL: whatever is there, if there is only one;
 *	"": the first for this machine, which is what an index inside an index means
 * @arch: architecture wanted where an entry names one ("amd64"; image-spec 1.1, image-index.md)
 * @ret: the manifest chosen
 * @ret_is_index: it is another index
 *
 * Return: 0; -ENOENT: no such tag, or not for this architecture; -EINVAL: several images and no
 * @tag; -EBADMSG, -ENOTSUP as above.
 */
int manifest_pick(const char *data, size_t len, const char *tag, const char *arch,
		  struct blob_ref *ret, bool *ret_is_index, struct err *err);

/**
 * manifest_pick_docker() - choose an image from the manifest.json of "docker save"
 * @tag: "REPO[:TAG]" wanted, compared as Docker does ("busybox" is
 *	"docker.io/library/busybox:latest"); NULL: the only one
 * @ret: MANIFEST_NULL before; free it with manifest_done(), on failure too
 *
 * Return: as manifest_pick().
 */
int manifest_pick_docker(const char *data, size_t len, const char *tag, struct manifest *ret,
			 struct err *err);

/** manifest_arch() - what image documents call this machine ("amd64", "arm64") */
const char *manifest_arch(void);
