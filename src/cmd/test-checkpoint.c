/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/checkpoint-files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"

#define ID "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct err err;

static char *good(void)
{
	struct checkpoint_manifest m = {
		.image = (char *)ID,
		.image_size = 7,
		.jail = CHECKPOINT_JAILED,
		.files = {{"state", 1}, {"memory", 2}, {"upper.ext4", UINT64_C(10) << 30}},
		.n = 3,
	};
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;

	spec.id = (char *)"box";
	spec.rootfs_mode = (char *)"image";
	spec.hypervisor = (char *)"firecracker";
	spec.args = (struct strv){.v = (char *[]){(char *)"sh", NULL}, .n = 1};
	return checkpoint_manifest_text(&m, &spec);
}

/* Return: what parsing it gives; the message is in @err. */
static int parse(const char *text)
{
	struct checkpoint_manifest m = CHECKPOINT_MANIFEST_NULL;
	int r = checkpoint_manifest_parse(text, &m, &err);

	checkpoint_manifest_done(&m);
	return r;
}

/* Return: @text with the first @what as @with, a new string. */
static char *with(const char *text, const char *what, const char *instead)
{
	const char *at = strstr(text, what);

	if (!at)
		test_fail("no %s in %s", what, text);
	return xasprintf("%.*s%s%s", (int)(at - text), text, instead, at + strlen(what));
}

/* Of before there was that word, nobody knows. */
static void jails_are_told(void)
{
	_cleanup_free_ char *text = good(), *no = with(text, "\"jail\":true", "\"jail\":false");
	_cleanup_free_ char *older = with(text, "\"jail\":true,", "");
	const struct {
		const char *text;
		enum checkpoint_jail jail;
	} cases[] = {{text, CHECKPOINT_JAILED},
		     {no, CHECKPOINT_NOT_JAILED},
		     {older, CHECKPOINT_JAIL_UNKNOWN}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct checkpoint_manifest m = CHECKPOINT_MANIFEST_NULL;

		test_int(checkpoint_manifest_parse(cases[i].text, &m, &err), 0);
		test_int(m.jail, cases[i].jail);
		checkpoint_manifest_done(&m);
	}
}

static void there_and_back(void)
{
	struct checkpoint_manifest m = CHECKPOINT_MANIFEST_NULL;
	_cleanup_free_ char *text = good();

	if (checkpoint_manifest_parse(text, &m, &err) < 0)
		test_fail("%s", err.text);
	test_str(m.spec.id, "box");
	test_str(m.image, ID);
	test_int((int)m.n, 3);
	test_str(m.files[2].name, "upper.ext4");
	test_true(m.files[2].size == UINT64_C(10) << 30);
	checkpoint_manifest_done(&m);
}

static void what_is_wrong_is_refused(void)
{
	static const struct {
		const char *what, *instead, *message;
	} cases[] = {
		{"\"format\":1", "\"format\":2", "another version"},
		{"\"format\":1", "\"format\":\"1\"", "no format"},
		{"\"format\":1", "\"format\":-1", "no format"},
		{"{", "[{", "no JSON"},
		{"\"state\"", "\"../state\"", "a name that none has"},
		{"\"state\"", "\"/etc/passwd\"", "a name that none has"},
		{"\"state\"", "\"memory\"", "a name that none has"},
		{"\"state\"", "7", "a name that none has"},
		{"\"size\":1", "\"size\":-1", "no size"},
		{"\"size\":1", "\"size\":1.5", "no size"},
		{"\"upper.ext4\"", "\"root.ext4\"", "a file is missing"},
		{"\"upper.ext4\"", "\"image.ext4\"", "a file is missing"},
		{ID, "sha256:../../x", "no ID"},
		{ID, "", "a file is missing"},
		{"\"image_size\":7", "\"image_size\":null", "no image"},
		{"\"container\":{", "\"container\":[],\"x\":{", "no container"},
		{"\"id\":\"box\"", "\"id\":7", "id"},
		{"\"files\":[", "\"files\":[{},{},{},", "too many files"},
	};
	_cleanup_free_ char *text = good();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *bad = with(text, cases[i].what, cases[i].instead);
		int r = parse(bad);

		if (r != -EBADMSG && r != -ENOTSUP)
			test_fail("%d of %s", r, bad);
		if (!strstr(err.text, cases[i].message))
			test_fail("\"%s\" is not in: %s", cases[i].message, err.text);
	}
}

/* Cut off anywhere, it is not taken. */
static void half_is_nothing(void)
{
	_cleanup_free_ char *text = good();

	for (size_t n = strlen(text) - 1; n > 0; n--) {
		text[n] = '\0';
		test_true(parse(text) < 0);
	}
}

static void write_file(int dir, const char *name, size_t size)
{
	_cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	test_true(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
}

static void files_are_checked_and_copied(void)
{
	struct checkpoint_manifest m = {.files = {{"state", 10}, {"memory", 1 << 20}}, .n = 2};
	char path[] = "/tmp/caisson-test-checkpoint.XXXXXX";
	_cleanup_close_ int dir = -EBADF, other = -EBADF;
	uint64_t size = 0;

	test_true(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_int(mkdirat(dir, "other", 0700), 0);
	other = openat(dir, "other", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	write_file(dir, "state", 10);
	test_int(checkpoint_files_check(dir, &m, &err), -ENOENT);
	write_file(dir, "memory", 1 << 19);
	test_int(checkpoint_files_check(dir, &m, &err), -EBADMSG);
	write_file(dir, "memory", 1 << 20);
	test_int(checkpoint_files_check(dir, &m, &err), 0);
	test_int(checkpoint_file_copy(dir, other, "state", "other", NULL, &size, &err), 0);
	test_int((int)size, 10);
	test_int(checkpoint_file_copy(dir, other, "state", "other", NULL, &size, &err), -EEXIST);
	test_int(checkpoint_file_move(dir, other, "memory", "other", NULL, &size, &err), 0);
	test_int((int)size, 1 << 20);
	test_int(checkpoint_file_move(dir, other, "state", "other", NULL, &size, &err), -EEXIST);
	test_int(checkpoint_files_check(dir, &m, &err), -ENOENT);
	test_int(checkpoint_files_check(other, &m, &err), 0);
	test_int(symlinkat("state", dir, "memory"), 0);
	test_int(checkpoint_files_check(dir, &m, &err), -EBADMSG);
	test_true(checkpoint_file_copy(dir, other, "memory", "other", NULL, NULL, &err) < 0);
	checkpoint_files_remove(dir);
	checkpoint_files_remove(other);
	test_int(unlinkat(dir, "other", AT_REMOVEDIR), 0);
	test_int(rmdir(path), 0);
}

int main(void)
{
	test_run(there_and_back);
	test_run(jails_are_told);
	test_run(what_is_wrong_is_refused);
	test_run(half_is_nothing);
	test_run(files_are_checked_and_copied);
	return 0;
}
