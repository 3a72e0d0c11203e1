/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "image/convert.h"
#include "image/json.h"
#include "image/manifest.h"
#include "image/text.h"

static void set(struct json_object *o, const char *key, const char *value)
{
	if (value && *value)
		json_object_object_add(o, key, json_object_new_string(value));
}

static void set_list(struct json_object *o, const char *key, const struct strv *l)
{
	struct json_object *list;

	if (l->n == 0)
		return;
	list = json_object_new_array();
	for (size_t i = 0; i < l->n; i++)
		json_object_array_add(list, json_object_new_string(l->v[i]));
	json_object_object_add(o, key, list);
}

static int set_labels(struct json_object *o, const struct strv *labels, struct err *err)
{
	struct json_object *list;

	if (!labels || labels->n == 0)
		return 0;
	list = json_object_new_object();
	json_object_object_add(o, "Labels", list);
	for (size_t i = 0; i < labels->n; i++) {
		const char *equals = strchr(labels->v[i], '=');
		_cleanup_free_ char *key = NULL;

		if (!equals || equals == labels->v[i])
			return err_set(err, -EINVAL, "the label '%s' is not KEY=VALUE",
				       text_of(labels->v[i]));
		key = xstrndup(labels->v[i], (size_t)(equals - labels->v[i]));
		json_object_object_add(list, key, json_object_new_string(equals + 1));
	}
	return 0;
}

static void set_layer(struct json_object *root, const struct digest *layer)
{
	struct json_object *rootfs = json_object_new_object(), *ids = json_object_new_array();
	struct json_object *history = json_object_new_array(), *entry = json_object_new_object();

	json_object_array_add(ids, json_object_new_string(layer->text));
	set(rootfs, "type", "layers");
	json_object_object_add(rootfs, "diff_ids", ids);
	json_object_object_add(root, "rootfs", rootfs);
	set(entry, "created_by", "caisson image convert");
	json_object_array_add(history, entry);
	json_object_object_add(root, "history", history);
}

int convert_config(const struct image_config *config, const struct strv *labels,
		   const struct digest *layer, char **ret, struct err *err)
{
	_cleanup_json_ struct json_object *root = json_object_new_object();
	struct json_object *o = json_object_new_object();
	int r;

	set(root, "architecture", manifest_arch());
	set(root, "os", "linux");
	json_object_object_add(root, "config", o);
	set(o, "User", config->user);
	set_list(o, "Env", &config->env);
	set_list(o, "Entrypoint", &config->entrypoint);
	set_list(o, "Cmd", &config->cmd);
	set(o, "WorkingDir", config->working_dir);
	r = set_labels(o, labels, err);
	if (r < 0)
		return r;
	set_layer(root, layer);
	*ret = xstrdup(json_object_to_json_string_ext(
		root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	return 0;
}
