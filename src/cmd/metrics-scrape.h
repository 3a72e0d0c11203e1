/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/clock.h"
#include "cmd/metrics-text.h"
#include "loop/loop.h"
#include "sandbox/paths.h"

/* How long all shims together have for their answers: a scrape takes no longer, whoever is mute. */
#define METRICS_PATIENCE_NS (2 * NSEC_PER_SEC)

/**
 * struct metrics_roots - the folders whose containers are looked at
 * @own: one
 * @containerd: those of containerd's namespaces, too, as they are at each scrape
 */
struct metrics_roots {
	const struct paths *own;
	bool containerd;
};

/**
 * metrics_scrape() - ask all shims of running containers, all at once
 * @roots: not needed once this returns
 * @done: gets the text, which is its to free(), once all have answered or time is over; never from within
 *	metrics_scrape()
 *
 * Return: what metrics_scrape_cancel() takes.
 */
struct metrics_scrape *metrics_scrape(struct loop *loop, const struct metrics_roots *roots,
				      void (*done)(void *userdata, char *text, size_t len),
				      void *userdata);

/** metrics_scrape_cancel() - without calling @done; harmless with NULL */
void metrics_scrape_cancel(struct metrics_scrape *scrape);
