/* SPDX-License-Identifier: Apache-2.0 */
#include "vsockd/wbuf.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/macro.h"
#include "base/seal.h"
#include "vsockd/iov.h"

SEAL_ALLOW_ARG(mmap, 2, PROT_EXEC, 0);
SEAL_ALLOW(munmap);
SEAL_ALLOW(sendmsg);

void wbuf_init(struct wbuf *wbuf, uint32_t size)
{
	*wbuf = (struct wbuf){.size = size};
}

void wbuf_deinit(struct wbuf *wbuf)
{
	if (wbuf->data)
		(void)munmap(wbuf->data, wbuf->size);
	wbuf->data = NULL;
	wbuf->head = wbuf->len = 0;
}

static void put(struct wbuf *wbuf, const uint8_t *from, uint32_t len)
{
	uint32_t tail = (wbuf->head + wbuf->len) & (wbuf->size - 1);
	uint32_t first = MIN(len, wbuf->size - tail);

	memcpy(wbuf->data + tail, from, first);
	memcpy(wbuf->data, from + first, len - first);
	wbuf->len += len;
}

int wbuf_append(struct wbuf *wbuf, const struct iovec *iov, size_t n, size_t skip)
{
	size_t len = iov_len(iov, n);

	if (len <= skip)
		return 0;
	if (len - skip > wbuf->size - wbuf->len)
		return -ENOBUFS;
	if (!wbuf->data) {
		/* Pages appear as they are used, so a few bytes left over cost one page. */
		void *p = mmap(NULL, wbuf->size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return -ENOMEM;
		wbuf->data = p;
	}
	for (size_t i = 0; i < n; i++) {
		size_t part = MIN(skip, iov[i].iov_len);

		put(wbuf, (uint8_t *)iov[i].iov_base + part, (uint32_t)(iov[i].iov_len - part));
		skip -= part;
	}
	return 0;
}

ssize_t sock_write(int fd, const struct iovec *iov, size_t n)
{
	const struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = n};
	ssize_t r;

	do
		r = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == EAGAIN ? 0 : -errno;
	return r;
}

ssize_t wbuf_flush(struct wbuf *wbuf, int fd)
{
	ssize_t done = 0;

	while (wbuf->len > 0) {
		uint32_t first = MIN(wbuf->len, wbuf->size - wbuf->head);
		const struct iovec iov[] = {
			{.iov_base = wbuf->data + wbuf->head, .iov_len = first},
			{.iov_base = wbuf->data, .iov_len = wbuf->len - first},
		};
		ssize_t n = sock_write(fd, iov, wbuf->len > first ? 2 : 1);

		if (n < 0)
			return n;
		if (n == 0)
			return done;
		wbuf->head = (wbuf->head + (uint32_t)n) & (wbuf->size - 1);
		wbuf->len -= (uint32_t)n;
		done += n;
	}
	wbuf_deinit(wbuf);
	return done;
}
