/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "image/catalog.h"

#define A "aaaa000000000000000000000000000000000000000000000000000000000001"
#define B "aaab000000000000000000000000000000000000000000000000000000000002"
#define C "b000000000000000000000000000000000000000000000000000000000000003"

static struct store store;
static char dir[] = "/tmp/test-catalog-XXXXXX";

static void make_image(const char *hex)
{
	_cleanup_free_ char *path = xasprintf("%s/images/%s", dir, hex);

	test_int(mkdir(path, 0700), 0);
}

/* Also what store_write_line() would never write. */
static void make_ref(const char *file, const char *line)
{
	_cleanup_free_ char *path = xasprintf("refs/%s", file);

	test_int(store_write_line(&store, path, line), 0);
}

static void set_up(void)
{
	test_true(mkdtemp(dir));
	test_int(store_open(&store, dir, NULL), 0);
	make_image(A);
	make_image(B);
	make_image(C);
	make_image("not-an-image");
	make_ref("docker.io+library+debian:12", "sha256:" A "\n");
	make_ref("docker.io+some+name:x", "sha256:" A "\n");
	make_ref("docker.io+foo.bar+name:x", "sha256:" A "\n");
	make_ref("localhost:5000+b:latest", "sha256:" B "\n");
	make_ref("docker.io+library+b000:latest", "sha256:" B "\n");
	make_ref("0123456789abcdef", "sha256:" B " oci:/some where/\n:x\n");
	make_ref("docker.io+library+gone:1", "sha256:" C);
	make_ref("docker.io+library+gone:2", "sha256:" C "x\n");
	make_ref("docker.io+library+gone:3", "\n");
	make_ref("docker.io+library+gone:4", "sha256:c" A "\n");
}

static void names_are_as_users_write_them(void)
{
	_cleanup_catalog_ struct catalog c = CATALOG_NULL;
	struct err err = ERR_NULL;

	test_int(catalog_read(&store, &c, &err), 0);
	test_int(c.n, 3);
	test_str(c.v[0].id.text, "sha256:" A);
	test_int(c.v[0].names.n, 3);
	test_str(c.v[0].names.v[0], "debian:12");
	/* "foo.bar/name:x" would be of another registry. */
	test_str(c.v[0].names.v[1], "docker.io/foo.bar/name:x");
	test_str(c.v[0].names.v[2], "some/name:x");
	test_int(c.v[1].names.n, 3);
	test_str(c.v[1].names.v[0], "b000:latest");
	test_str(c.v[1].names.v[1], "localhost:5000/b:latest");
	test_str(c.v[1].names.v[2], "oci:/some where/\n:x");
	test_int(c.v[2].names.n, 0);
}

static const struct {
	const char *word;
	int result;
	const char *hex, *name;
} words[] = {
	{"debian:12", 0, A, "debian:12"},
	{"docker.io/debian:12", 0, A, "debian:12"},
	{"docker://docker.io/library/debian:12", 0, A, "debian:12"},
	{"docker.io/foo.bar/name:x", 0, A, "docker.io/foo.bar/name:x"},
	{"foo.bar/name:x", -ENOENT, NULL, NULL},
	{"debian", -ENOENT, NULL, NULL},
	{"localhost:5000/b", 0, B, "localhost:5000/b:latest"},
	{"oci:/some where/\n:x", 0, B, "oci:/some where/\n:x"},
	{"sha256:" A, 0, A, NULL},
	{A, 0, A, NULL},
	{"aaaa", 0, A, NULL},
	{"sha256:aaab", 0, B, NULL},
	{"aaa", -EEXIST, NULL, NULL},
	{"sha256:a", -EEXIST, NULL, NULL},
	{"b", 0, C, NULL},
	/* A name goes before the beginning of an ID. */
	{"b000", 0, B, "b000:latest"},
	{"sha256:b000", 0, C, NULL},
	{A "0", -ENOENT, NULL, NULL},
	{"", -ENOENT, NULL, NULL},
	{"sha256:", -ENOENT, NULL, NULL},
	{"gone:1", -ENOENT, NULL, NULL},
	{"../images", -ENOENT, NULL, NULL},
};

static void words_mean_images(void)
{
	_cleanup_catalog_ struct catalog c = CATALOG_NULL;
	struct err err = ERR_NULL;

	test_int(catalog_read(&store, &c, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const struct catalog_image *image = NULL;
		const char *name;

		printf("# %s\n", words[i].word);
		test_int(catalog_find(&c, words[i].word, &image, &name, &err), words[i].result);
		if (words[i].result < 0)
			continue;
		test_str(digest_hex(&image->id), words[i].hex);
		test_int(!name, !words[i].name);
		if (name)
			test_str(name, words[i].name);
	}
}

static void a_store_that_is_gone_is_an_error(void)
{
	_cleanup_catalog_ struct catalog c = CATALOG_NULL;
	struct err err = ERR_NULL;

	test_int(path_remove_tree(store.fd, "refs"), 0);
	test_int(catalog_read(&store, &c, &err), -ENOENT);
	test_true(strstr(err.text, "/refs'"));
}

int main(void)
{
	set_up();
	test_run(names_are_as_users_write_them);
	test_run(words_mean_images);
	test_run(a_store_that_is_gone_is_an_error);
	store_done(&store);
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
	return 0;
}
