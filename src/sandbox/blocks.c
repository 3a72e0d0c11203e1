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
	return sandbox_spec_shares_vm(c->spec) && c->spec->block_devices.n > 0 && c->config;
}

static void finish(struct container *c, const struct err *err)
{
	struct err named = ERR_NULL;

	free(take_ptr(c->blocks.source));
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
	struct blocks *blocks = &c->blocks;
	dev_t device = err ? 0 : slots_device(&c->sandbox->slots, c->spec->id, blocks->source);
	struct err none = ERR_NULL;

	if (!err && device == 0) {
		(void)err_set(&none, -ENODEV, "the guest has no number for %s", blocks->source);
		err = &none;
	}
	if (err) {
		finish(c, err);
		return;
	}
	blocks->all[blocks->next++].guest = device;
	attach_next(c);
}

static void its_turn(struct slots_waiter *waiter)
{
	struct container *c = container_of(waiter, struct container, blocks.waiter);
	struct blocks *blocks = &c->blocks;
	const struct oci_block *block = &blocks->all[blocks->next];
	_cleanup_free_ char *number = xasprintf("%u:%u", block->major, block->minor);
	struct disk disk = {.readonly = block->readonly};
	struct err err = ERR_NULL;
	int r;

	free(blocks->source);
	disk.source = blocks->source = disk_find_device(number);
	if (disk.source)
		r = slots_attach(&c->sandbox->slots, c->spec->id, &disk, came, c, &err);
	else
		r = err_set(&err, -ENODEV, "nothing in /dev is block device %s", number);
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

void blocks_done(struct blocks *blocks)
{
	list_del(&blocks->waiter.link);
	free(take_ptr(blocks->source));
}

void blocks_leave(struct container *c)
{
	blocks_done(&c->blocks);
	slots_forget(&c->sandbox->slots, c->spec->id, c);
}
