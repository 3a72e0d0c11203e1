/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/oci/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/test.h"
#include "bundle.pb-c.h"

static int root;

static void names(void)
{
	static const char *const good[] = {"config.json", "a",		 "...", ".hidden",
					   "with space",  "caf\xc3\xa9", "-x",	"a..b"};
	static const char *const bad[] = {"",	".",	"..",	"a/b",	"/a",
					  "a/", "a\\b", "a\nb", "\x01", "a\x7f"};
	char longest[BUNDLE_NAME_MAX + 2];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		test_true(bundle_name_valid(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		test_true(!bundle_name_valid(bad[i]));
	memset(longest, 'x', sizeof(longest));
	longest[BUNDLE_NAME_MAX] = '\0';
	test_true(bundle_name_valid(longest));
	longest[BUNDLE_NAME_MAX] = 'x';
	longest[BUNDLE_NAME_MAX + 1] = '\0';
	test_true(!bundle_name_valid(longest));
}

static void made_whole(void)
{
	static const struct bundle_file files[] = {{"one", "1", 1}, {"none", "", 0}};
	char *text;
	struct stat st;

	test_int(bundle_make(root, "c", files, 2), 0);
	test_int(file_slurp_at(root, "c/one", 16, &text, NULL), 0);
	test_str(text, "1");
	free(text);
	test_int(fstatat(root, "c/none", &st, 0), 0);
	test_int(st.st_mode & 07777, 0600);
	test_int(fstatat(root, "c/" BUNDLE_ROOTFS, &st, 0), 0);
	test_true(S_ISDIR(st.st_mode));
	test_int(bundle_make(root, "c", files, 2), -EEXIST);
	/* The one that was there is still there. */
	test_int(faccessat(root, "c/one", F_OK, 0), 0);
	test_int(path_remove_tree(root, "c"), 0);
}

static void or_not_at_all(void)
{
	static const struct bundle_file twice[] = {{"a", "1", 1}, {"b", "", 0}, {"a", "2", 1}};
	static const struct bundle_file taken[] = {{"a", "1", 1}, {BUNDLE_ROOTFS, "", 0}};

	test_int(bundle_make(root, "c", twice, 3), -EEXIST);
	test_int(faccessat(root, "c", F_OK, 0), -1);
	test_int(bundle_make(root, "c", taken, 2), -EEXIST);
	test_int(faccessat(root, "c", F_OK, 0), -1);
}

static void sizes(void)
{
	static uint8_t half[BUNDLE_SIZE_MAX / 2];
	Caisson__Guest__V1__CreateBundleRequest request =
		CAISSON__GUEST__V1__CREATE_BUNDLE_REQUEST__INIT;
	Caisson__Guest__V1__CreateBundleRequest__FilesEntry entry =
		CAISSON__GUEST__V1__CREATE_BUNDLE_REQUEST__FILES_ENTRY__INIT;
	Caisson__Guest__V1__CreateBundleRequest__FilesEntry *entries[BUNDLE_FILES_MAX + 1];
	struct bundle_file files[BUNDLE_FILES_MAX];
	char text[600];

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		entries[i] = &entry;
	entry.key = (char *)"x";
	entry.value.data = half;
	entry.value.len = sizeof(half);
	request.id = (char *)"c";
	request.files = entries;
	request.n_files = 2;
	test_int(bundle_check(&request, files, text, sizeof(text)), TTRPC_OK);
	request.n_files = 3;
	test_int(bundle_check(&request, files, text, sizeof(text)), TTRPC_RESOURCE_EXHAUSTED);
	test_str(text, "a bundle has at most 4194304 bytes, not 6291456");
	entry.value.len = 0;
	request.n_files = BUNDLE_FILES_MAX;
	test_int(bundle_check(&request, files, text, sizeof(text)), TTRPC_OK);
	request.n_files++;
	test_int(bundle_check(&request, files, text, sizeof(text)), TTRPC_RESOURCE_EXHAUSTED);
	request.id = (char *)"../c";
	test_int(bundle_check(&request, files, text, sizeof(text)), TTRPC_INVALID_ARGUMENT);
	test_str(text, "not a valid id: ../c");
}

int main(void)
{
	char path[] = "/tmp/test-bundle-XXXXXX";

	test_true(mkdtemp(path));
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_run(names);
	test_run(made_whole);
	test_run(or_not_at_all);
	test_run(sizes);
	fd_close(root);
	test_int(rmdir(path), 0);
	return 0;
}
