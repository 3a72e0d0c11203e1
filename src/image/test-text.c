/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"
#include "base/test.h"
#include "image/blob-index.h"
#include "image/digest.h"
#include "image/fetch.h"
#include "image/nameset.h"
#include "image/text.h"

static void odd_bytes_are_shown_harmless(void)
{
	test_str(text_of("plain text"), "plain text");
	test_str(text_of(""), "");
	test_str(text_of(NULL), "");
	test_str(text_of("\x1b[2J\n\xc3\xa9'\\"), "\\x1b[2J\\x0a\\xc3\\xa9\\x27\\x5c");
}

static void long_text_is_cut_in_its_middle(void)
{
	char s[5000];

	/* Around the size where cutting begins, and with bytes that are shown as four. */
	for (size_t len = 0; len < 400; len++) {
		for (int c = 0; c < 2; c++) {
			memset(s, c ? '\x01' : 'a', len);
			s[len] = '\0';
			test_true(strlen(text_of(s)) < TEXT_SHOWN_MAX);
		}
	}
	memset(s, 'm', sizeof(s));
	memcpy(s, "begin", 5);
	memcpy(s + sizeof(s) - 4, "end", 4);
	test_true(strncmp(text_of(s), "beginm", 6) == 0);
	test_true(strstr(text_of(s), "[...]"));
	test_str(strstr(text_of(s), "mend"), "mend");
}

static void digests_are_computed_and_checked(void)
{
	struct digest d;

	digest_of("abc", 3, &d);
	test_str(d.text, "sha256:"
			 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	test_int(digest_parse(d.text, &d), 0);
	test_int(digest_parse("sha256:ba78", &d), -EINVAL);
	test_int(digest_parse(
			 "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015A"
			 "D",
			 &d),
		 -EINVAL);
	test_int(digest_parse("sha512:00", &d), -ENOTSUP);
	test_int(digest_parse("nothing", &d), -EINVAL);
	test_int(digest_parse(":", &d), -EINVAL);
	test_int(digest_parse("", &d), -EINVAL);
}

static void names_are_remembered(void)
{
	struct nameset s = NAMESET_NULL;
	char name[16];

	test_true(!nameset_has(&s, 1, "a"));
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "name%d", i);
		nameset_add(&s, (uint64_t)(i % 7), name);
		nameset_add(&s, (uint64_t)(i % 7), name);
	}
	test_int(s.n, 5000);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "name%d", i);
		test_true(nameset_has(&s, (uint64_t)(i % 7), name));
		test_true(!nameset_has(&s, (uint64_t)(i % 7) + 1, name));
	}
	nameset_done(&s);
	nameset_done(&s);
	test_true(!nameset_has(&s, 0, "name0"));
}

static void blob_names_are_normalised(void)
{
	static const char *const cases[][2] = {
		{"a", "a"},	 {"./a", "a"},	{"/a//b/", "a/b"},
		{"a/../b", "b"}, {"../a", "a"}, {"a/b/../../c/./d", "c/d"},
		{"..", ""},	 {"", ""},	{"x/..", ""},
		{"a/b/..", "a"},
	};
	char buf[64];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		(void)snprintf(buf, sizeof(buf), "%s", cases[i][0]);
		blob_index_normalise(buf);
		test_str(buf, cases[i][1]);
	}
}

static void blob_links_are_followed(void)
{
	static char a[] = "a", b[] = "b", c[] = "c", loop[] = "loop", gone[] = "gone", l[] = "l";
	struct blob_entry entries[] = {
		{.name = a, .offset = 1}, {.name = a, .offset = 2},	{.name = b, .link = a},
		{.name = c, .link = b},	  {.name = loop, .link = loop}, {.name = l, .link = gone},
	};
	const struct blob_entry *e = blob_index_find(entries, ARRAY_SIZE(entries), "./c");

	test_true(e && e->offset == 2);
	test_true(!blob_index_find(entries, ARRAY_SIZE(entries), "loop"));
	test_true(!blob_index_find(entries, ARRAY_SIZE(entries), "l"));
	test_true(!blob_index_find(entries, ARRAY_SIZE(entries), "d"));
}

static void skopeos_reasons_are_found(void)
{
	static const char *const cases[][2] = {
		{"Getting image source signatures\n"
		 "time=\"2024-01-01T00:00:00Z\" level=fatal msg=\"reading \\\"x\\\": no\"\n",
		 "reading \"x\": no"},
		{"something else\n\n", "something else"},
		{"", ""},
		{"level=fatal msg=\"cut", "cut"},
		{" msg=\"end\\", "end\\"},
	};
	char buf[200];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		(void)snprintf(buf, sizeof(buf), "%s", cases[i][0]);
		test_str(fetch_reason(buf), cases[i][1]);
	}
}

int main(void)
{
	test_run(odd_bytes_are_shown_harmless);
	test_run(long_text_is_cut_in_its_middle);
	test_run(digests_are_computed_and_checked);
	test_run(names_are_remembered);
	test_run(blob_names_are_normalised);
	test_run(blob_links_are_followed);
	test_run(skopeos_reasons_are_found);
	return 0;
}
