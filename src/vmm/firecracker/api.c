/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/firecracker/api.h"

#include <ctype.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/strv.h"
#include "base/unix.h"
#include "vmm/firecracker/http.h"
#include "vmm/vmm.h"

/*
 * Theory of operation. Each request has a connection of its own, as it is a dozen of them at a start and few later:
 * so no answer can be another one's, and nobody has to know whether the other side has closed it meanwhile.
 */

/* Firecracker answers at once, but for snapshots, which it writes first: all of a VM's memory. */
#define PATIENCE_S	    60
#define PATIENCE_SNAPSHOT_S 900

#define PIECE		    4096

struct fc_api {
	struct loop *loop;
	int socket;
	struct loop_defer begin;
	struct loop_timer timer;
	struct loop_io io;
	int conn;
	char *what, *request;
	size_t len, sent;
	struct fc_http answer;
	unsigned int patience_s;
	bool asking;
	void (*done)(void *data, const struct fc_answer *answer);
	void *data;
};

/* What the other side wrote may reach a terminal. */
static void make_printable(char *s)
{
	for (; *s; s++)
		if (!isprint((unsigned char)*s))
			*s = ' ';
}

/* Return: a new string: of {"fault_message":"…"} that, else, as of {"fault_message":null}, all of it. */
static char *fault_of(const char *answer)
{
	struct json_object *object = json_tokener_parse(answer), *fault;
	char *text;

	if (object && json_object_is_type(object, json_type_object) &&
	    json_object_object_get_ex(object, "fault_message", &fault) &&
	    json_object_is_type(fault, json_type_string))
		text = xstrdup(json_object_get_string(fault));
	else
		text = xstrdup(*answer ? answer : "it gave no reason");
	json_object_put(object);
	make_printable(text);
	return text;
}

static char *describe(const struct fc_api *api, int r)
{
	const char *what = api->what;

	switch (r) {
	case -EMSGSIZE:
		return xasprintf("Firecracker's answer to %s has more than %d bytes", what,
				 FC_API_ANSWER_MAX);
	case -ETIMEDOUT:
		return xasprintf("Firecracker did not answer to %s within %u s", what,
				 api->patience_s);
	case -EPROTO:
		return xasprintf("Firecracker's answer to %s is no HTTP: %s", what,
				 fc_http_flaw(&api->answer));
	}
	return xasprintf("Firecracker gave no answer to %s: %s", what, strerror(-r));
}

static void stop(struct fc_api *api)
{
	loop_defer_stop(&api->begin);
	loop_timer_stop(&api->timer);
	loop_io_stop(&api->io);
	api->conn = fd_close(api->conn);
	api->asking = false;
}

/* Last of all: the API may be gone when it returns. */
static void finish(struct fc_api *api, int r)
{
	struct fc_answer answer = {.text = api->answer.body};
	unsigned int status = api->answer.parser.status_code;
	_cleanup_free_ char *text = NULL, *fault = NULL;

	stop(api);
	if (r < 0) {
		answer.r = r == -ECONNREFUSED ? r : -EPROTO;
		answer.text = text = describe(api, r);
	} else if (status != 200 && status != 204) {
		fault = fault_of(api->answer.body);
		answer.r = -EREMOTEIO;
		answer.text = text = xasprintf("Firecracker refused %s: %.400s (status %u)",
					       api->what, fault, status);
	}
	api->done(api->data, &answer);
}

static void timed_out(struct loop_timer *timer)
{
	finish(container_of(timer, struct fc_api, timer), -ETIMEDOUT);
}

/* Return: 0, all or what there was room for; or negative errno. */
static int send_rest(struct fc_api *api)
{
	ssize_t n = send(api->conn, api->request + api->sent, api->len - api->sent,
			 MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	api->sent += (size_t)n;
	return api->sent < api->len ? 0 : loop_io_set(&api->io, EPOLLIN);
}

/* Return: as fc_http_take(). */
static int receive(struct fc_api *api)
{
	char piece[PIECE];
	ssize_t n = recv(api->conn, piece, sizeof(piece), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	return fc_http_take(&api->answer, piece, (size_t)n);
}

/* An answer may come before all was asked, as to a request that is too long. */
static void conn_ready(struct loop_io *io, uint32_t revents)
{
	struct fc_api *api = container_of(io, struct fc_api, io);
	int r = revents & ~(uint32_t)EPOLLOUT ? receive(api) : send_rest(api);

	if (r != 0)
		finish(api, r);
}

static void begin(struct loop_defer *defer)
{
	struct fc_api *api = container_of(defer, struct fc_api, begin);
	int r = api->conn = unix_connect_pinned(api->socket);

	if (r >= 0)
		r = loop_io_start(api->loop, &api->io, api->conn, EPOLLIN | EPOLLOUT, conn_ready);
	if (r == 0)
		r = send_rest(api);
	if (r < 0)
		finish(api, r);
}

struct fc_api *fc_api_new(struct loop *loop)
{
	struct fc_api *api = xcalloc(1, sizeof(*api));

	api->loop = loop;
	api->socket = api->conn = -EBADF;
	api->io = (struct loop_io)LOOP_IO_NULL;
	loop_defer_init(&api->begin);
	loop_timer_init(&api->timer);
	return api;
}

int fc_api_at(struct fc_api *api, int dir)
{
	fd_close(api->socket);
	api->socket = unix_pin(dir, VMM_FIRECRACKER_SOCKET);
	return api->socket < 0 ? api->socket : 0;
}

#define HEADERS "Host: localhost\r\nConnection: close\r\n"

int fc_api_send(struct fc_api *api, const char *method, const char *path, const char *body,
		void (*done)(void *data, const struct fc_answer *answer), void *data)
{
	if (api->asking)
		return -EBUSY;
	free(api->what);
	free(api->request);
	api->what = xasprintf("%s %s", method, path);
	api->request =
		body ? xasprintf("%s HTTP/1.1\r\n" HEADERS "Content-Type: application/json\r\n"
				 "Content-Length: %zu\r\n\r\n%s",
				 api->what, strlen(body), body)
		     : xasprintf("%s HTTP/1.1\r\n" HEADERS "\r\n", api->what);
	api->len = strlen(api->request);
	api->sent = 0;
	api->done = done;
	api->data = data;
	api->patience_s = str_starts(path, "/snapshot/") ? PATIENCE_SNAPSHOT_S : PATIENCE_S;
	fc_http_begin(&api->answer);
	api->asking = true;
	loop_timer_start(api->loop, &api->timer,
			 loop_now(api->loop) + api->patience_s * NSEC_PER_SEC, timed_out);
	loop_defer_start(api->loop, &api->begin, begin);
	return 0;
}

void fc_api_free(struct fc_api *api)
{
	if (!api)
		return;
	stop(api);
	fd_close(api->socket);
	free(api->what);
	free(api->request);
	free(api);
}
