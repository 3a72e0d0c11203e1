/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "image/config.h"
#include "image/convert.h"
#include "image/json.h"
#include "image/manifest.h"
#include "image/text.h"

static void set(struct json_object *o, const char *key, const char *value)
{
	if (value && *value)
		json_set(o, key, value);
}

static void set_list(struct json_object *o, const char *key, const struct strv *l)
{
	if (l->n > 0)
		json_set_list(o, key, l->v, l->n);
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
		json_set(list, key, equals + 1);
	}
	return 0;
}

static void set_history(struct json_object *root)
{
	struct json_object *history = json_object_new_array(), *entry = json_object_new_object();

	json_set(entry, "created_by", "caisson image convert");
	json_object_array_add(history, entry);
	json_object_object_add(root, "history", history);
}

int convert_config(const struct image_config *config, const struct strv *labels,
		   const struct digest *layer, char **ret, struct err *err)
{
	_cleanup_json_ struct json_object *root = json_object_new_object();
	struct json_object *o = json_object_new_object();
	int r;

	json_set(root, "architecture", manifest_arch());
	json_set(root, "os", "linux");
	json_object_object_add(root, "config", o);
	set(o, "User", config->user);
	set_list(o, "Env", &config->env);
	set_list(o, "Entrypoint", &config->entrypoint);
	set_list(o, "Cmd", &config->cmd);
	set(o, "WorkingDir", config->working_dir);
	r = set_labels(o, labels, err);
	if (r < 0)
		return r;
	config_set_layers(root, layer, 1);
	set_history(root);
	*ret = json_text(take_ptr(root));
	return 0;
}
