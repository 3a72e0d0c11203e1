/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/change-list.h"

#include <errno.h>
#include <string.h>

static int tell(struct change_list *l)
{
	if (l->n < 3 || !strchr("ACD", l->line[0]) || l->line[1] != '/')
		return -EPROTO;
	l->n = 0;
	return l->tell((enum change)l->line[0], l->line + 1, l->userdata);
}

int change_list_put(void *list, const void *data, size_t len)
{
	struct change_list *l = list;
	const char *p = data;
	int r = 0;

	for (size_t i = 0; r == 0 && i < len; i++) {
		if (l->n == sizeof(l->line))
			return -EPROTO;
		l->line[l->n++] = p[i];
		if (p[i] == '\0')
			r = tell(l);
	}
	return r;
}

int change_list_end(const struct change_list *list)
{
	return list->n == 0 ? 0 : -EPROTO;
}
