/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/folder.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

void folder_make_all(const char *path)
{
	char part[PATH_MAX];

	if (strlen(path) >= sizeof(part))
		return;
	for (const char *end = path; *end;) {
		end += strspn(end, "/");
		end += strcspn(end, "/");
		memcpy(part, path, (size_t)(end - path));
		part[end - path] = '\0';
		(void)mkdir(part, 0755);
	}
}
