/* SPDX-License-Identifier: Apache-2.0 */
/* Writes to files by way of memory, and ends without unmapping anything. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LEN (1 << 20)

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int fd = open(argv[i], O_RDWR | O_CREAT, 0644);
		char *memory;

		if (fd < 0 || ftruncate(fd, LEN) < 0)
			return 1;
		memory = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (memory == MAP_FAILED)
			return 1;
		memset(memory, 'x', LEN);
	}
	_exit(5);
}
