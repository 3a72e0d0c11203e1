/* SPDX-License-Identifier: Apache-2.0 */
/* Programs are loaded into processes of our own, which make the calls. */
#include "sandbox/oci-bpf.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/mem.h"
#include "base/test.h"
#include "sandbox/oci-json.h"

#define CALL(names, action, more) \
	"{\"names\":[" names "],\"action\":\"SCMP_ACT_" action "\"" more "}"
#define RULES(otherwise, calls)                                                                   \
	"{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_" otherwise                        \
	"\",\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\"],\"flags\":[\"SCMP_FILTER_" \
	"FLAG_LOG\"],"                                                                            \
	"\"syscalls\":[" calls "]}}}"
#define ARGS(op, value) ",\"args\":[{\"index\":0,\"value\":" value ",\"op\":\"SCMP_CMP_" op "\"}]"

static int digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	return c == '=' ? 0 : (int)(strchr(digits, c) - digits);
}

static size_t decode(const char *text, uint8_t *to)
{
	size_t n = 0;

	for (; *text; text += 4) {
		uint32_t three = (uint32_t)(digit(text[0]) << 18 | digit(text[1]) << 12 |
					    digit(text[2]) << 6 | digit(text[3]));

		to[n++] = (uint8_t)(three >> 16);
		to[n++] = (uint8_t)(three >> 8);
		to[n++] = (uint8_t)three;
		n -= (text[2] == '=') + (text[3] == '=');
	}
	return n;
}

/* Return: the program of what was compiled, of *@ret_n instructions. */
static struct sock_filter *program_of(const char *config, unsigned short *ret_n)
{
	static struct sock_filter program[4096];
	_cleanup_free_ char *text = xstrdup(config);
	struct json_object *o, *annotations, *rules;
	size_t len;

	oci_bpf_compile(&text);
	o = json_tokener_parse(text);
	annotations = oci_json_get(o, "annotations", json_type_object);
	rules = oci_json_get(oci_json_get(o, "linux", json_type_object), "seccomp",
			     json_type_object);
	test_true(annotations && rules);
	test_true(!json_object_object_get(rules, "syscalls"));
	test_true(json_object_object_get(rules, "flags"));
	len = decode(oci_json_text(annotations, "run.oci.seccomp_bpf_data"), (uint8_t *)program);
	test_true(len > 0 && len % sizeof(*program) == 0);
	*ret_n = (unsigned short)(len / sizeof(*program));
	json_object_put(o);
	return program;
}

/* Return: the errno of @call(@argument) below these rules; 0: it was made; -n: a signal. */
static int call_below(const char *config, long call, unsigned long argument)
{
	struct sock_fprog program;
	int status;
	pid_t pid;

	program.filter = program_of(config, &program.len);
	pid = fork();
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
			_exit(99);
		_exit(syscall(call, argument, 0, 0) < 0 ? errno : 0);
	}
	test_int(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void calls_are_refused_by_name(void)
{
	static const char rules[] =
		RULES("ALLOW", CALL("\"nonesuch\",\"getppid\"", "ERRNO",
				    "") "," CALL("\"sync\"", "ERRNO", ",\"errnoRet\":38"));

	test_int(call_below(rules, SYS_getppid, 0), EPERM);
	test_int(call_below(rules, SYS_sync, 0), ENOSYS);
	test_int(call_below(rules, SYS_getpid, 0), 0);
}

static void calls_are_refused_by_arguments(void)
{
	static const char equal[] =
		RULES("ALLOW", CALL("\"personality\"", "ERRNO", ARGS("EQ", "8")));
	static const char masked[] =
		RULES("ALLOW", CALL("\"personality\"", "ERRNO",
				    ",\"args\":[{\"index\":0,\"value\":8,\"valueTwo\":8,\"op\":"
				    "\"SCMP_CMP_MASKED_EQ\"}]"));

	test_int(call_below(equal, SYS_personality, 8), EPERM);
	test_int(call_below(equal, SYS_personality, 0), 0);
	test_int(call_below(masked, SYS_personality, 8 | 1), EPERM);
	test_int(call_below(masked, SYS_personality, 1), 0);
}

/* As Docker has it for personality(2): any of these values. */
static void conditions_of_one_argument_are_alternatives(void)
{
	static const char rules[] =
		RULES("ALLOW", CALL("\"personality\"", "ERRNO",
				    ",\"args\":[{\"index\":0,\"value\":0,\"op\":\"SCMP_CMP_EQ\"},"
				    "{\"index\":0,\"value\":8,\"op\":\"SCMP_CMP_EQ\"}]"));

	test_int(call_below(rules, SYS_personality, 0), EPERM);
	test_int(call_below(rules, SYS_personality, 8), EPERM);
	test_int(call_below(rules, SYS_personality, 1), 0);
}

static void what_is_not_named_has_the_default(void)
{
	static const char rules[] =
		RULES("ERRNO", CALL("\"exit_group\",\"exit\",\"seccomp\"", "ALLOW", ""));
	static const char killing[] = RULES("ALLOW", CALL("\"getppid\"", "KILL_PROCESS", ""));

	test_int(call_below(rules, SYS_getppid, 0), EPERM);
	test_int(call_below(killing, SYS_getppid, 0), -SIGSYS);
}

/* crun says what is wrong with them, or knows what we do not. */
static void what_we_do_not_know_is_left(void)
{
	static const char *const configs[] = {
		"{}",
		"{\"linux\":{}}",
		"{\"linux\":{\"seccomp\":{}}}",
		"{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}}}",
		RULES("ALLOW", CALL("\"read\"", "NOTIFY", "")),
		RULES("ALLOW", CALL("\"read\"", "ERRNO", ",\"errnoRet\":-1")),
		RULES("ALLOW", CALL("\"read\"", "ERRNO", ARGS("ABOUT", "1"))),
		RULES("ALLOW", "{\"names\":\"read\",\"action\":\"SCMP_ACT_ERRNO\"}"),
		RULES("ALLOW", "1"),
		"{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":["
		"\"x\",null]}}}",
		"{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":["
		"\"SCMP_ARCH_PDP11\"]}}}",
		"nothing",
	};

	for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
		_cleanup_free_ char *text = xstrdup(configs[i]);

		oci_bpf_compile(&text);
		test_str(text, configs[i]);
	}
}

int main(void)
{
	test_run(calls_are_refused_by_name);
	test_run(calls_are_refused_by_arguments);
	test_run(conditions_of_one_argument_are_alternatives);
	test_run(what_is_not_named_has_the_default);
	test_run(what_we_do_not_know_is_left);
	return 0;
}
