/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <linux/vhost_types.h>
#include <stdint.h>

#include "vsockd/vhu_mem.h"

/*
 * Messages of the vhost-user protocol (QEMU, docs/interop/vhost-user.rst), in the byte order of
 * this machine.
 */

enum vhu_request_id {
	VHU_GET_FEATURES = 1,
	VHU_SET_FEATURES = 2,
	VHU_SET_OWNER = 3,
	VHU_RESET_OWNER = 4,
	VHU_SET_MEM_TABLE = 5,
	VHU_SET_VRING_NUM = 8,
	VHU_SET_VRING_ADDR = 9,
	VHU_SET_VRING_BASE = 10,
	VHU_GET_VRING_BASE = 11,
	VHU_SET_VRING_KICK = 12,
	VHU_SET_VRING_CALL = 13,
	VHU_SET_VRING_ERR = 14,
	VHU_GET_PROTOCOL_FEATURES = 15,
	VHU_SET_PROTOCOL_FEATURES = 16,
	VHU_GET_QUEUE_NUM = 17,
	VHU_SET_VRING_ENABLE = 18,
	VHU_GET_CONFIG = 24,
};

#define VHU_VERSION		 0x1u
#define VHU_VERSION_MASK	 0x3u
#define VHU_REPLY		 0x4u
#define VHU_NEED_REPLY		 0x8u

#define VHU_F_PROTOCOL_FEATURES	 30 /* feature bit */

#define VHU_PROTOCOL_F_MQ	 0
#define VHU_PROTOCOL_F_REPLY_ACK 3
#define VHU_PROTOCOL_F_CONFIG	 9

/* Payload of SET_VRING_KICK, _CALL and _ERR. */
#define VHU_VRING_INDEX_MASK 0xffu
#define VHU_VRING_NO_FD	     0x100u

struct vhu_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
};

struct vhu_mem_table {
	uint32_t n;
	uint32_t padding;
	struct vhu_mem_entry entries[VHU_MEM_REGIONS_MAX];
};

#define VHU_CONFIG_MAX 256

struct vhu_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
	uint8_t data[VHU_CONFIG_MAX];
};

/* struct vhost_vring_state and struct vhost_vring_addr are the kernel's, and the same here. */
union vhu_payload {
	uint64_t u64;
	struct vhost_vring_state state;
	struct vhost_vring_addr addr;
	struct vhu_mem_table mem;
	struct vhu_config config;
};
