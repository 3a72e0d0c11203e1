/* SPDX-License-Identifier: Apache-2.0 */
#include "vsockd/iov.h"

#include <string.h>

#include "base/macro.h"

size_t iov_len(const struct iovec *iov, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += iov[i].iov_len;
	return len;
}

size_t iov_read(const struct iovec *iov, size_t n, void *buf, size_t len)
{
	size_t done = 0;

	for (size_t i = 0; i < n && done < len; i++) {
		size_t part = MIN(iov[i].iov_len, len - done);

		memcpy((char *)buf + done, iov[i].iov_base, part);
		done += part;
	}
	return done;
}

size_t iov_write(const struct iovec *iov, size_t n, const void *buf, size_t len)
{
	size_t done = 0;

	for (size_t i = 0; i < n && done < len; i++) {
		size_t part = MIN(iov[i].iov_len, len - done);

		memcpy(iov[i].iov_base, (const char *)buf + done, part);
		done += part;
	}
	return done;
}

size_t iov_window(struct iovec *out, const struct iovec *iov, size_t n, size_t skip, size_t len)
{
	size_t n_out = 0;

	for (size_t i = 0; i < n && len > 0; i++) {
		size_t part;

		if (skip >= iov[i].iov_len) {
			skip -= iov[i].iov_len;
			continue;
		}
		part = MIN(iov[i].iov_len - skip, len);
		out[n_out].iov_base = (char *)iov[i].iov_base + skip;
		out[n_out].iov_len = part;
		n_out++;
		skip = 0;
		len -= part;
	}
	return n_out;
}
