/* SPDX-License-Identifier: Apache-2.0 */
#include "vsockd/pkt.h"

#include "base/macro.h"
#include "base/test.h"
#include "vsockd/iov.h"

#define GUEST 3

/* Little-endian, packed, in the order of virtio 1.2, 5.10.6. */
static const uint8_t bytes[PKT_HDR_SIZE] = {
	1,  2,	3,  4,	5,  6,	7,  8,	9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
	23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44,
};

static void header_layout(void)
{
	uint8_t again[PKT_HDR_SIZE];
	struct pkt pkt;

	pkt_decode(&pkt, bytes);
	test_true(pkt.src_cid == UINT64_C(0x0807060504030201));
	test_true(pkt.dst_cid == UINT64_C(0x100f0e0d0c0b0a09));
	test_int(pkt.src_port, 0x14131211);
	test_int(pkt.dst_port, 0x18171615);
	test_int(pkt.len, 0x1c1b1a19);
	test_int(pkt.type, 0x1e1d);
	test_int(pkt.op, 0x201f);
	test_int(pkt.flags, 0x24232221);
	test_int(pkt.buf_alloc, 0x28272625);
	test_int(pkt.fwd_cnt, 0x2c2b2a29);
	pkt_encode(&pkt, again);
	test_mem(again, bytes, sizeof(bytes));
}

static const struct {
	struct pkt pkt;
	size_t payload;
	enum pkt_verdict want;
} verdicts[] = {
	{{3, 2, 1, 1, 0, 1, VIRTIO_VSOCK_OP_REQUEST}, 0, PKT_ACCEPT},
	{{3, 2, 1, 1, 5, 1, VIRTIO_VSOCK_OP_RW}, 5, PKT_ACCEPT},
	{{3, 2, 1, 1, 5, 1, VIRTIO_VSOCK_OP_RW}, 6, PKT_ACCEPT},
	{{3, 2, 1, 1, 0, 1, VIRTIO_VSOCK_OP_RW}, 0, PKT_ACCEPT},
	{{3, 2, 1, 1, 0, 1, VIRTIO_VSOCK_OP_CREDIT_REQUEST}, 0, PKT_ACCEPT},
	{{3, 2, 1, 1, 0, 1, VIRTIO_VSOCK_OP_RST}, 0, PKT_ACCEPT},
	/* somebody else's address */
	{{4, 2, 1, 1, 0, 1, VIRTIO_VSOCK_OP_REQUEST}, 0, PKT_IGNORE},
	{{2, 2, 1, 1, 0, 1, VIRTIO_VSOCK_OP_REQUEST}, 0, PKT_IGNORE},
	{{1ull << 32 | 3, 2, 1, 1, 0, 1, VIRTIO_VSOCK_OP_REQUEST}, 0, PKT_IGNORE},
	/* to nobody */
	{{3, 3, 1, 1, 0, 1, VIRTIO_VSOCK_OP_REQUEST}, 0, PKT_REFUSE},
	{{3, 1, 1, 1, 0, 1, VIRTIO_VSOCK_OP_RST}, 0, PKT_IGNORE},
	{{3, 1ull << 32 | 2, 1, 1, 0, 1, VIRTIO_VSOCK_OP_REQUEST}, 0, PKT_REFUSE},
	/* types and operations that there are not */
	{{3, 2, 1, 1, 0, 2, VIRTIO_VSOCK_OP_REQUEST}, 0, PKT_REFUSE},
	{{3, 2, 1, 1, 0, 2, VIRTIO_VSOCK_OP_RST}, 0, PKT_IGNORE},
	{{3, 2, 1, 1, 0, 0, VIRTIO_VSOCK_OP_RW}, 0, PKT_REFUSE},
	{{3, 2, 1, 1, 0, 1, 0}, 0, PKT_REFUSE},
	{{3, 2, 1, 1, 0, 1, 8}, 0, PKT_REFUSE},
	{{3, 2, 1, 1, 0, 1, 65535}, 0, PKT_REFUSE},
	/* lengths that are not true */
	{{3, 2, 1, 1, 6, 1, VIRTIO_VSOCK_OP_RW}, 5, PKT_REFUSE},
	{{3, 2, 1, 1, ~0u, 1, VIRTIO_VSOCK_OP_RW}, 5, PKT_REFUSE},
	{{3, 2, 1, 1, 5, 1, VIRTIO_VSOCK_OP_REQUEST}, 5, PKT_REFUSE},
	{{3, 2, 1, 1, 5, 1, VIRTIO_VSOCK_OP_RST}, 5, PKT_IGNORE},
};

static void judged_by_themselves(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++)
		if (pkt_check(&verdicts[i].pkt, GUEST, verdicts[i].payload) != verdicts[i].want)
			test_fail("packet %zu (%s)", i, pkt_op_name(verdicts[i].pkt.op));
}

static void names(void)
{
	test_str(pkt_op_name(VIRTIO_VSOCK_OP_RW), "RW");
	test_str(pkt_op_name(0), "?");
	test_str(pkt_op_name(8), "?");
}

static void windows(void)
{
	char a[] = "abc", b[] = "", c[] = "defgh", flat[9] = "";
	const struct iovec iov[] = {{a, 3}, {b, 0}, {c, 5}};
	struct iovec out[3];

	test_int(iov_len(iov, 3), 8);
	for (size_t skip = 0; skip < 10; skip++) {
		for (size_t len = 0; len < 10; len++) {
			size_t n = iov_window(out, iov, 3, skip, len),
			       want = skip < 8 ? 8 - skip : 0;

			want = MIN(want, len);
			test_int(iov_read(out, n, flat, sizeof(flat)), want);
			if (want > 0)
				test_mem(flat, "abcdefgh" + skip, want);
		}
	}
	test_int(iov_write(iov, 3, "12345678", 4), 4);
	test_str(a, "123");
	test_str(c, "4efgh");
	test_int(iov_write(iov, 3, "12345678+", 9), 8);
	test_str(c, "45678");
}

int main(void)
{
	test_run(header_layout);
	test_run(judged_by_themselves);
	test_run(names);
	test_run(windows);
	return 0;
}
