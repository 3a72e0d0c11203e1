/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bpf.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

static int call(enum bpf_cmd cmd, union bpf_attr *attr)
{
	int r = (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return r < 0 ? -errno : r;
}

int bpf_map(enum bpf_map_type type, uint32_t n)
{
	union bpf_attr attr = {
		.map_type = type,
		.key_size = sizeof(uint32_t),
		.value_size = sizeof(uint32_t),
		.max_entries = n,
	};

	return call(BPF_MAP_CREATE, &attr);
}

int bpf_map_put(int map, uint32_t key, uint32_t value)
{
	union bpf_attr attr = {
		.map_fd = (uint32_t)map, .key = (uintptr_t)&key, .value = (uintptr_t)&value};

	return call(BPF_MAP_UPDATE_ELEM, &attr);
}

void bpf_map_remove(int map, uint32_t key)
{
	union bpf_attr attr = {.map_fd = (uint32_t)map, .key = (uintptr_t)&key};

	(void)call(BPF_MAP_DELETE_ELEM, &attr);
}

int bpf_program(enum bpf_prog_type type, enum bpf_attach_type attach, const struct bpf_insn *insns,
		uint32_t n)
{
	union bpf_attr attr = {
		.prog_type = type,
		.expected_attach_type = attach,
		.insns = (uintptr_t)insns,
		.insn_cnt = n,
		.license = (uintptr_t) "Apache-2.0",
	};

	return call(BPF_PROG_LOAD, &attr);
}

int bpf_attach(int program, int target, enum bpf_attach_type attach)
{
	union bpf_attr attr = {.link_create = {.prog_fd = (uint32_t)program,
					       .target_fd = (uint32_t)target,
					       .attach_type = attach}};

	return call(BPF_LINK_CREATE, &attr);
}
