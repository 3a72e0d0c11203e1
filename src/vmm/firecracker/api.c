/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/firecracker/api.h"

#include <ctype.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "vmm/firecracker/curl.h"
#include "vmm/vmm.h"

/*
 * Theory of operation. libcurl tells which descriptor it waits for, and until when; the loop tells it when either
 * has come. One connection is kept for all requests.
 */

/* Firecracker answers at once, but for snapshots, which it writes first. */
#define PATIENCE_MS 60000L

struct fc_api {
	struct loop *loop;
	const struct curl_library *curl;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	int socket;
	struct loop_io io;
	struct loop_timer timer;
	char *what, *body;
	char answer[FC_API_ANSWER_MAX];
	size_t len;
	bool asking, too_long;
	void (*done)(void *data, const struct fc_answer *answer);
	void *data;
};

static size_t take_body(char *data, size_t size, size_t n, void *userdata)
{
	struct fc_api *api = userdata;

	if (size * n >= sizeof(api->answer) - api->len) {
		api->too_long = true;
		return 0;
	}
	memcpy(api->answer + api->len, data, size * n);
	api->len += size * n;
	return size * n;
}

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

static char *describe(const struct fc_api *api, CURLcode code)
{
	if (api->too_long)
		return xasprintf("Firecracker's answer to %s has more than %d bytes", api->what,
				 FC_API_ANSWER_MAX);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return xasprintf("Firecracker did not answer to %s within %ld s", api->what,
				 PATIENCE_MS / 1000);
	return xasprintf("Firecracker gave no answer to %s: %s", api->what,
			 api->curl->curl_easy_strerror(code));
}

/* Last of all: the API may be gone when it returns. */
static void finish(struct fc_api *api, CURLcode code)
{
	struct fc_answer answer = {.text = api->answer};
	_cleanup_free_ char *text = NULL, *fault = NULL;
	long status = 0;

	api->answer[api->len] = '\0';
	api->asking = false;
	(void)api->curl->curl_easy_getinfo(api->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)api->curl->curl_multi_remove_handle(api->multi, api->easy);
	if (code != CURLE_OK) {
		answer.r = code == CURLE_COULDNT_CONNECT ? -ECONNREFUSED : -EPROTO;
		answer.text = text = describe(api, code);
	} else if (status != 200 && status != 204) {
		fault = fault_of(api->answer);
		answer.r = -EREMOTEIO;
		answer.text = text = xasprintf("Firecracker refused %s: %.400s (status %ld)",
					       api->what, fault, status);
	}
	api->done(api->data, &answer);
}

static void go_on(struct fc_api *api, curl_socket_t fd, int events)
{
	const CURLMsg *message;
	int running, left;

	(void)api->curl->curl_multi_socket_action(api->multi, fd, events, &running);
	message = api->curl->curl_multi_info_read(api->multi, &left);
	if (message && message->msg == CURLMSG_DONE)
		finish(api, message->data.result);
}

static void io_ready(struct loop_io *io, uint32_t revents)
{
	struct fc_api *api = container_of(io, struct fc_api, io);
	int events = 0;

	if (revents & (EPOLLIN | EPOLLHUP))
		events |= CURL_CSELECT_IN;
	if (revents & EPOLLOUT)
		events |= CURL_CSELECT_OUT;
	if (revents & EPOLLERR)
		events |= CURL_CSELECT_ERR;
	go_on(api, io->fd, events);
}

static int watch_socket(CURL *easy _unused_, curl_socket_t fd, int what, void *userdata,
			void *data _unused_)
{
	struct fc_api *api = userdata;
	uint32_t events =
		(what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);

	if (what == CURL_POLL_REMOVE) {
		loop_io_stop(&api->io);
		return 0;
	}
	if (loop_io_active(&api->io) && api->io.fd == fd)
		return loop_io_set(&api->io, events) < 0 ? -1 : 0;
	loop_io_stop(&api->io);
	return loop_io_start(api->loop, &api->io, fd, events, io_ready) < 0 ? -1 : 0;
}

static void timer_fired(struct loop_timer *timer)
{
	go_on(container_of(timer, struct fc_api, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int watch_timer(CURLM *multi _unused_, long ms, void *userdata)
{
	struct fc_api *api = userdata;

	if (ms < 0)
		loop_timer_stop(&api->timer);
	else
		loop_timer_start(api->loop, &api->timer,
				 loop_now(api->loop) + (uint64_t)ms * 1000000, timer_fired);
	return 0;
}

/* No name is looked up, no proxy asked, and no file of the user's read. */
static void set_up(struct fc_api *api)
{
	const struct curl_library *curl = api->curl;

	(void)curl->curl_multi_setopt(api->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	(void)curl->curl_multi_setopt(api->multi, CURLMOPT_SOCKETDATA, api);
	(void)curl->curl_multi_setopt(api->multi, CURLMOPT_TIMERFUNCTION, watch_timer);
	(void)curl->curl_multi_setopt(api->multi, CURLMOPT_TIMERDATA, api);
	(void)curl->curl_easy_setopt(api->easy, CURLOPT_PROXY, "");
	(void)curl->curl_easy_setopt(api->easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl->curl_easy_setopt(api->easy, CURLOPT_TIMEOUT_MS, PATIENCE_MS);
	(void)curl->curl_easy_setopt(api->easy, CURLOPT_HTTPHEADER, api->headers);
	(void)curl->curl_easy_setopt(api->easy, CURLOPT_WRITEFUNCTION, take_body);
	(void)curl->curl_easy_setopt(api->easy, CURLOPT_WRITEDATA, api);
	/* An older protocol has no status and no end that could be told from a failure. */
	(void)curl->curl_easy_setopt(api->easy, CURLOPT_HTTP09_ALLOWED, 0L);
}

int fc_api_new(struct loop *loop, struct fc_api **ret, struct err *err)
{
	const struct curl_library *curl;
	struct fc_api *api;
	int r = curl_library(&curl, err);

	if (r < 0)
		return r;
	api = xcalloc(1, sizeof(*api));
	api->loop = loop;
	api->socket = -EBADF;
	api->curl = curl;
	api->io = (struct loop_io)LOOP_IO_NULL;
	loop_timer_init(&api->timer);
	api->multi = curl->curl_multi_init();
	api->easy = curl->curl_easy_init();
	api->headers = curl->curl_slist_append(NULL, "Content-Type: application/json");
	if (!api->multi || !api->easy || !api->headers) {
		fc_api_free(api);
		return err_errno(err, -ENOMEM, "libcurl");
	}
	set_up(api);
	*ret = api;
	return 0;
}

int fc_api_at(struct fc_api *api, int dir)
{
	char path[32];
	struct stat st;

	fd_close(api->socket);
	api->socket = openat(dir, VMM_FIRECRACKER_SOCKET, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (api->socket < 0 || fstat(api->socket, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", api->socket);
	(void)api->curl->curl_easy_setopt(api->easy, CURLOPT_UNIX_SOCKET_PATH, path);
	return 0;
}

int fc_api_send(struct fc_api *api, const char *method, const char *path, const char *body,
		void (*done)(void *data, const struct fc_answer *answer), void *data)
{
	const struct curl_library *curl = api->curl;
	_cleanup_free_ char *url = xasprintf("http://localhost%s", path);

	if (api->asking)
		return -EBUSY;
	free(api->what);
	free(api->body);
	api->what = xasprintf("%s %s", method, path);
	api->body = body ? xstrdup(body) : NULL;
	api->len = 0;
	api->too_long = false;
	api->done = done;
	api->data = data;
	(void)curl->curl_easy_setopt(api->easy, CURLOPT_URL, url);
	if (body)
		(void)curl->curl_easy_setopt(api->easy, CURLOPT_POSTFIELDS, api->body);
	else
		(void)curl->curl_easy_setopt(api->easy, CURLOPT_HTTPGET, 1L);
	(void)curl->curl_easy_setopt(api->easy, CURLOPT_CUSTOMREQUEST, method);
	api->asking = curl->curl_multi_add_handle(api->multi, api->easy) == CURLM_OK;
	return api->asking ? 0 : -ENOMEM;
}

void fc_api_free(struct fc_api *api)
{
	if (!api)
		return;
	/* Before libcurl closes it. */
	loop_io_stop(&api->io);
	if (api->asking)
		(void)api->curl->curl_multi_remove_handle(api->multi, api->easy);
	if (api->easy)
		api->curl->curl_easy_cleanup(api->easy);
	if (api->multi)
		(void)api->curl->curl_multi_cleanup(api->multi);
	api->curl->curl_slist_free_all(api->headers);
	loop_timer_stop(&api->timer);
	fd_close(api->socket);
	free(api->what);
	free(api->body);
	free(api);
}
