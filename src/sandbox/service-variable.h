/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/**
 * service_variable() - is it one of those that Kubernetes makes in each pod of a namespace for a Service there?
 * @word: NAME=VALUE. Of a Service "x-y": X_Y_SERVICE_HOST, X_Y_SERVICE_PORT, X_Y_SERVICE_PORT_NAME of a port that has
 *	a name, X_Y_PORT, X_Y_PORT_80_TCP, and that with _PROTO, _PORT and _ADDR
 */
bool service_variable(const char *word);
