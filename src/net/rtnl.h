/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

/*
 * Questions to the kernel's rtnetlink, in the network namespace of the thread that opens the
 * socket.
 */

/* Room for any request made here. */
#define RTNL_REQUEST_MAX 512

/* For rtnl_name(). */
#define RTNL_NAME_MAX 16

DEFINE_CLEANUP(struct mnl_socket *, mnl_socket_close)

/**
 * rtnl_open() - a socket for requests
 * @ret: set on success; mnl_socket_close() it
 *
 * Return: 0 or negative errno.
 */
int rtnl_open(struct mnl_socket **ret);

/**
 * rtnl_request() - begin a message
 * @buf: RTNL_REQUEST_MAX bytes, aligned as a struct nlmsghdr
 * @type: RTM_…
 * @flags: NLM_F_…; NLM_F_REQUEST is added
 * @header_len: of the family's own header, which is set to zeros: mnl_nlmsg_get_payload()
 *
 * Return: the message, in @buf; attributes are added with libmnl.
 */
struct nlmsghdr *rtnl_request(void *buf, uint16_t type, uint16_t flags, size_t header_len);

/** rtnl_do() - have something done. Return: 0 or the negative errno that the kernel answers. */
int rtnl_do(struct mnl_socket *nl, struct nlmsghdr *request);

/**
 * rtnl_dump() - have something listed
 * @each: called for each message; MNL_CB_OK, or rtnl_stop() to end it
 * @userdata: for @each
 *
 * After an error the socket may have answers left: close it.
 *
 * Return: 0, what rtnl_stop() was given, or negative errno; -EINTR: what is listed has changed
 * meanwhile, so that the list has gaps.
 */
int rtnl_dump(struct mnl_socket *nl, struct nlmsghdr *request, mnl_cb_t each, void *userdata);

/** rtnl_stop() - @code: negative errno. Return: what the callback of rtnl_dump() is to return. */
int rtnl_stop(int code);

/**
 * rtnl_table() - attributes by their type
 * @first: the first of them; @len bytes, all attributes together
 * @table: @size pointers, NULL for what is not there; types beyond that are left out
 */
void rtnl_table(const void *first, size_t len, const struct nlattr **table, size_t size);

/** rtnl_nested() - the same of those in @nest, which may be NULL */
void rtnl_nested(const struct nlattr *nest, const struct nlattr **table, size_t size);

/**
 * rtnl_copy() - an attribute's bytes
 * @attr: may be NULL
 *
 * Return: whether it is there and has exactly @len bytes, which @to has now.
 */
bool rtnl_copy(const struct nlattr *attr, void *to, size_t len);

/** rtnl_u32() - Return: a number, or 0 if @attr is NULL or of another size */
uint32_t rtnl_u32(const struct nlattr *attr);

/** rtnl_is() - Return: whether @attr is there and says @word */
bool rtnl_is(const struct nlattr *attr, const char *word);

/** rtnl_name() - for messages. Return: @buf: the interface's name, or @index if there is none */
const char *rtnl_name(int index, char buf[RTNL_NAME_MAX]);
