/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/check.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/parse.h"
#include "vmm/driver.h"

#define NAME_LEN_MAX 64

/* Names and tags reach a command line in which commas and equal signs mean something. */
static bool plain_word(const char *s, size_t max)
{
	size_t n = s ? strlen(s) : 0;

	if (n == 0 || n > max)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("-_.", *s))
			return false;
	return true;
}

/* One word of the kernel's command line: nothing that ends it, quotes, or ends all words. */
static bool kernel_word(const char *s)
{
	if (!*s || strcmp(s, "--") == 0)
		return false;
	for (; *s; s++)
		if (*s <= ' ' || *s > '~' || *s == '"')
			return false;
	return true;
}

static int check_socket(const char *what, int fd, const char *path, struct err *err)
{
	if (fd >= 0 && fcntl(fd, F_GETFD) < 0)
		return err_errno(err, -errno, "the descriptor for %s", what);
	if (fd >= 0)
		return 0;
	if (!path || !*path)
		return err_set(err, -EINVAL, "no socket was given for %s", what);
	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return err_set(err, -ENAMETOOLONG, "the socket path for %s is too long: %s", what,
			       path);
	return 0;
}

/* 0 to 2 are taken, the last means "any" (virtio 1.2, 5.10.4). */
static int check_cid(uint32_t cid, struct err *err)
{
	if (cid < 3 || cid == UINT32_MAX)
		return err_set(err, -EINVAL, "%u cannot be a guest's vsock address", cid);
	return 0;
}

static int check_vsock(const struct vmm_vsock *vsock, struct err *err)
{
	int r;

	switch (vsock->kind) {
	case VMM_VSOCK_NONE:
		return 0;
	case VMM_VSOCK_VHOST_USER:
		return check_socket("vsock", vsock->fd, vsock->socket_path, err);
	case VMM_VSOCK_HYBRID:
		r = check_cid(vsock->cid, err);
		return r < 0 ? r : check_socket("vsock", -EBADF, vsock->socket_path, err);
	case VMM_VSOCK_VHOST:
		r = check_cid(vsock->cid, err);
		if (r < 0)
			return r;
		if (fcntl(vsock->fd, F_GETFD) < 0)
			return err_errno(err, -errno, "the descriptor of the vhost-vsock device");
		return 0;
	}
	return err_set(err, -EINVAL, "unknown kind of vsock");
}

static int check_shares(const struct vmm_spec *spec, struct err *err)
{
	int r;

	if (spec->n_shares > VMM_SHARES_MAX)
		return err_set(err, -E2BIG, "a VM can have %d shares, not %zu", VMM_SHARES_MAX,
			       spec->n_shares);
	for (size_t i = 0; i < spec->n_shares; i++) {
		const struct vmm_share *share = &spec->shares[i];

		if (!plain_word(share->tag, VMM_TAG_MAX))
			return err_set(err, -EINVAL, "a share's tag must be 1 to %d plain letters",
				       VMM_TAG_MAX);
		for (size_t j = 0; j < i; j++)
			if (strcmp(share->tag, spec->shares[j].tag) == 0)
				return err_set(err, -EINVAL, "two shares with the tag %s",
					       share->tag);
		r = check_socket(share->tag, share->fd, share->socket_path, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int check_disk(const struct vmm_disk *disk, struct err *err)
{
	int flags;

	if (!disk->serial || !plain_word(disk->serial, VMM_SERIAL_MAX))
		return err_set(err, -EINVAL, "a disk's serial must be 1 to %d plain letters",
			       VMM_SERIAL_MAX);
	flags = fcntl(disk->fd, F_GETFL);
	if (flags < 0)
		return err_errno(err, -errno, "the descriptor for the disk %s", disk->serial);
	if ((flags & O_ACCMODE) != (disk->readonly ? O_RDONLY : O_RDWR))
		return err_set(err, -EINVAL, "the disk %s is not open as it will be used",
			       disk->serial);
	return 0;
}

static int check_nics(const struct vmm_spec *spec, struct err *err)
{
	if (spec->n_nics > VMM_NICS_MAX)
		return err_set(err, -E2BIG, "a VM can have %d network interfaces, not %zu",
			       VMM_NICS_MAX, spec->n_nics);
	for (size_t i = 0; i < spec->n_nics; i++)
		if ((spec->nics[i].fd < 0 && !spec->nics[i].tap) || (spec->nics[i].mac[0] & 1))
			return err_set(err, -EINVAL,
				       "network interface %zu has no tap, or a "
				       "multicast address",
				       i);
	return 0;
}

static int check_disks(const struct vmm_spec *spec, struct err *err)
{
	size_t slots = spec->slots.writable + spec->slots.readonly;
	int r = 0;

	if (spec->n_disks > VMM_DISKS_MAX)
		return err_set(err, -E2BIG, "a VM can have %d disks, not %zu", VMM_DISKS_MAX,
			       spec->n_disks);
	if (slots > VMM_DISKS_MAX - spec->n_disks)
		return err_set(err, -E2BIG,
			       "a VM can have %d disks: beside its %zu there is no room for %zu "
			       "placeholders",
			       VMM_DISKS_MAX, spec->n_disks, slots);
	for (size_t i = 0; r == 0 && i < spec->n_disks; i++) {
		r = check_disk(&spec->disks[i], err);
		for (size_t j = 0; r == 0 && j < i; j++)
			if (strcmp(spec->disks[i].serial, spec->disks[j].serial) == 0)
				r = err_set(err, -EINVAL, "two disks with the serial %s",
					    spec->disks[i].serial);
	}
	return r;
}

static int check_file(const char *what, const char *path, struct err *err)
{
	if (!path)
		return err_set(err, -EINVAL, "no %s was given", what);
	if (access(path, R_OK) < 0)
		return err_errno(err, -errno, "the %s %s cannot be read", what, path);
	return 0;
}

static int check_size(const struct vmm_spec *spec, struct err *err)
{
	if (spec->memory % (UINT64_C(1) << 20) || spec->memory < VMM_MEMORY_MIN ||
	    spec->memory > VMM_MEMORY_MAX)
		return err_set(err, -ERANGE,
			       "a VM's memory must be whole MiB, from %llu to %llu, not %llu bytes",
			       (unsigned long long)VMM_MEMORY_MIN >> 20,
			       (unsigned long long)VMM_MEMORY_MAX >> 20,
			       (unsigned long long)spec->memory);
	if (spec->cpus < 1 || spec->cpus > VMM_CPUS_MAX)
		return err_set(err, -ERANGE, "a VM can have 1 to %d CPUs, not %u", VMM_CPUS_MAX,
			       spec->cpus);
	return 0;
}

static bool in_range(uint64_t value, uint64_t min, uint64_t max)
{
	return value == 0 || (value >= min && value <= max);
}

int check_rates(const struct vmm_rates *rates, size_t n_disks, size_t n_nics, struct err *err)
{
	if (!in_range(rates->disk_bytes, VMM_RATE_MIN, VMM_RATE_MAX) ||
	    !in_range(rates->nic_bytes, VMM_RATE_MIN, VMM_RATE_MAX) ||
	    !in_range(rates->disk_ops, 1, VMM_OPS_MAX))
		return err_set(err, -ERANGE, "a rate is out of range");
	if ((rates->disk_bytes || rates->disk_ops) && n_disks == 0)
		return err_set(err, -EINVAL,
			       "there is a rate for disks, and this VM has none (--rootfs-mode "
			       "image, and --disk, make some)");
	if (rates->nic_bytes && n_nics == 0)
		return err_set(err, -EINVAL,
			       "there is a rate for network interfaces, and this VM has none");
	return 0;
}

static int check_pc(const struct vmm_pc *pc, struct err *err)
{
	if (!pc->vga || !str_is_choice(VMM_VGAS, pc->vga))
		return err_set(err, -EINVAL, "a PC's graphics card is one of " VMM_VGAS);
	if (pc->vnc_port && pc->vnc_port < VMM_VNC_PORT_MIN)
		return err_set(err, -EINVAL, "ports of VNC begin with %d", VMM_VNC_PORT_MIN);
	if (pc->firmware && check_file("firmware", pc->firmware, err) < 0)
		return -ENOENT;
	return pc->vnc_path ? check_socket("VNC", -EBADF, pc->vnc_path, err) : 0;
}

int check_spec(const struct vmm_spec *spec, struct err *err)
{
	int r;

	if (!plain_word(spec->name, NAME_LEN_MAX))
		return err_set(err, -EINVAL, "a VM's name must be 1 to %d plain letters",
			       NAME_LEN_MAX);
	if (spec->accel != VMM_ACCEL_KVM && spec->accel != VMM_ACCEL_TCG)
		return err_set(err, -EINVAL, "the accelerator is not decided");
	for (const char *const *word = spec->cmdline; word && *word; word++)
		if (!kernel_word(*word))
			return err_set(err, -EINVAL, "not a word for the kernel's command line: %s",
				       *word);
	r = check_size(spec, err);
	if (r == 0)
		r = check_file("kernel", spec->kernel, err);
	if (r == 0)
		r = check_file("initramfs", spec->initrd, err);
	if (r == 0)
		r = check_vsock(&spec->vsock, err);
	if (r == 0)
		r = check_shares(spec, err);
	if (r == 0)
		r = check_disks(spec, err);
	if (r == 0)
		r = check_nics(spec, err);
	if (r == 0)
		r = check_rates(&spec->rates, spec->n_disks, spec->n_nics, err);
	if (r == 0 && spec->pc)
		r = check_pc(spec->pc, err);
	return r;
}

static bool by_name(const struct vmm_spec *spec)
{
	for (size_t i = 0; i < spec->n_nics; i++)
		if (spec->nics[i].kind != VMM_NIC_TAP || !spec->nics[i].tap)
			return false;
	return true;
}

static bool has_slots(const struct vmm_spec *spec)
{
	return spec->slots.writable + spec->slots.readonly > 0;
}

/* What a driver has no device for, or no way to do; and what a user may do about it. */
int check_traits(const struct vmm_ops *driver, const struct vmm_spec *spec, struct err *err)
{
	const struct vmm_traits *t = &driver->traits;
	const struct {
		bool wrong;
		const char *what;
	} rules[] = {
		{t->kvm_only && spec->accel != VMM_ACCEL_KVM,
		 "runs on KVM only: try --hypervisor qemu"},
		{t->no_pc && spec->pc, "is no full PC"},
		{t->no_shares && spec->n_shares > 0,
		 "has no virtiofs: try --hypervisor qemu, or --volume-mode 9p"},
		{t->own_vsock != (spec->vsock.kind == VMM_VSOCK_HYBRID) &&
			 spec->vsock.kind != VMM_VSOCK_NONE,
		 "has another kind of vsock"},
		{t->taps_by_name && !by_name(spec),
		 "has no network interfaces but taps: try --hypervisor qemu, or --network none"},
		{!t->jails && spec->jail, "is put in no jail"},
		{!t->jails && spec->no_api, "takes orders in any case"},
		{!t->limits_nics && spec->rates.nic_bytes, CHECK_NO_NIC_RATES},
		{t->no_readonly_slots && spec->slots.readonly > 0, VMM_NO_READONLY_SLOTS},
		{spec->no_api && has_slots(spec), "has no placeholders without its API"},
		{!t->snapshots && spec->restore_dir >= 0, "begins from nothing that was saved"},
		{spec->restore_dir >= 0 && spec->no_api, "is told by its API what to begin from"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].wrong)
			return err_set(err, -ENOTSUP, "%s %s", driver->title, rules[i].what);
	return 0;
}
