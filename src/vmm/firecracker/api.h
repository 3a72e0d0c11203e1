/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "loop/loop.h"

/*
 * Firecracker's API: HTTP over a unix socket, a request at a time, on our event loop. What is said is a few lines;
 * what is answered is read by http_parser (firecracker/http.h). libcurl would bring thirty libraries, 6 ms and 1.4 MB
 * to each VM.
 */

/* Of an answer; Firecracker's longest, of GET /vm/config, is a few KiB. */
#define FC_API_ANSWER_MAX 65536

struct fc_api;

/** fc_api_new() - nothing is connected yet. Return: end it with fc_api_free() */
struct fc_api *fc_api_new(struct loop *loop);

/**
 * fc_api_at() - say where it is, before the first request
 * @dir: descriptor of the folder with VMM_FIRECRACKER_SOCKET in it, which may be somebody's who would like us to
 *	speak to another one's socket: it is looked up once, and no symbolic link is followed
 *
 * Return: 0 or negative errno: -ENOENT: it is not there.
 */
int fc_api_at(struct fc_api *api, int dir);

/**
 * struct fc_answer - how a request went
 * @r: 0; -ECONNREFUSED: nobody listens at the socket; -EREMOTEIO: Firecracker refused; or another negative errno
 * @text: the answer's body, where it went well; else a sentence that says what did not, printable
 */
struct fc_answer {
	int r;
	const char *text;
};

/**
 * fc_api_send() - begin a request; none may be on its way
 * @method: "GET", "PUT", "PATCH"
 * @path: begins with "/"
 * @body: JSON, copied; NULL: none
 * @done: called once from the event loop; the API may be freed in it
 *
 * Return: 0 or negative errno; then @done is not called.
 */
int fc_api_send(struct fc_api *api, const char *method, const char *path, const char *body,
		void (*done)(void *data, const struct fc_answer *answer), void *data);

/** fc_api_free() - @done of what is on its way is not called any more; NULL is allowed */
void fc_api_free(struct fc_api *api);
