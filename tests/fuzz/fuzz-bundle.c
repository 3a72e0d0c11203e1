/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host that asks for any bundle. Whatever it is, there is either one folder of the name that was
 * asked for, or nothing; and nothing anywhere else.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/test.h"
#include "bundle.pb-c.h"
#include "guest/oci/bundle.h"
#include "rpc/rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count(int dirfd)
{
	DIR *dir = fdopendir(openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int n = -2;

	test_true(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void make(const Caisson__Guest__V1__CreateBundleRequest *request, int inner)
{
	struct bundle_file files[BUNDLE_FILES_MAX];
	char text[600];
	int r;

	if (bundle_check(request, files, text, sizeof(text)) != TTRPC_OK) {
		test_true(*text);
		return;
	}
	r = bundle_make(inner, request->id, files, request->n_files);
	test_int(count(inner), r == 0);
	test_int(path_remove_tree(inner, request->id), 0);
	test_int(count(inner), 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char outer_path[] = "/tmp/fuzz-bundle-XXXXXX";
	ProtobufCMessage *request = NULL;
	int outer, inner;

	if (rpc_unpack(&caisson__guest__v1__create_bundle_request__descriptor, data, size,
		       &request) < 0)
		return 0;
	test_true(mkdtemp(outer_path));
	outer = open(outer_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_int(mkdirat(outer, "bundles", 0700), 0);
	inner = openat(outer, "bundles", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make((const Caisson__Guest__V1__CreateBundleRequest *)request, inner);
	test_int(count(outer), 1);
	fd_close(inner);
	fd_close(outer);
	test_int(path_remove_tree(AT_FDCWD, outer_path), 0);
	rpc_free(request);
	return 0;
}
