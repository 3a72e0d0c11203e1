/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/launch.h"

#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "sandbox/annotation.h"
#include "sandbox/extras.h"
#include "sandbox/rootfs.h"
#include "vmm/accel.h"
#include "vmm/boot/initramfs.h"
#include "vmm/boot/kernel.h"

#define VHOST_VSOCK "/dev/vhost-vsock"
#define CID_TRIES   64
/* Of our own on the kernel's command line. */
#define MAX_WORDS 3
#define DISKS_MAX 3

/* Where Debian's qemu-system-common has it, then where newer packages do. */
static const char *const virtiofsd_paths[] = {
	"/usr/lib/qemu/virtiofsd",
	"/usr/libexec/virtiofsd",
	"/usr/lib/virtiofsd",
};

/**
 * struct plan - what a launch has found out so far
 */
struct plan {
	const struct launch_callbacks *callbacks;
	const struct vmm_ops *driver;
	struct kernel kernel;
	char *initramfs;
	enum vmm_accel accel;
	struct vmm_vsock vsock;
	int vsock_peer, share_listen, console;
	char *share_path;
	struct conf conf;
	int extras, image, own;
	char port[sizeof(ABI_CMDLINE_PORT) + 16];
	char metadata_port[sizeof(ABI_CMDLINE_METADATA) + 16];
};

static void plan_done(struct plan *p)
{
	kernel_done(&p->kernel);
	free(p->initramfs);
	free(p->share_path);
	conf_done(&p->conf);
	fd_close(p->extras);
	fd_close(p->image);
	fd_close(p->own);
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

static int check_memory(uint64_t memory, const struct plan *p, struct err *err)
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

/* Only where containers come as bundles does the guest have crun. */
static int plan_initramfs(struct sandbox *sb, struct plan *p, struct err *err)
{
	_cleanup_free_ char *vminitd = paths_program(sb->paths, "vminitd");
	const char *const *modules = (const char *const *)p->kernel.modules.v;
	_cleanup_free_ char *crun = NULL;
	struct initramfs_program program = {.guest_path = ABI_CRUN};

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
	return initramfs_get(sb->paths->cache, vminitd, modules, &program, &p->initramfs, err);
}

static int plan_boot(struct sandbox *sb, struct plan *p, struct err *err)
{
	const char *wanted = sb->spec->kernel && *sb->spec->kernel ? sb->spec->kernel : NULL;
	int r, accel = vmm_accel_parse(sb->spec->accel);

	p->driver = vmm_driver(sb->spec->hypervisor);
	if (!p->driver)
		return err_set(err, -EINVAL, "unknown hypervisor \"%s\"", sb->spec->hypervisor);
	if (accel < 0)
		return err_set(err, -EINVAL, "unknown accelerator \"%s\"", sb->spec->accel);
	r = kernel_resolve(sb->paths->cache, wanted, &p->kernel, err);
	if (r < 0)
		return r;
	r = plan_initramfs(sb, p, err);
	if (r == 0)
		r = check_memory(sb->spec->memory, p, err);
	if (r < 0)
		return r;
	return vmm_accel_resolve(accel,
				 &(struct accel_probe_args){
					 .cache_dir = sb->paths->cache,
					 .driver = p->driver,
					 .kernel = p->kernel.vmlinux,
					 .initrd = p->initramfs,
				 },
				 &p->accel, err);
}

static int plan_disks(struct sandbox *sb, struct plan *p, struct err *err)
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

static int plan_rootfs(struct sandbox *sb, struct plan *p, struct err *err)
{
	_cleanup_free_ char *target = path_join(sb->record->run_path, "rootfs");
	int r;

	if (sandbox_spec_has_disks(sb->spec))
		return plan_disks(sb, p, err);
	r = rootfs_private_mounts(err);
	if (r < 0)
		return r;
	if (mkdir(target, 0700) < 0)
		return err_errno(err, -errno, "cannot make the folder %s", target);
	return rootfs_mount(sb->spec->rootfs, sb->record->dir_path, target, err);
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
static int plan_supervisor(struct sandbox *sb, struct plan *p, struct err *err)
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

const char *launch_virtiofsd(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(virtiofsd_paths); i++)
		if (access(virtiofsd_paths[i], X_OK) == 0)
			return virtiofsd_paths[i];
	return NULL;
}

/* A list of options ends one at a comma, unless a backslash is before it (libfuse's fuse_opt.h). */
static char *share_source(const char *run_path)
{
	char *option = xmalloc(sizeof("source=/rootfs") + 2 * strlen(run_path)), *p;

	for (p = stpcpy(option, "source="); *run_path; *p++ = *run_path++)
		if (*run_path == ',' || *run_path == '\\')
			*p++ = '\\';
	strcpy(p, "/rootfs");
	return option;
}

static int start_virtiofsd(struct sandbox *sb, struct plan *p, struct err *err)
{
	_cleanup_free_ char *source = share_source(sb->record->run_path);
	const char *program = launch_virtiofsd();
	/* Nobody but this guest changes the files, so it may keep all it has learnt of them. */
	const char *argv[] = {program, "--fd=3", "-o",
			      source,  "-o",	 "cache=always,xattr,sandbox=namespace",
			      "-f",    NULL};
	struct proc_spec spec = PROC_SPEC_NULL;
	int r;

	if (!program)
		return err_set(err, -ENOENT,
			       "there is no virtiofsd on this machine: install qemu-system-common");
	p->share_path = path_join(sb->record->run_path, "fs.sock");
	p->share_listen = unix_listen(p->share_path);
	if (p->share_listen < 0)
		return err_errno(err, p->share_listen, "cannot listen on %s", p->share_path);
	r = fd_nonblock(p->share_listen, false);
	if (r < 0)
		return err_errno(err, r, "cannot use %s", p->share_path);
	spec.argv = argv;
	spec.fds = &p->share_listen;
	spec.n_fds = 1;
	spec.death_signal = SIGKILL;
	r = helper_start(&sb->virtiofsd, sb->loop, "virtiofsd", &spec, p->callbacks->helper_died,
			 sb);
	return r < 0 ? err_errno(err, r, "cannot start %s", program) : 0;
}

/* Return: a descriptor that gets what the guest connects to @port, or negative errno. */
static int listen_on_port(struct sandbox *sb, int port, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s_%d", sb->hybrid_path, port);
	int fd = unix_listen(path);

	return fd < 0 ? err_errno(err, fd, "cannot listen on %s", path) : fd;
}

static int serve_metadata(struct sandbox *sb, int fd, struct err *err)
{
	int r = metadata_serve(&sb->metadata, sb->loop, fd, sb->address.cid);

	return r < 0 ? err_errno(err, r, "cannot serve the supervisor's metadata") : 0;
}

static int listen_for_guest(struct sandbox *sb, struct err *err)
{
	int fd;

	sb->accept_fd = listen_on_port(sb, ABI_PORT_RPC, err);
	if (sb->accept_fd < 0)
		return sb->accept_fd;
	if (!metadata_configured(&sb->metadata))
		return 0;
	fd = listen_on_port(sb, ABI_PORT_SUPERVISOR, err);
	return fd < 0 ? fd : serve_metadata(sb, fd, err);
}

static int start_vsockd(struct sandbox *sb, struct plan *p, struct err *err)
{
	_cleanup_free_ char *program = paths_program(sb->paths, "caisson-vsockd");
	_cleanup_close_ int listener = -EBADF;
	char cid[16];
	const char *argv[] = {program,		 "--vhost-fd",	  "3",	   "--uds-fd", "4",
			      "--uds-path-base", sb->hybrid_path, "--cid", cid,	       NULL};
	struct proc_spec spec = PROC_SPEC_NULL;
	int fds[2], r;

	(void)snprintf(cid, sizeof(cid), "%d", ABI_CID_GUEST);
	r = listen_for_guest(sb, err);
	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return err_errno(err, -errno, "cannot make a socket pair");
	p->vsock = (struct vmm_vsock){.kind = VMM_VSOCK_VHOST_USER, .fd = fds[0]};
	p->vsock_peer = fds[1];
	listener = unix_listen(sb->hybrid_path);
	if (listener < 0)
		return err_errno(err, listener, "cannot listen on %s", sb->hybrid_path);
	spec.argv = argv;
	spec.fds = (const int[]){p->vsock_peer, listener};
	spec.n_fds = 2;
	spec.death_signal = SIGKILL;
	r = helper_start(&sb->vsockd, sb->loop, "caisson-vsockd", &spec, p->callbacks->helper_died,
			 sb);
	return r < 0 ? err_errno(err, r, "cannot start %s", program) : 0;
}

/* Addresses are the whole host's: random ones until one is free. */
static int claim_cid(int fd, uint32_t *ret_cid)
{
	for (int i = 0; i < CID_TRIES; i++) {
		uint64_t cid;

		if (getrandom(&cid, sizeof(cid), 0) != sizeof(cid))
			return -EIO;
		cid = ABI_CID_GUEST + (cid % (UINT32_MAX / 2));
		if (ioctl(fd, VHOST_VSOCK_SET_GUEST_CID, &cid) == 0) {
			*ret_cid = (uint32_t)cid;
			return 0;
		}
		if (errno != EADDRINUSE)
			return -errno;
	}
	return -EADDRINUSE;
}

/* Return: a descriptor that listens on a port of the host's own vsock that nobody has. */
static int listen_on_free_port(uint32_t *ret_port, struct err *err)
{
	struct sockaddr_vm svm = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = VMADDR_PORT_ANY};
	socklen_t len = sizeof(svm);
	_cleanup_close_ int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&svm, len) < 0 || listen(fd, 4) < 0 ||
	    getsockname(fd, (struct sockaddr *)&svm, &len) < 0)
		return err_errno(err, -errno, "cannot listen on the host's vsock");
	*ret_port = svm.svm_port;
	return take_fd(fd);
}

static int use_kernel_metadata(struct sandbox *sb, struct plan *p, struct err *err)
{
	uint32_t port;
	int fd;

	if (!metadata_configured(&sb->metadata))
		return 0;
	fd = listen_on_free_port(&port, err);
	if (fd < 0)
		return fd;
	(void)snprintf(p->metadata_port, sizeof(p->metadata_port), ABI_CMDLINE_METADATA "%u", port);
	return serve_metadata(sb, fd, err);
}

/* The host's own vsock: its ports are shared, so the guest is told which ones are for it. */
static int use_kernel_vsock(struct sandbox *sb, struct plan *p, struct err *err)
{
	uint32_t port;
	int r = claim_cid(sb->cid_fd, &sb->address.cid);

	if (r < 0)
		return err_errno(err, r, "cannot get a vsock address from " VHOST_VSOCK);
	sb->accept_fd = listen_on_free_port(&port, err);
	if (sb->accept_fd < 0)
		return sb->accept_fd;
	(void)snprintf(p->port, sizeof(p->port), ABI_CMDLINE_PORT "%u", port);
	p->vsock = (struct vmm_vsock){
		.kind = VMM_VSOCK_VHOST, .fd = sb->cid_fd, .cid = sb->address.cid};
	return use_kernel_metadata(sb, p, err);
}

static int start_vsock(struct sandbox *sb, struct plan *p, struct err *err)
{
	_cleanup_free_ char *dir = path_join(sb->record->run_path, RECORD_VSOCK_DIR);

	sb->cid_fd = open(VHOST_VSOCK, O_RDWR | O_CLOEXEC);
	if (sb->cid_fd >= 0)
		return use_kernel_vsock(sb, p, err);
	if (mkdir(dir, 0700) < 0)
		return err_errno(err, -errno, "cannot make the folder %s", dir);
	sb->hybrid_path = path_join(sb->record->run_path, RECORD_VSOCK_SOCKET);
	sb->address.hybrid_path = sb->hybrid_path;
	return start_vsockd(sb, p, err);
}

static size_t list_disks(const struct plan *p, bool copy, struct vmm_disk ret[DISKS_MAX])
{
	const struct vmm_disk disks[DISKS_MAX] = {
		{.fd = p->image, .serial = ABI_IMAGE_SERIAL, .readonly = true},
		{.fd = p->own, .serial = copy ? ABI_ROOT_SERIAL : ABI_UPPER_SERIAL},
		{.fd = p->extras, .serial = ABI_EXTRAS_SERIAL, .readonly = true},
	};
	size_t n = 0;

	for (size_t i = 0; i < DISKS_MAX; i++)
		if (disks[i].fd >= 0)
			ret[n++] = disks[i];
	return n;
}

static int start_vmm(struct sandbox *sb, struct plan *p, struct err *err)
{
	struct vmm_disk disks[DISKS_MAX];
	const char *cmdline[MAX_WORDS + 1] = {NULL};
	size_t n = 0;
	struct vmm_share share = {.tag = ABI_ROOT_TAG, .fd = -EBADF, .socket_path = p->share_path};
	struct vmm_spec spec = VMM_SPEC_NULL;
	struct vmm_callbacks callbacks = {.exited = p->callbacks->vmm_exited, .data = sb};

	if (p->port[0])
		cmdline[n++] = p->port;
	if (p->metadata_port[0])
		cmdline[n++] = p->metadata_port;
	if (p->extras >= 0)
		cmdline[n++] = ABI_CMDLINE_EXTRAS "1";
	spec.name = sb->spec->id;
	spec.run_dir = sb->record->run_path;
	spec.memory = sb->spec->memory;
	spec.cpus = sb->spec->cpus;
	spec.accel = p->accel;
	spec.kernel = p->kernel.vmlinux;
	spec.tuned = p->kernel.tuned;
	spec.initrd = p->initramfs;
	spec.console_fd = p->console;
	spec.vsock = p->vsock;
	spec.shares = &share;
	spec.n_shares = p->share_path != NULL;
	spec.disks = disks;
	spec.n_disks = list_disks(p, sandbox_spec_has_copy(sb->spec), disks);
	spec.cmdline = cmdline;
	return vmm_start(sb->loop, p->driver, &spec, &callbacks, &sb->vmm, err);
}

static int start_console(struct sandbox *sb, struct plan *p, struct err *err)
{
	int r = tail_start(&sb->console, sb->loop, &p->console);

	return r < 0 ? err_errno(err, r, "cannot make a pipe") : 0;
}

int launch(struct sandbox *sb, const struct launch_callbacks *callbacks, struct err *err)
{
	struct plan plan = {
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
	};
	int r;

	r = start_console(sb, &plan, err);
	if (r == 0)
		r = plan_supervisor(sb, &plan, err);
	if (r == 0)
		r = plan_boot(sb, &plan, err);
	if (r == 0)
		r = plan_rootfs(sb, &plan, err);
	sandbox_phase(sb, SANDBOX_PHASE_PREPARED);
	if (r == 0)
		r = start_vsock(sb, &plan, err);
	if (r == 0 && !sandbox_spec_has_disks(sb->spec))
		r = start_virtiofsd(sb, &plan, err);
	if (r == 0)
		r = start_vmm(sb, &plan, err);
	sandbox_phase(sb, SANDBOX_PHASE_LAUNCHED);
	plan_done(&plan);
	return r;
}

void launch_undo(struct sandbox *sb)
{
	_cleanup_free_ char *target = path_join(sb->record->run_path, "rootfs");

	rootfs_unmount(target);
}
