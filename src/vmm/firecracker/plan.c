/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/firecracker/plan.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "abi/abi.h"
#include "base/mem.h"
#include "vmm/cmdline.h"
#include "vmm/firecracker/slots.h"

/* More are refused by its machine-config (MAX_SUPPORTED_VCPUS). */
#define CPUS_MAX 32

/* Firecracker adds "virtio_mmio.device=4K@0xd0000000:5 " for each device, and "pci=off" once. */
#define WORD_PER_DEVICE 40

static struct json_object *add(struct fc_plan *plan, const char *key, bool listed, const char *path)
{
	struct fc_part *part = &plan->parts[plan->n++];

	part->key = key;
	part->listed = listed;
	part->since = 0;
	part->body = json_object_new_object();
	(void)snprintf(part->path, sizeof(part->path), "%s", path);
	return part->body;
}

static void put_text(struct json_object *o, const char *key, const char *text)
{
	(void)json_object_object_add(o, key, json_object_new_string(text));
}

static void put_number(struct json_object *o, const char *key, uint64_t number)
{
	(void)json_object_object_add(o, key, json_object_new_int64((int64_t)number));
}

static void put_bool(struct json_object *o, const char *key, bool value)
{
	(void)json_object_object_add(o, key, json_object_new_boolean(value));
}

static void add_machine(struct fc_plan *plan, const struct vmm_spec *spec)
{
	struct json_object *o = add(plan, "machine-config", false, "/machine-config");

	put_number(o, "vcpu_count", spec->cpus);
	put_number(o, "mem_size_mib", spec->memory >> 20);
	/* Of version 1.7 and later: not said where it is not wanted. */
	if (spec->huge)
		put_text(o, "huge_pages", "2M");
}

void fc_disk_name(size_t i, char ret[16])
{
	(void)snprintf(ret, 16, "%s%zu", &FC_JAIL_DISK[1], i);
}

#define SLOT "slot"

static void slot_id(size_t slot, char ret[16])
{
	(void)snprintf(ret, 16, SLOT "%zu", slot);
}

void fc_plan_drive(size_t slot, char ret[48])
{
	char id[16];

	slot_id(slot, id);
	(void)snprintf(ret, 48, "/drives/%s", id);
}

/* Where the numbers are of the file that Firecracker opens. */
static int look_at_disk(const struct vmm_spec *spec, size_t i, int dir, struct stat *ret)
{
	char node[16];
	int r;

	fc_disk_name(i, node);
	r = spec->jail && spec->disks[i].device ? fstatat(dir, node, ret, AT_SYMLINK_NOFOLLOW)
						: fstat(spec->disks[i].fd, ret);
	return r < 0 ? -errno : 0;
}

static int look_at_slot(const struct fc_slots *slots, size_t i, struct stat *ret)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "%zu", i);
	return fstatat(slots->dir, name, ret, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/*
 * Which serial the guest reads of a disk: the numbers of the file, one behind the other, which
 * is cut there (its build_device_id(), as kvmtool's).
 */
static void add_serial(char **word, const char *name, const struct stat *st)
{
	_cleanup_free_ char *before = *word;
	char serial[VMM_SERIAL_MAX + 1];

	(void)snprintf(serial, sizeof(serial), "%llu%llu%llu", (unsigned long long)st->st_dev,
		       (unsigned long long)st->st_rdev, (unsigned long long)st->st_ino);
	*word = xasprintf("%s%s%s:%s", before ? before : ABI_CMDLINE_DISKS, before ? "," : "", name,
			  serial);
}

/* Return: a word for the guest, a new string, empty where there are no disks; NULL with a message. */
static char *serials_of(const struct vmm_spec *spec, int dir, const struct fc_slots *slots,
			struct err *err)
{
	_cleanup_free_ char *word = NULL;
	struct stat st;

	for (size_t i = 0; i < spec->n_disks; i++) {
		const char *name = spec->disks[i].serial;
		int r = look_at_disk(spec, i, dir, &st);

		if (r < 0) {
			(void)err_errno(err, r, "cannot look at the disk %s", name);
			return NULL;
		}
		add_serial(&word, name, &st);
	}
	for (size_t i = 0; i < fc_slots_count(slots); i++) {
		char name[sizeof(ABI_SLOT_SERIAL) + 20];
		int r = look_at_slot(slots, i, &st);

		(void)snprintf(name, sizeof(name), ABI_SLOT_SERIAL "%zu", i);
		if (r < 0) {
			(void)err_errno(err, r, "cannot look at %s/%zu", slots->path, i);
			return NULL;
		}
		add_serial(&word, name, &st);
	}
	return word ? take_ptr(word) : xstrdup("");
}

static size_t count_devices(const struct vmm_spec *spec)
{
	return 3 + spec->n_disks + spec->slots.writable + spec->slots.readonly + spec->n_nics;
}

static int add_boot(struct fc_plan *plan, const struct vmm_spec *spec, int dir,
		    const struct fc_slots *slots, struct err *err)
{
	/*
	 * The keyboard's controller is what resets the machine, and the only thing that it has: nobody
	 * needs to look for a mouse, and for longer than all else takes.
	 */
	_cleanup_free_ char *serials = serials_of(spec, dir, slots, err), *line = NULL;
	const char *const words[] = {"reboot=k",      "pci=off", "i8042.noaux", "i8042.nomux",
				     "i8042.dumbkbd", serials,	 NULL};
	struct json_object *o;

	if (!serials)
		return err->code;
	line = vmm_cmdline(spec, words, WORD_PER_DEVICE * (count_devices(spec) + 1));
	if (!line)
		return err_set(err, -E2BIG, "the kernel's command line is too long");
	o = add(plan, "boot-source", false, "/boot-source");
	put_text(o, "kernel_image_path", spec->jail ? FC_JAIL_KERNEL : spec->kernel);
	put_text(o, "initrd_path", spec->jail ? FC_JAIL_INITRD : spec->initrd);
	put_text(o, "boot_args", line);
	return 0;
}

/* A second's worth, which is there again after a second; 0 and 0 are the end of a limit. */
static void put_bucket(struct json_object *limiter, const char *key, uint64_t rate)
{
	struct json_object *o = json_object_new_object();

	put_number(o, "size", rate);
	put_number(o, "refill_time", rate ? 1000 : 0);
	(void)json_object_object_add(limiter, key, o);
}

/* @all: also what is not limited, which would stay as it is. @ops: NULL: there are none */
static void put_limiter(struct json_object *o, const char *key, uint64_t bytes, const uint64_t *ops,
			bool all)
{
	struct json_object *limiter;

	if (!all && !bytes && !(ops && *ops))
		return;
	limiter = json_object_new_object();
	if (all || bytes)
		put_bucket(limiter, "bandwidth", bytes);
	if (ops && (all || *ops))
		put_bucket(limiter, "ops", *ops);
	(void)json_object_object_add(o, key, limiter);
}

static void limit_disk(struct json_object *o, const struct vmm_rates *rates, bool all)
{
	put_limiter(o, "rate_limiter", rates->disk_bytes, &rates->disk_ops, all);
}

static void limit_nic(struct json_object *o, const struct vmm_rates *rates, bool all)
{
	put_limiter(o, "rx_rate_limiter", rates->nic_bytes, NULL, all);
	put_limiter(o, "tx_rate_limiter", rates->nic_bytes, NULL, all);
}

/* A device's part begins with its name, in the path and below @key. */
static struct json_object *add_device(struct fc_plan *plan, const char *list, const char *key,
				      const char *name, size_t i)
{
	struct json_object *o = add(plan, list, true, "");
	char id[16];

	(void)snprintf(id, sizeof(id), "%s%zu", name, i);
	(void)snprintf(plan->parts[plan->n - 1].path, sizeof(plan->parts[0].path), "/%s/%s", list,
		       id);
	put_text(o, key, id);
	return o;
}

static struct json_object *add_drive(struct fc_plan *plan, const char *name, size_t i)
{
	return add_device(plan, "drives", "drive_id", name, i);
}

static struct json_object *add_interface(struct fc_plan *plan, size_t i)
{
	return add_device(plan, "network-interfaces", "iface_id", "nic", i);
}

void fc_plan_rates(size_t n_disks, size_t n_slots, size_t n_nics, const struct vmm_rates *rates,
		   struct fc_plan *ret)
{
	ret->n = 0;
	for (size_t i = 0; i < n_disks; i++)
		limit_disk(add_drive(ret, "disk", i), rates, true);
	for (size_t i = 0; i < n_slots; i++)
		limit_disk(add_drive(ret, SLOT, i), rates, true);
	for (size_t i = 0; i < n_nics; i++)
		limit_nic(add_interface(ret, i), rates, true);
}

/* None of them is the root device: for that one Firecracker would add words to the command line. */
static void describe_drive(struct json_object *o, const char *file, bool readonly,
			   const struct vmm_rates *rates)
{
	put_text(o, "path_on_host", file);
	put_bool(o, "is_root_device", false);
	put_bool(o, "is_read_only", readonly);
	/* What the guest wants on the disk gets there, as with QEMU. */
	put_text(o, "cache_type", readonly ? "Unsafe" : "Writeback");
	limit_disk(o, rates, false);
}

static void add_disk(struct fc_plan *plan, const struct vmm_spec *spec, size_t i)
{
	struct json_object *o = add_drive(plan, "disk", i);
	char path[32];

	if (spec->jail)
		(void)snprintf(path, sizeof(path), FC_JAIL_DISK "%zu", i);
	else
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%zu", FC_FD_DISKS + i);
	describe_drive(o, path, spec->disks[i].readonly, &spec->rates);
}

static void add_slot(struct fc_plan *plan, const struct vmm_spec *spec,
		     const struct fc_slots *slots, size_t i)
{
	_cleanup_free_ char *path = fc_slots_path(slots, i);

	describe_drive(add_drive(plan, SLOT, i), path, i >= slots->count.writable, &spec->rates);
}

static void add_nic(struct fc_plan *plan, const struct vmm_spec *spec, size_t i)
{
	const struct vmm_nic *nic = &spec->nics[i];
	const uint8_t *m = nic->mac;
	char mac[18];
	struct json_object *o = add_interface(plan, i);

	(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3],
		       m[4], m[5]);
	put_text(o, "host_dev_name", nic->tap);
	put_text(o, "guest_mac", mac);
	limit_nic(o, &spec->rates, false);
}

size_t fc_fd_of(const struct vmm_spec *spec, enum fc_folder folder)
{
	return FC_FD_DISKS + spec->n_disks + folder;
}

/* A folder's path, as Firecracker sees it; @name: of a file in it. Return: a new string. */
static char *path_of(const struct vmm_spec *spec, enum fc_folder folder, const char *name)
{
	static const char *const jailed[] = {
		[FC_FOLDER_VSOCK] = FC_JAIL_VSOCK,
		[FC_FOLDER_SAVE] = FC_JAIL_SAVE,
		[FC_FOLDER_LOAD] = FC_JAIL_LOAD,
	};

	return spec->jail ? xasprintf("%s/%s", jailed[folder], name)
			  : xasprintf("/proc/self/fd/%zu/%s", fc_fd_of(spec, folder), name);
}

/* By a path that every VM has, or one that was saved could go on in the place of that one only. */
static void add_vsock(struct fc_plan *plan, const struct vmm_spec *spec)
{
	const char *name = strrchr(spec->vsock.socket_path, '/');
	_cleanup_free_ char *path =
		path_of(spec, FC_FOLDER_VSOCK, name ? name + 1 : spec->vsock.socket_path);
	struct json_object *o = add(plan, "vsock", false, "/vsock");

	put_number(o, "guest_cid", spec->vsock.cid);
	put_text(o, "uds_path", path);
}

/*
 * Nobody inflates it: by it the guest tells which memory it does not use any more, and that goes back to the host.
 * Huge pages cannot.
 */
static void add_balloon(struct fc_plan *plan, const struct vmm_spec *spec)
{
	struct json_object *o;

	if (spec->huge)
		return;
	o = add(plan, "balloon", false, "/balloon");
	plan->parts[plan->n - 1].since = 14;
	put_number(o, "amount_mib", 0);
	put_bool(o, "deflate_on_oom", true);
	put_bool(o, "free_page_reporting", true);
}

static int check(const struct vmm_spec *spec, struct err *err)
{
	const struct {
		bool wanted;
		const char *what;
	} missing[] = {
		{spec->prealloc, "no memory that is given all at once"},
		{spec->cpus > CPUS_MAX, "no more than 32 CPUs for a VM"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(missing); i++)
		if (missing[i].wanted)
			return err_set(err, -ENOTSUP, "Firecracker has %s", missing[i].what);
	if (count_devices(spec) > FC_DEVICES_MAX)
		return err_set(err, -E2BIG,
			       "Firecracker has no more than %d devices for a VM, and it would "
			       "have %zu: %zu disks, %zu placeholders for more, %zu network "
			       "interfaces, and 3 others",
			       FC_DEVICES_MAX, count_devices(spec), spec->n_disks,
			       spec->slots.writable + spec->slots.readonly, spec->n_nics);
	return 0;
}

int fc_plan_make(const struct vmm_spec *spec, int dir, const struct fc_slots *slots,
		 struct fc_plan *ret, struct err *err)
{
	int r = check(spec, err);

	ret->n = 0;
	if (r < 0)
		return r;
	add_machine(ret, spec);
	r = add_boot(ret, spec, dir, slots, err);
	if (r < 0) {
		fc_plan_done(ret);
		return r;
	}
	for (size_t i = 0; i < spec->n_disks; i++)
		add_disk(ret, spec, i);
	for (size_t i = 0; i < fc_slots_count(slots); i++)
		add_slot(ret, spec, slots, i);
	for (size_t i = 0; i < spec->n_nics; i++)
		add_nic(ret, spec, i);
	if (spec->vsock.kind == VMM_VSOCK_HYBRID)
		add_vsock(ret, spec);
	(void)add(ret, "entropy", false, "/entropy");
	add_balloon(ret, spec);
	return 0;
}

char *fc_plan_file(const struct fc_plan *plan)
{
	struct json_object *all = json_object_new_object(), *list;
	char *text;

	for (size_t i = 0; i < plan->n; i++) {
		const struct fc_part *part = &plan->parts[i];
		struct json_object *body;

		if (part->since > 0)
			continue;
		body = json_object_get(part->body);
		if (!part->listed) {
			(void)json_object_object_add(all, part->key, body);
			continue;
		}
		if (!json_object_object_get_ex(all, part->key, &list)) {
			list = json_object_new_array();
			(void)json_object_object_add(all, part->key, list);
		}
		(void)json_object_array_add(list, body);
	}
	/* "drives" has to be there. */
	if (!json_object_object_get_ex(all, "drives", NULL))
		(void)json_object_object_add(all, "drives", json_object_new_array());
	text = xstrdup(json_object_to_json_string_ext(all, JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(all);
	return text;
}

static char *text_of(struct json_object *o)
{
	char *text = xstrdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));

	json_object_put(o);
	return text;
}

char *fc_plan_patch(size_t slot, const char *path)
{
	struct json_object *o = json_object_new_object();
	char id[16];

	slot_id(slot, id);
	put_text(o, "drive_id", id);
	put_text(o, "path_on_host", path);
	return text_of(o);
}

char *fc_plan_save(const struct vmm_spec *spec)
{
	_cleanup_free_ char *state = path_of(spec, FC_FOLDER_SAVE, VMM_SNAPSHOT_STATE);
	_cleanup_free_ char *memory = path_of(spec, FC_FOLDER_SAVE, VMM_SNAPSHOT_MEMORY);
	struct json_object *o = json_object_new_object();

	put_text(o, "snapshot_type", "Full");
	put_text(o, "snapshot_path", state);
	put_text(o, "mem_file_path", memory);
	return text_of(o);
}

/* Their names are those of other VMs by now, or of nobody. */
static void put_taps(struct json_object *o, const struct vmm_spec *spec)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < spec->n_nics; i++) {
		struct json_object *nic = json_object_new_object();
		char id[16];

		(void)snprintf(id, sizeof(id), "nic%zu", i);
		put_text(nic, "iface_id", id);
		put_text(nic, "host_dev_name", spec->nics[i].tap);
		(void)json_object_array_add(list, nic);
	}
	(void)json_object_object_add(o, "network_overrides", list);
}

char *fc_plan_load(const struct vmm_spec *spec, bool taps)
{
	_cleanup_free_ char *state = path_of(spec, FC_FOLDER_LOAD, VMM_SNAPSHOT_STATE);
	_cleanup_free_ char *memory = path_of(spec, FC_FOLDER_LOAD, VMM_SNAPSHOT_MEMORY);
	struct json_object *o = json_object_new_object(), *from = json_object_new_object();

	put_text(o, "snapshot_path", state);
	put_text(from, "backend_type", "File");
	put_text(from, "backend_path", memory);
	(void)json_object_object_add(o, "mem_backend", from);
	put_bool(o, "resume_vm", true);
	if (taps && spec->n_nics > 0)
		put_taps(o, spec);
	return text_of(o);
}

void fc_plan_done(struct fc_plan *plan)
{
	while (plan->n > 0)
		json_object_put(plan->parts[--plan->n].body);
}
