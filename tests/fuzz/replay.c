/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

/*
 * Runs a fuzz target over all files of the folders given as arguments, so that seeds and earlier
 * finds are tested in an ordinary build. libFuzzer brings its own main() instead.
 */

#define INPUT_MAX (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(int dirfd, const char *name)
{
	char *data, *exact;
	size_t len;
	int r = file_slurp_at(dirfd, name, INPUT_MAX, &data, &len);

	if (r < 0)
		return r;
	/* Without anything behind the last byte, so that reading past it is found. */
	exact = malloc(len);
	if (exact || len == 0) {
		if (len > 0)
			memcpy(exact, data, len);
		(void)LLVMFuzzerTestOneInput((const uint8_t *)exact, len);
	}
	free(exact);
	free(data);
	return 0;
}

/* Return: number of files, or -1. */
static int replay_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int n = 0;

	if (!dir) {
		perror(path);
		return -1;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (replay_file(dirfd(dir), entry->d_name) < 0) {
			fprintf(stderr, "%s/%s cannot be read\n", path, entry->d_name);
			closedir(dir);
			return -1;
		}
		n++;
	}
	closedir(dir);
	return n;
}

int main(int argc, char *argv[])
{
	for (int i = 1; i < argc; i++) {
		int n = replay_dir(argv[i]);

		if (n < 0)
			return 1;
		if (n == 0) {
			fprintf(stderr, "%s is empty\n", argv[i]);
			return 1;
		}
		printf("%s: %d inputs\n", argv[i], n);
	}
	return 0;
}
