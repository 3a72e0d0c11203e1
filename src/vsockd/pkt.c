/* SPDX-License-Identifier: Apache-2.0 */
#include "vsockd/pkt.h"

#include <endian.h>
#include <string.h>

#include "base/macro.h"

_Static_assert(sizeof(struct virtio_vsock_hdr) == PKT_HDR_SIZE, "virtio 1.2, 5.10.6");

static const char *const op_names[] = {
	[VIRTIO_VSOCK_OP_REQUEST] = "REQUEST",
	[VIRTIO_VSOCK_OP_RESPONSE] = "RESPONSE",
	[VIRTIO_VSOCK_OP_RST] = "RST",
	[VIRTIO_VSOCK_OP_SHUTDOWN] = "SHUTDOWN",
	[VIRTIO_VSOCK_OP_RW] = "RW",
	[VIRTIO_VSOCK_OP_CREDIT_UPDATE] = "CREDIT_UPDATE",
	[VIRTIO_VSOCK_OP_CREDIT_REQUEST] = "CREDIT_REQUEST",
};

void pkt_encode(const struct pkt *pkt, uint8_t out[PKT_HDR_SIZE])
{
	const struct virtio_vsock_hdr hdr = {
		.src_cid = htole64(pkt->src_cid),
		.dst_cid = htole64(pkt->dst_cid),
		.src_port = htole32(pkt->src_port),
		.dst_port = htole32(pkt->dst_port),
		.len = htole32(pkt->len),
		.type = htole16(pkt->type),
		.op = htole16(pkt->op),
		.flags = htole32(pkt->flags),
		.buf_alloc = htole32(pkt->buf_alloc),
		.fwd_cnt = htole32(pkt->fwd_cnt),
	};

	memcpy(out, &hdr, sizeof(hdr));
}

void pkt_decode(struct pkt *pkt, const uint8_t in[PKT_HDR_SIZE])
{
	struct virtio_vsock_hdr hdr;

	memcpy(&hdr, in, sizeof(hdr));
	*pkt = (struct pkt){
		.src_cid = le64toh(hdr.src_cid),
		.dst_cid = le64toh(hdr.dst_cid),
		.src_port = le32toh(hdr.src_port),
		.dst_port = le32toh(hdr.dst_port),
		.len = le32toh(hdr.len),
		.type = le16toh(hdr.type),
		.op = le16toh(hdr.op),
		.flags = le32toh(hdr.flags),
		.buf_alloc = le32toh(hdr.buf_alloc),
		.fwd_cnt = le32toh(hdr.fwd_cnt),
	};
}

enum pkt_verdict pkt_check(const struct pkt *pkt, uint64_t guest_cid, size_t payload)
{
	const enum pkt_verdict bad = pkt->op == VIRTIO_VSOCK_OP_RST ? PKT_IGNORE : PKT_REFUSE;

	/* A guest speaks for its own address only; no answer could reach another one. */
	if (pkt->src_cid != guest_cid)
		return PKT_IGNORE;
	if (pkt->dst_cid != PKT_CID_HOST)
		return bad;
	if (pkt->type != VIRTIO_VSOCK_TYPE_STREAM)
		return bad;
	if (pkt->op == VIRTIO_VSOCK_OP_INVALID || pkt->op >= ARRAY_SIZE(op_names))
		return bad;
	/* Only RW carries bytes. Bytes beyond the stated length are padding. */
	if (pkt->op == VIRTIO_VSOCK_OP_RW ? pkt->len > payload : pkt->len != 0)
		return bad;
	return PKT_ACCEPT;
}

const char *pkt_op_name(uint16_t op)
{
	return op < ARRAY_SIZE(op_names) && op_names[op] ? op_names[op] : "?";
}
