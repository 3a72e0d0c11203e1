/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a command prints with stdio. A full disk must not pass for success; a reader who leaves, as
 * head(1) does, has got what it wanted.
 */

/** output_begin() - before anything is printed: from now on errors of stdout are kept */
void output_begin(void);

/**
 * output_end() - write out what is still in stdout's buffer, and close it
 * @status: exit status so far
 * @failure: the one to have when something that was printed is lost, which is said on stderr
 *
 * Return: exit status.
 */
int output_end(int status, int failure);
