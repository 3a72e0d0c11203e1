/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/oci/oci-sign.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "guest/oci/oci-error.h"
#include "guest/procfs.h"
#include "guest/task/process-io.h"

void oci_sign_close(struct process *p)
{
	loop_io_stop(&p->ctl_io);
	p->ctl = fd_close(p->ctl);
}

/* crun leaves it root's; runc gives it away, for who opens it again by its name. */
static void give_terminal(const struct process *p)
{
	_cleanup_close_ int tty = ioctl(p->tty, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	uid_t uid;

	if (tty >= 0 && procfs_user(p->pid, &uid) == 0)
		(void)fchown(tty, uid, (gid_t)-1);
}

void oci_sign_started(struct process *p)
{
	if (p->tty >= 0)
		give_terminal(p);
	oci_sign_close(p);
	p->executor->events->started(p);
}

void oci_sign_not_executed(struct process *p)
{
	/* A path may be in it. */
	static char words[PATH_MAX + 256];
	char text[400];

	worker_last_line(words, process_io_take_words(p, words, sizeof(words) - 1));
	oci_undress(words);
	oci_sign_close(p);
	p->executor->events->failed(p, oci_explain(words, text, sizeof(text)), text);
}

/* If it was not executed, the process is about to end: settle() tells. */
static void sign_ended(struct loop_io *io, uint32_t revents _unused_)
{
	struct process *p = container_of(io, struct process, ctl_io);

	loop_io_stop(io);
	if (procfs_has_executed(p->pid))
		oci_sign_started(p);
}

void oci_sign_await(struct oci *oci, struct process *p)
{
	if (loop_io_start(oci->workers->loop, &p->ctl_io, p->ctl, EPOLLIN, sign_ended) < 0)
		oci_sign_started(p);
}
