/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/process.h"

/*
 * A process that was saved with its VM, which runs again, here or elsewhere. What the guest has of it stands still:
 * its processes are paused, its file systems frozen. In this order it gets what is another by now, or has to be:
 *
 *   meet_start()     the time
 *   process_adopt()  random numbers; its name, and with it the guest's host name; streams for its output
 *   process_thaw()   file systems
 *   process_resume() processes, or process_start()
 *
 * so that nothing of the container runs with the clock or the random numbers of when it was saved.
 */

/**
 * process_adopt() - by the connection that the sandbox has; @adopted is called once, unless the VM ends first
 * @was: the container's name when it was saved
 *
 * Its output goes to the log again, if it had one.
 */
void process_adopt(struct process *p, const char *was,
		   void (*adopted)(struct process *p, const struct process_result *result));

/** process_thaw() - what is written reaches the disks again; @adopted is called as above */
void process_thaw(struct process *p,
		  void (*adopted)(struct process *p, const struct process_result *result));

/** process_start_adopted() - both, for what was created so; it has started then, as by process_start() */
void process_start_adopted(struct process *p,
			   void (*adopted)(struct process *p, const struct process_result *result));
