/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vhost-vsock of the host's kernel for QEMU, where there is none: preloaded, it takes the ioctls that QEMU
 * makes on one descriptor, and passes them on as messages of vhost-user, to the caisson-vsockd at that socket's other
 * end. QEMU's own device for that cannot be saved, this one can; and once it is loaded, it resets the guest's connections,
 * as Firecracker does.
 *
 * $STANDIN_VHOST is "SOCKET,MEMORY": the descriptors of that socket and of the file that is the guest's memory.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/vhost.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define VERSION	    1
#define REPLY	    4
#define NO_FD	    0x100
#define REGIONS_MAX 8
/* QEMU saves no vhost that cannot log what it writes to; a machine that stands still has nothing to log. */
#define LOG_ALL (UINT64_C(1) << 26)
/* Of the protocol between QEMU and its back-end, not of the device. */
#define PROTOCOL (UINT64_C(1) << 30)

enum {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	SET_VRING_ERR = 14,
};

struct region {
	uint64_t guest, size, user, offset;
};

struct message {
	uint32_t request, flags, size;
	union {
		uint64_t u64;
		struct vhost_vring_state state;
		struct vhost_vring_addr addr;
		struct {
			uint32_t n, padding;
			struct region regions[REGIONS_MAX];
		} memory;
	};
} __attribute__((packed));

static int sock = -1, memory = -1;
static uint64_t features;

__attribute__((constructor)) static void begin(void)
{
	const char *text = getenv("STANDIN_VHOST");

	if (!text || sscanf(text, "%d,%d", &sock, &memory) != 2)
		sock = memory = -1;
}

/* QEMU has made it non-blocking; an answer comes at once. */
static int receive(void *data, size_t len)
{
	struct pollfd readable = {.fd = sock, .events = POLLIN};

	for (size_t got = 0; got < len;) {
		ssize_t n = recv(sock, (char *)data + got, len - got, 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			(void)poll(&readable, 1, -1);
		else if (n <= 0)
			return -1;
		else
			got += (size_t)n;
	}
	return 0;
}

static int tell(struct message *m, size_t size, const int *fds, size_t n_fds)
{
	char control[CMSG_SPACE(sizeof(int) * REGIONS_MAX)] = {0};
	struct iovec iov = {.iov_base = m, .iov_len = 12 + size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	m->flags = VERSION;
	m->size = (uint32_t)size;
	if (n_fds > 0) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		*CMSG_FIRSTHDR(&msg) = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int) * n_fds),
							.cmsg_level = SOL_SOCKET,
							.cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), fds, sizeof(int) * n_fds);
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == (ssize_t)iov.iov_len ? 0 : -1;
}

static int ask(struct message *m, size_t size)
{
	if (tell(m, size, NULL, 0) < 0 || receive(m, 12) < 0 || !(m->flags & REPLY) ||
	    m->size > sizeof(*m) - 12)
		return -1;
	return receive((char *)m + 12, m->size);
}

static int get_features(uint64_t *ret)
{
	struct message m = {.request = GET_FEATURES};

	if (ask(&m, 0) < 0)
		return -1;
	features = m.u64 & ~PROTOCOL;
	*ret = features | LOG_ALL;
	return 0;
}

static int set_features(uint64_t wanted)
{
	struct message m = {.request = SET_FEATURES, .u64 = wanted & features};

	return tell(&m, sizeof(m.u64), NULL, 0);
}

/* All that is in the file; what else QEMU has in the machine's memory no queue is in. */
static int set_memory(const struct vhost_memory *all)
{
	struct message m = {.request = SET_MEM_TABLE};
	int fds[REGIONS_MAX];
	struct stat st;
	uint64_t base = 0;

	for (uint32_t i = 0; i < all->nregions; i++)
		if (all->regions[i].guest_phys_addr == 0)
			base = all->regions[i].userspace_addr;
	if (fstat(memory, &st) < 0)
		return -1;
	for (uint32_t i = 0; i < all->nregions && m.memory.n < REGIONS_MAX; i++) {
		const struct vhost_memory_region *r = &all->regions[i];

		if (r->userspace_addr < base ||
		    r->userspace_addr - base + r->memory_size > (uint64_t)st.st_size)
			continue;
		fds[m.memory.n] = memory;
		m.memory.regions[m.memory.n++] =
			(struct region){r->guest_phys_addr, r->memory_size, r->userspace_addr,
					r->userspace_addr - base};
	}
	return tell(&m, 8 + m.memory.n * sizeof(struct region), fds, m.memory.n);
}

static int set_state(uint32_t request, const struct vhost_vring_state *state)
{
	struct message m = {.request = request, .state = *state};

	return tell(&m, sizeof(m.state), NULL, 0);
}

static int set_address(const struct vhost_vring_addr *addr)
{
	struct message m = {.request = SET_VRING_ADDR, .addr = *addr};

	return tell(&m, sizeof(m.addr), NULL, 0);
}

static int get_base(struct vhost_vring_state *state)
{
	struct message m = {.request = GET_VRING_BASE, .state = *state};

	if (ask(&m, sizeof(m.state)) < 0)
		return -1;
	*state = m.state;
	return 0;
}

static int set_file(uint32_t request, const struct vhost_vring_file *file)
{
	struct message m = {.request = request,
			    .u64 = file->index | (file->fd < 0 ? (uint64_t)NO_FD : 0)};

	return tell(&m, sizeof(m.u64), &file->fd, file->fd >= 0);
}

static int set_owner(void)
{
	struct message m = {.request = SET_OWNER};

	return tell(&m, 0, NULL, 0);
}

static int vhost(unsigned long request, void *arg)
{
	switch (request) {
	case VHOST_GET_FEATURES:
		return get_features(arg);
	case VHOST_SET_FEATURES:
		return set_features(*(uint64_t *)arg);
	case VHOST_SET_OWNER:
		return set_owner();
	case VHOST_SET_MEM_TABLE:
		return set_memory(arg);
	case VHOST_SET_VRING_NUM:
		return set_state(SET_VRING_NUM, arg);
	case VHOST_SET_VRING_BASE:
		return set_state(SET_VRING_BASE, arg);
	case VHOST_GET_VRING_BASE:
		return get_base(arg);
	case VHOST_SET_VRING_ADDR:
		return set_address(arg);
	case VHOST_SET_VRING_KICK:
		return set_file(SET_VRING_KICK, arg);
	case VHOST_SET_VRING_CALL:
		return set_file(SET_VRING_CALL, arg);
	case VHOST_SET_VRING_ERR:
		return set_file(SET_VRING_ERR, arg);
	/* caisson-vsockd was told the address already, and runs while its queues do. */
	case VHOST_VSOCK_SET_GUEST_CID:
	case VHOST_VSOCK_SET_RUNNING:
		return 0;
	}
	errno = ENOTTY;
	return -1;
}

int ioctl(int fd, unsigned long request, ...)
{
	static int (*real)(int fd, unsigned long request, ...);
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (fd >= 0 && fd == sock)
		return vhost(request, arg);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "ioctl");
	return real(fd, request, arg);
}
