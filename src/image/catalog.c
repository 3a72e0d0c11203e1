/* SPDX-License-Identifier: Apache-2.0 */
#include "image/catalog.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dir.h"
#include "base/mem.h"
#include "base/parse.h"
#include "image/text.h"

/* As many as `caisson images` shows. A name of so many such digits goes before. */
#define ID_DIGITS_MIN 12

/* Return: the folder, or NULL with a message. */
static DIR *open_folder(const struct store *s, const char *name, struct err *err)
{
	DIR *dir = dir_open(s->fd, name);

	if (!dir)
		(void)err_errno(err, -errno, "cannot read '%s/%s'", s->path, name);
	return dir;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct catalog_image *)a)->id.text,
		      ((const struct catalog_image *)b)->id.text);
}

static int read_images(const struct store *s, struct catalog *c, struct err *err)
{
	_cleanup_dir_ DIR *dir = open_folder(s, "images", err);
	const char *name;

	if (!dir)
		return err->code;
	while ((name = dir_next(dir))) {
		_cleanup_free_ char *text = xasprintf("sha256:%s", name);
		struct catalog_image image = {.names = STRV_NULL};

		if (digest_parse(text, &image.id) < 0)
			continue;
		c->v = xreallocarray(c->v, c->n + 1, sizeof(*c->v));
		c->v[c->n++] = image;
	}
	if (c->n > 1)
		qsort(c->v, c->n, sizeof(*c->v), compare);
	return 0;
}

/* Docker leaves its own registry out, where the rest cannot be taken for a host of its own. */
static char *familiar(const char *full)
{
	static const char *const prefixes[] = {"docker.io/library/", "docker.io/"};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		const char *rest = str_starts(full, prefixes[i]);

		if (rest && reference_same_name(rest, full))
			return xstrdup(rest);
	}
	return xstrdup(full);
}

/* @line: "sha256:<hex>\n", or "sha256:<hex> <name>\n"; else it is as good as not there */
static void take_line(struct catalog *c, const char *file, char *line)
{
	_cleanup_free_ char *full = xstrdup(file);
	char *end = strrchr(line, '\n'), *name = NULL;
	struct digest id;
	struct catalog_image *image;

	if (!end || end[1] || end < line + DIGEST_TEXT_LEN)
		return;
	*end = '\0';
	if (line[DIGEST_TEXT_LEN] == ' ') {
		line[DIGEST_TEXT_LEN] = '\0';
		name = line + DIGEST_TEXT_LEN + 1;
	}
	image = digest_parse(line, &id) == 0 ? (struct catalog_image *)catalog_get(c, &id) : NULL;
	if (!image)
		return;
	for (char *p = full; *p; p++)
		if (*p == '+')
			*p = '/';
	strv_take(&image->names, name ? xstrdup(name) : familiar(full));
}

static int read_names(const struct store *s, struct catalog *c, struct err *err)
{
	_cleanup_dir_ DIR *dir = open_folder(s, "refs", err);
	const char *name;

	if (!dir)
		return err->code;
	while ((name = dir_next(dir))) {
		_cleanup_free_ char *path = xasprintf("refs/%s", name), *line = NULL;

		if (*name != '.' && store_read_line(s, path, &line) == 0)
			take_line(c, name, line);
	}
	for (size_t i = 0; i < c->n; i++)
		strv_sort(&c->v[i].names);
	return 0;
}

int catalog_read(const struct store *s, struct catalog *ret, struct err *err)
{
	int r = read_images(s, ret, err);

	return r < 0 ? r : read_names(s, ret, err);
}

void catalog_done(struct catalog *c)
{
	for (size_t i = 0; i < c->n; i++)
		strv_done(&c->v[i].names);
	free(take_ptr(c->v));
	c->n = 0;
}

const struct catalog_image *catalog_get(const struct catalog *c, const struct digest *id)
{
	struct catalog_image key = {.id = *id};

	return c->n > 0 ? bsearch(&key, c->v, c->n, sizeof(*c->v), compare) : NULL;
}

/* In the form that names have here; a file need not be there any more. */
static char *spelled_out(const char *word)
{
	_cleanup_reference_ struct reference ref = REFERENCE_NULL;
	const char *rest = str_starts(word, "docker://");

	if (reference_parse(word, &ref, NULL) == 0 && ref.transport != TRANSPORT_REGISTRY)
		return store_local_name(&ref);
	return xstrdup(rest ? rest : word);
}

static bool find_name(const struct catalog *c, const char *word, const struct catalog_image **ret,
		      const char **ret_name)
{
	_cleanup_free_ char *want = spelled_out(word);

	for (size_t i = 0; i < c->n; i++)
		for (size_t j = 0; j < c->v[i].names.n; j++) {
			if (!reference_same_name(want, c->v[i].names.v[j]))
				continue;
			*ret = &c->v[i];
			*ret_name = c->v[i].names.v[j];
			return true;
		}
	return false;
}

/* Return: how many images' IDs begin so; one of them is @ret. */
static size_t find_id(const struct catalog *c, const char *word, const struct catalog_image **ret)
{
	const char *rest = str_starts(word, "sha256:"), *hex = rest ? rest : word;
	size_t n = 0;

	for (size_t i = 0; *hex && i < c->n; i++)
		if (str_starts(digest_hex(&c->v[i].id), hex)) {
			*ret = &c->v[i];
			n++;
		}
	return n;
}

int catalog_find(const struct catalog *c, const char *word, const struct catalog_image **ret,
		 const char **ret_name, struct err *err)
{
	size_t n;

	*ret_name = NULL;
	if (find_name(c, word, ret, ret_name))
		return 0;
	n = find_id(c, word, ret);
	if (n > 1)
		return err_set(err, -EEXIST,
			       "the IDs of %zu images begin with \"%s\": give more of it", n,
			       text_of(word));
	if (n == 0)
		return err_set(err, -ENOENT,
			       "the store has no image \"%s\": `caisson images` shows those there "
			       "are",
			       text_of(word));
	return 0;
}

bool catalog_is_id(const char *word)
{
	return str_starts(word, "sha256:");
}

static bool may_be_id(const char *word)
{
	return catalog_is_id(word) ||
	       (strlen(word) >= ID_DIGITS_MIN && !word[strspn(word, "0123456789abcdef")]);
}

int catalog_look(const struct store *s, const struct reference *ref, struct digest *ret)
{
	_cleanup_catalog_ struct catalog c = CATALOG_NULL;
	const struct catalog_image *image = NULL;
	struct err ignored = ERR_NULL;
	int r = store_get_ref(s, ref->path, ret);

	if (r == 0 || !ref->typed || !may_be_id(ref->typed))
		return r;
	r = catalog_read(s, &c, &ignored);
	if (r == 0 && find_id(&c, ref->typed, &image) != 1)
		r = -ENOENT;
	if (r < 0)
		return r;
	*ret = image->id;
	return 0;
}
