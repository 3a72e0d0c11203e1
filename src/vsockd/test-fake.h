/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/test.h"
#include "vsockd/guest.h"
#include "vsockd/vsockd.h"

/*
 * For tests: a front-end that speaks as QEMU 7.2 does, and a guest's driver on a memfd, around a
 * real device. All of it runs in one thread: fake_settle() lets the device work until it has
 * nothing more to do, so nothing depends on time.
 */

#define FAKE_MEM_SIZE	(32u << 20)
#define FAKE_HOLE	0xf0000u  /* the guest's memory has a hole from here … */
#define FAKE_HIGH	0x100000u /* … to here, as on a PC */
#define FAKE_USER_BASE	UINT64_C(0x7f0000000000)
#define FAKE_RING_SIZE	256
#define FAKE_RX_LEN	3776 /* as Linux 6.12 posts them: header and payload in one piece */
#define FAKE_TX_LEN	65536
#define FAKE_GUEST_CID	3
#define FAKE_GUEST_ROOM 262144

/** struct fake_queue - the driver's end of a ring; addresses are guest-physical */
struct fake_queue {
	uint16_t size, avail_idx, used_idx;
	uint64_t desc, avail, used, buffers;
	uint32_t buffer_len;
	int kick, call;
};

struct fake {
	struct loop loop;
	struct vsockd *d;
	struct vsockd_config config;
	int fe, memfd;
	uint8_t *mem;
	struct fake_queue q[VHU_N_QUEUES];
	uint16_t rx_posted; /* buffers the device has; fewer than the ring if a test holds some back
			     */
	uint16_t rx_keep;   /* buffers not to give back, at most the ring's size */
	char dir[64], base[96], uds[96];
	bool gone;
	int status;
};

/**
 * fake_open() - a device with a front-end that has said nothing yet, and its sockets in a folder
 */
void fake_open(struct fake *f);

/**
 * fake_prepare() - the same without a device: for one in a process of its own
 *
 * fake_settle() does nothing then, and answers are waited for. Return: the device's end.
 */
int fake_prepare(struct fake *f);

/** fake_close() - end it all, remove the folder */
void fake_close(struct fake *f);

/** fake_settle() - let the device work until it waits */
void fake_settle(struct fake *f);

/** fake_wait() - let the device work until @done; for what comes by a deadline */
void fake_wait(struct fake *f, bool (*done)(void *arg), void *arg);

/** fake_send() - a message to the device; descriptors stay the caller's */
void fake_send(struct fake *f, uint32_t request, uint32_t flags, const void *payload, size_t size,
	       const int *fds, size_t n_fds);

/** fake_reply() - settle, then the answer, which must have this size. Return: its flags. */
uint32_t fake_reply(struct fake *f, uint32_t request, void *payload, size_t size);

/** fake_u64() - ask for a number */
uint64_t fake_u64(struct fake *f, uint32_t request);

/** fake_state() - a message with a vring state */
void fake_state(struct fake *f, uint32_t request, uint32_t index, uint32_t num);

/** fake_hang_up() - close the front-end's end, and settle */
void fake_hang_up(struct fake *f);

/** fake_realize() - what QEMU says before the guest runs */
void fake_realize(struct fake *f);

/** fake_mem_table() - the two regions of a PC, both the same file. Return: what it answers. */
uint64_t fake_mem_table(struct fake *f);

/** fake_start_queue() - number, base, addresses, kick */
void fake_start_queue(struct fake *f, int index, uint16_t base);

/** fake_boot() - the driver is ready: rings, buffers, start */
void fake_boot(struct fake *f);

/** fake_resume() - start the queues where they are, as after a pause */
void fake_resume(struct fake *f);

/** fake_stop() - what QEMU says when the guest resets or pauses. Checks the bases. */
void fake_stop(struct fake *f);

/** fake_up() - fake_open(), fake_realize(), fake_boot() */
void fake_up(struct fake *f);

/** fake_ptr() - guest memory */
void *fake_ptr(struct fake *f, uint64_t gpa);

/** fake_desc() - write a descriptor */
void fake_desc(struct fake *f, int queue, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
	       uint16_t next);

/** fake_offer() - put a chain on the available ring; fake_kick() - and notify */
void fake_offer(struct fake *f, int queue, uint16_t head);
void fake_kick(struct fake *f, int queue);

/** fake_post() - give the device @n buffers to receive into */
void fake_post(struct fake *f, unsigned int n);

/** fake_tx() - send a packet and settle; sender, receiver and type are filled in if 0 */
void fake_tx(struct fake *f, struct pkt pkt, const void *payload);

/** fake_tx_queue() - the same without settling; false: the ring is full */
bool fake_tx_queue(struct fake *f, struct pkt pkt, const void *payload);

/**
 * fake_rx() - the next packet from the device
 * @payload: FAKE_RX_LEN bytes, or NULL
 *
 * Return: false: there is none.
 */
bool fake_rx(struct fake *f, struct pkt *pkt, void *payload);

/** fake_expect() - the next packet must be this one. Return: it. */
struct pkt fake_expect(struct fake *f, uint16_t op, uint32_t host_port, uint32_t guest_port);

/** fake_expect_none() - nothing must come */
void fake_expect_none(struct fake *f);

/** fake_calls() - interrupts since the last time */
uint64_t fake_calls(struct fake *f, int queue);

/** fake_connect() - a program of the host connects and writes @line. Return: its socket. */
int fake_connect(struct fake *f, const char *line);

/** fake_listen() - a program of the host listens on a port. Return: its socket. */
int fake_listen(struct fake *f, uint32_t port, int backlog);

/** fake_read() - what a program reads now must be exactly @want */
void fake_read(int fd, const char *want);

/** fake_write() - a program writes */
void fake_write(int fd, const char *text);

/** fake_read_end() - a program must find the end */
void fake_read_end(int fd);

/** fake_read_gone() - a program must find the end, or a reset: it had not read, or not been read */
void fake_read_gone(int fd);

/**
 * fake_host_opens() - a whole connection, opened by the host. Return: socket; @ret_port: its port.
 */
int fake_host_opens(struct fake *f, uint32_t guest_port, uint32_t *ret_host_port);

/** fake_guest_opens() - a whole connection, opened by the guest. Return: the program's socket. */
int fake_guest_opens(struct fake *f, int listener, uint32_t host_port, uint32_t guest_port);

/** fake_pkt() - header of a packet from the guest with nothing received yet */
struct pkt fake_pkt(uint16_t op, uint32_t host_port, uint32_t guest_port);
