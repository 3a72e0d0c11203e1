/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/mount/blockdev.h"

/**
 * struct extras - the extras disk (include/abi/abi.h)
 * @done: called once: 0: its files are in their places; negative errno, with what could not be done
 */
struct extras {
	struct blockdev disk;
	void (*done)(struct extras *extras, int error, const char *what);
};

#define EXTRAS_NULL                   \
	{                             \
		.disk = BLOCKDEV_NULL \
	}

/** extras_start() - wait for the disk and mount it; @done follows, perhaps from here */
void extras_start(struct extras *extras, struct loop *loop,
		  void (*done)(struct extras *extras, int error, const char *what));
