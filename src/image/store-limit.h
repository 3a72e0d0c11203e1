/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "image/store.h"

/**
 * store_make_room() - remove images until what is in @t fits under the limit
 * @t: complete, but for its name
 * @id: what it is; another form of it that is there stays, and counts
 * @cancel: as for store_lock()
 *
 * Those that were not used for longest go first. One that somebody uses, or that @limit->kept says so
 * of, stays. Where not enough can be removed nothing is.
 *
 * Return: a descriptor, to be closed after store_commit(), until when nobody else makes room or uses
 * what was made; -EFBIG: it does not fit; others. With a message.
 */
int store_make_room(const struct store_tmp *t, const struct digest *id,
		    const struct image_limit *limit, const volatile sig_atomic_t *cancel,
		    struct err *err);
