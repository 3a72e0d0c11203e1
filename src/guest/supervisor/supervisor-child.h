/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/supervisor/supervisor.h"

/**
 * struct supervisor_report - why the program does not run
 * @error: negative errno
 * @what: could not be done
 */
struct supervisor_report {
	int error;
	char what[128];
};

/**
 * supervisor_child() - in the child: become the supervisor, or say why not and exit
 * @ctl: a pipe for a struct supervisor_report; closed by a successful exec
 */
_noreturn_ void supervisor_child(const struct supervisor *supervisor, int ctl);
