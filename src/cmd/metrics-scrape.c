/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: each shim is asked what it knows itself at once, and what its guest knows as soon as it
 * has said that the container runs; a paused one is left alone, since its VM would be woken. A scrape ends with
 * the last answer, or when time is over. What has not come until then is not known.
 */
#include "cmd/metrics-scrape.h"
#include "base/unix.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "cmd/client.h"
#include "cmd/describe.h"
#include "empty.pb-c.h"
#include "rpc/task.h"
#include "shim/lifeline.h"
#include "task.pb-c.h"

/**
 * struct target - a container whose shim is asked
 * @keeper: the process that stands for it, and for all that share its VM; 0: not known
 * @waiting: for how many answers
 */
struct target {
	struct list link;
	struct metrics_scrape *scrape;
	struct metrics_container told;
	struct ttrpc_client *rpc;
	struct ttrpc_request state, timing, info, stats;
	pid_t keeper;
	unsigned int waiting;
};

struct metrics_scrape {
	struct loop *loop;
	struct list targets;
	size_t n;
	uint64_t begun;
	struct loop_timer deadline;
	struct loop_defer over;
	void (*done)(void *userdata, char *text, size_t len);
	void *userdata;
};

static void target_free(struct target *t)
{
	ttrpc_client_free(t->rpc);
	metrics_container_done(&t->told);
	list_del(&t->link);
	free(t);
}

void metrics_scrape_cancel(struct metrics_scrape *scrape)
{
	if (!scrape)
		return;
	loop_timer_stop(&scrape->deadline);
	loop_defer_stop(&scrape->over);
	list_for_each_safe (it, &scrape->targets)
		target_free(container_of(it, struct target, link));
	free(scrape);
}

static void list_all(struct metrics_scrape *scrape, const struct metrics_container **list)
{
	struct metrics_tree tree;

	(void)metrics_tree_read(&tree);
	list_for_each (it, &scrape->targets) {
		struct target *t = container_of(it, struct target, link);

		if (t->keeper != 0 && t->told.state && metrics_is_vm(&t->told))
			metrics_host_measure(&tree, t->keeper, &t->told.host);
		*list++ = &t->told;
	}
	free(tree.v);
}

static void tell(struct metrics_scrape *scrape)
{
	const struct metrics_container **list = xcalloc(scrape->n + 1, sizeof(*list));
	void (*done)(void *userdata, char *text, size_t len) = scrape->done;
	void *userdata = scrape->userdata;
	size_t len = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &len);

	list_all(scrape, list);
	if (out) {
		metrics_print(out, list, scrape->n,
			      (double)(loop_now(scrape->loop) - scrape->begun) /
				      (double)NSEC_PER_SEC);
		(void)fclose(out);
	}
	free(list);
	metrics_scrape_cancel(scrape);
	done(userdata, text, len);
}

static void time_is_over(struct loop_timer *timer)
{
	tell(container_of(timer, struct metrics_scrape, deadline));
}

static bool waits(const struct metrics_scrape *scrape)
{
	list_for_each (it, &scrape->targets)
		if (container_of(it, struct target, link)->waiting > 0)
			return true;
	return false;
}

/* The answer that came last may have led to a further question. */
static void all_have_answered(struct loop_defer *defer)
{
	struct metrics_scrape *scrape = container_of(defer, struct metrics_scrape, over);

	if (!waits(scrape))
		tell(scrape);
}

static void look_whether_over(struct metrics_scrape *scrape)
{
	if (!waits(scrape))
		loop_defer_start(scrape->loop, &scrape->over, all_have_answered);
}

/* Return: the message, or NULL: it was refused, or makes no sense. */
static ProtobufCMessage *take(struct target *t, const struct ttrpc_answer *answer,
			      const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *m = NULL;

	t->waiting--;
	look_whether_over(t->scrape);
	if (answer->code != TTRPC_OK ||
	    rpc_unpack(type, answer->payload, answer->payload_len, &m) < 0)
		return NULL;
	return m;
}

static void call(struct target *t, struct ttrpc_request *req, const char *service,
		 const char *method, const ProtobufCMessage *request,
		 void (*done)(struct ttrpc_request *req, const struct ttrpc_answer *answer))
{
	ttrpc_request_init(req);
	if (rpc_call(t->rpc, req, service, method, request, 0, done) == 0)
		t->waiting++;
}

static void info_came(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct target *t = container_of(req, struct target, info);

	ProtobufCMessage *m = take(t, answer, &caisson__guest__v1__info_response__descriptor);

	if (m)
		metrics_facts_info(&t->told.facts, (const void *)m);
	rpc_free(m);
}

static void stats_came(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct target *t = container_of(req, struct target, stats);
	ProtobufCMessage *m = take(t, answer, &containerd__task__v2__stats_response__descriptor),
			 *figures = NULL;

	if (m && rpc_any_unpack(((Containerd__Task__V2__StatsResponse *)m)->stats,
				&io__containerd__cgroups__v2__metrics__descriptor, &figures) == 0)
		metrics_facts_figures(&t->told.facts, (const void *)figures);
	rpc_free(figures);
	rpc_free(m);
}

static void ask_guest(struct target *t)
{
	Containerd__Task__V2__StatsRequest stats = CONTAINERD__TASK__V2__STATS_REQUEST__INIT;
	Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;

	stats.id = t->told.id;
	call(t, &t->info, RPC_SERVICE_SYSTEM, "Info", &empty.base, info_came);
	call(t, &t->stats, SHIM_SERVICE, "Stats", &stats.base, stats_came);
}

static void state_came(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct target *t = container_of(req, struct target, state);
	Containerd__Task__V2__StateResponse *m = (Containerd__Task__V2__StateResponse *)take(
		t, answer, &containerd__task__v2__state_response__descriptor);

	if (!m)
		return;
	t->told.state = describe_status(m->status);
	if (m->status == CONTAINERD__V1__TYPES__STATUS__RUNNING)
		ask_guest(t);
	rpc_free(&m->base);
}

static void timing_came(struct ttrpc_request *req, const struct ttrpc_answer *answer)
{
	struct target *t = container_of(req, struct target, timing);

	ProtobufCMessage *m = take(t, answer, &caisson__sandbox__v1__timing_response__descriptor);

	if (m)
		metrics_facts_timing(&t->told.facts, (const void *)m);
	rpc_free(m);
}

static void ask_shim(struct target *t, const struct record *record)
{
	Containerd__Task__V2__StateRequest state = CONTAINERD__TASK__V2__STATE_REQUEST__INIT;
	Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
	_cleanup_free_ char *path = client_socket_path(record);
	_cleanup_close_ int fd = unix_connect_now(path);

	if (fd < 0 || ttrpc_client_new(t->scrape->loop, fd, NULL, NULL, &t->rpc) < 0)
		return;
	(void)take_fd(fd);
	ttrpc_client_limit(t->rpc, METRICS_ANSWER_MAX);
	state.id = t->told.id;
	call(t, &t->state, RPC_SERVICE_TASK_V3, "State", &state.base, state_came);
	call(t, &t->timing, SHIM_SERVICE, "Timing", &empty.base, timing_came);
}

static void add_target(struct metrics_scrape *scrape, const struct paths *paths,
		       const struct record *record, struct sandbox_spec *spec)
{
	struct target *t = xcalloc(1, sizeof(*t));

	list_init(&t->link);
	t->scrape = scrape;
	t->told.root = xstrdup(paths->root);
	t->told.id = xstrdup(record->id);
	t->told.vm = xstrdup(sandbox_spec_shares_vm(spec) ? spec->vm : record->id);
	t->told.hypervisor = xstrdup(spec->hypervisor ? spec->hypervisor : "");
	t->told.memory = spec->memory;
	t->keeper = record_keeper(record);
	list_append(&scrape->targets, &t->link);
	scrape->n++;
	ask_shim(t, record);
}

/* One that ends just now is not there any more. */
static void add_record(struct metrics_scrape *scrape, const struct paths *paths, const char *id)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct record record = RECORD_NULL;
	struct err ignored = ERR_NULL;
	int status;

	if (record_open(paths, id, &record, &ignored) == 0 &&
	    record_state(&record, &status) == RECORD_RUNNING &&
	    record_load(&record, &spec, &ignored) == 0)
		add_target(scrape, paths, &record, &spec);
	sandbox_spec_done(&spec);
	record_done(&record);
}

static void add_all(struct metrics_scrape *scrape, const struct paths *paths)
{
	_cleanup_strv_ struct strv ids = STRV_NULL;
	struct err ignored = ERR_NULL;

	(void)record_list(paths, &ids, &ignored);
	for (size_t i = 0; i < ids.n; i++)
		add_record(scrape, paths, ids.v[i]);
}

static void add_namespaces(struct metrics_scrape *scrape)
{
	_cleanup_free_ char *folder = paths_containerd();
	_cleanup_dir_ DIR *dir = dir_open(AT_FDCWD, folder);
	const char *name;

	while (dir && (name = dir_next(dir))) {
		struct paths paths = PATHS_NULL;

		paths.root = path_join(folder, name);
		paths.run = paths_run_of(paths.root);
		add_all(scrape, &paths);
		paths_done(&paths);
	}
}

struct metrics_scrape *metrics_scrape(struct loop *loop, const struct metrics_roots *roots,
				      void (*done)(void *userdata, char *text, size_t len),
				      void *userdata)
{
	struct metrics_scrape *scrape = xcalloc(1, sizeof(*scrape));

	scrape->loop = loop;
	scrape->done = done;
	scrape->userdata = userdata;
	scrape->begun = loop_now(loop);
	list_init(&scrape->targets);
	loop_timer_init(&scrape->deadline);
	loop_defer_init(&scrape->over);
	loop_timer_start(loop, &scrape->deadline, scrape->begun + METRICS_PATIENCE_NS,
			 time_is_over);
	add_all(scrape, roots->own);
	if (roots->containerd)
		add_namespaces(scrape);
	look_whether_over(scrape);
	return scrape;
}
