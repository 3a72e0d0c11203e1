/* SPDX-License-Identifier: Apache-2.0 */
#include "image/config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "image/json.h"
#include "image/text.h"

static const char *const what = "the image's configuration";

void image_config_empty(struct image_config *c)
{
	c->user = xstrdup("");
	c->working_dir = xstrdup("");
	c->os = xstrdup("");
	c->architecture = xstrdup("");
	c->stop_signal = SIGTERM;
}

void image_config_done(struct image_config *c)
{
	strv_done(&c->entrypoint);
	strv_done(&c->cmd);
	strv_done(&c->env);
	free(take_ptr(c->user));
	free(take_ptr(c->working_dir));
	free(take_ptr(c->os));
	free(take_ptr(c->architecture));
}

void diff_ids_done(struct diff_ids *d)
{
	free(d->v);
	d->v = NULL;
	d->n = 0;
}

static int get_string(struct json_object *o, const char *key, char **ret, struct err *err)
{
	const char *s;
	int r = json_str(o, key, what, &s, err);

	if (r == 0 && s && strlen(s) >= PATH_MAX)
		return err_set(err, -EFBIG, "%s: \"%s\" has more than %d bytes", what, key,
			       PATH_MAX - 1);
	if (r == 0)
		*ret = xstrdup(s ? s : "");
	return r;
}

/* Docker takes a bare string for a list of one in these two, and old images have it. */
static int get_command(struct json_object *o, const char *key, struct strv *ret, struct err *err)
{
	struct json_object *v = NULL;
	const char *s;
	int r;

	if (!json_object_object_get_ex(o, key, &v) || !json_object_is_type(v, json_type_string))
		return json_strv(o, key, what, ret, err);
	r = json_str(o, key, what, &s, err);
	if (r == 0)
		strv_add(ret, s);
	return r;
}

/*
 * More than this could never be run: execve(2) has a limit for each string, and one for all of them
 * with their pointers. The number is bounded since whoever puts variables together compares each
 * with each.
 */
static int check_strings(const struct strv *l, const char *key, struct err *err)
{
	size_t bytes = 0, len;

	if (l->n > IMAGE_STRINGS_MAX)
		return err_set(err, -EFBIG, "%s: \"%s\" has %zu entries; at most %u are taken",
			       what, key, l->n, IMAGE_STRINGS_MAX);
	for (size_t i = 0; i < l->n; i++) {
		len = strlen(l->v[i]);
		if (len > IMAGE_STRING_MAX)
			return err_set(err, -EFBIG,
				       "%s: \"%s\" has an entry of %zu bytes; Linux takes %u", what,
				       key, len, IMAGE_STRING_MAX);
		bytes += len + 1 + sizeof(char *);
	}
	if (bytes > IMAGE_ARGUMENTS_MAX)
		return err_set(err, -EFBIG, "%s: \"%s\" has %zu bytes; Linux takes %u", what, key,
			       bytes, IMAGE_ARGUMENTS_MAX);
	return 0;
}

static int get_stop_signal(struct json_object *o, int *ret, struct err *err)
{
	const char *s;
	int r = json_str(o, "StopSignal", what, &s, err);

	*ret = SIGTERM;
	if (r < 0 || !s || !*s)
		return r;
	r = signal_from_name(s);
	if (r < 0)
		return err_set(err, -EBADMSG, "%s: there is no StopSignal '%s'", what, text_of(s));
	*ret = r;
	return 0;
}

/* @o is NULL where the image sets nothing at all. */
static int get_process(struct json_object *o, struct image_config *c, struct err *err)
{
	_cleanup_json_ struct json_object *nothing = NULL;
	int r;

	if (!o)
		o = nothing = json_object_new_object();
	r = get_command(o, "Entrypoint", &c->entrypoint, err);
	if (r == 0)
		r = check_strings(&c->entrypoint, "Entrypoint", err);
	if (r == 0)
		r = get_command(o, "Cmd", &c->cmd, err);
	if (r == 0)
		r = check_strings(&c->cmd, "Cmd", err);
	if (r == 0)
		r = json_strv(o, "Env", what, &c->env, err);
	if (r == 0)
		r = check_strings(&c->env, "Env", err);
	if (r == 0)
		r = get_string(o, "User", &c->user, err);
	if (r == 0)
		r = get_string(o, "WorkingDir", &c->working_dir, err);
	if (r == 0)
		r = get_stop_signal(o, &c->stop_signal, err);
	return r;
}

static int get_diff_ids(struct json_object *root, struct diff_ids *ret, struct err *err)
{
	_cleanup_strv_ struct strv ids = STRV_NULL;
	struct json_object *rootfs;
	const char *type;
	int r = json_member(root, "rootfs", json_type_object, what, &rootfs, err);

	if (r < 0)
		return r;
	if (!rootfs)
		return err_set(err, -EBADMSG, "%s does not say its layers (\"rootfs\")", what);
	r = json_str(rootfs, "type", what, &type, err);
	if (r == 0)
		r = json_strv(rootfs, "diff_ids", what, &ids, err);
	if (r < 0)
		return r;
	if (type && strcmp(type, "layers") != 0)
		return err_set(err, -ENOTSUP, "%s has a root file system of type '%s', not layers",
			       what, text_of(type));
	if (ids.n > IMAGE_LAYERS_MAX)
		return err_set(err, -EFBIG, "%s has %zu layers; at most %u are taken", what, ids.n,
			       IMAGE_LAYERS_MAX);
	ret->v = xcalloc(ids.n, sizeof(*ret->v));
	for (ret->n = 0; ret->n < ids.n; ret->n++) {
		r = digest_parse(ids.v[ret->n], &ret->v[ret->n]);
		if (r < 0)
			return err_set(err, r == -EINVAL ? -EBADMSG : r,
				       "%s: '%s' is no digest that is known here (sha256)", what,
				       text_of(ids.v[ret->n]));
	}
	return 0;
}

int config_parse(const char *data, size_t len, struct image_config *ret, struct diff_ids *diff_ids,
		 struct err *err)
{
	_cleanup_json_ struct json_object *root = NULL;
	struct json_object *process;
	int r;

	if (len > IMAGE_CONFIG_MAX)
		return err_set(err, -EFBIG, "%s has more than %u bytes", what, IMAGE_CONFIG_MAX);
	r = json_read(data, len, json_type_object, what, &root, err);
	if (r == 0)
		r = get_string(root, "os", &ret->os, err);
	if (r == 0)
		r = get_string(root, "architecture", &ret->architecture, err);
	if (r == 0)
		r = json_member(root, "config", json_type_object, what, &process, err);
	if (r == 0)
		r = get_process(process, ret, err);
	if (r < 0)
		return r;
	if (*ret->os && strcmp(ret->os, "linux") != 0)
		return err_set(err, -ENOTSUP, "the image is for '%s', not for Linux",
			       text_of(ret->os));
	return diff_ids ? get_diff_ids(root, diff_ids, err) : 0;
}

void config_set_layers(struct json_object *config, const struct digest *v, size_t n)
{
	struct json_object *rootfs = json_object_new_object(), *ids = json_object_new_array();

	for (size_t i = 0; i < n; i++)
		json_object_array_add(ids, json_object_new_string(v[i].text));
	json_set(rootfs, "type", "layers");
	json_object_object_add(rootfs, "diff_ids", ids);
	json_object_object_add(config, "rootfs", rootfs);
}
