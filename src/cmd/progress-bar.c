/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/progress-bar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macro.h"
#include "image/text.h"

/*
 * The cursor stays at the line's beginning. What someone else writes, a ^C that the terminal shows
 * for one, is then on this line, and is gone with it.
 */

#define INTERVAL	(NSEC_PER_SEC / 10)
#define COLUMNS_UNKNOWN 80
#define BAR_MIN		10
#define BAR_MAX		40
#define MEGABYTE	1000000

/* ECMA-48, 8.3.41: erase from the cursor to the line's end. */
#define ERASE "\033[K"

/* After so long a step's speed says something. */
#define RATE_AFTER INTERVAL

static unsigned int columns_of(int fd)
{
	struct winsize size;

	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS_UNKNOWN;
}

/* A job in the background writes into what is being typed. */
static bool in_background(int fd)
{
	pid_t group = tcgetpgrp(fd);

	return group > 0 && group != getpgrp();
}

/* struct parts - of a line; each one that there is begins with two blanks, but for the step */
struct parts {
	char count[32], rate[32];
	size_t step, bar;
};

/* How many columns of the bar are full; of @width. */
static size_t filled(const struct progress_bar *bar, size_t width)
{
	return (size_t)((double)bar->done / (double)bar->total * (double)width);
}

static bool has_total(const struct progress_bar *bar)
{
	return bar->total > 0 && bar->total < UINT64_MAX;
}

static void count(const struct progress_bar *bar, uint64_t now, struct parts *p)
{
	uint64_t elapsed = now - bar->begun;

	if (bar->total == 0)
		return;
	if (has_total(bar))
		(void)snprintf(p->count, sizeof(p->count), "  %3zu %%", filled(bar, 100));
	else
		(void)snprintf(p->count, sizeof(p->count), "  %llu MB",
			       (unsigned long long)(bar->done / MEGABYTE));
	if (elapsed >= RATE_AFTER)
		(void)snprintf(p->rate, sizeof(p->rate), "  %.0f MB/s",
			       (double)bar->done / MEGABYTE * NSEC_PER_SEC / (double)elapsed);
}

/* What does not fit goes: of the bar what is too long, then the speed, the bar, and the step. */
static void fit(struct parts *p, size_t room)
{
	const size_t frame = strlen("  []");
	size_t taken = p->step + strlen(p->count) + strlen(p->rate);

	if (taken + (p->bar ? frame + BAR_MIN : 0) > room) {
		taken -= strlen(p->rate);
		p->rate[0] = '\0';
	}
	if (p->bar && taken + frame + BAR_MIN > room)
		p->bar = 0;
	else if (p->bar)
		p->bar = MIN(room - taken - frame, (size_t)BAR_MAX);
	if (taken <= room)
		return;
	if (strlen(p->count) > room)
		p->count[0] = '\0';
	p->step = *p->count ? 0 : MIN(p->step, room);
}

void progress_bar_line(const struct progress_bar *bar, uint64_t now, unsigned int columns,
		       char ret[PROGRESS_BAR_STEP_MAX])
{
	static const char full[] = "========================================";
	struct parts p = {.step = strlen(bar->step), .bar = has_total(bar) ? BAR_MAX : 0};
	size_t room = columns > 0 ? MIN(columns - 1, (unsigned int)PROGRESS_BAR_STEP_MAX - 1) : 0;
	char *out = ret;
	size_t n;

	count(bar, now, &p);
	fit(&p, room);
	out = mempcpy(out, bar->step, p.step);
	*out = '\0';
	if (p.bar > 0) {
		n = filled(bar, p.bar);
		out += sprintf(out, "  [%.*s%*s]", (int)n, full, (int)(p.bar - n), "");
	}
	(void)stpcpy(stpcpy(out, p.count), p.rate);
}

static void draw(struct progress_bar *bar, uint64_t now)
{
	char line[PROGRESS_BAR_STEP_MAX], text[sizeof(line) + sizeof("\r" ERASE "\r")];
	int n;

	if (bar->drawn && now - bar->drawn < INTERVAL)
		return;
	bar->drawn = now;
	if (in_background(bar->fd))
		return;
	progress_bar_line(bar, now, columns_of(bar->fd), line);
	n = snprintf(text, sizeof(text), "\r%s" ERASE "\r", line);
	(void)fd_write_full(bar->fd, text, (size_t)n);
}

bool progress_bar_begin(struct progress_bar *bar)
{
	const char *term = getenv("TERM");

	*bar = (struct progress_bar){.fd = -EBADF};
	if (term && *term && strcmp(term, "dumb") != 0 && isatty(STDERR_FILENO))
		bar->fd = STDERR_FILENO;
	return bar->fd >= 0;
}

void progress_bar_step(const char *step, void *userdata)
{
	struct progress_bar *bar = userdata;
	uint64_t now = clock_now();

	if (bar->fd < 0)
		return;
	(void)snprintf(bar->step, sizeof(bar->step), "%s", text_of(step));
	bar->begun = now;
	bar->done = 0;
	bar->total = 0;
	draw(bar, now);
}

void progress_bar_passed(uint64_t done, uint64_t total, void *userdata)
{
	struct progress_bar *bar = userdata;

	if (bar->fd < 0)
		return;
	/* What grows while it is read is no reason to leave the line. */
	bar->done = MIN(done, total);
	bar->total = total;
	draw(bar, clock_now());
}

void progress_bar_end(struct progress_bar *bar)
{
	if (bar->fd >= 0 && bar->drawn && !in_background(bar->fd))
		(void)fd_write_full(bar->fd, "\r" ERASE, strlen("\r" ERASE));
	bar->fd = -EBADF;
}
