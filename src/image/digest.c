/* SPDX-License-Identifier: Apache-2.0 */
#include "image/digest.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

int digest_parse(const char *s, struct digest *ret)
{
	const char *hex = str_starts(s, "sha256:");

	if (!hex) {
		const char *colon = strchr(s, ':');

		return colon && colon != s ? -ENOTSUP : -EINVAL;
	}
	if (strlen(hex) != DIGEST_HEX_LEN || strspn(hex, "0123456789abcdef") != DIGEST_HEX_LEN)
		return -EINVAL;
	memcpy(ret->text, s, DIGEST_TEXT_LEN + 1);
	return 0;
}

static void must(int ok)
{
	if (ok)
		return;
	fputs("libcrypto cannot compute SHA-256\n", stderr);
	abort();
}

void hash_begin(struct hash *h)
{
	/* The configuration file has nothing for a plain digest, and reading it takes its time. */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	h->ctx = EVP_MD_CTX_new();
	must(h->ctx && EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) == 1);
}

void hash_add(struct hash *h, const void *data, size_t len)
{
	must(EVP_DigestUpdate(h->ctx, data, len) == 1);
}

void hash_end(struct hash *h, struct digest *ret)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char md[32];
	char *p = ret->text;

	must(EVP_DigestFinal_ex(h->ctx, md, NULL) == 1);
	memcpy(p, "sha256:", 7);
	p += 7;
	for (size_t i = 0; i < sizeof(md); i++) {
		*p++ = digits[md[i] >> 4];
		*p++ = digits[md[i] & 15];
	}
	*p = '\0';
	hash_done(h);
}

void hash_done(struct hash *h)
{
	EVP_MD_CTX_free(h->ctx);
	h->ctx = NULL;
}

void digest_of(const void *data, size_t len, struct digest *ret)
{
	_cleanup_hash_ struct hash h = HASH_NULL;

	hash_begin(&h);
	hash_add(&h, data, len);
	hash_end(&h, ret);
}
