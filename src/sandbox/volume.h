/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/**
 * struct volume - a folder or a file of the host's that a container gets to see
 * @source: absolute path
 *
 * In a spec it is text, "ro:/path" or "rw:/path".
 */
struct volume {
	const char *source;
	bool readonly;
};

/** volume_of() - out of a spec's text, which it then borrows */
struct volume volume_of(const char *text);

/** volume_text() - the reverse, a new string. @readonly: the container may not write to it */
char *volume_text(const char *source, bool readonly);
