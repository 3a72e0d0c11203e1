/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/console.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/test.h"

static struct loop loop;
static struct console console = CONSOLE_NULL;
static char tail[1024];
static int guest;

static void begin(void)
{
	test_int(loop_init(&loop), 0);
	test_int(console_start(&console, &loop, &guest), 0);
}

static void end(void)
{
	guest = fd_close(guest);
	console_stop(&console);
	console_stop(&console);
	loop_deinit(&loop);
}

static void print(const char *text, size_t len)
{
	test_int(fd_write_full(guest, text, len), 0);
	console_drain(&console);
}

/* What is shown of a console on which only @text was printed. */
static const char *shown(const char *text, size_t len, size_t lines, size_t size)
{
	begin();
	print(text, len);
	memset(tail, '#', sizeof(tail));
	console_tail(&console, lines, tail, size);
	test_true(strlen(tail) < size);
	test_int(tail[size], '#');
	end();
	return tail;
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
	_cleanup_free_ char *text = xmalloc(3 * CONSOLE_KEPT);
	size_t n = 0;

	begin();
	while (n < 3 * CONSOLE_KEPT - 16)
		n += (size_t)snprintf(text + n, 16, "line %zu\n", n);
	/* By bits, and by as much as a pipe takes. */
	print(text, 10);
	print(text + 10, CONSOLE_KEPT - 20);
	print(text + CONSOLE_KEPT - 10, n - CONSOLE_KEPT + 10);
	test_int(console.len, CONSOLE_KEPT);
	test_mem(console.text, text + n - CONSOLE_KEPT, CONSOLE_KEPT);
	console_tail(&console, 1000, tail, sizeof(tail));
	/* From the beginning of a line to the last one's end, without its newline. */
	test_mem(tail, "line ", 5);
	test_mem(tail + strlen(tail) - 10, text + n - 11, 10);
	end();
}

static struct loop_defer quitter = LOOP_DEFER_NULL(quitter);

static void quit_soon(struct loop_defer *d _unused_)
{
	loop_quit(&loop, 0);
}

static void the_loop_reads_it(void)
{
	begin();
	test_int(fd_write_full(guest, "panic\n", 6), 0);
	guest = fd_close(guest);
	/* The text stays when its writer has gone, and the loop is left alone from then on. */
	while (console.read_fd >= 0) {
		loop_defer_start(&loop, &quitter, quit_soon);
		test_int(loop_run(&loop), 0);
	}
	console_tail(&console, 6, tail, sizeof(tail));
	test_str(tail, "panic");
	console_drain(&console);
	test_int(console.len, 6);
	end();
}

int main(void)
{
	test_run(the_last_lines_are_shown);
	test_run(nothing_moves_the_cursor);
	test_run(it_fits_whatever_is_printed);
	test_run(only_the_end_is_kept);
	test_run(the_loop_reads_it);
	return 0;
}
