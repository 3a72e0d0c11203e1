/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/runc-words.h"

#include "abi/abi.h"
#include "base/parse.h"
#include "shim/calls.h"
#include "shim/containerd/streams.h"

/* What `caisson exec` asks for is not of OCI's type, or has streams of its own. */
static bool is_of_containerd(const struct process *p)
{
	return shim_of_process(p)->containerd &&
	       (!*p->exec_id ||
		(p->exec_json && !streams_are_ours(p->container, p->fifos[0], p->fifos[1])));
}

static const char *words(const struct process *p, bool starting)
{
	if (*p->exec_id)
		return "OCI runtime exec failed: exec failed: ";
	/* What runc finds as early as that is found later here. */
	return starting ? "OCI runtime start failed: "
			: "OCI runtime create failed: runc create failed: ";
}

void runc_words_fail(struct ttrpc_call *call, const struct process *p,
		     const struct process_result *result, bool starting)
{
	if (str_starts(result->message, ABI_COMMAND_MARK) && is_of_containerd(p))
		ttrpc_call_fail(call, TTRPC_UNKNOWN, "%sunable to start container process: %s",
				words(p, starting), result->message);
	else
		ttrpc_call_fail(call, result->code, "%s", result->message);
}
