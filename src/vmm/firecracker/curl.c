/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/firecracker/curl.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/macro.h"

#define LIBRARY "libcurl.so.4"

static const struct {
	const char *name;
	size_t offset;
} calls[] = {
#define CURL_CALL_ROW(call) {#call, offsetof(struct curl_library, call)},
	CURL_CALLS(CURL_CALL_ROW)
#undef CURL_CALL_ROW
};

static int look_up(void *handle, struct curl_library *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		void *call = dlsym(handle, calls[i].name);

		if (!call)
			return -ENOSYS;
		/* POSIX has it that a function's address fits, C has not. */
		memcpy((char *)ret + calls[i].offset, &call, sizeof(call));
	}
	return 0;
}

int curl_library(const struct curl_library **ret, struct err *err)
{
	static struct curl_library library;
	static bool loaded;
	void *handle;

	*ret = &library;
	if (loaded)
		return 0;
	handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return err_set(err, -ENOENT,
			       "there is no " LIBRARY
			       ", by which Firecracker is spoken to: install libcurl4");
	if (look_up(handle, &library) < 0 ||
	    library.curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK) {
		(void)dlclose(handle);
		return err_set(err, -ENOSYS, LIBRARY " cannot be used");
	}
	loaded = true;
	return 0;
}
