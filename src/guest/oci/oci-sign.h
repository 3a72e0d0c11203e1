/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/oci/oci.h"

/*
 * Inside of oci.c: the sign that a process has executed its program. It is a pipe that crun passes on to
 * the process, unknowing, and that closes then, or when the process ends.
 */

/** oci_sign_await() - of a process that stands, with its end of the pipe as @p->ctl: tell when it comes */
void oci_sign_await(struct oci *oci, struct process *p);

/** oci_sign_started() - it has come: tell it */
void oci_sign_started(struct process *p);

/** oci_sign_not_executed() - tell that it never will, in the last words of crun */
void oci_sign_not_executed(struct process *p);

/** oci_sign_close() - await it no more; may be called again */
void oci_sign_close(struct process *p);
