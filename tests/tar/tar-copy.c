/* SPDX-License-Identifier: Apache-2.0 */
/* tar-copy pack [-w] FOLDER NAME AS >ARCHIVE; tar-copy unpack [-x] FOLDER [ONLY] <ARCHIVE */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "tar/pack.h"
#include "tar/unpack.h"

static int put(void *userdata, const void *data, size_t len)
{
	return fd_write_full(STDOUT_FILENO, data, len);
}

static ssize_t get(void *userdata, void *buf, size_t len)
{
	ssize_t n = read(STDIN_FILENO, buf, len);

	return n < 0 ? -errno : n;
}

int main(int argc, char **argv)
{
	bool option = argc > 2 && argv[2][0] == '-', packs = argc > 1 && !strcmp(argv[1], "pack");
	char **words = argv + 2 + option;
	int dir = argc > 2 + option ? open(words[0], O_PATH | O_DIRECTORY) : -EBADF, r;
	struct tar_trouble trouble;
	char text[8192];

	if (dir < 0 || (packs && argc != 5 + option))
		return 2;
	if (packs) {
		struct tar_pack pack = {.dir = dir,
					.name = words[1],
					.as = words[2],
					.flags = option ? TAR_PACK_WHITEOUTS : 0,
					.put = put};

		r = tar_pack(&pack, &trouble);
	} else {
		struct tar_unpack unpack = {.dir = dir,
					    .only = words[1],
					    .flags = option ? TAR_UNPACK_EXACT : 0,
					    .get = get};

		r = tar_unpack(&unpack, &trouble);
	}
	if (r == 0)
		return 0;
	tar_trouble_text(&trouble, r, text, sizeof(text));
	fprintf(stderr, "%s\n", text);
	return 1;
}
