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
	{"open executable: Too many levels of symbolic links", TTRPC_NOT_FOUND,
	 "exec: too many levels of symbolic links"},
	{"exec: Exec format error", TTRPC_PERMISSION_DENIED, "exec: exec format error"},
	{"exec: No such file or directory", TTRPC_NOT_FOUND,
	 "exec: no such file or directory, its interpreter or loader"},
	{"exec: ", TTRPC_PERMISSION_DENIED, "exec: "},
	{"exec container process `/a`: b`: Text file busy", TTRPC_PERMISSION_DENIED,
	 "exec: text file busy"},
	{"exec container process (missing dynamic library?) `/a`: No such file or directory",
	 TTRPC_NOT_FOUND, "exec: no such file or directory, its interpreter or loader"},
	{"exec container process `/cut", TTRPC_INTERNAL, "crun: exec container process `/cut"},
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

static void undressed(const char *words, const char *wanted)
{
	char text[80];

	strcpy(text, words);
	oci_undress(text);
	test_str(text, wanted);
}

int main(void)
{
	char text[400], tiny[8];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		test_int(oci_explain(cases[i].words, text, sizeof(text)), cases[i].code);
		test_str(text, cases[i].text);
		(void)oci_explain(cases[i].words, tiny, sizeof(tiny));
		test_true(strlen(tiny) < sizeof(tiny));
	}
	undressed("?[1;31m2026-11-29T01:00:35.808116Z: exec: no?[0m", "exec: no");
	undressed("?[1;31m2026-11-29T01:00:35.808116Z: exec: no", "exec: no");
	undressed("?[1;31mexec: no?[0m", "?[1;31mexec: no?[0m");
	undressed("exec: Z: no?[0m", "exec: Z: no?[0m");
	undressed("", "");
	return 0;
}
