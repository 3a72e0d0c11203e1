/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <linux/virtio_vsock.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Headers of vsock packets (virtio 1.2, 5.10.6): 44 bytes, little-endian, packed.
 */

#define PKT_HDR_SIZE 44
#define PKT_CID_HOST UINT64_C(2)

/** struct pkt - a header in the byte order of this machine; fields as in the specification */
struct pkt {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port;
	uint32_t len;
	uint16_t type, op;
	uint32_t flags;
	uint32_t buf_alloc, fwd_cnt;
};

/** enum pkt_verdict - what to do with a packet, judged by nothing but itself */
enum pkt_verdict {
	PKT_ACCEPT, /* look for its connection */
	PKT_REFUSE, /* answer with a reset */
	PKT_IGNORE, /* no answer: it is a reset, or not from this guest */
};

/** pkt_encode() - write a header as it stands on the ring */
void pkt_encode(const struct pkt *pkt, uint8_t out[PKT_HDR_SIZE]);

/** pkt_decode() - read a header; any 44 bytes decode to something */
void pkt_decode(struct pkt *pkt, const uint8_t in[PKT_HDR_SIZE]);

/**
 * pkt_check() - addresses, type, operation and length of a packet from the guest
 * @payload: bytes that really follow the header
 */
enum pkt_verdict pkt_check(const struct pkt *pkt, uint64_t guest_cid, size_t payload);

/** pkt_op_name() - for messages; "?" if there is no such operation */
const char *pkt_op_name(uint16_t op);
