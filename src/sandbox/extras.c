/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/extras.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "sandbox/annotation.h"

#define MODE_DEFAULT 0644
/* The whole, an entry, its members; and one to tell that there are more. */
#define DEPTH_MAX    4
#define PLACE_MAX    1024
#define NAME_LEN_MAX 255

static const char *const places[] = {ABI_EXTRAS_RUN "/", ABI_EXTRAS_LIB "/"};

/* They are executed, whatever mode was thought of. */
static const char *const programs[] = {ABI_SUPERVISOR_RUN, ABI_SUPERVISOR_LIB};

static int _printf_(2, 3) refuse(struct err *err, const char *fmt, ...)
{
	va_list ap;
	char text[ERR_TEXT_MAX / 2];

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(err, -EINVAL, "annotation %s: %s", ANNOTATION_EXTRAS, text);
}

/* Only names: no empty one, none that leads elsewhere, none that a file system cannot have. */
static bool is_clean(const char *path)
{
	while (*path == '/') {
		size_t len = strcspn(++path, "/");

		if (len == 0 || len > NAME_LEN_MAX || strncmp(path, ".", len) == 0 ||
		    (len == 2 && strncmp(path, "..", 2) == 0))
			return false;
		for (size_t i = 0; i < len; i++)
			if ((unsigned char)path[i] < ' ' || path[i] == 0x7f)
				return false;
		path += len;
	}
	return *path == '\0';
}

static int check_place(const char *place, struct err *err)
{
	bool allowed = false;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		allowed |= str_starts(place, places[i]) != NULL;
	if (!allowed || strlen(place) > PLACE_MAX || !is_clean(place))
		return refuse(err,
			      "\"%.100s\" is no place for a file: it must be a clean path below "
			      "%s or %s",
			      place, places[0], places[1]);
	return 0;
}

/* A string without a NUL in it. */
static const char *get_string(struct json_object *o)
{
	const char *s = json_object_is_type(o, json_type_string) ? json_object_get_string(o) : NULL;

	return s && strlen(s) == (size_t)json_object_get_string_len(o) ? s : NULL;
}

static bool is_program(const char *place)
{
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		if (strcmp(place, programs[i]) == 0)
			return true;
	return false;
}

static int parse_mode(const char *place, struct json_object *value, mode_t *ret, struct err *err)
{
	int64_t mode;

	*ret = MODE_DEFAULT;
	if (value) {
		mode = json_object_get_int64(value);
		if (!json_object_is_type(value, json_type_int) || mode < 0 || mode > 0177777)
			return refuse(err,
				      "\"mode\" of %.100s must be a decimal number, as 493 for "
				      "0755",
				      place);
		*ret = (mode_t)mode & 0777;
	}
	if (is_program(place))
		*ret = 0755;
	return 0;
}

static int parse_file(const char *place, struct json_object *o, struct extra *ret, struct err *err)
{
	struct json_object *source = NULL, *mode = NULL;
	int r = check_place(place, err);

	if (r < 0)
		return r;
	if (!json_object_is_type(o, json_type_object))
		return refuse(err, "%.100s must have an object with \"source\" and \"mode\"",
			      place);
	json_object_object_foreach(o, name, member)
	{
		if (strcmp(name, "source") == 0)
			source = member;
		else if (strcmp(name, "mode") == 0)
			mode = member;
		else
			return refuse(err, "%.100s has an unknown member \"%.64s\"", place, name);
	}
	if (!get_string(source) || *get_string(source) != '/' ||
	    strlen(get_string(source)) >= PATH_MAX)
		return refuse(err, "\"source\" of %.100s must be the absolute path of a file",
			      place);
	r = parse_mode(place, mode, &ret->mode, err);
	if (r < 0)
		return r;
	ret->place = xstrdup(place);
	ret->source = xstrdup(get_string(source));
	return 0;
}

static int by_place(const void *a, const void *b)
{
	return strcmp(((const struct extra *)a)->place, ((const struct extra *)b)->place);
}

/* A file cannot be a folder of others, too. */
static int check_folders(const struct extras *extras, struct err *err)
{
	for (size_t i = 0; i < extras->n; i++)
		for (size_t j = 0; j < extras->n; j++) {
			const char *rest =
				str_starts(extras->files[j].place, extras->files[i].place);

			if (rest && *rest == '/')
				return refuse(err, "%.100s is a file, and a folder, too",
					      extras->files[i].place);
		}
	return 0;
}

/* Members of @o and of all that is in it. */
static size_t count_members(struct json_object *o)
{
	size_t n = 0;

	if (!json_object_is_type(o, json_type_object))
		return 0;
	json_object_object_foreach(o, name, member)
	{
		(void)name;
		n += 1 + count_members(member);
	}
	return n;
}

/* As many members as @text has, which is known to be JSON. */
static size_t count_colons(const char *text)
{
	bool quoted = false;
	size_t n = 0;

	for (; *text; text++) {
		if (quoted && *text == '\\')
			text++;
		else if (*text == '"')
			quoted = !quoted;
		else
			n += !quoted && *text == ':';
	}
	return n;
}

static int refuse_json(struct json_tokener *tokener, struct err *err)
{
	enum json_tokener_error error = json_tokener_get_error(tokener);
	size_t at = json_tokener_get_parse_end(tokener);

	if (error == json_tokener_error_depth)
		return refuse(err, "nested too deep: a file has only \"source\" and \"mode\"");
	return refuse(err, "not valid JSON at byte %zu; modes are decimal numbers, as 493 for 0755",
		      at + 1);
}

/* Return: 0 with an object in @ret, or -EINVAL with a message. */
static int parse_json(const char *text, struct json_object **ret, struct err *err)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *o;
	int r = 0;

	if (!tokener)
		abort();
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	/* With its NUL, or a number at the end would not be over. */
	o = json_tokener_parse_ex(tokener, text, (int)strlen(text) + 1);
	if (json_tokener_get_error(tokener) != json_tokener_success)
		r = refuse_json(tokener, err);
	else if (!json_object_is_type(o, json_type_object))
		r = refuse(err, "must be a JSON object with a member for each file");
	else if (count_members(o) != count_colons(text))
		r = refuse(err, "a place or a member is there twice");
	json_tokener_free(tokener);
	if (r < 0)
		json_object_put(o);
	else
		*ret = o;
	return r;
}

int extras_parse(const char *text, struct extras *ret, struct err *err)
{
	_cleanup_extras_ struct extras extras = {.n = 0};
	struct json_object *o;
	int r;

	if (strlen(text) > ANNOTATION_BYTES_MAX)
		return refuse(err, "longer than %d bytes", ANNOTATION_BYTES_MAX);
	r = parse_json(text, &o, err);
	if (r < 0)
		return r;
	json_object_object_foreach(o, place, file)
	{
		if (extras.n == EXTRAS_FILES_MAX)
			r = refuse(err, "more than %d files", EXTRAS_FILES_MAX);
		else
			r = parse_file(place, file, &extras.files[extras.n], err);
		if (r < 0)
			break;
		extras.n++;
	}
	json_object_put(o);
	if (r == 0)
		r = check_folders(&extras, err);
	if (r < 0)
		return r;
	qsort(extras.files, extras.n, sizeof(extras.files[0]), by_place);
	*ret = extras;
	extras.n = 0;
	return 0;
}

bool extras_have_supervisor(const struct strv *annotations)
{
	const char *text = strv_env_get(annotations, ANNOTATION_EXTRAS);
	_cleanup_extras_ struct extras extras = {.n = 0};

	if (!text || extras_parse(text, &extras, NULL) < 0)
		return false;
	for (size_t i = 0; i < extras.n; i++)
		if (is_program(extras.files[i].place))
			return true;
	return false;
}

void extras_done(struct extras *extras)
{
	for (size_t i = 0; i < extras->n; i++) {
		free(extras->files[i].place);
		free(extras->files[i].source);
	}
	extras->n = 0;
}

/* What follows the folder in the path, "." for itself; NULL: it is elsewhere. */
static const char *below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	while (len > 0 && folder[len - 1] == '/')
		len--;
	if (strncmp(path, folder, len) != 0 || (path[len] != '/' && path[len] != '\0'))
		return NULL;
	path += len;
	path += strspn(path, "/");
	return *path ? path : ".";
}

/* No device is opened before it is known to be none. Return: descriptor or negative errno. */
static int open_regular(int dir, const char *path)
{
	_cleanup_close_ int file = path_open_beneath(dir, path, O_PATH, 0);
	char self[64];
	struct stat st;
	int fd;

	if (file < 0)
		return file;
	if (fstat(file, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADF;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", file);
	fd = open(self, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int extras_open(const char *source, const struct conf *conf, struct err *err)
{
	int r = -EACCES;

	for (size_t i = 0; r < 0 && i < conf->extras_allow.n; i++) {
		const char *folder = conf->extras_allow.v[i], *rest = below(source, folder);
		_cleanup_close_ int dir = -EBADF;

		if (!rest)
			continue;
		dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
		r = dir < 0 ? -errno : open_regular(dir, rest);
	}
	if (r >= 0)
		return r;
	if (r == -EBADF)
		return refuse(err, "%.200s is not a regular file", source);
	if (r == -EXDEV || r == -EACCES)
		return err_set(err, -EACCES,
			       "annotation %s: %.200s is not below a folder that " CONF_EXTRAS_ALLOW
			       " in %s allows",
			       ANNOTATION_EXTRAS, source, conf->path);
	return err_errno(err, r, "annotation %s: cannot open %.200s", ANNOTATION_EXTRAS, source);
}

static int open_all(const struct extras *extras, const struct conf *conf,
		    struct filedisk_file *files, struct err *err)
{
	uint64_t total = 0;

	for (size_t i = 0; i < extras->n; i++) {
		struct stat st;

		files[i].path = extras->files[i].place;
		files[i].mode = extras->files[i].mode;
		files[i].fd = extras_open(extras->files[i].source, conf, err);
		if (files[i].fd < 0)
			return files[i].fd;
		if (fstat(files[i].fd, &st) < 0)
			return err_errno(err, -errno, "cannot read %s", extras->files[i].source);
		files[i].size = (uint64_t)st.st_size;
		if (files[i].size > EXTRAS_BYTES_MAX - total)
			return refuse(err, "the files are larger than %llu MiB together",
				      (unsigned long long)EXTRAS_BYTES_MAX >> 20);
		total += files[i].size;
	}
	return 0;
}

int extras_disk(const char *annotation, const struct conf *conf, const char *cache_dir,
		struct err *err)
{
	struct filedisk_file files[EXTRAS_FILES_MAX];
	_cleanup_extras_ struct extras extras = {.n = 0};
	int r;

	if (conf->extras_allow.n == 0)
		return err_set(err, -EPERM,
			       "annotation %s: no file of this host may be given to a "
			       "VM; " CONF_EXTRAS_ALLOW " = FOLDER in %s allows it",
			       ANNOTATION_EXTRAS, conf->path);
	r = extras_parse(annotation, &extras, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < extras.n; i++)
		files[i].fd = -EBADF;
	r = open_all(&extras, conf, files, err);
	if (r == 0)
		r = filedisk_get(cache_dir, files, extras.n, err);
	for (size_t i = 0; i < extras.n; i++)
		fd_close(files[i].fd);
	return r;
}
