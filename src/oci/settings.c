/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/settings.h"

#include <errno.h>
#include <string.h>

int oci_settings_add(struct oci_settings *s, const char *file, const char *value, struct err *err)
{
	if (s->n == OCI_SETTINGS_MAX)
		return err_set(err, -EINVAL, "resources: more than %d limits", OCI_SETTINGS_MAX);
	if (strlen(file) >= OCI_SETTING_FILE || strlen(value) >= OCI_SETTING_VALUE)
		return err_set(err, -EINVAL, "resources: the limit %.32s is too long", file);
	strcpy(s->list[s->n].file, file);
	strcpy(s->list[s->n++].value, value);
	return 0;
}
