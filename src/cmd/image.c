/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "cmd/cmd.h"
#include "cmd/guess.h"

/* The second word chooses a command of its own. */
static const struct command *const commands[] = {
	&command_image_list,	&command_image_pull,	    &command_image_import,
	&command_image_remove,	&command_image_prune,	    &command_image_inspect,
	&command_image_build,	&command_image_init_config, &command_image_verify,
	&command_image_convert,
};

static const struct guess known[] = {
	{"ls", "image list"},	   {"images", "image list"},	 {"delete", "image rm"},
	{"remove", "image rm"},	   {"rmi", "image rm"},		 {"load", "image import"},
	{"show", "image inspect"}, {"history", "image inspect"}, {"check", "image verify"},
	{"commit", "commit"},	   {"help", "image --help"},	 {NULL, NULL},
};

static int unknown(const char *word, struct err *err)
{
	const char *meant = guess_command(word, commands, ARRAY_SIZE(commands), known);

	return guess_refusal("image ", word, meant, err);
}

static int image_main(const struct command *self, int argc, char **argv)
{
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, NULL, &err);

	for (size_t i = 0; at >= 0 && argv[at] && i < ARRAY_SIZE(commands); i++)
		if (strcmp(strchr(commands[i]->name, ' ') + 1, argv[at]) == 0)
			return commands[i]->run(commands[i], argc - at, argv + at);
	if (at >= 0 && argv[at])
		(void)unknown(argv[at], &err);
	else if (at >= 0)
		(void)err_set(&err, -EINVAL, "image what? See `caisson image --help`");
	return cmd_fail(self, &err);
}

const struct command command_image = {
	.name = "image",
	.usage = "COMMAND [ARG...]",
	.summary = "List, get and remove images; build file systems out of them.",
	.details = "Commands:\n"
		   "  list         the images that the store holds; `caisson images` is the same\n"
		   "  pull         fetch one from a registry\n"
		   "  import       unpack one out of a file or folder\n"
		   "  rm           remove one\n"
		   "  prune        remove those without a name that nobody uses\n"
		   "  verify       find what has changed in what is stored\n"
		   "  inspect      all there is to know about one\n"
		   "  build        an ext4 file system out of an image\n"
		   "  convert      an image out of an ext4 file system\n"
		   "  init-config  vminitd becomes an image's own init\n\n"
		   "`caisson image COMMAND --help` says more of each.\n",
	.failure = 1,
	.command_follows = true,
	.run = image_main,
};
