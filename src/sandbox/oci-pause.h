/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A pod's pause container does nothing but to hold namespaces for those that come after it. A VM is one pod's: its IPC and
 * UTS namespaces can be the VM's own first ones, which nobody need hold. So the container's program is run only once
 * somebody wants its PID namespace (hollow.h), in which it reaps what is left to it.
 */

/**
 * oci_pause_host() - is that the config.json of a pause container, and of nothing more?
 * @config: as somebody else wrote it
 *
 * It is one if it says so in containerd's annotation, runs /pause or caisson's own without arguments, and has nothing that
 * containerd does not give to each of them: no volumes, hooks, devices, sysctls but the network's, nor namespaces of
 * others. What capabilities it has is all the same: it does nothing.
 *
 * Return: the pod's host name, which is @config's; NULL: it is not.
 */
const char *oci_pause_host(struct json_object *config);

/** oci_pause_unname() - in the VM's own UTS namespace: names can be set in another one only, and it has the pod's */
void oci_pause_unname(struct json_object *config);

/**
 * oci_pause_enter() - if it is run after all: in the VM's own namespaces, as those that came are
 * @json: of oci_config_adapt(), for the guest; replaced
 */
void oci_pause_enter(char **json);

/** oci_pause_awaited() - does a container's config.json, for the guest, name the PID namespace of what is not run? */
bool oci_pause_awaited(const char *json);

/** oci_pause_place() - it is run, and has that number in the guest. @json: replaced */
void oci_pause_place(uint32_t pid, char **json);
