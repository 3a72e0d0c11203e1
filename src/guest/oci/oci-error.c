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
#define NOT_FOUND     "open executable: "
#define NOT_EXECUTED  "exec: "
/* Of a container's first process; "… `NAME`: WHY" */
#define NOT_BEGUN "exec container process "

#define RED	  "?[1;31m" /* then the time, to which "Z: " belongs */
#define PLAIN	  "?[0m"

/* Reasons that are not TTRPC_PERMISSION_DENIED, or have another phrase than crun's. */
static const struct {
	const char *why;
	enum ttrpc_code code;
	const char *text;
} reasons[] = {
	{"Operation not permitted", TTRPC_PERMISSION_DENIED, "permission denied"},
	{"No such file or directory", TTRPC_NOT_FOUND,
	 "no such file or directory, its interpreter or loader"},
	{"Not a directory", TTRPC_NOT_FOUND, "not a directory"},
	{"Too many levels of symbolic links", TTRPC_NOT_FOUND, "too many levels of symbolic links"},
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

void oci_undress(char *words)
{
	char *end = strstr(words, PLAIN), *text = strstr(words, "Z: ");

	if (!str_starts(words, RED) || !text)
		return;
	if (end)
		*end = '\0';
	text += strlen("Z: ");
	memmove(words, text, strlen(text) + 1);
}

static const char *why_not_executed(const char *words)
{
	const char *why = str_starts(words, NOT_FOUND);

	if (!why)
		why = str_starts(words, NOT_EXECUTED);
	if (why || !str_starts(words, NOT_BEGUN))
		return why;
	while ((words = strstr(words, "`: ")))
		why = words += strlen("`: ");
	return why;
}

/* Which file it was who asked knows. */
static enum ttrpc_code explain_reason(const char *why, char *text, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (strcmp(why, reasons[i].why) != 0)
			continue;
		(void)snprintf(text, size, ABI_COMMAND_MARK "%s", reasons[i].text);
		return reasons[i].code;
	}
	(void)snprintf(text, size, ABI_COMMAND_MARK "%c%s", tolower((unsigned char)*why),
		       *why ? why + 1 : "");
	return TTRPC_PERMISSION_DENIED;
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
	name = why_not_executed(words);
	if (name)
		return explain_reason(name, text, size);
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
