/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/network.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/macro.h"
#include "net/join.h"
#include "net/tap.h"
#include "rpc/rpc.h"
#include "sandbox/network-request.h"
#include "sandbox/passt.h"
#include "sandbox/sandbox.h"

#define NICS_MIN 2
#define LO_INDEX 1

/* Ours, before we have left it, and that of the machine's init, if that is another. */
static bool is_hosts_own(int netns)
{
	static const char *const own[] = {"/proc/self/ns/net", "/proc/1/ns/net"};
	struct stat st, theirs;

	if (fstat(netns, &theirs) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (stat(own[i], &st) == 0 && st.st_dev == theirs.st_dev &&
		    st.st_ino == theirs.st_ino)
			return true;
	return false;
}

int network_enter(const char *netns, struct err *err)
{
	_cleanup_close_ int fd = -EBADF;

	if (!*netns)
		return 0;
	if (strcmp(netns, SANDBOX_NETNS_NEW) == 0) {
		if (unshare(CLONE_NEWNET) < 0)
			return err_errno(err, -errno, "cannot make a network namespace");
		return net_link_set(LO_INDEX, 0, true, err);
	}
	fd = open(netns, O_RDONLY | O_CLOEXEC);
	/* What comes in at its interfaces would all go to the guest. */
	if (fd >= 0 && is_hosts_own(fd))
		return err_set(err, -ENOTSUP, NETWORK_NOT_HOSTS);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		return err_errno(err, -errno, "cannot enter the network namespace %s", netns);
	return 0;
}

void network_init(struct network *network, struct sandbox *sandbox)
{
	*network = (struct network){.sandbox = sandbox, .watch = NET_WATCH_NULL};
	ttrpc_request_init(&network->request);
}

/* Locally administered; what the guest sees is the interface's own. */
static void choose_mac(struct vmm_nic *nic, size_t i)
{
	const uint8_t mac[VMM_MAC_LEN] = {0x02, 0xca, 0x15, 0x50, 0x00, (uint8_t)i};

	memcpy(nic->mac, mac, sizeof(mac));
}

static int make_taps(struct network *n, size_t wanted, struct err *err)
{
	while (n->n < wanted) {
		struct vmm_nic *nic = &n->nics[n->n];

		nic->fd = net_tap_open(n->names[n->n], &n->tap_index[n->n], err);
		if (nic->fd < 0)
			return nic->fd;
		choose_mac(nic, n->n++);
	}
	return 0;
}

static int let_taps_go(struct network *n, uid_t owner, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n->n; i++) {
		n->nics[i].tap = n->names[i];
		r = net_tap_let_go(take_fd(n->nics[i].fd), owner, err);
	}
	return r;
}

static void changed(struct net_watch *watch)
{
	struct network *n = container_of(watch, struct network, watch);

	if (n->told)
		network_apply(n, NULL, NULL);
}

int network_prepare(struct network *n, bool by_name, uid_t owner, struct err *err)
{
	int r = net_watch_start(n->sandbox->loop, &n->watch, changed, err);

	if (r == 0)
		r = net_scan(&n->next, err);
	/* Engines can clear up after a creation that fails, but not after such a start. */
	for (size_t i = 0; r == 0 && i < n->next.n_ifs; i++)
		r = net_check_free(n->next.ifs[i].index, err);
	/* One may be connected later, by `docker network connect` for instance. */
	if (r == 0)
		r = make_taps(n, MIN(MAX(n->next.n_ifs + 1, NICS_MIN), VMM_NICS_MAX), err);
	return r == 0 && by_name ? let_taps_go(n, owner, err) : r;
}

void network_handed_over(struct network *n)
{
	for (size_t i = 0; i < n->n; i++)
		n->nics[i].fd = fd_close(n->nics[i].fd);
}

static size_t nic_of(const struct network *n, int index)
{
	size_t i = 0;

	while (i < n->n && n->joined[i] != index)
		i++;
	return i;
}

static void let_go(struct network *n)
{
	for (size_t i = 0; i < n->n; i++) {
		if (n->joined[i] == 0 || net_state_if(&n->next, n->joined[i]))
			continue;
		(void)net_part(n->tap_index[i], NULL);
		n->joined[i] = 0;
	}
}

static int join(struct network *n, const struct net_if *interface, struct err *err)
{
	size_t i = nic_of(n, interface->index);
	int r;

	if (i == n->n)
		i = nic_of(n, 0);
	if (i == n->n)
		return err_set(
			err, -ENOSPC,
			"the interface %s is one more than the VM has been given when it was "
			"started, %zu",
			interface->name, n->n);
	r = net_link_set(n->tap_index[i], interface->mtu, true, err);
	if (r == 0)
		r = net_join(interface->index, n->tap_index[i], err);
	if (r == 0)
		n->joined[i] = interface->index;
	return r;
}

static int look(struct network *n, struct err *err)
{
	if (!n->passt)
		return net_scan(&n->next, err);
	passt_state(&n->next);
	return 0;
}

static int join_all(struct network *n, struct err *err)
{
	int r = 0;

	if (n->passt)
		return 0;
	let_go(n);
	for (size_t i = 0; r == 0 && i < n->next.n_ifs; i++)
		r = join(n, &n->next.ifs[i], err);
	return r;
}

static void finish(struct network *n, const struct err *err)
{
	void (*done)(struct network * network, const struct err *err, void *userdata) = n->done;

	if (!err) {
		n->told = true;
		if (!n->passt)
			resolver_look(&n->sandbox->resolver);
	}
	if (n->again && (n->told || done)) {
		network_apply(n, NULL, NULL);
		return;
	}
	n->done = NULL;
	if (done)
		done(n, err, n->userdata);
	else if (err && n->told)
		log_warn("%s", err->text);
}

static void answered(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct network *n = container_of(req, struct network, request);
	struct err err = ERR_NULL;

	n->asking = false;
	n->refused = answer->code != TTRPC_OK;
	if (answer->code == TTRPC_OK) {
		n->known = n->next;
		finish(n, NULL);
		return;
	}
	(void)err_set(&err, ttrpc_code_to_errno(answer->code), "the container's network: %s",
		      answer->message);
	finish(n, &err);
}

static int ask(struct network *n, struct err *err)
{
	struct network_request *request;
	int r;

	if (!n->sandbox->guest)
		return err_set(err, -EHOSTDOWN, "the virtual machine has ended");
	request = network_request_new(n);
	r = rpc_call(n->sandbox->guest, &n->request, "caisson.guest.v1.Network", "Configure",
		     network_request_message(request), 0, answered);
	network_request_free(request);
	n->asking = r == 0;
	return r < 0 ? err_errno(err, r, "cannot ask the guest to configure its network") : 0;
}

/* @r: of look(), with its message */
static void apply(struct network *n, int r, struct err *err)
{
	if (r == 0 && n->told && !n->refused && net_state_equal(&n->next, &n->known)) {
		finish(n, NULL);
		return;
	}
	if (r == 0)
		r = join_all(n, err);
	if (r == 0)
		r = ask(n, err);
	if (r < 0)
		finish(n, err);
}

void network_apply(struct network *n,
		   void (*done)(struct network *network, const struct err *err, void *userdata),
		   void *userdata)
{
	struct err err = ERR_NULL;

	n->again = n->asking;
	if (done) {
		n->done = done;
		n->userdata = userdata;
	}
	if (n->asking)
		return;
	apply(n, look(n, &err), &err);
}

void network_apply_early(struct network *n)
{
	struct err err = ERR_NULL;

	if (n->n > 0 && look(n, &err) == 0 && n->next.n_ifs > 0)
		apply(n, 0, &err);
}

void network_end(struct network *n)
{
	net_watch_stop(&n->watch);
	ttrpc_request_cancel(&n->request);
	network_handed_over(n);
	for (size_t i = 0; i < n->n; i++)
		if (n->nics[i].tap)
			net_tap_remove(n->tap_index[i]);
	n->n = 0;
}
