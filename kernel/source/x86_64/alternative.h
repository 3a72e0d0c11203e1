/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Seen by arch/x86/kernel/alternative.c alone, before its own first line: the same patches, made quicker.
 *
 * At boot some 45,000 places of the kernel are rewritten for the processor found, most of them jumps to the
 * return thunk. Two things there cost nearly all of the time under an emulator, a fifth of the boot:
 *
 * - each place is run through the full instruction decoder; a near jump (E9) is known by its first byte;
 * - each write is followed by an IRET to serialize. One processor is running then, and it writes through the
 *   address it executes from, which is coherent by itself (Intel SDM volume 3, 9.1.3, self-modifying
 *   code). Once the patching is over every write serializes as before.
 */
#ifndef CAISSON_ALTERNATIVE_H
#define CAISSON_ALTERNATIVE_H

#include <linux/string.h>
#include <asm/alternative.h>
#include <asm/insn.h>
#include <asm/sync_core.h>

static inline int caisson_decode(struct insn *insn, const void *addr)
{
	const insn_byte_t *code = addr;
	int rel;

	if (code[0] != 0xe9)
		return insn_decode_kernel(insn, addr);
	memcpy(&rel, code + 1, sizeof(rel));
	memset(insn, 0, sizeof(*insn));
	insn_set_byte(&insn->opcode, 0, code[0]);
	insn_field_set(&insn->immediate, rel, sizeof(rel));
	insn->length = 1 + sizeof(rel);
	insn->x86_64 = 1;
	insn->kaddr = code;
	insn->next_byte = code + insn->length;
	insn->end_kaddr = insn->next_byte;
	return 0;
}

static __always_inline void caisson_sync_core(void)
{
	if (alternatives_patched)
		sync_core();
}

#undef insn_decode_kernel
#define insn_decode_kernel(insn, addr) caisson_decode(insn, addr)
#define sync_core() caisson_sync_core()

/* alternative.c gives its messages a prefix of its own. */
#undef pr_fmt

#endif
