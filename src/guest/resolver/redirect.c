/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/resolver/redirect.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/bpf.h"
#include "base/fd.h"
#include "base/macro.h"

/* @back: it tells a process where something comes from */
static const struct {
	enum bpf_attach_type type;
	bool back;
} hooks[REDIRECT_HOOKS] = {
	{BPF_CGROUP_INET4_CONNECT, false},
	{BPF_CGROUP_UDP4_SENDMSG, false},
	{BPF_CGROUP_UDP4_RECVMSG, true},
	{BPF_CGROUP_INET4_GETPEERNAME, true},
};

/* <asm/socket.h>; musl 1.2.3 does not have it yet. */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

#define CTX	    BPF_REG_6
#define VALUE	    BPF_REG_2
#define COOKIE	    BPF_REG_3

#define FIELD(name) ((short)offsetof(struct bpf_sock_addr, name))

/* Return: a program that makes @from @to, or negative errno. */
static int load(enum bpf_attach_type type, uint64_t netns, uint32_t address, uint16_t from,
		uint16_t to)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = CTX, .src_reg = BPF_REG_1},
		{.code = BPF_LDX | BPF_MEM | BPF_W,
		 .dst_reg = VALUE,
		 .src_reg = CTX,
		 .off = FIELD(user_ip4)},
		{.code = BPF_JMP32 | BPF_JNE | BPF_K,
		 .dst_reg = VALUE,
		 .off = 8,
		 .imm = (int)address},
		{.code = BPF_LDX | BPF_MEM | BPF_W,
		 .dst_reg = VALUE,
		 .src_reg = CTX,
		 .off = FIELD(user_port)},
		{.code = BPF_JMP32 | BPF_JNE | BPF_K, .dst_reg = VALUE, .off = 6, .imm = from},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_netns_cookie},
		/* One instruction in two. */
		{.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = COOKIE, .imm = (int)netns},
		{.imm = (int)(netns >> 32)},
		{.code = BPF_JMP | BPF_JNE | BPF_X,
		 .dst_reg = BPF_REG_0,
		 .src_reg = COOKIE,
		 .off = 2},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = VALUE, .imm = to},
		{.code = BPF_STX | BPF_MEM | BPF_W,
		 .dst_reg = CTX,
		 .src_reg = VALUE,
		 .off = FIELD(user_port)},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_program(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, type, insns, ARRAY_SIZE(insns));
}

int redirect_start(struct redirect *redirect, int cgroup, int fd, uint32_t address, uint16_t port,
		   uint16_t to)
{
	uint64_t netns;
	socklen_t len = sizeof(netns);

	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &netns, &len) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
		_cleanup_close_ int program =
			load(hooks[i].type, netns, address, hooks[i].back ? to : port,
			     hooks[i].back ? port : to);
		int link = program < 0 ? program : bpf_attach(program, cgroup, hooks[i].type);

		if (link < 0) {
			redirect_stop(redirect);
			return link;
		}
		redirect->links[i] = link;
	}
	return 0;
}

void redirect_stop(struct redirect *redirect)
{
	for (size_t i = 0; i < ARRAY_SIZE(redirect->links); i++)
		redirect->links[i] = fd_close(redirect->links[i]);
}
