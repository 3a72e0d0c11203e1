/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cmd/doctor.h"
#include "net/join.h"
#include "net/loopback.h"
#include "net/tap.h"

/* What VMs are connected with. */

/* Return: whether that was it: only bundles have a network by taps, and those need root. */
static bool is_user(struct finding *f)
{
	if (geteuid() != 0)
		doctor_say(f, DOCTOR_NOTE, "not tried: without root networks are passt's");
	return geteuid() != 0;
}

void doctor_tun(struct doctor *d _unused_, struct finding *f)
{
	_cleanup_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (is_user(f))
		return;
	doctor_say(f, DOCTOR_OK, "/dev/net/tun opens");
	if (fd >= 0)
		return;
	doctor_say(f, DOCTOR_LACKS, "/dev/net/tun: %s: containers with a network do not run",
		   strerror(errno));
	doctor_mend(f, "run `modprobe tun`");
}

static int try_redirect(void *data _unused_, struct err *err)
{
	_cleanup_close_ int one = -EBADF, other = -EBADF;
	char name[IFNAMSIZ];
	int index[2];

	one = net_tap_open(name, &index[0], err);
	if (one < 0)
		return one;
	other = net_tap_open(name, &index[1], err);
	return other < 0 ? other : net_join(index[0], index[1], err);
}

void doctor_redirect(struct doctor *d _unused_, struct finding *f)
{
	struct err err = ERR_NULL;

	if (is_user(f))
		return;
	doctor_say(f, DOCTOR_OK, "tc redirects between interfaces");
	if (doctor_try(CLONE_NEWNET, try_redirect, NULL, &err) == 0)
		return;
	doctor_say(f, DOCTOR_LACKS, "containers with a network do not run: %s", err.text);
	doctor_mend(f, "be root, and run `modprobe -a tun sch_ingress cls_u32 act_mirred`");
}

static int try_localhost(void *data _unused_, struct err *err)
{
	struct net_loopback loopback = NET_LOOPBACK_NULL;
	int r = net_loopback_open(&loopback, err);

	net_loopback_close(&loopback);
	return r;
}

void doctor_localhost(struct doctor *d _unused_, struct finding *f)
{
	struct err err = ERR_NULL;

	if (is_user(f))
		return;
	doctor_say(f, DOCTOR_OK,
		   "what listens at a container's localhost is reached from its "
		   "network namespace, as by port-forward");
	if (doctor_try(CLONE_NEWNET, try_localhost, NULL, &err) == 0)
		return;
	doctor_say(f, DOCTOR_LACKS, "no port-forward to a container's localhost: %s", err.text);
	doctor_mend(f, "be root, on Linux 5.9 or newer");
}

void doctor_vsock(struct doctor *d _unused_, struct finding *f)
{
	doctor_say(f, DOCTOR_OK, "%s",
		   access("/dev/vhost-vsock", F_OK) == 0
			   ? "served by this machine's kernel (/dev/vhost-vsock)"
			   : "served by caisson-vsockd, no /dev/vhost-vsock is needed");
}
