/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A disk comes in three steps: the guest finds the place, by the serial that it has while it
 * is empty, and sees that nobody has it mounted; the VMM opens the disk there; the guest waits until its kernel has
 * heard of the size, and mounts it. It goes in the reverse order, so that all is written when the VMM closes it.
 */
#include "sandbox/slots.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "abi/abi.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "rpc/rpc.h"
#include "sandbox/container.h"
#include "sandbox/disk-open.h"
#include "sandbox/sandbox.h"
#include "sandbox/volume.h"
#include "vmmount.pb-c.h"

#define SECTOR 512u

void slots_init(struct slots *s, struct sandbox *sandbox)
{
	*s = (struct slots){.sandbox = sandbox};
	ttrpc_request_init(&s->request);
	list_init(&s->waiting);
	for (size_t i = 0; i < VMM_DISKS_MAX; i++)
		s->all[i].fd = -EBADF;
}

static size_t number_of(const struct slots *s, const struct slot *slot)
{
	return (size_t)(slot - s->all);
}

static void empty(struct slot *slot, enum slot_state state)
{
	slot->fd = fd_close(slot->fd);
	free(take_ptr(slot->container));
	free(take_ptr(slot->target));
	free(take_ptr(slot->source));
	slot->leaving = false;
	slot->state = state;
}

/* @err: NULL: all is well */
static void finish(struct slots *s, const struct err *err)
{
	s->busy = NULL;
	standby_leave(&s->sandbox->standby);
	s->done(s->userdata, err);
	slots_go_on(s);
}

/* The guest's answer, as an error; @what: what it was to do */
static int refused(const struct slots *s, const struct ttrpc_answer *answer, const char *what,
		   struct err *err)
{
	int r = ttrpc_code_to_errno(answer->code);

	return err_set(err, r < 0 ? r : -EIO, "cannot %s the disk %s %s %s: %s", what,
		       s->busy->source, *what == 'm' ? "on" : "from",
		       s->busy->target ? s->busy->target : s->busy->container,
		       answer->code == TTRPC_DEADLINE_EXCEEDED ? "the guest does not answer"
							       : answer->message);
}

static int ask(struct slots *s, const char *method, const ProtobufCMessage *request,
	       void (*answered)(struct ttrpc_request *req, const struct ttrpc_answer *answer))
{
	if (!s->sandbox->guest)
		return -ENOTCONN;
	return rpc_call(s->sandbox->guest, &s->request, RPC_SERVICE_MOUNT, method, request,
			(int64_t)(s->sandbox->spec->boot_timeout * NSEC_PER_SEC), answered);
}

/* Nobody has the place's disk mounted, and the guest knows it from then on. */
static int ask_for_disk(struct slots *s, uint64_t size,
			void (*answered)(struct ttrpc_request *req,
					 const struct ttrpc_answer *answer))
{
	Caisson__Guest__V1__Disk disk = CAISSON__GUEST__V1__DISK__INIT;
	char serial[sizeof(ABI_SLOT_SERIAL) + 20];

	(void)snprintf(serial, sizeof(serial), ABI_SLOT_SERIAL "%zu", number_of(s, s->busy));
	disk.serial = serial;
	disk.size = size;
	return ask(s, "FindDisk", &disk.base, answered);
}

static int ask_for_place(struct slots *s, void (*answered)(struct ttrpc_request *req,
							   const struct ttrpc_answer *answer))
{
	return ask_for_disk(s, 0, answered);
}

static void given_back(void *data, int r, const char *message)
{
	struct slots *s = data;
	struct err err = ERR_NULL;

	if (r == 0) {
		empty(s->busy, SLOT_EMPTY);
		finish(s, s->why.code < 0 ? &s->why : NULL);
		return;
	}
	(void)err_set(&err, r, "the disk %s is unmounted, and %s does not give it back: %s",
		      s->busy->source, vmm_title(s->sandbox->vmm), message);
	s->busy->state = SLOT_LOST;
	finish(s, &err);
}

/* @why: an error that is told then; NULL: it was to go */
static void give_back(struct slots *s, const struct err *why)
{
	const struct vmm_reply reply = {.done = given_back, .data = s};
	struct err err = ERR_NULL;
	int r;

	s->why = why ? *why : (struct err)ERR_NULL;
	r = vmm_disk_detach(s->sandbox->vmm, number_of(s, s->busy), &reply, &err);
	if (r < 0)
		given_back(s, r, err.text);
}

static void mounted(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct slots *s = container_of(req, struct slots, request);
	struct err err = ERR_NULL;

	if (answer->code == TTRPC_OK) {
		s->busy->state = SLOT_MOUNTED;
		finish(s, NULL);
		return;
	}
	(void)refused(s, answer, "mount", &err);
	if (answer->code != TTRPC_DEADLINE_EXCEEDED) {
		give_back(s, &err);
		return;
	}
	s->busy->state = SLOT_LOST;
	finish(s, &err);
}

/* The guest has it, as large as it is. */
static void known(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct slots *s = container_of(req, struct slots, request);
	ProtobufCMessage *m = NULL;
	struct err err = ERR_NULL;

	if (answer->code != TTRPC_OK)
		(void)refused(s, answer, "make", &err);
	else if (rpc_unpack(&caisson__guest__v1__disk__descriptor, answer->payload,
			    answer->payload_len, &m) < 0)
		(void)err_set(&err, -EPROTO, "the guest does not say where the disk %s is",
			      s->busy->source);
	if (m)
		s->busy->guest_device = ((Caisson__Guest__V1__Disk *)m)->device;
	rpc_free(m);
	if (answer->code == TTRPC_DEADLINE_EXCEEDED) {
		s->busy->state = SLOT_LOST;
		finish(s, &err);
	} else if (err.code < 0) {
		give_back(s, &err);
	} else {
		s->busy->state = SLOT_MOUNTED;
		finish(s, NULL);
	}
}

static int ask_to_mount(struct slots *s)
{
	Caisson__Guest__V1__MountAllRequest request = CAISSON__GUEST__V1__MOUNT_ALL_REQUEST__INIT;
	Containerd__Types__Mount m = CONTAINERD__TYPES__MOUNT__INIT, *list = &m;
	char source[sizeof("serial:" ABI_SLOT_SERIAL) + 20], size[sizeof(ABI_MOUNT_SIZE) + 20];
	char *options[2] = {size};

	(void)snprintf(source, sizeof(source), "serial:" ABI_SLOT_SERIAL "%zu",
		       number_of(s, s->busy));
	(void)snprintf(size, sizeof(size), ABI_MOUNT_SIZE "%llu", (unsigned long long)s->size);
	m.type = rpc_str("ext4");
	m.source = source;
	m.target = s->busy->target;
	m.options = options;
	m.n_options = 1;
	if (s->readonly || s->grow)
		options[m.n_options++] = rpc_str(s->readonly ? "ro" : ABI_MOUNT_GROW);
	request.container = s->busy->container;
	request.mounts = &list;
	request.n_mounts = 1;
	return ask(s, "MountAll", &request.base, mounted);
}

static void opened(void *data, int r, const char *message)
{
	struct slots *s = data;
	struct err err = ERR_NULL;

	if (r < 0) {
		(void)err_set(&err, r, "%s does not take the disk %s: %s",
			      vmm_title(s->sandbox->vmm), s->busy->source, message);
		/* Without a refusal nobody knows whether it has it: the disk stays claimed. */
		if (r == -EREMOTEIO)
			empty(s->busy, SLOT_EMPTY);
		else
			s->busy->state = SLOT_LOST;
		finish(s, &err);
		return;
	}
	r = s->busy->target ? ask_to_mount(s) : ask_for_disk(s, s->size, known);
	if (r < 0) {
		(void)err_errno(&err, r, "cannot ask the guest to mount the disk %s",
				s->busy->source);
		give_back(s, &err);
	}
}

static void place_found(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct slots *s = container_of(req, struct slots, request);
	const struct vmm_reply reply = {.done = opened, .data = s};
	char serial[sizeof(ABI_SLOT_SERIAL) + 20];
	struct vmm_disk disk = {.fd = s->busy->fd,
				.serial = serial,
				.readonly = s->readonly,
				.device = s->device,
				.size = s->size};
	struct err err = ERR_NULL;
	int r;

	(void)snprintf(serial, sizeof(serial), ABI_SLOT_SERIAL "%zu", number_of(s, s->busy));
	if (answer->code != TTRPC_OK)
		r = refused(s, answer, "mount", &err);
	else
		r = vmm_disk_attach(s->sandbox->vmm, number_of(s, s->busy), &disk, &reply, &err);
	if (r == 0)
		return;
	if (answer->code == TTRPC_OK)
		(void)err_wrap(&err, r, "the disk %s", s->busy->source);
	empty(s->busy, SLOT_EMPTY);
	finish(s, &err);
}

static void unused(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct slots *s = container_of(req, struct slots, request);
	struct err err = ERR_NULL;

	if (answer->code == TTRPC_OK) {
		give_back(s, NULL);
		return;
	}
	(void)refused(s, answer, "unmount", &err);
	/* Nobody has it then but a guest that lies, and the host needs it back. */
	if (s->busy->leaving) {
		give_back(s, &err);
		return;
	}
	s->busy->state = SLOT_MOUNTED;
	finish(s, &err);
}

/* Where it is not mounted any more the container has done that itself. */
static void unmounted(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct slots *s = container_of(req, struct slots, request);
	struct err err = ERR_NULL;
	int r = 0;

	if (answer->code != TTRPC_OK && answer->code != TTRPC_NOT_FOUND)
		r = refused(s, answer, "unmount", &err);
	else if ((r = ask_for_place(s, unused)) < 0)
		(void)err_errno(&err, r, "cannot ask the guest");
	if (r == 0)
		return;
	s->busy->state = SLOT_MOUNTED;
	finish(s, &err);
}

static int check_ready(const struct slots *s, struct err *err)
{
	if (s->sandbox->state != SANDBOX_READY)
		return err_set(err, -ENOTCONN, "the virtual machine is not up");
	if (s->busy)
		return err_set(err, -EBUSY, "the disk %s is just coming or going: try again",
			       s->busy->source);
	/* Each order of ours may be the next one's last chance: they are not given while another is on its way. */
	if (s->sandbox->standby.asked)
		return err_set(err, -EBUSY, "%s is just busy with something else: try again",
			       vmm_title(s->sandbox->vmm));
	return 0;
}

static struct slot *find(struct slots *s, const char *container, const char *target)
{
	for (size_t i = 0; i < VMM_DISKS_MAX; i++)
		if (s->all[i].state == SLOT_MOUNTED && s->all[i].target &&
		    strcmp(s->all[i].container, container) == 0 &&
		    strcmp(s->all[i].target, target) == 0)
			return &s->all[i];
	return NULL;
}

/* By whatever names. */
static bool same_disk(const char *one, const char *other)
{
	struct stat a, b;

	if (stat(one, &a) < 0 || stat(other, &b) < 0)
		return false;
	if (S_ISBLK(a.st_mode) && S_ISBLK(b.st_mode))
		return a.st_rdev == b.st_rdev;
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Return: what it has from its start on; NULL: it has not come yet. */
static const struct sandbox_spec *spec_of(const struct slots *s, const char *container)
{
	const struct container *c = container_find(s->sandbox, container);

	return c ? c->spec : NULL;
}

static const char *volume_target_of(const struct sandbox_spec *spec, const struct disk *disk)
{
	uint64_t size;

	for (size_t i = 0; i < spec->volumes.n; i++) {
		const struct volume volume = volume_of(spec->volumes.v[i]);

		if (volume.kind == VOLUME_DISK &&
		    same_disk(disk_of_volume(volume.source, &size), disk->source))
			return spec->volume_targets.v[i];
	}
	return NULL;
}

/* Return: where the container has it already; NULL: nowhere. */
static const char *target_of(const struct slots *s, const char *container, const struct disk *disk)
{
	const struct sandbox_spec *spec = spec_of(s, container);

	for (size_t i = 0; i < VMM_DISKS_MAX; i++)
		if (s->all[i].state == SLOT_MOUNTED && s->all[i].target &&
		    strcmp(s->all[i].container, container) == 0 &&
		    same_disk(s->all[i].source, disk->source))
			return s->all[i].target;
	return spec ? volume_target_of(spec, disk) : NULL;
}

static int check_volumes(const struct slots *s, const char *container, const struct disk *disk,
			 struct err *err)
{
	const struct sandbox_spec *spec = spec_of(s, container);

	for (size_t i = 0; spec && i < spec->volume_targets.n; i++)
		if (strcmp(spec->volume_targets.v[i], disk->target) == 0)
			return err_set(err, -EEXIST,
				       "there is something on %s already, since the container was "
				       "started",
				       disk->target);
	return 0;
}

/* A container that is without them does not work any more; nothing else stays below the first two. */
static int check_target(const struct disk *disk, struct err *err)
{
	static const char *const all[] = {"/proc", "/sys", "/dev"};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		const char *rest = str_starts(disk->target, all[i]);

		if (rest && (*rest == '\0' || (*rest == '/' && i < 2)))
			return err_set(err, -EINVAL,
				       "cannot mount the disk %s on %s: %s is the guest kernel's",
				       disk->source, disk->target, all[i]);
	}
	return 0;
}

static int check_place(struct slots *s, const char *container, const struct disk *disk,
		       struct err *err)
{
	int r;

	if (find(s, container, disk->target))
		return err_set(err, -EEXIST, "there is a disk on %s already", disk->target);
	r = check_target(disk, err);
	return r == 0 ? check_volumes(s, container, disk, err) : r;
}

static struct slot *find_empty(struct slots *s, bool readonly)
{
	size_t from = readonly ? s->count.writable : 0;
	size_t n = readonly ? s->count.readonly : s->count.writable;

	for (size_t i = from; i < from + n; i++)
		if (s->all[i].state == SLOT_EMPTY)
			return &s->all[i];
	return NULL;
}

static int check_room(struct slots *s, bool readonly, struct slot **ret, struct err *err)
{
	const char *ways =
		readonly ? "--placeholders-ro of `caisson run`, RUNCVM_PLACEHOLDERS_RO or the "
			   "annotation io.caisson.placeholders_ro says how many a VM has"
			 : "--placeholders of `caisson run`, RUNCVM_PLACEHOLDERS or the "
			   "annotation io.caisson.placeholders says how many a VM has";
	size_t n = readonly ? s->count.readonly : s->count.writable;

	if (readonly && vmm_traits(vmm_driver(s->sandbox->spec->hypervisor))->no_readonly_slots)
		return err_set(err, -ENOTSUP, "%s " VMM_NO_READONLY_SLOTS,
			       vmm_title(s->sandbox->vmm));
	if (n == 0)
		return err_set(err, -ENOTSUP,
			       "the VM was started without placeholders for disks that are %s: "
			       "%s",
			       readonly ? "read only" : "written to", ways);
	*ret = find_empty(s, readonly);
	if (!*ret)
		return err_set(err, -ENOSPC,
			       "all %zu placeholders for disks that are %s are taken: %s", n,
			       readonly ? "read only" : "written to", ways);
	return 0;
}

/* A guest sees whole sectors, and QEMU would cut a file, or make it longer, to what it is told of that. */
static int measure(const struct slots *s, const struct slot *slot, uint64_t *ret, struct err *err)
{
	struct stat st;
	int r = 0;

	if (s->device ? ioctl(slot->fd, BLKGETSIZE64, ret) < 0 : fstat(slot->fd, &st) < 0)
		r = -errno;
	else if (!s->device)
		*ret = (uint64_t)st.st_size;
	if (r < 0)
		return err_errno(err, r, "cannot look at the disk %s", slot->source);
	if (*ret % SECTOR != 0)
		return err_set(err, -EINVAL,
			       "the disk %s has %llu bytes, which is no multiple of %u",
			       slot->source, (unsigned long long)*ret, SECTOR);
	return 0;
}

/* By another container, as it says there, or by this one. */
static int busy(const struct slots *s, const char *container, const struct disk *disk,
		struct err *err)
{
	const char *target = target_of(s, container, disk);

	return target ? err_set(err, -EBUSY, "the container has the disk %s on %s already",
				disk->source, target)
		      : -EBUSY;
}

static int open_disk(struct slots *s, struct slot *slot, const char *container,
		     const struct disk *disk, struct err *err)
{
	slot->fd = disk->target ? disk_open(-EBADF, disk->source, disk, &s->device, err)
				: disk_open_raw(disk, &s->device, err);
	if (slot->fd == -EBUSY)
		return busy(s, container, disk, err);
	if (slot->fd < 0)
		return slot->fd;
	s->readonly = disk->readonly;
	s->grow = disk->size > 0;
	slot->container = xstrdup(container);
	slot->target = disk->target ? xstrdup(disk->target) : NULL;
	slot->source = xstrdup(disk->source);
	return measure(s, slot, &s->size, err);
}

static void begin(struct slots *s, struct slot *slot,
		  void (*done)(void *userdata, const struct err *err), void *userdata)
{
	slot->state = SLOT_BUSY;
	s->busy = slot;
	s->done = done;
	s->userdata = userdata;
	standby_use(&s->sandbox->standby);
}

static void not_begun(struct slots *s)
{
	s->busy = NULL;
	standby_leave(&s->sandbox->standby);
}

int slots_attach(struct slots *s, const char *container, const struct disk *disk,
		 void (*done)(void *userdata, const struct err *err), void *userdata,
		 struct err *err)
{
	struct slot *slot;
	int r = check_ready(s, err);

	if (r == 0 && disk->target)
		r = check_place(s, container, disk, err);
	if (r == 0)
		r = check_room(s, disk->readonly, &slot, err);
	if (r < 0)
		return r;
	r = open_disk(s, slot, container, disk, err);
	if (r == 0) {
		begin(s, slot, done, userdata);
		r = ask_for_place(s, place_found);
		if (r < 0) {
			(void)err_errno(err, r, "cannot ask the guest");
			not_begun(s);
		}
	}
	if (r < 0)
		empty(slot, SLOT_EMPTY);
	return r;
}

int slots_detach(struct slots *s, const char *container, const char *target,
		 void (*done)(void *userdata, const struct err *err), void *userdata,
		 struct err *err)
{
	Caisson__Guest__V1__UnmountRequest request = CAISSON__GUEST__V1__UNMOUNT_REQUEST__INIT;
	struct slot *slot;
	int r = check_ready(s, err);

	if (r < 0)
		return r;
	slot = find(s, container, target);
	if (!slot)
		return err_set(err, -ENOENT, "no disk has come to %s while %s runs", target,
			       container);
	begin(s, slot, done, userdata);
	request.container = slot->container;
	request.target = slot->target;
	r = ask(s, "Unmount", &request.base, unmounted);
	if (r == 0)
		return 0;
	not_begun(s);
	slot->state = SLOT_MOUNTED;
	return err_errno(err, r, "cannot ask the guest");
}

dev_t slots_device(const struct slots *s, const char *container, const char *source)
{
	for (size_t i = 0; i < VMM_DISKS_MAX; i++)
		if (s->all[i].state == SLOT_MOUNTED && !s->all[i].target &&
		    strcmp(s->all[i].container, container) == 0 &&
		    strcmp(s->all[i].source, source) == 0)
			return s->all[i].guest_device;
	return 0;
}

/* Nobody waits for it. */
static void left(void *data _unused_, const struct err *err)
{
	if (err)
		log_warn("%s", err->text);
}

/* Return: whether one is on its way. */
static bool leave_next(struct slots *s)
{
	struct err err = ERR_NULL;

	for (; !s->busy && s->next < VMM_DISKS_MAX; s->next++) {
		struct slot *slot = &s->all[s->next];

		if (slot->state != SLOT_MOUNTED || !slot->leaving || check_ready(s, &err) < 0)
			continue;
		begin(s, slot, left, NULL);
		if (ask_for_place(s, unused) == 0) {
			s->next++;
			return true;
		}
		slot->state = SLOT_MOUNTED;
		not_begun(s);
	}
	return s->busy != NULL;
}

void slots_go_on(struct slots *s)
{
	while (!s->over && !s->sandbox->standby.asked && !leave_next(s) &&
	       !list_empty(&s->waiting)) {
		struct slots_waiter *waiter = list_first(&s->waiting, struct slots_waiter, link);

		list_del(&waiter->link);
		waiter->call(waiter);
	}
}

void slots_wait(struct slots *s, struct slots_waiter *waiter)
{
	list_append(&s->waiting, &waiter->link);
	slots_go_on(s);
}

static void nobody(void *data _unused_, const struct err *err _unused_)
{
}

void slots_forget(struct slots *s, const char *container, const void *userdata)
{
	for (size_t i = 0; i < VMM_DISKS_MAX; i++)
		if (s->all[i].container && strcmp(s->all[i].container, container) == 0)
			s->all[i].leaving = true;
	if (s->busy && s->userdata == userdata) {
		s->done = nobody;
		s->userdata = NULL;
	}
	s->next = 0;
	slots_go_on(s);
}

bool slots_filled(const struct slots *s)
{
	for (size_t i = 0; i < VMM_DISKS_MAX; i++)
		if (s->all[i].state != SLOT_EMPTY)
			return true;
	return false;
}

void slots_end(struct slots *s)
{
	static const struct err gone = {.code = -ESHUTDOWN,
					.text = "the virtual machine has ended"};

	s->over = true;
	ttrpc_request_cancel(&s->request);
	if (s->busy)
		finish(s, s->sandbox->failure.code ? &s->sandbox->failure : &gone);
	for (size_t i = 0; i < VMM_DISKS_MAX; i++)
		empty(&s->all[i], SLOT_EMPTY);
}
