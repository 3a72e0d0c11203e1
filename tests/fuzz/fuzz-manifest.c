/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"
#include "image/config.h"
#include "image/fetch.h"
#include "image/manifest.h"
#include "image/reference.h"

/*
 * The documents of an image, and the names that lead to them. The first byte chooses the parser;
 * what it accepts must be fit for use as it is.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(x)                  \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static void check_error(int r, const struct err *err)
{
	must(r <= 0);
	must(r == 0 || (err->code == r && *err->text && !strchr(err->text, '\n')));
}

static void check_digest(const struct digest *d)
{
	struct digest again;

	must(digest_parse(d->text, &again) == 0 && !strchr(digest_hex(d), '/'));
}

static void fuzz_manifest(const char *text, size_t len)
{
	struct manifest m = MANIFEST_NULL;
	struct err err = ERR_NULL;
	int r = manifest_parse(text, len, &m, &err);

	check_error(r, &err);
	must(m.n <= IMAGE_LAYERS_MAX);
	for (size_t i = 0; r == 0 && i < m.n; i++)
		check_digest(&m.layers[i].digest);
	if (r == 0)
		check_digest(&m.config.digest);
	manifest_done(&m);
}

static void fuzz_index(const char *text, size_t len)
{
	static const char *const tags[] = {NULL, "", "tag"};

	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		struct blob_ref ref = {.path = NULL};
		struct err err = ERR_NULL;
		bool is_index;
		int r = manifest_pick(text, len, tags[i], "amd64", &ref, &is_index, &err);

		check_error(r, &err);
		if (r == 0)
			check_digest(&ref.digest);
	}
}

static void fuzz_docker(const char *text, size_t len)
{
	static const char *const tags[] = {NULL, "a:1"};

	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		struct manifest m = MANIFEST_NULL;
		struct err err = ERR_NULL;
		int r = manifest_pick_docker(text, len, tags[i], &m, &err);

		check_error(r, &err);
		must(m.n <= IMAGE_LAYERS_MAX);
		must(r < 0 || m.config.path);
		manifest_done(&m);
	}
}

static void fuzz_config(const char *text, size_t len)
{
	struct image_config c = IMAGE_CONFIG_NULL;
	struct diff_ids d = DIFF_IDS_NULL;
	struct err err = ERR_NULL;
	int r = config_parse(text, len, &c, &d, &err);

	check_error(r, &err);
	if (r == 0) {
		must(c.user && c.working_dir && c.os && c.architecture);
		must(c.stop_signal > 0 && c.stop_signal <= 64);
		for (size_t i = 0; i < d.n; i++)
			check_digest(&d.v[i]);
	}
	image_config_done(&c);
	diff_ids_done(&d);
}

static void fuzz_name(const char *text, size_t len)
{
	_cleanup_free_ char *s = xstrndup(text, len), *full = NULL, *again = NULL;
	bool loopback;

	if (reference_name(s, &full, &loopback) < 0)
		return;
	/* It becomes a file's name and a program's argument, and means itself. */
	must(strlen(full) < 240 && !strstr(full, "/../") && !strchr("-/.", *full));
	must(reference_name(full, &again, NULL) == 0 && strcmp(full, again) == 0);
}

static void fuzz_reason(const char *text, size_t len)
{
	_cleanup_free_ char *s = xstrndup(text, len);

	must(strlen(fetch_reason(s)) <= len);
}

static void (*const parsers[])(const char *text, size_t len) = {
	fuzz_manifest, fuzz_index, fuzz_docker, fuzz_config, fuzz_name, fuzz_reason,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0)
		parsers[data[0] % ARRAY_SIZE(parsers)]((const char *)data + 1, size - 1);
	return 0;
}
