/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "base/test.h"
#include "cmd/change-list.h"

struct told {
	char text[256];
	int r;
};

static int tell(enum change change, const char *path, void *userdata)
{
	struct told *told = userdata;
	size_t n = strlen(told->text);

	(void)snprintf(told->text + n, sizeof(told->text) - n, "%c %s;", change, path);
	return told->r;
}

#define LIST "A/a\0C/dir\0D/dir/b c\n\0"

/* In pieces of each length, as a stream may cut it. */
static void changes_come_in_pieces(void)
{
	for (size_t piece = 1; piece <= sizeof(LIST) - 1; piece++) {
		struct told told = {.r = 0};
		struct change_list list = {.tell = tell, .userdata = &told};

		for (size_t at = 0; at < sizeof(LIST) - 1; at += piece)
			test_int(change_list_put(&list, LIST + at,
						 MIN(piece, sizeof(LIST) - 1 - at)),
				 0);
		test_int(change_list_end(&list), 0);
		test_str(told.text, "A /a;C /dir;D /dir/b c\n;");
	}
}

static void what_is_no_list_is_refused(void)
{
	static const struct {
		const char *data;
		size_t len;
	} bad[] = {
		{"", 1}, {"A", 2}, {"A/", 2}, {"X/a", 4}, {"Aa", 3}, {"\0A/a", 5},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct told told = {.r = 0};
		struct change_list list = {.tell = tell, .userdata = &told};
		int r = change_list_put(&list, bad[i].data, bad[i].len);

		test_int(r < 0 ? r : change_list_end(&list), -EPROTO);
		test_str(told.text, "");
	}
}

static void a_path_has_an_end(void)
{
	static char path[PATH_MAX + 8];
	struct told told = {.r = 0};
	struct change_list list = {.tell = tell, .userdata = &told};

	memset(path, '/', sizeof(path));
	path[0] = 'A';
	test_int(change_list_put(&list, path, PATH_MAX + 2), 0);
	test_int(change_list_end(&list), -EPROTO);
	test_int(change_list_put(&list, path, 1), -EPROTO);
	test_str(told.text, "");
}

static void whoever_is_told_may_end_it(void)
{
	struct told told = {.r = -EFBIG};
	struct change_list list = {.tell = tell, .userdata = &told};

	test_int(change_list_put(&list, LIST, sizeof(LIST) - 1), -EFBIG);
	test_str(told.text, "A /a;");
}

int main(void)
{
	test_run(changes_come_in_pieces);
	test_run(what_is_no_list_is_refused);
	test_run(a_path_has_an_end);
	test_run(whoever_is_told_may_end_it);
	return 0;
}
