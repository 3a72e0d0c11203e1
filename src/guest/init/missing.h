/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is told on the console about something that an image should have and has not: what, why, and
 * what is there instead.
 */

/** missing_be_brief() - from now on leave out what is there instead: it was told before */
void missing_be_brief(void);

/** missing_command() - the configuration names none */
void missing_command(void);

/** missing_entrypoint() - nor is there a configuration, or the file instead of it has nothing in it */
void missing_entrypoint(void);

/** missing_file() - @path cannot be used; @key: what the configuration has it for; @error: negative errno */
void missing_file(const char *key, const char *path, int error);

/** missing_program() - no program @name in any of @folders, which are as in $PATH */
void missing_program(const char *name, const char *folders);
