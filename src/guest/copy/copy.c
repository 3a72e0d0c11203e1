/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/copy/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "copy.pb-c.h"
#include "empty.pb-c.h"
#include "guest/transfer.h"
#include "rpc/process.h"
#include "tar/pack.h"
#include "tar/place.h"
#include "tar/unpack.h"

/* In the child, whose root is the container's. */

/* Return: -EINVAL: a path has no NUL, and is not empty. */
static int take_path(const ProtobufCBinaryData *bytes, char path[PATH_MAX])
{
	if (bytes->len == 0 || memchr(bytes->data, '\0', bytes->len))
		return -EINVAL;
	if (bytes->len >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(path, bytes->data, bytes->len);
	path[bytes->len] = '\0';
	return 0;
}

static int fail(int words, int error, const char *what, const char *path)
{
	struct tar_trouble trouble;

	(void)tar_trouble_set(&trouble, error, what, path);
	return transfer_say_trouble(words, error, &trouble);
}

static ssize_t get(void *userdata, void *buf, size_t len)
{
	ssize_t n;

	do
		n = read(*(int *)userdata, buf, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int tell(int stream, const struct stat *st, const char *target)
{
	Caisson__Guest__V1__StatResult result = CAISSON__GUEST__V1__STAT_RESULT__INIT;
	uint8_t packed[PATH_MAX + 64];

	result.mode = st->st_mode;
	result.target.data = (uint8_t *)target;
	result.target.len = strlen(target);
	return fd_write_full(stream, packed,
			     caisson__guest__v1__stat_result__pack(&result, packed));
}

static int run_stat(const ProtobufCMessage *message, int stream, int words)
{
	const Caisson__Guest__V1__StatRequest *request = (const void *)message;
	char path[PATH_MAX], target[PATH_MAX] = "";
	struct stat st;
	int r = take_path(&request->path, path);

	if (r < 0)
		return fail(words, r, "look for it", "");
	r = tar_place_is_content(path) ? stat(path, &st) : lstat(path, &st);
	if (r < 0)
		return fail(words, -errno, "find", path);
	if (S_ISLNK(st.st_mode)) {
		memcpy(target, path, sizeof(target));
		r = tar_place_follow(target);
	}
	if (r == 0)
		r = tell(stream, &st, target);
	return r < 0 ? fail(words, r, "look at", path) : TTRPC_OK;
}

static int run_pack(const ProtobufCMessage *message, int stream, int words)
{
	const Caisson__Guest__V1__PackRequest *request = (const void *)message;
	struct tar_pack pack = {.put = transfer_put, .userdata = &stream};
	char path[PATH_MAX], as[PATH_MAX];
	_cleanup_close_ int dir = -EBADF;
	struct tar_trouble trouble;
	int r = take_path(&request->path, path);

	if (r == 0)
		r = take_path(&request->as, as);
	if (r < 0)
		return fail(words, r, "look for it", "");
	dir = tar_place_open(path, &pack.name);
	if (dir < 0)
		return fail(words, dir, "find", path);
	pack.dir = dir;
	pack.as = as;
	r = tar_pack(&pack, &trouble);
	return r < 0 ? fail(words, r, trouble.what ? trouble.what : "send", trouble.path)
		     : TTRPC_OK;
}

static int run_unpack(const ProtobufCMessage *message, int stream, int words)
{
	const Caisson__Guest__V1__UnpackRequest *request = (const void *)message;
	struct tar_unpack unpack = {.get = get, .userdata = &stream};
	char path[PATH_MAX], only[PATH_MAX];
	_cleanup_close_ int dir = -EBADF;
	struct tar_trouble trouble;
	int r = take_path(&request->path, path);

	if (r == 0 && request->only.len > 0) {
		r = take_path(&request->only, only);
		unpack.only = only;
	}
	if (r < 0)
		return fail(words, r, "look for it", "");
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return fail(words, -errno, "open the folder", path);
	unpack.dir = dir;
	unpack.flags = request->exact ? TAR_UNPACK_EXACT : 0;
	r = tar_unpack(&unpack, &trouble);
	return r < 0 ? transfer_say_trouble(words, r, &trouble) : TTRPC_OK;
}

/* In vminitd. */

static void copy_stat(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Caisson__Guest__V1__StatRequest *request = (const void *)message;

	transfer_begin_in(call, request->stream, request->id, run_stat, message);
}

static void copy_pack(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Caisson__Guest__V1__PackRequest *request = (const void *)message;

	transfer_begin_in(call, request->stream, request->id, run_pack, message);
}

static void copy_unpack(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Caisson__Guest__V1__UnpackRequest *request = (const void *)message;

	transfer_begin_in(call, request->stream, request->id, run_unpack, message);
}

static const struct ttrpc_method methods[] = {
	RPC_METHOD("Stat", caisson__guest__v1__stat_request, google__protobuf__empty, copy_stat),
	RPC_METHOD("Pack", caisson__guest__v1__pack_request, google__protobuf__empty, copy_pack),
	RPC_METHOD("Unpack", caisson__guest__v1__unpack_request, google__protobuf__empty,
		   copy_unpack),
	{.name = NULL},
};

struct ttrpc_service copy_service(void)
{
	return (struct ttrpc_service){.name = RPC_SERVICE_COPY, .methods = methods};
}
