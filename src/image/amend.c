/* SPDX-License-Identifier: Apache-2.0 */
#include "image/amend.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "image/change.h"
#include "image/config.h"
#include "image/json.h"
#include "image/manifest.h"

static const char *const what = "the image's configuration";

static int parse_base(const struct amend *a, struct json_object **ret, struct err *err)
{
	if (a->base)
		return json_read(a->base, strlen(a->base), json_type_object, what, ret, err);
	*ret = json_object_new_object();
	json_set(*ret, "os", "linux");
	json_set(*ret, "architecture", manifest_arch());
	return 0;
}

static int set_command(const struct amend *a, struct json_object *config, struct err *err)
{
	_cleanup_strv_ struct strv entrypoint = STRV_NULL;
	size_t n = 0;
	int r = json_strv(config, "Entrypoint", what, &entrypoint, err);

	/* What a bundle runs is in its config.json. */
	if (r < 0 || a->args->n == 0)
		return r;
	while (n < entrypoint.n && n < a->args->n && strcmp(entrypoint.v[n], a->args->v[n]) == 0)
		n++;
	if (n < entrypoint.n) {
		json_object_object_del(config, "Entrypoint");
		n = 0;
	}
	json_set_list(config, "Cmd", a->args->v + n, a->args->n - n);
	return 0;
}

/* What every container gets without anybody's saying so is no part of it. */
static void set_env(const struct amend *a, struct json_object *config)
{
	_cleanup_strv_ struct strv env = STRV_NULL;

	for (size_t i = 0; i < a->env->n; i++)
		strv_add(&env, a->env->v[i]);
	strv_env_unset(&env, "HOSTNAME");
	json_set_list(config, "Env", env.v, env.n);
}

static int apply(const struct strv *changes, struct json_object *config, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < changes->n; i++)
		r = change_apply(config, changes->v[i], err);
	return r;
}

int amend_check(const struct strv *changes, struct err *err)
{
	_cleanup_json_ struct json_object *config = json_object_new_object();

	return apply(changes, config, err);
}

static int set_process(const struct amend *a, struct json_object *config, struct err *err)
{
	int r = set_command(a, config, err);

	if (r < 0)
		return r;
	set_env(a, config);
	json_set(config, "User", a->user);
	json_set(config, "WorkingDir", a->cwd);
	return apply(a->changes, config, err);
}

static struct json_object *entry(const char *created, const char *by, const char *comment)
{
	struct json_object *o = json_object_new_object();

	json_set(o, "created", created);
	if (by && *by)
		json_set(o, "created_by", by);
	if (comment && *comment)
		json_set(o, "comment", comment);
	return o;
}

static char *command_line(const struct strv *args)
{
	char *line = xstrdup("");

	for (size_t i = 0; i < args->n; i++) {
		char *longer = xasprintf("%s%s%s", line, i ? " " : "", args->v[i]);

		free(line);
		line = longer;
	}
	return line;
}

/* An entry for each layer: those of the image are one now. */
static void set_history(const struct amend *a, struct json_object *root)
{
	_cleanup_free_ char *command = command_line(a->args);
	struct json_object *history = json_object_new_array(), *last, *created = NULL;

	(void)json_object_object_get_ex(root, "created", &created);
	if (a->n_layers > 1)
		json_object_array_add(history,
				      entry(created ? json_object_get_string(created) : a->created,
					    NULL, "the image that the container was made of"));
	last = entry(a->created, command, a->message);
	if (a->author)
		json_set(last, "author", a->author);
	json_object_array_add(history, last);
	json_object_object_add(root, "history", history);
	json_set(root, "created", a->created);
	if (a->author)
		json_set(root, "author", a->author);
}

int amend_config(const struct amend *a, char **ret, struct err *err)
{
	_cleanup_json_ struct json_object *root = NULL;
	struct json_object *config;
	int r = parse_base(a, &root, err);

	if (r == 0)
		r = json_member(root, "config", json_type_object, what, &config, err);
	if (r < 0)
		return r;
	if (!config) {
		config = json_object_new_object();
		json_object_object_add(root, "config", config);
	}
	r = set_process(a, config, err);
	if (r < 0)
		return r;
	config_set_layers(root, a->layers, a->n_layers);
	set_history(a, root);
	*ret = json_text(take_ptr(root));
	return 0;
}
