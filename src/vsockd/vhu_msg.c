/* SPDX-License-Identifier: Apache-2.0 */
#include "vsockd/vhu_msg.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/seal.h"
#include "vsockd/vhu_queue.h"

#define BIT(n)	 (UINT64_C(1) << (n))

#define FEATURES (BIT(VIRTIO_F_VERSION_1) | BIT(VHU_F_PROTOCOL_FEATURES))
#define PROTOCOL_FEATURES \
	(BIT(VHU_PROTOCOL_F_MQ) | BIT(VHU_PROTOCOL_F_REPLY_ACK) | BIT(VHU_PROTOCOL_F_CONFIG))

_Static_assert(sizeof(struct vhu_header) == 12, "vhost-user, \"Header\"");
_Static_assert(sizeof(struct vhost_vring_addr) == 40,
	       "vhost-user, \"A vring address description\"");

void vhu_init(struct vhu *vhu, struct loop *loop, const struct vhu_ops *ops, uint64_t guest_cid)
{
	*vhu = (struct vhu){
		.loop = loop,
		.ops = ops,
		.io = LOOP_IO_NULL,
		.guest_cid = guest_cid,
		.mem = VHU_MEM_NULL,
	};
	for (int i = 0; i < VHU_N_QUEUES; i++)
		vhu_queue_init(vhu, &vhu->queues[i]);
}

static void drop_fds(struct vhu *vhu)
{
	for (size_t i = 0; i < vhu->n_fds; i++)
		fd_close(vhu->fds[i]);
	vhu->n_fds = 0;
}

void vhu_deinit(struct vhu *vhu)
{
	int fd = vhu->io.fd;

	vhu_halt(vhu);
	for (int i = 0; i < VHU_N_QUEUES; i++)
		vhu_queue_deinit(&vhu->queues[i]);
	vhu_mem_deinit(&vhu->mem);
	drop_fds(vhu);
	loop_io_stop(&vhu->io);
	fd_close(fd);
}

bool vhu_may_complain(struct vhu *vhu)
{
	if (vhu->complaints >= VHU_COMPLAINTS_MAX)
		return false;
	if (++vhu->complaints == VHU_COMPLAINTS_MAX)
		log_warn("this guest does much wrong; the next is the last that is said of it");
	return true;
}

void vhu_fail(struct vhu *vhu)
{
	for (int i = 0; i < VHU_N_QUEUES; i++)
		vhu_queue_fail(&vhu->queues[i]);
	vhu_halt(vhu);
}

SEAL_ALLOW(sendmsg);

/* Answers are small and rare: a front-end that lets them fill the socket breaks the protocol. */
static int reply(struct vhu *vhu, size_t size)
{
	struct iovec iov[] = {
		{.iov_base = &vhu->header, .iov_len = sizeof(vhu->header)},
		{.iov_base = &vhu->payload, .iov_len = size},
	};
	const struct msghdr msg = {.msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov)};
	const ssize_t len = (ssize_t)(sizeof(vhu->header) + size);

	vhu->header.flags = VHU_VERSION | VHU_REPLY;
	vhu->header.size = (uint32_t)size;
	return sendmsg(vhu->io.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == len ? 0 : -EPIPE;
}

static int reply_u64(struct vhu *vhu, uint64_t value)
{
	vhu->payload.u64 = value;
	return reply(vhu, sizeof(value));
}

static int get_features(struct vhu *vhu)
{
	return reply_u64(vhu, FEATURES);
}

static int set_features(struct vhu *vhu)
{
	if (vhu->payload.u64 & ~FEATURES)
		return -EPROTO;
	vhu->features = vhu->payload.u64;
	return 0;
}

static int get_protocol_features(struct vhu *vhu)
{
	return reply_u64(vhu, PROTOCOL_FEATURES);
}

static int set_protocol_features(struct vhu *vhu)
{
	if (vhu->payload.u64 & ~PROTOCOL_FEATURES)
		return -EPROTO;
	vhu->protocol_features = vhu->payload.u64;
	return 0;
}

static int get_queue_num(struct vhu *vhu)
{
	return reply_u64(vhu, VHU_N_QUEUES);
}

static int nothing(struct vhu *vhu _unused_)
{
	return 0;
}

static int set_mem_table(struct vhu *vhu)
{
	const struct vhu_mem_table *table = &vhu->payload.mem;
	int r;

	if (table->n > VHU_MEM_REGIONS_MAX || table->n != vhu->n_fds ||
	    vhu->header.size != offsetof(struct vhu_mem_table, entries[table->n]))
		return -EPROTO;
	r = vhu_mem_set(&vhu->mem, table->entries, table->n, vhu->fds);
	if (r < 0)
		return r;
	/* Rings that run now point into memory that is not there any more. */
	for (int i = 0; i < VHU_N_QUEUES; i++)
		vhu_queue_remap(&vhu->queues[i], &vhu->mem);
	return 0;
}

/* The queue that a message is about, or NULL. */
static struct vhu_queue *queue_at(struct vhu *vhu, uint64_t index)
{
	return index < VHU_N_QUEUES ? &vhu->queues[index] : NULL;
}

static int set_vring_num(struct vhu *vhu)
{
	const struct vhost_vring_state *state = &vhu->payload.state;
	struct vhu_queue *queue = queue_at(vhu, state->index);

	return queue ? vhu_queue_set_num(queue, state->num) : -EPROTO;
}

static int set_vring_base(struct vhu *vhu)
{
	const struct vhost_vring_state *state = &vhu->payload.state;
	struct vhu_queue *queue = queue_at(vhu, state->index);

	return queue ? vhu_queue_set_base(queue, state->num) : -EPROTO;
}

static int set_vring_addr(struct vhu *vhu)
{
	const struct vhost_vring_addr *addr = &vhu->payload.addr;
	struct vhu_queue *queue = queue_at(vhu, addr->index);

	return queue ? vhu_queue_set_addr(queue, addr) : -EPROTO;
}

static int get_vring_base(struct vhu *vhu)
{
	struct vhost_vring_state *state = &vhu->payload.state;
	struct vhu_queue *queue = queue_at(vhu, state->index);

	if (!queue)
		return -EPROTO;
	vhu_halt(vhu);
	vhu_queue_stop(queue);
	state->num = queue->ring.next_avail;
	return reply(vhu, sizeof(*state));
}

static int set_vring_enable(struct vhu *vhu)
{
	const struct vhost_vring_state *state = &vhu->payload.state;
	struct vhu_queue *queue = queue_at(vhu, state->index);

	if (!queue || state->num > 1)
		return -EPROTO;
	queue->enabled = state->num;
	return 0;
}

/* The queue and the descriptor of a message of which one comes, unless it says that none does. */
static int queue_and_fd(struct vhu *vhu, struct vhu_queue **ret_queue, int *ret_fd)
{
	const uint64_t value = vhu->payload.u64;
	const size_t want = value & VHU_VRING_NO_FD ? 0 : 1;

	*ret_queue = queue_at(vhu, value & VHU_VRING_INDEX_MASK);
	if (!*ret_queue || value & ~(uint64_t)(VHU_VRING_INDEX_MASK | VHU_VRING_NO_FD) ||
	    vhu->n_fds != want)
		return -EPROTO;
	if (want == 0)
		return 0;
	vhu->n_fds = 0;
	*ret_fd = vhu->fds[0];
	return fd_nonblock(*ret_fd, true);
}

static int set_vring_kick(struct vhu *vhu)
{
	_cleanup_close_ int fd = -EBADF;
	struct vhu_queue *queue;
	int r = queue_and_fd(vhu, &queue, &fd);

	if (r < 0)
		return r;
	/* Without a descriptor the ring would have to be polled. */
	if (fd < 0)
		return -EPROTO;
	return vhu_queue_start(vhu, queue, take_fd(fd));
}

static int set_vring_call(struct vhu *vhu)
{
	_cleanup_close_ int fd = -EBADF;
	struct vhu_queue *queue;
	int r = queue_and_fd(vhu, &queue, &fd);

	if (r < 0)
		return r;
	fd_close(queue->ring.call_fd);
	queue->ring.call_fd = take_fd(fd);
	/* The guest may have missed an interrupt on the old one. */
	if (queue->ring.started)
		virtq_call(&queue->ring);
	return 0;
}

static int set_vring_err(struct vhu *vhu)
{
	_cleanup_close_ int fd = -EBADF;
	struct vhu_queue *queue;
	int r = queue_and_fd(vhu, &queue, &fd);

	if (r < 0)
		return r;
	fd_close(queue->ring.err_fd);
	queue->ring.err_fd = take_fd(fd);
	return 0;
}

/* The configuration space of the device is the guest's address (virtio 1.2, 5.10.4). */
static int get_config(struct vhu *vhu)
{
	struct vhu_config *config = &vhu->payload.config;
	const uint64_t cid = htole64(vhu->guest_cid);
	const size_t prefix = offsetof(struct vhu_config, data);

	if (vhu->header.size != prefix + config->size || config->size > sizeof(cid) ||
	    config->offset > sizeof(cid) - config->size)
		return -EPROTO;
	memcpy(config->data, (const uint8_t *)&cid + config->offset, config->size);
	return reply(vhu, prefix + config->size);
}

/**
 * struct vhu_request - how a message is checked and handled
 * @min, @max: sizes of its payload
 * @max_fds: descriptors that may come with it
 * @answers: it has an answer of its own, so no acknowledgement is due
 */
struct vhu_request {
	const char *name;
	uint16_t min, max;
	uint8_t max_fds;
	bool answers;
	int (*handle)(struct vhu *vhu);
};

#define U64	   sizeof(uint64_t), sizeof(uint64_t)
#define STATE	   sizeof(struct vhost_vring_state), sizeof(struct vhost_vring_state)
#define ADDR	   sizeof(struct vhost_vring_addr), sizeof(struct vhost_vring_addr)
#define MEM_TABLE  offsetof(struct vhu_mem_table, entries), sizeof(struct vhu_mem_table)
#define CONFIG	   offsetof(struct vhu_config, data), sizeof(struct vhu_config)
#define R(id, ...) [VHU_##id] = {.name = #id, __VA_ARGS__}

static const struct vhu_request requests[] = {
	R(GET_FEATURES, 0, 0, 0, true, get_features),
	R(SET_FEATURES, U64, 0, false, set_features),
	R(SET_OWNER, 0, 0, 0, false, nothing),
	R(RESET_OWNER, 0, 0, 0, false, nothing),
	R(SET_MEM_TABLE, MEM_TABLE, VHU_MEM_REGIONS_MAX, false, set_mem_table),
	R(SET_VRING_NUM, STATE, 0, false, set_vring_num),
	R(SET_VRING_ADDR, ADDR, 0, false, set_vring_addr),
	R(SET_VRING_BASE, STATE, 0, false, set_vring_base),
	R(GET_VRING_BASE, STATE, 0, true, get_vring_base),
	R(SET_VRING_KICK, U64, 1, false, set_vring_kick),
	R(SET_VRING_CALL, U64, 1, false, set_vring_call),
	R(SET_VRING_ERR, U64, 1, false, set_vring_err),
	R(GET_PROTOCOL_FEATURES, 0, 0, 0, true, get_protocol_features),
	R(SET_PROTOCOL_FEATURES, U64, 0, false, set_protocol_features),
	R(GET_QUEUE_NUM, 0, 0, 0, true, get_queue_num),
	R(SET_VRING_ENABLE, STATE, 0, false, set_vring_enable),
	R(GET_CONFIG, CONFIG, 0, true, get_config),
};

static const struct vhu_request *request_of(const struct vhu_header *header)
{
	if (header->request >= ARRAY_SIZE(requests) || !requests[header->request].handle)
		return NULL;
	return &requests[header->request];
}

/* A whole message is there. */
static int dispatch(struct vhu *vhu)
{
	const struct vhu_header header = vhu->header;
	const struct vhu_request *request = request_of(&header);
	bool ack = header.flags & VHU_NEED_REPLY &&
		   vhu->protocol_features & BIT(VHU_PROTOCOL_F_REPLY_ACK);
	int r = -EOPNOTSUPP;

	if (request && (header.size < request->min || header.size > request->max ||
			vhu->n_fds > request->max_fds))
		r = -EPROTO;
	else if (request)
		r = request->handle(vhu);
	if (ack && !(request && request->answers)) {
		int sent = reply_u64(vhu, r < 0 ? 1 : 0);

		r = r < 0 ? r : sent;
	}
	/* What we do not know was said to be unknown, or nobody asked. */
	if (!request)
		return 0;
	if (r < 0)
		log_error("front-end: %s refused: %s", request->name, strerror(-r));
	else
		vhu_update(vhu);
	return r;
}

static int check_header(const struct vhu_header *header)
{
	if ((header->flags & VHU_VERSION_MASK) != VHU_VERSION || header->flags & VHU_REPLY ||
	    header->size > sizeof(union vhu_payload)) {
		log_error("front-end: not a vhost-user message");
		return -EPROTO;
	}
	return 0;
}

static int keep_fds(struct vhu *vhu, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		const int *fds = (const int *)(const void *)CMSG_DATA(c);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			if (vhu->n_fds < ARRAY_SIZE(vhu->fds))
				vhu->fds[vhu->n_fds++] = fds[i];
			else
				fd_close(fds[i]);
		}
	}
	return msg->msg_flags & MSG_CTRUNC ? -EPROTO : 0;
}

SEAL_ALLOW(recvmsg);

/* Receive up to the end of the header, or of the payload. Return: bytes, 0 at the end, -errno. */
static ssize_t receive(struct vhu *vhu)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * VHU_MEM_REGIONS_MAX)];
		struct cmsghdr align;
	} control;
	const size_t header = sizeof(vhu->header);
	struct iovec iov = {
		.iov_base = (char *)&vhu->header + vhu->have,
		.iov_len = header - vhu->have,
	};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;
	int r;

	if (vhu->have >= header) {
		iov.iov_base = (char *)&vhu->payload + (vhu->have - header);
		iov.iov_len = header + vhu->header.size - vhu->have;
	}
	n = recvmsg(vhu->io.fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	vhu->have += (size_t)n;
	r = keep_fds(vhu, &msg);
	return r < 0 ? r : n;
}

/* Return: 1 a message was handled, 0 it is not all there, -errno. -ENODATA: the end. */
static int step(struct vhu *vhu)
{
	const size_t header = sizeof(struct vhu_header);
	ssize_t n = receive(vhu);
	int r;

	if (n < 0)
		return n == -EAGAIN || n == -EINTR ? 0 : (int)n;
	if (n == 0)
		return -ENODATA;
	if (vhu->have < header)
		return 0;
	r = check_header(&vhu->header);
	if (r < 0)
		return r;
	if (vhu->have < header + vhu->header.size)
		return vhu->have == header;
	r = dispatch(vhu);
	drop_fds(vhu);
	vhu->have = 0;
	return r < 0 ? r : 1;
}

static void readable(struct loop_io *io, uint32_t revents _unused_)
{
	struct vhu *vhu = container_of(io, struct vhu, io);
	int r;

	do
		r = step(vhu);
	while (r > 0);
	if (r == 0)
		return;
	/* Anything but an end between two messages is no regular end. */
	if (r == -ENODATA || r == -ECONNRESET)
		r = vhu->have > 0 ? -EPROTO : 0;
	vhu_deinit(vhu);
	vhu->ops->gone(vhu, r);
}

int vhu_start(struct vhu *vhu, int fd)
{
	return loop_io_start(vhu->loop, &vhu->io, fd, EPOLLIN, readable);
}
