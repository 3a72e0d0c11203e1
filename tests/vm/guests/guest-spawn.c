/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-spawn COUNT FILE: fork, execute FILE and wait for it, COUNT times. Prints the microseconds
 * that each of them took, one a line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static double spawn(char *file)
{
	char *argv[] = {file, NULL};
	double begin = now();
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execv(file, argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		exit(1);
	return now() - begin;
}

int main(int argc, char *argv[])
{
	if (argc != 3)
		return 2;
	for (int i = atoi(argv[1]); i > 0; i--)
		printf("%.1f\n", spawn(argv[2]));
	return 0;
}
