/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/filedisk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/path.h"
#include "base/test-proc.h"
#include "base/test.h"

static char cache[] = "/tmp/caisson-test.XXXXXX";

static struct filedisk_file a_file(const char *path, const char *text, mode_t mode)
{
	struct filedisk_file file = {.path = path, .mode = mode, .size = strlen(text)};

	file.fd = memfd_create("file", MFD_CLOEXEC);
	test_int(fd_write_full(file.fd, text, strlen(text)), 0);
	return file;
}

static int get(const struct filedisk_file *files, size_t n)
{
	struct err err = ERR_NULL;
	int fd = filedisk_get(cache, files, n, &err);

	if (fd < 0)
		test_fail("%s", err.text);
	return fd;
}

/* Return: the program's output; its exit status must be 0. */
static char *tool(const char *program, const char *option, const char *argument, int image)
{
	char path[64], *output = NULL;
	const char *argv[] = {program, option, argument ? argument : path, argument ? path : NULL,
			      NULL};
	struct proc_spec spec = PROC_SPEC_NULL;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), image);
	spec.argv = argv;
	if (test_proc_run(&spec, &output) != 0)
		test_fail("%s: %s", program, output ? output : "cannot run");
	return output;
}

static void check_file(int image, const char *path, const char *text, const char *mode)
{
	_cleanup_free_ char *cat = xasprintf("cat %s", path), *stat = xasprintf("stat %s", path);
	_cleanup_free_ char *content = tool("debugfs", "-R", cat, image);
	_cleanup_free_ char *status = tool("debugfs", "-R", stat, image);

	/* Its version comes first, on stderr. */
	test_true(strstr(content, text) != NULL);
	test_true(strstr(status, mode) != NULL);
	test_true(strstr(status, "User:     0   Group:     0") != NULL);
}

static void files_are_on_it(void)
{
	struct filedisk_file files[] = {
		a_file("/run/spin-stack/empty", "", 0600),
		a_file("/run/spin-stack/spin-supervisor", "a program", 0755),
		a_file("/var/lib/spin-stack/a/b/c/deep", "deep", 0444),
	};
	_cleanup_close_ int image = get(files, ARRAY_SIZE(files));

	test_int(fcntl(image, F_GETFL) & O_ACCMODE, O_RDONLY);
	free(tool("e2fsck", "-fn", NULL, image));
	check_file(image, "/run/spin-stack/spin-supervisor", "a program", "Mode:  0755");
	check_file(image, "/var/lib/spin-stack/a/b/c/deep", "deep", "Mode:  0444");
	check_file(image, "/run/spin-stack/empty", "", "Mode:  0600");
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		fd_close(files[i].fd);
}

static char *slurp(int fd, size_t *ret_len)
{
	char *data;

	test_int(lseek(fd, 0, SEEK_SET), 0);
	test_int(fd_slurp(fd, 64 << 20, &data, ret_len), 0);
	return data;
}

static size_t count_images(bool remove)
{
	_cleanup_free_ char *path = path_join(cache, "extras");
	DIR *dir = opendir(path);
	struct dirent *de;
	size_t n = 0;

	test_true(dir != NULL);
	while ((de = readdir(dir)))
		if (*de->d_name != '.') {
			n++;
			test_int(strlen(de->d_name), 64 + 4);
			if (remove)
				test_int(unlinkat(dirfd(dir), de->d_name, 0), 0);
		}
	(void)closedir(dir);
	return n;
}

static nlink_t links_of(int fd)
{
	struct stat st;

	test_int(fstat(fd, &st), 0);
	return st.st_nlink;
}

static void same_input_same_bytes(void)
{
	struct filedisk_file file = a_file("/run/spin-stack/x", "same", 0755);
	_cleanup_close_ int first = -EBADF, second = -EBADF, third = -EBADF;
	_cleanup_free_ char *a = NULL, *b = NULL;
	size_t a_len, b_len;
	struct stat st[2];

	(void)count_images(true);
	first = get(&file, 1);
	/* Known by then. */
	second = get(&file, 1);
	test_int(fstat(first, &st[0]) | fstat(second, &st[1]), 0);
	test_int(st[0].st_ino, st[1].st_ino);
	test_int(count_images(true), 1);
	third = get(&file, 1);
	a = slurp(first, &a_len);
	b = slurp(third, &b_len);
	test_int(a_len, b_len);
	test_mem(a, b, a_len);
	test_int(count_images(false), 1);
	fd_close(file.fd);
}

static void all_of_it_counts(void)
{
	struct filedisk_file files[] = {
		a_file("/run/spin-stack/x", "same", 0755),
		a_file("/run/spin-stack/y", "same", 0755),
		a_file("/run/spin-stack/x", "samf", 0755),
		a_file("/run/spin-stack/x", "same", 0754),
		a_file("/run/spin-stack/x", "same ", 0755),
	};

	(void)count_images(true);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		fd_close(get(&files[i], 1));
		test_int(count_images(false), i + 1);
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		fd_close(files[i].fd);
}

static void large_and_many(void)
{
	static struct filedisk_file files[64];
	static char names[64][300];
	_cleanup_close_ int image = -EBADF;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		(void)snprintf(names[i], sizeof(names[i]), "/run/spin-stack/%0200zu", i);
		files[i] = a_file(names[i], "x", 0755);
	}
	/* Over more than one group of blocks. */
	test_int(ftruncate(files[0].fd, 200 << 20), 0);
	files[0].size = 200 << 20;
	image = get(files, ARRAY_SIZE(files));
	free(tool("e2fsck", "-fn", NULL, image));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		fd_close(files[i].fd);
}

static void wrong_size_is_noticed(void)
{
	struct filedisk_file file = a_file("/run/spin-stack/x", "12345", 0755);
	struct err err = ERR_NULL;

	(void)count_images(true);
	file.size = 4;
	test_int(filedisk_get(cache, &file, 1, &err), -ESTALE);
	file.size = 6;
	test_int(filedisk_get(cache, &file, 1, &err), -ESTALE);
	test_int(count_images(false), 0);
	fd_close(file.fd);
}

/* The cache is bounded; who has a disk keeps it, and the first of those that nobody has goes first. */
static void no_more_than_so_many_are_kept(void)
{
	struct filedisk_file first = a_file("/run/spin-stack/first", "x", 0755), file;
	int held;

	(void)count_images(true);
	held = get(&first, 1);
	for (int i = 0; i < FILEDISK_CACHE_FILES + 3; i++) {
		char text[16];

		(void)snprintf(text, sizeof(text), "%d", i);
		file = a_file("/run/spin-stack/x", text, 0755);
		fd_close(get(&file, 1));
		fd_close(file.fd);
		test_int(count_images(false), MIN(i + 2, FILEDISK_CACHE_FILES));
	}
	test_true(links_of(held) == 1);
	fd_close(held);
	fd_close(first.fd);
}

int main(void)
{
	test_true(mkdtemp(cache) != NULL);
	test_run(files_are_on_it);
	test_run(same_input_same_bytes);
	test_run(all_of_it_counts);
	test_run(large_and_many);
	test_run(wrong_size_is_noticed);
	test_run(no_more_than_so_many_are_kept);
	test_int(path_remove_tree(AT_FDCWD, cache), 0);
	return 0;
}
