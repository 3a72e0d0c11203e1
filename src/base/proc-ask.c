/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"

#define WORDS_MAX 4096

/* Return: whether there is something to read, or an end, before @deadline. */
static bool await(int fd, uint64_t deadline)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	uint64_t now;
	int n;

	do {
		now = clock_now();
		n = now < deadline ? poll(&pfd, 1, (int)((deadline - now) / NSEC_PER_MSEC) + 1) : 0;
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

/* Until its end, or that there is no more room, or the time is over. @words: ends with a NUL */
static void listen_to(int fd, uint64_t deadline, char words[WORDS_MAX])
{
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < WORDS_MAX - 1 && await(fd, deadline)) {
		n = read(fd, words + len, WORDS_MAX - 1 - len);
		if (n > 0)
			len += (size_t)n;
	}
	words[len] = '\0';
}

int proc_ask(const char *const *argv, uint64_t patience, char **ret)
{
	_cleanup_close_ int rd = -EBADF, wr = -EBADF;
	uint64_t deadline = clock_now() + patience;
	struct proc_spec spec = PROC_SPEC_NULL;
	struct proc proc = PROC_NULL;
	char words[WORDS_MAX];
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	rd = fds[0];
	wr = fds[1];
	spec.argv = argv;
	spec.stdout_fd = wr;
	spec.death_signal = SIGKILL;
	r = proc_start(&spec, &proc);
	if (r < 0)
		return r;
	wr = fd_close(wr);
	listen_to(rd, deadline, words);
	rd = fd_close(rd);
	r = await(proc.pidfd, deadline) ? proc_wait(&proc) : -ETIMEDOUT;
	proc_done(&proc);
	words[strcspn(words, "\n")] = '\0';
	if (r >= 0)
		*ret = xstrdup(words);
	return r;
}
