/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tar/member.h"

/*
 * Within this layer: the records that say of a member what its header cannot. POSIX.1-2017, pax, "pax
 * Extended Header"; of holes, the manual of GNU tar, "Sparse Formats".
 */

/**
 * struct pax_out - where records go
 * @put: NULL: they are only counted
 * @userdata: for @put
 * @total: bytes of all records so far
 * @error: @put's; nothing more is put then
 */
struct pax_out {
	int (*put)(void *userdata, const void *data, size_t len);
	void *userdata;
	uint64_t total;
	int error;
};

/**
 * pax_records() - all that @m needs
 * @slash: what comes after its path: "/" or nothing
 * @stored: bytes of content in the archive, a sparse file's map with them
 */
void pax_records(struct pax_out *out, const struct tar_member *m, const char *slash,
		 uint64_t stored);
