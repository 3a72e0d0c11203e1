/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/macro.h"

/*
 * Programs log, libraries return codes. One line a message, "program: message", on one descriptor:
 * stderr on the host, the console in the guest. A line is written with one write().
 */

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_DEBUG,
};

/**
 * log_init() - say who logs and where
 * @program: put in front of each line; kept, not copied
 * @fd: descriptor to write to; not owned
 * @level: messages above this level are dropped
 */
void log_init(const char *program, int fd, enum log_level level);

/** log_message() - write one line; use the macros below */
void log_message(enum log_level level, const char *fmt, ...) _printf_(2, 3);

#define log_error(...) log_message(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_message(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_debug(...) log_message(LOG_LEVEL_DEBUG, __VA_ARGS__)
