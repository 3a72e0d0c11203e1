/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Status codes of TTRPC: those of gRPC (google/rpc/code.proto). Never renumber. */
enum ttrpc_code {
	TTRPC_OK = 0,
	TTRPC_CANCELLED = 1,
	TTRPC_UNKNOWN = 2,
	TTRPC_INVALID_ARGUMENT = 3,
	TTRPC_DEADLINE_EXCEEDED = 4,
	TTRPC_NOT_FOUND = 5,
	TTRPC_ALREADY_EXISTS = 6,
	TTRPC_PERMISSION_DENIED = 7,
	TTRPC_RESOURCE_EXHAUSTED = 8,
	TTRPC_FAILED_PRECONDITION = 9,
	TTRPC_ABORTED = 10,
	TTRPC_OUT_OF_RANGE = 11,
	TTRPC_UNIMPLEMENTED = 12,
	TTRPC_INTERNAL = 13,
	TTRPC_UNAVAILABLE = 14,
	TTRPC_DATA_LOSS = 15,
	TTRPC_UNAUTHENTICATED = 16,
};

/**
 * ttrpc_code_from_errno() - the code for a (negative) errno; TTRPC_UNKNOWN for those without one
 *
 * What Go servers do for the errors they know (ttrpc's convertCode), and containerd's reading of
 * the codes (errdefs) for the rest: ESRCH is "not found", ENOSYS "not implemented". When memory,
 * processes, descriptors or space run out, that is "resource exhausted".
 */
enum ttrpc_code ttrpc_code_from_errno(int error);

/** ttrpc_code_or() - "resource exhausted" if that is what @error says, else @code */
static inline enum ttrpc_code ttrpc_code_or(int error, enum ttrpc_code code)
{
	return ttrpc_code_from_errno(error) == TTRPC_RESOURCE_EXHAUSTED ? TTRPC_RESOURCE_EXHAUSTED
									: code;
}

/**
 * ttrpc_code_to_errno() - a negative errno for a code; -EIO for those without one
 *
 * Where several errnos have the same code it is the most usual of them: -ENOENT for "not found".
 */
int ttrpc_code_to_errno(int code);
