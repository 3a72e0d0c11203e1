/* SPDX-License-Identifier: Apache-2.0 */
#include "image/verify.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/mem.h"
#include "image/seal.h"

/* struct form - one of the image's is being read */
struct form {
	enum image_form form;
	const struct verify *v;
};

static void pass_on(const char *path, const char *how, void *userdata)
{
	const struct form *f = userdata;
	_cleanup_free_ char *full =
		xasprintf("%s%s%s", store_form(f->form), *path ? "/" : "", path);

	f->v->damaged(full, how, f->v->userdata);
}

/* Damage of the description itself is one more damage. */
static int verify_form(int dirfd, enum image_form form, const struct verify *v, struct err *err)
{
	struct form f = {form, v};
	const struct seal_reader reader = {pass_on, &f};
	int r = seal_check(dirfd, form, &reader, err);

	/* The image is there, whatever somebody takes from it just now. */
	if (r == -ENOENT)
		return -EIO;
	if (r != -EBADMSG)
		return r;
	v->damaged(seal_name(form), "differs: content", v->userdata);
	return 0;
}

static int verify_config(int dirfd, const struct digest *id, const struct verify *v,
			 struct err *err)
{
	_cleanup_free_ char *data = NULL;
	struct digest have;
	size_t len;
	int r = file_slurp_at(dirfd, STORE_CONFIG, IMAGE_CONFIG_MAX, &data, &len);

	if (r < 0 && r != -ENOENT && r != -EFBIG)
		return err_errno(err, r, "cannot read its config.json");
	if (r == 0)
		digest_of(data, len, &have);
	if (r == -ENOENT)
		v->damaged(STORE_CONFIG, "missing", v->userdata);
	else if (r < 0 || strcmp(have.text, id->text) != 0)
		v->damaged(STORE_CONFIG, "differs: content", v->userdata);
	return 0;
}

int verify_image(const struct store *s, const struct digest *id, const struct verify *v,
		 struct err *err)
{
	_cleanup_close_ int fd = store_hold(s, id);
	struct err first = ERR_NULL, *to = &first;
	bool any = false;
	int r, q;

	if (fd < 0)
		return err_errno(err, fd, "cannot open it");
	r = verify_config(fd, id, v, to);
	for (enum image_form form = IMAGE_FOLDER; form <= IMAGE_DISK; form++) {
		if (!store_has_form(fd, form))
			continue;
		any = true;
		/* Whatever is wrong with the one form, the other is read. */
		q = verify_form(fd, form, v, r < 0 ? NULL : to);
		r = r < 0 ? r : q;
	}
	if (!any)
		v->damaged(store_form(IMAGE_FOLDER), "missing", v->userdata);
	if (r < 0 && err)
		*err = first;
	return r;
}

/* What the line of a name, or of an archive file, means. */
static int meaning(const char *line, bool is_name, struct digest *ret)
{
	size_t len = strlen(line);
	char text[DIGEST_TEXT_LEN + 1];
	const char *at = is_name ? line : line + len - 1 - DIGEST_TEXT_LEN;

	if (len < DIGEST_TEXT_LEN + 1 || line[len - 1] != '\n')
		return -EBADMSG;
	if (is_name && !strchr(" \n", line[DIGEST_TEXT_LEN]))
		return -EBADMSG;
	memcpy(text, at, DIGEST_TEXT_LEN);
	text[DIGEST_TEXT_LEN] = '\0';
	return digest_parse(text, ret) < 0 ? -EBADMSG : 0;
}

static void verify_entry(const struct store *s, const struct catalog *c, const char *folder,
			 const char *name, const struct verify *v)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", folder, name), *line = NULL;
	struct digest id;
	int r = store_read_line(s, path, &line);

	/* Removed meanwhile. */
	if (r == -ENOENT)
		return;
	if (r < 0 || meaning(line, strcmp(folder, "refs") == 0, &id) < 0)
		v->damaged(path, "is not what it should be: remove it", v->userdata);
	else if (!catalog_get(c, &id))
		v->damaged(path, "means an image that is not there: remove it", v->userdata);
}

int verify_names(const struct store *s, const struct catalog *c, const struct verify *v,
		 struct err *err)
{
	static const char *const folders[] = {"refs", "index"};
	const char *name;

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		_cleanup_dir_ DIR *dir = dir_open(s->fd, folders[i]);

		if (!dir)
			return err_errno(err, -errno, "cannot read '%s/%s'", s->path, folders[i]);
		while ((name = dir_next(dir)))
			if (*name != '.')
				verify_entry(s, c, folders[i], name, v);
	}
	return 0;
}
