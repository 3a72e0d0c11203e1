/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/entrypoint-settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/abi.h"
#include "base/mem.h"
#include "guest/init/entrypoint.h"
#include "guest/init/init-conf.h"
#include "image/text.h"
#include "ttrpc/text.h"

/* JSON has no room for others. */
static int check_text(const char *s, struct err *err)
{
	if (ttrpc_text_valid((const uint8_t *)s, strlen(s)))
		return 0;
	return err_set(err, -EINVAL, "a configuration cannot hold '%s', which is not UTF-8",
		       text_of(s));
}

static int add_command(struct image_convert_files *files, struct image_config *config,
		       struct err *err)
{
	_cleanup_free_ const char **args = xcalloc(INIT_CONF_ARGS_MAX + 1, sizeof(*args));
	int n = entrypoint_split(files->args, files->args_len, args, INIT_CONF_ARGS_MAX), r = 0;

	if (n < 0)
		return err_set(err, -EINVAL, "its %s has more than %d words", ABI_ENTRYPOINT,
			       INIT_CONF_ARGS_MAX);
	for (int i = 0; i < n && r == 0; i++) {
		r = check_text(args[i], err);
		strv_add(&config->cmd, args[i]);
	}
	return r;
}

static int check_keys(const struct init_conf *conf, struct err *err)
{
	const struct {
		const char *key;
		bool is_set;
	} keys[] = {
		{"hostname", *conf->hostname},	  {"dns", conf->n_dns > 0},
		{"workspace", *conf->workspace},  {"owner", *conf->owner},
		{"require", conf->n_require > 0}, {"shell", *conf->shell},
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].is_set)
			return err_set(err, -EINVAL,
				       "its %s has a '%s', for which an image's configuration has "
				       "no word: --keep-entrypoint-file leaves the file in",
				       ABI_ENTRYPOINT_CONF, keys[i].key);
	return 0;
}

static int set_text(char **member, const char *value, struct err *err)
{
	free(*member);
	*member = xstrdup(value);
	return check_text(value, err);
}

static int add_conf(const struct init_conf *conf, bool keep, struct image_config *config,
		    struct err *err)
{
	int r = keep ? 0 : check_keys(conf, err);

	if (r == 0)
		r = set_text(&config->user, conf->user, err);
	if (r == 0)
		r = set_text(&config->working_dir, conf->workdir, err);
	for (size_t i = 0; i < conf->n_env && r == 0; i++) {
		r = check_text(conf->env[i], err);
		strv_add(&config->env, conf->env[i]);
	}
	return r;
}

int entrypoint_settings(struct image_convert_files *files, bool keep, struct image_config *config,
			struct err *err)
{
	_cleanup_free_ struct init_conf *conf = xcalloc(1, sizeof(*conf));
	char end = entrypoint_end(files->conf, files->conf_len);
	struct init_conf_complaint wrong;
	int r = add_command(files, config, err);

	if (r < 0)
		return r;
	if (init_conf_check(files->conf, files->conf_len, end, conf, &wrong) < 0)
		return err_set(err, -EINVAL, "line %u of its %s: '%s' %s", wrong.line,
			       ABI_ENTRYPOINT_CONF, text_of(wrong.key), wrong.why);
	return add_conf(conf, keep, config, err);
}
