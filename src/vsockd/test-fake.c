/* SPDX-License-Identifier: Apache-2.0 */
#include "vsockd/test-fake.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/path.h"

static struct vsockd device;

static void on_gone(struct vsockd *d, int status)
{
	struct fake *f = container_of(d->loop, struct fake, loop);

	f->gone = true;
	f->status = status;
}

static int unix_socket(const char *path, int backlog)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	test_true(fd >= 0 && strlen(path) < sizeof(addr.sun_path));
	strcpy(addr.sun_path, path);
	if (backlog > 0) {
		(void)unlink(path);
		test_int(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
		test_int(listen(fd, backlog), 0);
	} else {
		test_int(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	}
	return fd;
}

int fake_prepare(struct fake *f)
{
	const struct vsockd_config config = VSOCKD_CONFIG_DEFAULT;
	int pair[2];

	*f = (struct fake){.config = config};
	strcpy(f->dir, "/tmp/test-vsockd-XXXXXX");
	test_true(mkdtemp(f->dir));
	snprintf(f->base, sizeof(f->base), "%s/v", f->dir);
	strcpy(f->uds, f->base);
	f->config.dial_base = f->base;
	f->memfd = memfd_create("guest", MFD_CLOEXEC);
	test_int(ftruncate(f->memfd, FAKE_MEM_SIZE), 0);
	f->mem = mmap(NULL, FAKE_MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, f->memfd, 0);
	test_true(f->mem != MAP_FAILED);
	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	for (int i = 0; i < VHU_N_QUEUES; i++) {
		f->q[i].kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		f->q[i].call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
	f->fe = pair[0];
	return pair[1];
}

void fake_open(struct fake *f)
{
	int device_end = fake_prepare(f);

	test_int(fd_nonblock(f->fe, true), 0);
	test_int(fd_nonblock(device_end, true), 0);
	test_int(loop_init(&f->loop), 0);
	memset(&device, 0, sizeof(device));
	f->d = &device;
	vsockd_init(f->d, &f->loop, &f->config, TABLE_SLOTS);
	f->d->gone = on_gone;
	test_int(vsockd_start(f->d, device_end, unix_socket(f->uds, 4096)), 0);
}

void fake_close(struct fake *f)
{
	if (f->d) {
		vsockd_deinit(f->d);
		vsockd_deinit(f->d);
		test_int(f->d->table.n_used, 0);
		loop_deinit(&f->loop);
	}
	for (int i = 0; i < VHU_N_QUEUES; i++) {
		fd_close(f->q[i].kick);
		fd_close(f->q[i].call);
	}
	fd_close(f->fe);
	fd_close(f->memfd);
	munmap(f->mem, FAKE_MEM_SIZE);
	test_int(path_remove_tree(AT_FDCWD, f->dir), 0);
}

static struct loop_defer turn_end = LOOP_DEFER_NULL(turn_end);
static struct loop *turn_loop;

static void quit_turn(struct loop_defer *defer _unused_)
{
	loop_quit(turn_loop, 0);
}

void fake_settle(struct fake *f)
{
	struct pollfd p = {.fd = f->loop.epoll_fd, .events = POLLIN};

	if (!f->d)
		return;
	turn_loop = &f->loop;
	while (poll(&p, 1, 0) > 0 || !list_empty(&f->loop.deferred)) {
		loop_defer_start(&f->loop, &turn_end, quit_turn);
		test_int(loop_run(&f->loop), 0);
		loop_defer_stop(&turn_end);
	}
}

static struct loop_timer behind = LOOP_TIMER_NULL(behind);

static void quit_behind(struct loop_timer *timer _unused_)
{
	loop_quit(turn_loop, 0);
}

void fake_wait(struct fake *f, bool (*done)(void *arg), void *arg)
{
	turn_loop = &f->loop;
	while (!done(arg)) {
		struct list *first = f->loop.timers.next;

		if (first == &f->loop.timers)
			test_fail("there is no deadline to wait for");
		/* Right behind the next deadline of the device. */
		loop_timer_start(&f->loop, &behind,
				 container_of(first, struct loop_timer, link)->deadline,
				 quit_behind);
		test_int(loop_run(&f->loop), 0);
		fake_settle(f);
	}
}

void fake_send(struct fake *f, uint32_t request, uint32_t flags, const void *payload, size_t size,
	       const int *fds, size_t n_fds)
{
	struct vhu_header header = {request, flags, (uint32_t)size};
	union {
		char bytes[CMSG_SPACE(sizeof(int) * 16)];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov[] = {{&header, sizeof(header)}, {(void *)payload, size}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	if (n_fds > 0) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), fds, sizeof(int) * n_fds);
	}
	test_int(sendmsg(f->fe, &msg, MSG_NOSIGNAL), sizeof(header) + size);
}

uint32_t fake_reply(struct fake *f, uint32_t request, void *payload, size_t size)
{
	struct vhu_header header;

	fake_settle(f);
	test_int(recv(f->fe, &header, sizeof(header), 0), sizeof(header));
	test_int(header.request, request);
	test_int(header.size, size);
	test_int(recv(f->fe, payload, size, 0), size);
	return header.flags;
}

uint64_t fake_u64(struct fake *f, uint32_t request)
{
	uint64_t value;

	fake_send(f, request, VHU_VERSION, NULL, 0, NULL, 0);
	test_int(fake_reply(f, request, &value, sizeof(value)), VHU_VERSION | VHU_REPLY);
	return value;
}

static void send_u64(struct fake *f, uint32_t request, uint64_t value, int fd)
{
	fake_send(f, request, VHU_VERSION, &value, sizeof(value), &fd, fd >= 0);
}

void fake_state(struct fake *f, uint32_t request, uint32_t index, uint32_t num)
{
	struct vhost_vring_state state = {index, num};

	fake_send(f, request, VHU_VERSION, &state, sizeof(state), NULL, 0);
}

void fake_hang_up(struct fake *f)
{
	f->fe = fd_close(f->fe);
	fake_settle(f);
}

static void send_calls(struct fake *f)
{
	for (int i = 0; i < VHU_N_QUEUES; i++)
		send_u64(f, VHU_SET_VRING_CALL, (uint64_t)i, f->q[i].call);
}

void fake_realize(struct fake *f)
{
	const uint32_t prefix[] = {0, 8, 0};
	uint8_t config[20] = {0}, want[20] = {0};

	test_true(fake_u64(f, VHU_GET_FEATURES) == ((1ull << 32) | (1ull << 30)));
	test_int(fake_u64(f, VHU_GET_PROTOCOL_FEATURES), 0x209);
	send_u64(f, VHU_SET_PROTOCOL_FEATURES, 0x209, -1);
	test_int(fake_u64(f, VHU_GET_QUEUE_NUM), 2);
	fake_send(f, VHU_SET_OWNER, VHU_VERSION, NULL, 0, NULL, 0);
	test_true(fake_u64(f, VHU_GET_FEATURES) == ((1ull << 32) | (1ull << 30)));
	for (int i = 0; i < VHU_N_QUEUES; i++) {
		send_u64(f, VHU_SET_VRING_CALL, (uint64_t)i, f->q[i].call);
		send_u64(f, VHU_SET_VRING_ERR, (uint64_t)i, f->q[i].call);
	}
	memcpy(config, prefix, sizeof(prefix));
	memcpy(want, prefix, sizeof(prefix));
	want[12] = FAKE_GUEST_CID;
	fake_send(f, VHU_GET_CONFIG, VHU_VERSION, config, sizeof(config), NULL, 0);
	test_int(fake_reply(f, VHU_GET_CONFIG, config, sizeof(config)), VHU_VERSION | VHU_REPLY);
	test_mem(config, want, sizeof(want));
}

uint64_t fake_mem_table(struct fake *f)
{
	const struct vhu_mem_table table = {
		.n = 2,
		.entries =
			{
				{0, FAKE_HOLE, FAKE_USER_BASE, 0},
				{FAKE_HIGH, FAKE_MEM_SIZE - FAKE_HIGH, FAKE_USER_BASE + FAKE_HIGH,
				 FAKE_HIGH},
			},
	};
	const int fds[] = {f->memfd, f->memfd};
	uint64_t answer;

	fake_send(f, VHU_SET_MEM_TABLE, VHU_VERSION | VHU_NEED_REPLY, &table,
		  offsetof(struct vhu_mem_table, entries[2]), fds, 2);
	fake_reply(f, VHU_SET_MEM_TABLE, &answer, sizeof(answer));
	return answer;
}

void fake_start_queue(struct fake *f, int index, uint16_t base)
{
	struct fake_queue *q = &f->q[index];
	const struct vhost_vring_addr addr = {
		.index = (unsigned int)index,
		.desc_user_addr = FAKE_USER_BASE + q->desc,
		.used_user_addr = FAKE_USER_BASE + q->used,
		.avail_user_addr = FAKE_USER_BASE + q->avail,
	};

	fake_state(f, VHU_SET_VRING_NUM, (uint32_t)index, q->size);
	fake_state(f, VHU_SET_VRING_BASE, (uint32_t)index, base);
	fake_send(f, VHU_SET_VRING_ADDR, VHU_VERSION, &addr, sizeof(addr), NULL, 0);
	send_u64(f, VHU_SET_VRING_KICK, (uint64_t)index, q->kick);
}

static void start_device(struct fake *f, const uint16_t base[VHU_N_QUEUES])
{
	send_calls(f);
	send_u64(f, VHU_SET_FEATURES, (1ull << 32) | (1ull << 30), -1);
	test_int(fake_mem_table(f), 0);
	for (int i = 0; i < VHU_N_QUEUES; i++)
		fake_start_queue(f, i, base[i]);
	for (uint32_t i = 0; i < VHU_N_QUEUES; i++)
		fake_state(f, VHU_SET_VRING_ENABLE, i, 1);
	send_calls(f);
	fake_settle(f);
	test_true(!f->d || f->d->vhu.running);
	(void)fake_calls(f, VHU_RX);
	(void)fake_calls(f, VHU_TX);
}

void fake_boot(struct fake *f)
{
	static const uint16_t zero[VHU_N_QUEUES];

	for (int i = 0; i < VHU_N_QUEUES; i++) {
		struct fake_queue *q = &f->q[i];

		q->size = FAKE_RING_SIZE;
		q->avail_idx = q->used_idx = 0;
		q->desc = 0x10000u + 0x20000u * (unsigned int)i;
		q->avail = q->desc + 0x8000;
		q->used = q->desc + 0x10000;
		q->buffers = FAKE_HIGH + (i == VHU_RX ? 0u : 2u << 20);
		q->buffer_len = i == VHU_RX ? 4096 : FAKE_TX_LEN + 4096;
		memset(fake_ptr(f, q->desc), 0, 0x18000);
	}
	f->rx_posted = f->rx_keep = 0;
	fake_post(f, FAKE_RING_SIZE);
	start_device(f, zero);
}

void fake_resume(struct fake *f)
{
	uint16_t base[VHU_N_QUEUES];

	for (int i = 0; i < VHU_N_QUEUES; i++)
		base[i] = ((struct vring_used *)fake_ptr(f, f->q[i].used))->idx;
	start_device(f, base);
}

void fake_stop(struct fake *f)
{
	struct vhost_vring_state state;

	fake_state(f, VHU_SET_VRING_ENABLE, 0, 0);
	fake_state(f, VHU_SET_VRING_ENABLE, 1, 0);
	for (unsigned int i = 0; i < VHU_N_QUEUES; i++) {
		fake_state(f, VHU_GET_VRING_BASE, i, 0);
		fake_reply(f, VHU_GET_VRING_BASE, &state, sizeof(state));
		test_int(state.index, i);
		test_int(state.num, ((struct vring_used *)fake_ptr(f, f->q[i].used))->idx);
	}
	send_calls(f);
	fake_settle(f);
	test_true(!f->d || !f->d->vhu.running);
}

void fake_up(struct fake *f)
{
	fake_open(f);
	fake_realize(f);
	fake_boot(f);
}

void *fake_ptr(struct fake *f, uint64_t gpa)
{
	test_true(gpa < FAKE_MEM_SIZE);
	return f->mem + gpa;
}

void fake_desc(struct fake *f, int queue, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
	       uint16_t next)
{
	struct vring_desc *desc = fake_ptr(f, f->q[queue].desc);

	desc[i] = (struct vring_desc){addr, len, flags, next};
}

void fake_offer(struct fake *f, int queue, uint16_t head)
{
	struct fake_queue *q = &f->q[queue];
	struct vring_avail *avail = fake_ptr(f, q->avail);

	avail->ring[q->avail_idx % q->size] = head;
	q->avail_idx++;
	__atomic_store_n(&avail->idx, q->avail_idx, __ATOMIC_RELEASE);
}

void fake_kick(struct fake *f, int queue)
{
	const uint64_t one = 1;
	struct vring_used *used = fake_ptr(f, f->q[queue].used);

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(used->flags & VRING_USED_F_NO_NOTIFY))
		test_int(write(f->q[queue].kick, &one, sizeof(one)), sizeof(one));
}

void fake_post(struct fake *f, unsigned int n)
{
	struct fake_queue *q = &f->q[VHU_RX];

	for (; n > 0; n--) {
		uint16_t i = q->avail_idx % q->size;

		fake_desc(f, VHU_RX, i, q->buffers + (uint64_t)i * q->buffer_len, FAKE_RX_LEN,
			  VRING_DESC_F_WRITE, 0);
		fake_offer(f, VHU_RX, i);
		f->rx_posted++;
	}
}

bool fake_tx_queue(struct fake *f, struct pkt pkt, const void *payload)
{
	struct fake_queue *q = &f->q[VHU_TX];
	struct vring_used *used = fake_ptr(f, q->used);
	uint16_t i = (uint16_t)(q->avail_idx * 2u % q->size);
	uint64_t buffer = q->buffers + (uint64_t)i / 2 * q->buffer_len;

	q->used_idx = __atomic_load_n(&used->idx, __ATOMIC_ACQUIRE);
	if ((uint16_t)(q->avail_idx - q->used_idx) == q->size / 2)
		return false;
	pkt.src_cid = pkt.src_cid ? pkt.src_cid : FAKE_GUEST_CID;
	pkt.dst_cid = pkt.dst_cid ? pkt.dst_cid : PKT_CID_HOST;
	pkt.type = pkt.type ? pkt.type : VIRTIO_VSOCK_TYPE_STREAM;
	pkt_encode(&pkt, fake_ptr(f, buffer));
	fake_desc(f, VHU_TX, i, buffer, PKT_HDR_SIZE, payload ? VRING_DESC_F_NEXT : 0,
		  (uint16_t)(i + 1));
	if (payload) {
		memcpy(fake_ptr(f, buffer + 64), payload, pkt.len);
		fake_desc(f, VHU_TX, (uint16_t)(i + 1), buffer + 64, pkt.len, 0, 0);
	}
	fake_offer(f, VHU_TX, i);
	return true;
}

void fake_tx(struct fake *f, struct pkt pkt, const void *payload)
{
	test_true(fake_tx_queue(f, pkt, payload));
	fake_kick(f, VHU_TX);
	fake_settle(f);
}

bool fake_rx(struct fake *f, struct pkt *pkt, void *payload)
{
	struct fake_queue *q = &f->q[VHU_RX];
	struct vring_used *used = fake_ptr(f, q->used);
	struct vring_used_elem elem;
	uint8_t *buffer;

	if (__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE) == q->used_idx)
		return false;
	elem = used->ring[q->used_idx++ % q->size];
	f->rx_posted--;
	buffer = fake_ptr(f, q->buffers + (uint64_t)elem.id * q->buffer_len);
	pkt_decode(pkt, buffer);
	test_int(elem.len, PKT_HDR_SIZE + pkt->len);
	test_true(elem.len <= FAKE_RX_LEN);
	if (payload)
		memcpy(payload, buffer + PKT_HDR_SIZE, pkt->len);
	if (f->rx_posted + f->rx_keep < q->size) {
		fake_post(f, 1);
		fake_kick(f, VHU_RX);
	}
	return true;
}

struct pkt fake_expect(struct fake *f, uint16_t op, uint32_t host_port, uint32_t guest_port)
{
	struct pkt pkt;

	if (!fake_rx(f, &pkt, NULL))
		test_fail("no packet, not %s", pkt_op_name(op));
	if (pkt.op != op)
		test_fail("packet is %s, not %s", pkt_op_name(pkt.op), pkt_op_name(op));
	test_int(pkt.dst_cid, FAKE_GUEST_CID);
	test_int(pkt.src_port, host_port);
	test_int(pkt.dst_port, guest_port);
	return pkt;
}

void fake_expect_none(struct fake *f)
{
	struct pkt pkt;

	if (fake_rx(f, &pkt, NULL))
		test_fail("there is a packet: %s", pkt_op_name(pkt.op));
}

uint64_t fake_calls(struct fake *f, int queue)
{
	uint64_t n = 0;

	if (read(f->q[queue].call, &n, sizeof(n)) < 0)
		test_int(errno, EAGAIN);
	return n;
}

int fake_connect(struct fake *f, const char *line)
{
	int fd = unix_socket(f->uds, 0);

	fake_write(fd, line);
	fake_settle(f);
	return fd;
}

int fake_listen(struct fake *f, uint32_t port, int backlog)
{
	char path[128];

	snprintf(path, sizeof(path), "%s_%u", f->base, port);
	return unix_socket(path, backlog);
}

void fake_read(int fd, const char *want)
{
	char have[256] = "";
	ssize_t n = recv(fd, have, sizeof(have) - 1, 0);

	if (n < 0)
		test_fail("nothing to read (%s), not \"%s\"", strerror(errno), want);
	test_str(have, want);
}

void fake_write(int fd, const char *text)
{
	test_int(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

void fake_read_end(int fd)
{
	char c;

	test_int(recv(fd, &c, 1, 0), 0);
}

void fake_read_gone(int fd)
{
	char c;

	if (recv(fd, &c, 1, 0) != 0)
		test_int(errno, ECONNRESET);
}

struct pkt fake_pkt(uint16_t op, uint32_t host_port, uint32_t guest_port)
{
	return (struct pkt){
		.src_port = guest_port,
		.dst_port = host_port,
		.op = op,
		.buf_alloc = FAKE_GUEST_ROOM,
	};
}

int fake_host_opens(struct fake *f, uint32_t guest_port, uint32_t *ret_host_port)
{
	char line[64];
	struct pkt pkt;
	int fd;

	snprintf(line, sizeof(line), "CONNECT %u\n", guest_port);
	fd = fake_connect(f, line);
	test_true(fake_rx(f, &pkt, NULL));
	test_int(pkt.op, VIRTIO_VSOCK_OP_REQUEST);
	test_int(pkt.dst_port, guest_port);
	*ret_host_port = pkt.src_port;
	fake_tx(f, fake_pkt(VIRTIO_VSOCK_OP_RESPONSE, pkt.src_port, guest_port), NULL);
	snprintf(line, sizeof(line), "OK %u\n", pkt.src_port);
	fake_read(fd, line);
	return fd;
}

int fake_guest_opens(struct fake *f, int listener, uint32_t host_port, uint32_t guest_port)
{
	int fd;

	fake_tx(f, fake_pkt(VIRTIO_VSOCK_OP_REQUEST, host_port, guest_port), NULL);
	fake_expect(f, VIRTIO_VSOCK_OP_RESPONSE, host_port, guest_port);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	test_true(fd >= 0);
	return fd;
}
