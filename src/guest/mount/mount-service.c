/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/mount/mount-service.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "empty.pb-c.h"
#include "guest/direct/volumes.h"
#include "guest/mount/mount.h"
#include "guest/mount/mountinfo.h"
#include "guest/mount/root.h"
#include "guest/transfer.h"
#include "rpc/rpc.h"
#include "vmmount.pb-c.h"

#define MOUNTS_MAX 256 /* of one call */

/* A call that a worker is busy with. @pidfd: of the container that it is about; -EBADF: of none */
struct work {
	struct worker worker;
	struct ttrpc_call *call;
	const void *request;
	int pidfd;
	bool busy;
	enum ttrpc_code code;
};

static struct workers *service_workers;
static struct work works[MOUNT_SERVICE_CALLS_MAX];

/* In the child. Its words are for people, or a disk's number; its exit status is the code. */

static int say(int words, enum ttrpc_code code, const char *text)
{
	(void)dprintf(words, "%s\n", text);
	return (int)code;
}

static int say_errno(int words, int error, const char *what, const char *path)
{
	char text[PATH_MAX + 256];

	(void)snprintf(text, sizeof(text), "cannot %s \"%s\": %s", what, path, strerror(-error));
	return say(words, error == -EXDEV ? TTRPC_INVALID_ARGUMENT : ttrpc_code_from_errno(error),
		   text);
}

/* Make the folders that are missing, and open the last of them. No symbolic link is followed. */
static int make_target(const char *path)
{
	_cleanup_close_ int dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char part[NAME_MAX + 1];

	if (!mount_path_valid(path))
		return -EXDEV;
	while (*++path) {
		size_t len = strcspn(path, "/");
		int next;

		memcpy(part, path, len);
		part[len] = '\0';
		if (mkdirat(dir, part, 0755) < 0 && errno != EEXIST)
			return -errno;
		next = path_open_strict(dir, part, O_PATH | O_DIRECTORY, 0);
		fd_close(dir);
		dir = next;
		if (next < 0)
			return next;
		path += len;
		if (!*path)
			break;
	}
	return take_fd(dir);
}

/* A path of plain names; where they lead was looked at when it was mounted. */
static int undo(const char *path)
{
	return umount2(path, UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
}

static int mount_one(const Containerd__Types__Mount *m, int words)
{
	_cleanup_close_ int target = make_target(m->target);
	struct mount_error error;

	if (target < 0)
		return say_errno(words, target, "mount on", m->target);
	if (mount_request(m, target, true, &error) < 0)
		return say(words, error.code, error.text);
	return TTRPC_OK;
}

/* The disk is found out here, its place in there. */
static int mount_inside(const Containerd__Types__Mount *m, int pidfd, int words)
{
	struct mount_error error;
	_cleanup_close_ int fd = mount_make(m, true, &error), target = -EBADF;
	int r;

	if (fd < 0)
		return say(words, error.code, error.text);
	r = setns(pidfd, CLONE_NEWNS) < 0 ? -errno : 0;
	if (r == 0)
		r = target = volumes_open_target(m->target, false);
	if (r >= 0)
		r = mount_attach(fd, target);
	return r < 0 ? say_errno(words, r, "mount on", m->target) : TTRPC_OK;
}

static int run_mount_all(void *arg, int words)
{
	const struct work *work = arg;
	const Caisson__Guest__V1__MountAllRequest *request = work->request;
	int code = TTRPC_OK;
	size_t i;

	if (work->pidfd >= 0)
		return mount_inside(request->mounts[0], work->pidfd, words);
	for (i = 0; i < request->n_mounts && code == TTRPC_OK; i++)
		code = mount_one(request->mounts[i], words);
	/* The last one is the one that failed. */
	if (code != TTRPC_OK)
		for (i--; i > 0; i--)
			(void)umount2(request->mounts[i - 1]->target, MNT_DETACH | UMOUNT_NOFOLLOW);
	return code;
}

static int run_find_disk(void *arg, int words)
{
	const Caisson__Guest__V1__Disk *disk = ((const struct work *)arg)->request;
	struct mount_error error;
	dev_t device;

	if (mount_find_disk(disk->serial, disk->size, &device, &error) < 0)
		return say(words, error.code, error.text);
	(void)dprintf(words, "%llu\n", (unsigned long long)device);
	return TTRPC_OK;
}

static int run_unmount(void *arg, int words)
{
	const struct work *work = arg;
	const Caisson__Guest__V1__UnmountRequest *request = work->request;
	_cleanup_close_ int fd = -EBADF;
	int r = 0;

	if (work->pidfd >= 0)
		r = setns(work->pidfd, CLONE_NEWNS) < 0 ? -errno : 0;
	else
		r = fd = mount_open(request->target);
	fd = fd_close(fd);
	if (r >= 0)
		r = undo(request->target);
	if (r == -EINVAL)
		return say_errno(words, -ENOENT, "unmount", request->target);
	return r < 0 ? say_errno(words, r, "unmount", request->target) : TTRPC_OK;
}

/* Of all that is mounted below MOUNT_DIR, what was mounted last goes first. */
static int run_unmount_all(void *arg _unused_, int words)
{
	struct mountinfo info;
	struct mountinfo_line line;
	int code = TTRPC_OK, r = mountinfo_open(&info, AT_FDCWD, "/proc/self/mountinfo");

	if (r < 0)
		return say_errno(words, r, "read", "/proc/self/mountinfo");
	while (mountinfo_previous(&info, &line)) {
		if (!str_starts(line.path, MOUNT_DIR "/") || !mount_path_valid(line.path))
			continue;
		r = undo(line.path);
		if (r < 0)
			code = say_errno(words, r, "unmount", line.path);
	}
	mountinfo_close(&info);
	return code;
}

/* In vminitd. */

static void finished(struct worker *worker, uint32_t status)
{
	struct work *work = container_of(worker, struct work, worker);
	Caisson__Guest__V1__Disk response = CAISSON__GUEST__V1__DISK__INIT;
	struct ttrpc_call *call = take_ptr(work->call);
	char text[512];

	worker_words(worker, text, sizeof(text));
	work->busy = false;
	if (!call)
		return;
	call->cancelled = NULL;
	/* Of others than disks there are no words then: the answer is empty. */
	if (status == TTRPC_OK) {
		(void)parse_u64(text, 1, UINT64_MAX, &response.device);
		rpc_reply(call, &response.base);
	} else if (status > TTRPC_UNAUTHENTICATED) {
		ttrpc_call_fail(call, TTRPC_INTERNAL, "the process that mounts was killed");
	} else {
		ttrpc_call_fail(call, (enum ttrpc_code)status, "%s", text);
	}
}

static void forget_call(struct ttrpc_call *call)
{
	((struct work *)call->userdata)->call = NULL;
}

static struct work *find_free(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(works); i++)
		if (!works[i].busy)
			return &works[i];
	return NULL;
}

/* @container: empty: in none */
static void begin(struct ttrpc_call *call, const ProtobufCMessage *request, const char *container,
		  int (*run)(void *arg, int words))
{
	_cleanup_close_ int pidfd = *container ? transfer_enter(call, container) : -EBADF;
	struct work *work = find_free();
	int r;

	if (*container && pidfd < 0)
		return;

	if (!work) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "too many mounts at a time");
		return;
	}
	r = *container ? 0 : root_prepare();
	work->request = request;
	work->pidfd = pidfd;
	if (r == 0)
		r = worker_start(service_workers, &work->worker, run, work, finished);
	if (r < 0) {
		ttrpc_call_fail(call, ttrpc_code_from_errno(r), "cannot mount: %s", strerror(-r));
		return;
	}
	work->busy = true;
	work->call = call;
	call->userdata = work;
	call->cancelled = forget_call;
}

static void mount_all(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Caisson__Guest__V1__MountAllRequest *request = (const void *)message;
	bool inside = *request->container != '\0';

	if (inside && request->n_mounts != 1)
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT,
				"container: that is one mount at a time, not %zu",
				request->n_mounts);
	else if (request->n_mounts > MOUNTS_MAX)
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "at most %d mounts, not %zu",
				MOUNTS_MAX, request->n_mounts);
	else
		begin(call, message, request->container, run_mount_all);
}

static void unmount(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Caisson__Guest__V1__UnmountRequest *request = (const void *)message;

	begin(call, message, request->container, run_unmount);
}

static void find_disk(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	begin(call, message, "", run_find_disk);
}

static void unmount_all(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	begin(call, message, "", run_unmount_all);
}

static const struct ttrpc_method methods[] = {
	RPC_METHOD("MountAll", caisson__guest__v1__mount_all_request, google__protobuf__empty,
		   mount_all),
	RPC_METHOD("Unmount", caisson__guest__v1__unmount_request, google__protobuf__empty,
		   unmount),
	RPC_METHOD("FindDisk", caisson__guest__v1__disk, caisson__guest__v1__disk, find_disk),
	RPC_METHOD("UnmountAll", google__protobuf__empty, google__protobuf__empty, unmount_all),
	{.name = NULL},
};

struct ttrpc_service mount_service(struct workers *workers)
{
	service_workers = workers;
	return (struct ttrpc_service){.name = RPC_SERVICE_MOUNT, .methods = methods};
}
