/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/oci/oci-error.h"

#include "base/macro.h"
#include "base/test.h"

static const struct {
	const char *words;
	enum ttrpc_code code;
	const char *text;
} cases[] = {
	{"executable file `nope` not found in $PATH: No such file or directory", TTRPC_NOT_FOUND,
	 "exec: \"nope\": executable file not found in $PATH"},
	{"executable file `/a b` not found in $PATH: No such file or directory", TTRPC_NOT_FOUND,
	 "exec: \"/a b\": stat /a b: no such file or directory"},
	{"executable file `cut", TTRPC_NOT_FOUND,
	 "exec: \"cut\": executable file not found in $PATH"},
	{"open executable: Permission denied", TTRPC_PERMISSION_DENIED, "exec: permission denied"},
	{"open executable: Operation not permitted", TTRPC_PERMISSION_DENIED,
	 "exec: permission denied"},
	{"open executable: Not a directory", TTRPC_NOT_FOUND, "exec: not a directory"},
	{"the container `x` is not running", TTRPC_FAILED_PRECONDITION,
	 "cannot exec in a stopped container"},
	{"chdir `/a b`: Not a directory", TTRPC_INVALID_ARGUMENT,
	 "cannot enter the working directory \"/a b\": not a directory"},
	{"chdir `/cut", TTRPC_INVALID_ARGUMENT, "cannot enter the working directory"},
	/* Not the command's fault. */
	{"mount `/x` to `/y`: Permission denied", TTRPC_INTERNAL,
	 "crun: mount `/x` to `/y`: Permission denied"},
	{"root file system: no", TTRPC_INTERNAL, "root file system: no"},
	{"", TTRPC_INTERNAL, "crun: it ended without a word"},
};

int main(void)
{
	char text[400], tiny[8];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		test_int(oci_explain(cases[i].words, text, sizeof(text)), cases[i].code);
		test_str(text, cases[i].text);
		(void)oci_explain(cases[i].words, tiny, sizeof(tiny));
		test_true(strlen(tiny) < sizeof(tiny));
	}
	return 0;
}
