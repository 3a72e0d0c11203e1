/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/tail.h"

#include "base/test.h"

static struct tail tail;

static const char *quote(const char *text, size_t piece)
{
	size_t len = strlen(text);

	tail_init(&tail, "/usr/bin/qemu");
	for (size_t at = 0; at < len; at += piece)
		tail_feed(&tail, text + at, MIN(piece, len - at));
	return tail_message(&tail);
}

static void chooses_the_line(void)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"", ""},
		{"\n\r\n", ""},
		{"no newline", "no newline"},
		{"first\nsecond\n", "first"},
		{"qemu: one\nqemu: two\n", "qemu: two"},
		{"KVM internal error\nRAX=0\nRBX=0\n", "KVM internal error"},
		{"dump\nqemu: two\nmore dump", "qemu: two"},
		{"/opt/x/qemu: three\n", "qemu: three"},
		{"x: y\nqemux: z\n", "x: y"},
		{"a\tb\x1b[0m\xc3\xa4\n", "a?b?[0m??"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t piece = 1; piece < 9; piece += 3)
			test_str(quote(cases[i].text, piece), cases[i].want);
}

static void long_lines_are_cut(void)
{
	static char text[3 * VMM_MESSAGE_MAX];

	memset(text, 'x', sizeof(text) - 1);
	test_int(strlen(quote(text, 100)), VMM_MESSAGE_MAX - 1);
	memcpy(text, "qemu: ", 6);
	test_int(strlen(quote(text, 100)), VMM_MESSAGE_MAX - 1);
	test_true(strncmp(tail_message(&tail), "qemu: xxx", 9) == 0);
}

int main(void)
{
	test_run(chooses_the_line);
	test_run(long_lines_are_cut);
	return 0;
}
