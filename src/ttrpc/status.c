/* SPDX-License-Identifier: Apache-2.0 */
#include "ttrpc/status.h"

#include <errno.h>
#include <stddef.h>

#include "base/macro.h"

/* Of several rows with the same code, the first is what the code means to a client. */
static const struct {
	int error;
	enum ttrpc_code code;
} codes[] = {
	{0, TTRPC_OK},
	{ECANCELED, TTRPC_CANCELLED},
	{EINVAL, TTRPC_INVALID_ARGUMENT},
	{ETIMEDOUT, TTRPC_DEADLINE_EXCEEDED},
	{ENOENT, TTRPC_NOT_FOUND},
	{ESRCH, TTRPC_NOT_FOUND},
	{EEXIST, TTRPC_ALREADY_EXISTS},
	{ENOTEMPTY, TTRPC_ALREADY_EXISTS},
	{EPERM, TTRPC_PERMISSION_DENIED},
	{EACCES, TTRPC_PERMISSION_DENIED},
	{ENOMEM, TTRPC_RESOURCE_EXHAUSTED},
	{ENOBUFS, TTRPC_RESOURCE_EXHAUSTED},
	{EMSGSIZE, TTRPC_RESOURCE_EXHAUSTED},
	{EAGAIN, TTRPC_RESOURCE_EXHAUSTED}, /* of fork(2) */
	{EMFILE, TTRPC_RESOURCE_EXHAUSTED},
	{ENFILE, TTRPC_RESOURCE_EXHAUSTED},
	{ENOSPC, TTRPC_RESOURCE_EXHAUSTED},
	{EPIPE, TTRPC_FAILED_PRECONDITION},
	{ERANGE, TTRPC_OUT_OF_RANGE},
	{ENOSYS, TTRPC_UNIMPLEMENTED},
	{EOPNOTSUPP, TTRPC_UNIMPLEMENTED},
	{ENOTCONN, TTRPC_UNAVAILABLE},
	{ECONNREFUSED, TTRPC_UNAVAILABLE},
};

enum ttrpc_code ttrpc_code_from_errno(int error)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].error == -error)
			return codes[i].code;
	return TTRPC_UNKNOWN;
}

int ttrpc_code_to_errno(int code)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if ((int)codes[i].code == code)
			return -codes[i].error;
	return -EIO;
}
