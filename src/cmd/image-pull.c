/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/image-shown.h"
#include "cmd/interrupts.h"
#include "image/image.h"
#include "image/reference.h"
#include "image/text.h"
#include "image/unprefixed.h"

/* How the store gets an image before one is run. */

static int check_registry(const char *source, enum transport transport, struct err *err)
{
	if (transport == TRANSPORT_REGISTRY)
		return 0;
	return err_set(err, -EINVAL,
		       "%s is no name in a registry: `caisson image import` takes files and "
		       "folders",
		       text_of(source));
}

static int check_local(const char *source, enum transport transport, struct err *err)
{
	_cleanup_free_ char *advice = unprefixed_advice(source);

	if (transport == TRANSPORT_REGISTRY && advice)
		return err_set(err, -EINVAL, "%s is a name in a registry: %s", text_of(source),
			       advice);
	if (transport == TRANSPORT_REGISTRY)
		return err_set(err, -EINVAL,
			       "%s is a name in a registry: `caisson image pull` takes those",
			       text_of(source));
	if (transport > TRANSPORT_EXT4)
		return 0;
	return err_set(err, -EINVAL,
		       "%s is no image: there are docker-archive:FILE, oci-archive:FILE and "
		       "oci:DIR",
		       text_of(source));
}

static int get(const struct paths *paths, const char *source, const struct image_get_options *how,
	       int (*check)(const char *source, enum transport transport, struct err *err),
	       struct err *err)
{
	_cleanup_reference_ struct reference ref = REFERENCE_NULL;
	_cleanup_image_ struct image image = IMAGE_NULL;
	int r = reference_parse(source, &ref, err);

	if (r == 0)
		r = check(source, ref.transport, err);
	if (r == 0)
		r = image_get_shown(paths->root, source, how, &image, err);
	if (r == 0)
		puts(image.id);
	return r;
}

static int get_all(const struct command *self, int argc, char **argv, enum image_pull pull,
		   int (*check)(const char *source, enum transport transport, struct err *err))
{
	const volatile sig_atomic_t *cancelled = interrupts_catch();
	/* As it will be run. */
	const struct image_get_options how = {
		.cancel = cancelled,
		.pull = pull,
		.form = geteuid() == 0 ? IMAGE_FOLDER : IMAGE_DISK,
	};
	struct paths paths = PATHS_NULL;
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, NULL, &err), status = 0;

	if (at >= 0 && at == argc)
		at = err_set(&err, -EINVAL, "which image? See `caisson %s --help`", self->name);
	if (at >= 0 && paths_init(&paths, &err) < 0)
		at = err.code;
	if (at < 0)
		return cmd_fail(self, &err);
	for (; argv[at] && !*cancelled; at++)
		if (get(&paths, argv[at], &how, check, &err) < 0)
			status = cmd_fail(self, &err);
	paths_done(&paths);
	return *cancelled ? 128 + *cancelled : status;
}

static int pull_main(const struct command *self, int argc, char **argv)
{
	return get_all(self, argc, argv, IMAGE_PULL_ALWAYS, check_registry);
}

static int import_main(const struct command *self, int argc, char **argv)
{
	return get_all(self, argc, argv, IMAGE_PULL_MISSING, check_local);
}

const struct command command_image_pull = {
	.name = "image pull",
	.usage = "NAME...",
	.summary = "Fetch images from registries, also those that are there, and print their IDs.",
	.details = "NAME is [docker://]NAME[:TAG][@DIGEST]. What has not changed is not unpacked\n"
		   "again. Needs skopeo. Not root: they become disks, see --rootfs-mode of run.\n",
	.failure = 1,
	.run = pull_main,
};

const struct command command_image_import = {
	.name = "image import",
	.usage = "SOURCE...",
	.summary = "Unpack images out of files and folders into the store, and print their IDs.",
	.details =
		"SOURCE is docker-archive:FILE[:REPO:TAG], oci-archive:FILE[:TAG] or\n"
		"oci:DIR[:TAG]. `caisson run` of the same SOURCE then begins at once. Not root:\n"
		"they become disks, see --rootfs-mode of run.\n",
	.failure = 1,
	.run = import_main,
};
