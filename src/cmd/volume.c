/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/guess.h"
#include "cmd/volume-store.h"
#include "sandbox/record.h"
#include "sandbox/volume.h"

static bool has(const struct sandbox_spec *spec, const char *path)
{
	for (size_t i = 0; i < spec->volumes.n; i++) {
		const struct volume volume = volume_of(spec->volumes.v[i]);

		if (volume.kind == VOLUME_SHARED && strcmp(volume.source, path) == 0)
			return true;
	}
	return false;
}

/* Of a container that cannot be read, nobody knows; one that goes meanwhile has it no more. */
static int check_container(const struct paths *paths, const char *name, const char *volume,
			   const char *path, struct err *err)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct record record = RECORD_NULL;
	int r = record_open(paths, name, &record, err);

	if (r == 0)
		r = record_load(&record, &spec, err);
	if (r == 0 && has(&spec, path))
		r = err_set(
			err, -EBUSY,
			"the volume \"%s\" is in use by %s: `caisson delete` removes containers",
			volume, name);
	sandbox_spec_done(&spec);
	record_done(&record);
	return r == -ENOENT ? 0 : r;
}

static int remove_one(const struct paths *paths, const char *name, void *userdata _unused_,
		      struct err *err)
{
	_cleanup_free_ char *path = volume_store_path(paths->root, name);
	_cleanup_strv_ struct strv containers = STRV_NULL;
	int r = record_list(paths, &containers, err);

	for (size_t i = 0; r == 0 && i < containers.n; i++)
		r = check_container(paths, containers.v[i], name, path, err);
	return r < 0 ? r : volume_store_remove(paths->root, name, err);
}

static int list_main(const struct command *self)
{
	_cleanup_strv_ struct strv names = STRV_NULL;
	struct paths paths = PATHS_NULL;
	struct err err = ERR_NULL;
	int r = paths_find(&paths, &err);

	if (r == 0)
		r = volume_store_list(paths.root, &names, &err);
	for (size_t i = 0; r == 0 && i < names.n; i++)
		puts(names.v[i]);
	paths_done(&paths);
	return r < 0 ? cmd_fail(self, &err) : 0;
}

static int volume_main(const struct command *self, int argc, char **argv)
{
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, NULL, &err);

	if (at < 0)
		return cmd_fail(self, &err);
	if (argv[at] && strcmp(argv[at], "list") == 0 && !argv[at + 1])
		return list_main(self);
	if (argv[at] && strcmp(argv[at], "rm") == 0 && argv[at + 1])
		return cmd_each(self, argv + at + 1, remove_one, NULL);
	if (argv[at] && !argv[at + 1] && strcmp(argv[at], "ls") == 0)
		(void)guess_refusal("volume ", argv[at], "volume list", &err);
	else
		(void)err_set(&err, -EINVAL, "volume what? See `caisson volume --help`");
	return cmd_fail(self, &err);
}

const struct command command_volume = {
	.name = "volume",
	.usage = "list | rm NAME...",
	.summary = "List named volumes, and remove those that no container has.",
	.details = "They are made by `caisson run --volume NAME:TARGET`.\n",
	.failure = 1,
	.run = volume_main,
};
