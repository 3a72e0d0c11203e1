/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/compose.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What Docker gives a container. */
static const unsigned default_capabilities[] = {
	CAP_CHOWN,	CAP_DAC_OVERRIDE, CAP_FOWNER,	   CAP_FSETID,		 CAP_KILL,
	CAP_SETGID,	CAP_SETUID,	  CAP_SETPCAP,	   CAP_NET_BIND_SERVICE, CAP_NET_RAW,
	CAP_SYS_CHROOT, CAP_MKNOD,	  CAP_AUDIT_WRITE, CAP_SETFCAP,
};

/* As `docker run`: --entrypoint drops the image's Cmd too, words after the image replace Cmd. */
static int build_args(const struct compose *how, const struct image_config *config,
		      struct strv *args, struct err *err)
{
	if (how->entrypoint && *how->entrypoint)
		strv_add(args, how->entrypoint);
	for (size_t i = 0; !how->entrypoint && i < config->entrypoint.n; i++)
		strv_add(args, config->entrypoint.v[i]);
	for (size_t i = 0; !*how->words && !how->entrypoint && i < config->cmd.n; i++)
		strv_add(args, config->cmd.v[i]);
	for (char **word = how->words; *word; word++)
		strv_add(args, *word);
	if (args->n == 0 && !how->open)
		return err_set(err, -EINVAL,
			       "the image names no command: write one after the image");
	return 0;
}

static int apply_env(struct strv *env, const char *word, struct err *err)
{
	const char *value = getenv(word);

	if (*word == '=' || *word == '\0')
		return err_set(err, -EINVAL, "--env %s: a variable needs a name", word);
	if (strchr(word, '=')) {
		strv_env_set(env, word);
	} else if (value) {
		_cleanup_free_ char *taken = xasprintf("%s=%s", word, value);

		strv_env_set(env, taken);
	} else {
		strv_env_unset(env, word);
	}
	return 0;
}

int compose_env(struct strv *env, const struct strv *words, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < words->n; i++)
		r = apply_env(env, words->v[i], err);
	return r;
}

static int build_env(const struct compose *how, const struct image_config *config, struct strv *env,
		     struct err *err)
{
	if (!how->open) {
		strv_add(env, DEFAULT_PATH);
		strv_env_set(env, "HOSTNAME=");
	}
	if (how->terminal)
		strv_add(env, "TERM=xterm");
	for (size_t i = 0; i < config->env.n; i++)
		strv_env_set(env, config->env.v[i]);
	return compose_env(env, how->env, err);
}

/* An empty option is as good as none, as it is for `docker run`. */
static char *chosen(const char *option, const char *of_image)
{
	return xstrdup(option && *option ? option : of_image);
}

int compose_spec(const struct compose *how, const struct image_config *config,
		 struct sandbox_spec *spec, struct err *err)
{
	int r = build_args(how, config, &spec->args, err);

	if (r == 0)
		r = build_env(how, config, &spec->env, err);
	if (r < 0)
		return r;
	spec->cwd = chosen(how->workdir, config->working_dir);
	spec->user = chosen(how->user, config->user);
	for (size_t i = 0; i < ARRAY_SIZE(default_capabilities); i++)
		spec->capabilities |= UINT64_C(1) << default_capabilities[i];
	spec->stop_signal = config->stop_signal ? config->stop_signal : SIGTERM;
	spec->terminal = how->terminal;
	spec->settings_in_image = how->open;
	return 0;
}

int compose_check_workdir(const char *workdir, struct err *err)
{
	if (workdir && *workdir != '/')
		return err_set(err, -EINVAL, "--workdir %s: must be an absolute path", workdir);
	return 0;
}

static bool names_host(const struct strv *env)
{
	for (size_t i = 0; i < env->n; i++) {
		const char *rest = str_starts(env->v[i], "HOSTNAME");

		if (rest && (*rest == '=' || *rest == '\0'))
			return true;
	}
	return false;
}

void compose_hostname(const struct compose *how, const struct image_config *config,
		      struct sandbox_spec *spec)
{
	_cleanup_free_ char *hostname = xasprintf("HOSTNAME=%s", spec->id);

	if (!how->open && !names_host(&config->env) && !names_host(how->env))
		strv_env_set(&spec->env, hostname);
}
