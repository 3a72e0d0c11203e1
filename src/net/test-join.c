/* SPDX-License-Identifier: Apache-2.0 */
#include "net/join.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "net/tap.h"
#include "net/test-netns.h"

/*
 * outer0, in the namespace outside, and eth0, in the container's, are a pair; the container's has a
 * tap, whose other end the guest would be. The frames of the tests have an ethertype that nobody
 * else sends.
 */

#define TEST_ETHERTYPE 0x88b5
#define PORT	       4242
#define OUTER_MAC                   \
	{                           \
		0x02, 0, 0, 0, 0, 1 \
	}
#define GUEST_MAC                   \
	{                           \
		0x02, 0, 0, 0, 0, 2 \
	}
#define OUTER_IP "10.1.0.1"
#define GUEST_IP "10.1.0.2"

struct frame {
	struct ethhdr eth;
	char data[64];
} __attribute__((packed));

struct udp_frame {
	struct ethhdr eth;
	uint8_t ip[20];
	uint16_t source, dest, len, sum;
	char data[8];
} __attribute__((packed));

static int outside = -EBADF, inside = -EBADF, tap = -EBADF, eth_index, tap_index;
static char tap_name[IFNAMSIZ];

static void begin(void)
{
	outside = netns_new();
	inside = netns_new();
	netns_enter(outside);
	make_pair("outer0", "eth0", inside);
	run("ip link set outer0 address 02:00:00:00:00:01");
	run("ip addr add " OUTER_IP "/24 dev outer0");
	run("ip neigh add " GUEST_IP " lladdr 02:00:00:00:00:02 dev outer0");
	netns_enter(inside);
	eth_index = index_of("eth0");
	tap = net_tap_open(tap_name, &tap_index, NULL);
	test_true(tap >= 0);
	test_int(net_link_set(tap_index, 0, true, NULL), 0);
}

static void join(void)
{
	struct err err = ERR_NULL;

	if (net_join(eth_index, tap_index, &err) < 0)
		test_fail("%s", err.text);
}

static void end(void)
{
	tap = fd_close(tap);
	inside = fd_close(inside);
	outside = fd_close(outside);
}

/* A socket that sees the tests' frames on outer0, and sends there. */
static int outer_socket(void)
{
	struct sockaddr_ll addr = {.sll_family = AF_PACKET, .sll_protocol = htons(TEST_ETHERTYPE)};
	int fd;

	netns_enter(outside);
	addr.sll_ifindex = index_of("outer0");
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(TEST_ETHERTYPE));
	test_true(fd >= 0);
	test_int(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	netns_enter(inside);
	return fd;
}

/* The next frame of @type that the guest gets. Return: its length. */
static size_t guest_gets(uint16_t type, struct virtio_net_hdr *header, void *buf, size_t size)
{
	struct iovec iov[] = {{header, sizeof(*header)}, {buf, size}};
	ssize_t n;

	do {
		n = readv(tap, iov, ARRAY_SIZE(iov));
		test_true(n >= (ssize_t)(sizeof(*header) + sizeof(struct ethhdr)));
	} while (((struct ethhdr *)buf)->h_proto != htons(type));
	return (size_t)n - sizeof(*header);
}

static void guest_sends(const struct virtio_net_hdr *header, void *frame, size_t len)
{
	struct iovec iov[] = {{(void *)header, sizeof(*header)}, {frame, len}};

	test_int(writev(tap, iov, ARRAY_SIZE(iov)), sizeof(*header) + len);
}

static struct frame frame_to(bool guest, char fill)
{
	struct frame frame = {
		.eth = {.h_dest = OUTER_MAC,
			.h_source = GUEST_MAC,
			.h_proto = htons(TEST_ETHERTYPE)},
	};

	if (guest)
		frame.eth = (struct ethhdr){GUEST_MAC, OUTER_MAC, htons(TEST_ETHERTYPE)};
	memset(frame.data, fill, sizeof(frame.data));
	return frame;
}

static void expect_to_cross(int outer, char fill)
{
	struct frame sent = frame_to(true, fill), back = frame_to(false, fill), got;
	struct virtio_net_hdr header = {.flags = 0xff};

	test_int(send(outer, &sent, sizeof(sent), 0), sizeof(sent));
	test_int(guest_gets(TEST_ETHERTYPE, &header, &got, sizeof(got)), sizeof(sent));
	test_mem(&got, &sent, sizeof(sent));
	test_int(header.flags, 0);
	test_int(header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	header = (struct virtio_net_hdr){0};
	guest_sends(&header, &back, sizeof(back));
	test_int(recv(outer, &got, sizeof(got), 0), sizeof(back));
	test_mem(&got, &back, sizeof(back));
}

static void frames_cross_both_ways(void)
{
	_cleanup_close_ int outer = -EBADF;

	begin();
	outer = outer_socket();
	join();
	expect_to_cross(outer, 'a');
	expect_to_cross(outer, 'b');
	end();
}

/* What @what of both interfaces is, as tc(8) shows it. */
static char *shown(const char *what)
{
	return command("tc %s show dev eth0 ingress; tc %s show dev %s ingress", what, what,
		       tap_name);
}

static void to_join_twice_is_to_join(void)
{
	_cleanup_close_ int outer = -EBADF;
	_cleanup_free_ char *once = NULL, *twice = NULL;

	begin();
	outer = outer_socket();
	join();
	once = shown("filter");
	test_true(strstr(once, "Redirect to device eth0") &&
		  strstr(once, "Redirect to device caisson0"));
	join();
	twice = shown("filter");
	test_str(twice, once);
	expect_to_cross(outer, 'c');
	end();
}

/* A VM that is gone, and the next one for the same container. */
static void another_tap_takes_the_place_of_the_first(void)
{
	_cleanup_close_ int outer = -EBADF;

	begin();
	outer = outer_socket();
	join();
	fd_close(tap);
	tap = net_tap_open(tap_name, &tap_index, NULL);
	test_int(net_link_set(tap_index, 0, true, NULL), 0);
	join();
	expect_to_cross(outer, 'd');
	end();
}

/* Another container with the same network must not take it from the first. */
static void a_tap_in_use_keeps_its_place(void)
{
	_cleanup_close_ int outer = -EBADF, second = -EBADF;
	struct err err = ERR_NULL;
	char name[IFNAMSIZ];
	int index;

	begin();
	outer = outer_socket();
	test_int(net_check_free(eth_index, &err), 0);
	join();
	test_int(net_check_free(eth_index, &err), -EBUSY);
	second = net_tap_open(name, &index, NULL);
	test_int(net_join(eth_index, index, &err), -EBUSY);
	test_true(strstr(err.text, "is another VM's"));
	expect_to_cross(outer, 'e');
	end();
}

static void parted_they_are_as_before(void)
{
	_cleanup_free_ char *before = NULL, *after = NULL;

	begin();
	before = shown("qdisc");
	test_int(net_part(eth_index, NULL), 0);
	join();
	test_int(net_part(eth_index, NULL), 0);
	after = shown("qdisc");
	test_str(after, before);
	join();
	test_int(net_part(tap_index, NULL), 0);
	free(take_ptr(after));
	after = shown("qdisc");
	test_str(after, before);
	run("ip link del eth0");
	test_int(net_part(eth_index, NULL), 0);
	end();
}

static char *eth_shown(void)
{
	return command("tc qdisc show dev eth0; tc filter show dev eth0 ingress");
}

/* @made: what somebody else has made of eth0 */
static void expect_to_stay(const char *made)
{
	_cleanup_close_ int outer = -EBADF;
	_cleanup_free_ char *before = NULL, *after = NULL;

	begin();
	run("%s", made);
	before = eth_shown();
	outer = outer_socket();
	join();
	expect_to_cross(outer, 'e');
	test_int(net_part(eth_index, NULL), 0);
	after = eth_shown();
	test_str(after, before);
	end();
}

static void others_filters_stay(void)
{
	expect_to_stay(
		"tc qdisc add dev eth0 ingress && tc filter add dev eth0 ingress protocol ip u32 "
		"match ip dport 9 0xffff action mirred egress redirect dev lo");
}

static void a_qdisc_of_another_kind_stays(void)
{
	expect_to_stay("tc qdisc add dev eth0 clsact");
}

static void what_fails_leaves_nothing(void)
{
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct err err = ERR_NULL;

	begin();
	before = shown("qdisc");
	test_int(net_join(7777, tap_index, &err), -ENODEV);
	test_str(err.text, "cannot join network interface 7777 with the VM's tap: No such device");
	test_int(net_join(eth_index, 7777, NULL), -ENODEV);
	after = shown("qdisc");
	test_str(after, before);
	/* In our place, so that the interface fails when the tap is done. */
	run("tc qdisc add dev eth0 ingress && tc filter add dev eth0 ingress prio 51733 protocol "
	    "ip "
	    "u32 match u32 0 0 action mirred egress redirect dev lo");
	free(take_ptr(before));
	before = eth_shown();
	test_int(net_join(eth_index, tap_index, NULL), -EINVAL);
	free(take_ptr(after));
	after = eth_shown();
	test_str(after, before);
	free(take_ptr(after));
	after = command("tc qdisc show dev %s ingress", tap_name);
	test_str(after, "");
	end();
}

/* The sum of the Internet's checksums (RFC 1071) of what is in network order, not complemented. */
static uint32_t sum_of(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* The sum of UDP's pseudo header, which is where a partial checksum begins. */
static uint32_t pseudo_sum(const struct udp_frame *frame)
{
	return sum_of(frame->ip + 12, 8, IPPROTO_UDP + ntohs(frame->len));
}

static uint16_t udp_sum(const struct udp_frame *frame)
{
	return fold(sum_of(&frame->source, ntohs(frame->len), pseudo_sum(frame)));
}

static int outer_udp_socket(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int fd;

	netns_enter(outside);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	test_true(fd >= 0);
	test_int(inet_pton(AF_INET, OUTER_IP, &addr.sin_addr), 1);
	test_int(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	test_int(inet_pton(AF_INET, GUEST_IP, &addr.sin_addr), 1);
	test_int(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	netns_enter(inside);
	return fd;
}

static void expect_udp_to_guest(int udp, bool partial)
{
	struct udp_frame got;
	struct virtio_net_hdr header;

	test_int(send(udp, "to guest", sizeof(got.data), 0), sizeof(got.data));
	test_int(guest_gets(ETH_P_IP, &header, &got, sizeof(got)), sizeof(got));
	test_mem(got.data, "to guest", sizeof(got.data));
	if (partial) {
		test_int(header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
		test_int(header.csum_start, offsetof(struct udp_frame, source));
		test_int(header.csum_offset, 6);
		test_int(ntohs(got.sum), fold(pseudo_sum(&got)));
	} else {
		test_int(header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM, 0);
		test_int(udp_sum(&got), 0xffff);
	}
}

/*
 * A veth's checksums are not made yet. What the guest gets is whole, or it is told, if it can do
 * that.
 */
static void a_checksum_for_the_guest_is_made_or_told(void)
{
	_cleanup_close_ int udp = -EBADF;

	begin();
	udp = outer_udp_socket();
	join();
	expect_udp_to_guest(udp, false);
	test_int(ioctl(tap, TUNSETOFFLOAD, TUN_F_CSUM), 0);
	expect_udp_to_guest(udp, true);
	end();
}

static struct udp_frame udp_from_guest(void)
{
	struct udp_frame frame = {
		.eth = {.h_dest = OUTER_MAC, .h_source = GUEST_MAC, .h_proto = htons(ETH_P_IP)},
		.ip = {0x45, [3] = 36, [8] = 64, IPPROTO_UDP},
		.source = htons(PORT),
		.dest = htons(PORT),
		.len = htons(16),
		.data = "to outer",
	};
	uint16_t sum;

	test_int(inet_pton(AF_INET, GUEST_IP, frame.ip + 12), 1);
	test_int(inet_pton(AF_INET, OUTER_IP, frame.ip + 16), 1);
	sum = (uint16_t)~fold(sum_of(frame.ip, sizeof(frame.ip), 0));
	frame.ip[10] = (uint8_t)(sum >> 8);
	frame.ip[11] = (uint8_t)sum;
	frame.sum = htons(fold(pseudo_sum(&frame)));
	return frame;
}

/* Of two that look alike the first is broken: nothing says that its checksum is to be made. */
static void a_partial_checksum_of_the_guest_arrives(void)
{
	_cleanup_close_ int udp = -EBADF;
	struct udp_frame frame = udp_from_guest();
	struct virtio_net_hdr header = {0};
	char got[16];

	begin();
	udp = outer_udp_socket();
	join();
	frame.data[0] = 'T';
	guest_sends(&header, &frame, sizeof(frame));
	frame.data[0] = 't';
	header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header.csum_start = offsetof(struct udp_frame, source);
	header.csum_offset = 6;
	guest_sends(&header, &frame, sizeof(frame));
	test_int(recv(udp, got, sizeof(got), 0), sizeof(frame.data));
	test_mem(got, "to outer", sizeof(frame.data));
	end();
}

int main(void)
{
	int r = netns_tests();

	if (r != 0)
		return r;
	test_run(frames_cross_both_ways);
	test_run(to_join_twice_is_to_join);
	test_run(another_tap_takes_the_place_of_the_first);
	test_run(a_tap_in_use_keeps_its_place);
	test_run(parted_they_are_as_before);
	test_run(others_filters_stay);
	test_run(a_qdisc_of_another_kind_stays);
	test_run(what_fails_leaves_nothing);
	test_run(a_checksum_for_the_guest_is_made_or_told);
	test_run(a_partial_checksum_of_the_guest_arrives);
	return 0;
}
