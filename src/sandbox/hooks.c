/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "sandbox/annotation.h"
#include "sandbox/helper.h"
#include "sandbox/oci-json.h"

#define HOOKS_MAX   (1u << 20)
#define TIMEOUT_MAX 86400
#define WORDS_MAX   400

/* All there are; @refused: why not. */
static const struct {
	const char *stage, *refused;
} stages[] = {
	{"prestart", NULL},
	{"createRuntime", NULL},
	{"createContainer", "it is to see the container's mounts, which are in a VM"},
	{"startContainer", "it is to run in the container, which is in a VM"},
	{"poststart", NULL},
	{"poststop", NULL},
};

static size_t count(struct json_object *list)
{
	return list ? json_object_array_length(list) : 0;
}

static int check_stage(struct json_object *hooks, size_t i, size_t *total, struct err *err)
{
	struct json_object *list = oci_json_get(hooks, stages[i].stage, json_type_array);

	if (count(list) > 0 && stages[i].refused)
		return err_set(err, -ENOTSUP, "hooks.%s: %s", stages[i].stage, stages[i].refused);
	for (size_t k = 0; k < count(list); k++) {
		struct json_object *path =
			oci_json_get(json_object_array_get_idx(list, k), "path", json_type_string);

		if (!path || *json_object_get_string(path) != '/')
			return err_set(err, -EBADMSG, "hooks.%s[%zu] has no absolute path",
				       stages[i].stage, k);
	}
	*total += count(list);
	return 0;
}

static int take(struct json_object *config, char **ret, struct err *err)
{
	struct json_object *hooks = oci_json_get(config, "hooks", json_type_object);
	size_t total = 0;
	int r = 0;

	*ret = NULL;
	for (size_t i = 0; r == 0 && hooks && i < ARRAY_SIZE(stages); i++)
		r = check_stage(hooks, i, &total, err);
	if (r == 0 && total > 0)
		*ret = xstrdup(json_object_to_json_string_ext(hooks, JSON_C_TO_STRING_PLAIN));
	return r;
}

int hooks_take(const char *config, char **ret, struct err *err)
{
	struct json_object *o = json_tokener_parse(config);
	int r = take(o, ret, err);

	json_object_put(o);
	return r;
}

bool hooks_are_kept(const struct record *record)
{
	return faccessat(record->dir, HOOKS_FILE, F_OK, 0) == 0;
}

bool hooks_has(const char *hooks, const char *stage)
{
	struct json_object *o = json_tokener_parse(hooks);
	bool has = count(oci_json_get(o, stage, json_type_array)) > 0;

	json_object_put(o);
	return has;
}

/* struct run - a hook on its way; @status: how it ended, -ETIMEDOUT: it did not */
struct run {
	struct loop loop;
	struct helper helper;
	struct loop_timer timer;
	int status;
};

static void died(struct helper *helper, int status)
{
	struct run *run = helper->userdata;

	run->status = status;
	loop_quit(&run->loop, 0);
}

static void too_late(struct loop_timer *timer)
{
	struct run *run = container_of(timer, struct run, timer);

	/* With what it has started. */
	(void)kill(-run->helper.proc.pid, SIGKILL);
	run->status = -ETIMEDOUT;
	loop_quit(&run->loop, 0);
}

static int start(struct run *run, const char *path, const struct strv *args, const struct strv *env,
		 int state, int64_t seconds)
{
	static char *const nothing[] = {NULL};
	struct proc_spec spec = PROC_SPEC_NULL;
	int r = loop_init(&run->loop);

	if (r < 0)
		return r;
	spec.argv = (const char *const *)args->v;
	spec.program = path;
	spec.env = env->n > 0 ? env->v : nothing;
	spec.stdin_fd = state;
	spec.new_session = true;
	r = helper_start(&run->helper, &run->loop, path, &spec, died, run);
	if (r == 0 && seconds > 0)
		loop_timer_start(&run->loop, &run->timer,
				 loop_now(&run->loop) + (uint64_t)seconds * NSEC_PER_SEC, too_late);
	return r;
}

static int tell(struct run *run, const char *stage, const char *path, struct err *err)
{
	char words[WORDS_MAX];

	if (run->status == 0)
		return 0;
	helper_words(&run->helper, words, sizeof(words));
	if (run->status == -ETIMEDOUT)
		return err_set(err, -ETIMEDOUT, "the %s hook %s did not end in its time", stage,
			       path);
	return err_set(err, -EIO, "the %s hook %s ended with status %d: %s", stage, path,
		       run->status, words);
}

static int run_program(const char *stage, const char *path, const struct strv *args,
		       const struct strv *env, int state, int64_t seconds, struct err *err)
{
	struct run run = {.helper = HELPER_NULL, .status = 0};
	int r;

	loop_timer_init(&run.timer);
	r = start(&run, path, args, env, state, seconds);
	if (r == 0)
		(void)loop_run(&run.loop);
	r = r < 0 ? err_errno(err, r, "cannot run the %s hook %s", stage, path)
		  : tell(&run, stage, path, err);
	loop_timer_stop(&run.timer);
	helper_stop(&run.helper);
	loop_deinit(&run.loop);
	return r;
}

static void take_words(struct json_object *hook, const char *name, struct strv *ret)
{
	struct json_object *list = oci_json_get(hook, name, json_type_array);

	for (size_t i = 0; i < count(list); i++)
		strv_add(ret, json_object_get_string(json_object_array_get_idx(list, i)));
}

static int run_hook(struct json_object *hook, const char *stage, const char *state, struct err *err)
{
	_cleanup_close_ int fd = memfd_create("state", MFD_CLOEXEC);
	_cleanup_strv_ struct strv args = STRV_NULL, env = STRV_NULL;
	struct json_object *timeout = oci_json_get(hook, "timeout", json_type_int);
	const char *path = json_object_get_string(oci_json_get(hook, "path", json_type_string));
	int64_t seconds = timeout ? json_object_get_int64(timeout) : 0;
	int r = fd < 0 ? -errno : fd_write_full(fd, state, strlen(state));

	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_errno(err, r < 0 ? r : -errno, "cannot write the container's state");
	take_words(hook, "args", &args);
	take_words(hook, "env", &env);
	if (args.n == 0)
		strv_add(&args, path);
	return run_program(stage, path, &args, &env, fd, MIN(MAX(seconds, 0), TIMEOUT_MAX), err);
}

static char *state_text(const struct record *record, const struct sandbox_spec *spec,
			const char *status, pid_t pid)
{
	struct json_object *o = json_object_new_object();
	char *text;

	json_object_object_add(o, "ociVersion", json_object_new_string("1.0.2"));
	json_object_object_add(o, "id", json_object_new_string(record->id));
	json_object_object_add(o, "status", json_object_new_string(status));
	json_object_object_add(o, "pid", json_object_new_int(pid));
	json_object_object_add(o, "bundle", json_object_new_string(spec->bundle));
	json_object_object_add(o, "annotations", annotations_to_json(&spec->annotations));
	text = xstrdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
	return text;
}

static int run_list(struct json_object *list, const char *stage, const char *state, struct err *err)
{
	/* What one of them has left is for the others to clear away all the same. */
	bool all = strcmp(stage, "poststop") == 0;
	int first = 0;

	for (size_t i = 0; (first == 0 || all) && i < count(list); i++) {
		int r = run_hook(json_object_array_get_idx(list, i), stage, state,
				 first == 0 ? err : NULL);

		first = first == 0 ? r : first;
	}
	return first;
}

int hooks_run(const struct record *record, const struct sandbox_spec *spec, const char *stage,
	      const char *status, pid_t pid, struct err *err)
{
	_cleanup_free_ char *text = NULL, *state = NULL;
	struct json_object *hooks;
	int r = file_slurp_at(record->dir, HOOKS_FILE, HOOKS_MAX, &text, NULL);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_errno(err, r, "cannot read %s/" HOOKS_FILE, record->dir_path);
	hooks = json_tokener_parse(text);
	state = state_text(record, spec, status, pid);
	r = run_list(oci_json_get(hooks, stage, json_type_array), stage, state, err);
	json_object_put(hooks);
	return r;
}
