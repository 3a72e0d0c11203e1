/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <signal.h>

#include "image/blob.h"

/* Most entries that a tar file of blobs may have: about three a layer in what Docker writes. */
#define BLOB_ENTRIES_MAX 65536

/* Most bytes that the names of all entries, and what links point to, may have together. */
#define BLOB_NAMES_MAX (16u << 20)

/**
 * blob_index_read() - list what an uncompressed tar file holds
 * @cancel: true: stop with -EINTR; may be NULL
 * @ret: set on success, never NULL then; blob_index_free() it
 *
 * Names of PATH_MAX bytes and more are left out: no document can mean them.
 *
 * Return: 0 or negative errno, with a message; -EFBIG: too many entries, or bytes of names.
 */
int blob_index_read(int fd, const volatile sig_atomic_t *cancel, struct blob_entry **ret,
		    size_t *ret_n, struct err *err);

/** blob_index_free() - accepts NULL */
void blob_index_free(struct blob_entry *entries, size_t n);

/**
 * blob_index_find() - the regular file of that name, through symbolic and hard links
 *
 * Return: the entry, or NULL.
 */
const struct blob_entry *blob_index_find(const struct blob_entry *entries, size_t n,
					 const char *name);

/** blob_index_normalise() - drop "." and empty parts of a name and resolve "..", in place */
void blob_index_normalise(char *name);
