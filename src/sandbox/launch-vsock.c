/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/vm_sockets.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/unix.h"
#include "sandbox/launch-plan.h"
#include "sandbox/share.h"

#define VHOST_VSOCK "/dev/vhost-vsock"
#define CID_TRIES   64

/* What a VMM in a jail is to use has to be its user's. */
static int give(const struct sandbox *sb, const char *path, struct err *err)
{
	if (sb->jail.uid == 0 || lchown(path, sb->jail.uid, sb->jail.gid) == 0)
		return 0;
	return err_errno(err, -errno, "cannot give %s to the VM's user", path);
}

/* Return: a descriptor that gets what the guest connects to @port, or negative errno. */
static int listen_on_port(struct sandbox *sb, int port, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s_%d", sb->hybrid_path, port);
	_cleanup_close_ int fd = unix_listen(path);
	int r;

	if (fd < 0)
		return err_errno(err, fd, "cannot listen on %s", path);
	r = give(sb, path, err);
	return r < 0 ? r : take_fd(fd);
}

static int listen_for_socket(struct sandbox *sb, uint32_t port, uint32_t *ret_port, struct err *err)
{
	*ret_port = port;
	return listen_on_port(sb, (int)port, err);
}

static int serve_metadata(struct sandbox *sb, int fd, struct err *err)
{
	int r = metadata_serve(&sb->metadata, sb->loop, fd, sb->address.cid);

	return r < 0 ? err_errno(err, r, "cannot serve the supervisor's metadata") : 0;
}

static bool has_9p(const struct sandbox *sb)
{
	return launch_shares(sb) && sandbox_spec_has_9p(sb->spec);
}

static int listen_for_share(struct sandbox *sb, struct launch_plan *p, struct err *err)
{
	if (!has_9p(sb))
		return 0;
	sb->share_port = ABI_PORT_SHARE;
	p->share_listen = listen_on_port(sb, ABI_PORT_SHARE, err);
	return MIN(p->share_listen, 0);
}

static int listen_for_guest(struct sandbox *sb, struct launch_plan *p, struct err *err)
{
	int fd;

	sb->accept_fd = listen_on_port(sb, ABI_PORT_RPC, err);
	if (sb->accept_fd < 0)
		return sb->accept_fd;
	if (sockets_serve(&sb->sockets, listen_for_socket, err) < 0 ||
	    listen_for_share(sb, p, err) < 0)
		return err->code;
	if (!metadata_configured(&sb->metadata))
		return 0;
	fd = listen_on_port(sb, ABI_PORT_SUPERVISOR, err);
	return fd < 0 ? fd : serve_metadata(sb, fd, err);
}

static int start_vsockd(struct sandbox *sb, struct launch_plan *p, struct err *err)
{
	_cleanup_free_ char *program = paths_program(sb->paths, "caisson-vsockd");
	_cleanup_close_ int listener = -EBADF;
	char cid[16];
	const char *argv[] = {program,		 "--vhost-fd",	  "3",	   "--uds-fd", "4",
			      "--uds-path-base", sb->hybrid_path, "--cid", cid,	       NULL};
	struct proc_spec spec = PROC_SPEC_NULL;
	int fds[2], r;

	(void)snprintf(cid, sizeof(cid), "%d", ABI_CID_GUEST);
	r = listen_for_guest(sb, p, err);
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

static int use_kernel_metadata(struct sandbox *sb, struct launch_plan *p, struct err *err)
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

static int listen_for_socket_anywhere(struct sandbox *sb _unused_, uint32_t port _unused_,
				      uint32_t *ret_port, struct err *err)
{
	return listen_on_free_port(ret_port, err);
}

/* The host's own vsock: its ports are shared, so the guest is told which ones are for it. */
static int use_kernel_vsock(struct sandbox *sb, struct launch_plan *p, struct err *err)
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
	if (sockets_serve(&sb->sockets, listen_for_socket_anywhere, err) < 0)
		return err->code;
	if (has_9p(sb))
		p->share_listen = listen_on_free_port(&sb->share_port, err);
	return has_9p(sb) && p->share_listen < 0 ? p->share_listen
						 : use_kernel_metadata(sb, p, err);
}

/* The VMM has one, and makes its socket itself. */
static int use_vmms_vsock(struct sandbox *sb, struct launch_plan *p, struct err *err)
{
	p->vsock = (struct vmm_vsock){.kind = VMM_VSOCK_HYBRID,
				      .fd = -EBADF,
				      .socket_path = sb->hybrid_path,
				      .cid = ABI_CID_GUEST};
	return listen_for_guest(sb, p, err);
}

int launch_vsock(struct sandbox *sb, struct launch_plan *p, struct err *err)
{
	bool own = vmm_traits(p->driver)->own_vsock;
	_cleanup_free_ char *dir = path_join(sb->record->run_path, RECORD_VSOCK_DIR);
	int r;

	sb->cid_fd = own ? -EBADF : open(VHOST_VSOCK, O_RDWR | O_CLOEXEC);
	if (sb->cid_fd >= 0)
		return use_kernel_vsock(sb, p, err);
	if (mkdir(dir, 0700) < 0)
		return err_errno(err, -errno, "cannot make the folder %s", dir);
	sb->hybrid_path = path_join(sb->record->run_path, RECORD_VSOCK_SOCKET);
	sb->address.hybrid_path = sb->hybrid_path;
	r = give(sb, dir, err);
	if (r < 0)
		return r;
	return own ? use_vmms_vsock(sb, p, err) : start_vsockd(sb, p, err);
}
