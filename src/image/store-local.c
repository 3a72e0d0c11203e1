/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "image/store.h"

/*
 * Under what name an image that came out of a file or folder is known. A registry's name is the file
 * name of its entry in refs/, and has a '+'; a path may be too long for that, so the entry of a file
 * is called by its hash, without a '+', and holds the name.
 */

#define HASH_NAME "refs/%016llx"

char *store_local_name(const struct reference *ref)
{
	_cleanup_free_ char *path = realpath(ref->path, NULL);
	const char *prefix = reference_prefix(ref->transport);

	return xasprintf("%s%s%s%s", prefix, path ? path : ref->path, ref->tag ? ":" : "",
			 ref->tag ? ref->tag : "");
}

void store_local_path(const char *name, char path[STORE_LOCAL_PATH])
{
	(void)snprintf(path, STORE_LOCAL_PATH, HASH_NAME, (unsigned long long)store_hash(name));
}

void store_set_local(const struct store *s, const struct reference *ref, const char *id)
{
	_cleanup_free_ char *name = store_local_name(ref), *have = NULL,
			    *want = xasprintf("%s %s\n", id, name);
	char path[STORE_LOCAL_PATH];

	store_local_path(name, path);
	if (store_read_line(s, path, &have) == 0 && strcmp(have, want) == 0)
		return;
	/* Only listings need it: where it cannot be written, the image has no name. */
	(void)store_write_line(s, path, want);
}
