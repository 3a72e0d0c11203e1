/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/image-shown.h"

#include <stdio.h>

#include "base/macro.h"
#include "cmd/image-keeper.h"
#include "cmd/image-max.h"
#include "cmd/progress-bar.h"

static void show_line(const char *line, void *userdata _unused_)
{
	fprintf(stderr, "caisson: %s\n", line);
}

int image_get_shown(const char *store_dir, const char *reference,
		    const struct image_get_options *how, struct image *ret, struct err *err)
{
	struct image_get_options shown = *how;
	struct image_keeper keeper;
	struct progress_bar bar;
	int r = image_max(&shown, err);

	if (r < 0)
		return r;
	r = image_keeper_begin(&keeper, &shown.limit, err);
	shown.progress = show_line;
	if (progress_bar_begin(&bar)) {
		shown.progress = progress_bar_step;
		shown.passed = progress_bar_passed;
		shown.userdata = &bar;
	}
	if (r == 0)
		r = image_get(store_dir, reference, &shown, ret, err);
	progress_bar_end(&bar);
	image_keeper_done(&keeper);
	return r;
}
