/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/parse.h"
#include "image/build.h"
#include "image/text.h"

/*
 * Of the image's own variables, not of those around us: the same image gives the same bytes, on any
 * machine.
 */

int build_size(const struct image_build *b, const struct image_config *config, uint64_t *ret,
	       struct err *err)
{
	const char *value =
		b->size || b->extra ? NULL : strv_env_get(&config->env, IMAGE_ENV_ROOTFS_SIZE);

	*ret = b->size;
	if (!value || !*value)
		return 0;
	if (parse_size(value, ret) == 0 && *ret >= IMAGE_SIZE_MIN && *ret <= IMAGE_SIZE_MAX)
		return 0;
	return err_set(err, -EINVAL,
		       "its " IMAGE_ENV_ROOTFS_SIZE
		       " of '%s' is no size from %lluM to %lluM, such as "
		       "512M or 10G: --size says another",
		       text_of(value), IMAGE_SIZE_MIN >> 20, IMAGE_SIZE_MAX >> 20);
}

int build_too_small(const struct image_build *b, uint64_t size, uint64_t needed, struct err *err)
{
	const char *whose = b->size ? "" : " of its " IMAGE_ENV_ROOTFS_SIZE;

	return err_set(err, -EFBIG,
		       "it does not fit into the %llu bytes%s: it takes %llu at least%s",
		       (unsigned long long)size, whose, (unsigned long long)needed,
		       b->size ? "" : ", and --size says another");
}
