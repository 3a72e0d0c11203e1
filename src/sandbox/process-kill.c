/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/macro.h"
#include "sandbox/process.h"
#include "sandbox/sandbox.h"

static void lives_on(struct loop_timer *timer)
{
	struct process *p = container_of(timer, struct process, killed);
	struct sandbox *sb = p->container->sandbox;

	if (p->state >= PROCESS_STOPPING)
		return;
	if (!sb->failure.code)
		(void)err_set(&sb->failure, -ETIMEDOUT,
			      "the guest did not end container %s when it was to kill it",
			      p->container->spec->id);
	sandbox_give_up(sb);
}

/* The first time counts: whoever kills it again and again gets no more time for it. */
void process_killed(struct process *p)
{
	struct loop *loop = p->container->sandbox->loop;

	if (list_empty(&p->killed.link))
		loop_timer_start(loop, &p->killed, loop_now(loop) + PROCESS_GUEST_ENDS, lives_on);
}
