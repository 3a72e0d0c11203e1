/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/oci/oci-task.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

static void crun_ended(struct worker *worker, uint32_t status)
{
	struct oci_task *task = container_of(worker, struct oci_task, worker);

	task->done(task, status);
}

size_t oci_task_number(const struct oci_task *task)
{
	return (size_t)(task - task->oci->tasks);
}

struct oci_task *oci_task_new(struct oci *oci, struct process *p)
{
	for (size_t i = 0; i < OCI_TASKS_MAX; i++) {
		struct oci_task *task = &oci->tasks[i];

		if (task->busy)
			continue;
		*task = (struct oci_task){
			.oci = oci, .busy = true, .process = p, .console = -EBADF, .sign = -EBADF};
		loop_timer_init(&task->again);
		strcpy(task->id, p->container->id);
		oci->n_busy++;
		return task;
	}
	return NULL;
}

void oci_task_free(struct oci_task *task)
{
	task->console = fd_close(task->console);
	task->sign = fd_close(task->sign);
	crun_remove_files(oci_task_number(task));
	task->busy = false;
	/* Nobody is left whose number is not known. */
	if (--task->oci->n_busy == 0)
		task->oci->n_early = 0;
}

/* Whoever speaks as the process becomes it. */
static int make_sign(struct oci_task *task, struct crun *crun)
{
	int ends[2];

	crun->sign = -EBADF;
	if (!crun->speaks)
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	task->sign = ends[0];
	crun->sign = ends[1];
	return 0;
}

int oci_task_start(struct oci_task *task, struct crun *crun,
		   void (*done)(struct oci_task *task, uint32_t status))
{
	struct oci *oci = task->oci;
	struct process *p = task->process;
	int r = make_sign(task, crun);

	task->done = done;
	crun->number = oci_task_number(task);
	crun->container = task->id;
	for (int i = 0; i < 3; i++)
		crun->stdio[i] =
			p && crun->speaks && p->child_io[i] >= 0 ? p->child_io[i] : oci->null_fd;
	if (r == 0)
		r = crun_prepare(crun, p && p->terminal, &task->console);
	if (r == 0)
		r = worker_start(oci->workers, &task->worker, crun_run, crun, crun_ended);
	fd_close(crun->sign);
	return r;
}
