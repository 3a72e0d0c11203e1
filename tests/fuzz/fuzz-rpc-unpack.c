/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/macro.h"
#include "base/test.h"
#include "bundle.pb-c.h"
#include "guest.pb-c.h"
#include "network.pb-c.h"
#include "rpc/task.h"
#include "rpc/text.h"
#include "system.pb-c.h"
#include "vmmount.pb-c.h"

/* The first byte chooses the type, the rest is a message of it. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TASK(name) &containerd__task__v2__##name##_request__descriptor

static const ProtobufCMessageDescriptor *const types[] = {
	TASK(create_task),
	TASK(state),
	TASK(start),
	TASK(delete),
	TASK(pids),
	TASK(kill),
	TASK(exec_process),
	TASK(resize_pty),
	&containerd__task__v2__close_iorequest__descriptor,
	TASK(wait),
	TASK(connect),
	TASK(shutdown),
	TASK(update_task),
	TASK(checkpoint_task),
	TASK(stats),
	TASK(pause),
	TASK(resume),
	&caisson__guest__v1__container__descriptor,
	&caisson__guest__v1__process__descriptor,
	&caisson__guest__v1__resources__descriptor,
	&caisson__guest__v1__set_time_request__descriptor,
	&caisson__guest__v1__reseed_request__descriptor,
	&caisson__guest__v1__create_bundle_request__descriptor,
	&caisson__guest__v1__mount_all_request__descriptor,
	&caisson__guest__v1__unmount_request__descriptor,
	&caisson__guest__v1__configure_request__descriptor,
};

static size_t pack(const ProtobufCMessage *message, uint8_t **ret)
{
	size_t len = protobuf_c_message_get_packed_size(message);

	*ret = malloc(len + 1);
	test_true(*ret);
	test_int(protobuf_c_message_pack(message, *ret), len);
	return len;
}

/* What was understood can be said again, and is understood as the same. */
static void check_again(const ProtobufCMessageDescriptor *type, const ProtobufCMessage *message)
{
	ProtobufCMessage *again = NULL;
	uint8_t *first, *second;
	size_t len = pack(message, &first);
	int r = rpc_unpack(type, first, len, &again);

	/* Unknown fields may need more memory the second time. */
	if (r != -ENOMEM) {
		test_int(r, 0);
		test_int(pack(again, &second), len);
		test_mem(first, second, len);
		free(second);
	}
	rpc_free(again);
	free(first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const ProtobufCMessageDescriptor *type;
	struct ttrpc_bytes bytes = {.data = data + 1, .len = size - 1};
	ProtobufCMessage *message = NULL;
	const char *field = NULL;
	int text, r;

	if (size == 0)
		return 0;
	type = types[data[0] % ARRAY_SIZE(types)];
	text = rpc_check_text(type, bytes, true, &field);
	test_true((text == -EILSEQ) == (field != NULL));
	r = rpc_unpack(type, bytes.data, bytes.len, &message);
	if (r == -EILSEQ)
		test_int(text, -EILSEQ);
	if (r == 0)
		check_again(type, message);
	rpc_free(message);
	return 0;
}
