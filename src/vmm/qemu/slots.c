/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qemu/slots.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Beyond those that QEMU is started with. */
#define FDSET 100

static int order(struct qemu_slots *s, struct qmp *qmp, int fd, const char *command,
		 const char *fmt, ...) _printf_(5, 6);

static int order(struct qemu_slots *s, struct qmp *qmp, int fd, const char *command,
		 const char *fmt, ...)
{
	char arguments[QMP_ARGUMENTS_MAX];
	va_list ap;
	int n, r;

	va_start(ap, fmt);
	n = vsnprintf(arguments, sizeof(arguments), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(arguments))
		return -EINVAL;
	r = qmp_send_fd(qmp, command, arguments, fd, &s->last);
	if (r == 0 && s->first == 0)
		s->first = s->last;
	return r;
}

static int reopen(struct qemu_slots *s, struct qmp *qmp, const char *node)
{
	return order(s, qmp, -EBADF, "blockdev-reopen",
		     "{\"options\":[{\"driver\":\"raw\",\"node-name\":\"disk%zu\","
		     "\"file\":\"%s%zu\",\"read-only\":false}]}",
		     s->n_disks + s->slot, node, s->slot);
}

int qemu_slots_fill(struct qemu_slots *s, struct qmp *qmp, size_t slot, const struct vmm_disk *disk)
{
	unsigned int set = FDSET + (unsigned int)slot;
	int r;

	*s = (struct qemu_slots){.n_disks = s->n_disks, .slot = slot, .coming = true};
	r = order(s, qmp, disk->fd, "add-fd", "{\"fdset-id\":%u}", set);
	if (r == 0)
		r = order(s, qmp, -EBADF, "blockdev-add",
			  "{\"driver\":\"%s\",\"node-name\":\"" QEMU_SLOT_FULL
			  "%zu\",\"filename\":\"/dev/fdset/%u\"}",
			  disk->device ? "host_device" : "file", slot, set);
	/* It has one of its own now. */
	if (r == 0)
		r = order(s, qmp, -EBADF, "remove-fd", "{\"fdset-id\":%u}", set);
	if (r == 0)
		r = reopen(s, qmp, QEMU_SLOT_FULL);
	if (r == 0)
		r = order(s, qmp, -EBADF, "block_resize",
			  "{\"node-name\":\"disk%zu\",\"size\":%llu}", s->n_disks + slot,
			  (unsigned long long)disk->size);
	return r;
}

static int take_out(struct qemu_slots *s, struct qmp *qmp)
{
	int r = reopen(s, qmp, QEMU_SLOT_EMPTY);

	s->coming = false;
	return r == 0 ? order(s, qmp, -EBADF, "blockdev-del",
			      "{\"node-name\":\"" QEMU_SLOT_FULL "%zu\"}", s->slot)
		      : r;
}

int qemu_slots_clear(struct qemu_slots *s, struct qmp *qmp, size_t slot)
{
	*s = (struct qemu_slots){.n_disks = s->n_disks, .slot = slot};
	return take_out(s, qmp);
}

bool qemu_slots_answered(struct qemu_slots *s, struct qmp *qmp, const struct qmp_message *m,
			 bool *ret_done)
{
	*ret_done = false;
	if (s->first == 0 || m->id < s->first || m->id > s->last)
		return false;
	if (m->kind == QMP_ERROR && !*s->refusal)
		(void)snprintf(s->refusal, sizeof(s->refusal), "%s",
			       *m->desc ? m->desc : "QEMU gave no reason");
	if (m->id != s->last)
		return true;
	s->first = s->last = 0;
	/* What was done of it is undone; what was not is refused, which is nobody's matter. */
	*ret_done = !s->coming || !*s->refusal || take_out(s, qmp) < 0;
	return true;
}
