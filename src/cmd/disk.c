/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "cmd/guess.h"
#include "cmd/mount-option.h"
#include "sandbox.pb-c.h"
#include "sandbox/conf.h"
#include "sandbox/disk.h"
#include "sandbox/volume.h"
#include "shim/lifeline.h"

static int attach(struct client *client, const char *text, struct err *err)
{
	Caisson__Sandbox__V1__AttachDiskRequest request =
		CAISSON__SANDBOX__V1__ATTACH_DISK_REQUEST__INIT;
	_cleanup_conf_ struct conf conf = CONF_NULL;
	struct mount_option disk = {.source = NULL};
	int r = mount_option_disk_of("disk attach", text, &disk, err);

	if (r == 0)
		r = conf_load(&conf, err);
	if (r == 0) {
		request.id = client->record->id;
		request.source = rpc_str(disk_of_volume(disk.source, &request.size));
		request.target = disk.target;
		request.readonly = disk.readonly;
	}
	if (r == 0 && conf.limit_rootfs_size > 0 && request.size > conf.limit_rootfs_size)
		r = err_set(err, -EPERM,
			    "%lluM of disk, on %s, are more than " CONF_LIMIT_ROOTFS
			    " in %s lets a disk have: %lluM",
			    (unsigned long long)request.size >> 20, disk.target, conf.path,
			    (unsigned long long)conf.limit_rootfs_size >> 20);
	if (r == 0)
		r = client_call_service(client, SHIM_SERVICE, "AttachDisk", &request.base, NULL,
					NULL, err);
	mount_option_done(&disk);
	return r;
}

static int detach(struct client *client, const char *path, struct err *err)
{
	Caisson__Sandbox__V1__DetachDiskRequest request =
		CAISSON__SANDBOX__V1__DETACH_DISK_REQUEST__INIT;
	_cleanup_free_ char *target = volume_target(path);

	if (!target)
		return err_set(err, -EINVAL,
			       "disk detach: \"%s\" is no absolute path below / without \"..\"",
			       path);
	request.id = client->record->id;
	request.target = target;
	return client_call_service(client, SHIM_SERVICE, "DetachDisk", &request.base, NULL, NULL,
				   err);
}

static int call(const char *name, const char *word,
		int (*what)(struct client *client, const char *word, struct err *err),
		struct err *err)
{
	struct client client = CLIENT_NULL;
	struct record record = RECORD_NULL;
	struct paths paths = PATHS_NULL;
	int r = paths_find(&paths, err);

	if (r == 0)
		r = record_open(&paths, name, &record, err);
	if (r == 0)
		r = client_connect(&client, &record, err);
	/* A file system may have to be made, or written back. */
	client.patience = 0;
	if (r == 0)
		r = what(&client, word, err);
	client_disconnect(&client);
	record_done(&record);
	paths_done(&paths);
	return r;
}

static int disk_main(const struct command *self, int argc, char **argv)
{
	static const struct {
		const char *word;
		int (*what)(struct client *client, const char *word, struct err *err);
	} all[] = {{"attach", attach}, {"detach", detach}};
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, NULL, &err);
	char **words = argv + at;

	if (at < 0)
		return cmd_fail(self, &err);
	for (size_t i = 0; words[0] && i < ARRAY_SIZE(all); i++) {
		if (strcmp(words[0], all[i].word) != 0)
			continue;
		if (opts_check_words(self, words + 1, 2, 2, "which container, and which disk?",
				     &err) < 0 ||
		    call(words[1], words[2], all[i].what, &err) < 0)
			return cmd_fail(self, &err);
		return 0;
	}
	(void)err_set(&err, -EINVAL, "disk what? See `caisson disk --help`");
	return cmd_fail(self, &err);
}

const struct command command_disk = {
	.name = "disk",
	.usage = "attach NAME SRC,DST[,SIZE][,ro] | detach NAME DST",
	.summary = "Mount a disk in a container that runs, and unmount it again.",
	.details =
		"SRC is a file or a device of the host, as with `caisson run --disk`. The VM "
		"has to have a\n"
		"place for it: `caisson run --placeholders N`; for a disk that is only read, with\n"
		"Firecracker, `--placeholders-ro N`.\n",
	.failure = 1,
	.run = disk_main,
};
