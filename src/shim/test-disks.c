/* SPDX-License-Identifier: Apache-2.0 */
/* Disks that come to a container while it runs, and go: what the guest and the VMM are asked, and what is left. */
#include <sys/file.h>
#include <sys/stat.h>

#include "abi/abi.h"
#include "base/mem.h"
#include "sandbox.pb-c.h"
#include "sandbox/disk.h"
#include "shim/lifeline.h"
#include "shim/test-shim.h"
#include "vmm/test-files.h"
#include "vmmount.pb-c.h"

#define SIZE (16u << 20)

static struct asked asked, other;

static void vm_ended(void *data _unused_, const struct vmm_exit *result _unused_)
{
}

static void begin(void)
{
	static const struct vmm_callbacks callbacks = {.exited = vm_ended};
	struct vmm_spec spec = VMM_SPEC_NULL;
	struct err err = ERR_NULL;

	begin_running(false);
	t.spec.hypervisor = xstrdup("fake");
	spec.name = "test";
	spec.run_dir = files_dir;
	spec.memory = VMM_MEMORY_MIN;
	spec.program = files_script("vmm", "read -r never <${0%/*}/fifo");
	files_write("kernel", "", 0, 0644);
	spec.kernel = spec.initrd = files_path("kernel");
	spec.slots = t.shim.sandbox.slots.count = (struct vmm_slots){.writable = 1, .readonly = 1};
	if (vmm_start(&t.loop, vmm_driver("fake"), &spec, &callbacks, &t.shim.sandbox.vmm, &err) <
	    0)
		test_fail("%s", err.text);
	(void)unlink(files_path("disk"));
}

static void attach(struct asked *a, const char *target, uint64_t size, bool readonly)
{
	Caisson__Sandbox__V1__AttachDiskRequest request =
		CAISSON__SANDBOX__V1__ATTACH_DISK_REQUEST__INIT;

	request.id = (char *)"c1";
	request.source = (char *)files_path("disk");
	request.target = (char *)target;
	request.size = size;
	request.readonly = readonly;
	ask_over(t.client, a, SHIM_SERVICE, "AttachDisk", &request.base);
}

static void detach(struct asked *a, const char *target)
{
	Caisson__Sandbox__V1__DetachDiskRequest request =
		CAISSON__SANDBOX__V1__DETACH_DISK_REQUEST__INIT;

	request.id = (char *)"c1";
	request.target = (char *)target;
	ask_over(t.client, a, SHIM_SERVICE, "DetachDisk", &request.base);
}

static void asked_for_disk(const char *serial, uint64_t size)
{
	Caisson__Guest__V1__Disk *disk =
		(void *)asked_of_guest("FindDisk", &caisson__guest__v1__disk__descriptor);

	test_str(disk->serial, serial);
	test_int(disk->size, size);
	rpc_free(&disk->base);
}

static void asked_to_unmount(const char *target, const char *container)
{
	Caisson__Guest__V1__UnmountRequest *request =
		(void *)asked_of_guest("Unmount", &caisson__guest__v1__unmount_request__descriptor);

	test_str(request->target, target);
	test_str(request->container, container);
	rpc_free(&request->base);
}

static void asked_to_mount_in(const char *container, const char *source, const char *target,
			      const char *how)
{
	Caisson__Guest__V1__MountAllRequest *request = (void *)asked_of_guest(
		"MountAll", &caisson__guest__v1__mount_all_request__descriptor);
	const Containerd__Types__Mount *m = request->mounts[0];

	test_str(request->container, container);
	test_int(request->n_mounts, 1);
	test_str(m->type, "ext4");
	test_str(m->source, source);
	test_str(m->target, target);
	test_str(m->options[0], ABI_MOUNT_SIZE "16777216");
	test_int(m->n_options, how ? 2 : 1);
	if (how)
		test_str(m->options[1], how);
	rpc_free(&request->base);
}

static void asked_to_mount(const char *source, const char *target, const char *how)
{
	asked_to_mount_in("c1", source, target, how);
}

/* Does anybody hold the disk? */
static bool is_claimed(void)
{
	_cleanup_close_ int fd = open(files_path("disk"), O_RDONLY | O_CLOEXEC);

	test_true(fd >= 0);
	return flock(fd, LOCK_EX | LOCK_NB) < 0;
}

static void attach_well(const char *target, uint64_t size)
{
	attach(&asked, target, size, false);
	asked_for_disk("caisson-slot0", 0);
	guest_replies(EMPTY);
	asked_to_mount("serial:caisson-slot0", target, size ? ABI_MOUNT_GROW : NULL);
	guest_replies(EMPTY);
	expect(&asked, TTRPC_OK, "");
	test_true(is_claimed());
}

static void comes_and_goes(void)
{
	begin();
	for (int i = 0; i < 2; i++) {
		attach_well("/data", i == 0 ? SIZE : 0);
		test_true(shim_has_disks(&t.shim));
		detach(&asked, "/data");
		asked_to_unmount("/data", "c1");
		guest_replies(EMPTY);
		asked_for_disk("caisson-slot0", 0);
		guest_replies(EMPTY);
		expect(&asked, TTRPC_OK, "");
		test_true(!is_claimed() && !shim_has_disks(&t.shim));
	}
	/* Whatever it is, nobody writes to it. */
	attach(&asked, "/ro", 0, true);
	asked_for_disk("caisson-slot1", 0);
	guest_replies(EMPTY);
	asked_to_mount("serial:caisson-slot1", "/ro", "ro");
	guest_replies(EMPTY);
	expect(&asked, TTRPC_OK, "");
	test_shim_end();
	test_true(!is_claimed());
}

/* Nor a place that is something else's, nor one for a disk twice. */
static void not_there(void)
{
	begin();
	attach(&asked, "/proc", SIZE, false);
	expect(&asked, TTRPC_INVALID_ARGUMENT, "on /proc: /proc is the guest kernel's");
	attach(&asked, "/sys/fs", SIZE, false);
	expect(&asked, TTRPC_INVALID_ARGUMENT, "on /sys/fs: /sys is the guest kernel's");
	attach(&asked, "/dev", SIZE, false);
	expect(&asked, TTRPC_INVALID_ARGUMENT, "on /dev: /dev is the guest kernel's");
	t.shim.sandbox.slots.count.writable = 2;
	attach_well("/data", SIZE);
	attach(&asked, "/more", SIZE, false);
	expect(&asked, ttrpc_code_from_errno(-EBUSY), "the container has the disk ");
	test_shim_end();
}

static void no_place(void)
{
	begin();
	attach_well("/data", SIZE);
	attach(&asked, "/data", SIZE, false);
	expect(&asked, TTRPC_ALREADY_EXISTS, "there is a disk on /data already");
	attach(&asked, "/more", SIZE, false);
	expect(&asked, ttrpc_code_from_errno(-ENOSPC),
	       "all 1 placeholders for disks that are written to are taken: --placeholders of "
	       "`caisson run`, RUNCVM_PLACEHOLDERS or the annotation io.caisson.placeholders says");
	t.shim.sandbox.slots.count.readonly = 0;
	attach(&asked, "/more", 0, true);
	expect(&asked, TTRPC_UNIMPLEMENTED, "without placeholders for disks that are read only");
	detach(&asked, "/more");
	expect(&asked, TTRPC_NOT_FOUND, "no disk has come to /more while c1 runs");
	attach(&asked, "more", 0, false);
	expect(&asked, TTRPC_INVALID_ARGUMENT, "target: no absolute path");
	test_shim_end();
}

/* What no guest could see all of. */
static void no_whole_sectors(void)
{
	begin();
	attach_well("/data", SIZE);
	detach(&asked, "/data");
	asked_to_unmount("/data", "c1");
	guest_replies(EMPTY);
	asked_for_disk("caisson-slot0", 0);
	guest_replies(EMPTY);
	expect(&asked, TTRPC_OK, "");
	test_int(truncate(files_path("disk"), SIZE + 1), 0);
	attach(&asked, "/data", 0, false);
	expect(&asked, TTRPC_INVALID_ARGUMENT, "has 16777217 bytes, which is no multiple of 512");
	test_true(!is_claimed() && !shim_has_disks(&t.shim));
	test_shim_end();
}

/* A guest that refuses: the place is empty again, and the disk anybody's. */
static void not_mounted(void)
{
	begin();
	for (int i = 0; i < 2; i++) {
		attach(&asked, "/data", SIZE, false);
		asked_for_disk("caisson-slot0", 0);
		if (i == 0) {
			guest_fails(TTRPC_NOT_FOUND, "there is no disk");
			expect(&asked, TTRPC_NOT_FOUND, "on /data: there is no disk");
		} else {
			guest_replies(EMPTY);
			asked_to_mount("serial:caisson-slot0", "/data", ABI_MOUNT_GROW);
			guest_fails(TTRPC_INVALID_ARGUMENT, "bad magic");
			expect(&asked, TTRPC_INVALID_ARGUMENT, "on /data: bad magic");
		}
		test_true(!is_claimed() && !shim_has_disks(&t.shim));
	}
	attach_well("/data", 0);
	test_shim_end();
}

static void not_unmounted(void)
{
	begin();
	attach_well("/data", SIZE);
	detach(&asked, "/data");
	asked_to_unmount("/data", "c1");
	guest_fails(TTRPC_FAILED_PRECONDITION, "busy");
	expect(&asked, TTRPC_FAILED_PRECONDITION, "from /data: busy");
	/* Somebody has unmounted it there, and has it elsewhere still. */
	detach(&asked, "/data");
	asked_to_unmount("/data", "c1");
	guest_fails(TTRPC_NOT_FOUND, "none");
	asked_for_disk("caisson-slot0", 0);
	guest_fails(TTRPC_FAILED_PRECONDITION, "in use");
	expect(&asked, TTRPC_FAILED_PRECONDITION, "from /data: in use");
	test_true(is_claimed());
	detach(&asked, "/data");
	asked_to_unmount("/data", "c1");
	guest_fails(TTRPC_NOT_FOUND, "none");
	asked_for_disk("caisson-slot0", 0);
	guest_replies(EMPTY);
	expect(&asked, TTRPC_OK, "");
	test_true(!is_claimed());
	test_shim_end();
}

/* What it does later nobody knows: the place is no other disk's, and the disk no other VM's. */
static void no_answer(void)
{
	begin();
	attach(&asked, "/data", SIZE, false);
	asked_for_disk("caisson-slot0", 0);
	guest_replies(EMPTY);
	asked_to_mount("serial:caisson-slot0", "/data", ABI_MOUNT_GROW);
	guest_fails(TTRPC_DEADLINE_EXCEEDED, "");
	expect(&asked, TTRPC_DEADLINE_EXCEEDED, "on /data: the guest does not answer");
	test_true(is_claimed());
	attach(&asked, "/more", SIZE, false);
	expect(&asked, ttrpc_code_from_errno(-ENOSPC), "are taken");
	test_shim_end();
	test_true(!is_claimed());
}

static void one_at_a_time(void)
{
	begin();
	attach(&asked, "/data", SIZE, false);
	asked_for_disk("caisson-slot0", 0);
	attach(&other, "/ro", 0, true);
	expect(&other, ttrpc_code_from_errno(-EBUSY), "is just coming or going: try again");
	ask_over(t.client, &other, SHIM_SERVICE, "FlushMetrics", EMPTY);
	expect(&other, TTRPC_UNAVAILABLE, "a disk is just coming or going: try again");
	guest_replies(EMPTY);
	asked_to_mount("serial:caisson-slot0", "/data", ABI_MOUNT_GROW);
	guest_replies(EMPTY);
	expect(&asked, TTRPC_OK, "");
	test_shim_end();
}

/* Whoever has asked goes: what was begun goes on. */
static void client_goes(void)
{
	struct ttrpc_client *client;

	begin();
	client = t.client;
	attach(&asked, "/data", SIZE, false);
	asked_for_disk("caisson-slot0", 0);
	t.client = test_client();
	ttrpc_client_free(client);
	run_until(&t.loop, t.n_closed == 1);
	guest_replies(EMPTY);
	asked_to_mount("serial:caisson-slot0", "/data", ABI_MOUNT_GROW);
	guest_replies(EMPTY);
	/* Answers come one by one, so each is an occasion to look. */
	while (t.shim.sandbox.slots.busy)
		expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	detach(&asked, "/data");
	asked_to_unmount("/data", "c1");
	test_shim_end();
}

static void vm_ends(void)
{
	begin();
	attach(&asked, "/data", SIZE, false);
	asked_for_disk("caisson-slot0", 0);
	guest_replies(EMPTY);
	asked_to_mount("serial:caisson-slot0", "/data", ABI_MOUNT_GROW);
	test_true(is_claimed());
	slots_end(&t.shim.sandbox.slots);
	expect(&asked, ttrpc_code_from_errno(-ESHUTDOWN), "the virtual machine has ended");
	test_true(!is_claimed());
	test_shim_end();
}

static void not_running(void)
{
	begin();
	t.shim.first.init->state = PROCESS_PAUSED;
	attach(&asked, "/data", SIZE, false);
	expect(&asked, TTRPC_FAILED_PRECONDITION, "container c1 is paused");
	t.shim.first.init->state = PROCESS_RUNNING;
	t.shim.sandbox.state = SANDBOX_ENDING;
	attach(&asked, "/data", SIZE, false);
	expect(&asked, ttrpc_code_from_errno(-ENOTCONN), "the virtual machine is not up");
	t.shim.sandbox.state = SANDBOX_READY;
	test_int(access(files_path("disk"), F_OK), -1);
	test_shim_end();
}

static void note(void *userdata, const struct err *err)
{
	*(int *)userdata = err ? err->code : 1;
}

/* What a container is to be made of comes before there is one. */
static void for_a_container_to_come(void)
{
	struct slots *s = &t.shim.sandbox.slots;
	struct disk disk = {.target = (char *)"/run/mounts/new", .size = SIZE};
	struct err err = ERR_NULL;
	int said = 0;

	begin();
	disk.source = (char *)files_path("disk");
	test_int(slots_attach(s, "", &disk, note, &said, &err), 0);
	asked_for_disk("caisson-slot0", 0);
	guest_replies(EMPTY);
	asked_to_mount_in("", "serial:caisson-slot0", "/run/mounts/new", ABI_MOUNT_GROW);
	guest_replies(EMPTY);
	while (s->busy)
		expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	test_int(said, 1);
	test_int(slots_detach(s, "", "/run/mounts/new", note, &said, &err), 0);
	asked_to_unmount("/run/mounts/new", "");
	guest_fails(TTRPC_FAILED_PRECONDITION, "busy");
	while (s->busy)
		expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
	test_true(said < 0 && is_claimed());
	test_shim_end();
}

static void wait_for_slots(void)
{
	while (t.shim.sandbox.slots.busy)
		expect_state("", CONTAINERD__V1__TYPES__STATUS__RUNNING);
}

static const char sectors[1024] = "what is on it";

static void device_comes(struct slots_waiter *waiter, int *said)
{
	struct slots *s = &t.shim.sandbox.slots;
	Caisson__Guest__V1__Disk where = CAISSON__GUEST__V1__DISK__INIT;
	struct disk disk = {.source = (char *)files_path("disk")};
	struct err err = ERR_NULL;

	files_write("disk", sectors, sizeof(sectors), 0600);
	test_int(slots_attach(s, "c2", &disk, note, said, &err), 0);
	slots_wait(s, waiter);
	asked_for_disk("caisson-slot0", 0);
	guest_replies(EMPTY);
	asked_for_disk("caisson-slot0", 1024);
	where.device = 0xfe10;
	guest_replies(&where.base);
	wait_for_slots();
	test_int(*said, 1);
	test_int(slots_device(s, "c2", disk.source), 0xfe10);
	test_true(is_claimed());
}

static bool had_turn;

static void turn(struct slots_waiter *waiter _unused_)
{
	test_true(!t.shim.sandbox.slots.busy);
	had_turn = true;
}

/* A device that has no place in any container goes with that which has it; who has waited is next. */
static void devices_go_with_their_container(void)
{
	struct slots_waiter waiter = {.call = turn};
	int said = 0;

	begin();
	list_init(&waiter.link);
	had_turn = false;
	device_comes(&waiter, &said);
	test_true(had_turn);
	slots_forget(&t.shim.sandbox.slots, "c1", NULL);
	test_true(is_claimed());
	slots_forget(&t.shim.sandbox.slots, "c2", NULL);
	had_turn = false;
	slots_wait(&t.shim.sandbox.slots, &waiter);
	test_true(!had_turn);
	asked_for_disk("caisson-slot0", 0);
	guest_replies(EMPTY);
	wait_for_slots();
	test_true(had_turn && !is_claimed() && !slots_filled(&t.shim.sandbox.slots));
	test_shim_end();
}

static void device_is_kept(enum ttrpc_code code)
{
	struct slots_waiter waiter = {.call = turn};
	int said = 0;

	begin();
	list_init(&waiter.link);
	device_comes(&waiter, &said);
	slots_forget(&t.shim.sandbox.slots, "c2", NULL);
	asked_for_disk("caisson-slot0", 0);
	guest_fails(code, "busy");
	wait_for_slots();
	test_true(!is_claimed() && !slots_filled(&t.shim.sandbox.slots));
	test_shim_end();
}

/* The host needs it for others. */
static void a_device_is_not_the_guests_to_keep(void)
{
	device_is_kept(TTRPC_FAILED_PRECONDITION);
	device_is_kept(TTRPC_DEADLINE_EXCEEDED);
}

static bool was_flushed;

static void flushed(void *userdata _unused_, int r, const char *message _unused_)
{
	test_int(r, 0);
	was_flushed = true;
}

/* Nobody would try it again. */
static void while_the_vmm_does_something_else(void)
{
	struct sandbox *sb = &t.shim.sandbox;
	struct slots_waiter waiter = {.call = turn};
	int said = 0;

	begin();
	list_init(&waiter.link);
	device_comes(&waiter, &said);
	had_turn = false;
	test_int(standby_order(&sb->standby, STANDBY_FLUSH_METRICS, NULL, flushed, NULL), 0);
	slots_forget(&sb->slots, "c2", NULL);
	slots_wait(&sb->slots, &waiter);
	test_true(!had_turn && !was_flushed);
	asked_for_disk("caisson-slot0", 0);
	test_true(!had_turn && was_flushed);
	guest_replies(EMPTY);
	wait_for_slots();
	test_true(had_turn && !is_claimed() && !slots_filled(&sb->slots));
	test_shim_end();
}

/* Nobody waits any more for what comes to it. */
static void gone_before_its_device_came(void)
{
	struct slots *s = &t.shim.sandbox.slots;
	struct disk disk = {.source = (char *)files_path("disk")};
	struct err err = ERR_NULL;
	int said = 0;

	begin();
	files_write("disk", sectors, sizeof(sectors), 0600);
	disk.source = (char *)files_path("disk");
	test_int(slots_attach(s, "c2", &disk, note, &said, &err), 0);
	asked_for_disk("caisson-slot0", 0);
	slots_forget(s, "c2", &said);
	guest_replies(EMPTY);
	asked_for_disk("caisson-slot0", 1024);
	guest_replies(EMPTY);
	asked_for_disk("caisson-slot0", 0);
	guest_replies(EMPTY);
	wait_for_slots();
	test_int(said, 0);
	test_true(!is_claimed());
	test_shim_end();
}

int main(void)
{
	files_begin();
	test_int(mkfifo(files_path("fifo"), 0600), 0);
	test_run(comes_and_goes);
	test_run(not_there);
	test_run(no_place);
	test_run(no_whole_sectors);
	test_run(not_mounted);
	test_run(not_unmounted);
	test_run(no_answer);
	test_run(one_at_a_time);
	test_run(client_goes);
	test_run(vm_ends);
	test_run(not_running);
	test_run(for_a_container_to_come);
	test_run(devices_go_with_their_container);
	test_run(a_device_is_not_the_guests_to_keep);
	test_run(while_the_vmm_does_something_else);
	test_run(gone_before_its_device_came);
	files_end();
	return 0;
}
