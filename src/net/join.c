/* SPDX-License-Identifier: Apache-2.0 */
#include "net/join.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_mirred.h>
#include <string.h>

#include "net/rtnl.h"

/*
 * What tells our filters from others', which come first if they name no priority (49152 at most).
 */
#define OURS TC_H_MAKE(51733U << 16, htons(ETH_P_ALL))

/* Said so, it is the same place of an ingress qdisc, and of a clsact one, should there be that. */
#define PLACE TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)

/**
 * struct redirect - what an interface has of filters for what it receives
 * @ours: whether one is ours
 * @to: where that one redirects to; 0: to an interface that is gone
 * @others: whether there are others
 */
struct redirect {
	bool ours, others;
	int to;
};

static struct nlmsghdr *tc_request(void *buf, uint16_t type, uint16_t flags, int index,
				   uint32_t parent)
{
	struct nlmsghdr *nlh = rtnl_request(buf, type, flags, sizeof(struct tcmsg));
	struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);

	tc->tcm_ifindex = index;
	tc->tcm_parent = parent;
	return nlh;
}

static struct nlmsghdr *filter_request(void *buf, uint16_t type, uint16_t flags, int index)
{
	struct nlmsghdr *nlh = tc_request(buf, type, flags, index, PLACE);
	struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);

	tc->tcm_info = OURS;
	mnl_attr_put_strz(nlh, TCA_KIND, "u32");
	return nlh;
}

static struct nlmsghdr *qdisc_request(void *buf, uint16_t type, uint16_t flags, int index)
{
	struct nlmsghdr *nlh = tc_request(buf, type, flags, index, TC_H_INGRESS);
	struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);

	tc->tcm_handle = TC_H_MAKE(TC_H_INGRESS, 0);
	mnl_attr_put_strz(nlh, TCA_KIND, "ingress");
	return nlh;
}

static int target_of(const struct nlattr *options)
{
	const struct nlattr *u32[TCA_U32_ACT + 1], *actions[2], *action[TCA_ACT_OPTIONS + 1];
	const struct nlattr *mirred[TCA_MIRRED_PARMS + 1];
	struct tc_mirred what;

	rtnl_nested(options, u32, ARRAY_SIZE(u32));
	rtnl_nested(u32[TCA_U32_ACT], actions, ARRAY_SIZE(actions));
	rtnl_nested(actions[1], action, ARRAY_SIZE(action));
	rtnl_nested(action[TCA_ACT_OPTIONS], mirred, ARRAY_SIZE(mirred));
	return rtnl_copy(mirred[TCA_MIRRED_PARMS], &what, sizeof(what)) ? (int)what.ifindex : 0;
}

/* A u32 filter is listed as a table, which has no action, and its entries. */
static int look_at_filter(const struct nlmsghdr *nlh, void *userdata)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attrs[TCA_OPTIONS + 1];
	struct redirect *found = userdata;
	int to;

	if (tc->tcm_info != OURS) {
		found->others = true;
		return MNL_CB_OK;
	}
	rtnl_table(mnl_nlmsg_get_payload_offset(nlh, sizeof(*tc)),
		   mnl_nlmsg_get_payload_len(nlh) - NLMSG_ALIGN(sizeof(*tc)), attrs,
		   ARRAY_SIZE(attrs));
	found->ours = true;
	to = target_of(attrs[TCA_OPTIONS]);
	if (to != 0)
		found->to = to;
	return MNL_CB_OK;
}

static int look(struct mnl_socket *nl, int index, struct redirect *ret)
{
	_Alignas(struct nlmsghdr) char buf[RTNL_REQUEST_MAX];

	*ret = (struct redirect){0};
	return rtnl_dump(nl, tc_request(buf, RTM_GETTFILTER, 0, index, PLACE), look_at_filter, ret);
}

static int remove_filter(struct mnl_socket *nl, int index)
{
	_Alignas(struct nlmsghdr) char buf[RTNL_REQUEST_MAX];

	return rtnl_do(nl, filter_request(buf, RTM_DELTFILTER, 0, index));
}

static void put_action(struct nlmsghdr *nlh, int to)
{
	const struct tc_mirred what = {
		.action = TC_ACT_STOLEN,
		.eaction = TCA_EGRESS_REDIR,
		.ifindex = (uint32_t)to,
	};
	struct nlattr *actions = mnl_attr_nest_start(nlh, TCA_U32_ACT);
	struct nlattr *first = mnl_attr_nest_start(nlh, 1);
	struct nlattr *options;

	mnl_attr_put_strz(nlh, TCA_ACT_KIND, "mirred");
	options = mnl_attr_nest_start(nlh, TCA_ACT_OPTIONS);
	mnl_attr_put(nlh, TCA_MIRRED_PARMS, sizeof(what), &what);
	mnl_attr_nest_end(nlh, options);
	mnl_attr_nest_end(nlh, first);
	mnl_attr_nest_end(nlh, actions);
}

/* u32 with one key that has no bits matches everything, and kernels had it long before matchall. */
static int add_filter(struct mnl_socket *nl, int index, int to)
{
	_Alignas(struct nlmsghdr) char buf[RTNL_REQUEST_MAX];
	_Alignas(struct tc_u32_sel) char
		selector[sizeof(struct tc_u32_sel) + sizeof(struct tc_u32_key)] = {0};
	struct tc_u32_sel *sel = (struct tc_u32_sel *)selector;
	struct nlmsghdr *nlh =
		filter_request(buf, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, index);
	struct nlattr *options = mnl_attr_nest_start(nlh, TCA_OPTIONS);

	sel->flags = TC_U32_TERMINAL;
	sel->nkeys = 1;
	mnl_attr_put(nlh, TCA_U32_SEL, sizeof(selector), selector);
	put_action(nlh, to);
	mnl_attr_nest_end(nlh, options);
	return rtnl_do(nl, nlh);
}

static int add_qdisc(struct mnl_socket *nl, int index)
{
	_Alignas(struct nlmsghdr) char buf[RTNL_REQUEST_MAX];

	return rtnl_do(nl, qdisc_request(buf, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, index));
}

/* One of another kind, clsact, stays. */
static int remove_qdisc(struct mnl_socket *nl, int index)
{
	_Alignas(struct nlmsghdr) char buf[RTNL_REQUEST_MAX];
	int r = rtnl_do(nl, qdisc_request(buf, RTM_DELQDISC, 0, index));

	return r == -EINVAL ? 0 : r;
}

static int set_filter(struct mnl_socket *nl, int index, int to)
{
	struct redirect had;
	int r = look(nl, index, &had);

	if (r == 0 && had.ours && had.to == to)
		return 0;
	if (r == 0 && had.ours)
		r = remove_filter(nl, index);
	return r < 0 ? r : add_filter(nl, index, to);
}

static int redirect(struct mnl_socket *nl, int index, int to)
{
	int had = add_qdisc(nl, index), r;

	if (had < 0 && had != -EEXIST)
		return had;
	r = set_filter(nl, index, to);
	if (r < 0 && had == 0)
		(void)remove_qdisc(nl, index);
	return r;
}

/* A qdisc without filters does nothing, whoever made it. */
static int part_one(struct mnl_socket *nl, int index, const struct redirect *had)
{
	int r;

	if (!had->ours)
		return 0;
	r = remove_filter(nl, index);
	return r < 0 || had->others ? r : remove_qdisc(nl, index);
}

static int part(struct mnl_socket *nl, int index)
{
	struct redirect one, other;
	int r = look(nl, index, &one);

	if (r == 0)
		r = part_one(nl, index, &one);
	if (r < 0 || one.to == 0)
		return r;
	r = look(nl, one.to, &other);
	return r == 0 && other.to == index ? part_one(nl, one.to, &other) : r;
}

/* Of a tap that is gone the kernel has forgotten the number. */
static int check_free(struct mnl_socket *nl, int index, int tap_index, struct err *err)
{
	struct redirect had;
	char name[RTNL_NAME_MAX];
	int r = look(nl, index, &had);

	if (r < 0 || !had.ours || had.to == 0 || had.to == tap_index)
		return 0;
	return err_set(
		err, -EBUSY,
		"the network interface %s is another VM's: containers of different VMs cannot "
		"share one",
		rtnl_name(index, name));
}

int net_check_free(int interface_index, struct err *err)
{
	_cleanup_(mnl_socket_close) struct mnl_socket *nl = NULL;
	char name[RTNL_NAME_MAX];
	int r = rtnl_open(&nl);

	if (r < 0)
		return err_errno(err, r, "cannot look at network interface %s",
				 rtnl_name(interface_index, name));
	return check_free(nl, interface_index, 0, err);
}

int net_join(int interface_index, int tap_index, struct err *err)
{
	_cleanup_(mnl_socket_close) struct mnl_socket *nl = NULL;
	char name[RTNL_NAME_MAX];
	int r = rtnl_open(&nl);

	if (r == 0 && check_free(nl, interface_index, tap_index, err) < 0)
		return -EBUSY;
	if (r == 0)
		r = redirect(nl, tap_index, interface_index);
	if (r == 0)
		r = redirect(nl, interface_index, tap_index);
	if (r == 0)
		return 0;
	if (nl) {
		(void)part(nl, interface_index);
		(void)part(nl, tap_index);
	}
	return err_errno(err, r, "cannot join network interface %s with the VM's tap%s",
			 rtnl_name(interface_index, name),
			 r == -ENOENT ? " (the kernel needs NET_SCH_INGRESS, NET_CLS_U32 and "
					"NET_ACT_MIRRED)"
				      : "");
}

int net_part(int index, struct err *err)
{
	_cleanup_(mnl_socket_close) struct mnl_socket *nl = NULL;
	char name[RTNL_NAME_MAX];
	int r = rtnl_open(&nl);

	if (r == 0)
		r = part(nl, index);
	/* Gone meanwhile, and its filters with it. */
	if (r == 0 || r == -ENODEV)
		return 0;
	return err_errno(err, r, "cannot part network interface %s from the VM's tap",
			 rtnl_name(index, name));
}
