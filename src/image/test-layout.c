/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "image/config.h"
#include "image/layout-write.h"
#include "image/reference.h"
#include "image/source-open.h"
#include "image/stream.h"

static char dir[] = "/tmp/caisson-layout-XXXXXX";

/* What is in a layer need not be a tar for whoever stores it. */
static void put_layer(struct layout_writer *w, char fill, size_t len, enum layout_compression how,
		      struct digest *ret)
{
	char piece[1000];
	struct err err = ERR_NULL;

	memset(piece, fill, sizeof(piece));
	test_int(layout_writer_layer(w, how, &err), 0);
	for (size_t at = 0; at < len; at += sizeof(piece))
		test_int(layout_writer_put(w, piece, MIN(sizeof(piece), len - at)), 0);
	test_int(layout_writer_layer_end(w, ret, &err), 0);
}

static char *config_text(const struct digest *v, size_t n, const char *user)
{
	char *ids = xstrdup(""), *text;

	for (size_t i = 0; i < n; i++) {
		char *longer = xasprintf("%s%s\"%s\"", ids, i ? "," : "", v[i].text);

		free(ids);
		ids = longer;
	}
	text = xasprintf("{\"config\":{\"User\":\"%s\"},\"rootfs\":{\"diff_ids\":[%s]}}", user,
			 ids);
	free(ids);
	return text;
}

static struct layout_writer *begin(const char *kind, const char *name)
{
	_cleanup_free_ char *output = xasprintf("%s%s/%s", kind, dir, name);
	struct layout_writer *w = NULL;
	struct err err = ERR_NULL;

	if (layout_writer_open(output, &w, &err) < 0)
		test_fail("%s: %s", output, err.text);
	return w;
}

/* An image with two layers, the second compressed. */
static void write_image(const char *kind, const char *name, const char *user,
			enum layout_compression how, struct digest v[2])
{
	struct layout_writer *w = begin(kind, name);
	_cleanup_free_ char *config = NULL;
	struct err err = ERR_NULL;

	put_layer(w, 'a', 700000, LAYOUT_PLAIN, &v[0]);
	put_layer(w, 'b', 300001, how, &v[1]);
	config = config_text(v, 2, user);
	if (layout_writer_finish(w, config, strlen(config), &err) < 0)
		test_fail("%s: %s", name, err.text);
	layout_writer_free(w);
}

static void open_image(const char *kind, const char *name, struct source *s, int *fd)
{
	_cleanup_free_ char *text = xasprintf("%s%s/%s", kind, dir, name);
	struct image_get_options opts = {.progress = NULL};
	struct reference ref = REFERENCE_NULL;
	struct err err = ERR_NULL;

	*fd = -EBADF;
	test_int(reference_parse(text, &ref, &err), 0);
	if (ref.transport == TRANSPORT_OCI_ARCHIVE) {
		*fd = source_open_file(&ref, &err);
		test_true(*fd >= 0);
		if (source_open_archive(s, &ref, *fd, AT_FDCWD, &opts, &err) < 0)
			test_fail("%s: %s", text, err.text);
	} else if (source_open_oci(s, &ref, &err) < 0) {
		test_fail("%s: %s", text, err.text);
	}
	reference_done(&ref);
}

static void check_layer(struct source *s, size_t i, const struct digest *plain)
{
	struct allowance allowance = {.bytes = 10 << 20, .entries = 1};
	_cleanup_stream_ struct stream stream = STREAM_NULL;
	struct err err = ERR_NULL;

	test_int(stream_open(&stream, &s->blobs, &s->manifest.layers[i], &allowance, &err), 0);
	if (stream_verify(&stream, &s->manifest.layers[i].digest, plain, &err) < 0)
		test_fail("layer %zu: %s", i, err.text);
}

static void check_image(const char *kind, const char *name, const char *user,
			const struct digest v[2])
{
	_cleanup_source_ struct source s = SOURCE_NULL;
	struct image_config config = IMAGE_CONFIG_NULL;
	struct diff_ids ids = DIFF_IDS_NULL;
	_cleanup_free_ char *data = NULL;
	_cleanup_close_ int fd = -EBADF;
	size_t len;

	open_image(kind, name, &s, &fd);
	test_int(source_config(&s, &data, &len, NULL), 0);
	test_int(config_parse(data, len, &config, &ids, NULL), 0);
	test_str(config.user, user);
	test_int(ids.n, 2);
	test_int(s.manifest.n, 2);
	for (size_t i = 0; i < 2; i++) {
		test_str(ids.v[i].text, v[i].text);
		check_layer(&s, i, &v[i]);
	}
	diff_ids_done(&ids);
	image_config_done(&config);
}

static bool is_there(const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	struct stat st;

	return lstat(path, &st) == 0;
}

static void test_written_and_read(void)
{
	static const char *const kinds[] = {"oci:", "oci-archive:"};
	struct digest v[2], gzip[2];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_free_ char *name = xasprintf("image%zu", i);

		write_image(kinds[i], name, "one", LAYOUT_ZSTD, v);
		check_image(kinds[i], name, "one", v);
		/* One without a tag takes the place of one without a tag. */
		write_image(kinds[i], name, "two", LAYOUT_GZIP, gzip);
		check_image(kinds[i], name, "two", gzip);
		test_str(gzip[1].text, v[1].text);
	}
}

static void test_tags(void)
{
	struct digest v[2];

	write_image("oci:", "tags:1.0", "one", LAYOUT_PLAIN, v);
	write_image("oci:", "tags:2.0", "two", LAYOUT_PLAIN, v);
	check_image("oci:", "tags:1.0", "one", v);
	check_image("oci:", "tags:2.0", "two", v);
	write_image("oci:", "tags:1.0", "three", LAYOUT_GZIP, v);
	check_image("oci:", "tags:1.0", "three", v);
	check_image("oci:", "tags:2.0", "two", v);
	write_image("oci-archive:", "tagged:1.0", "one", LAYOUT_PLAIN, v);
	check_image("oci-archive:", "tagged:1.0", "one", v);
}

/* Whoever stops leaves what was there. */
static void test_given_up(void)
{
	struct layout_writer *w = begin("oci:", "never");
	struct digest v[2];

	put_layer(w, 'x', 5000, LAYOUT_GZIP, &v[0]);
	test_int(layout_writer_layer(w, LAYOUT_ZSTD, NULL), 0);
	test_int(layout_writer_put(w, "abc", 3), 0);
	layout_writer_free(w);
	test_true(!is_there("never"));
	w = begin("oci-archive:", "never.tar");
	layout_writer_free(w);
	test_true(!is_there("never.tar"));
}

static void refused(const char *output, int code, const char *word)
{
	struct layout_writer *w = NULL;
	struct err err = ERR_NULL;

	test_int(layout_writer_open(output, &w, &err), code);
	if (!strstr(err.text, word))
		test_fail("no '%s' in: %s", word, err.text);
	layout_writer_free(w);
}

static void test_refused(void)
{
	_cleanup_free_ char *folder = xasprintf("oci:%s", dir);
	_cleanup_free_ char *tag = xasprintf("oci:%s/x:-", dir);
	_cleanup_free_ char *file = xasprintf("oci-archive:%s", dir);
	_cleanup_free_ char *lost = xasprintf("oci:%s/nowhere/x", dir);

	refused("docker-archive:x", -EINVAL, "oci-archive:FILE");
	refused("x", -EINVAL, "no place for an image");
	refused("oci:", -EINVAL, "no place for an image");
	refused(folder, -EEXIST, "no OCI image layout");
	refused(tag, -EINVAL, "'-' is no tag");
	refused(file, -EEXIST, "no regular file");
	refused(lost, -ENOENT, "No such file");
}

/* An index that makes no sense stays as it is, and nothing new lies beside it. */
static void test_broken_index(void)
{
	_cleanup_free_ char *path = xasprintf("%s/broken", dir), *config = NULL, *blob = NULL;
	_cleanup_close_ int folder = -EBADF;
	struct layout_writer *w;
	struct err err = ERR_NULL;
	struct digest v[2];

	write_image("oci:", "broken", "one", LAYOUT_PLAIN, v);
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_int(file_write_atomic_at(folder, "index.json", "{\"manifests\":7}", 15, 0666), 0);
	w = begin("oci:", "broken");
	put_layer(w, 'n', 10, LAYOUT_PLAIN, &v[0]);
	config = config_text(v, 1, "");
	test_int(layout_writer_finish(w, config, strlen(config), &err), -EBADMSG);
	layout_writer_free(w);
	blob = xasprintf("broken/blobs/sha256/%s", digest_hex(&v[0]));
	test_true(!is_there(blob));
}

int main(void)
{
	if (!mkdtemp(dir))
		test_fail("cannot make %s", dir);
	test_run(test_written_and_read);
	test_run(test_tags);
	test_run(test_given_up);
	test_run(test_refused);
	test_run(test_broken_index);
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
	return 0;
}
