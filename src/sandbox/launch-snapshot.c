/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "sandbox/launch-plan.h"
#include "sandbox/snapshot-check.h"

static int open_folder(int at, const char *path)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static bool can_be_saved(const struct sandbox *sb, const struct launch_plan *p)
{
	return vmm_traits(p->driver)->snapshots && strcmp(p->conf.firecracker_api, "false") != 0 &&
	       snapshot_check_spec(sb->spec, NULL) == 0;
}

/* A visit finds it there. */
static int open_snapshot(struct sandbox *sb, struct launch_plan *p, struct err *err)
{
	int dir = sb->record->dir;

	if (mkdirat(dir, RECORD_SNAPSHOT, 0700) < 0 && errno != EEXIST)
		return err_errno(err, -errno, "cannot make %s/" RECORD_SNAPSHOT,
				 sb->record->dir_path);
	p->snapshot = open_folder(dir, RECORD_SNAPSHOT);
	return p->snapshot < 0 ? err_errno(err, p->snapshot, "cannot open %s/" RECORD_SNAPSHOT,
					   sb->record->dir_path)
			       : 0;
}

int launch_snapshot(struct sandbox *sb, struct launch_plan *p, struct err *err)
{
	int r = can_be_saved(sb, p) ? open_snapshot(sb, p, err) : 0;

	sb->can_be_saved = p->snapshot >= 0;
	if (r < 0 || !sandbox_spec_is_restored(sb->spec))
		return r;
	p->restore = open_folder(AT_FDCWD, sb->spec->restore);
	return p->restore < 0 ? err_errno(err, p->restore, "cannot open %s", sb->spec->restore) : 0;
}
