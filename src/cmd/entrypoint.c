/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/entrypoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/compose.h"
#include "cmd/init-config.h"
#include "guest/init/entrypoint.h"
#include "guest/init/init-conf.h"

void entrypoint_done(struct entrypoint *e)
{
	free(take_ptr(e->args));
	free(take_ptr(e->conf));
	free(take_ptr(e->folder));
}

/* Each with its end. */
static char *join(const struct strv *records, size_t *ret_len)
{
	char end = '\n', *text, *p;
	size_t len = 0;

	for (size_t i = 0; i < records->n; i++) {
		len += strlen(records->v[i]) + 1;
		if (strchr(records->v[i], '\n'))
			end = '\0';
	}
	text = p = xmalloc(len + 1);
	for (size_t i = 0; i < records->n; i++) {
		p = stpcpy(p, records->v[i]);
		*p++ = end;
	}
	*p = '\0';
	*ret_len = len;
	return text;
}

/* As vminitd will. */
static int check(const struct entrypoint *e, struct err *err)
{
	_cleanup_free_ struct init_conf *conf = xmalloc(sizeof(*conf));
	_cleanup_free_ char *copy = xmalloc(e->conf_len + 1);
	char end = entrypoint_end(e->conf, e->conf_len);
	struct init_conf_complaint wrong;

	if (e->args_len > ABI_ENTRYPOINT_MAX || e->conf_len > ABI_ENTRYPOINT_MAX)
		return err_set(err, -EINVAL, "its command and variables have more than %u bytes",
			       ABI_ENTRYPOINT_MAX);
	memcpy(copy, e->conf, e->conf_len + 1);
	if (init_conf_check(copy, e->conf_len, end, conf, &wrong) < 0)
		return err_set(err, -EINVAL, "the image's %s %s", wrong.key, wrong.why);
	return 0;
}

static void add_env(struct strv *records, const struct strv *env)
{
	for (size_t i = 0; i < env->n; i++) {
		_cleanup_free_ char *line = init_config_env(env->v[i]);

		/* That is a place for a container's name. */
		if (strcmp(env->v[i], "HOSTNAME=") != 0)
			strv_take(records, take_ptr(line));
	}
}

int entrypoint_make(const struct image_config *config, char **words, struct entrypoint *ret,
		    struct err *err)
{
	const struct strv none = STRV_NULL;
	const struct compose how = {.words = words, .env = &none};
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	_cleanup_strv_ struct strv records = STRV_NULL;
	int r = compose_spec(&how, config, &spec, err);

	if (r == 0 && spec.args.n > INIT_CONF_ARGS_MAX)
		r = err_set(err, -EINVAL, "the command has more than %d words", INIT_CONF_ARGS_MAX);
	if (r == 0) {
		ret->args = join(&spec.args, &ret->args_len);
		ret->n_args = spec.args.n;
		ret->folder = xasprintf("%s%s", *spec.cwd == '/' ? "" : "/", spec.cwd);
		strv_addf(&records, "workdir = %s", ret->folder);
		strv_add(&records, "on_exit = poweroff");
		if (*spec.user)
			strv_addf(&records, "user = %s", spec.user);
		add_env(&records, &spec.env);
		ret->conf = join(&records, &ret->conf_len);
		r = check(ret, err);
	}
	sandbox_spec_done(&spec);
	return r;
}
