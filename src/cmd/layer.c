/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "base/fd.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* Two for each level of folders; what we may have by default is for programs that use select(2). */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int changes_of_folders(struct visit *v,
			      int (*tell)(enum change change, const char *path, void *userdata),
			      void *userdata, struct err *err)
{
	_cleanup_close_ int upper = openat(v->record.dir, "upper", FOLDER_FLAGS);
	_cleanup_close_ int lower = open(v->spec.rootfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	/* It comes with the first start. */
	if (upper < 0 && errno == ENOENT)
		return 0;
	if (upper < 0)
		return err_errno(err, -errno, "cannot open %s/upper", v->record.dir_path);
	if (lower < 0)
		return err_errno(err, -errno, "cannot open the image's folder %s", v->spec.rootfs);
	allow_descriptors();
	r = changes_tell(upper, lower, tell, userdata);
	if (r == -ENAMETOOLONG)
		return err_set(err, r, "container %s has paths that are too long for Linux",
			       v->record.id);
	if (r == -EFBIG)
		return err_set(err, r, "container %s has changed more than can be listed here",
			       v->record.id);
	return r < 0 ? err_errno(err, r, "cannot read what container %s has changed", v->record.id)
		     : 0;
}

int layer_changes(struct visit *v,
		  int (*tell)(enum change change, const char *path, void *userdata), void *userdata,
		  struct err *err)
{
	return changes_of_folders(v, tell, userdata, err);
}
