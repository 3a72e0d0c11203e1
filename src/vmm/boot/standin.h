/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <stdbool.h>

/*
 * A shared library of ours with the name of one of the host's, for a program that is to run in a guest where most
 * of what that one does is of no use.
 */

/**
 * standin_fits() - does the program find all that it wants in it?
 * @program: path of a dynamically linked one that knows --version; it is run
 * @library: path
 *
 * Return: 1, 0, or negative errno: it could not be found out (-EIO: it was killed; -ETIMEDOUT).
 */
int standin_fits(const char *program, const char *library);

/** standin_is_for() - has what is at @path the same name? */
bool standin_is_for(const char *library, const char *path);
