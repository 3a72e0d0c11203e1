/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "base/unix.h"
#include "cmd/client.h"
#include "shim/lifeline.h"

/*
 * This program is the shim as well, when it is called so: it says on each connection what its
 * lifeline gave, and ends with the lifeline, as the real one does.
 */
#define SHIM "caisson-shim"

static char folder[] = "/tmp/test-spawn-XXXXXX";
static struct paths paths;
static struct record record;
static int image = -EBADF;
static struct spawned shim = SPAWNED_NULL;
static struct err err;

static int be_shim(int argc, char **argv)
{
	char byte = 0;
	int fd;

	if (argc != 3 || strcmp(argv[1], "--id") != 0 || strcmp(argv[2], "c1") != 0)
		return 2;
	/* A session of its own: the terminal's signals are for the command line only. */
	if (getsid(0) != getpid() || fcntl(SHIM_FD_IMAGE + 1, F_GETFD) >= 0)
		return 3;
	/* The claim came along, it was not taken anew. */
	if (flock(SHIM_FD_LOCK, LOCK_EX | LOCK_NB) < 0)
		return 4;
	if (fcntl(SHIM_FD_IMAGE, F_GETFD) < 0)
		return 6;
	(void)fd_nonblock(SHIM_FD_LISTEN, false);
	fd = accept4(SHIM_FD_LISTEN, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0 || write(fd, "hello", 5) != 5)
		return 5;
	if (read(SHIM_FD_LIFELINE, &byte, 1) == 1)
		(void)!write(fd, &byte, 1);
	/* Let go: only the connection's end is ours then. */
	if (byte)
		(void)!read(fd, &byte, 1);
	return 0;
}

static void begin(void)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;

	spec.id = xstrdup("c1");
	strv_add(&spec.args, "true");
	record = (struct record)RECORD_NULL;
	if (record_create(&paths, &spec, &record, &err) < 0)
		test_fail("%s", err.text);
	sandbox_spec_done(&spec);
}

static void end(void)
{
	struct record claimed = RECORD_NULL;

	/* The claim is free once the shim has gone, and not before. */
	test_int(record_open(&paths, "c1", &claimed, &err), 0);
	test_int(record_wait(&claimed, 0), 0);
	test_int(record_remove(&paths, &claimed, &err), 0);
	record_done(&claimed);
	record_done(&record);
	spawn_end(&shim);
	spawn_end(&shim);
	test_int(shim.proc.pidfd, -EBADF);
	shim = (struct spawned)SPAWNED_NULL;
}

/* Connects before the shim can have come up: its socket is there already. */
static int spawn(void)
{
	_cleanup_free_ char *path = client_socket_path(&record);
	char buf[8];
	int fd;

	if (spawn_shim(&paths, &record, image, NULL, &shim, &err) < 0)
		test_fail("%s", err.text);
	test_true(record.lock < 0);
	fd = unix_connect(path);
	test_true(fd >= 0);
	test_int(fd_nonblock(fd, false), 0);
	test_int(fd_read_full(fd, buf, 5), 5);
	test_mem(buf, "hello", 5);
	return fd;
}

static void a_shim_ends_with_us(void)
{
	char byte;
	int fd, status;

	begin();
	fd = spawn();
	test_int(record_state(&record, &status), RECORD_RUNNING);
	spawn_end(&shim);
	test_int(read(fd, &byte, 1), 0);
	test_int(shim.proc.pid, 0);
	fd_close(fd);
	end();
}

static void a_shim_that_is_let_go_stays(void)
{
	char byte;
	int fd, status;

	begin();
	fd = spawn();
	spawn_let_go(&shim);
	/* Nothing is waited for any more. */
	spawn_end(&shim);
	test_int(fd_read_full(fd, &byte, 1), 1);
	test_int(byte, LIFELINE_LET_GO);
	test_int(record_state(&record, &status), RECORD_RUNNING);
	fd_close(fd);
	end();
}

static bool image_is_free(void)
{
	_cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static void the_image_stays_with_the_shim(void)
{
	int fd;

	image = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_int(flock(image, LOCK_SH), 0);
	begin();
	fd = spawn();
	spawn_let_go(&shim);
	image = fd_close(image);
	test_true(!image_is_free());
	fd_close(fd);
	end();
	test_true(image_is_free());
}

static void without_a_shim_the_record_stays_ours(void)
{
	_cleanup_free_ char *program = path_join(folder, SHIM);
	int status;

	begin();
	test_int(unlink(program), 0);
	test_int(spawn_shim(&paths, &record, image, NULL, &shim, &err), -ENOENT);
	test_true(strstr(err.text, SHIM));
	test_true(record.lock >= 0 && shim.lifeline < 0);
	test_int(record_state(&record, &status), RECORD_RUNNING);
	record.lock = fd_close(record.lock);
	end();
}

static void prepare(void)
{
	_cleanup_free_ char *self = path_self_dir(), *program = NULL;
	_cleanup_free_ char *exe = path_join(self, program_invocation_short_name);

	test_true(mkdtemp(folder));
	program = path_join(folder, SHIM);
	paths.root = path_join(folder, "root");
	paths.programs = xstrdup(folder);
	paths.run = path_join(folder, "run");
	test_int(mkdir(paths.root, 0700), 0);
	test_int(mkdir(paths.run, 0700), 0);
	test_int(symlink(exe, program), 0);
}

int main(int argc, char **argv)
{
	(void)signal(SIGPIPE, SIG_IGN);
	if (strcmp(program_invocation_short_name, SHIM) == 0)
		return be_shim(argc, argv);
	prepare();
	test_run(a_shim_ends_with_us);
	test_run(a_shim_that_is_let_go_stays);
	test_run(the_image_stays_with_the_shim);
	test_run(without_a_shim_the_record_stays_ours);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	paths_done(&paths);
	return 0;
}
