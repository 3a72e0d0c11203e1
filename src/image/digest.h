/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/sha.h>
#include <stddef.h>

#include "base/macro.h"

/*
 * SHA-256 as OCI writes it: "sha256:" and 64 lower-case hex digits (image-spec 1.1, descriptor.md).
 */

#define DIGEST_HEX_LEN	64
#define DIGEST_TEXT_LEN (7 + DIGEST_HEX_LEN)

/**
 * struct digest - the text form, always well-formed once set
 * @text: "sha256:<hex>"; "" while unset
 */
struct digest {
	char text[DIGEST_TEXT_LEN + 1];
};

/** digest_hex() - the 64 digits alone; safe as a file name */
static inline const char *digest_hex(const struct digest *d)
{
	return d->text + 7;
}

/**
 * digest_parse() - check and copy
 *
 * Return: 0, -ENOTSUP for another algorithm, -EINVAL for what is no digest at all.
 */
int digest_parse(const char *s, struct digest *ret);

/** struct hash - a digest being computed */
struct hash {
	SHA256_CTX ctx;
};

/** hash_begin() - start */
void hash_begin(struct hash *h);

/** hash_add() - continue */
void hash_add(struct hash *h, const void *data, size_t len);

/** hash_end() - finish */
void hash_end(struct hash *h, struct digest *ret);

/** digest_of() - of a buffer */
void digest_of(const void *data, size_t len, struct digest *ret);
