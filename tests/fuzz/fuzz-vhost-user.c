/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A front-end that sends anything. The input is a list of records: which descriptors go along, how
 * many bytes, the bytes. The same bytes are the guest's memory, for rings that get started.
 */
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/log.h"
#include "vsockd/test-fake.h"

#define MEM_LEN (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fake f;

/* Bytes as they are, with up to 15 descriptors of one kind in front of them. */
static void send_raw(int fd, unsigned int n_fds, const uint8_t *data, size_t len)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * 16)];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {(void *)data, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n_fds > 0) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		for (unsigned int i = 0; i < n_fds; i++)
			memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)) + sizeof(int) * i, &fd, sizeof(int));
	}
	/* It fails once the device has hung up, or has not read for long. */
	(void)sendmsg(f.fe, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int kinds[4], program;
	uint8_t drain[4096];

	log_init("fuzz", -1, LOG_LEVEL_ERROR);
	fake_open(&f);
	kinds[0] = memfd_create("small", MFD_CLOEXEC);
	test_int(ftruncate(kinds[0], MEM_LEN), 0);
	if (size > 0)
		test_true(pwrite(kinds[0], data, MIN(size, (size_t)MEM_LEN), 0) > 0);
	kinds[1] = f.q[0].kick;
	kinds[2] = f.memfd;
	kinds[3] = f.fe;
	program = fake_connect(&f, "CONNECT 1\n");
	while (size >= 2) {
		size_t len = MIN((size_t)data[1] * 2, size - 2);

		send_raw(kinds[data[0] & 3], data[0] >> 4, data + 2, len);
		if (data[0] & 8)
			fake_settle(&f);
		while (recv(f.fe, drain, sizeof(drain), MSG_DONTWAIT) > 0)
			;
		data += 2 + len;
		size -= 2 + len;
	}
	fake_settle(&f);
	close(program);
	fake_hang_up(&f);
	fake_close(&f);
	close(kinds[0]);
	return 0;
}
