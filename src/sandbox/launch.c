/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/launch.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "sandbox/annotation.h"
#include "sandbox/extras.h"
#include "sandbox/launch-plan.h"
#include "sandbox/passt.h"
#include "sandbox/share.h"
#include "vmm/accel.h"
#include "vmm/boot/initramfs.h"
#include "vmm/boot/kernel.h"

/* The image's, the container's own, and the extras. */
#define OUR_DISKS_MAX 3
#define ALL_DISKS_MAX (OUR_DISKS_MAX + DISKS_MAX)
_Static_assert(ALL_DISKS_MAX <= VMM_DISKS_MAX, "a VM can have all of them");

static void plan_done(struct launch_plan *p)
{
	kernel_done(&p->kernel);
	free(p->initramfs);
	free(p->share_path);
	free(p->vnc_path);
	conf_done(&p->conf);
	fd_close(p->extras);
	fd_close(p->image);
	fd_close(p->own);
	fd_close(p->snapshot);
	fd_close(p->restore);
	for (size_t i = 0; i < p->n_disks; i++)
		fd_close(p->disks[i].fd);
	if (p->vsock.kind == VMM_VSOCK_VHOST_USER)
		fd_close(p->vsock.fd);
	fd_close(p->vsock_peer);
	fd_close(p->share_listen);
	fd_close(p->console);
}

/*
 * A VM with less than its kernel is loaded into hangs in silence, one with little more panics. The
 * initramfs is there twice for a moment, packed and unpacked; the rest is what Linux 6.1 was seen
 * to need before init.
 */
#define BOOT_NEEDS (UINT64_C(12) << 20)

static int check_memory(uint64_t memory, const struct launch_plan *p, struct err *err)
{
	struct stat st;
	uint64_t need;

	if (stat(p->initramfs, &st) < 0)
		return err_errno(err, -errno, "cannot read %s", p->initramfs);
	if (p->kernel.load_end > VMM_MEMORY_MAX)
		return err_set(err, -ENOEXEC, "the kernel %s does not fit into any VM",
			       p->kernel.vmlinux);
	need = p->kernel.load_end + 2 * (uint64_t)st.st_size + BOOT_NEEDS;
	if (memory >= need)
		return 0;
	return err_set(err, -EINVAL,
		       "--memory %lluM is too little for this kernel: give at least %lluM",
		       (unsigned long long)(memory >> 20), (unsigned long long)(need >> 20) + 1);
}

/* Only where containers come as bundles does the guest have crun, and a tar for those that have none. */
static int plan_initramfs(struct sandbox *sb, struct launch_plan *p, struct err *err)
{
	_cleanup_free_ char *vminitd = paths_program(sb->paths, "vminitd");
	const char *const *modules = (const char *const *)p->kernel.modules.v;
	_cleanup_free_ char *crun = NULL, *standin = paths_program(sb->paths, PATHS_CRUN_SYSTEMD);
	_cleanup_free_ char *tar = paths_program(sb->paths, "caisson-tar");
	struct initramfs_program program = {
		.guest_path = ABI_CRUN, .beside = tar, .beside_guest_path = ABI_TAR};

	if (!sandbox_spec_has_bundle(sb->spec))
		return initramfs_get(sb->paths->cache, vminitd, modules, NULL, &p->initramfs, err);
	crun = path_find_program("crun");
	if (!crun && access(ABI_CRUN, X_OK) == 0)
		crun = xstrdup(ABI_CRUN);
	if (!crun)
		return err_set(err, -ENOENT,
			       "there is no crun on this machine: install it, or take "
			       "--executor direct");
	program.path = crun;
	program.standin = standin;
	return initramfs_get(sb->paths->cache, vminitd, modules, &program, &p->initramfs, err);
}

/* Return: as launch_begin(). */
static int plan_boot(struct sandbox *sb, struct launch_plan *p, struct err *err)
{
	const char *wanted = sb->spec->kernel && *sb->spec->kernel ? sb->spec->kernel : NULL;
	int r, accel = vmm_accel_parse(sb->spec->accel);

	p->driver = vmm_driver(sb->spec->hypervisor);
	if (!p->driver)
		return err_set(err, -EINVAL, "unknown hypervisor \"%s\"", sb->spec->hypervisor);
	if (accel < 0)
		return err_set(err, -EINVAL, "unknown accelerator \"%s\"", sb->spec->accel);
	/* Before a kernel is looked for that is a PC's. */
	if (vmm_traits(p->driver)->no_pc && sandbox_spec_has_pc(sb->spec))
		return err_set(err, -ENOTSUP,
			       "%s is no full PC: try --hypervisor qemu, or another --machine",
			       vmm_driver_title(p->driver));
	/* Which says why there is none. */
	if (vmm_traits(p->driver)->kvm_only && accel == VMM_ACCEL_AUTO)
		accel = VMM_ACCEL_KVM;
	r = sandbox_spec_has_pc(sb->spec)
		    ? kernel_resolve_pc(sb->paths->cache, wanted, &p->kernel, err)
		    : kernel_resolve(sb->paths->cache, wanted, &p->kernel, err);
	if (r < 0)
		return r;
	r = plan_initramfs(sb, p, err);
	if (r == 0)
		r = check_memory(sb->spec->memory, p, err);
	if (r == 0)
		r = launch_pc(sb, p, err);
	if (r < 0)
		return r;
	return vmm_accel_begin(sb->loop, &sb->trial, accel,
			       &(struct accel_probe_args){
				       .cache_dir = sb->paths->cache,
				       .driver = p->driver,
				       .kernel = p->kernel.vmlinux,
				       .initrd = p->initramfs,
			       },
			       err);
}

static int plan_disks(struct sandbox *sb, struct launch_plan *p, struct err *err)
{
	bool copy = sandbox_spec_has_copy(sb->spec);
	const char *own = copy ? RECORD_ROOT_DISK : RECORD_UPPER_DISK;
	_cleanup_free_ char *image = NULL;

	if (!copy) {
		image = record_image_disk(sb->record, sb->spec);
		p->image = open(image, O_RDONLY | O_CLOEXEC);
		if (p->image < 0)
			return err_errno(err, -errno, "cannot open the image's disk %s", image);
	}
	p->own = openat(sb->record->dir, own, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return p->own < 0 ? err_errno(err, -errno, "cannot open %s/%s", sb->record->dir_path, own)
			  : 0;
}

static int plan_rootfs(struct sandbox *sb, struct launch_plan *p, struct err *err)
{
	int r = sandbox_spec_has_disks(sb->spec) ? plan_disks(sb, p, err) : 0;
	/* Who is not root mounts in a user namespace: virtiofsd's (launch_share()). */
	bool now = launch_shares(sb) && geteuid() == 0;

	if (r == 0 && now)
		r = launch_mounts(sb, err);
	return r < 0 ? r : launch_disks(sb, p, err);
}

static int plan_metadata(struct sandbox *sb, const struct conf *conf, struct err *err)
{
	const char *path = sb->spec->supervisor_config;

	if (path && *path)
		return metadata_load(&sb->metadata, path, err);
	if (conf->supervisor_socket)
		metadata_forward(&sb->metadata, conf->supervisor_socket, sb->spec->id);
	return 0;
}

/* Most containers have no supervisor, and pay for none. */
static int plan_supervisor(struct sandbox *sb, struct launch_plan *p, struct err *err)
{
	const char *extras = strv_env_get(&sb->spec->annotations, ANNOTATION_EXTRAS);
	int r = conf_load(&p->conf, err);

	if (r == 0)
		r = plan_metadata(sb, &p->conf, err);

	if (r < 0 || !extras)
		return r;
	p->extras = extras_disk(extras, &p->conf, sb->paths->cache, err);
	return p->extras < 0 ? p->extras : 0;
}

static size_t list_disks(const struct launch_plan *p, bool copy, struct vmm_disk ret[ALL_DISKS_MAX])
{
	const struct vmm_disk disks[OUR_DISKS_MAX] = {
		{.fd = p->image, .serial = ABI_IMAGE_SERIAL, .readonly = true},
		{.fd = p->own, .serial = copy ? ABI_ROOT_SERIAL : ABI_UPPER_SERIAL},
		{.fd = p->extras, .serial = ABI_EXTRAS_SERIAL, .readonly = true},
	};
	size_t n = 0;

	for (size_t i = 0; i < OUR_DISKS_MAX; i++)
		if (disks[i].fd >= 0)
			ret[n++] = disks[i];
	for (size_t i = 0; i < p->n_disks; i++)
		ret[n++] = (struct vmm_disk){
			.fd = p->disks[i].fd,
			.serial = p->disks[i].serial,
			.readonly = p->disks[i].readonly,
			.device = p->disks[i].device,
		};
	return n;
}

/* The container's first: ours cannot be replaced by them. */
static void list_words(const struct sandbox *sb, const struct launch_plan *p, struct strv *ret)
{
	const char *word = sb->spec->kernel_append + strspn(sb->spec->kernel_append, " ");

	for (size_t len; (len = strcspn(word, " ")) > 0; word += len + strspn(word + len, " "))
		strv_addf(ret, "%.*s", (int)len, word);
	if (sandbox_spec_is_hollow(sb->spec))
		strv_addf(ret, "hostname=%s", sb->spec->pod_host);
	if (p->port[0])
		strv_add(ret, p->port);
	if (p->metadata_port[0])
		strv_add(ret, p->metadata_port);
	if (p->extras >= 0)
		strv_add(ret, ABI_CMDLINE_EXTRAS "1");
}

static int launch_network(struct sandbox *sb, const struct launch_plan *p, struct err *err)
{
	if (strcmp(sb->spec->network, SANDBOX_NETWORK_PASST) == 0)
		return passt_start(sb, p->callbacks->helper_died, err);
	if (!*sb->spec->netns)
		return 0;
	localhost_start(&sb->localhost);
	return network_prepare(&sb->network, vmm_traits(p->driver)->taps_by_name, sb->jail.uid,
			       err);
}

static int start_vmm(struct sandbox *sb, struct launch_plan *p, struct err *err)
{
	struct vmm_disk disks[ALL_DISKS_MAX];
	_cleanup_strv_ struct strv words = STRV_NULL;
	struct vmm_share share = {.tag = ABI_SHARE_TAG, .fd = -EBADF, .socket_path = p->share_path};
	struct vmm_spec spec = VMM_SPEC_NULL;
	struct vmm_callbacks callbacks = {
		.exited = p->callbacks->vmm_exited, .event = p->callbacks->vmm_event, .data = sb};

	list_words(sb, p, &words);
	spec.name = sb->spec->id;
	spec.run_dir = sb->record->run_path;
	spec.memory = sb->spec->memory;
	spec.prealloc = sb->spec->memory_prealloc;
	spec.huge = sb->spec->memory_huge;
	spec.cpus = sb->spec->cpus;
	spec.accel = sb->trial.accel;
	spec.pc = sandbox_spec_has_pc(sb->spec) ? &p->pc : NULL;
	spec.kernel = p->pc.firmware ? p->kernel.bzimage : p->kernel.vmlinux;
	spec.tuned = p->kernel.tuned;
	spec.verbose = strcmp(sb->spec->console, SANDBOX_CONSOLE_DEBUG) == 0;
	spec.initrd = p->initramfs;
	spec.console_fd = p->console;
	spec.vsock = p->vsock;
	spec.shares = &share;
	spec.n_shares = p->share_path != NULL;
	spec.nics = sb->network.nics;
	spec.n_nics = sb->network.n;
	spec.rates = sb->spec->rates;
	spec.disks = disks;
	spec.n_disks = list_disks(p, sandbox_spec_has_copy(sb->spec), disks);
	spec.slots = sb->slots.count =
		(struct vmm_slots){sb->spec->placeholders, sb->spec->placeholders_ro};
	spec.jail = sb->jail.uid ? &sb->jail : NULL;
	spec.no_api = vmm_traits(p->driver)->jails && strcmp(p->conf.firecracker_api, "false") == 0;
	spec.snapshot_dir = p->snapshot;
	spec.restore_dir = p->restore;
	spec.cmdline = (const char *const *)words.v;
	return vmm_start(sb->loop, p->driver, &spec, &callbacks, &sb->vmm, err);
}

static int start_console(struct sandbox *sb, struct launch_plan *p, struct err *err)
{
	int fd, r = tail_start(&sb->console, sb->loop, &p->console);

	if (r < 0)
		return err_errno(err, r, "cannot make a pipe");
	if (!*sb->spec->console)
		return 0;
	fd = openat(sb->record->dir, RECORD_CONSOLE,
		    O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(err, -errno, "cannot write %s/" RECORD_CONSOLE,
				 sb->record->dir_path);
	tail_copy(&sb->console, fd);
	return 0;
}

static struct launch_plan *plan_new(const struct launch_callbacks *callbacks)
{
	struct launch_plan *p = xcalloc(1, sizeof(*p));

	*p = (struct launch_plan){
		.callbacks = callbacks,
		.kernel = KERNEL_NULL,
		.vsock = {.kind = VMM_VSOCK_NONE, .fd = -EBADF},
		.vsock_peer = -EBADF,
		.share_listen = -EBADF,
		.console = -EBADF,
		.conf = CONF_NULL,
		.extras = -EBADF,
		.image = -EBADF,
		.own = -EBADF,
		.snapshot = -EBADF,
		.restore = -EBADF,
	};
	return p;
}

static void forget_plan(struct sandbox *sb)
{
	struct launch_plan *p = take_ptr(sb->plan);

	if (p)
		plan_done(p);
	free(p);
}

int launch_begin(struct sandbox *sb, const struct launch_callbacks *callbacks, struct err *err)
{
	struct launch_plan *p = sb->plan = plan_new(callbacks);
	int r = start_console(sb, p, err);

	sb->trial.done = callbacks->tried;
	if (r == 0)
		r = plan_supervisor(sb, p, err);
	return r < 0 ? r : plan_boot(sb, p, err);
}

int launch(struct sandbox *sb, struct err *err)
{
	struct launch_plan *p = sb->plan;
	int r = plan_rootfs(sb, p, err);

	if (r == 0)
		r = launch_snapshot(sb, p, err);
	sandbox_phase(sb, SANDBOX_PHASE_PREPARED);
	if (r == 0)
		r = launch_jail(sb, p, err);
	if (r == 0)
		r = launch_vsock(sb, p, err);
	if (r == 0 && launch_shares(sb))
		r = launch_share(sb, p, err);
	if (r == 0)
		r = launch_network(sb, p, err);
	if (r == 0)
		r = start_vmm(sb, p, err);
	network_handed_over(&sb->network);
	sandbox_phase(sb, SANDBOX_PHASE_LAUNCHED);
	forget_plan(sb);
	return r;
}

void launch_undo(struct sandbox *sb)
{
	forget_plan(sb);
	share_undo(sb->record);
}
