/* SPDX-License-Identifier: Apache-2.0 */
#include "tar/header.h"

unsigned int tar_header_sum(const struct tar_header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	unsigned int sum = sizeof(h->chksum) * ' ';

	for (size_t i = 0; i < sizeof(*h); i++)
		sum += p[i];
	for (size_t i = 0; i < sizeof(h->chksum); i++)
		sum -= (unsigned char)h->chksum[i];
	return sum;
}
