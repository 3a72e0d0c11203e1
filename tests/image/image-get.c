/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "image/build.h"
#include "image/image.h"

/*
 * image_get() for the tests in this folder: prints what it got, one "name value" a line, or the
 * error on stderr with status 1.
 */

static volatile sig_atomic_t cancelled;

static void on_signal(int sig)
{
	cancelled = 1;
}

static void show_progress(const char *line, void *userdata)
{
	printf("progress %s\n", line);
	fflush(stdout);
}

static void show_list(const char *name, const struct strv *l)
{
	for (size_t i = 0; i < l->n; i++)
		printf("%s %s\n", name, l->v[i]);
}

static void show(const struct image *image)
{
	printf("id %s\n", image->id);
	printf("rootfs %s\n", image->rootfs);
	show_list("entrypoint", &image->config.entrypoint);
	show_list("cmd", &image->config.cmd);
	show_list("env", &image->config.env);
	printf("user %s\n", image->config.user);
	printf("workdir %s\n", image->config.working_dir);
	printf("signal %d\n", image->config.stop_signal);
	printf("platform %s/%s\n", image->config.os, image->config.architecture);
}

/* Not getrusage(): that has the memory of whoever forked this process, too. */
static void show_memory(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	long kib;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmHWM: %ld", &kib) == 1)
			printf("memory %ld\n", kib);
	if (f)
		fclose(f);
}

static int usage(void)
{
	fputs("usage: image-get [--store DIR] [--pull missing|always|never] [--max-bytes N]\n"
	      "                 [--max-entries N] [--times N] [--hold] [--disk] REFERENCE\n"
	      "       image-get --build FILE [--size N] [--extra N] [OPTIONS] REFERENCE\n",
	      stderr);
	return 2;
}

struct arguments {
	const char *store;
	struct image_get_options options;
	struct image_build build;
	int times;
	bool hold;
};

static int set_pull(struct arguments *a, const char *value)
{
	static const char *const names[] = {"missing", "always", "never"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(value, names[i]) != 0)
			continue;
		a->options.pull = (enum image_pull)i;
		return 0;
	}
	return usage();
}

static int parse(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
		{"store", required_argument, NULL, 's'},
		{"pull", required_argument, NULL, 'p'},
		{"max-bytes", required_argument, NULL, 'b'},
		{"max-entries", required_argument, NULL, 'e'},
		{"times", required_argument, NULL, 't'},
		{"hold", no_argument, NULL, 'h'},
		{"disk", no_argument, NULL, 'd'},
		{"build", required_argument, NULL, 'o'},
		{"size", required_argument, NULL, 'S'},
		{"extra", required_argument, NULL, 'E'},
		{NULL},
	};
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			a->store = optarg;
		else if (c == 'p')
			r = set_pull(a, optarg);
		else if (c == 'b')
			a->options.max_bytes = strtoull(optarg, NULL, 10);
		else if (c == 'e')
			a->options.max_entries = strtoull(optarg, NULL, 10);
		else if (c == 't')
			a->times = atoi(optarg);
		else if (c == 'o')
			a->build.output = optarg;
		else if (c == 'S')
			r = parse_size(optarg, &a->build.size);
		else if (c == 'E')
			r = parse_size(optarg, &a->build.extra);
		else if (c == 'h')
			a->hold = true;
		else if (c == 'd')
			a->options.form = IMAGE_DISK;
		else
			r = usage();
	}
	return r ? r : optind + 1 == argc ? 0 : usage();
}

/* --times: how long the same image takes again, on the average */
static int repeat(const struct arguments *a, const char *reference, struct err *err)
{
	uint64_t start = clock_now();
	int r;

	for (int i = 0; i < a->times; i++) {
		_cleanup_image_ struct image again = IMAGE_NULL;

		r = image_get(a->store, reference, &a->options, &again, err);
		if (r < 0)
			return r;
	}
	printf("microseconds %.1f\n", (double)(clock_now() - start) / 1e3 / a->times);
	return 0;
}

static int build(struct arguments *a, const char *reference, struct err *err)
{
	a->build.reference = reference;
	a->build.opts = a->options;
	return image_build(&a->build, err);
}

int main(int argc, char **argv)
{
	struct arguments a = {
		.store = "/var/lib/caisson",
		.options = {.progress = show_progress, .cancel = &cancelled},
	};
	struct sigaction sa = {.sa_handler = on_signal};
	_cleanup_image_ struct image image = IMAGE_NULL;
	struct err err = ERR_NULL;
	int r = parse(argc, argv, &a);

	if (r)
		return r;
	/* As a program may: the library must not read names as text for that. */
	(void)setlocale(LC_ALL, "");
	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGTERM, &sa, NULL);
	r = a.build.output ? build(&a, argv[optind], &err)
			   : image_get(a.store, argv[optind], &a.options, &image, &err);
	if (r == 0 && !a.build.output) {
		show(&image);
		r = a.times > 0 ? repeat(&a, argv[optind], &err) : 0;
	}
	show_memory();
	if (r < 0) {
		fprintf(stderr, "image-get: %s\n", err.text);
		return 1;
	}
	fflush(stdout);
	/* Keeps the image in use until somebody closes the standard input. */
	while (a.hold && read(STDIN_FILENO, &r, 1) > 0)
		;
	return 0;
}
