/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/oci/oci-crun.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/close_range.h>

#include "base/fd.h"
#include "base/parse.h"
#include "guest/mount/layers.h"
#include "guest/oci/bundle.h"

#define FILES_DIR    "/run/oci"
#define STATE_DIR    "/run/crun"
#define ARGS_MAX     24
#define PROGRAM_PART (1 << 20)

enum file {
	FILE_PID,
	FILE_PROCESS,
	FILE_CONSOLE,
	FILE_MAX_,
};

static const char *const file_names[FILE_MAX_] = {"pid", "process", "console"};

struct file_path {
	char path[64];
};

static struct file_path file_path(size_t number, enum file which)
{
	struct file_path ret;

	(void)snprintf(ret.path, sizeof(ret.path), FILES_DIR "/%zu.%s", number, file_names[which]);
	return ret;
}

void crun_remove_files(size_t number)
{
	for (int i = 0; i < FILE_MAX_; i++)
		(void)unlink(file_path(number, (enum file)i).path);
}

static int listen_for_terminal(size_t number)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(address.sun_path, file_path(number, FILE_CONSOLE).path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 1) < 0)
		return -errno;
	return take_fd(fd);
}

/*
 * The JSON as it came, but for the size of the terminal, which was not known when it was written.
 * Of a name that comes twice crun takes the first one.
 */
static int write_process(const struct crun *crun)
{
	_cleanup_close_ int fd = open(file_path(crun->number, FILE_PROCESS).path,
				      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	const char *json = crun->request->spec;
	char size[64] = "";
	int r;

	if (fd < 0)
		return -errno;
	if (crun->terminal && crun->rows > 0)
		(void)snprintf(size, sizeof(size), "\"consoleSize\":{\"height\":%u,\"width\":%u},",
			       crun->rows, crun->columns);
	r = fd_write_full(fd, "{", 1);
	if (r == 0)
		r = fd_write_full(fd, size, strlen(size));
	if (r == 0)
		r = fd_write_full(fd, json + 1, crun->request->spec_len - 1);
	return r;
}

static int copy_program(const char *path)
{
	_cleanup_close_ int from = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int to = memfd_create(path, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ssize_t n = from < 0 || to < 0 ? -1 : 1;

	while (n > 0)
		n = sendfile(to, from, NULL, PROGRAM_PART);
	if (n < 0 || fcntl(to, F_ADD_SEALS, CRUN_SEALS) < 0)
		return -errno;
	return take_fd(to);
}

int crun_program(void)
{
	static int program = -EBADF;

	if (program < 0)
		program = copy_program(ABI_CRUN);
	return program;
}

int crun_tar(void)
{
	static int tar = -EBADF;

	if (tar < 0)
		tar = copy_program(ABI_TAR);
	return tar;
}

static bool gets_tar(const struct crun *crun)
{
	return crun->verb == CRUN_EXEC && crun->request->spec_len > strlen(ABI_TAR_EXEC) &&
	       memcmp(crun->request->spec, ABI_TAR_EXEC, strlen(ABI_TAR_EXEC)) == 0;
}

/*
 * The folders of a share, each of which is a mount, write back what was mapped by way of the share's own mount
 * only (fuse_fill_super_submount(), fs/fuse/inode.c), and that goes when crun leaves its root behind. Then
 * whoever has 128 kB of a file mapped and written would be held up for good (balance_dirty_pages()).
 */
static void keep_share(const struct executor_request *request)
{
	static int share = -EBADF;
	struct mount_error error;

	for (size_t i = 0; i < request->n_rootfs && share < 0; i++)
		if (strcmp(request->rootfs[i]->type, "virtiofs") == 0)
			share = mount_make(request->rootfs[i], false, &error);
}

int crun_prepare(struct crun *crun, bool terminal, int *ret_console)
{
	int program = crun_program();

	if (program >= 0 && gets_tar(crun))
		program = crun_tar();
	if (program < 0)
		return program;
	if (crun->verb == CRUN_CREATE)
		keep_share(crun->request);
	crun->terminal = terminal && crun->speaks;
	if (mkdir(FILES_DIR, 0700) < 0 && errno != EEXIST)
		return -errno;
	crun_remove_files(crun->number);
	if (crun->terminal) {
		*ret_console = listen_for_terminal(crun->number);
		if (*ret_console < 0)
			return *ret_console;
	}
	return crun->verb == CRUN_EXEC ? write_process(crun) : 0;
}

/* Without memory: a process whose number is not known could not be ended. */
int crun_read_pid(size_t number, pid_t *ret)
{
	_cleanup_close_ int fd =
		open(file_path(number, FILE_PID).path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char text[32];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	uint32_t pid;
	int r;

	if (n < 0)
		return -errno;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	r = parse_u32(text, 2, INT32_MAX, &pid);
	if (r == 0)
		*ret = (pid_t)pid;
	return r;
}

int crun_take_terminal(int console)
{
	_cleanup_close_ int conn = accept4(console, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	char byte[64];
	struct iovec iov = {.iov_base = byte, .iov_len = sizeof(byte)};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *header;
	int fd;

	if (conn < 0 || recvmsg(conn, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
		return errno == EAGAIN ? -ENOTTY : -errno;
	header = CMSG_FIRSTHDR(&msg);
	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return -EPROTO;
	memcpy(&fd, CMSG_DATA(header), sizeof(int));
	return fd;
}

/* In the child. */

static int open_rootfs(const char *id)
{
	char path[BUNDLE_PATH_MAX + sizeof(BUNDLE_ROOTFS)];

	bundle_path(path, id);
	strcat(path, "/" BUNDLE_ROOTFS);
	return mount_open(path);
}

/* Again for each: the one before it may be on it. */
static int mount_one(const struct crun *crun, const Containerd__Types__Mount *m,
		     struct mount_error *error)
{
	_cleanup_close_ int target = open_rootfs(crun->container);

	if (target < 0) {
		error->code = ttrpc_code_from_errno(target);
		(void)snprintf(error->text, sizeof(error->text),
			       "there is no such folder in the bundle");
		return target;
	}
	return layers_mount(m, target, true, error);
}

/*
 * Layers of two containers have the same names. So they are mounted in a namespace of crun's own, whose
 * mounts the container takes with it: with its end they go.
 */
static int own_mounts(const struct executor_request *request)
{
	bool layers = false;

	for (size_t i = 0; i < request->n_rootfs; i++)
		layers |= layers_is_one(request->rootfs[i]);
	if (layers &&
	    (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0))
		return -errno;
	return 0;
}

static enum ttrpc_code mount_rootfs(const struct crun *crun, int words)
{
	struct mount_error error;
	int r = own_mounts(crun->request);

	if (r < 0) {
		(void)dprintf(words, "cannot make a mount namespace: %s\n", strerror(-r));
		return ttrpc_code_from_errno(r);
	}
	for (size_t i = 0; i < crun->request->n_rootfs; i++) {
		if (mount_one(crun, crun->request->rootfs[i], &error) == 0)
			continue;
		(void)dprintf(words, "root file system: %s\n", error.text);
		return error.code;
	}
	return TTRPC_OK;
}

static void unmount_rootfs(const char *id)
{
	char path[BUNDLE_PATH_MAX + sizeof(BUNDLE_ROOTFS)];

	bundle_path(path, id);
	strcat(path, "/" BUNDLE_ROOTFS);
	while (umount2(path, UMOUNT_NOFOLLOW) == 0)
		continue;
	/* Somebody is still at it, and the last one will undo it. */
	while (errno == EBUSY && umount2(path, UMOUNT_NOFOLLOW | MNT_DETACH) == 0)
		continue;
}

static const struct {
	const char *name;
	const char *flags[2]; /* and others, see build_args() */
	bool bundle, pid, process;
} verbs[CRUN_VERB_MAX_] = {
	[CRUN_CREATE] = {"create", {NULL}, true, true, false},
	[CRUN_START] = {"start", {NULL}, false, false, false},
	[CRUN_EXEC] = {"exec", {"--detach"}, false, true, true},
	[CRUN_DELETE] = {"delete", {"--force"}, false, false, false},
};

struct args {
	const char *v[ARGS_MAX];
	size_t n;
	struct file_path files[FILE_MAX_];
	char bundle[BUNDLE_PATH_MAX], log[32];
};

static void add(struct args *args, const char *word, const char *value)
{
	args->v[args->n++] = word;
	if (value)
		args->v[args->n++] = value;
	args->v[args->n] = NULL;
}

static void build_args(const struct crun *crun, int words, struct args *args)
{
	static const char *const always[] = {
		ABI_CRUN,   "--root",	    STATE_DIR, "--cgroup-manager",
		"cgroupfs", "--log-format", "text",
	};

	for (int i = 0; i < FILE_MAX_; i++)
		args->files[i] = file_path(crun->number, (enum file)i);
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		add(args, always[i], NULL);
	(void)snprintf(args->log, sizeof(args->log), "/proc/self/fd/%d", words);
	add(args, "--log", args->log);
	add(args, verbs[crun->verb].name, NULL);
	for (int i = 0; i < 2 && verbs[crun->verb].flags[i]; i++)
		add(args, verbs[crun->verb].flags[i], NULL);
	bundle_path(args->bundle, crun->container);
	if (verbs[crun->verb].bundle)
		add(args, "--bundle", args->bundle);
	if (verbs[crun->verb].pid)
		add(args, "--pid-file", args->files[FILE_PID].path);
	if (verbs[crun->verb].process)
		add(args, "--process", args->files[FILE_PROCESS].path);
	if (gets_tar(crun))
		add(args, "--preserve-fds", "1");
	if (crun->terminal)
		add(args, "--console-socket", args->files[FILE_CONSOLE].path);
	add(args, crun->container, NULL);
}

/*
 * 0, 1, 2, the words and the sign: nothing else of vminitd's stays open. In the container's process
 * crun makes all that are above 2 close-on-exec; or above 3, where that is a tar. What is 3 otherwise vminitd has opened
 * once and for all (main.c): neither the words nor the sign.
 */
static int place_descriptors(const struct crun *crun, int words)
{
	for (int i = 0; i < 3; i++)
		if (dup2(crun->stdio[i], i) < 0)
			return -errno;
	if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ||
	    fd_cloexec(words, false) < 0 ||
	    (crun->sign >= 0 && fd_cloexec(crun->sign, false) < 0) ||
	    (gets_tar(crun) && dup2(crun_tar(), ABI_TAR_FD) < 0))
		return -errno;
	return 0;
}

/*
 * The process that crun has made waits for a byte, and has the FIFO open; to send it is all that `crun start`
 * does without hooks, and executing crun for that would take ten times as long. Return: false: it is not so.
 */
static bool let_go(const char *id)
{
	char path[sizeof(STATE_DIR) + BUNDLE_PATH_MAX];
	_cleanup_close_ int fd = -EBADF;

	(void)snprintf(path, sizeof(path), STATE_DIR "/%s/exec.fifo", id);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	/* To crun it has started once the FIFO is gone. */
	return fd >= 0 && unlink(path) == 0 && write(fd, "", 1) == 1;
}

/*
 * QEMU before 8.1 translates what is executed at another address once more. What crun executes has its addresses by chance
 * all the same, as sandbox/oci-personality.h has it say so.
 */
static void settle_addresses(void)
{
	if (getenv(ABI_EMULATED))
		(void)personality(ADDR_NO_RANDOMIZE);
}

int crun_run(void *arg, int words)
{
	static const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	const struct crun *crun = arg;
	enum ttrpc_code code = crun->verb == CRUN_CREATE ? mount_rootfs(crun, words) : TTRPC_OK;
	struct args args = {.n = 0};

	if (code != TTRPC_OK)
		return CRUN_MOUNT_FAILED + (int)code;
	if (crun->verb == CRUN_START && let_go(crun->container))
		return EXIT_SUCCESS;
	if (crun->verb == CRUN_DELETE)
		unmount_rootfs(crun->container);
	settle_addresses();
	build_args(crun, words, &args);
	if (place_descriptors(crun, words) == 0)
		(void)fexecve(crun_program(), (char *const *)args.v, (char *const *)env);
	(void)dprintf(words, "cannot execute " ABI_CRUN ": %s\n", strerror(errno));
	return EXIT_FAILURE;
}
