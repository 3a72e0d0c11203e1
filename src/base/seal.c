/* SPDX-License-Identifier: Apache-2.0 */
#include "base/seal.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "base/macro.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

#if defined(SANITIZED)

int seal_enter(void)
{
	return 0;
}

#else

#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#endif

/* The linker's names for the two ends of the section that holds all rules. */
extern const struct seal_rule __start_seal_rules[], __stop_seal_rules[];

#define RULES_MAX 128
#define INSNS_MAX (RULES_MAX * 6 + 8)

static const struct sock_filter filter_head[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILTER_ARCH, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
};

/* Both architectures are little-endian: the low half of an argument comes first. */
static size_t add_rule(struct sock_filter *out, const struct seal_rule *rule)
{
	const uint32_t arg = offsetof(struct seccomp_data, args) + rule->arg * 8;
	const struct sock_filter any[] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule->nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_filter by_arg[] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule->nr, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, arg),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, rule->mask),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule->value, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	const struct sock_filter *from = rule->mask ? by_arg : any;
	size_t n = rule->mask ? ARRAY_SIZE(by_arg) : ARRAY_SIZE(any);

	for (size_t i = 0; i < n; i++)
		out[i] = from[i];
	return n;
}

static bool listed_before(const struct seal_rule *rule)
{
	for (const struct seal_rule *r = __start_seal_rules; r < rule; r++)
		if (r->nr == rule->nr && r->arg == rule->arg && r->mask == rule->mask &&
		    r->value == rule->value)
			return true;
	return false;
}

int seal_enter(void)
{
	const struct sock_filter last = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	struct sock_filter insns[INSNS_MAX];
	struct sock_fprog program = {.filter = insns};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(filter_head); i++)
		insns[n++] = filter_head[i];
	for (const struct seal_rule *r = __start_seal_rules; r != __stop_seal_rules; r++) {
		if (listed_before(r))
			continue;
		if (n + 7 > INSNS_MAX)
			return -E2BIG;
		n += add_rule(&insns[n], r);
	}
	insns[n++] = last;
	program.len = (unsigned short)n;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
		return -errno;
	return 0;
}

#endif
