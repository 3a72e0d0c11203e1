/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/strv.h"
#include "vmm/vmm.h"

/**
 * vmm_cmdline() - the kernel's command line, but for what its VMM adds
 * @own: words of the driver's, which come before the spec's; NULL-terminated. Empty ones are left out
 * @reserve: bytes that the VMM may add
 *
 * Return: a new string, or NULL: it would be longer than ABI_CMDLINE_MAX.
 */
char *vmm_cmdline(const struct vmm_spec *spec, const char *const *own, size_t reserve);
