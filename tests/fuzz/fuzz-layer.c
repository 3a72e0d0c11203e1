/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"
#include "image/acl.h"
#include "image/layer.h"
#include "image/tarfile.h"

#include "tar-input.h"

/*
 * A layer's tar, as far as what would be written: the sink only checks that every entry is as
 * entry.h promises.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(x)                  \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

#define CONTENT_MAX (1 << 20)

struct sink {
	bool in_file;
	unsigned char seen;
	uint64_t content;
};

static void check_path(const char *path)
{
	while (*path) {
		size_t n = strcspn(path, "/");

		must(n > 0 && n <= NAME_MAX);
		must(strncmp(path, "..", MAX(n, (size_t)2)) != 0);
		must(strncmp(path, ".", n) != 0);
		path += n;
		if (*path)
			must(*++path);
	}
}

static void check_attributes(struct archive_entry *ae)
{
	static const int types[] = {ARCHIVE_ENTRY_ACL_TYPE_ACCESS, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		_cleanup_free_ void *value = NULL;
		size_t len = 0;

		if (acl_build(ae, types[i], &value, &len, NULL) == 0 && value)
			must(len > 4 && (len - 4) % 8 == 0);
	}
}

static int sink_entry(void *userdata, const struct entry *e, struct err *err)
{
	struct sink *s = userdata;

	must(!s->in_file);
	check_path(e->parent);
	must(!strchr(e->name, '/') && strcmp(e->name, "..") != 0 && strcmp(e->name, ".") != 0);
	must(*e->name || e->kind == ENTRY_DIR || e->kind == ENTRY_OPAQUE);
	if (e->kind == ENTRY_SKIP || e->kind == ENTRY_WHITEOUT || e->kind == ENTRY_OPAQUE)
		return 0;
	must((e->mode & ~(mode_t)07777) == 0 || e->kind == ENTRY_NODE);
	must(e->uid != UINT32_MAX && e->gid != UINT32_MAX);
	must(e->mtime.tv_nsec >= 0 && e->mtime.tv_nsec < 1000000000);
	if (e->kind == ENTRY_HARDLINK)
		check_path(e->link);
	if (e->kind == ENTRY_HARDLINK || e->kind == ENTRY_SYMLINK)
		must(*e->link);
	check_attributes(e->archive);
	s->in_file = e->kind == ENTRY_FILE;
	return 0;
}

static int sink_data(void *userdata, const void *data, size_t len, int64_t offset, struct err *err)
{
	struct sink *s = userdata;
	const unsigned char *p = data;

	must(s->in_file && len > 0);
	s->seen ^= p[0] ^ p[len - 1];
	s->content += len;
	return s->content > CONTENT_MAX ? err_set(err, -EFBIG, "enough") : 0;
}

static int sink_end(void *userdata, struct err *err)
{
	struct sink *s = userdata;

	must(s->in_file);
	s->in_file = false;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct allowance allowance = {.entries = 10000};
	struct sink sink = {.in_file = false};
	struct layer_sink ops = {
		.entry = sink_entry, .data = sink_data, .end = sink_end, .userdata = &sink};
	struct err err = ERR_NULL;
	struct tar_input in;
	struct archive *tar;
	int r;

	if (size == 0)
		return 0;
	tar_input_init(&in, data, size);
	tar = tarfile_new();
	if (tar_input_open(&in, tar) == ARCHIVE_OK) {
		r = layer_read(tar, &ops, &allowance, &err);
		must(r <= 0 && (r == 0 || (err.code == r && !strchr(err.text, '\n'))));
	}
	tarfile_free(tar);
	tar_input_done(&in);
	return 0;
}
