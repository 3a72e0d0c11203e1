/* SPDX-License-Identifier: Apache-2.0 */
#include "image/store-limit.h"

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
#include "image/measure.h"

#define N_IMAGES  3
#define FILE_SIZE 100000

static char place[] = "/tmp/test-store-limit-XXXXXX";
static struct store store = STORE_NULL;
static struct store_tmp tmp = STORE_TMP_NULL;
static struct digest ids[N_IMAGES + 1];
static uint64_t each; /* bytes that one takes */
static char removed[64];

/* The last one is that which comes. */
#define COMES (&ids[N_IMAGES])

static void fill(int fd)
{
	_cleanup_free_ char *data = xcalloc(1, FILE_SIZE);
	_cleanup_close_ int file = openat(fd, "rootfs", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	memset(data, 'x', FILE_SIZE);
	test_int(fd_write_full(file, data, FILE_SIZE), 0);
	test_int(fsync(file), 0);
}

static void make_image(const struct digest *id, time_t used)
{
	const struct timespec times[2] = {{.tv_sec = used}, {.tv_sec = used}};
	_cleanup_free_ char *path = xasprintf("images/%s", digest_hex(id));
	_cleanup_close_ int fd = -EBADF;

	test_int(mkdirat(store.fd, path, 0700), 0);
	fd = openat(store.fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fill(fd);
	test_int(futimens(fd, times), 0);
	each = measure_folder(fd);
}

/* The second one is the one that was not used for longest, then comes the third. */
static void begin(void)
{
	static const time_t used[N_IMAGES] = {3000, 1000, 2000};

	test_int(store_open(&store, place, NULL), 0);
	for (int i = 0; i <= N_IMAGES; i++)
		digest_of(&i, sizeof(i), &ids[i]);
	for (size_t i = 0; i < N_IMAGES; i++)
		make_image(&ids[i], used[i]);
	test_int(store_tmp_new(&store, &tmp, NULL), 0);
	fill(tmp.fd);
	*removed = '\0';
}

static void end(void)
{
	store_tmp_done(&tmp);
	store_done(&store);
	test_int(path_remove_tree(AT_FDCWD, place), 0);
}

static void note(const char *id, void *userdata _unused_)
{
	for (int i = 0; i <= N_IMAGES; i++)
		if (strcmp(ids[i].text, id) == 0)
			(void)sprintf(removed + strlen(removed), "%d ", i);
}

/* Which are there? */
static const char *there(void)
{
	static char text[64];

	*text = '\0';
	for (int i = 0; i <= N_IMAGES; i++) {
		_cleanup_free_ char *path = xasprintf("images/%s/rootfs", digest_hex(&ids[i]));

		if (faccessat(store.fd, path, F_OK, 0) == 0)
			(void)sprintf(text + strlen(text), "%d ", i);
	}
	return text;
}

static struct image_limit limit_of(uint64_t bytes)
{
	return (struct image_limit){.bytes = bytes, .name = "the limit", .removed = note};
}

static void make_room(const struct image_limit *limit, const char *gone, const char *left)
{
	struct err err = ERR_NULL;
	int lock = store_make_room(&tmp, COMES, limit, NULL, &err);

	if (lock < 0)
		test_fail("%s", err.text);
	fd_close(lock);
	test_str(removed, gone);
	test_str(there(), left);
}

static void no_room(const struct image_limit *limit, int error, const char *words)
{
	struct err err = ERR_NULL;

	test_int(store_make_room(&tmp, COMES, limit, NULL, &err), error);
	if (!strstr(err.text, words))
		test_fail("\"%s\" is not in: %s", words, err.text);
	test_str(removed, "");
}

static void as_few_go_as_will_do(void)
{
	static const struct {
		int more; /* than so many images */
		unsigned int images;
		const char *gone, *left;
	} cases[] = {
		{0, 4, "", "0 1 2 "},  {-1, 4, "1 ", "0 2 "}, {0, 3, "1 ", "0 2 "},
		{-1, 3, "1 2 ", "0 "}, {0, 1, "1 2 0 ", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct image_limit limit;

		begin();
		limit = limit_of(cases[i].images * each + (uint64_t)cases[i].more);
		make_room(&limit, cases[i].gone, cases[i].left);
		end();
	}
}

static void what_never_fits_costs_nothing(void)
{
	struct image_limit limit;

	begin();
	limit = limit_of(each - 1);
	no_room(&limit, -EFBIG, "more than the limit allows it for all");
	test_str(there(), "0 1 2 ");
	end();
}

static void what_is_used_stays(void)
{
	struct image_limit limit;
	int fd;

	begin();
	fd = store_hold(&store, &ids[1]);
	test_true(fd >= 0);
	limit = limit_of(3 * each);
	make_room(&limit, "2 ", "0 1 ");
	*removed = '\0';
	/* Not even the one that could go does, as that would not be enough. */
	limit = limit_of(2 * each - 1);
	no_room(&limit, -EFBIG, "raise that");
	test_str(there(), "0 1 ");
	fd_close(fd);
	make_room(&limit, "1 0 ", "");
	end();
}

static int keep(const char *id, void *userdata, struct err *err)
{
	if (userdata)
		return err_set(err, -EIO, "nobody knows");
	return strcmp(id, ids[1].text) == 0;
}

static void what_is_kept_stays(void)
{
	struct image_limit limit;
	int some;

	begin();
	limit = limit_of(3 * each);
	limit.kept = keep;
	make_room(&limit, "2 ", "0 1 ");
	*removed = '\0';
	limit.bytes = 2 * each - 1;
	no_room(&limit, -EFBIG, "raise that");
	limit.userdata = &some;
	no_room(&limit, -EIO, "nobody knows");
	test_str(there(), "0 1 ");
	end();
}

/* The disk of what has been there as a folder, or the other way round. */
static void another_form_of_it_counts_and_stays(void)
{
	struct image_limit limit;

	begin();
	make_image(COMES, 500);
	limit = limit_of(4 * each);
	make_room(&limit, "1 ", "0 2 3 ");
	*removed = '\0';
	limit = limit_of(2 * each - 1);
	no_room(&limit, -EFBIG, "more than the limit allows");
	make_room(&(struct image_limit){.bytes = 2 * each, .removed = note}, "2 0 ", "3 ");
	end();
}

int main(void)
{
	test_true(mkdtemp(place));
	test_int(rmdir(place), 0);
	test_run(as_few_go_as_will_do);
	test_run(what_never_fits_costs_nothing);
	test_run(what_is_used_stays);
	test_run(what_is_kept_stays);
	test_run(another_form_of_it_counts_and_stays);
	return 0;
}
