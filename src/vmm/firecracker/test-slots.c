/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/firecracker/slots.h"

#include <errno.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "vmm/firecracker/plan.h"
#include "vmm/test-files.h"

static struct vmm_spec spec;
static struct err err;

static void begin(size_t writable, size_t readonly)
{
	struct vmm_spec fresh = VMM_SPEC_NULL;

	spec = fresh;
	spec.run_dir = files_dir;
	spec.memory = 96u << 20;
	spec.kernel = spec.initrd = "/k";
	spec.slots = (struct vmm_slots){.writable = writable, .readonly = readonly};
	err = (struct err)ERR_NULL;
}

static struct stat look(const char *path)
{
	struct stat st;

	test_int(stat(path, &st), 0);
	return st;
}

static const char *part(const struct fc_plan *plan, const char *path)
{
	for (size_t i = 0; i < plan->n; i++)
		if (strcmp(plan->parts[i].path, path) == 0)
			return json_object_to_json_string_ext(
				plan->parts[i].body,
				JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	return "(none)";
}

static void none_leave_nothing(void)
{
	struct fc_slots slots = FC_SLOTS_NULL;

	begin(0, 0);
	test_int(fc_slots_make(&spec, &slots, &err), 0);
	test_int(slots.dir, -EBADF);
	test_int(access(files_path("slots"), F_OK), -1);
	fc_slots_done(&slots);
}

/* Each is a drive of its own, told apart by the numbers of its file. */
static void planned(void)
{
	struct fc_slots slots = FC_SLOTS_NULL;
	struct fc_plan plan;
	char want[512], numbers[64];
	struct stat st;

	begin(1, 2);
	test_int(fc_slots_make(&spec, &slots, &err), 0);
	test_int(fc_plan_make(&spec, -EBADF, &slots, &plan, &err), 0);
	(void)snprintf(want, sizeof(want),
		       "{\"drive_id\":\"slot0\",\"path_on_host\":\"%s/slots/0\",\"is_root_device\":"
		       "false,\"is_read_only\":false,\"cache_type\":\"Writeback\"}",
		       files_dir);
	test_str(part(&plan, "/drives/slot0"), want);
	test_true(strstr(part(&plan, "/drives/slot2"), "\"is_read_only\":true") != NULL);
	test_str(part(&plan, "/drives/slot3"), "(none)");
	for (unsigned int i = 0; i < 3; i++) {
		(void)snprintf(want, sizeof(want), "%s/slots/%u", files_dir, i);
		st = look(want);
		test_int(st.st_size, 512);
		(void)snprintf(numbers, sizeof(numbers), "%llu%llu%llu",
			       (unsigned long long)st.st_dev, (unsigned long long)st.st_rdev,
			       (unsigned long long)st.st_ino);
		(void)snprintf(want, sizeof(want), "%ccaisson-slot%u:%.20s", i ? ',' : '=', i,
			       numbers);
		if (!strstr(part(&plan, "/boot-source"), want))
			test_fail("%s is not in %s", want, part(&plan, "/boot-source"));
	}
	fc_plan_done(&plan);
	fc_slots_done(&slots);
	test_int(access(files_path("slots"), F_OK), -1);
}

/* A drive's number of requests is not known before the VM is, but that of devices is. */
static void too_many(void)
{
	struct vmm_nic nics[VMM_NICS_MAX];
	struct fc_slots slots = FC_SLOTS_NULL;
	struct fc_plan plan;

	begin(4, 3);
	for (size_t i = 0; i < VMM_NICS_MAX; i++)
		nics[i] = (struct vmm_nic){.fd = -EBADF, .tap = "tap"};
	spec.nics = nics;
	spec.n_nics = VMM_NICS_MAX;
	test_int(fc_slots_make(&spec, &slots, &err), 0);
	test_int(fc_plan_make(&spec, -EBADF, &slots, &plan, &err), -E2BIG);
	test_str(err.text, "Firecracker has no more than 17 devices for a VM, and it would have "
			   "18: 0 disks, 7 placeholders for more, 8 network interfaces, and 3 "
			   "others");
	spec.n_nics--;
	test_int(fc_plan_make(&spec, -EBADF, &slots, &plan, &err), 0);
	fc_plan_done(&plan);
	fc_slots_done(&slots);
}

static void without_jail(void)
{
	struct vmm_disk disk = {.serial = "some"};
	struct fc_slots slots = FC_SLOTS_NULL;
	_cleanup_free_ char *path = NULL, *back = NULL;

	begin(1, 0);
	files_write("disk", "much more than a sector", 23, 0600);
	disk.fd = open(files_path("disk"), O_RDWR | O_CLOEXEC);
	test_int(fc_slots_make(&spec, &slots, &err), 0);
	test_int(fc_slots_fill(&slots, 0, &disk, &path, &err), 0);
	test_int(look(path).st_size, 23);
	test_true(look(path).st_ino == look(files_path("disk")).st_ino);
	fc_slots_clear(&slots, 0);
	back = fc_slots_path(&slots, 0);
	test_int(look(back).st_size, 512);
	fd_close(disk.fd);
	fc_slots_done(&slots);
}

/* As the jailer does: the copy of the folder hears of the original, and not the other way. */
static void show(const struct fc_slots *slots, const char *at)
{
	_cleanup_close_ int tree = fc_slots_tree(slots);

	test_true(tree >= 0);
	test_int(mkdir(at, 0755), 0);
	test_int((int)syscall(SYS_move_mount, tree, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH), 0);
	test_int(mount(NULL, at, NULL, MS_SLAVE, NULL), 0);
}

static void fill(const struct fc_slots *slots, size_t i, bool readonly)
{
	_cleanup_close_ int fd =
		open(files_path("disk"), (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	struct vmm_disk disk = {.serial = "some", .fd = fd, .readonly = readonly};
	_cleanup_free_ char *path = NULL;

	if (fc_slots_fill(slots, i, &disk, &path, &err) < 0)
		test_fail("%s", err.text);
	test_str(path, i == 0 ? "/slots/0" : "/slots/1");
}

static void jailed(void)
{
	static const struct vmm_jail jail = {.uid = 1879048192, .gid = 1879048192};
	struct fc_slots slots = FC_SLOTS_NULL;
	char at[2][PATH_MAX];

	begin(1, 1);
	spec.jail = &jail;
	test_int(fc_slots_make(&spec, &slots, &err), 0);
	for (unsigned int i = 0; i < 2; i++)
		(void)snprintf(at[i], sizeof(at[i]), "%s/seen/%u", files_dir, i);
	show(&slots, files_path("seen"));
	files_write("disk", "much more than a sector", 23, 0600);
	for (unsigned int again = 0; again < 2; again++) {
		fill(&slots, 0, false);
		fill(&slots, 1, true);
		for (unsigned int i = 0; i < 2; i++) {
			test_int(look(at[i]).st_size, 23);
			test_int(look(at[i]).st_uid, jail.uid);
		}
		test_int(open(at[1], O_RDWR | O_CLOEXEC), -1);
		test_int(errno, EROFS);
		fc_slots_clear(&slots, 0);
		test_int(look(at[0]).st_size, 512);
		test_int(look(at[0]).st_uid, jail.uid);
		test_int(look(at[1]).st_size, 23);
		fc_slots_clear(&slots, 1);
	}
	test_int(look(files_path("disk")).st_uid, 0);
	/* What is in a slot goes with all of them. */
	fill(&slots, 0, false);
	fc_slots_done(&slots);
	test_int(access(files_path("slots"), F_OK), -1);
}

static void in_a_namespace_of_its_own(void (*test)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		test_int(unshare(CLONE_NEWNS), 0);
		test_int(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
		test();
		exit(0);
	}
	test_int(waitpid(pid, &status, 0), pid);
	test_int(status, 0);
}

int main(void)
{
	files_begin();
	none_leave_nothing();
	planned();
	too_many();
	without_jail();
	if (geteuid() == 0)
		in_a_namespace_of_its_own(jailed);
	files_end();
	return 0;
}
