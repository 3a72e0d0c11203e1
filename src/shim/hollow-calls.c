/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/hollow-calls.h"

#include <stdlib.h>

#include "base/mem.h"
#include "metrics_v2.pb-c.h"
#include "rpc/task.h"
#include "sandbox/process.h"
#include "shim/calls.h"
#include "task.pb-c.h"

bool hollow_calls_check(struct ttrpc_call *call, const struct process *init)
{
	if (!hollow_is_empty(init))
		return true;
	ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION,
			"container %s is its pod's pause container: nothing of it runs in the "
			"virtual machine, whose namespaces are the pod's",
			init->container->spec->id);
	return false;
}

static void pack(Google__Protobuf__Any *ret)
{
	Io__Containerd__Cgroups__V2__Metrics metrics = IO__CONTAINERD__CGROUPS__V2__METRICS__INIT;
	Io__Containerd__Cgroups__V2__PidsStat pids = IO__CONTAINERD__CGROUPS__V2__PIDS_STAT__INIT;
	Io__Containerd__Cgroups__V2__CPUStat cpu = IO__CONTAINERD__CGROUPS__V2__CPUSTAT__INIT;
	Io__Containerd__Cgroups__V2__MemoryStat memory =
		IO__CONTAINERD__CGROUPS__V2__MEMORY_STAT__INIT;

	pids.limit = memory.usage_limit = UINT64_MAX;
	metrics.pids = &pids;
	metrics.cpu = &cpu;
	metrics.memory = &memory;
	(void)rpc_any_pack(&metrics.base, ret);
}

void hollow_calls_stats(struct ttrpc_call *call,
			void (*reply)(struct ttrpc_call *call, const struct ttrpc_answer *answer))
{
	Containerd__Task__V2__StatsResponse response = CONTAINERD__TASK__V2__STATS_RESPONSE__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	_cleanup_free_ uint8_t *payload = NULL;
	struct ttrpc_answer answer = {.code = TTRPC_OK, .message = ""};

	pack(&any);
	response.stats = &any;
	payload = xmalloc(protobuf_c_message_get_packed_size(&response.base));
	answer.payload = payload;
	answer.payload_len = protobuf_c_message_pack(&response.base, payload);
	rpc_any_done(&any);
	reply(call, &answer);
}
