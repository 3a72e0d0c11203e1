/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/mem.h"
#include "cmd/change-list.h"
#include "cmd/copy-stream.h"
#include "cmd/transfer.h"
#include "layer.pb-c.h"
#include "tar/pack.h"

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

/* Return: -ENOENT without a message: it comes with the first start. */
static int open_upper(const struct visit *v, struct err *err)
{
	int fd = openat(v->record.dir, ABI_UPPER_FOLDER, FOLDER_FLAGS);

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	return fd < 0 ? err_errno(err, -errno, "cannot open %s/" ABI_UPPER_FOLDER,
				  v->record.dir_path)
		      : fd;
}

static int changes_of_folders(struct visit *v,
			      int (*tell)(enum change change, const char *path, void *userdata),
			      void *userdata, struct err *err)
{
	_cleanup_close_ int upper = open_upper(v, err);
	_cleanup_close_ int lower = open(v->spec.rootfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (upper < 0)
		return upper == -ENOENT ? 0 : upper;
	if (lower < 0)
		return err_errno(err, -errno, "cannot open the image's folder %s", v->spec.rootfs);
	allow_descriptors();
	return why(v, changes_tell(upper, lower, tell, userdata), err);
}

int layer_check(const struct visit *v, struct err *err)
{
	/* One without a disk of ours writes to its own root. */
	if (v->spec.bundle && *v->spec.bundle && !sandbox_spec_has_disks(&v->spec))
		return err_set(
			err, -ENOTSUP,
			"container %s is a bundle's, and what has changed in that only its engine "
			"knows: `caisson export` writes all that is there",
			v->record.id);
	if (!sandbox_spec_has_copy(&v->spec))
		return 0;
	return err_set(
		err, -ENOTSUP,
		"container %s has a copy of its image (--rootfs-mode copy), in which nothing "
		"tells what has changed: `caisson export` writes all that is there",
		v->record.id);
}

struct sink {
	int (*put)(void *userdata, const void *data, size_t len);
	void *userdata;
};

/* Of our own folder, with all that a guest may have put there. */
static int pack_folder(struct visit *v, const struct sink *sink, struct err *err)
{
	_cleanup_close_ int upper = open_upper(v, err);
	struct tar_trouble trouble = {.what = NULL};
	struct tar_pack what = {
		.dir = upper,
		.name = ".",
		.flags = TAR_PACK_WHITEOUTS,
		.put = sink->put,
		.userdata = sink->userdata,
	};
	int r;

	if (upper < 0)
		return upper == -ENOENT
			       ? err_set(err, upper, "container %s has never begun", v->record.id)
			       : upper;
	allow_descriptors();
	r = tar_pack(&what, &trouble);
	if (r == 0 || !trouble.what)
		return r;
	(void)tar_trouble_err(&trouble, r, err);
	return err_wrap(err, r, "container %s", v->record.id);
}

/* Return: 0; 1: the guest's end is broken; or what the sink said. @passed: bytes. */
static int pass_on(struct transfer *t, const struct sink *sink, uint64_t *passed)
{
	_cleanup_free_ char *buffer = xmalloc(TAR_PACK_CHUNK);
	struct progress_bar none = {.fd = -EBADF};
	struct copy_stream stream = {.transfer = t, .bar = &none};
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = copy_stream_get(&stream, buffer, TAR_PACK_CHUNK)) != 0)
		r = n < 0 ? 1 : sink->put(sink->userdata, buffer, (size_t)n);
	*passed = stream.passed;
	return r;
}

/* An answer of the guest's tells more than the end of its stream. */
static int take_stream(struct transfer *t, const char *method, const ProtobufCMessage *request,
		       const struct sink *sink, uint64_t *passed, struct err *err)
{
	int r = transfer_begin(t, RPC_SERVICE_LAYER, method, request, err), failed;

	if (r < 0)
		return r;
	r = pass_on(t, sink, passed);
	if (r < 0) {
		transfer_give_up(t);
		return r;
	}
	failed = transfer_end(t, err);
	if (r > 0 && failed == 0)
		return err_set(err, -EIO,
			       "the guest has broken off, and says that nothing is wrong");
	return failed;
}

/* A tar has an end, and so is never nothing. */
static int take_tar(struct transfer *t, const char *method, const ProtobufCMessage *request,
		    const struct sink *sink, struct err *err)
{
	uint64_t passed = 0;
	int r = take_stream(t, method, request, sink, &passed, err);

	if (r == 0 && passed == 0)
		return err_set(err, -EPROTO,
			       "the guest has sent nothing, and says that nothing is wrong");
	return r;
}

static int changes_of_disks(struct visit *v,
			    int (*tell)(enum change change, const char *path, void *userdata),
			    void *userdata, struct err *err)
{
	Caisson__Guest__V1__LayerRequest request = CAISSON__GUEST__V1__LAYER_REQUEST__INIT;
	struct change_list list = {.tell = tell, .userdata = userdata};
	const struct sink sink = {.put = change_list_put, .userdata = &list};
	struct transfer t = TRANSFER_NULL;
	uint64_t passed;
	int r = visit_begin(v, err);

	if (r == 0)
		r = transfer_open(&t, &v->client, err);
	if (r < 0)
		return r;
	request.image = rpc_str(ABI_IMAGE_SERIAL);
	request.upper = rpc_str(ABI_UPPER_SERIAL);
	request.stream = t.uri;
	r = take_stream(&t, "Changes", &request.base, &sink, &passed, err);
	if (r == 0)
		r = change_list_end(&list);
	return r == 0 || err->code < 0 ? r : why(v, r, err);
}

int layer_changes(struct visit *v,
		  int (*tell)(enum change change, const char *path, void *userdata), void *userdata,
		  struct err *err)
{
	int r = layer_check(v, err);

	if (r < 0)
		return r;
	return sandbox_spec_has_disks(&v->spec) ? changes_of_disks(v, tell, userdata, err)
						: changes_of_folders(v, tell, userdata, err);
}

int layer_pack(struct visit *v, int (*put)(void *userdata, const void *data, size_t len),
	       void *userdata, struct err *err)
{
	Caisson__Guest__V1__LayerRequest request = CAISSON__GUEST__V1__LAYER_REQUEST__INIT;
	const struct sink sink = {.put = put, .userdata = userdata};
	struct transfer t = TRANSFER_NULL;
	int r;

	if (!sandbox_spec_has_disks(&v->spec))
		return pack_folder(v, &sink, err);
	r = visit_begin(v, err);
	if (r == 0)
		r = transfer_open(&t, &v->client, err);
	if (r < 0)
		return r;
	request.upper = rpc_str(ABI_UPPER_SERIAL);
	request.stream = t.uri;
	return take_tar(&t, "Pack", &request.base, &sink, err);
}

int layer_export(struct visit *v, int (*put)(void *userdata, const void *data, size_t len),
		 void *userdata, struct err *err)
{
	Caisson__Guest__V1__ExportRequest request = CAISSON__GUEST__V1__EXPORT_REQUEST__INIT;
	const struct sink sink = {.put = put, .userdata = userdata};
	struct transfer t = TRANSFER_NULL;
	int r = visit_begin(v, err);

	if (r == 0)
		r = transfer_open(&t, &v->client, err);
	if (r < 0)
		return r;
	request.id = v->record.id;
	request.stream = t.uri;
	return take_tar(&t, "Export", &request.base, &sink, err);
}
