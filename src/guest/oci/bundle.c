/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/oci/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "guest/mount/root.h"
#include "rpc/process.h"
#include "rpc/rpc.h"

bool bundle_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > BUNDLE_NAME_MAX || strpbrk(name, "/\\") || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return false;
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return true;
}

static int write_file(int dir, const struct bundle_file *file)
{
	_cleanup_close_ int fd =
		openat(dir, file->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd_write_full(fd, file->data, file->len);
}

/* Each folder in there has a link to it. */
static bool is_full(int root)
{
	struct stat st;

	return fstat(root, &st) == 0 && st.st_nlink >= 2 + ABI_CONTAINERS_MAX;
}

int bundle_make(int root, const char *name, const struct bundle_file *files, size_t n)
{
	_cleanup_close_ int dir = -EBADF;
	int r = 0;

	if (is_full(root))
		return -ENOBUFS;
	if (mkdirat(root, name, 0711) < 0)
		return -errno;
	dir = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || mkdirat(dir, BUNDLE_ROOTFS, 0755) < 0)
		r = -errno;
	for (size_t i = 0; i < n && r == 0; i++)
		r = write_file(dir, &files[i]);
	if (r < 0)
		(void)path_remove_tree(root, name);
	return r;
}

enum ttrpc_code bundle_check(const Caisson__Guest__V1__CreateBundleRequest *request,
			     struct bundle_file files[BUNDLE_FILES_MAX], char *text, size_t size)
{
	size_t total = 0;

	if (!process_id_valid(request->id)) {
		(void)snprintf(text, size, "not a valid id: %s", request->id);
		return TTRPC_INVALID_ARGUMENT;
	}
	if (request->n_files > BUNDLE_FILES_MAX) {
		(void)snprintf(text, size, "a bundle has at most %d files, not %zu",
			       BUNDLE_FILES_MAX, request->n_files);
		return TTRPC_RESOURCE_EXHAUSTED;
	}
	for (size_t i = 0; i < request->n_files; i++) {
		const Caisson__Guest__V1__CreateBundleRequest__FilesEntry *entry =
			request->files[i];

		if (!bundle_name_valid(entry->key)) {
			(void)snprintf(text, size, "not a plain name of a file: \"%s\"",
				       entry->key);
			return TTRPC_INVALID_ARGUMENT;
		}
		files[i] = (struct bundle_file){entry->key, entry->value.data, entry->value.len};
		total += entry->value.len;
	}
	if (total <= BUNDLE_SIZE_MAX)
		return TTRPC_OK;
	(void)snprintf(text, size, "a bundle has at most %u bytes, not %zu", BUNDLE_SIZE_MAX,
		       total);
	return TTRPC_RESOURCE_EXHAUSTED;
}

static int open_root(void)
{
	int r = root_prepare(), fd;

	if (r == 0)
		r = path_mkdirs(BUNDLE_DIR, 0711);
	if (r < 0)
		return r;
	fd = open(BUNDLE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void create(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Caisson__Guest__V1__CreateBundleRequest *request = (const void *)message;
	Caisson__Guest__V1__CreateBundleResponse response =
		CAISSON__GUEST__V1__CREATE_BUNDLE_RESPONSE__INIT;
	struct bundle_file files[BUNDLE_FILES_MAX];
	_cleanup_close_ int root = -EBADF;
	char path[BUNDLE_PATH_MAX], text[600];
	enum ttrpc_code code = bundle_check(request, files, text, sizeof(text));
	int r;

	if (code != TTRPC_OK) {
		ttrpc_call_fail(call, code, "%s", text);
		return;
	}
	root = open_root();
	r = root < 0 ? root : bundle_make(root, request->id, files, request->n_files);
	if (r == -EEXIST) {
		ttrpc_call_fail(call, TTRPC_ALREADY_EXISTS,
				"bundle %s already exists, or has two files of one name",
				request->id);
	} else if (r == -ENOBUFS) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED,
				"there are %d bundles: no more at the same time",
				ABI_CONTAINERS_MAX);
	} else if (r < 0) {
		ttrpc_call_fail(call, ttrpc_code_from_errno(r), "cannot make bundle %s: %s",
				request->id, strerror(-r));
	} else {
		bundle_path(path, request->id);
		response.bundle = path;
		rpc_reply(call, &response.base);
	}
}

void bundle_path(char ret[BUNDLE_PATH_MAX], const char *id)
{
	(void)snprintf(ret, BUNDLE_PATH_MAX, BUNDLE_DIR "/%s", id);
}

bool bundle_exists(const char *path, const char *id)
{
	char wanted[BUNDLE_PATH_MAX];
	struct stat st;

	bundle_path(wanted, id);
	return strcmp(path, wanted) == 0 && lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int bundle_remove(const char *id)
{
	_cleanup_close_ int root = open(BUNDLE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = root < 0 ? -errno : path_remove_tree(root, id);

	if (r == -ENOENT)
		return 0;

	if (r < 0)
		log_warn("%s: cannot remove its bundle: %s", id, strerror(-r));
	return r;
}

static const struct ttrpc_method methods[] = {
	RPC_METHOD("Create", caisson__guest__v1__create_bundle_request,
		   caisson__guest__v1__create_bundle_response, create),
	{.name = NULL},
};

struct ttrpc_service bundle_service(void)
{
	return (struct ttrpc_service){.name = RPC_SERVICE_BUNDLE, .methods = methods};
}
