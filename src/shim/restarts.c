/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/restarts.h"

#include <string.h>

#include "sandbox/cri.h"

void restarts_add(struct restarts *restarts, const struct strv *annotations)
{
	const char *name = strv_env_get(annotations, CRI_CONTAINER_NAME);
	size_t i = 0;

	if (!name || strlen(name) > RESTARTS_NAME_MAX)
		return;
	while (i < restarts->n && strcmp(restarts->rows[i].name, name) != 0)
		i++;
	if (i < restarts->n)
		restarts->rows[i].count++;
	else if (i < RESTARTS_MAX)
		memcpy(restarts->rows[restarts->n++].name, name, strlen(name) + 1);
}
