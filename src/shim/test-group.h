/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "shim/test-shim.h"

/* For tests of a VM that has several containers: c1, which it was started for, and those that come to it. */

#define TEST_NETWORK "{\"type\":\"network\",\"path\":\"/proc/self/ns/net\"}"

/* What the last Create, Start and anything else were answered. */
extern struct asked create, start, asked;

/* A bundle of that name, in the folder of sockets. Return: its path. */
char *make_bundle(const char *name, const char *namespaces, const char *mounts);

void ask_join(const char *id, const char *bundle);

void ask_of(struct asked *a, const char *method, const char *id, const char *exec_id);

void expect_state_of(const char *id, Containerd__V1__Types__Status status);

void expect_path(const char *in, const char *name, bool there);

/* The first one runs, and others may come. */
void begin_group(void);

void end_group(void);

/* Return: what the guest is asked to create, once it has the bundle; rpc_free() it. */
Containerd__Task__V2__CreateTaskRequest *guest_takes_bundle(const char *id, const char *part);

void guest_creates_joined(const char *id, const char *rootfs);

/* What the other one is told of it, and what that is: a process that sees the container's files. */
void expect_process_of(const char *id, uint32_t pid);

void join(const char *id, const char *part);

void start_it(const char *id);

/* Answers come one by one, so each is an occasion to look. */
void until_state_of(const char *id, enum process_state state);

/* The guest keeps Wait of both: the older one is the first container's. */
void it_ends(const char *id, uint32_t status);

void expect_deleted(uint32_t status);

void delete_it(const char *id, uint32_t status);

void expect_kill(const char *id, uint32_t signo);

void deadline_passes(struct loop_timer *timer);

void expect_gone(const char *id);

void expect_delete(const char *id);

void ask_to_remove(const char *id);

/*
 * Runs @tests in a child, whose mounts go with it, whatever happens. Return: the exit status for main(), which says that
 * the tests are skipped where one is not root.
 */
int run_as_root(void (*tests)(void));
