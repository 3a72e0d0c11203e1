/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/tail.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/test.h"

static struct loop loop;
static struct tail tail = TAIL_NULL;
static char shown_buf[1024];
static int writer;

static void begin(void)
{
	test_int(loop_init(&loop), 0);
	test_int(tail_start(&tail, &loop, &writer), 0);
}

static void end(void)
{
	writer = fd_close(writer);
	tail_stop(&tail);
	tail_stop(&tail);
	loop_deinit(&loop);
}

static void print(const char *text, size_t len)
{
	test_int(fd_write_full(writer, text, len), 0);
	tail_drain(&tail);
}

/* What is shown of a console on which only @text was printed. */
static const char *shown(const char *text, size_t len, size_t lines, size_t size)
{
	begin();
	print(text, len);
	memset(shown_buf, '#', sizeof(shown_buf));
	tail_lines(&tail, lines, shown_buf, size);
	test_true(strlen(shown_buf) < size);
	test_int(shown_buf[size], '#');
	end();
	return shown_buf;
}

#define shown_text(text, lines) shown(text, sizeof(text) - 1, lines, 600)

static void the_last_lines_are_shown(void)
{
	test_str(shown_text("", 6), "");
	test_str(shown_text("one", 6), "one");
	test_str(shown_text("one\ntwo\nthree\n", 2), "two\nthree");
	test_str(shown_text("one\r\ntwo\r\nthree\r\n\r\n", 2), "two\nthree");
	test_str(shown_text("one\n\n\ntwo", 3), "\n\ntwo");
	test_str(shown_text("one\ntwo", 1), "two");
	test_str(shown_text("one\ntwo", 100), "one\ntwo");
	test_str(shown_text("\n\r\n\r\n", 6), "");
}

static void nothing_moves_the_cursor(void)
{
	test_str(shown_text("\x1b[2J\x1b]0;title\x07ok", 6), "?[2J?]0;title?ok");
	test_str(shown_text("a\0b\x7f\x80\x9b\xff", 6), "a?b????");
	test_str(shown_text("caf\xc3\xa9", 6), "caf??");
	test_str(shown_text("a\tb\vc\fd\be", 6), "a\tb?c?d?e");
	test_str(shown_text("over\rwritten", 6), "overwritten");
}

static void it_fits_whatever_is_printed(void)
{
	test_str(shown("first\nsecond\nthird", 18, 6, 13), "second\nthird");
	test_str(shown("first\nsecond\nthird", 18, 6, 12), "third");
	test_str(shown("first\nsecond\nthird", 18, 6, 6), "third");
	test_str(shown("first\nsecond\nthird", 18, 6, 5), "hird");
	test_str(shown("first\nsecond\nthird", 18, 6, 1), "");
	test_str(shown("x\nlong", 6, 2, 5), "long");
}

static void only_the_end_is_kept(void)
{
	_cleanup_free_ char *text = xmalloc(3 * TAIL_KEPT);
	size_t n = 0;

	begin();
	while (n < 3 * TAIL_KEPT - 16)
		n += (size_t)snprintf(text + n, 16, "line %zu\n", n);
	/* By bits, and by as much as a pipe takes. */
	print(text, 10);
	print(text + 10, TAIL_KEPT - 20);
	print(text + TAIL_KEPT - 10, n - TAIL_KEPT + 10);
	test_int(tail.len, TAIL_KEPT);
	test_mem(tail.text, text + n - TAIL_KEPT, TAIL_KEPT);
	tail_lines(&tail, 1000, shown_buf, sizeof(shown_buf));
	/* From the beginning of a line to the last one's end, without its newline. */
	test_mem(shown_buf, "line ", 5);
	test_mem(shown_buf + strlen(shown_buf) - 10, text + n - 11, 10);
	end();
}

static struct loop_defer quitter = LOOP_DEFER_NULL(quitter);

static void a_copy_is_bounded(void)
{
	_cleanup_close_ int fd = memfd_create("copy", MFD_CLOEXEC);
	_cleanup_free_ char *much = xcalloc(1, 4096), *text = NULL;
	size_t len;

	memset(much, 'x', 4096);
	begin();
	tail_copy(&tail, dup(fd));
	print("a\033b\r\n", 5);
	for (size_t i = 0; i < TAIL_COPIED_MAX / 4096 + 1; i++)
		print(much, 4096);
	end();
	test_int(lseek(fd, 0, SEEK_SET), 0);
	test_int(fd_slurp(fd, 2 * TAIL_COPIED_MAX, &text, &len), 0);
	/* Without the carriage return. */
	test_int(len, TAIL_COPIED_MAX - 1);
	test_mem(text, "a?b\nxx", 6);
}

static void quit_soon(struct loop_defer *d _unused_)
{
	loop_quit(&loop, 0);
}

static void the_loop_reads_it(void)
{
	begin();
	test_int(fd_write_full(writer, "panic\n", 6), 0);
	writer = fd_close(writer);
	/* The text stays when its writer has gone, and the loop is left alone from then on. */
	while (tail.read_fd >= 0) {
		loop_defer_start(&loop, &quitter, quit_soon);
		test_int(loop_run(&loop), 0);
	}
	tail_lines(&tail, 6, shown_buf, sizeof(shown_buf));
	test_str(shown_buf, "panic");
	tail_drain(&tail);
	test_int(tail.len, 6);
	end();
}

static const char *message(const char *text, size_t size)
{
	begin();
	print(text, strlen(text));
	tail_message(&tail, "/usr/bin/qemu", shown_buf, size);
	end();
	return shown_buf;
}

static void a_message_is_the_line_that_is_named(void)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"", ""},
		{"\n\r\n", ""},
		{"no newline", "no newline"},
		{"first\nsecond\n", "first"},
		{"\r\nfirst\r\nsecond\r\n", "first"},
		{"qemu: one\nqemu: two\n", "qemu: two"},
		{"KVM internal error\nRAX=0\nRBX=0\n", "KVM internal error"},
		{"dump\nqemu: two\nmore dump", "qemu: two"},
		{"/opt/x/qemu: three\n", "qemu: three"},
		{"x: y\nqemux: z\n", "x: y"},
		{"x: y\nqem: z\nemu: z\n:\n", "x: y"},
		{"a\vb\x1b[0m\xc3\xa4\n", "a?b?[0m??"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		test_str(message(cases[i].text, sizeof(shown_buf)), cases[i].want);
}

static void long_messages_are_cut(void)
{
	test_str(message("first", 5), "firs");
	test_str(message("dump\nqemu: two\n", 8), "qemu: t");
	test_str(message("/opt/x/qemu: two\n", 1), "");
}

int main(void)
{
	test_run(the_last_lines_are_shown);
	test_run(nothing_moves_the_cursor);
	test_run(it_fits_whatever_is_printed);
	test_run(only_the_end_is_kept);
	test_run(a_copy_is_bounded);
	test_run(the_loop_reads_it);
	test_run(a_message_is_the_line_that_is_named);
	test_run(long_messages_are_cut);
	return 0;
}
