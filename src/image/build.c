/* SPDX-License-Identifier: Apache-2.0 */
#include "image/build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "image/build-archive.h"
#include "image/config.h"
#include "image/output.h"
#include "image/source-open.h"
#include "image/text.h"
#include "image/tmpdir.h"
#include "image/unpack.h"
#include "image/xattr.h"

#define TMP_PREFIX ".caisson-"

/*
 * struct build - @tmp: folder, in that of the output, with what was fetched; NULL: none
 * @tmp_claim: says that it is ours
 * @config: what the image says of itself
 * @size: see build_size()
 * @identity: digest of what it is made of; "": not known
 */
struct build {
	const struct image_build *b;
	struct reference ref;
	struct output output;
	struct source source;
	char *tmp;
	int tmp_claim;
	struct image_config config;
	uint64_t size;
	struct digest identity;
	struct ext4 *fs;
};

static void tell(const struct build *b, const char *line)
{
	if (b->b->opts.progress)
		b->b->opts.progress(line, b->b->opts.userdata);
}

static int open_tmp(struct build *b, struct err *err)
{
	char self[64], dir[PATH_MAX];
	ssize_t n;

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", b->output.dir);
	n = readlink(self, dir, sizeof(dir) - 1);
	if (n < 0)
		return err_errno(err, -errno, "cannot find the folder of the output");
	dir[n] = '\0';
	tmpdir_sweep(b->output.dir, ".", TMP_PREFIX);
	b->tmp = xasprintf("%s/" TMP_PREFIX "XXXXXX", dir);
	if (mkdtemp(b->tmp)) {
		/* Nobody is to take it for one that a process which was killed has left. */
		b->tmp_claim = tmpdir_claim(AT_FDCWD, b->tmp);
		return 0;
	}
	free(take_ptr(b->tmp));
	return err_errno(err, -errno, "cannot make a temporary folder in '%s'", text_of(dir));
}

static int open_source(struct build *b, struct err *err)
{
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (b->ref.transport == TRANSPORT_OCI)
		return source_open_oci(&b->source, &b->ref, err);
	if (b->ref.transport == TRANSPORT_REGISTRY) {
		r = open_tmp(b, err);
		return r < 0 ? r
			     : source_open_registry(&b->source, &b->ref, b->tmp, &b->b->opts, err);
	}
	fd = source_open_file(&b->ref, err);
	return fd < 0 ? fd
		      : source_open_archive(&b->source, &b->ref, fd, b->output.dir, &b->b->opts,
					    err);
}

static int apply_layers(struct build *b, const struct layer_sink *sink, struct allowance *allowance,
			struct err *err)
{
	struct diff_ids diff_ids = DIFF_IDS_NULL;
	_cleanup_free_ char *config = NULL;
	size_t len;
	int r;

	r = source_config(&b->source, &config, &len, err);
	if (r == 0)
		r = config_parse(config, len, &b->config, &diff_ids, err);
	/* Before the work. */
	if (r == 0)
		r = build_size(b->b, &b->config, &b->size, err);
	if (r == 0)
		r = unpack_layers(&b->source, &diff_ids, sink, allowance, &b->b->opts, err);
	diff_ids_done(&diff_ids);
	return r;
}

/* What "-" and /dev/fd/N are may be a pipe; a folder says so when it is read. */
static int open_tar(const char *path, struct err *err)
{
	bool input = strcmp(path, "-") == 0;
	int fd = input ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
		       : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_errno(err, -errno, "cannot open it");
	if (!isatty(fd))
		return fd;
	fd_close(fd);
	return err_set(err, -EINVAL, "a terminal has no tar to read");
}

static int apply_tar(struct build *b, const struct layer_sink *sink, struct allowance *allowance,
		     struct err *err)
{
	_cleanup_close_ int fd = open_tar(b->ref.path, err);
	struct build_archive a = {.to = sink};
	struct layer_sink through = build_archive_sink(&a);
	int r;

	if (fd < 0)
		return fd;
	image_config_empty(&b->config);
	tell(b, "reading the tar");
	sink->begin(sink->userdata);
	r = layer_apply_fd(fd, &through, allowance, &b->identity, err);
	if (r == 0 && a.marked && a.parts && !a.other)
		return err_set(err, -EINVAL,
			       "it is an image's archive, not a tar of its files: "
			       "docker-archive:FILE and oci-archive:FILE take those, of a file");
	return r;
}

static int apply_folder(struct build *b, struct err *err)
{
	struct stat st;

	if (fstat(b->output.fd, &st) < 0)
		return err_errno(err, -errno, "cannot read the output");
	image_config_empty(&b->config);
	tell(b, "reading the folder");
	return build_folder(b->fs, b->ref.path, &b->b->opts, st.st_dev, st.st_ino, err);
}

static int apply(struct build *b, const struct layer_sink *sink, struct allowance *allowance,
		 struct err *err)
{
	if (b->ref.transport == TRANSPORT_DIR)
		return apply_folder(b, err);
	if (b->ref.transport == TRANSPORT_TAR)
		return apply_tar(b, sink, allowance, err);
	return apply_layers(b, sink, allowance, err);
}

static int add_files(struct build *b, struct err *err)
{
	struct allowance allowance = unpack_allowance(&b->b->opts);
	_cleanup_free_ struct build_tree *t = xcalloc(1, sizeof(*t));
	struct layer_sink sink = build_sink(t);
	int r;

	t->fs = b->fs;
	t->allowance = &allowance;
	r = apply(b, &sink, &allowance, err);
	return r < 0 || !b->b->add ? r : build_add(t, b->b, &b->config, err);
}

/* @ret: as "user.KEY"; its value is behind the NUL. */
static int parse_label(const char *label, char **ret, struct err *err)
{
	const char *equals = strchr(label, '=');

	if (!equals || equals == label)
		return err_set(err, -EINVAL, "the label '%s' is not KEY=VALUE", text_of(label));
	*ret = xasprintf("user.%s", label);
	(*ret)[strlen("user.") + (size_t)(equals - label)] = '\0';
	return 0;
}

static int add_labels(struct build *b, struct err *err)
{
	const struct strv *labels = b->b->labels;
	_cleanup_free_ struct xattr *v = NULL;
	_cleanup_strv_ struct strv names = STRV_NULL;
	size_t n = labels ? labels->n : 0, bad;
	int r = 0;

	v = xcalloc(n + 1, sizeof(*v));
	for (size_t i = 0; i < n && r == 0; i++) {
		char *name = NULL;

		r = parse_label(labels->v[i], &name, err);
		if (r < 0)
			return r;
		strv_take(&names, name);
		v[i] = (struct xattr){name, name + strlen(name) + 1,
				      strlen(name + strlen(name) + 1)};
	}
	r = ext4_set_xattrs(b->fs, EXT4_ROOT, v, n, &bad);
	return r < 0 ? err_errno(err, r, "the root does not take the label '%s'",
				 text_of(labels->v[bad]))
		     : 0;
}

static int finish(struct build *b, struct err *err)
{
	const struct ext4_finish how = {
		.size = b->size,
		.extra = b->b->extra,
		.identity = b->identity.text,
	};
	uint64_t needed = 0;
	int r = ext4_finish(b->fs, &how, &needed);

	if (r == -EMSGSIZE)
		return build_too_small(b->b, b->size, needed, err);
	return r < 0 ? err_errno(err, r, "cannot write the file system") : 0;
}

static int end_disk(struct ext4 *fs, const struct digest *id, struct err *err)
{
	const struct ext4_finish how = {.identity = id->text};
	uint64_t needed;
	int r = ext4_finish(fs, &how, &needed);

	return r < 0 ? err_errno(err, r, "cannot write the file system") : 0;
}

int build_disk(int fd, const struct source *source, const struct diff_ids *diff_ids,
	       struct allowance *allowance, const struct image_get_options *opts, struct err *err)
{
	_cleanup_free_ struct build_tree *t = xcalloc(1, sizeof(*t));
	struct layer_sink sink = build_sink(t);
	int r;

	t->fs = ext4_new(fd);
	t->allowance = allowance;
	r = unpack_layers(source, diff_ids, &sink, allowance, opts, err);
	if (r == 0)
		r = end_disk(t->fs, &source->manifest.config.digest, err);
	ext4_free(t->fs);
	return r;
}

int build_disk_of(int fd, const char *path, const struct digest *id,
		  const struct image_get_options *opts, struct err *err)
{
	struct ext4 *fs = ext4_new(fd);
	int r = build_folder(fs, path, opts, 0, 0, err);

	if (r == 0)
		r = end_disk(fs, id, err);
	ext4_free(fs);
	return r;
}

static int fill(struct build *b, struct err *err)
{
	int r = 0;

	if (b->ref.transport == TRANSPORT_EXT4)
		return err_set(err, -EINVAL, "that is a file system already");
	if (b->ref.transport != TRANSPORT_DIR && b->ref.transport != TRANSPORT_TAR)
		r = open_source(b, err);
	if (r < 0)
		return r;
	b->identity = b->source.manifest.config.digest;
	b->fs = ext4_new(b->output.fd);
	r = add_files(b, err);
	if (r == 0)
		r = add_labels(b, err);
	if (r == 0)
		r = finish(b, err);
	ext4_free(take_ptr(b->fs));
	return r;
}

static int build(struct build *b, struct err *err)
{
	int r = fill(b, err);

	if (r == -ENOSPC || r == -EDQUOT)
		(void)err_set(err, r, "there is not enough space left for '%s'",
			      text_of(b->b->output));
	else if (r < 0)
		(void)err_wrap(err, r, "%s", text_of(b->b->reference));
	return r < 0 ? r : output_commit(&b->output, err);
}

static void done(struct build *b)
{
	source_done(&b->source);
	image_config_done(&b->config);
	output_done(&b->output);
	reference_done(&b->ref);
	if (b->tmp)
		(void)path_remove_tree(AT_FDCWD, b->tmp);
	fd_close(b->tmp_claim);
	free(b->tmp);
}

int image_build(const struct image_build *how, struct err *err)
{
	struct build b = {
		.b = how,
		.size = how->size,
		.tmp_claim = -EBADF,
		.ref = REFERENCE_NULL,
		.output = OUTPUT_NULL,
		.source = SOURCE_NULL,
		.config = IMAGE_CONFIG_NULL,
	};
	struct err own = ERR_NULL;
	int r;

	/* Below, @err is never NULL, and its code says whether it has a message. */
	if (!err)
		err = &own;
	*err = (struct err)ERR_NULL;
	r = reference_parse(how->reference, &b.ref, err);
	if (r == 0)
		r = output_open(&b.output, how->output, err);
	if (r == 0)
		r = build(&b, err);
	done(&b);
	return r;
}

int image_build_empty(int fd, uint64_t size)
{
	const struct ext4_finish how = {.size = size, .identity = "", .unsynced = true};
	struct ext4 *fs = ext4_new(fd);
	uint64_t needed;
	int r = ext4_finish(fs, &how, &needed);

	ext4_free(fs);
	return r;
}

int image_build_upper(int fd, uint64_t size, const char *path, const struct image_get_options *opts,
		      struct err *err)
{
	const struct ext4_finish how = {.size = size, .identity = "", .unsynced = true};
	const struct ext4_attr folder = {.mode = S_IFDIR | 0755};
	struct ext4 *fs = ext4_new(fd);
	uint64_t needed = 0;
	uint32_t node;
	int r = ext4_make(fs, EXT4_ROOT, ABI_UPPER_FOLDER, &folder, NULL, &node);

	r = r < 0 ? err_errno(err, r, "cannot write it") : build_upper(fs, node, path, opts, err);
	if (r == 0) {
		r = ext4_finish(fs, &how, &needed);
		if (r == -EMSGSIZE)
			(void)err_set(err, r,
				      "what was changed takes %lluM, more than the %lluM of the "
				      "container's disk: --rootfs-size says another size",
				      (unsigned long long)((needed + (1 << 20) - 1) >> 20),
				      (unsigned long long)(size >> 20));
		else if (r < 0)
			(void)err_errno(err, r, "cannot write the file system");
	}
	ext4_free(fs);
	return r < 0 ? err_wrap(err, r, "the overlay's upper folder '%s'", text_of(path)) : 0;
}
