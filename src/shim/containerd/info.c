/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "rpc/rpc.h"
#include "runtimeinfo.pb-c.h"
#include "shim/containerd/start.h"

int containerd_info(struct err *err)
{
	Containerd__Types__RuntimeInfo info = CONTAINERD__TYPES__RUNTIME_INFO__INIT;
	Containerd__Types__RuntimeVersion version = CONTAINERD__TYPES__RUNTIME_VERSION__INIT;
	_cleanup_free_ uint8_t *data = NULL;
	int r;

	version.version = rpc_str(CAISSON_VERSION);
	info.name = rpc_str("io.containerd.caisson.v2");
	info.version = &version;
	data = xmalloc(protobuf_c_message_get_packed_size(&info.base));
	r = fd_write_full(STDOUT_FILENO, data, protobuf_c_message_pack(&info.base, data));
	return r < 0 ? err_errno(err, r, "cannot print what the runtime is") : 0;
}
