/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A /init that leaves an observer behind and becomes vminitd (/vminitd): the observer, which is in
 * no container, answers each connection to vsock port 5000 with lines "NAME: VALUE" about PID 1:
 * those of its status, of its smaps_rollup, and the system call that it is in. A connection to port
 * 5001 has PID 1 get SIGINT, as Ctrl-Alt-Del would.
 */
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PORT_TELL = 5000, PORT_INTERRUPT = 5001 };

static void copy(const char *path, int to)
{
	char buf[8192];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		if (write(to, buf, (size_t)n) != n)
			break;
	close(fd);
}

static void tell(int fd)
{
	static const char call[] = "syscall:\t";

	copy("/proc/1/status", fd);
	(void)!write(fd, call, sizeof(call) - 1);
	copy("/proc/1/syscall", fd);
	copy("/proc/1/smaps_rollup", fd);
}

static int listen_on(unsigned int port)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 8) < 0)
		_exit(1);
	return fd;
}

static void observe(struct pollfd *ports)
{
	/* vminitd mounts nothing for others, and is not to be helped. */
	if (unshare(CLONE_NEWNS) < 0 || (mkdir("/proc", 0755) < 0 && access("/proc", F_OK) < 0) ||
	    mount("proc", "/proc", "proc", 0, NULL) < 0)
		_exit(1);
	while (poll(ports, 2, -1) > 0) {
		int asked = ports[0].revents ? 0 : 1;
		int fd = accept(ports[asked].fd, NULL, NULL);

		if (asked == 0)
			tell(fd);
		else
			kill(1, SIGINT);
		close(fd);
	}
}

int main(void)
{
	/* Under another name it would be an image's own init. */
	char *argv[] = {"/init", NULL};
	struct pollfd ports[] = {{.fd = listen_on(PORT_TELL), .events = POLLIN},
				 {.fd = listen_on(PORT_INTERRUPT), .events = POLLIN}};

	if (fork() == 0)
		observe(ports);
	execv("/vminitd", argv);
	return 1;
}
