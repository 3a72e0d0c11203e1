/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qemu/rates.h"

#include <stdio.h>
#include <string.h>

#include "vmm/qemu/argv.h"

int qemu_rates_send(struct qemu_rates *r, struct qmp *qmp, size_t n_disks,
		    const struct vmm_rates *rates)
{
	char arguments[QMP_ARGUMENTS_MAX];
	int n, s = 0;

	*r = (struct qemu_rates){.first = 0};
	for (size_t i = 0; s == 0 && i < n_disks; i++) {
		n = snprintf(arguments, sizeof(arguments),
			     "{\"id\":\"" QEMU_DISK_ID "%zu\",\"bps\":%llu,\"bps_rd\":0,"
			     "\"bps_wr\":0,\"iops\":%llu,\"iops_rd\":0,\"iops_wr\":0}",
			     i, (unsigned long long)rates->disk_bytes,
			     (unsigned long long)rates->disk_ops);
		if (n < 0 || (size_t)n >= sizeof(arguments))
			return -EINVAL;
		s = qmp_send_with(qmp, "block_set_io_throttle", arguments, &r->last);
		if (s == 0 && i == 0)
			r->first = r->last;
	}
	return s;
}

bool qemu_rates_answered(struct qemu_rates *r, const struct qmp_message *m, bool *ret_last)
{
	if (r->first == 0 || m->id < r->first || m->id > r->last)
		return false;
	if (m->kind == QMP_ERROR && !*r->refusal)
		(void)snprintf(r->refusal, sizeof(r->refusal), "%s",
			       *m->desc ? m->desc : "QEMU gave no reason");
	*ret_last = m->id == r->last;
	if (*ret_last)
		r->first = r->last = 0;
	return true;
}
