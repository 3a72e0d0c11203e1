/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "cmd/cmd.h"
#include "cmd/figures-json.h"
#include "cmd/task-call.h"
#include "rpc/task.h"
#include "shim/lifeline.h"
#include "task.pb-c.h"

/**
 * struct events - the options, and what goes on
 * @ooms: how often the kernel had killed a process for want of memory; UINT64_MAX: not known yet
 */
struct events {
	const char *interval;
	bool stats;

	uint64_t every, ooms;
	struct client client;
	struct loop_timer timer;
	struct ttrpc_request wait;
	bool due, ended;
};

static const struct opt options[] = {
	OPT(events, 0, "interval", OPT_STRING, interval, "TIME",
	    "how often figures are shown: 500ms, 5s, 1m30s (5s)"),
	OPT(events, 0, "stats", OPT_FLAG, stats, NULL, "show them once, and no more"),
	{.kind = OPT_END},
};

/* A number and its unit. Return: what comes after them, or NULL. */
static const char *take_part(const char *text, uint64_t *sum)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{"ms", NSEC_PER_SEC / 1000},
		{"s", NSEC_PER_SEC},
		{"m", 60 * NSEC_PER_SEC},
		{"h", 3600 * NSEC_PER_SEC},
	};
	size_t digits = strspn(text, "0123456789");
	_cleanup_free_ char *number = xstrndup(text, digits);
	uint64_t n;

	if (parse_u64(number, 0, 1000000, &n) < 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		const char *rest = str_starts(text + digits, units[i].name);

		if (!rest)
			continue;
		*sum += n * units[i].ns;
		return rest;
	}
	return NULL;
}

static int parse_interval(struct events *e, struct err *err)
{
	const char *at = e->interval ? e->interval : "5s";

	e->every = 0;
	while (at && *at)
		at = take_part(at, &e->every);
	if (!at || e->every == 0)
		return err_set(err, -EINVAL, "--interval %s: no time as 500ms, 5s or 1m30s",
			       e->interval);
	return 0;
}

static int print(const struct events *e, const char *type, struct json_object *data)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "type", json_object_new_string(type));
	json_object_object_add(o, "id", json_object_new_string(e->client.record->id));
	if (data)
		json_object_object_add(o, "data", data);
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
						       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return fflush(stdout) == 0 ? 0 : -EPIPE;
}

static int tell(struct events *e, const Io__Containerd__Cgroups__V2__Metrics *m)
{
	uint64_t ooms = m->memory_events ? m->memory_events->oom_kill : 0;
	int r = 0;

	for (; r == 0 && !e->stats && e->ooms < ooms; e->ooms++)
		r = print(e, "oom", NULL);
	e->ooms = ooms;
	return r == 0 ? print(e, "stats", figures_to_json(m)) : r;
}

/* As the guest has counted; Task.Stats is in whatever form the host's tools expect. */
static int show(struct events *e, struct err *err)
{
	Containerd__Task__V2__StatsRequest request = CONTAINERD__TASK__V2__STATS_REQUEST__INIT;
	ProtobufCMessage *response, *figures;
	int r;

	request.id = e->client.record->id;
	r = client_call_service(&e->client, SHIM_SERVICE, "Stats", &request.base,
				&containerd__task__v2__stats_response__descriptor, &response, err);
	if (r < 0)
		return r;
	r = rpc_any_unpack(((Containerd__Task__V2__StatsResponse *)response)->stats,
			   &io__containerd__cgroups__v2__metrics__descriptor, &figures);
	rpc_free(response);
	if (r < 0)
		return err_set(err, r, "container %s: its figures make no sense",
			       e->client.record->id);
	r = tell(e, (const Io__Containerd__Cgroups__V2__Metrics *)figures);
	rpc_free(figures);
	return r;
}

static void container_ended(struct ttrpc_request *request,
			    const struct ttrpc_answer *answer _unused_)
{
	struct events *e = container_of(request, struct events, wait);

	e->ended = true;
	loop_quit(&e->client.loop, 0);
}

static void time_is_over(struct loop_timer *timer)
{
	struct events *e = container_of(timer, struct events, timer);

	e->due = true;
	loop_quit(&e->client.loop, 0);
}

static int begin_waiting(struct events *e, struct err *err)
{
	Containerd__Task__V2__WaitRequest request = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;
	int r;

	request.id = e->client.record->id;
	r = rpc_call(e->client.rpc, &e->wait, SHIM_SERVICE, "Wait", &request.base, 0,
		     container_ended);
	return r < 0 ? err_errno(err, r, "cannot wait for the container's end") : 0;
}

static int follow(struct events *e, struct err *err)
{
	int r = begin_waiting(e, err);

	while (r == 0 && !e->ended) {
		r = show(e, err);
		e->due = false;
		loop_timer_start(&e->client.loop, &e->timer, loop_now(&e->client.loop) + e->every,
				 time_is_over);
		while (r == 0 && !e->due && !e->ended)
			(void)loop_run(&e->client.loop);
		loop_timer_stop(&e->timer);
	}
	ttrpc_request_cancel(&e->wait);
	/* What cannot be told of a container that has ended meanwhile is no failure. */
	return e->ended || r == -EPIPE ? 0 : r;
}

static int events_of(struct events *e, const char *name, struct err *err)
{
	struct record record = RECORD_NULL;
	struct paths paths = PATHS_NULL;
	int status, r = paths_find(&paths, err);

	if (r == 0)
		r = record_open(&paths, name, &record, err);
	if (r == 0 && record_state(&record, &status) != RECORD_RUNNING)
		r = err_set(err, -ENOTCONN, "container %s is not running", record.id);
	if (r == 0)
		r = client_connect(&e->client, &record, err);
	if (r == 0)
		r = e->stats ? show(e, err) : follow(e, err);
	client_disconnect(&e->client);
	record_done(&record);
	paths_done(&paths);
	return r;
}

static int events_main(const struct command *self, int argc, char **argv)
{
	struct events e = {.client = CLIENT_NULL, .ooms = UINT64_MAX};
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, &e, &err), r = at;

	ttrpc_request_init(&e.wait);
	loop_timer_init(&e.timer);
	if (r >= 0)
		r = opts_check_words(self, argv + at, 1, 1, "which container?", &err);
	if (r >= 0)
		r = parse_interval(&e, &err);
	if (r >= 0)
		r = events_of(&e, argv[at], &err);
	return r < 0 ? cmd_fail(self, &err) : 0;
}

const struct command command_events = {
	.name = "events",
	.usage = "[OPTIONS] NAME",
	.summary = "Show what a running container uses, as runc does, as JSON.",
	.details =
		"One object a line, until the container ends. That a process was killed because\n"
		"memory ran out is told with the next figures, as \"oom\".\n",
	.opts = options,
	.failure = 1,
	.run = events_main,
};
