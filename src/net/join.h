/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

/**
 * net_join() - what one of two interfaces receives, the other sends, and the other way round
 * @interface_index: the engine's
 * @tap_index: of net_tap_open(); both are to be up before anything passes
 *
 * The kernel's own network no longer sees what they receive: it answers no ARP and refuses no
 * connection, though the interface keeps its addresses. It is a filter behind those that others may
 * have on the interface, and takes the place of an earlier one of ours whose tap is gone; joined
 * already, nothing changes.
 *
 * Frames keep their state of checksum and segmentation on the way, as they do between two
 * interfaces of a bridge, and no offload needs to be turned off. Towards the guest: a frame whose
 * checksum is still to be made (from a veth it mostly is), or that is yet to be cut into segments,
 * is finished by the kernel as it leaves by the tap, unless the VMM has said with TUNSETOFFLOAD
 * that the guest's driver takes it as it is; the struct virtio_net_hdr in front says so then. From
 * the guest the header says it to the kernel, and the interface, or the last one that the frame
 * leaves by, finishes it. Without IFF_VNET_HDR all would be finished at the tap, which is as right,
 * and slower.
 *
 * Return: 0 or negative errno (-ENOENT: the kernel lacks what it needs); neither is joined then. -EBUSY:
 * the interface is with another tap, and stays so.
 */
int net_join(int interface_index, int tap_index, struct err *err);

/**
 * net_check_free() - is an interface not joined with anybody's tap?
 *
 * Return: 0, -EBUSY or another negative errno.
 */
int net_check_free(int interface_index, struct err *err);

/**
 * net_part() - undo net_join()
 * @index: one of the two; it may be gone, or never have been joined
 *
 * A tap that is closed is no longer joined to; what comes for it is lost until net_part() or the
 * next net_join() of the interface.
 *
 * Return: 0 or negative errno.
 */
int net_part(int index, struct err *err);
