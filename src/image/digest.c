/* SPDX-License-Identifier: Apache-2.0 */
/* The old interface: the new one brings all ciphers that there are, and has to look for this one. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "image/digest.h"

#include <errno.h>
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

void hash_begin(struct hash *h)
{
	(void)SHA256_Init(&h->ctx);
}

void hash_add(struct hash *h, const void *data, size_t len)
{
	(void)SHA256_Update(&h->ctx, data, len);
}

void hash_end(struct hash *h, struct digest *ret)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char md[SHA256_DIGEST_LENGTH];
	char *p = ret->text;

	(void)SHA256_Final(md, &h->ctx);
	memcpy(p, "sha256:", 7);
	p += 7;
	for (size_t i = 0; i < sizeof(md); i++) {
		*p++ = digits[md[i] >> 4];
		*p++ = digits[md[i] & 15];
	}
	*p = '\0';
}

void digest_of(const void *data, size_t len, struct digest *ret)
{
	struct hash h;

	hash_begin(&h);
	hash_add(&h, data, len);
	hash_end(&h, ret);
}
