/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/copy-guest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "cmd/copy-stream.h"
#include "copy.pb-c.h"

#define STAT_RESULT_MAX (PATH_MAX + 64)

static ProtobufCBinaryData bytes(const char *s)
{
	return (ProtobufCBinaryData){.data = (uint8_t *)s, .len = strlen(s)};
}

/* All that the guest says. Return: how many bytes, @size: it says too much; or negative errno with a message. */
static ssize_t hear(struct transfer *t, uint8_t *buf, size_t size, struct err *err)
{
	struct progress_bar none = {.fd = -EBADF};
	struct copy_stream stream = {.transfer = t, .bar = &none};
	size_t len = 0;
	ssize_t n = 0;
	int r;

	while (len < size && (n = copy_stream_get(&stream, buf + len, size - len)) > 0)
		len += (size_t)n;
	if (len == size) {
		transfer_give_up(t);
		return (ssize_t)len;
	}
	r = transfer_end(t, err);
	if (r < 0)
		return r;
	return n < 0 ? err_errno(err, (int)n, "cannot hear of the guest") : (ssize_t)len;
}

int copy_guest_stat(struct client *client, const char *path, char target[PATH_MAX], mode_t *ret,
		    struct err *err)
{
	Caisson__Guest__V1__StatRequest request = CAISSON__GUEST__V1__STAT_REQUEST__INIT;
	const Caisson__Guest__V1__StatResult *result;
	struct transfer t = TRANSFER_NULL;
	uint8_t buf[STAT_RESULT_MAX];
	ProtobufCMessage *m;
	ssize_t n;
	int r = transfer_open(&t, client, err);

	if (r < 0)
		return r;
	request.id = client->record->id;
	request.path = bytes(path);
	request.stream = t.uri;
	r = transfer_begin(&t, RPC_SERVICE_COPY, "Stat", &request.base, err);
	if (r < 0)
		return r;
	n = hear(&t, buf, sizeof(buf), err);
	if (n < 0)
		return (int)n;
	r = n == sizeof(buf)
		    ? -EPROTO
		    : rpc_unpack(&caisson__guest__v1__stat_result__descriptor, buf, (size_t)n, &m);
	if (r < 0)
		return err_set(err, -EPROTO, "the guest's answer makes no sense");
	result = (const Caisson__Guest__V1__StatResult *)m;
	*ret = result->mode;
	(void)snprintf(target, PATH_MAX, "%.*s", (int)MIN(result->target.len, (size_t)PATH_MAX),
		       result->target.len ? (const char *)result->target.data : "");
	rpc_free(m);
	return 0;
}

int copy_guest_pack(struct transfer *t, struct client *client, const char *path, const char *as,
		    struct err *err)
{
	Caisson__Guest__V1__PackRequest request = CAISSON__GUEST__V1__PACK_REQUEST__INIT;
	int r = transfer_open(t, client, err);

	if (r < 0)
		return r;
	request.id = client->record->id;
	request.path = bytes(path);
	request.as = bytes(as);
	request.stream = t->uri;
	return transfer_begin(t, RPC_SERVICE_COPY, "Pack", &request.base, err);
}

int copy_guest_unpack(struct transfer *t, struct client *client, const char *folder,
		      const char *only, bool exact, struct err *err)
{
	Caisson__Guest__V1__UnpackRequest request = CAISSON__GUEST__V1__UNPACK_REQUEST__INIT;
	int r = transfer_open(t, client, err);

	if (r < 0)
		return r;
	request.id = client->record->id;
	request.path = bytes(folder);
	request.only = bytes(only);
	request.exact = exact;
	request.stream = t->uri;
	return transfer_begin(t, RPC_SERVICE_COPY, "Unpack", &request.base, err);
}
