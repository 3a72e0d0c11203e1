/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "image/build.h"

/* Most that ext4 has without 64-bit block numbers; least that holds its own tables. */
#define SIZE_MIN      (UINT64_C(1) << 20)
#define SIZE_MAX_EXT4 ((UINT64_C(16) << 40) - (UINT64_C(1) << 20))

struct build_options {
	const char *output;
	uint64_t size, extra;
	struct strv labels;
};

#define O(...) OPT(build_options, __VA_ARGS__)
static const struct opt options[] = {
	O('o', "output", OPT_STRING, output, "FILE", "where to; a file that is there is replaced"),
	O(0, "size", OPT_SIZE, size, "S", "size of the file system: 512M, 10G", .min = SIZE_MIN,
	  .max = SIZE_MAX_EXT4),
	O(0, "extra", OPT_SIZE, extra, "S", "free room beyond what the image takes",
	  .min = SIZE_MIN, .max = SIZE_MAX_EXT4),
	O(0, "label", OPT_STRV, labels, "K=V", "extended attribute user.K of the root"),
	{.kind = OPT_END},
};

static volatile sig_atomic_t cancelled;

static void on_signal(int sig)
{
	cancelled = sig;
}

/* Without SA_RESTART: waiting ends. */
static void catch_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction sa = {.sa_handler = on_signal};

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)sigaction(signals[i], &sa, NULL);
}

static void show_progress(const char *line, void *userdata)
{
	fprintf(stderr, "%s\n", line);
}

static int build(const struct build_options *o, char **words, struct err *err)
{
	struct image_build b = {
		.reference = words[0],
		.output = o->output,
		.size = o->size,
		.extra = o->extra,
		.labels = &o->labels,
		.opts = {.cancel = &cancelled,
			 .progress = isatty(STDERR_FILENO) ? show_progress : NULL},
	};

	if (!words[0])
		return err_set(err, -EINVAL, "which image? See `caisson image build --help`");
	if (words[1])
		return err_set(err, -EINVAL,
			       "one image only: %s is one too many; options come before it",
			       words[1]);
	if (!o->output)
		return err_set(err, -EINVAL, "where to? -o FILE says it");
	if (o->size && o->extra)
		return err_set(err, -EINVAL, "--size and --extra do not go together");
	catch_signals();
	return image_build(&b, err);
}

static int build_main(const struct command *self, int argc, char **argv)
{
	struct build_options o = {.labels = STRV_NULL};
	struct err err = ERR_NULL;
	int r = opts_parse(self, argc, argv, &o, &err);

	if (r >= 0)
		r = build(&o, argv + r, &err);
	strv_done(&o.labels);
	if (r >= 0)
		return 0;
	(void)cmd_fail(self, &err);
	return cancelled ? 128 + cancelled : self->failure;
}

const struct command command_image_build = {
	.name = "image build",
	.usage = "-o FILE [OPTIONS] SOURCE",
	.summary = "Make an ext4 file system out of an image, without being root.",
	.details =
		"SOURCE is an image as for `caisson run`: NAME[:TAG], docker-archive:FILE,\n"
		"oci-archive:FILE, oci:DIR, or dir:FOLDER; or tar:FILE, a tar of what is to be in\n"
		"it, and - for one that comes by standard input; both may be compressed.\n"
		"The same image gives the same bytes. Nothing is unpacked or mounted.\n",
	.opts = options,
	.failure = 1,
	.run = build_main,
};
