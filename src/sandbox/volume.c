/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/volume.h"

#include "base/mem.h"
#include "base/parse.h"

#define READ_ONLY  "ro:"
#define READ_WRITE "rw:"

struct volume volume_of(const char *text)
{
	const char *path = str_starts(text, READ_WRITE);

	/* Whatever else it is, nothing is written to it. */
	if (path)
		return (struct volume){.source = path};
	path = str_starts(text, READ_ONLY);
	return (struct volume){.source = path ? path : text, .readonly = true};
}

char *volume_text(const char *source, bool readonly)
{
	return xasprintf("%s%s", readonly ? READ_ONLY : READ_WRITE, source);
}
