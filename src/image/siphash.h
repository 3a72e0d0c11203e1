/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/**
 * siphash_name() - SipHash-2-4 (Aumasson and Bernstein, 2012) over a folder's number and a name
 * @key: secret, or fixed where order must not depend on chance
 *
 * Whoever made an image chose the names, and without the key cannot choose ones that share a slot.
 */
uint64_t siphash_name(const uint64_t key[2], uint64_t dir, const char *name, size_t len);

/** siphash_key() - a key by chance; aborts if the system has none */
void siphash_key(uint64_t key[2]);
