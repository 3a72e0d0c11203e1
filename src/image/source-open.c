/* SPDX-License-Identifier: Apache-2.0 */
#include "image/source-open.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "image/fetch.h"
#include "image/unprefixed.h"

static uint64_t max_bytes(const struct image_get_options *opts)
{
	return opts->max_bytes ? opts->max_bytes : IMAGE_BYTES_MAX;
}

int source_open_oci(struct source *s, const struct reference *ref, struct err *err)
{
	int r = blobs_open_dir(&s->blobs, ref->path, err);

	return r < 0 ? r : source_read_oci(s, ref->tag, err);
}

int source_open_file(const struct reference *ref, struct err *err)
{
	_cleanup_close_ int fd = open(ref->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, -errno, "cannot open it");
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "it is not a regular file");
	return take_fd(fd);
}

int source_open_archive(struct source *s, const struct reference *ref, int fd, int tmp_fd,
			const struct image_get_options *opts, struct err *err)
{
	int r = blobs_open_tar(&s->blobs, fd, tmp_fd, max_bytes(opts), opts, err);

	if (r < 0)
		return r;
	return ref->transport == TRANSPORT_DOCKER_ARCHIVE ? source_read_docker(s, ref->tag, err)
							  : source_read_oci(s, ref->tag, err);
}

/* Before anything is asked that should not be, or after no registry had it. */
static int advise(const struct reference *ref, int code, struct err *err)
{
	_cleanup_free_ char *advice = ref->typed ? unprefixed_advice(ref->typed) : NULL;
	_cleanup_free_ char *said = xstrdup(err->text);

	if (advice)
		return err_set(err, code, "%s; %s", said, advice);
	if (ref->typed && str_starts(ref->typed, "sha256:"))
		return err_set(err, -EINVAL,
			       "an ID is no name in a registry: `caisson run` takes those of the "
			       "store");
	if (ref->typed && unprefixed_is_file(ref->typed))
		return err_set(err, code, "%s; there is no file of that name here either", said);
	return code;
}

int source_open_registry(struct source *s, const struct reference *ref, const char *dir,
			 const struct image_get_options *opts, struct err *err)
{
	_cleanup_free_ char *image = path_join(dir, "image");
	struct fetch f = {
		.name = ref->path,
		.insecure = ref->loopback,
		.dir = dir,
		.max_bytes = max_bytes(opts),
		.cancel = opts->cancel,
	};
	int r;

	if (ref->typed && unprefixed_is_file(ref->typed) && access(ref->typed, F_OK) == 0) {
		(void)err_set(err, -EINVAL, "this is no name that a registry is asked for");
		return advise(ref, -EINVAL, err);
	}
	if (opts->progress) {
		_cleanup_free_ char *line = xasprintf("fetching %s", ref->path);

		opts->progress(line, opts->userdata);
	}
	r = fetch_image(&f, err);
	if (r < 0)
		return r == -EINTR ? r : advise(ref, r, err);
	r = blobs_open_dir(&s->blobs, image, err);
	return r < 0 ? r : source_read_skopeo(s, err);
}
