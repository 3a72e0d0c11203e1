/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "sandbox/process.h"

/*
 * The way of a container's command into its VM, for whoever looks for where it got lost: what was asked for (captured),
 * what the guest is sent (packed), that the guest has made the container of it (read), and that its program runs
 * (executed). Where sandbox_spec.stages says so each is a line of RECORD_CONSOLE in the container's record, and of the
 * program's log, if that has such (LOG_LEVEL_DEBUG); never of what the container prints. Words may be secrets: they are
 * counted.
 *
 * All but a container's first process is passed over.
 */

/** stage_captured() - its words are known; of an image that has them itself they are the guest's to find */
void stage_captured(const struct process *process);

/** stage_packed() - so many bytes are sent to the guest, of what they are */
void stage_packed(const struct process *process, const char *what, size_t bytes);

/** stage_read() - the guest has it, or says why not */
void stage_read(const struct process *process, const struct process_result *result);

/** stage_executed() - the same of its start */
void stage_executed(const struct process *process, const struct process_result *result);
