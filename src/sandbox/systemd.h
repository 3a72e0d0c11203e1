/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "sandbox/spec.h"

/*
 * A container whose first process is systemd, or another init of a whole system. It gets what systemd
 * asks of containers (https://systemd.io/CONTAINER_INTERFACE): "container" in its environment, control
 * groups of its own, tmpfs on /run, /run/lock and /tmp unless something else is mounted there. What
 * others mean by SIGTERM it is told as systemd has it, and that it has powered off is no failure.
 */

/** systemd_is_command() - is a container's first process an init, by its name? */
bool systemd_is_command(const struct strv *args);

/** systemd_furnish() - give it to a container of an image; @spec has all else already */
void systemd_furnish(struct sandbox_spec *spec);

/**
 * systemd_adapt() - the same for a bundle
 * @spec: its env gets the variable, too
 * @config: of oci_config_adapt(); replaced. With a read-only root it gets tmpfs only if an annotation asks for systemd
 */
void systemd_adapt(struct sandbox_spec *spec, char **config);

/** systemd_signal() - what the first process of @spec is sent when it shall get @signo */
uint32_t systemd_signal(const struct sandbox_spec *spec, uint32_t signo);

/** systemd_status() - how the first process of @spec has ended, of the guest's word for it */
uint32_t systemd_status(const struct sandbox_spec *spec, uint32_t status);
