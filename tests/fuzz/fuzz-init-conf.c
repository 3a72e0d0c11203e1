/* SPDX-License-Identifier: Apache-2.0 */
/* An image's /etc/caisson/init.conf. What was understood is used, so that a stray pointer shows. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest/init/entrypoint.h"
#include "guest/init/init-conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile size_t total;

static void use(const char *text)
{
	total += strlen(text);
}

static void wrong(struct init_conf_sink *sink, unsigned int line, const char *key, const char *why)
{
	(void)sink;
	total += line;
	use(key);
	use(why);
}

static void use_all(const struct init_conf *conf)
{
	const char *const texts[] = {conf->hostname,  conf->user,    conf->owner,
				     conf->workspace, conf->workdir, conf->shell};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		use(texts[i]);
	for (size_t i = 0; i < conf->n_dns; i++)
		use(conf->dns[i]);
	for (size_t i = 0; i < conf->n_env; i++)
		if (!strchr(conf->env[i], '='))
			abort();
	for (size_t i = 0; i < conf->n_require; i++)
		use(conf->require[i]);
	for (size_t i = 0; i < conf->n_command; i++)
		use(conf->command[i]);
	if (conf->command[conf->n_command])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct init_conf_sink sink = {.wrong = wrong};
	struct init_conf conf;
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	(void)init_conf_parse(text, size, entrypoint_end(text, size), &conf, &sink);
	use_all(&conf);
	free(text);
	return 0;
}
