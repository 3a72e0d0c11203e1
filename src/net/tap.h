/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Taps of ours begin with this; net_scan() leaves them out. */
#define NET_TAP_PREFIX "caisson"

/**
 * net_tap_open() - a tap for a VM, in the namespace that the calling thread is in
 * @ret_name: set on success
 * @ret_index: set on success
 *
 * It is down, and the kernel will give it no address, so that nothing but what is redirected to it
 * reaches the guest. It goes with its descriptor, which the VMM gets. Frames have a struct
 * virtio_net_hdr in front: see net_join().
 *
 * Return: the descriptor, blocking and close-on-exec, or negative errno.
 */
int net_tap_open(char ret_name[IFNAMSIZ], int *ret_index, struct err *err);

/**
 * net_tap_let_go() - of a tap for a VMM that opens it by name: it stays until net_tap_remove()
 * @fd: of net_tap_open(); closed
 * @owner: whose it is, besides those with CAP_NET_ADMIN
 *
 * Return: 0 or negative errno with a message.
 */
int net_tap_let_go(int fd, uid_t owner, struct err *err);

/** net_tap_remove() - the end of such a tap. @index: one that is gone is no error */
void net_tap_remove(int index);

/**
 * net_link_set() - change an interface
 * @mtu: bytes; 0: as it is
 * @up: it is set up; else down
 *
 * Return: 0 or negative errno.
 */
int net_link_set(int index, uint32_t mtu, bool up, struct err *err);
