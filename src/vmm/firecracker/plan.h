/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>

#include "vmm/vmm.h"

/* What a VM is made of, as Firecracker is told it: by its API, or in one file. */

#define FC_PARTS_MAX (6 + VMM_DISKS_MAX + VMM_NICS_MAX)

/* The folder of a VM, in a jail; and where its files are there. */
#define FC_JAIL_DIR    "/vm"
#define FC_JAIL_VSOCK  "/vsock"
#define FC_JAIL_KERNEL "/kernel"
#define FC_JAIL_INITRD "/initrd"
#define FC_JAIL_DISK   "/disk"
#define FC_JAIL_SLOTS  "/slots"
#define FC_JAIL_SAVE   "/snapshot"
#define FC_JAIL_LOAD   "/restore"

/*
 * Interrupts that it has for devices, of the version that has fewest of them: with 1.15 two of 19 are its own. A
 * balloon, a vsock and a source of entropy are devices as well.
 */
#define FC_DEVICES_MAX 17

/*
 * Out of a jail: descriptors that Firecracker inherits, in this order. Those of the disks are followed by those of
 * fc_fd_of().
 */
#define FC_FD_DIR   3
#define FC_FD_DISKS 4

enum fc_folder {
	FC_FOLDER_VSOCK, /* where the socket of its vsock is */
	FC_FOLDER_SAVE,
	FC_FOLDER_LOAD,
	FC_FOLDERS,
};

/** fc_fd_of() - the descriptor of a folder, out of a jail. A VM that is loaded has the same as the one that was saved. */
size_t fc_fd_of(const struct vmm_spec *spec, enum fc_folder folder);

/**
 * struct fc_part - one resource
 * @path: of the API
 * @key: in the file
 * @listed: there it is one of a list
 * @since: the first version that has it, 1.@since; 0: all. A file is for any of them, and is without those
 * @body: owned
 */
struct fc_part {
	char path[48];
	const char *key;
	bool listed;
	unsigned int since;
	struct json_object *body;
};

struct fc_plan {
	struct fc_part parts[FC_PARTS_MAX];
	size_t n;
};

struct fc_slots;

/**
 * fc_plan_make() - all that it is made of
 * @spec: checked by vmm_start()
 * @dir: the VM's folder, where a jail's block devices have their nodes; -EBADF: none
 * @slots: made already
 * @ret: end it with fc_plan_done()
 *
 * Return: 0 or negative errno with a message: what Firecracker does not have is -ENOTSUP.
 */
int fc_plan_make(const struct vmm_spec *spec, int dir, const struct fc_slots *slots,
		 struct fc_plan *ret, struct err *err);

/** fc_plan_patch() - for a drive of one of the slots: where its file is now. Return: JSON, a new string. */
char *fc_plan_patch(size_t slot, const char *path);

/** fc_plan_drive() - of a slot, a path of the API */
void fc_plan_drive(size_t slot, char ret[48]);

/**
 * fc_plan_rates() - what a VM that runs is told of its rates: PATCH of each disk, each slot and each NIC
 * @ret: end it with fc_plan_done()
 */
void fc_plan_rates(size_t n_disks, size_t n_slots, size_t n_nics, const struct vmm_rates *rates,
		   struct fc_plan *ret);

/** fc_disk_name() - of a disk, as a file in a jail: FC_JAIL_DISK and its number, without the "/" before */
void fc_disk_name(size_t i, char ret[16]);

/** fc_plan_file() - all of it as a file. Return: a new string. */
char *fc_plan_file(const struct fc_plan *plan);

/** fc_plan_save() - the body of a request to save it. Return: a new string. */
char *fc_plan_save(const struct vmm_spec *spec);

/* The first version, 1.FC_TAPS_SINCE, that takes other taps for a VM than it was saved with. */
#define FC_TAPS_SINCE 12

/** fc_plan_load() - the body of a request to load it, and let it go on; @taps: with its taps. Return: a new string. */
char *fc_plan_load(const struct vmm_spec *spec, bool taps);

/** fc_plan_done() - may be called again */
void fc_plan_done(struct fc_plan *plan);
