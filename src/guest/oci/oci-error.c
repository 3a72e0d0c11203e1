/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/oci/oci-error.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "abi/abi.h"
#include "base/macro.h"
#include "base/parse.h"

/* How crun 1.8 begins; its texts end with strerror(), and so are told apart by their beginning. */
#define NO_EXECUTABLE "executable file `"
#define NO_FOLDER     "chdir `"

static const struct {
	const char *words; /* crun's beginning */
	enum ttrpc_code code;
	const char *text; /* NULL: crun's */
} known[] = {
	{"open executable: Permission denied", TTRPC_PERMISSION_DENIED,
	 ABI_COMMAND_MARK "permission denied"},
	{"open executable: Operation not permitted", TTRPC_PERMISSION_DENIED,
	 ABI_COMMAND_MARK "permission denied"},
	{"open executable: Not a directory", TTRPC_NOT_FOUND, ABI_COMMAND_MARK "not a directory"},
	{"open executable: ", TTRPC_PERMISSION_DENIED, NULL},
	{"exec: Exec format error", TTRPC_PERMISSION_DENIED, ABI_COMMAND_MARK "exec format error"},
	{"exec: Permission denied", TTRPC_PERMISSION_DENIED, ABI_COMMAND_MARK "permission denied"},
	{"exec: No such file or directory", TTRPC_NOT_FOUND,
	 ABI_COMMAND_MARK "no such file or directory, its interpreter or loader"},
};

static void explain_missing(const char *name, char *text, size_t size)
{
	const char *end = strchr(name, '\'');
	int len;

	if (!end)
		end = strchr(name, '`');
	len = end ? (int)(end - name) : (int)strlen(name);
	if (memchr(name, '/', (size_t)len))
		(void)snprintf(text, size,
			       ABI_COMMAND_MARK "\"%.*s\": stat %.*s: no such file or directory",
			       len, name, len, name);
	else
		(void)snprintf(text, size,
			       ABI_COMMAND_MARK "\"%.*s\": executable file not found in $PATH", len,
			       name);
}

/* "`/folder`: No such file or directory" */
static void explain_folder(const char *rest, char *text, size_t size)
{
	const char *end = strstr(rest, "`: ");

	if (end)
		(void)snprintf(text, size, "cannot enter the working directory \"%.*s\": %c%s",
			       (int)(end - rest), rest, tolower((unsigned char)end[3]),
			       end[3] ? end + 4 : "");
	else
		(void)snprintf(text, size, "cannot enter the working directory");
}

enum ttrpc_code oci_explain(const char *words, char *text, size_t size)
{
	const char *name = str_starts(words, NO_EXECUTABLE);

	if (name) {
		explain_missing(name, text, size);
		return TTRPC_NOT_FOUND;
	}
	name = str_starts(words, NO_FOLDER);
	if (name) {
		explain_folder(name, text, size);
		return TTRPC_INVALID_ARGUMENT;
	}
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (!str_starts(words, known[i].words))
			continue;
		(void)snprintf(text, size, "%s", known[i].text ? known[i].text : words);
		return known[i].code;
	}
	if (str_starts(words, "the container `") && strstr(words, "is not running")) {
		(void)snprintf(text, size, "cannot exec in a stopped container");
		return TTRPC_FAILED_PRECONDITION;
	}
	if (str_starts(words, "root file system: ")) {
		(void)snprintf(text, size, "%s", words);
		return TTRPC_INTERNAL;
	}
	(void)snprintf(text, size, "crun: %s", *words ? words : "it ended without a word");
	return TTRPC_INTERNAL;
}
