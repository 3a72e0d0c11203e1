/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "base/err.h"

/* What is used of libcurl. */
#define CURL_CALLS(CALL)               \
	CALL(curl_global_init)         \
	CALL(curl_easy_init)           \
	CALL(curl_easy_setopt)         \
	CALL(curl_easy_getinfo)        \
	CALL(curl_easy_strerror)       \
	CALL(curl_easy_cleanup)        \
	CALL(curl_slist_append)        \
	CALL(curl_slist_free_all)      \
	CALL(curl_multi_init)          \
	CALL(curl_multi_setopt)        \
	CALL(curl_multi_add_handle)    \
	CALL(curl_multi_remove_handle) \
	CALL(curl_multi_socket_action) \
	CALL(curl_multi_info_read)     \
	CALL(curl_multi_cleanup)

/** struct curl_library - its functions, by their own names */
struct curl_library {
#define CURL_CALL_FIELD(name) __typeof__(name) *name;
	CURL_CALLS(CURL_CALL_FIELD)
#undef CURL_CALL_FIELD
};

/**
 * curl_library() - load it, the first time
 * @ret: set on success, for ever valid
 *
 * Return: 0 or negative errno with a message: -ENOENT: it is not installed.
 */
int curl_library(const struct curl_library **ret, struct err *err);
