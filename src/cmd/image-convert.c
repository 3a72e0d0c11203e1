/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "cmd/cmd.h"
#include "cmd/entrypoint-settings.h"
#include "cmd/interrupts.h"
#include "cmd/progress-bar.h"
#include "image/convert.h"

#define SUFFIX ".ext4"

struct convert_options {
	const char *output, *compress;
	struct strv labels;
	bool keep;
};

#define O(...) OPT(convert_options, __VA_ARGS__)
static const struct opt options[] = {
	O('o', "output", OPT_STRING, output, "OUT", "oci:DIR[:TAG] or oci-archive:FILE[:TAG]"),
	O(0, "compress", OPT_CHOICE, compress, "none|gzip|zstd", "how the layer is stored",
	  .choices = "none|gzip|zstd"),
	O(0, "label", OPT_STRV, labels, "K=V", "label in the image's configuration"),
	O(0, "keep-entrypoint-file", OPT_FLAG, keep, NULL,
	  "leave /.runcvm/entrypoint and /.runcvm/config in"),
	{.kind = OPT_END},
};

static enum layout_compression compression(const char *word)
{
	if (!word || strcmp(word, "none") == 0)
		return LAYOUT_PLAIN;
	return strcmp(word, "gzip") == 0 ? LAYOUT_GZIP : LAYOUT_ZSTD;
}

/* "web.ext4" to a layout in "web.oci". */
static char *beside(const char *input)
{
	size_t len = strlen(input), cut = len;

	if (len > strlen(SUFFIX) && strcmp(input + len - strlen(SUFFIX), SUFFIX) == 0)
		cut = len - strlen(SUFFIX);
	return xasprintf("oci:%.*s.oci", (int)cut, input);
}

static int settings(struct image_convert_files *files, struct image_config *config, void *userdata,
		    struct err *err)
{
	return entrypoint_settings(files, ((struct convert_options *)userdata)->keep, config, err);
}

/* As `run` has it, unless there is a file of that very name. */
static const char *input_of(const char *word)
{
	const char *rest = str_starts(word, IMAGE_EXT4);

	return rest && access(word, F_OK) < 0 ? rest : word;
}

static int convert(struct convert_options *o, char **words, const volatile sig_atomic_t *cancel,
		   struct err *err)
{
	_cleanup_free_ char *output = NULL;
	struct progress_bar bar;
	struct image_convert c = {
		.how = compression(o->compress),
		.keep_entrypoint = o->keep,
		.labels = &o->labels,
		.settings = settings,
		.settings_userdata = o,
		.opts = {.progress = progress_bar_step,
			 .passed = progress_bar_passed,
			 .userdata = &bar,
			 .cancel = cancel},
	};
	int r;

	if (opts_check_words(&command_image_convert, words, 1, 1, "which file?", err) < 0)
		return -EINVAL;
	c.input = input_of(words[0]);
	output = o->output ? xstrdup(o->output) : beside(c.input);
	c.output = output;
	(void)progress_bar_begin(&bar);
	r = image_convert(&c, err);
	progress_bar_end(&bar);
	return r;
}

static int convert_main(const struct command *self, int argc, char **argv)
{
	const volatile sig_atomic_t *cancelled = interrupts_catch();
	struct convert_options o = {.labels = STRV_NULL};
	struct err err = ERR_NULL;
	int r = opts_parse(self, argc, argv, &o, &err);

	if (r >= 0)
		r = convert(&o, argv + r, cancelled, &err);
	strv_done(&o.labels);
	if (r >= 0)
		return 0;
	(void)cmd_fail(self, &err);
	return *cancelled ? 128 + *cancelled : self->failure;
}

const struct command command_image_convert = {
	.name = "image convert",
	.usage = "[OPTIONS] IMAGE.ext4",
	.summary = "Make an OCI image out of an ext4 file system, without being root.",
	.details =
		"The other way round than `caisson image build`. Nothing is mounted, and the file\n"
		"system may be anybody's: what is damaged is refused. The image has one layer, "
		"and\n"
		"what `--entrypoint-file` of `image build` put in becomes its configuration "
		"again.\n"
		"The same tree gives the same bytes. Without -o, IMAGE.ext4 becomes a layout in "
		"the\n"
		"folder IMAGE.oci beside it.\n",
	.opts = options,
	.failure = 1,
	.run = convert_main,
};
