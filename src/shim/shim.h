/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/container.h"
#include "sandbox/process.h"
#include "shim/latency.h"
#include "shim/restarts.h"
#include "shim/shim-container.h"
#include "ttrpc/server.h"

/*
 * The resident process of one VM: containerd's Task service on a unix socket, on top of a sandbox.
 *
 * Its life: main() starts the VM and serves at once; Create waits until the guest is up. When the
 * container's command has ended (or never came to be, or whoever started it died before letting it
 * go), those who wait are answered, the VM ends, the record is written or removed, and we exit. A shim
 * of containerd's starts the VM with the first Create, and is there until Shutdown.
 */

#define SHIM_CONNS_MAX 512

/**
 * struct shim - all there is
 * @spec: of the container that it was started for
 * @first: that one; @own: what we have of it besides
 * @exec_starts: how long it took to start the execs that there were
 * @restarts: how often which containers have come again
 * @visit: for its files only; see shim/lifeline.h
 * @stdio: the container's streams are descriptors that we were started with
 * @containerd: what there is besides, if that is our client (shim/containerd/containerd.h); NULL: it is not
 * @winch: hears of the size of @tty, which is a descriptor of the container's terminal; -EBADF: it has none
 * @ask_view: make the keeper see what the container sees; told_seen() follows. NULL: it need not
 * @ask_follow: make it enter what of the host we have entered; pod_followed() follows. As above
 * @keeper: the process that stands for the container
 * @passed: where it passes on the signals that it gets
 * @let_go: its starter has done what it wanted to, and the container goes on without it
 * @waited: somebody has been told how it ended
 * @awake: for whom the VM of a paused container runs; see shim/awake.h
 * @rates: what the VM's devices may do
 * @rating: who is told once that was changed; NULL: nobody
 * @flushing: who is told once the VMM has written its figures; NULL: nobody
 * @saving: who is told once it is saved; NULL: nobody
 * @saver: the connection it is saved for; see shim/save.h
 * @letting_go: whose client has gone, or has let go
 * @telling: how long the end of the VM may be told
 * @told_enough: that time is over
 * @lifeline: ends when the program that started the container does; see shim/lifeline.h
 */
struct shim {
	struct loop *loop;
	const struct paths *paths;
	const struct sandbox_spec *spec;
	struct sandbox sandbox;
	struct container first;
	struct shim_container own;
	struct ttrpc_server *server;
	struct latency exec_starts;
	struct restarts restarts;
	struct list waiters, forwards, awake;
	struct vmm_rates rates;
	struct ttrpc_call *rating, *flushing, *saving;
	uint64_t saver;
	struct loop_io lifeline;
	struct loop_signal signals, winch;
	int tty;
	struct loop_timer telling;
	struct loop_io passed;
	void (*ask_view)(pid_t keeper), (*ask_follow)(pid_t keeper);
	pid_t keeper;
	struct containerd *containerd;
	bool letting_go, visit, stdio, let_go, waited, told_enough;
};

/** shim_services() - the tables for ttrpc_server_new(); @shim is their userdata */
const struct ttrpc_service *shim_services(struct shim *shim);

/* Of task.c: the methods of the Task service; and its handler of Wait, which our own service has, too. */
extern const struct ttrpc_method shim_task_methods[];
void shim_wait(struct ttrpc_call *call, const ProtobufCMessage *message);

/** shim_find() - the process that a request is about; if there is none, that was answered: NULL */
struct process *shim_find(struct ttrpc_call *call, const char *id, const char *exec_id);

/** shim_start() - have a process run that is there, once the network is as it should be */
void shim_start(struct process *process);

/** shim_task_ready() - the guest is up: a Create that waits goes on */
void shim_task_ready(struct shim *shim);

/** shim_task_signal() - a signal for a container's first process, if it runs; NULL: there is none */
void shim_task_signal(struct process *init, int signo);

/** shim_task_lost() - the VM is gone: everything that still waits is answered */
void shim_task_lost(struct shim *shim);

/** shim_task_telling() - somebody waits for an end, or the last output is on its way to them */
bool shim_task_telling(const struct shim *shim);

/** shim_task_conn_closed() - the client of a connection has gone: it asks for its execs no more */
void shim_task_conn_closed(struct shim *shim, uint64_t conn);

/** shim_task_deinit() - forget all processes and calls */
void shim_task_deinit(struct shim *shim);

/** shim_has_disks() - has the container disks that outlast it? */
bool shim_has_disks(const struct shim *shim);

/**
 * shim_quit_when_told() - end the loop if the VM has gone and everybody who asked has heard of it
 */
void shim_quit_when_told(struct shim *shim);
