/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "image/catalog.h"
#include "image/config.h"
#include "image/overlaid.h"
#include "image/reform.h"
#include "image/source-open.h"
#include "image/store.h"
#include "image/superblock.h"
#include "image/text.h"
#include "image/unpack.h"

/*
 * Theory of operation. Each way to an image ends in the digest of its configuration, its ID. The
 * shortest way to the ID is tried first: what the store remembers of a registry's name or of an
 * unchanged archive file; else the documents are read. If the store has the image, that is all.
 * Else it is unpacked under a lock of that ID, which others who want the same image wait for; or made
 * of the other form, if that is there and the documents need not be read.
 */

struct get {
	const struct image_get_options *opts;
	struct store store;
	struct reference ref;
	bool told_cut;
};

void image_done(struct image *image)
{
	free(take_ptr(image->id));
	free(take_ptr(image->rootfs));
	free(take_ptr(image->upper));
	image_config_done(&image->config);
	image->lock_fd = fd_close(image->lock_fd);
}

static int get_dir(const char *path, struct image *ret, struct err *err)
{
	_cleanup_free_ char *rootfs = realpath(path, NULL);
	struct stat st;

	if (!rootfs || stat(rootfs, &st) < 0)
		return err_errno(err, -errno, "cannot use the folder '%s'", text_of(path));
	if (!S_ISDIR(st.st_mode))
		return err_set(err, -ENOTDIR, "'%s' is not a folder", text_of(path));
	ret->rootfs = take_ptr(rootfs);
	ret->id = xstrdup("");
	image_config_empty(&ret->config);
	return 0;
}

/* Fills @ret from a folder of the store. @fd: holds the lock; owned from here on. */
static int take_image(struct get *g, const struct digest *id, int fd, struct image *ret,
		      struct err *err)
{
	_cleanup_free_ char *data = NULL, *path = NULL;
	size_t len;
	int r;

	path = xasprintf("%s/images/%s", g->store.path, digest_hex(id));
	/* When it was used last. What cannot be written does not keep it from being used. */
	(void)futimens(fd, NULL);
	ret->lock_fd = fd;
	ret->id = xstrdup(id->text);
	ret->rootfs = xasprintf("%s/%s", path, store_form(g->store.form));
	r = file_slurp_at(fd, STORE_CONFIG, IMAGE_CONFIG_MAX, &data, &len);
	if (r < 0)
		(void)err_errno(err, r, "cannot read its configuration");
	else
		r = config_parse(data, len, &ret->config, NULL, err);
	if (r < 0)
		(void)err_wrap(err, r, "the image in '%s' is unusable", path);
	return r;
}

/* Once, however often it is looked for. */
static void tell_cut(struct get *g, const struct digest *id)
{
	_cleanup_free_ char *line = NULL;

	if (g->told_cut || !g->opts->progress)
		return;
	g->told_cut = true;
	line = xasprintf("%s/images/%s/%s was cut by somebody: it is made again", g->store.path,
			 digest_hex(id), store_form(IMAGE_DISK));
	g->opts->progress(line, g->opts->userdata);
}

/* Return: 1 if the store has the image and @ret is filled, 0 if not, negative errno. */
static int find_image(struct get *g, const struct digest *id, struct image *ret, struct err *err)
{
	int fd = store_find(&g->store, id), r;

	if (fd == -EBADMSG)
		tell_cut(g, id);
	if (fd == -ENOENT || fd == -EBADMSG)
		return 0;
	if (fd < 0)
		return err_errno(err, fd, "cannot open the image in '%s'", g->store.path);
	r = take_image(g, id, fd, ret, err);
	return r < 0 ? r : 1;
}

/* Return: as find_image(); 0: nobody else makes it, as long as *@ret_lock is open. */
static int find_or_lock(struct get *g, const struct digest *id, struct image *ret, int *ret_lock,
			struct err *err)
{
	int r = find_image(g, id, ret, err);

	if (r != 0)
		return r;
	*ret_lock = store_lock(&g->store, id->text, g->opts->cancel, err);
	return *ret_lock < 0 ? *ret_lock : find_image(g, id, ret, err);
}

/*
 * What is known to be that image need not be fetched or read again for another form.
 *
 * Return: as find_image().
 */
static int find_known(struct get *g, const struct digest *id, struct image *ret, struct err *err)
{
	_cleanup_close_ int lock = -EBADF;
	int r = find_or_lock(g, id, ret, &lock, err), fd;

	if (r != 0)
		return r;
	fd = reform_image(&g->store, id, g->opts, err);
	if (fd == -ENOENT && err->code == 0)
		return 0;
	r = fd < 0 ? fd : take_image(g, id, fd, ret, err);
	return r < 0 ? r : 1;
}

/* The documents are read: unpack unless the store has, or gets meanwhile, the image. */
static int get_from_source(struct get *g, struct source *source, struct image *ret, struct err *err)
{
	const struct digest *id = &source->manifest.config.digest;
	_cleanup_close_ int lock = -EBADF;
	int r = find_or_lock(g, id, ret, &lock, err), fd;

	if (r != 0)
		return r;
	fd = unpack_image(&g->store, source, g->opts, err);
	return fd < 0 ? fd : take_image(g, id, fd, ret, err);
}

static int get_oci(struct get *g, struct image *ret, struct err *err)
{
	_cleanup_source_ struct source source = SOURCE_NULL;
	int r = source_open_oci(&source, &g->ref, err);

	return r < 0 ? r : get_from_source(g, &source, ret, err);
}

static int get_archive(struct get *g, struct image *ret, struct err *err)
{
	_cleanup_source_ struct source source = SOURCE_NULL;
	_cleanup_close_ int fd = source_open_file(&g->ref, err);
	struct store_file file;
	struct digest id;
	int r;

	if (fd < 0)
		return fd;
	r = store_look(fd, &g->ref, &file);
	if (r < 0)
		return err_errno(err, r, "cannot open it");
	if (store_get_file(&g->store, &file, &g->ref, &id) == 0) {
		r = find_known(g, &id, ret, err);
		if (r != 0)
			return r;
	}
	r = source_open_archive(&source, &g->ref, fd, g->store.fd, g->opts, err);
	if (r == 0)
		r = get_from_source(g, &source, ret, err);
	if (r >= 0)
		store_set_file(&g->store, &file, &g->ref, &source.manifest.config.digest);
	return r;
}

static int fetch(struct get *g, struct image *ret, struct err *err)
{
	_cleanup_source_ struct source source = SOURCE_NULL;
	_cleanup_store_tmp_ struct store_tmp tmp = STORE_TMP_NULL;
	_cleanup_free_ char *dir = NULL;
	int r = store_tmp_new(&g->store, &tmp, err);

	if (r < 0)
		return r;
	dir = xasprintf("%s/tmp/%s", g->store.path, tmp.name);
	r = source_open_registry(&source, &g->ref, dir, g->opts, err);
	if (r == 0)
		r = get_from_source(g, &source, ret, err);
	if (r < 0)
		return r;
	r = store_set_ref(&g->store, g->ref.path, &source.manifest.config.digest);
	return r < 0 ? err_errno(err, r, "cannot write to '%s/refs'", g->store.path) : 0;
}

/* Return: as find_image(). */
static int find_ref(struct get *g, struct image *ret, struct err *err)
{
	struct digest id;

	if (catalog_look(&g->store, &g->ref, &id) < 0)
		return 0;
	return find_known(g, &id, ret, err);
}

static int get_registry(struct get *g, struct image *ret, struct err *err)
{
	_cleanup_close_ int lock = -EBADF;
	int r = 0;

	if (g->opts->pull != IMAGE_PULL_ALWAYS)
		r = find_ref(g, ret, err);
	if (r != 0)
		return r;
	if (g->opts->pull == IMAGE_PULL_NEVER)
		return err_set(err, -ENOENT, "the image is not in the store, and pulling is off");
	if (g->ref.typed && catalog_is_id(g->ref.typed))
		return err_set(err, -ENOENT,
			       "the store has no image of this ID, or several: `caisson images` "
			       "shows those there are");
	lock = store_lock(&g->store, g->ref.path, g->opts->cancel, err);
	if (lock < 0)
		return lock;
	if (g->opts->pull != IMAGE_PULL_ALWAYS)
		r = find_ref(g, ret, err);
	return r != 0 ? r : fetch(g, ret, err);
}

static int get_overlaid(struct get *g, struct image *ret, struct err *err)
{
	_cleanup_overlaid_ struct overlaid o = OVERLAID_NULL;
	_cleanup_free_ char *config = NULL;
	_cleanup_close_ int lock = -EBADF;
	struct digest id;
	int r = overlaid_find(g->ref.path, &o, err), fd;

	if (r == 0)
		return err_set(err, -ENOTSUP, "a folder is not kept as a disk: give an image");
	if (r > 0)
		r = overlaid_config(&o, &config, err);
	if (r < 0)
		return r;
	digest_of(config, strlen(config), &id);
	r = find_or_lock(g, &id, ret, &lock, err);
	if (r == 0) {
		fd = overlaid_make(&g->store, &o, config, &id, g->opts, err);
		r = fd < 0 ? fd : take_image(g, &id, fd, ret, err);
	}
	ret->upper = take_ptr(o.upper);
	return r;
}

int image_is_overlaid(const char *reference, struct err *err)
{
	_cleanup_overlaid_ struct overlaid o = OVERLAID_NULL;
	_cleanup_reference_ struct reference ref = REFERENCE_NULL;
	int r = reference_parse(reference, &ref, err);

	if (r < 0)
		return r;
	r = ref.transport == TRANSPORT_DIR ? overlaid_find(ref.path, &o, err) : 0;
	return r < 0 ? err_wrap(err, r, "%s", text_of(reference)) : r;
}

static int (*const getters[])(struct get *g, struct image *ret, struct err *err) = {
	[TRANSPORT_DIR] = get_overlaid,	       [TRANSPORT_OCI] = get_oci,
	[TRANSPORT_OCI_ARCHIVE] = get_archive, [TRANSPORT_DOCKER_ARCHIVE] = get_archive,
	[TRANSPORT_REGISTRY] = get_registry,
};

/* What an image is known by afterwards; a registry's name is remembered where it is fetched. */
static int name_image(struct get *g, const struct image *image, struct err *err)
{
	struct digest id;
	int r;

	if (!g->opts->as) {
		/* What is mounted somewhere is another thing tomorrow. */
		if (g->ref.transport != TRANSPORT_REGISTRY && g->ref.transport != TRANSPORT_DIR)
			store_set_local(&g->store, &g->ref, image->id);
		return 0;
	}
	if (!*g->opts->as)
		return 0;
	r = digest_parse(image->id, &id);
	if (r == 0)
		r = store_set_ref(&g->store, g->opts->as, &id);
	return r < 0 ? err_errno(err, r, "cannot write to '%s/refs'", g->store.path) : 0;
}

static int get_stored(struct get *g, const char *store_dir, struct image *ret, struct err *err)
{
	int r;

	if (g->ref.transport == TRANSPORT_EXT4)
		return err_set(err, -ENOTSUP, "it is run as a copy only: --rootfs-mode copy");
	if (!getters[g->ref.transport])
		return err_set(err, -ENOTSUP,
			       "a tar alone is not run: `caisson image build` makes a file system "
			       "of it, and dir:ROOTFS runs what was unpacked");
	if (g->opts->form == IMAGE_FOLDER && geteuid() != 0)
		return err_set(err, -EPERM,
			       "images are unpacked with their owners and devices, which only root "
			       "may do: use sudo");
	r = store_open(&g->store, store_dir, err);
	g->store.form = g->opts->form;
	if (r == 0)
		r = getters[g->ref.transport](g, ret, err);
	if (r >= 0)
		r = name_image(g, ret, err);
	if (r == -ENOSPC || r == -EDQUOT)
		return err_set(
			err, -ENOSPC,
			"there is not enough space left for the image in '%s': free some, or "
			"choose another folder for images",
			store_dir);
	return r < 0 ? r : 0;
}

int image_get(const char *store_dir, const char *reference, const struct image_get_options *opts,
	      struct image *ret, struct err *err)
{
	static const struct image_get_options defaults;
	_cleanup_image_ struct image image = IMAGE_NULL;
	struct err own = ERR_NULL;
	struct get g = {
		.opts = opts ? opts : &defaults, .store = STORE_NULL, .ref = REFERENCE_NULL};
	int r;

	/* Below, @err is never NULL, and its code says whether it has a message of this image. */
	if (!err)
		err = &own;
	*err = (struct err)ERR_NULL;
	r = reference_parse(reference, &g.ref, err);
	if (r < 0)
		return r;
	if (g.ref.transport == TRANSPORT_DIR && g.opts->form == IMAGE_FOLDER)
		r = get_dir(g.ref.path, &image, err);
	else
		r = get_stored(&g, store_dir, &image, err);
	store_done(&g.store);
	reference_done(&g.ref);
	if (r < 0) {
		(void)err_wrap(err, r, "%s", text_of(reference));
		return r;
	}
	*ret = image;
	image = (struct image)IMAGE_NULL;
	return 0;
}

/* All that the host ever looks at: whether it is one, and whether its end is there. */
static int check_super(int fd, uint64_t size, struct err *err)
{
	uint64_t wanted;

	if (superblock_size(fd, &wanted) < 0)
		return err_set(err, -EBADMSG, "there is no ext4 file system in it");
	if (wanted > size)
		return err_set(err, -EBADMSG, "it is cut off: its file system is larger");
	return 0;
}

static int get_ext4(const char *path, struct image *ret, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	_cleanup_free_ char *full = realpath(path, NULL);
	struct stat st;
	int r;

	if (fd < 0 || !full || fstat(fd, &st) < 0)
		return err_errno(err, -errno, "cannot open it");
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "it is no regular file");
	r = check_super(fd, (uint64_t)st.st_size, err);
	if (r < 0)
		return r;
	ret->rootfs = take_ptr(full);
	ret->id = xstrdup("");
	image_config_empty(&ret->config);
	return 0;
}

int image_get_ext4(const char *reference, struct image *ret, struct err *err)
{
	_cleanup_reference_ struct reference ref = REFERENCE_NULL;
	int r = reference_parse(reference, &ref, err);

	if (r == 0)
		r = get_ext4(ref.path, ret, err);
	return r < 0 ? err_wrap(err, r, "%s", text_of(reference)) : 0;
}

bool image_is_disk_only(const char *store_dir, const char *reference)
{
	_cleanup_reference_ struct reference ref = REFERENCE_NULL;
	_cleanup_close_ int fd = -EBADF;
	struct store store = STORE_NULL;
	struct digest id;

	if (reference_parse(reference, &ref, NULL) == 0 && ref.transport == TRANSPORT_REGISTRY &&
	    store_open(&store, store_dir, NULL) == 0 && catalog_look(&store, &ref, &id) == 0)
		fd = store_hold(&store, &id);
	store_done(&store);
	return fd >= 0 && store_has_form(fd, IMAGE_DISK) && !store_has_form(fd, IMAGE_FOLDER);
}

void image_sweep(const char *store_dir)
{
	struct store store = STORE_NULL;

	if (store_is_there(store_dir) && store_open(&store, store_dir, NULL) == 0)
		store_sweep(&store);
	store_done(&store);
}
