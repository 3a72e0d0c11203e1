/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the front-end: QEMU's own sequence, and such as no front-end should send. */
#include "vsockd/test-fake.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/log.h"

static struct fake f;

static void qemu_sequence(void)
{
	fake_up(&f);
	for (int i = 0; i < 3; i++) {
		fake_stop(&f);
		fake_boot(&f);
	}
	fake_hang_up(&f);
	test_true(f.gone);
	test_int(f.status, 0);
	fake_close(&f);
}

static void config_window(void)
{
	uint8_t config[12 + 8] = {0}, want[12 + 8] = {0};

	fake_open(&f);
	config[0] = 1;
	config[4] = 4;
	fake_send(&f, VHU_GET_CONFIG, VHU_VERSION, config, 12 + 4, NULL, 0);
	fake_reply(&f, VHU_GET_CONFIG, config, 12 + 4);
	want[0] = 1;
	want[4] = 4;
	test_mem(config, want, 12 + 4);
	fake_close(&f);
}

static void unknown_requests(void)
{
	uint64_t answer;

	fake_open(&f);
	fake_realize(&f);
	for (uint32_t id = 0; id < 64; id++) {
		switch (id) {
		case VHU_GET_FEATURES ... VHU_SET_MEM_TABLE:
		case VHU_SET_VRING_NUM ... VHU_SET_VRING_ENABLE:
		case VHU_GET_CONFIG:
			continue;
		default:
			break;
		}
		fake_send(&f, id, VHU_VERSION, &answer, sizeof(answer), NULL, 0);
		fake_send(&f, id, VHU_VERSION | VHU_NEED_REPLY, &answer, sizeof(answer), &f.memfd,
			  1);
		fake_reply(&f, id, &answer, sizeof(answer));
		test_true(answer != 0);
	}
	fake_boot(&f);
	fake_close(&f);
}

static void acknowledged_when_asked(void)
{
	uint64_t answer = 1;

	fake_open(&f);
	fake_realize(&f);
	fake_send(&f, VHU_SET_OWNER, VHU_VERSION | VHU_NEED_REPLY, NULL, 0, NULL, 0);
	test_int(fake_reply(&f, VHU_SET_OWNER, &answer, sizeof(answer)), 5);
	test_int(answer, 0);
	fake_close(&f);
}

/* Byte by byte, as a stream socket may deliver it; the descriptor comes with the first. */
static void message_in_pieces(void)
{
	const struct vhu_header header = {VHU_GET_FEATURES, VHU_VERSION, 0};
	uint64_t answer;

	fake_open(&f);
	for (size_t i = 0; i < sizeof(header); i++) {
		test_int(send(f.fe, (const char *)&header + i, 1, 0), 1);
		fake_settle(&f);
	}
	fake_reply(&f, VHU_GET_FEATURES, &answer, sizeof(answer));
	test_int(send(f.fe, &header, 5, 0), 5);
	fake_hang_up(&f);
	test_true(f.gone);
	test_int(f.status, -EPROTO);
	fake_close(&f);
}

/** struct bad - one message that ends the connection */
struct bad {
	const char *what;
	struct vhu_header header;
	union vhu_payload payload;
	size_t n_fds;
};

#define BAD(what_, id, size_, ...)                                                        \
	{                                                                                 \
		.what = what_, .header = {VHU_##id, VHU_VERSION | VHU_NEED_REPLY, size_}, \
		__VA_ARGS__                                                               \
	}
#define TABLE(n_, ...) .payload.mem = {.n = n_, .entries = {__VA_ARGS__}}, .n_fds = n_
#define MIB(n)	       ((uint64_t)(n) << 20)

static const struct bad bads[] = {
	{"no version", {VHU_GET_FEATURES, 0, 0}},
	{"other version", {VHU_GET_FEATURES, 2, 0}},
	{"a reply", {VHU_GET_FEATURES, 5, 0}},
	BAD("payload where none is", GET_FEATURES, 8),
	BAD("payload too short", SET_FEATURES, 4),
	BAD("payload too long", SET_FEATURES, 16),
	BAD("state too short", SET_VRING_NUM, 4),
	BAD("addr too short", SET_VRING_ADDR, 32),
	BAD("feature not offered", SET_FEATURES, 8, .payload.u64 = 1ull << 29),
	BAD("all features", SET_FEATURES, 8, .payload.u64 = ~0ull),
	BAD("protocol feature not offered", SET_PROTOCOL_FEATURES, 8, .payload.u64 = 1u << 12),
	BAD("descriptor where none belongs", SET_FEATURES, 8, .n_fds = 1),
	BAD("two for one", SET_VRING_CALL, 8, .n_fds = 2),

	BAD("num of queue 2", SET_VRING_NUM, 8, .payload.state = {2, 128}),
	BAD("num of queue -1", SET_VRING_NUM, 8, .payload.state = {0xffffffff, 128}),
	BAD("num 0", SET_VRING_NUM, 8, .payload.state = {0, 0}),
	BAD("num no power of two", SET_VRING_NUM, 8, .payload.state = {0, 100}),
	BAD("num too large", SET_VRING_NUM, 8, .payload.state = {0, 2048}),
	BAD("num 65536", SET_VRING_NUM, 8, .payload.state = {0, 65536 + 256}),
	BAD("base of queue 2", SET_VRING_BASE, 8, .payload.state = {2, 0}),
	BAD("base too large", SET_VRING_BASE, 8, .payload.state = {0, 65536}),
	BAD("get base of queue 255", GET_VRING_BASE, 8, .payload.state = {255, 0}),
	BAD("enable queue 7", SET_VRING_ENABLE, 8, .payload.state = {7, 1}),
	BAD("enable 2", SET_VRING_ENABLE, 8, .payload.state = {0, 2}),
	BAD("addr of queue 3", SET_VRING_ADDR, 40, .payload.addr = {.index = 3}),
	BAD("addr with log", SET_VRING_ADDR, 40, .payload.addr = {.flags = 1}),
	BAD("kick of queue 2", SET_VRING_KICK, 8, .payload.u64 = 2, .n_fds = 1),
	BAD("kick without descriptor", SET_VRING_KICK, 8, .payload.u64 = 0),
	BAD("kick by polling", SET_VRING_KICK, 8, .payload.u64 = 0x100),
	BAD("kick that cannot be waited for", SET_VRING_KICK, 8, .n_fds = 1),
	BAD("call with unknown bits", SET_VRING_CALL, 8, .payload.u64 = 0x200, .n_fds = 1),
	BAD("call with and without", SET_VRING_CALL, 8, .payload.u64 = 0x100, .n_fds = 1),
	BAD("call without descriptor", SET_VRING_CALL, 8, .payload.u64 = 1),
	BAD("err of queue 200", SET_VRING_ERR, 8, .payload.u64 = 200, .n_fds = 1),

	BAD("config too long", GET_CONFIG, 12 + 9, .payload.config = {.size = 9}),
	BAD("config behind the end", GET_CONFIG, 12 + 8,
	    .payload.config = {.offset = 1, .size = 8}),
	BAD("config far away", GET_CONFIG, 12 + 8, .payload.config = {.offset = ~0u, .size = 8}),
	BAD("config with a lie", GET_CONFIG, 12 + 8, .payload.config = {.size = 200}),

	BAD("no regions", SET_MEM_TABLE, 8, TABLE(0, {0})),
	BAD("more regions than there are", SET_MEM_TABLE, 8 + 32, .payload.mem.n = 2, .n_fds = 2),
	BAD("fewer regions than there are", SET_MEM_TABLE, 8 + 64, TABLE(1, {0, MIB(1), 0, 0})),
	BAD("nine regions", SET_MEM_TABLE, 8 + 32 * 8, .payload.mem.n = 9, .n_fds = 8),
	BAD("2^32-1 regions", SET_MEM_TABLE, 8 + 32, .payload.mem.n = ~0u, .n_fds = 1),
	BAD("region without descriptor", SET_MEM_TABLE, 8 + 32,
	    .payload.mem = {.n = 1, .entries = {{0, MIB(1), 0, 0}}}),
	BAD("region of nothing", SET_MEM_TABLE, 8 + 32, TABLE(1, {0, 0, 0, 0})),
	BAD("region longer than the file", SET_MEM_TABLE, 8 + 32, TABLE(1, {0, MIB(33), 0, 0})),
	BAD("region behind the file", SET_MEM_TABLE, 8 + 32, TABLE(1, {0, MIB(1), 0, MIB(32)})),
	BAD("region ends behind it", SET_MEM_TABLE, 8 + 32, TABLE(1, {0, MIB(2), 0, MIB(31)})),
	BAD("offset wraps", SET_MEM_TABLE, 8 + 32, TABLE(1, {0, MIB(1), 0, -MIB(1) + 4096})),
	BAD("negative offset", SET_MEM_TABLE, 8 + 32, TABLE(1, {0, MIB(1), 0, 1ull << 63})),
	BAD("guest address wraps", SET_MEM_TABLE, 8 + 32, TABLE(1, {-4096ull, MIB(1), 0, 0})),
	BAD("user address wraps", SET_MEM_TABLE, 8 + 32, TABLE(1, {0, MIB(1), -4096ull, 0})),
	BAD("size wraps", SET_MEM_TABLE, 8 + 32, TABLE(1, {0, ~0ull, 0, 0})),
	BAD("regions overlap", SET_MEM_TABLE, 8 + 64,
	    TABLE(2, {0, MIB(1), 0, 0}, {4096, MIB(1), MIB(8), 0})),
	BAD("user addresses overlap", SET_MEM_TABLE, 8 + 64,
	    TABLE(2, {0, MIB(1), 0, 0}, {MIB(1), MIB(1), MIB(1) - 1, 0})),
};

static void send_bad(const struct bad *bad, int fd)
{
	int fds[8];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = fd;
	fake_send(&f, bad->header.request, bad->header.flags, &bad->payload, bad->header.size, fds,
		  bad->n_fds);
	fake_settle(&f);
	if (!f.gone)
		test_fail("\"%s\" was accepted", bad->what);
	test_true(f.status < 0);
}

static void bad_messages(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(bads); i++) {
		fake_open(&f);
		send_bad(&bads[i], f.memfd);
		fake_close(&f);
		/* The same once everything runs. */
		fake_up(&f);
		send_bad(&bads[i], f.memfd);
		fake_close(&f);
	}
}

/* Sizes that no message has are refused before anything more is read. */
static void bad_sizes(void)
{
	static const uint32_t sizes[] = {sizeof(union vhu_payload) + 1, 1u << 31, ~0u};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const struct vhu_header header = {VHU_SET_MEM_TABLE, VHU_VERSION, sizes[i]};

		fake_open(&f);
		test_int(send(f.fe, &header, sizeof(header), 0), sizeof(header));
		fake_settle(&f);
		test_true(f.gone);
		fake_close(&f);
	}
}

static void too_many_descriptors(void)
{
	uint64_t value = 0;
	int fds[16];

	fake_open(&f);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = f.memfd;
	fake_send(&f, VHU_SET_VRING_CALL, VHU_VERSION, &value, sizeof(value), fds, 16);
	fake_settle(&f);
	test_true(f.gone);
	fake_close(&f);
}

static void settings_of_a_running_queue(void)
{
	static const struct bad changes[] = {
		BAD("num", SET_VRING_NUM, 8, .payload.state = {0, 128}),
		BAD("base", SET_VRING_BASE, 8, .payload.state = {0, 0}),
		BAD("addr", SET_VRING_ADDR, 40, .payload.addr = {.index = 1}),
		BAD("kick", SET_VRING_KICK, 8, .payload.u64 = 1, .n_fds = 1),
	};

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		fake_up(&f);
		send_bad(&changes[i], f.q[0].kick);
		fake_close(&f);
	}
}

/* A file that is none: mapping it would be of no use, or a device's memory. */
static void memory_that_is_no_file(void)
{
	static const char *const paths[] = {"/dev/zero", "/dev/null", "/"};
	static const struct bad table =
		BAD("no file", SET_MEM_TABLE, 8 + 32, TABLE(1, {0, 4096, 0, 0}));
	int fds[2];

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		_cleanup_close_ int fd = open(paths[i], O_RDONLY | O_CLOEXEC);

		fake_open(&f);
		send_bad(&table, fd);
		fake_close(&f);
	}
	test_int(pipe2(fds, O_CLOEXEC), 0);
	fake_open(&f);
	send_bad(&table, fds[0]);
	fake_close(&f);
	fd_close(fds[0]);
	fd_close(fds[1]);
}

/* Where the guest puts its rings is its own affair, and no reason to end the connection. */
static void rings_in_impossible_places(void)
{
	static const uint64_t places[] = {
		FAKE_HOLE,	    FAKE_HOLE - 64, FAKE_MEM_SIZE - 64, FAKE_MEM_SIZE, 0x10001,
		0xfffffffffffff000, 0x10002,
	};

	fake_open(&f);
	fake_realize(&f);
	for (size_t i = 0; i < ARRAY_SIZE(places) * 3; i++) {
		fake_boot(&f);
		fake_stop(&f);
		*(&f.q[1].desc + i % 3) = places[i / 3];
		/* The used ring's address may be 2 off a multiple of 4, but is not aligned then. */
		if (i / 3 == ARRAY_SIZE(places) - 1 && i % 3 == 1)
			continue;
		fake_start_queue(&f, 0, 0);
		fake_start_queue(&f, 1, 0);
		fake_state(&f, VHU_SET_VRING_ENABLE, 0, 1);
		fake_state(&f, VHU_SET_VRING_ENABLE, 1, 1);
		fake_settle(&f);
		test_true(!f.gone && !f.d->vhu.running);
		fake_state(&f, VHU_SET_VRING_ENABLE, 0, 0);
		for (unsigned int k = 0; k < VHU_N_QUEUES; k++) {
			struct vhost_vring_state state;

			fake_state(&f, VHU_GET_VRING_BASE, k, 0);
			fake_reply(&f, VHU_GET_VRING_BASE, &state, sizeof(state));
		}
	}
	fake_boot(&f);
	fake_close(&f);
}

/* The memory goes away from under running rings, or moves. */
static void new_memory_while_running(void)
{
	const struct vhu_mem_table elsewhere = {
		.n = 1,
		.entries = {{MIB(512), MIB(1), MIB(512), 0}},
	};
	uint32_t port;
	int fd;

	fake_up(&f);
	fd = fake_host_opens(&f, 5, &port);
	test_int(fake_mem_table(&f), 0);
	test_true(f.d->vhu.running);
	fake_write(fd, "moved");
	fake_settle(&f);
	fake_expect(&f, VIRTIO_VSOCK_OP_RW, port, 5);
	fake_send(&f, VHU_SET_MEM_TABLE, VHU_VERSION, &elsewhere,
		  offsetof(struct vhu_mem_table, entries[1]), &f.memfd, 1);
	fake_settle(&f);
	test_true(!f.d->vhu.running && !f.gone);
	close(fd);
	fake_settle(&f);
	fake_close(&f);
}

static int open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Old descriptors are closed as new ones come, and all at the end. */
static void no_descriptor_leaks(void)
{
	int before = open_descriptors(), running;

	fake_up(&f);
	running = open_descriptors();
	for (int i = 0; i < 50; i++) {
		fake_stop(&f);
		fake_boot(&f);
	}
	test_int(open_descriptors(), running);
	fake_hang_up(&f);
	fake_close(&f);
	test_int(open_descriptors(), before);
}

static void new_call_descriptor_is_used(void)
{
	uint32_t port;
	uint64_t value = VHU_RX;
	int old, fd;

	fake_up(&f);
	old = f.q[VHU_RX].call;
	f.q[VHU_RX].call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fake_send(&f, VHU_SET_VRING_CALL, VHU_VERSION, &value, sizeof(value), &f.q[VHU_RX].call, 1);
	fake_settle(&f);
	/* One at once, in case the guest missed one. */
	test_int(fake_calls(&f, VHU_RX), 1);
	fd = fake_host_opens(&f, 5, &port);
	test_true(fake_calls(&f, VHU_RX) > 0);
	test_int(read(old, &value, sizeof(value)), -1);
	close(fd);
	close(old);
	fake_close(&f);
}

int main(void)
{
	log_init("test", -1, LOG_LEVEL_ERROR);
	test_run(qemu_sequence);
	test_run(config_window);
	test_run(unknown_requests);
	test_run(acknowledged_when_asked);
	test_run(message_in_pieces);
	test_run(bad_messages);
	test_run(bad_sizes);
	test_run(too_many_descriptors);
	test_run(settings_of_a_running_queue);
	test_run(memory_that_is_no_file);
	test_run(rings_in_impossible_places);
	test_run(new_memory_while_running);
	test_run(no_descriptor_leaks);
	test_run(new_call_descriptor_is_used);
	return 0;
}
