/* SPDX-License-Identifier: Apache-2.0 */
#include "image/store-remove.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "image/measure.h"
#include "image/text.h"

/* Key of the lock that is held while images are locked exclusively. */
#define GUARD "claims"

int store_claim(const struct store *s, const struct digest *id, struct store_claim *ret,
		struct err *err)
{
	_cleanup_store_claim_ struct store_claim c = STORE_CLAIM_NULL;
	char path[STORE_IMAGE_PATH];

	store_image_path(id, path);
	c.store = s;
	c.id = *id;
	c.guard = store_lock(s, GUARD, NULL, err);
	if (c.guard < 0)
		return c.guard;
	/* Under the guard nobody else moves it away. */
	c.fd = openat(s->fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (c.fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (c.fd < 0)
		return err_errno(err, -errno, "cannot open '%s/%s'", s->path, path);
	if (flock(c.fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
			       ? -EBUSY
			       : err_errno(err, -errno, "cannot lock '%s/%s'", s->path, path);
	*ret = c;
	c = (struct store_claim)STORE_CLAIM_NULL;
	return 0;
}

void store_claim_done(struct store_claim *c)
{
	c->fd = fd_close(c->fd);
	c->guard = fd_close(c->guard);
}

bool store_in_use(const struct store *s, const struct digest *id)
{
	_cleanup_store_claim_ struct store_claim c = STORE_CLAIM_NULL;

	return store_claim(s, id, &c, NULL) == -EBUSY;
}

/* Does the line of a name begin, or that of an archive file end, with the ID? */
static bool means(const char *line, const struct digest *id)
{
	const char *rest = str_starts(line, id->text), *end = strstr(line, id->text);

	return (rest && (*rest == '\n' || *rest == ' ')) ||
	       (end && strcmp(end + DIGEST_TEXT_LEN, "\n") == 0);
}

static int forget_path(const struct store *s, const char *path, const struct digest *id)
{
	_cleanup_free_ char *line = NULL;

	if (store_read_line(s, path, &line) < 0 || !means(line, id))
		return 0;
	return unlinkat(s->fd, path, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int forget_all(const struct store *s, const char *folder, const struct digest *id,
		      struct err *err)
{
	_cleanup_dir_ DIR *dir = dir_open(s->fd, folder);
	const char *name;
	int r = 0;

	if (!dir)
		return err_errno(err, -errno, "cannot read '%s/%s'", s->path, folder);
	while (r == 0 && (name = dir_next(dir))) {
		_cleanup_free_ char *path = xasprintf("%s/%s", folder, name);

		r = *name == '.' ? 0 : forget_path(s, path, id);
	}
	return r < 0 ? err_errno(err, r, "cannot remove names from '%s/%s'", s->path, folder) : 0;
}

int store_forget(const struct store *s, const char *name, const struct digest *id, struct err *err)
{
	_cleanup_free_ char *full = NULL;
	char path[NAME_MAX + 1];
	int r;

	if (reference_name(name, &full, NULL) == 0)
		store_ref_path(full, path);
	else
		store_local_path(name, path);
	r = forget_path(s, path, id);
	return r < 0 ? err_errno(err, r, "cannot remove the name '%s'", text_of(name)) : 0;
}

/* Durably: before anything of it is removed, it must not be able to come back under its name. */
static int move_away(const struct store_claim *c, const struct store_tmp *tmp, struct err *err)
{
	char from[DIGEST_HEX_LEN + 1];
	_cleanup_close_ int images =
		openat(c->store->fd, "images", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	(void)snprintf(from, sizeof(from), "%s", digest_hex(&c->id));
	if (images < 0 || renameat(images, from, tmp->fd, "image") < 0 || fsync(images) < 0)
		return err_errno(err, -errno, "cannot move the image out of '%s/images'",
				 c->store->path);
	return 0;
}

int store_remove(struct store_claim *c, uint64_t *ret_bytes, struct err *err)
{
	_cleanup_store_tmp_ struct store_tmp tmp = STORE_TMP_NULL;
	int r = store_tmp_new(c->store, &tmp, err);

	if (r == 0)
		r = forget_all(c->store, "refs", &c->id, err);
	if (r == 0)
		r = forget_all(c->store, "index", &c->id, err);
	if (r == 0)
		r = move_away(c, &tmp, err);
	if (r < 0)
		return r;
	/* Others, who may want the same image again, need not wait until all of it is gone. */
	c->guard = fd_close(c->guard);
	(void)flock(c->fd, LOCK_UN);
	*ret_bytes = measure_folder(c->fd);
	store_tmp_done(&tmp);
	return 0;
}
