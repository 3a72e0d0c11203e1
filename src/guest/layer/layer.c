/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/layer/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mount.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "empty.pb-c.h"
#include "guest/mount/mount.h"
#include "guest/transfer.h"
#include "layer.pb-c.h"
#include "overlay/changes.h"
#include "tar/pack.h"

/*
 * A disk that is mounted is mounted once more: it is the same file system then, with all that was
 * written to it. This happens in a mount namespace that goes with its only process.
 */

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int own_mounts(int words)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return transfer_say(words, -errno, "cannot make a mount namespace");
	if (mkdir(ABI_LAYERS_DIR, 0700) < 0 && errno != EEXIST)
		return transfer_say(words, -errno, "cannot make a folder");
	return TTRPC_OK;
}

/* @writable: as it is mounted already. Return: its root; or a negative code, which was said. */
static int mount_disk(const char *serial, bool writable, int words)
{
	_cleanup_close_ int target = open(ABI_LAYERS_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char source[sizeof("serial:") + 64], *option = rpc_str(writable ? "rw" : "ro");
	Containerd__Types__Mount m = CONTAINERD__TYPES__MOUNT__INIT;
	struct mount_error error;
	int fd;

	(void)snprintf(source, sizeof(source), "serial:%.60s", serial);
	m.type = rpc_str("ext4");
	m.source = source;
	m.options = &option;
	m.n_options = 1;
	if (mount_request(&m, target, false, &error) < 0) {
		(void)dprintf(words, "%s\n", error.text);
		return -(int)error.code;
	}
	fd = open(ABI_LAYERS_DIR, FOLDER_FLAGS);
	return fd < 0 ? -transfer_say(words, -errno, "cannot open a disk") : fd;
}

/* It is there: Create, which comes before any visit, makes it (guest/mount/layers.h). */
static int open_upper(const Caisson__Guest__V1__LayerRequest *request, int words)
{
	_cleanup_close_ int disk = mount_disk(request->upper, true, words);
	int fd = disk < 0 ? disk : openat(disk, ABI_UPPER_FOLDER, FOLDER_FLAGS);

	if (fd < 0 && disk >= 0)
		return -transfer_say(words, -errno, "cannot open the upper folder");
	return fd;
}

static int tell(enum change change, const char *path, void *userdata)
{
	FILE *out = userdata;

	return putc((int)change, out) == EOF || fwrite(path, strlen(path) + 1, 1, out) != 1 ? -errno
											    : 0;
}

static int write_changes(int upper, int image, int stream)
{
	FILE *out = fdopen(stream, "w");
	int r = out ? changes_tell(upper, image, tell, out) : -errno;

	if (r == 0 && fflush(out) != 0)
		r = -errno;
	return r;
}

static int run_changes(const ProtobufCMessage *message, int stream, int words)
{
	const Caisson__Guest__V1__LayerRequest *request = (const void *)message;
	_cleanup_close_ int upper = -EBADF, image = -EBADF;
	int r = own_mounts(words);

	if (r != TTRPC_OK)
		return r;
	upper = open_upper(request, words);
	image = upper < 0 ? upper : mount_disk(request->image, false, words);
	if (image < 0)
		return -image;
	r = write_changes(upper, image, stream);
	return r < 0 ? transfer_say(words, r, "cannot read what was changed") : TTRPC_OK;
}

static void changes(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Caisson__Guest__V1__LayerRequest *request = (const void *)message;

	transfer_begin(call, request->stream, run_changes, message);
}

/* All of a folder, with names that begin at it. */
static int pack(int dir, unsigned int flags, int stream, int words)
{
	const struct tar_pack what = {
		.dir = dir, .name = ".", .flags = flags, .put = transfer_put, .userdata = &stream};
	struct tar_trouble trouble = {.what = NULL};
	int r = tar_pack(&what, &trouble);

	return r < 0 ? transfer_say_trouble(words, r, &trouble) : TTRPC_OK;
}

static int run_pack(const ProtobufCMessage *message, int stream, int words)
{
	const Caisson__Guest__V1__LayerRequest *request = (const void *)message;
	_cleanup_close_ int upper = -EBADF;
	int r = own_mounts(words);

	if (r != TTRPC_OK)
		return r;
	upper = open_upper(request, words);
	return upper < 0 ? -upper : pack(upper, TAR_PACK_WHITEOUTS, stream, words);
}

/* Of the mount itself, so nothing that is mounted on it is there. */
static int run_export(const ProtobufCMessage *message _unused_, int stream, int words)
{
	_cleanup_close_ int root =
		(int)syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	return root < 0 ? transfer_say(words, -errno, "cannot look at the root file system")
			: pack(root, 0, stream, words);
}

static void pack_layer(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Caisson__Guest__V1__LayerRequest *request = (const void *)message;

	transfer_begin(call, request->stream, run_pack, message);
}

static void export(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Caisson__Guest__V1__ExportRequest *request = (const void *)message;

	transfer_begin_in(call, request->stream, request->id, run_export, message);
}

static const struct ttrpc_method methods[] = {
	RPC_METHOD("Changes", caisson__guest__v1__layer_request, google__protobuf__empty, changes),
	RPC_METHOD("Pack", caisson__guest__v1__layer_request, google__protobuf__empty, pack_layer),
	RPC_METHOD("Export", caisson__guest__v1__export_request, google__protobuf__empty, export),
	{.name = NULL},
};

struct ttrpc_service layer_service(void)
{
	return (struct ttrpc_service){.name = RPC_SERVICE_LAYER, .methods = methods};
}
