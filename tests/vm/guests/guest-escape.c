/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest-escape: what a container with CAP_SYS_ADMIN gets to that leaves its root in every way that
 * there is without other processes' help. Prints what is in each place, one a line: "HOW: NAME...".
 */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define DEEP 40

static int mntns = -1, root = -1;

static void look(const char *how)
{
	DIR *dir = opendir("/");
	struct dirent *entry;

	printf("%s:", how);
	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			printf(" %s", entry->d_name);
	printf("%s\n", dir ? "" : " ?");
	if (dir)
		closedir(dir);
}

/* Out of a chroot, by a folder above it that is still open. */
static void climb(void)
{
	if (chroot("/tmp") < 0 || fchdir(root) < 0)
		perror("chroot");
	for (int i = 0; i < DEEP; i++)
		if (chdir("..") < 0)
			perror("chdir");
	if (chroot(".") < 0)
		perror("chroot");
}

/* Where a process begins that joins the mount namespace: at the top of what is on its first mount. */
static void join(void)
{
	if (setns(mntns, CLONE_NEWNS) < 0)
		perror("setns");
}

int main(void)
{
	setlinebuf(stdout);
	mntns = open("/proc/self/ns/mnt", O_RDONLY);
	root = open("/", O_RDONLY | O_DIRECTORY);
	if (mntns < 0 || root < 0)
		return 1;
	climb();
	look("climbed");
	if (umount2("/", MNT_DETACH) < 0)
		perror("umount");
	climb();
	look("climbed from a detached root");
	for (int i = 0; i < 4; i++) {
		join();
		look("joined");
		(void)umount2("/", MNT_DETACH);
	}
	return 0;
}
