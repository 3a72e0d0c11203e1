/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/doctor.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/proc.h"
#include "cmd/cmd.h"
#include "cmd/table.h"

/* One that does not answer by then has none. */
#define VERSION_PATIENCE (5 * NSEC_PER_SEC)

struct doctor_options {
	bool json, kubernetes;
};

static const struct opt options[] = {
	OPT(doctor_options, 0, "json", OPT_FLAG, json, NULL, "as JSON"),
	OPT(doctor_options, 0, "kubernetes", OPT_FLAG, kubernetes, NULL,
	    "and what a node of Kubernetes needs for pods"),
	{.kind = OPT_END},
};

/* In this order: those at the end need what was found before. */
static const struct check {
	const char *name;
	doctor_check *look;
} checks[] = {
	{"system", doctor_system},
	{"user", doctor_user},
	{"config", doctor_config},
	{"folders", doctor_folders},
	{"programs", doctor_own_programs},
	{"memory", doctor_memory},
	{"cgroup", doctor_cgroup},
	{"overlay", doctor_overlay},
	{"userns", doctor_userns},
	{"qemu", doctor_qemu},
	{"firecracker", doctor_firecracker},
	{"kernel", doctor_kernel},
	{"kvm", doctor_kvm},
	{"vsock", doctor_vsock},
	{"virtiofsd", doctor_virtiofsd},
	{"crun", doctor_crun},
	{"skopeo", doctor_skopeo},
	{"passt", doctor_passt},
	{"tun", doctor_tun},
	{"redirect", doctor_redirect},
	{"localhost", doctor_localhost},
	{"docker", doctor_docker},
	{"podman", doctor_podman},
	{"containerd", doctor_containerd},
};

/* As well, for pods. */
static const struct check checks_kubernetes[] = {
	{"cri", doctor_cri},
	{"cri-o", doctor_crio},
	{"shim", doctor_shim},
	{"kubelet", doctor_kubelet},
	{"cni", doctor_cni},
	{"forwarding", doctor_forwarding},
	{"hugepages", doctor_hugepages},
};

static const char *const levels[] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_NOTE] = "note",
	[DOCTOR_LACKS] = "lacks",
	[DOCTOR_FAILS] = "fails",
};

void doctor_say(struct finding *f, enum doctor_level level, const char *fmt, ...)
{
	va_list ap;

	f->level = level;
	va_start(ap, fmt);
	(void)vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}

void doctor_mend(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(f->mend, sizeof(f->mend), fmt, ap);
	va_end(ap);
}

struct trial {
	int flags;
	int (*try)(void *data, struct err *err);
	void *data;
};

static int try_apart(void *data, struct err *err)
{
	const struct trial *trial = data;

	if (unshare(trial->flags) < 0)
		return err_errno(err, -errno, "a namespace of its own");
	return trial->try(trial->data, err);
}

int doctor_try(int flags, int (*try)(void *data, struct err *err), void *data, struct err *err)
{
	struct trial trial = {.flags = flags, .try = try, .data = data};

	return proc_call(try_apart, &trial, err);
}

char *doctor_version(const char *program)
{
	char *text = NULL;

	(void)proc_ask((const char *[]){program, "--version", NULL}, VERSION_PATIENCE, &text);
	return text ? text : xstrdup("");
}

static void print(const char *name, const struct finding *f)
{
	_cleanup_free_ char *text = table_printable(f->text);

	printf("%-6s %-12s %s\n", levels[f->level], name, text);
	if (*f->mend)
		printf("%19s -> %s\n", "", f->mend);
}

static struct json_object *to_json(const char *name, const struct finding *f)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "check", json_object_new_string(name));
	json_object_object_add(o, "level", json_object_new_string(levels[f->level]));
	json_object_object_add(o, "text", json_object_new_string(f->text));
	json_object_object_add(o, "mend", *f->mend ? json_object_new_string(f->mend) : NULL);
	return o;
}

/* Return: whether it lets containers run. */
static bool look_at(const struct check *check, struct doctor *d, struct json_object *list)
{
	struct finding f = {.level = DOCTOR_OK};

	check->look(d, &f);
	if (list)
		json_object_array_add(list, to_json(check->name, &f));
	else
		print(check->name, &f);
	/* Some take seconds. */
	(void)fflush(stdout);
	return f.level != DOCTOR_FAILS;
}

/* Return: whether a container, or a pod, can be run. */
static bool look(bool kubernetes, struct json_object *list)
{
	struct doctor d = {.conf = CONF_NULL, .paths = PATHS_NULL, .kernel = KERNEL_NULL};
	bool usable = true;

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		usable &= look_at(&checks[i], &d, list);
	for (size_t i = 0; kubernetes && i < ARRAY_SIZE(checks_kubernetes); i++)
		usable &= look_at(&checks_kubernetes[i], &d, list);
	kernel_done(&d.kernel);
	paths_done(&d.paths);
	conf_done(&d.conf);
	return usable;
}

static void print_json(bool usable, struct json_object *list)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "usable", json_object_new_boolean(usable));
	json_object_object_add(o, "checks", list);
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
						       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static int doctor_main(const struct command *self, int argc, char **argv)
{
	struct doctor_options how = {.json = false, .kubernetes = false};
	struct err err = ERR_NULL;
	struct json_object *list;
	bool usable;
	int r = opts_parse(self, argc, argv, &how, &err);

	if (r >= 0)
		r = opts_check_words(self, argv + r, 0, 0, "", &err);
	if (r < 0)
		return cmd_fail(self, &err);
	list = how.json ? json_object_new_array() : NULL;
	usable = look(how.kubernetes, list);
	if (list)
		print_json(usable, list);
	else if (how.kubernetes)
		puts(usable ? "Pods can be run." : "No pod can be run.");
	else
		puts(usable ? "Containers can be run." : "No container can be run.");
	return usable ? 0 : self->failure;
}

const struct command command_doctor = {
	.name = "doctor",
	.usage = "[OPTIONS]",
	.summary = "Show what this machine has for containers, and how to mend what it lacks.",
	.details = "The exit status is 0 if a container can be run, or with --kubernetes a pod.\n"
		   "  ok     there, and tried where that is possible\n"
		   "  note   good to know\n"
		   "  lacks  containers run, but not all that they may want, or slower\n"
		   "  fails  no container runs\n",
	.opts = options,
	.failure = 1,
	.run = doctor_main,
};
