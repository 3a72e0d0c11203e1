/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/oci-bpf.h"

#include <ctype.h>
#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/mem.h"
#include "sandbox/oci-json.h"

#define ANNOTATION  "run.oci.seccomp_bpf_data"
#define ARCH_PREFIX "SCMP_ARCH_"
#define ARGS_MAX    6
/* BPF_MAXINSNS (linux/bpf_common.h) instructions of eight bytes. */
#define PROGRAM_MAX (4096 * 8)

/* Of SCMP_ACT_ERRNO and SCMP_ACT_TRACE the number goes into the low bits. */
static const struct {
	const char *name;
	uint32_t action;
	bool has_errno;
} actions[] = {
	{"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW, false},
	{"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0), true},
	{"SCMP_ACT_KILL", SCMP_ACT_KILL, false},
	{"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD, false},
	{"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, false},
	{"SCMP_ACT_LOG", SCMP_ACT_LOG, false},
	{"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0), true},
	{"SCMP_ACT_TRAP", SCMP_ACT_TRAP, false},
};

static const struct {
	const char *name;
	enum scmp_compare op;
} operators[] = {
	{"SCMP_CMP_NE", SCMP_CMP_NE},
	{"SCMP_CMP_LT", SCMP_CMP_LT},
	{"SCMP_CMP_LE", SCMP_CMP_LE},
	{"SCMP_CMP_EQ", SCMP_CMP_EQ},
	{"SCMP_CMP_GE", SCMP_CMP_GE},
	{"SCMP_CMP_GT", SCMP_CMP_GT},
	{"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
};

/* Return: 0 or -ENOTSUP. */
static int read_action(struct json_object *o, const char *name, const char *errno_name,
		       uint32_t *ret)
{
	struct json_object *number = oci_json_get(o, errno_name, json_type_int);
	int64_t error = number ? json_object_get_int64(number) : EPERM;
	const char *text = oci_json_text(o, name);

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (strcmp(text, actions[i].name) != 0)
			continue;
		*ret = actions[i].action | (actions[i].has_errno ? (uint32_t)error & 0xffff : 0);
		return error >= 0 && error <= 0xffff ? 0 : -ENOTSUP;
	}
	return -ENOTSUP;
}

static int add_architectures(scmp_filter_ctx filter, struct json_object *rules)
{
	struct json_object *list = oci_json_get(rules, "architectures", json_type_array);

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		const char *text = json_object_get_string(json_object_array_get_idx(list, i));
		_cleanup_free_ char *name = NULL;
		uint32_t arch;
		int r;

		if (!text || strncmp(text, ARCH_PREFIX, strlen(ARCH_PREFIX)) != 0)
			return -ENOTSUP;
		name = xstrdup(text + strlen(ARCH_PREFIX));
		for (char *c = name; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		arch = seccomp_arch_resolve_name(name);
		r = arch == 0 ? -ENOTSUP : seccomp_arch_add(filter, arch);
		if (r < 0 && r != -EEXIST)
			return r;
	}
	return 0;
}

static uint64_t number_of(struct json_object *o, const char *name)
{
	struct json_object *value = oci_json_get(o, name, json_type_int);

	return value ? json_object_get_uint64(value) : 0;
}

static int read_argument(struct json_object *o, struct scmp_arg_cmp *ret)
{
	const char *op = oci_json_text(o, "op");
	uint64_t index = number_of(o, "index");

	for (size_t i = 0; index < ARGS_MAX && i < ARRAY_SIZE(operators); i++) {
		if (strcmp(op, operators[i].name) != 0)
			continue;
		*ret = (struct scmp_arg_cmp){.arg = (unsigned int)index,
					     .op = operators[i].op,
					     .datum_a = number_of(o, "value"),
					     .datum_b = number_of(o, "valueTwo")};
		return 0;
	}
	return -ENOTSUP;
}

/* Return: how many, or -ENOTSUP. */
static int read_arguments(struct json_object *call, struct scmp_arg_cmp ret[ARGS_MAX])
{
	struct json_object *list = oci_json_get(call, "args", json_type_array);
	size_t n = list ? json_object_array_length(list) : 0;

	if (n > ARGS_MAX)
		return -ENOTSUP;
	for (size_t i = 0; i < n; i++) {
		int r = read_argument(json_object_array_get_idx(list, i), &ret[i]);

		if (r < 0)
			return r;
	}
	return (int)n;
}

static bool is_alternative(const struct scmp_arg_cmp args[ARGS_MAX], int n)
{
	for (int i = 0; i < n; i++)
		for (int k = 0; k < i; k++)
			if (args[i].arg == args[k].arg)
				return true;
	return false;
}

/* All conditions have to hold; several of one argument are alternatives, as they are to runc. */
static int add_rule(scmp_filter_ctx filter, uint32_t action, int number,
		    const struct scmp_arg_cmp args[ARGS_MAX], int n)
{
	int r = 0;

	if (!is_alternative(args, n))
		return seccomp_rule_add_array(filter, action, number, (unsigned int)n, args);
	for (int i = 0; r == 0 && i < n; i++)
		r = seccomp_rule_add_array(filter, action, number, 1, &args[i]);
	return r;
}

/* Calls that nobody knows cannot be made either. */
static int add_call(scmp_filter_ctx filter, uint32_t otherwise, struct json_object *call)
{
	struct json_object *names = oci_json_get(call, "names", json_type_array);
	struct scmp_arg_cmp args[ARGS_MAX];
	int n = read_arguments(call, args), r = n;
	uint32_t action = 0;

	if (r >= 0)
		r = read_action(call, "action", "errnoRet", &action);
	if (r < 0 || !names || action == otherwise)
		return r < 0 ? r : names ? 0 : -ENOTSUP;
	for (size_t i = 0; r == 0 && i < json_object_array_length(names); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(names, i));
		int number = name ? seccomp_syscall_resolve_name(name) : __NR_SCMP_ERROR;

		if (number != __NR_SCMP_ERROR)
			r = add_rule(filter, action, number, args, n);
	}
	return r;
}

static int add_calls(scmp_filter_ctx filter, uint32_t otherwise, struct json_object *rules)
{
	struct json_object *list = oci_json_get(rules, "syscalls", json_type_array);
	int r = 0;

	for (size_t i = 0; r == 0 && list && i < json_object_array_length(list); i++)
		r = add_call(filter, otherwise, json_object_array_get_idx(list, i));
	return r;
}

static int export(scmp_filter_ctx filter, char **ret, size_t *ret_len)
{
	_cleanup_close_ int fd = memfd_create("seccomp", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : seccomp_export_bpf(filter, fd);

	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	return r < 0 ? r : fd_slurp(fd, PROGRAM_MAX, ret, ret_len);
}

static int compile(struct json_object *rules, char **ret, size_t *ret_len)
{
	scmp_filter_ctx filter;
	uint32_t otherwise;
	int r = read_action(rules, "defaultAction", "defaultErrnoRet", &otherwise);

	if (r < 0)
		return r;
	filter = seccomp_init(otherwise);
	r = filter ? add_architectures(filter, rules) : -ENOMEM;
	if (r == 0)
		r = add_calls(filter, otherwise, rules);
	if (r == 0)
		r = export(filter, ret, ret_len);
	seccomp_release(filter);
	return r;
}

/* RFC 4648, 4. */
static char *base64(const uint8_t *data, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = xcalloc((len + 2) / 3 * 4 + 1, 1), *to = text;

	for (size_t i = 0; i < len; i += 3) {
		uint32_t three = (uint32_t)data[i] << 16;

		three |= i + 1 < len ? (uint32_t)data[i + 1] << 8 : 0;
		three |= i + 2 < len ? data[i + 2] : 0;
		*to++ = digits[three >> 18];
		*to++ = digits[three >> 12 & 63];
		*to++ = i + 1 < len ? digits[three >> 6 & 63] : '=';
		*to++ = i + 2 < len ? digits[three & 63] : '=';
	}
	return text;
}

/* What is not the rules, flags for instance, crun takes from where it was. */
static void put(struct json_object *o, struct json_object *rules, const char *program)
{
	struct json_object *annotations = oci_json_get(o, "annotations", json_type_object);

	if (!annotations) {
		annotations = json_object_new_object();
		json_object_object_add(o, "annotations", annotations);
	}
	json_object_object_add(annotations, ANNOTATION, json_object_new_string(program));
	json_object_object_del(rules, "syscalls");
}

void oci_bpf_compile(char **config)
{
	struct json_object *o = json_tokener_parse(*config);
	struct json_object *own = oci_json_get(o, "linux", json_type_object);
	struct json_object *rules = oci_json_get(own, "seccomp", json_type_object);
	_cleanup_free_ char *program = NULL, *text = NULL;
	size_t len;

	if (rules && compile(rules, &program, &len) == 0) {
		text = base64((const uint8_t *)program, len);
		put(o, rules, text);
		free(*config);
		*config = xstrdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	}
	json_object_put(o);
}
