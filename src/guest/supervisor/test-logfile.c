/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/supervisor/logfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/test.h"

static struct loop loop;
static struct logfile file = LOGFILE_NULL;
static char dir[] = "/tmp/caisson-test.XXXXXX";
static char path[64], older[64];

static void begin(void)
{
	test_int(loop_init(&loop), 0);
	test_int(logfile_start(&file, &loop, path), 0);
}

static void end(void)
{
	logfile_stop(&file);
	logfile_stop(&file);
	loop_deinit(&loop);
	(void)unlink(path);
	(void)unlink(older);
}

static void turn_over(struct loop_defer *defer)
{
	(void)defer;
	loop_quit(&loop, 0);
}

/* One round of the loop. */
static void turn(void)
{
	struct loop_defer defer = LOOP_DEFER_NULL(defer);

	loop_defer_start(&loop, &defer, turn_over);
	test_int(loop_run(&loop), 0);
}

static void print(const char *data, size_t len)
{
	while (len > 0) {
		size_t piece = len < 4096 ? len : 4096;

		test_int(write(file.pipe[1], data, piece), piece);
		turn();
		data += piece;
		len -= piece;
	}
}

static off_t size_of(const char *name)
{
	struct stat st;

	return stat(name, &st) < 0 ? -1 : st.st_size;
}

static void what_is_printed_is_kept(void)
{
	char *text;

	begin();
	print("one\n", 4);
	print("two\n", 4);
	test_int(file_slurp_at(AT_FDCWD, path, 100, &text, NULL), 0);
	test_str(text, "one\ntwo\n");
	free(text);
	test_int(size_of(older), -1);
	/* What was there stays, and the last words come in. */
	logfile_stop(&file);
	test_int(logfile_start(&file, &loop, path), 0);
	test_int(write(file.pipe[1], "three\n", 6), 6);
	logfile_stop(&file);
	test_int(size_of(path), 14);
	end();
}

static void a_full_file_becomes_the_older_one(void)
{
	static char data[LOGFILE_BYTES_MAX];

	memset(data, 'a', sizeof(data));
	begin();
	print(data, sizeof(data));
	test_int(size_of(path), LOGFILE_BYTES_MAX);
	test_int(size_of(older), -1);
	print("b", 1);
	test_int(size_of(path), 1);
	test_int(size_of(older), LOGFILE_BYTES_MAX);
	for (int i = 0; i < 5; i++)
		print(data, sizeof(data));
	test_true(size_of(path) <= LOGFILE_BYTES_MAX);
	test_true(size_of(older) <= LOGFILE_BYTES_MAX);
	end();
}

static void a_full_file_that_is_found_is_begun_anew(void)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	test_int(ftruncate(fd, 10 * LOGFILE_BYTES_MAX), 0);
	fd_close(fd);
	begin();
	print("new", 3);
	test_int(size_of(path), 3);
	end();
}

/* A program that never stops is served a piece at a time. */
static void a_flood_takes_turns(void)
{
	static char data[65536];

	begin();
	test_int(write(file.pipe[1], data, sizeof(data)), sizeof(data));
	turn();
	test_true(size_of(path) <= 4096);
	end();
}

/* Nowhere to write: the program does not notice. */
static void no_file_is_no_obstacle(void)
{
	static char data[65536];

	test_int(mkdir(path, 0755), 0);
	begin();
	for (int i = 0; i < 4; i++)
		print(data, sizeof(data));
	test_int(write(file.pipe[1], data, sizeof(data)), sizeof(data));
	logfile_stop(&file);
	test_int(rmdir(path), 0);
	end();
}

static void no_link_is_followed(void)
{
	begin();
	logfile_stop(&file);
	(void)unlink(path);
	test_int(symlink("elsewhere", path), 0);
	test_int(logfile_start(&file, &loop, path), 0);
	print("x", 1);
	test_int(chdir(dir), 0);
	test_int(size_of("elsewhere"), -1);
	end();
}

int main(void)
{
	test_true(mkdtemp(dir) != NULL);
	(void)snprintf(path, sizeof(path), "%s/sub/log", dir);
	(void)snprintf(older, sizeof(older), "%s/sub/log.1", dir);
	test_run(what_is_printed_is_kept);
	test_run(a_full_file_becomes_the_older_one);
	test_run(a_full_file_that_is_found_is_begun_anew);
	test_run(a_flood_takes_turns);
	test_run(no_file_is_no_obstacle);
	test_run(no_link_is_followed);
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
	return 0;
}
