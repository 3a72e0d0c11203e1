/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/entrypoint.h"
#include "cmd/image-max.h"
#include "cmd/interrupts.h"
#include "cmd/progress-bar.h"
#include "image/build.h"

#define VMINITD_MAX (16u << 20)

struct build_options {
	const char *output;
	uint64_t size, extra;
	struct strv labels;
	bool init, entrypoint;
	char **command;
};

#define O(...) OPT(build_options, __VA_ARGS__)
static const struct opt options[] = {
	O('o', "output", OPT_STRING, output, "FILE", "where to; a file that is there is replaced"),
	O(0, "size", OPT_SIZE, size, "S", "size of the file system: 512M, 10G",
	  .min = IMAGE_SIZE_MIN, .max = IMAGE_SIZE_MAX),
	O(0, "extra", OPT_SIZE, extra, "S", "free room beyond what the image takes",
	  .min = IMAGE_SIZE_MIN, .max = IMAGE_SIZE_MAX),
	O(0, "label", OPT_STRV, labels, "K=V", "extended attribute user.K of the root"),
	O(0, "init", OPT_FLAG, init, NULL, "put vminitd in, as /sbin/init"),
	O(0, "entrypoint-file", OPT_FLAG, entrypoint, NULL,
	  "put in what to run: /.runcvm/entrypoint and /.runcvm/config"),
	{.kind = OPT_END},
};

static int add_init(struct image_adder *a, struct err *err)
{
	_cleanup_close_ int fd = paths_open_program("vminitd", err);
	_cleanup_free_ char *data = NULL;
	size_t len;
	int r;

	if (fd < 0)
		return fd;
	r = fd_slurp(fd, VMINITD_MAX, &data, &len);
	if (r < 0)
		return err_errno(err, r, "cannot read vminitd");
	return image_add_file(a, "sbin/init", 0755, data, len, err);
}

/* vminitd says the rest on the console (guest/init/launch.c). */
static bool is_debug(const struct image_config *config)
{
	const char *level = strv_env_get(&config->env, "RUNCVM_LOG_LEVEL");

	return level && strcasecmp(level, "debug") == 0;
}

static int add_entrypoint(struct image_adder *a, const struct image_config *config, char **words,
			  struct err *err)
{
	_cleanup_entrypoint_ struct entrypoint e = {.args = NULL};
	int r = entrypoint_make(config, words, &e, err);

	/* Variables may be secrets. */
	if (r == 0 && is_debug(config))
		fprintf(stderr,
			"entrypoint captured: %zu words\n"
			"entrypoint packed: " ABI_ENTRYPOINT " of %zu bytes, " ABI_ENTRYPOINT_CONF
			" of %zu bytes\n",
			e.n_args, e.args_len, e.conf_len);
	if (r == 0)
		r = image_add_file(a, ABI_ENTRYPOINT_CONF + 1, 0600, e.conf, e.conf_len, err);
	if (r == 0)
		r = image_add_file(a, ABI_ENTRYPOINT + 1, 0600, e.args, e.args_len, err);
	return r < 0 ? r : image_add_folder(a, e.folder + strspn(e.folder, "/"), err);
}

static int add(struct image_adder *a, const struct image_config *config, void *userdata,
	       struct err *err)
{
	const struct build_options *o = userdata;
	int r = o->init ? add_init(a, err) : 0;

	return r < 0 || !o->entrypoint ? r : add_entrypoint(a, config, o->command, err);
}

/* What follows the image is its command, behind "--". */
static int take_words(struct build_options *o, char **words, struct err *err)
{
	if (!words[0])
		return err_set(err, -EINVAL, "which image? See `caisson image build --help`");
	o->command = words + 1;
	if (!words[1])
		return 0;
	if (strcmp(words[1], "--") != 0)
		return err_set(err, -EINVAL,
			       "one image only: %s is one too many; options come before it, and a "
			       "command after --",
			       words[1]);
	if (!o->entrypoint)
		return err_set(err, -EINVAL,
			       "a command is for an image that runs it by itself: "
			       "--entrypoint-file says that");
	o->command = words + 2;
	return 0;
}

static int build(struct build_options *o, char **words, const volatile sig_atomic_t *cancel,
		 struct err *err)
{
	struct progress_bar bar;
	struct image_build b = {
		.reference = words[0],
		.add = o->init || o->entrypoint ? add : NULL,
		.add_userdata = o,
		.output = o->output,
		.size = o->size,
		.extra = o->extra,
		.labels = &o->labels,
		.opts = {.progress = progress_bar_step,
			 .passed = progress_bar_passed,
			 .userdata = &bar,
			 .cancel = cancel},
	};
	int r;

	if (take_words(o, words, err) < 0)
		return -EINVAL;
	if (!o->output)
		return err_set(err, -EINVAL, "where to? -o FILE says it");
	if (o->size && o->extra)
		return err_set(err, -EINVAL, "--size and --extra do not go together");
	r = image_max(&b.opts, err);
	if (r < 0)
		return r;
	(void)progress_bar_begin(&bar);
	r = image_build(&b, err);
	progress_bar_end(&bar);
	return r;
}

static int build_main(const struct command *self, int argc, char **argv)
{
	const volatile sig_atomic_t *cancelled = interrupts_catch();
	struct build_options o = {.labels = STRV_NULL};
	struct err err = ERR_NULL;
	int r = opts_parse(self, argc, argv, &o, &err);

	if (r >= 0)
		r = build(&o, argv + r, cancelled, &err);
	strv_done(&o.labels);
	if (r >= 0)
		return 0;
	(void)cmd_fail(self, &err);
	return *cancelled ? 128 + *cancelled : self->failure;
}

const struct command command_image_build = {
	.name = "image build",
	.usage = "-o FILE [OPTIONS] SOURCE [-- COMMAND [ARG...]]",
	.summary = "Make an ext4 file system out of an image, without being root.",
	.details =
		"SOURCE is an image as for `caisson run`: NAME[:TAG], docker-archive:FILE,\n"
		"oci-archive:FILE, oci:DIR, or dir:FOLDER; or tar:FILE, a tar of what is to be in\n"
		"it, and - for one that comes by standard input; both may be compressed.\n"
		"The same image gives the same bytes. Nothing is unpacked or mounted.\n"
		"With --init and --entrypoint-file it boots by itself and runs what it would run "
		"in\n"
		"a container; COMMAND is in place of the one that the image names.\n",
	.opts = options,
	.failure = 1,
	.command_follows = true,
	.run = build_main,
};
