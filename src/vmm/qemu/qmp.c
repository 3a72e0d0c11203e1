/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/qemu/qmp.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

DEFINE_CLEANUP(struct json_object *, json_object_put)
DEFINE_CLEANUP(struct json_tokener *, json_tokener_free)

int qmp_init(struct qmp *qmp, int fd)
{
	int r;

	qmp->fd = fd;
	qmp->last_id = 0;
	qmp->len = 0;
	r = qmp_send(qmp, "qmp_capabilities", NULL);
	if (r < 0)
		qmp->fd = -EBADF;
	return r;
}

void qmp_deinit(struct qmp *qmp)
{
	qmp->fd = fd_close(qmp->fd);
}

int qmp_send(struct qmp *qmp, const char *command, uint32_t *ret_id)
{
	return qmp_send_with(qmp, command, NULL, ret_id);
}

int qmp_send_with(struct qmp *qmp, const char *command, const char *arguments, uint32_t *ret_id)
{
	return qmp_send_fd(qmp, command, arguments, -EBADF, ret_id);
}

static ssize_t send_line(int socket, char *line, size_t len, int fd)
{
	struct iovec iov = {.iov_base = line, .iov_len = len};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *header;
	ssize_t n;

	if (fd >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		header = CMSG_FIRSTHDR(&msg);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(int));
	}
	n = sendmsg(socket, &msg, MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

int qmp_send_fd(struct qmp *qmp, const char *command, const char *arguments, int fd,
		uint32_t *ret_id)
{
	char line[128 + QMP_ARGUMENTS_MAX];
	ssize_t sent;
	int n;

	if (qmp->fd < 0)
		return -ENOTCONN;
	n = snprintf(line, sizeof(line), "{\"execute\":\"%s\",%s%s%s\"id\":%u}\n", command,
		     arguments ? "\"arguments\":" : "", arguments ? arguments : "",
		     arguments ? "," : "", qmp->last_id + 1);
	if (n < 0 || (size_t)n >= sizeof(line))
		return -EINVAL;
	sent = send_line(qmp->fd, line, (size_t)n, fd);
	if (sent < 0)
		return (int)sent;
	/* The few bytes that are ever under way fit, unless QEMU reads nothing at all. */
	if (sent != n)
		return -EIO;
	qmp->last_id++;
	if (ret_id)
		*ret_id = qmp->last_id;
	return 0;
}

/*
 * Look first, then take up to the end of the line. Return: 1 with a whole line in @line, 0, or
 * negative errno.
 */
static int read_line(struct qmp *qmp)
{
	char *at = qmp->line + qmp->len, *newline;
	size_t room = sizeof(qmp->line) - qmp->len;
	ssize_t n;

	if (room == 0)
		return -EMSGSIZE;
	n = recv(qmp->fd, at, room, MSG_PEEK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return n < 0 ? -errno : -ECONNRESET;
	newline = memchr(at, '\n', (size_t)n);
	if (newline)
		n = newline + 1 - at;
	n = recv(qmp->fd, at, (size_t)n, 0);
	if (n <= 0)
		return n < 0 ? -errno : -ECONNRESET;
	qmp->len += (size_t)n;
	return newline ? 1 : 0;
}

static void copy_string(struct json_object *parent, const char *key, char *buf, size_t size)
{
	struct json_object *value;

	buf[0] = '\0';
	if (!json_object_object_get_ex(parent, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return;
	(void)snprintf(buf, size, "%s", json_object_get_string(value));
	for (; *buf; buf++)
		if (*buf < ' ' || *buf > '~')
			*buf = '?';
}

static uint32_t get_id(struct json_object *object)
{
	struct json_object *id;
	int64_t v;

	if (!json_object_object_get_ex(object, "id", &id) ||
	    !json_object_is_type(id, json_type_int))
		return 0;
	v = json_object_get_int64(id);
	return v > 0 && v <= UINT32_MAX ? (uint32_t)v : 0;
}

static int interpret(struct json_object *object, struct qmp_message *ret)
{
	struct json_object *part;

	memset(ret, 0, sizeof(*ret));
	if (!json_object_is_type(object, json_type_object))
		return -EPROTO;
	ret->id = get_id(object);
	if (json_object_object_get_ex(object, "event", NULL)) {
		ret->kind = QMP_EVENT;
		copy_string(object, "event", ret->event, sizeof(ret->event));
		if (json_object_object_get_ex(object, "data", &part) &&
		    json_object_is_type(part, json_type_object))
			copy_string(part, "reason", ret->reason, sizeof(ret->reason));
		return ret->event[0] ? 1 : -EPROTO;
	}
	if (json_object_object_get_ex(object, "error", &part)) {
		ret->kind = QMP_ERROR;
		if (!json_object_is_type(part, json_type_object))
			return -EPROTO;
		copy_string(part, "desc", ret->desc, sizeof(ret->desc));
		return 1;
	}
	if (json_object_object_get_ex(object, "return", NULL))
		ret->kind = QMP_RETURN;
	else if (json_object_object_get_ex(object, "QMP", NULL))
		ret->kind = QMP_GREETING;
	else
		return -EPROTO;
	return 1;
}

int qmp_receive(struct qmp *qmp, struct qmp_message *ret)
{
	_cleanup_(json_tokener_free) struct json_tokener *tokener = NULL;
	_cleanup_(json_object_put) struct json_object *object = NULL;
	int r = read_line(qmp), len = (int)qmp->len;

	if (r <= 0)
		return r;
	qmp->len = 0;
	tokener = json_tokener_new_ex(QMP_DEPTH_MAX);
	if (!tokener)
		return -ENOMEM;
	object = json_tokener_parse_ex(tokener, qmp->line, len);
	if (!object)
		return -EPROTO;
	return interpret(object, ret);
}
