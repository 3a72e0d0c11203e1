/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is told on the console about something that an image should have and has not: what, why, and
 * what is there instead.
 */

/** missing_command() - the configuration names none */
void missing_command(void);

/** missing_file() - @path cannot be used; @error: negative errno */
void missing_file(const char *path, int error);

/** missing_program() - no program @name in any of @folders, which are as in $PATH */
void missing_program(const char *name, const char *folders);
