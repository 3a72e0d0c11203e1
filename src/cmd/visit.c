/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/visit.h"

#include "cmd/task-call.h"
#include "task.pb-c.h"

int visit_find(struct visit *visit, const char *name, struct err *err)
{
	int r = paths_find(&visit->paths, err);

	if (r == 0)
		r = record_open(&visit->paths, name, &visit->record, err);
	return r == 0 ? record_load(&visit->record, &visit->spec, err) : r;
}

/* One whose VM is just ending, or is up for somebody else's visit, is waited for. */
static int wake(struct visit *visit, struct err *err)
{
	Containerd__Task__V2__CreateTaskRequest request =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
	int r = record_wait(&visit->record, 0);

	if (r < 0)
		return err_errno(err, r, "cannot claim container %s", visit->record.id);
	r = record_make_run(&visit->record, err);
	if (r < 0)
		return r;
	r = record_mark_visit(&visit->record, err);
	if (r == 0)
		r = spawn_visit(&visit->paths, &visit->record, &visit->shim, err);
	if (r < 0) {
		record_remove_run(&visit->paths, &visit->record);
		return r;
	}
	r = client_connect(&visit->client, &visit->record, err);
	if (r < 0)
		return r;
	/* It boots, which may take as long as the container's own start might. */
	visit->client.patience = 0;
	request.id = visit->record.id;
	return client_call(&visit->client, "Create", &request.base, NULL, NULL, err);
}

int visit_begin(struct visit *visit, struct err *err)
{
	int status;

	if (visit->client.rpc)
		return 0;
	if (record_state(&visit->record, &status) != RECORD_RUNNING && !visit->spec.remove)
		return wake(visit, err);
	return client_connect(&visit->client, &visit->record, err);
}

void visit_end(struct visit *visit)
{
	client_disconnect(&visit->client);
	spawn_end(&visit->shim);
	sandbox_spec_done(&visit->spec);
	record_done(&visit->record);
	paths_done(&visit->paths);
}
