/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/image-max.h"

#include <errno.h>
#include <stdlib.h>

#include "base/parse.h"
#include "image/text.h"

int image_max(struct image_get_options *how, struct err *err)
{
	const char *value = getenv("CAISSON_IMAGE_MAX");

	if (!value || !*value)
		return 0;
	if (parse_size(value, &how->max_bytes) < 0 || how->max_bytes == 0)
		return err_set(err, -EINVAL, "CAISSON_IMAGE_MAX is no size, as 512M or 10G: %s",
			       text_of(value));
	return 0;
}
