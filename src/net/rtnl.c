/* SPDX-License-Identifier: Apache-2.0 */
#include "net/rtnl.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* The kernel makes no answer longer than that. */
#define ANSWER_MAX 32768

/* One request is under way at a time, and its answer is read to the end. */
#define SEQUENCE 1

int rtnl_open(struct mnl_socket **ret)
{
	_cleanup_(mnl_socket_close) struct mnl_socket *nl = NULL;

	nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	*ret = take_ptr(nl);
	return 0;
}

struct nlmsghdr *rtnl_request(void *buf, uint16_t type, uint16_t flags, size_t header_len)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = SEQUENCE;
	(void)mnl_nlmsg_put_extra_header(nlh, header_len);
	return nlh;
}

int rtnl_stop(int code)
{
	errno = -code;
	return MNL_CB_ERROR;
}

/*
 * Both that something was done, and the end of a list, begin with a code: why not, or why it is not
 * whole.
 */
static int answer_ended(const struct nlmsghdr *nlh, void *userdata _unused_)
{
	int code = 0;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(code))
		memcpy(&code, mnl_nlmsg_get_payload(nlh), sizeof(code));
	return code < 0 ? rtnl_stop(code) : MNL_CB_STOP;
}

static ssize_t receive(struct mnl_socket *nl, void *buf, size_t size)
{
	ssize_t n;

	do
		n = mnl_socket_recvfrom(nl, buf, size);
	while (n < 0 && errno == EINTR);
	return n;
}

static int ask(struct mnl_socket *nl, const struct nlmsghdr *request, mnl_cb_t each, void *userdata)
{
	mnl_cb_t control[] = {[NLMSG_ERROR] = answer_ended, [NLMSG_DONE] = answer_ended};
	_Alignas(struct nlmsghdr) char answer[ANSWER_MAX];
	int r;

	if (mnl_socket_sendto(nl, request, request->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t n = receive(nl, answer, sizeof(answer));

		if (n < 0)
			return -errno;
		r = mnl_cb_run2(answer, (size_t)n, SEQUENCE, mnl_socket_get_portid(nl), each,
				userdata, control, ARRAY_SIZE(control));
	} while (r > MNL_CB_STOP);
	return r < 0 ? -errno : 0;
}

int rtnl_do(struct mnl_socket *nl, struct nlmsghdr *request)
{
	request->nlmsg_flags |= NLM_F_ACK;
	return ask(nl, request, NULL, NULL);
}

int rtnl_dump(struct mnl_socket *nl, struct nlmsghdr *request, mnl_cb_t each, void *userdata)
{
	request->nlmsg_flags |= NLM_F_DUMP;
	return ask(nl, request, each, userdata);
}

void rtnl_table(const void *first, size_t len, const struct nlattr **table, size_t size)
{
	const char *end = (const char *)first + len;
	const struct nlattr *attr = first;

	memset(table, 0, size * sizeof(*table));
	for (; mnl_attr_ok(attr, (int)(end - (const char *)attr)); attr = mnl_attr_next(attr))
		if (mnl_attr_get_type(attr) < size)
			table[mnl_attr_get_type(attr)] = attr;
}

void rtnl_nested(const struct nlattr *nest, const struct nlattr **table, size_t size)
{
	if (nest)
		rtnl_table(mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest), table, size);
	else
		rtnl_table(NULL, 0, table, size);
}

bool rtnl_copy(const struct nlattr *attr, void *to, size_t len)
{
	if (!attr || mnl_attr_get_payload_len(attr) != len)
		return false;
	memcpy(to, mnl_attr_get_payload(attr), len);
	return true;
}

uint32_t rtnl_u32(const struct nlattr *attr)
{
	uint32_t value;

	return rtnl_copy(attr, &value, sizeof(value)) ? value : 0;
}

bool rtnl_is(const struct nlattr *attr, const char *word)
{
	size_t len = strlen(word);

	/* With its NUL, as the kernel has it. */
	return attr && mnl_attr_get_payload_len(attr) == len + 1 &&
	       memcmp(mnl_attr_get_payload(attr), word, len + 1) == 0;
}

_Static_assert(RTNL_NAME_MAX >= IFNAMSIZ, "a name may be longer than a number");

const char *rtnl_name(int index, char buf[RTNL_NAME_MAX])
{
	if (!if_indextoname((unsigned int)index, buf))
		(void)snprintf(buf, RTNL_NAME_MAX, "%d", index);
	return buf;
}
