/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The old interface: the new one looks for providers and their configuration first, which takes
 * longer than all else that is done to look up a key.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "vmm/identity.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* With its final NUL: two words never run together. */
void identity_add_word(struct identity *id, const char *word)
{
	size_t n = strlen(word) + 1;

	id->text = xreallocarray(id->text, id->len + n, 1);
	memcpy(id->text + id->len, word, n);
	id->len += n;
}

int identity_add_file(struct identity *id, const char *path)
{
	char word[160];
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	(void)snprintf(word, sizeof(word), "%llu %llu %llu %lld.%09ld %lld.%09ld",
		       (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
		       (unsigned long long)st.st_size, (long long)st.st_mtim.tv_sec,
		       st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	identity_add_word(id, path);
	identity_add_word(id, word);
	return 0;
}

void identity_key(const struct identity *id, char key[IDENTITY_LEN + 1])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	SHA256_CTX ctx;

	(void)SHA256_Init(&ctx);
	(void)SHA256_Update(&ctx, id->text ? id->text : "", id->len);
	(void)SHA256_Final(digest, &ctx);
	for (size_t i = 0; i < sizeof(digest); i++)
		(void)snprintf(key + 2 * i, 3, "%02x", digest[i]);
}

void identity_done(struct identity *id)
{
	free(id->text);
	id->text = NULL;
	id->len = 0;
}
