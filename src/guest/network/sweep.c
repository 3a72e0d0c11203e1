/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/network/sweep.h"

#include <assert.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/macro.h"

#define DOOMED_BYTES 16384 /* at a time: some two hundred */
#define SWEEP_ROUNDS 32

/* What was found, with the message that removes it: the same with another type. */
struct sweeping {
	const struct nic *(*owner)(void *userdata, const struct nlmsghdr *message);
	void *userdata;
	size_t len;
	bool more;
	union {
		struct nlmsghdr first;
		char bytes[DOOMED_BYTES];
	};
};

static void collect(void *userdata, const struct nlmsghdr *message)
{
	struct sweeping *s = userdata;
	size_t len = NLMSG_ALIGN(message->nlmsg_len);
	struct nlmsghdr *copy = (struct nlmsghdr *)(s->bytes + s->len);

	if (!s->owner(s->userdata, message))
		return;
	s->more |= s->len + len > sizeof(s->bytes);
	if (s->more)
		return;
	memcpy(copy, message, message->nlmsg_len);
	static_assert(RTM_DELADDR == RTM_NEWADDR + 1 && RTM_DELROUTE == RTM_NEWROUTE + 1, "");
	copy->nlmsg_type++;
	copy->nlmsg_flags = 0;
	s->len += len;
}

/* It may have gone with another one. */
static bool is_gone(int r)
{
	return r == -ENOENT || r == -ESRCH || r == -EADDRNOTAVAIL || r == -ENODEV;
}

static int remove_all(struct sweeping *s, struct netlink *netlink, const char *what,
		      struct err *err)
{
	struct nlmsghdr *message;

	for (size_t at = 0; at < s->len; at += NLMSG_ALIGN(message->nlmsg_len)) {
		int r;

		message = (struct nlmsghdr *)(s->bytes + at);
		r = netlink_ask(netlink, message);
		if (r < 0 && !is_gone(r))
			return err_errno(err, r, "%s: cannot remove %s",
					 s->owner(s->userdata, message)->name, what);
	}
	return 0;
}

int sweep(struct netlink *netlink, unsigned short type, const char *what,
	  const struct nic *(*owner)(void *userdata, const struct nlmsghdr *message),
	  void *userdata, struct err *err)
{
	static struct sweeping s;
	int r;

	s.owner = owner;
	s.userdata = userdata;
	for (int i = 0; i < SWEEP_ROUNDS; i++) {
		s.len = 0;
		s.more = false;
		r = netlink_dump(netlink, type, collect, &s);
		if (r < 0)
			return err_errno(err, r, "cannot look for %s to remove", what);
		r = remove_all(&s, netlink, what, err);
		if (r < 0 || !s.more)
			return r;
	}
	return err_set(err, -ENOSPC, "there is always %s to remove", what);
}
