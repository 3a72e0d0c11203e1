/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/init/missing.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/macro.h"

#define LIST_LEN 1024

static bool brief;

void missing_be_brief(void)
{
	brief = true;
}

/* Names are the image's: a terminal must not take them for orders. */
static void append(char *list, const char *name)
{
	size_t at = strlen(list), len = strlen(name);

	if (at + len + 6 > LIST_LEN) {
		if (at + 5 <= LIST_LEN && (at < 4 || strcmp(list + at - 3, "...") != 0))
			strcpy(list + at, " ...");
		return;
	}
	list[at++] = ' ';
	for (; *name; name++)
		list[at++] = (unsigned char)*name < ' ' || *name == 0x7f ? '?' : *name;
	list[at] = '\0';
}

/* The nearest folder above @path that is there. Return: NULL without one. */
static DIR *open_folder(char *path)
{
	char *slash = strrchr(path, '/');
	DIR *dir;

	for (; slash; slash = strrchr(path, '/')) {
		slash[slash == path] = '\0';
		dir = opendir(path);
		if (dir || slash == path)
			return dir;
	}
	return NULL;
}

static void list_folder(const char *missing)
{
	char folder[PATH_MAX], list[LIST_LEN] = "";
	_cleanup_dir_ DIR *dir = NULL;
	const char *name;

	if ((size_t)snprintf(folder, sizeof(folder), "%s", missing) >= sizeof(folder))
		return;
	dir = open_folder(folder);
	if (!dir)
		return;
	while ((name = dir_next(dir)))
		append(list, name);
	log_error("%s holds:%s", folder, *list ? list : " nothing");
}

void missing_command(void)
{
	log_error("there is no command in " ABI_INIT_CONF);
}

void missing_entrypoint(void)
{
	log_error("[VM-START] No entrypoint found in " ABI_ENTRYPOINT
		  ", and there is no " ABI_INIT_CONF
		  ": nothing is run; this machine waits to be looked at");
}

void missing_file(const char *key, const char *path, int error)
{
	log_error("%s: cannot use %s: %s", key, path, strerror(-error));
	if (!brief)
		list_folder(path);
}

void missing_program(const char *name, const char *folders)
{
	char list[LIST_LEN] = "", folder[PATH_MAX];
	size_t len;

	log_error("there is no program \"%s\" in $PATH, which is %s", name, folders);
	if (brief)
		return;
	for (;; folders += len + 1) {
		len = strcspn(folders, ":");
		(void)snprintf(folder, sizeof(folder), "%.*s", (int)MIN(len, sizeof(folder) - 1),
			       folders);
		if (len > 0 && access(folder, X_OK) < 0)
			append(list, folder);
		if (!folders[len])
			break;
	}
	if (*list)
		log_error("of these folders there are not:%s", list);
}
