/* SPDX-License-Identifier: Apache-2.0 */
#include "image/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "image/text.h"

#define OUTPUT_KEPT 8192

/* skopeo refuses to work without a trust policy; Docker has none. An administrator's counts. */
static bool has_policy(void)
{
	_cleanup_free_ char *own = NULL;
	const char *home = getenv("HOME");

	if (access("/etc/containers/policy.json", R_OK) == 0)
		return true;
	own = xasprintf("%s/.config/containers/policy.json", home ? home : "");
	return home && access(own, R_OK) == 0;
}

static void build_command(struct strv *argv, const char *name, bool insecure, const char *dir)
{
	strv_add(argv, "skopeo");
	strv_addf(argv, "--tmpdir=%s", dir);
	strv_add(argv, "--override-os=linux");
	if (!has_policy())
		strv_add(argv, "--insecure-policy");
	strv_add(argv, "copy");
	if (insecure)
		strv_add(argv, "--src-tls-verify=false");
	strv_addf(argv, "docker://%s", name);
	strv_addf(argv, "dir:%s/image", dir);
}

/* The last line is logrus's: time="…" level=fatal msg="reason with \"quotes\"" */
const char *fetch_reason(char *output)
{
	size_t len = strlen(output);
	char *msg, *p, *out;

	while (len > 0 && strchr("\n ", output[len - 1]))
		output[--len] = '\0';
	p = strrchr(output, '\n');
	if (p)
		output = p + 1;
	msg = strstr(output, " msg=\"");
	if (!msg)
		return output;
	msg += strlen(" msg=\"");
	for (p = out = msg; *p && *p != '"'; p++) {
		if (*p == '\\' && p[1])
			p++;
		*out++ = *p;
	}
	*out = '\0';
	return msg;
}

/*
 * Waits for output or a signal. Signals are only let in while it waits, so that none comes between
 * the look at @cancel and the wait.
 */
static bool wait_for_output(int fd, const volatile sig_atomic_t *cancel)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	sigset_t all, old;
	int r = -1;

	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	while (!(cancel && *cancel) && r < 0) {
		r = ppoll(&pfd, 1, NULL, &old);
		if (r < 0 && errno != EINTR)
			break;
	}
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	return !(cancel && *cancel);
}

/* Keeps the last bytes. Return: 0, or -EINTR. */
static int read_output(int fd, char *buf, const volatile sig_atomic_t *cancel)
{
	size_t len = 0;
	ssize_t n;

	do {
		if (!wait_for_output(fd, cancel))
			return -EINTR;
		n = read(fd, buf + len, 2 * OUTPUT_KEPT - len);
		len += n > 0 ? (size_t)n : 0;
		if (len > OUTPUT_KEPT) {
			memmove(buf, buf + len - OUTPUT_KEPT, OUTPUT_KEPT);
			len = OUTPUT_KEPT;
		}
	} while (n > 0 || (n < 0 && errno == EINTR));
	buf[len] = '\0';
	return 0;
}

static int report(char *output, const char *name, int status, struct err *err)
{
	const char *reason = fetch_reason(output);

	if (strstr(reason, "no space left on device"))
		return err_set(err, -ENOSPC, "no space left for %s", name);
	if (strstr(reason, "manifest unknown") || strstr(reason, "name unknown"))
		return err_set(err, -ENOENT,
			       "there is no image %s in its registry: check its name and tag",
			       name);
	/* Long reasons say what matters at their end. */
	return err_set(err, -ECOMM, "cannot fetch %s: %s (skopeo, status %d)", name,
		       *reason ? text_of(reason) : "no reason given", status);
}

int fetch_image(const char *name, bool insecure, const char *dir,
		const volatile sig_atomic_t *cancel, struct err *err)
{
	_cleanup_close_ int rd = -EBADF, wr = -EBADF;
	_cleanup_free_ char *output = xcalloc(1, 2 * OUTPUT_KEPT + 1);
	_cleanup_strv_ struct strv argv = STRV_NULL;
	struct proc_spec spec = PROC_SPEC_NULL;
	struct proc proc = PROC_NULL;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "cannot start skopeo");
	rd = fds[0];
	wr = fds[1];
	build_command(&argv, name, insecure, dir);
	spec.argv = (const char *const *)argv.v;
	spec.stdout_fd = spec.stderr_fd = wr;
	spec.death_signal = SIGKILL;
	r = proc_start(&spec, &proc);
	if (r == -ENOENT)
		return err_set(err, r, "fetching %s needs skopeo: apt-get install skopeo", name);
	if (r < 0)
		return err_errno(err, r, "cannot start skopeo");
	wr = fd_close(wr);
	r = read_output(rd, output, cancel);
	if (r < 0) {
		proc_done(&proc);
		return err_set(err, r, "interrupted");
	}
	r = proc_wait(&proc);
	return r == 0 ? 0 : report(output, name, r, err);
}
