/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "cmd/transfer.h"
#include "layer.pb-c.h"

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

/* For those who know Linux' word for it but not what was done. */
static int why(const struct visit *v, int r, struct err *err)
{
	if (r == -ENAMETOOLONG)
		return err_set(err, r, "container %s has paths that are too long for Linux",
			       v->record.id);
	if (r == -EFBIG)
		return err_set(err, r, "container %s has changed more than can be listed here",
			       v->record.id);
	return r < 0 ? err_errno(err, r, "cannot read what container %s has changed", v->record.id)
		     : 0;
}

static int changes_of_folders(struct visit *v,
			      int (*tell)(enum change change, const char *path, void *userdata),
			      void *userdata, struct err *err)
{
	_cleanup_close_ int upper = openat(v->record.dir, "upper", FOLDER_FLAGS);
	_cleanup_close_ int lower = open(v->spec.rootfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* It comes with the first start. */
	if (upper < 0 && errno == ENOENT)
		return 0;
	if (upper < 0)
		return err_errno(err, -errno, "cannot open %s/upper", v->record.dir_path);
	if (lower < 0)
		return err_errno(err, -errno, "cannot open the image's folder %s", v->spec.rootfs);
	allow_descriptors();
	return why(v, changes_tell(upper, lower, tell, userdata), err);
}

/* What the guest sends; it may be anything. */
static int read_changes(FILE *in, int (*tell)(enum change change, const char *path, void *userdata),
			void *userdata)
{
	char line[PATH_MAX + 2];
	size_t n = 0;
	int c, r = 0;

	while (r == 0 && (c = getc(in)) != EOF) {
		if (n == sizeof(line))
			return -EPROTO;
		line[n++] = (char)c;
		if (c != '\0')
			continue;
		if (n < 3 || !strchr("ACD", line[0]) || line[1] != '/')
			return -EPROTO;
		r = tell((enum change)line[0], line + 1, userdata);
		n = 0;
	}
	return r == 0 && n > 0 ? -EPROTO : r;
}

static int changes_of_disks(struct visit *v,
			    int (*tell)(enum change change, const char *path, void *userdata),
			    void *userdata, struct err *err)
{
	Caisson__Guest__V1__LayerRequest request = CAISSON__GUEST__V1__LAYER_REQUEST__INIT;
	struct transfer t = TRANSFER_NULL;
	FILE *in = NULL;
	int r = visit_begin(v, err), failed;

	if (r == 0)
		r = transfer_open(&t, &v->client, err);
	if (r < 0)
		return r;
	request.image = rpc_str(ABI_IMAGE_SERIAL);
	request.upper = rpc_str(ABI_UPPER_SERIAL);
	request.stream = t.uri;
	r = transfer_begin(&t, RPC_SERVICE_LAYER, "Changes", &request.base, err);
	if (r == 0) {
		in = fdopen(take_fd(t.fd), "r");
		r = in ? read_changes(in, tell, userdata) : -errno;
	}
	if (in)
		(void)fclose(in);
	failed = transfer_end(&t, err);
	return failed < 0 ? failed : why(v, r, err);
}

int layer_changes(struct visit *v,
		  int (*tell)(enum change change, const char *path, void *userdata), void *userdata,
		  struct err *err)
{
	return sandbox_spec_has_disks(&v->spec) ? changes_of_disks(v, tell, userdata, err)
						: changes_of_folders(v, tell, userdata, err);
}
