/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Folders that hold what is in the making. Whoever makes one has it flock()ed: without that lock it
 * belongs to nobody.
 */

/**
 * tmpdir_sweep() - remove the folders in @dir whose makers have died
 * @dir: a folder in @dirfd; "." for that itself
 * @prefix: how their names begin
 */
void tmpdir_sweep(int dirfd, const char *dir, const char *prefix);

/** tmpdir_claim() - lock one just made. Return: a descriptor of it, or negative errno. */
int tmpdir_claim(int dirfd, const char *name);
