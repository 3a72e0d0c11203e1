/* SPDX-License-Identifier: Apache-2.0 */
/* Who may listen at a path, and what there is somebody else's. */
#include "base/unix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"

static char folder[] = "/tmp/caisson-test-XXXXXX";
static struct sockaddr_un sun = {.sun_family = AF_UNIX};

static int bound(int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	test_true(fd >= 0 && bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0);
	return fd;
}

static void nobody_else_listens(void)
{
	int fd = unix_listen_alone(sun.sun_path);

	test_true(fd >= 0);
	test_int(unix_listen_alone(sun.sun_path), -EADDRINUSE);
	unix_leave(sun.sun_path);
	test_int(access(sun.sun_path, F_OK), 0);
	(void)fd_close(fd);
	/* As one leaves it who was killed. */
	fd = unix_listen_alone(sun.sun_path);
	test_true(fd >= 0);
	(void)fd_close(fd);
	unix_leave(sun.sun_path);
	test_int(access(sun.sun_path, F_OK), -1);
}

static void others_have_it(int type)
{
	int fd = bound(type);

	test_int(unix_listen_alone(sun.sun_path), -EADDRINUSE);
	unix_leave(sun.sun_path);
	test_int(access(sun.sun_path, F_OK), 0);
	(void)fd_close(fd);
	unix_leave(sun.sun_path);
	test_int(access(sun.sun_path, F_OK), -1);
}

/* As /dev/log. */
static void sockets_of_other_types_are_in_use(void)
{
	others_have_it(SOCK_DGRAM);
	others_have_it(SOCK_SEQPACKET);
}

int main(void)
{
	test_true(mkdtemp(folder) != NULL);
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/socket", folder);
	test_run(nobody_else_listens);
	test_run(sockets_of_other_types_are_in_use);
	test_int(rmdir(folder), 0);
	return 0;
}
