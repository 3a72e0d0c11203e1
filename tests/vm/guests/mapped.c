/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mapped [stay] FILE...: writes to them by way of memory, and unmaps nothing before it ends; stay: little, says so and
 * does not end
 */
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* More than Linux lets anybody leave unwritten in a VM, or so little that it lets that be for seconds. */
#define LEN  (1 << 20)
#define SOME 4096

int main(int argc, char **argv)
{
	bool stay = argc > 1 && strcmp(argv[1], "stay") == 0;
	size_t len = stay ? SOME : LEN;

	for (int i = 1 + stay; i < argc; i++) {
		int fd = open(argv[i], O_RDWR | O_CREAT, 0644);
		char *memory;

		if (fd < 0 || ftruncate(fd, (off_t)len) < 0)
			return 1;
		memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (memory == MAP_FAILED)
			return 1;
		memset(memory, 'x', len);
	}
	if (stay && write(STDOUT_FILENO, "written\n", 8) != 8)
		return 1;
	while (stay)
		(void)pause();
	_exit(5);
}
