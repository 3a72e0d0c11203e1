/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people and tools write: the annotation of extra files, other annotations, the configuration.
 * The first byte chooses.
 */
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "sandbox/annotation.h"
#include "sandbox/extras.h"
#include "sandbox/setting.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static bool has_name(const char *path, const char *name)
{
	_cleanup_free_ char *part = xasprintf("/%s/", name), *all = xasprintf("%s/", path);

	return strstr(all, part) != NULL;
}

static void fuzz_extras(const char *text, size_t len)
{
	_cleanup_free_ char *s = xstrndup(text, len);
	struct extras extras;
	struct err err = ERR_NULL;

	if (extras_parse(s, &extras, &err) < 0) {
		must(err.code < 0 && err.text[0]);
		return;
	}
	must(extras.n <= EXTRAS_FILES_MAX);
	for (size_t i = 0; i < extras.n; i++) {
		const char *place = extras.files[i].place;

		must(str_starts(place, "/run/spin-stack/") ||
		     str_starts(place, "/var/lib/spin-stack/"));
		must(!has_name(place, "..") && !has_name(place, ".") && !strstr(place, "//"));
		must(*extras.files[i].source == '/' && (extras.files[i].mode & ~0777u) == 0);
	}
	extras_done(&extras);
}

static void fuzz_annotation(const char *text, size_t len)
{
	_cleanup_free_ char *s = xstrndup(text, len);
	struct err err = ERR_NULL;

	if (annotation_check(s, &err) < 0)
		must(err.text[0]);
	else
		must(strchr(s, '=') &&
		     (!str_starts(s, "io.caisson.") || setting_is_annotation(s, strcspn(s, "="))));
}

static void use(void *data, const struct conf_value *value)
{
	const struct conf *conf = data;

	must(*value->key && value->line <= CONF_BYTES_MAX + 1 && (!value->line || value->value));
	must(conf->memory > 0 && conf->cpus > 0 && conf->hypervisor);
}

static void fuzz_conf(const char *text, size_t len)
{
	struct conf conf;
	struct err err = ERR_NULL;

	if (conf_parse("conf", text, len, &conf, &err) < 0) {
		must(err.text[0]);
		return;
	}
	must(conf.extras_allow.n <= CONF_LIST_MAX);
	for (size_t i = 0; i < conf.extras_allow.n; i++)
		must(*conf.extras_allow.v[i] == '/');
	conf_each(&conf, use, &conf);
	conf_done(&conf);
}

/* What a container says, one word a line; nothing is allowed that is not so by itself. */
static void fuzz_settings(const char *text, size_t len)
{
	struct conf conf;
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	_cleanup_free_ char *copy = xstrndup(text, len);
	struct err err = ERR_NULL;
	char *rest = copy, *word;

	must(conf_parse("conf", "", 0, &conf, &err) == 0);
	while ((word = strsep(&rest, "\n")))
		strv_add(str_starts(word, "io.") ? &spec.annotations : &spec.env, word);
	spec.kernel_append = xstrdup("");
	if (settings_make(&spec, &conf, &err) < 0)
		must(err.text[0] && setting_text_valid(err.text));
	else
		must(!*spec.kernel_append && (!spec.kernel || !strchr(spec.kernel, '/')) &&
		     spec.cpus <= 64);
	sandbox_spec_done(&spec);
	conf_done(&conf);
}

static void (*const parsers[])(const char *text, size_t len) = {
	fuzz_extras,
	fuzz_annotation,
	fuzz_conf,
	fuzz_settings,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0)
		parsers[data[0] % ARRAY_SIZE(parsers)]((const char *)data + 1, size - 1);
	return 0;
}
