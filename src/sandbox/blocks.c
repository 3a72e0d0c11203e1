/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/blocks.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sandbox/container.h"
#include "sandbox/sandbox.h"

void blocks_init(struct blocks *blocks)
{
	*blocks = (struct blocks){.n = 0};
	list_init(&blocks->waiter.link);
}

bool blocks_needed(const struct container *c)
{
	return c->spec->part > 0 && c->spec->block_devices.n > 0 && c->config;
}

static char *number_of(const struct oci_block *block)
{
	return xasprintf("%u:%u", block->major, block->minor);
}

static void finish(struct container *c, const struct err *err)
{
	struct err named = ERR_NULL;

	if (err) {
		named = *err;
		(void)err_wrap(&named, err->code, "linux.devices");
	} else {
		oci_blocks_place(c->blocks.all, c->blocks.n, &c->config);
	}
	c->blocks.done(c, err ? &named : NULL);
}

static void attach_next(struct container *c);

static void came(void *userdata, const struct err *err)
{
	struct container *c = userdata;
	struct oci_block *block = &c->blocks.all[c->blocks.next];
	_cleanup_free_ char *number = number_of(block), *path = disk_find_device(number);

	if (err) {
		finish(c, err);
		return;
	}
	block->guest = slots_device(&c->sandbox->slots, c->spec->id, path ? path : "");
	c->blocks.next++;
	attach_next(c);
}

static void its_turn(struct slots_waiter *waiter)
{
	struct container *c = container_of(waiter, struct container, blocks.waiter);
	const struct oci_block *block = &c->blocks.all[c->blocks.next];
	_cleanup_free_ char *number = number_of(block);
	struct disk disk = {.source = disk_find_device(number), .readonly = block->readonly};
	struct err err = ERR_NULL;
	int r;

	if (disk.source)
		r = slots_attach(&c->sandbox->slots, c->spec->id, &disk, came, c, &err);
	else
		r = err_set(&err, -ENODEV, "nothing in /dev is block device %s", number);
	disk_done(&disk);
	if (r < 0)
		finish(c, &err);
}

static void attach_next(struct container *c)
{
	if (c->blocks.next < c->blocks.n)
		slots_wait(&c->sandbox->slots, &c->blocks.waiter);
	else
		finish(c, NULL);
}

void blocks_attach(struct container *c,
		   void (*done)(struct container *container, const struct err *err))
{
	struct blocks *blocks = &c->blocks;
	struct err err = ERR_NULL;

	blocks->done = done;
	blocks->waiter.call = its_turn;
	blocks->n = oci_blocks_find(c->config, blocks->all, DISKS_MAX);
	if (blocks->n > DISKS_MAX) {
		(void)err_set(&err, -EINVAL, "a container has at most %d block devices", DISKS_MAX);
		blocks->n = 0;
		finish(c, &err);
		return;
	}
	attach_next(c);
}

void blocks_leave(struct container *c)
{
	list_del(&c->blocks.waiter.link);
	slots_forget(&c->sandbox->slots, c->spec->id, c);
}
