/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/services.h"

#include <string.h>

#include "base/macro.h"
#include "guest/copy/copy.h"
#include "guest/layer/layer.h"
#include "guest/mount/mount-service.h"
#include "guest/network/network-service.h"
#include "guest/oci/bundle.h"
#include "guest/resolver/resolver.h"
#include "guest/sockets/sockets.h"
#include "guest/transfer.h"

void services_init(struct ttrpc_service ret[SERVICES_MAX], struct task *task, struct events *events,
		   struct system *system, struct workers *workers)
{
	const struct ttrpc_service all[] = {
		task->services[0],
		task->services[1],
		events_init(events),
		system_init(system, workers),
		bundle_service(),
		mount_service(workers),
		layer_service(),
		copy_service(),
		network_service(),
		sockets_service(task->loop),
		resolver_service(task->loop, task->cgroups),
	};

	transfer_init(task->streams, workers, &task->processes);
	static_assert(ARRAY_SIZE(all) < SERVICES_MAX, "one more has to have an end");
	memcpy(ret, all, sizeof(all));
	ret[ARRAY_SIZE(all)].name = NULL;
}
