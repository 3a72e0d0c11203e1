/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/macro.h"
#include "base/test.h"
#include "image/entry.h"

static struct entry e;

/* Plans an entry of that name and type, with what @change sets. */
static int plan(const char *name, mode_t type, void (*change)(struct archive_entry *ae),
		struct err *err)
{
	struct archive_entry *ae = archive_entry_new();
	int r;

	test_true(ae);
	archive_entry_copy_pathname(ae, name);
	archive_entry_set_filetype(ae, type);
	archive_entry_set_perm(ae, 04755);
	if (type == AE_IFLNK)
		archive_entry_copy_symlink(ae, "target");
	if (change)
		change(ae);
	r = entry_plan(ae, &e, err);
	archive_entry_free(ae);
	return r;
}

static void names_are_normalised(void)
{
	static const char *const cases[][3] = {
		{"f", "", "f"},
		{"/f", "", "f"},
		{"./f", "", "f"},
		{"//a//.//b/./c", "a/b", "c"},
		{"a/b/", "a", "b"},
		{"...", "", "..."},
		{"..a/b..", "..a", "b.."},
		{".", "", ""},
		{"/", "", ""},
		{"", "", ""},
		{"a\nb/\xff", "a\nb", "\xff"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		test_int(plan(cases[i][0], AE_IFDIR, NULL, NULL), 0);
		test_int(e.kind, ENTRY_DIR);
		test_str(e.parent, cases[i][1]);
		test_str(e.name, cases[i][2]);
	}
}

static void refuse(const char *name, int code, const char *word)
{
	struct err err = ERR_NULL;

	test_int(plan(name, AE_IFREG, NULL, &err), code);
	if (!strstr(err.text, word))
		test_fail("no '%s' in: %s", word, err.text);
}

static void names_that_leave_are_refused(void)
{
	static const char *const names[] = {
		"..", "../x", "a/../b", "a/..", "/..", "./..", "a/b/c/../../../../x"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		refuse(names[i], -EBADMSG, "leaves the image");
}

static void long_names_are_refused(void)
{
	char name[PATH_MAX + 2];

	memset(name, 'n', sizeof(name));
	name[NAME_MAX] = '\0';
	test_int(plan(name, AE_IFREG, NULL, NULL), 0);
	name[NAME_MAX] = 'n';
	name[NAME_MAX + 1] = '\0';
	refuse(name, -ENAMETOOLONG, "256 bytes");
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = i % 100 == 99 ? '/' : 'n';
	name[PATH_MAX - 1] = '\0';
	test_int(plan(name, AE_IFREG, NULL, NULL), 0);
	name[PATH_MAX - 1] = 'n';
	name[PATH_MAX] = '\0';
	refuse(name, -ENAMETOOLONG, "more than 4095");
}

static void whiteouts_are_told_from_files(void)
{
	static const struct {
		const char *path;
		enum entry_kind kind;
		const char *parent, *name;
	} cases[] = {
		{"a/.wh.b", ENTRY_WHITEOUT, "a", "b"},
		{".wh..b", ENTRY_WHITEOUT, "", ".b"},
		{".wh....", ENTRY_WHITEOUT, "", "..."},
		{"a/.wh..wh..opq", ENTRY_OPAQUE, "a", ""},
		{".wh..wh..opq", ENTRY_OPAQUE, "", ""},
		{".wh..wh.aufs", ENTRY_SKIP, "", ".wh..wh.aufs"},
		{".wh..wh.plnk/1.2", ENTRY_SKIP, ".wh..wh.plnk", "1.2"},
		{"a/.wh.b/c", ENTRY_FILE, "a/.wh.b", "c"},
		{".whx", ENTRY_FILE, "", ".whx"},
		{"x.wh.y", ENTRY_FILE, "", "x.wh.y"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		test_int(plan(cases[i].path, AE_IFREG, NULL, NULL), 0);
		test_int(e.kind, cases[i].kind);
		test_str(e.parent, cases[i].parent);
		test_str(e.name, cases[i].name);
	}
	refuse(".wh.", -EBADMSG, "removes no name");
	refuse("a/.wh..", -EBADMSG, "removes no name");
	refuse("a/.wh...", -EBADMSG, "removes no name");
}

static void is_hardlink(struct archive_entry *ae)
{
	archive_entry_copy_hardlink(ae, "/a/./b");
}

static void leaves_by_hardlink(struct archive_entry *ae)
{
	archive_entry_copy_hardlink(ae, "a/../../b");
}

static void is_hardlink_to_root(struct archive_entry *ae)
{
	archive_entry_copy_hardlink(ae, "./");
}

static void links_are_planned(void)
{
	test_int(plan("l", AE_IFREG, is_hardlink, NULL), 0);
	test_int(e.kind, ENTRY_HARDLINK);
	test_str(e.link, "a/b");
	test_int(plan("l", AE_IFREG, leaves_by_hardlink, NULL), -EBADMSG);
	test_int(plan("l", AE_IFREG, is_hardlink_to_root, NULL), -EBADMSG);
	test_int(plan("l", AE_IFLNK, NULL, NULL), 0);
	test_int(e.kind, ENTRY_SYMLINK);
	test_str(e.link, "target");
}

static void has_no_target(struct archive_entry *ae)
{
	archive_entry_copy_symlink(ae, "");
}

static void is_far_device(struct archive_entry *ae)
{
	archive_entry_set_rdevmajor(ae, 259);
	archive_entry_set_rdevminor(ae, 70000);
}

static void other_kinds_are_planned(void)
{
	test_int(plan("l", AE_IFLNK, has_no_target, NULL), -EBADMSG);
	test_int(plan("n", AE_IFCHR, is_far_device, NULL), 0);
	test_int(e.kind, ENTRY_NODE);
	test_int(e.mode, S_IFCHR | 04755);
	test_int(major(e.rdev), 259);
	test_int(minor(e.rdev), 70000);
	test_int(plan("n", AE_IFIFO, is_far_device, NULL), 0);
	test_int(e.rdev, 0);
	test_int(plan("s", AE_IFSOCK, NULL, NULL), -ENOTSUP);
	test_int(plan("/", AE_IFREG, NULL, NULL), -EBADMSG);
}

static void has_odd_owner(struct archive_entry *ae)
{
	archive_entry_set_uid(ae, UINT32_MAX);
}

static void has_high_owner(struct archive_entry *ae)
{
	archive_entry_set_uid(ae, UINT32_MAX - 1);
	archive_entry_set_gid(ae, 3000000000);
}

static void owners_are_checked(void)
{
	test_int(plan("f", AE_IFREG, has_odd_owner, NULL), -EBADMSG);
	test_int(plan("f", AE_IFREG, has_high_owner, NULL), 0);
	test_int(e.uid, UINT32_MAX - 1);
	test_int(e.gid, 3000000000);
}

int main(void)
{
	test_run(names_are_normalised);
	test_run(names_that_leave_are_refused);
	test_run(long_names_are_refused);
	test_run(whiteouts_are_told_from_files);
	test_run(links_are_planned);
	test_run(other_kinds_are_planned);
	test_run(owners_are_checked);
	return 0;
}
