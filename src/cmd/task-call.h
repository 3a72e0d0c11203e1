/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cmd/client.h"

/*
 * The calls of the Task service that more than one command makes. @exec_id names a process that
 * was added to a container; "" is its first. All return 0 or a negative errno with a message, as
 * client_call() does, unless said otherwise.
 */

/** task_start() - let a created process run */
int task_start(struct client *client, const char *id, const char *exec_id, struct err *err);

/**
 * task_wait() - until it has ended and its output was read
 *
 * Return: exit status; -EHOSTDOWN: the VM failed under it, and the message says why; other errno.
 */
int task_wait(struct client *client, const char *id, const char *exec_id, struct err *err);

/**
 * task_kill() - send a signal
 * @all: to every process of the container
 */
int task_kill(struct client *client, const char *id, const char *exec_id, int signo, bool all,
	      struct err *err);

/** task_kill_send() - as task_kill() to one process, without waiting for an answer */
void task_kill_send(struct client *client, const char *id, const char *exec_id, int signo);

/** task_delete() - forget a process that has ended */
int task_delete(struct client *client, const char *id, const char *exec_id, struct err *err);

/** task_pause(), task_resume() - stop all its processes, and let them go on */
int task_pause(struct client *client, const char *id, struct err *err);
int task_resume(struct client *client, const char *id, struct err *err);

/** task_hold() - pause it for as long as @client is connected; if it is paused already, that stays */
int task_hold(struct client *client, const char *id, struct err *err);

/** task_release() - let it go on, and wait for that; who else holds it still does */
int task_release(struct client *client, const char *id, struct err *err);

/** task_save() - save the VM of a container that @client alone holds; it stands still until that lets go of it */
int task_save(struct client *client, const char *id, struct err *err);

/** task_shutdown() - end the VM, whatever runs in it */
int task_shutdown(struct client *client, const char *id, struct err *err);

/** task_random_id() - a new name for a container or a process: 12 hexadecimal digits; free() it */
char *task_random_id(void);
