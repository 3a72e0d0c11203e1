/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/direct/direct.h"
#include "guest/task/test-harness.h"

/*
 * Containers for tests: the Task service on the real executor, with this machine's kernel, in
 * mount, UTS, IPC and network namespaces of the test's own, as root. A root file system of busybox,
 * and processes in it that are created, started, listened to and waited for as a host does.
 */

#define CONTAINER_BASE "/mnt"
#define CONTAINER_TREE CONTAINER_BASE "/tree"

/** container_begin() - all is ready for containers; or the test is skipped */
void container_begin(void);

/** container_end() - no descriptor may be left */
void container_end(void);

/** count_entries() - how much is in a folder */
int count_entries(const char *folder);

/**
 * struct run - one process and what it says
 * @exec_id: "": the container's first
 * @fd: the host's ends of stdin, stdout, stderr
 * @out, @len, @ended: what came from stdout and stderr
 */
struct run {
	char *words[8];
	Caisson__Guest__V1__Process process;
	struct harness_create create;
	const char *exec_id;
	char names[3][40];
	int fd[3];
	char out[2][8192];
	size_t len[2];
	bool ended[2];
	struct harness_call wait;
};

/** run_init() - a shell with a script; may be changed before it begins */
void run_init(struct run *run, const char *exec_id, const char *script);

/** run_streams() - open the streams that its requests name */
void run_streams(struct run *run);

/** run_begin() - create (or exec), begin to wait, start. Return: the code of what failed first. */
enum ttrpc_code run_begin(struct run *run);

/** run_poll() - take what it has said. Return: whether it has ended and said everything. */
bool run_poll(struct run *run);

/** run_until() - until @text is in what it has said on stdout */
void run_until(struct run *run, const char *text);

/** run_close() - close the host's ends */
void run_close(struct run *run);

/** run_end() - wait for its end and delete it. Return: its exit status. */
uint32_t run_end(struct run *run);

/** run_simple() - a container from beginning to end. Return: its exit status. */
uint32_t run_simple(struct run *run, const char *script);

/** container_expect() - a container that succeeds, and says @out */
void container_expect(const char *script, const char *out);

/** container_hold() - a container in which others are executed, until container_let_go() */
void container_hold(void);
void container_let_go(void);
extern struct run container_holder;

/** container_executor - what runs them */
extern struct direct container_executor;

/** container_reaped - how many processes have been waited for, of all containers */
extern int container_reaped;
