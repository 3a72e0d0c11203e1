/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/network/sysctls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "guest/network/network-check.h"
#include "guest/procfs.h"

#define NAME_MAX_LEN 128

int sysctls_check(const Caisson__Guest__V1__ConfigureRequest *request, struct err *err)
{
	if (request->n_sysctls > NETWORK_SYSCTLS_MAX)
		return err_set(err, -ENOSPC, "sysctls: at most %d, not %zu", NETWORK_SYSCTLS_MAX,
			       request->n_sysctls);
	for (size_t i = 0; i < request->n_sysctls; i++) {
		const char *name = request->sysctls[i]->name;

		if (strncmp(name, "net.", 4) != 0 && strncmp(name, "net/", 4) != 0)
			return err_set(err, -EINVAL, "sysctls[%zu].name: it is not of \"net\"", i);
		if (strlen(name) >= NAME_MAX_LEN)
			return err_set(err, -ENAMETOOLONG, "sysctls[%zu].name: it is too long", i);
	}
	return 0;
}

static void to_path(const char *name, char path[NAME_MAX_LEN])
{
	bool swapped = name[strcspn(name, "./")] == '.';
	char *p = path;

	for (; *name; name++)
		*p++ = !swapped ? *name : *name == '.' ? '/' : *name == '/' ? '.' : *name;
	*p = '\0';
}

static int set(int sys, const Caisson__Guest__V1__Sysctl *sysctl)
{
	_cleanup_close_ int fd = -EBADF;
	char path[NAME_MAX_LEN];

	to_path(sysctl->name, path);
	fd = path_open_beneath(sys, path, O_WRONLY, 0);
	if (fd < 0)
		return fd;
	return write(fd, sysctl->value, strlen(sysctl->value)) < 0 ? -errno : 0;
}

int sysctls_configure(const Caisson__Guest__V1__ConfigureRequest *request, struct err *err)
{
	int proc = procfs_get();
	_cleanup_close_ int sys = proc < 0 ? proc : path_open_beneath(proc, "sys", O_PATH, 0);

	for (size_t i = 0; i < request->n_sysctls; i++) {
		int r = sys < 0 ? sys : set(sys, request->sysctls[i]);

		if (r < 0)
			return err_errno(err, r, "sysctls[%zu]: cannot set %s", i,
					 request->sysctls[i]->name);
	}
	return 0;
}
