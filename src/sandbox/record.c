/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/record.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "cgroup/cgroup.h"

#define SPEC_MAX  (16u << 20)
#define SPEC_FILE "spec.json"
#define LOCK_FILE "lock"
#define EXIT_FILE "exit"
#define EXIT_MAX  4096
#define BOOT_FILE "boot"
/* A line of /proc/sys/kernel/random/boot_id. */
#define BOOT_ID_MAX 64
/* In <run>/<id>. */
#define REMOVE_TRIES 100

#define VISIT_FILE   "visit"
#define KEEPER_FILE  "keeper"

/* The longest socket name in <run>/<id>; the path must fit sockaddr_un (unix(7)). */
#define LONGEST_SOCKET RECORD_VSOCK_SOCKET "_65535"

static char *containers_path(const struct paths *paths)
{
	return path_join(paths->root, "containers");
}

/*
 * Between making a folder and claiming it a container looks dead. Whoever makes one, and whoever
 * judges them, holds this lock meanwhile: it is there since the first was made.
 */
static int lock_containers(const struct paths *paths, int flags)
{
	_cleanup_free_ char *path = path_join(paths->root, "containers.lock");
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);

	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return -errno;
	return take_fd(fd);
}

static void record_init(const struct paths *paths, const char *id, struct record *rec)
{
	_cleanup_free_ char *containers = containers_path(paths);

	*rec = (struct record)RECORD_NULL;
	rec->id = xstrdup(id);
	rec->dir_path = path_join(containers, id);
	rec->run_path = path_join(paths->run, id);
}

void record_done(struct record *rec)
{
	free(rec->id);
	free(rec->dir_path);
	free(rec->run_path);
	fd_close(rec->dir);
	fd_close(rec->lock);
	*rec = (struct record)RECORD_NULL;
}

static int open_dir(struct record *rec)
{
	rec->dir = open(rec->dir_path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return rec->dir < 0 ? -errno : 0;
}

static volatile sig_atomic_t late;

static void note_late(int signo)
{
	late = signo;
}

/* Again and again: the first one may come just before the wait. */
static void set_timer(unsigned int seconds)
{
	const struct itimerval timer = {.it_value.tv_sec = seconds,
					.it_interval.tv_sec = seconds > 0};
	struct sigaction sa = {.sa_handler = note_late};

	late = 0;
	if (seconds > 0)
		(void)sigaction(SIGALRM, &sa, NULL);
	(void)setitimer(ITIMER_REAL, &timer, NULL);
}

static int claim(struct record *rec, int how)
{
	_cleanup_close_ int fd =
		openat(rec->dir, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;

	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX | how) < 0)
		if (errno != EINTR || late)
			return late ? -ETIMEDOUT : -errno;
	/* Removed while we waited: the folder's name may be another container's by now. */
	if (fstat(fd, &st) < 0 || st.st_nlink == 0)
		return -ENOENT;
	rec->lock = take_fd(fd);
	return 0;
}

int record_claim(struct record *rec)
{
	return claim(rec, LOCK_NB);
}

int record_wait(struct record *rec, unsigned int seconds)
{
	int r;

	if (seconds == 0)
		return claim(rec, 0);
	set_timer(seconds);
	r = claim(rec, 0);
	set_timer(0);
	return r;
}

int record_make_run(const struct record *rec, struct err *err)
{
	int r;

	/* A folder of that name in <run> is what a killed shim left. */
	(void)path_remove_tree(AT_FDCWD, rec->run_path);
	/* Whoever finds the folder around it empty may remove that. */
	r = path_mkdirs(rec->run_path, 0700);
	if (r == -ENOENT)
		r = path_mkdirs(rec->run_path, 0700);
	return r < 0 ? err_errno(err, r, "cannot make the folder %s", rec->run_path) : 0;
}

static bool is_reserved(const struct paths *paths, const char *id)
{
	_cleanup_free_ char *run = paths_default_run();

	return strcmp(id, PATHS_CONTAINERD) == 0 && strcmp(paths->run, run) == 0;
}

static int make_folders(const struct paths *paths, struct record *rec, struct err *err)
{
	_cleanup_free_ char *containers = containers_path(paths);
	int r = path_mkdirs(containers, 0700);

	if (r < 0)
		return err_errno(err, r, "cannot make the folder %s", containers);
	if (is_reserved(paths, rec->id))
		return err_set(err, -EINVAL,
			       "no container can be called " PATHS_CONTAINERD
			       ": %s is caisson's own",
			       rec->run_path);
	if (strlen(rec->run_path) + 1 + strlen(LONGEST_SOCKET) >=
	    sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return err_set(err, -ENAMETOOLONG,
			       "too long a path for sockets; choose a shorter name, or a shorter "
			       "folder with $CAISSON_RUN: %s",
			       rec->run_path);
	if (mkdir(rec->dir_path, 0700) < 0) {
		if (errno != EEXIST)
			return err_errno(err, -errno, "cannot make the folder %s", rec->dir_path);
		return err_set(err, -EEXIST,
			       "the name \"%s\" is taken by another container: choose another "
			       "name, or remove that one with `%s delete %s`",
			       rec->id, paths_command(), rec->id);
	}
	r = open_dir(rec);
	if (r == 0)
		r = record_claim(rec);
	if (r < 0)
		return err_errno(err, r, "cannot use the folder %s", rec->dir_path);
	return record_make_run(rec, err);
}

int record_set_spec(const struct record *rec, const struct sandbox_spec *spec)
{
	_cleanup_free_ char *json = sandbox_spec_to_json(spec);

	return file_write_atomic_at(rec->dir, SPEC_FILE, json, strlen(json), 0600);
}

int record_create(const struct paths *paths, const struct sandbox_spec *spec, struct record *ret,
		  struct err *err)
{
	_cleanup_close_ int lock = lock_containers(paths, O_CREAT);
	struct record rec;
	int r;

	if (lock < 0)
		return err_errno(err, lock, "cannot lock %s/containers.lock", paths->root);
	record_init(paths, spec->id, &rec);
	r = make_folders(paths, &rec, err);
	if (r == 0) {
		r = record_set_spec(&rec, spec);
		if (r < 0)
			err_errno(err, r, "cannot write %s/" SPEC_FILE, rec.dir_path);
	}
	if (r < 0) {
		if (rec.lock >= 0)
			(void)record_remove(paths, &rec, NULL);
		record_done(&rec);
		return r;
	}
	*ret = rec;
	return 0;
}

/* A name that somebody chose is never meant by less: "web" is not "web-prod". */
static int find_by_prefix(const struct paths *paths, const char *name, char **ret, struct err *err)
{
	_cleanup_strv_ struct strv all = STRV_NULL;
	const char *found = NULL;
	int r = record_list(paths, &all, err);

	for (size_t i = 0; r == 0 && i < all.n; i++) {
		if (!sandbox_id_generated(all.v[i]) || !str_starts(all.v[i], name))
			continue;
		if (found)
			r = err_set(err, -EEXIST,
				    "\"%s\" could be \"%s\" or \"%s\": give more of the name", name,
				    found, all.v[i]);
		found = all.v[i];
	}
	if (r == 0 && !found)
		r = err_set(err, -ENOENT,
			    "container \"%s\" does not exist: `%s list` shows those there are",
			    name, paths_command());
	if (r == 0)
		*ret = xstrdup(found);
	return r;
}

int record_open(const struct paths *paths, const char *name, struct record *ret, struct err *err)
{
	_cleanup_free_ char *full = NULL;
	struct record rec;
	int r;

	if (!sandbox_id_valid(name))
		return err_set(err, -EINVAL, "\"%s\" is no container's name", name);
	record_init(paths, name, &rec);
	r = open_dir(&rec);
	if (r == -ENOENT) {
		record_done(&rec);
		r = find_by_prefix(paths, name, &full, err);
		if (r < 0)
			return r;
		record_init(paths, full, &rec);
		r = open_dir(&rec);
	}
	if (r < 0) {
		err_errno(err, r, "cannot open the container \"%s\"", name);
		record_done(&rec);
		return r;
	}
	*ret = rec;
	return 0;
}

int record_load(const struct record *rec, struct sandbox_spec *ret, struct err *err)
{
	_cleanup_free_ char *json = NULL;
	int r = file_slurp_at(rec->dir, SPEC_FILE, SPEC_MAX, &json, NULL);

	if (r < 0)
		return err_errno(err, r, "cannot read %s/" SPEC_FILE, rec->dir_path);
	r = sandbox_spec_from_json(json, ret, err);
	if (r < 0)
		err_wrap(err, r, "%s/" SPEC_FILE, rec->dir_path);
	return r;
}

const char *record_state_name(enum record_state state)
{
	static const char *const names[] = {
		[RECORD_RUNNING] = "running",
		[RECORD_STOPPED] = "stopped",
		[RECORD_DEAD] = "dead",
	};

	return names[state];
}

static bool is_visited(const struct record *rec)
{
	_cleanup_free_ char *mark = path_join(rec->run_path, VISIT_FILE);

	return access(mark, F_OK) == 0;
}

/* A line with the status, and one with why, if it did not end by itself. @ret_why: a new string or NULL; may be NULL */
static bool read_exit(const struct record *rec, int *ret_status, char **ret_why)
{
	_cleanup_free_ char *text = NULL;
	uint32_t status;
	char *why;

	if (file_slurp_at(rec->dir, EXIT_FILE, EXIT_MAX, &text, NULL) < 0)
		return false;
	why = strchr(text, '\n');
	if (why)
		*why++ = '\0';
	if (strlen(text) > strlen("255") || parse_u32(text, 0, 255, &status) < 0 || (why && !*why))
		return false;
	*ret_status = (int)status;
	if (ret_why)
		*ret_why = xstrdup(why);
	return true;
}

enum record_state record_state(const struct record *rec, int *ret_status)
{
	_cleanup_close_ int lock = -EBADF;

	if (read_exit(rec, ret_status, NULL))
		return RECORD_STOPPED;
	lock = openat(rec->dir, LOCK_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) < 0 && !is_visited(rec))
		return RECORD_RUNNING;
	return RECORD_DEAD;
}

char *record_failure(const struct record *rec)
{
	char *why = NULL;
	int status;

	return read_exit(rec, &status, &why) ? why : NULL;
}

int record_set_exit(const struct record *rec, int status, const char *why)
{
	_cleanup_free_ char *text =
		xasprintf("%d%s%.*s", status, why ? "\n" : "", EXIT_MAX / 2, why ? why : "");

	return file_write_atomic_at(rec->dir, EXIT_FILE, text, strlen(text), 0600);
}

int record_exited_at(const struct record *rec, struct timespec *ret)
{
	struct stat st;

	if (fstatat(rec->dir, EXIT_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	*ret = st.st_mtim;
	return 0;
}

int record_set_keeper(const struct record *rec, pid_t pid)
{
	_cleanup_close_ int run = open(rec->run_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", (int)pid);

	return run < 0 ? -errno : file_write_atomic_at(run, KEEPER_FILE, text, (size_t)n, 0600);
}

pid_t record_keeper(const struct record *rec)
{
	_cleanup_free_ char *path = path_join(rec->run_path, KEEPER_FILE), *text = NULL;
	uint32_t pid;

	if (file_slurp_at(AT_FDCWD, path, 16, &text, NULL) < 0 ||
	    parse_u32(text, 1, INT32_MAX, &pid) < 0)
		return 0;
	return (pid_t)pid;
}

int record_open_keeper(const struct record *rec)
{
	pid_t pid = record_keeper(rec);
	int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

	if (pid <= 0)
		return -ENOENT;
	return fd < 0 ? -errno : fd;
}

int record_mark_visit(const struct record *rec, struct err *err)
{
	_cleanup_free_ char *mark = path_join(rec->run_path, VISIT_FILE);
	_cleanup_close_ int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? err_errno(err, -errno, "cannot make %s", mark) : 0;
}

void record_remove_run(const struct paths *paths, const struct record *rec)
{
	(void)paths;
	(void)path_remove_tree(AT_FDCWD, rec->run_path);
}

int record_remove_cgroups(const struct record *rec, unsigned int patience)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	int r = record_load(rec, &spec, NULL);

	if (r == 0)
		r = cgroup_remove(&spec.cgroups, patience);
	sandbox_spec_done(&spec);
	return r;
}

/* Who was never in it may not have it: it was somebody else's. A shim's keeper has no more to do there. */
static void leave_cgroups(const struct record *rec)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;

	if (record_load(rec, &spec, NULL) == 0 && cgroup_leave(&spec.cgroups, getpid())) {
		(void)cgroup_leave(&spec.cgroups, getppid());
		/* Who could not leave would wait for itself, or for its keeper, which waits for it. */
		(void)cgroup_remove(&spec.cgroups,
				    cgroup_leave(&spec.cgroups, getpid()) ? 0 : CGROUP_PATIENCE);
	}
	sandbox_spec_done(&spec);
}

int record_remove(const struct paths *paths, const struct record *rec, struct err *err)
{
	int r, tries = 0;

	leave_cgroups(rec);
	record_remove_run(paths, rec);
	/* Whoever claims it at that moment makes the lock's file anew, in what is being removed, and may remove that, too. */
	do
		r = path_remove_tree(AT_FDCWD, rec->dir_path);
	while ((r == -ENOTEMPTY || r == -ENOENT) && ++tries < REMOVE_TRIES);
	return r < 0 ? err_errno(err, r, "cannot remove %s", rec->dir_path) : 0;
}

int record_list(const struct paths *paths, struct strv *ret, struct err *err)
{
	_cleanup_free_ char *containers = containers_path(paths);
	struct dirent *de;
	DIR *dir = opendir(containers);

	if (!dir && errno == ENOENT)
		return 0;
	if (!dir)
		return err_errno(err, -errno, "cannot read the folder %s", containers);
	while ((de = readdir(dir)))
		if (sandbox_id_valid(de->d_name))
			strv_add(ret, de->d_name);
	(void)closedir(dir);
	strv_sort(ret);
	return 0;
}

static char *present_boot(void)
{
	char *id;

	if (file_slurp_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", BOOT_ID_MAX, &id, NULL) < 0)
		return NULL;
	return id;
}

int record_mark_boot(const struct record *rec, struct err *err)
{
	_cleanup_free_ char *id = present_boot();
	int r = id ? file_write_atomic_at(rec->dir, BOOT_FILE, id, strlen(id), 0600) : -ENOENT;

	return r < 0 ? err_errno(err, r, "cannot write %s/" BOOT_FILE, rec->dir_path) : 0;
}

static bool is_of_earlier_boot(const struct record *rec)
{
	_cleanup_free_ char *now = present_boot(), *then = NULL;

	return now && file_slurp_at(rec->dir, BOOT_FILE, BOOT_ID_MAX, &then, NULL) == 0 &&
	       strcmp(now, then) != 0;
}

static void sweep_one(const struct paths *paths, const char *id)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct record rec;
	int r;

	record_init(paths, id, &rec);
	if (open_dir(&rec) == 0 && record_claim(&rec) == 0) {
		/* A folder without a readable spec was being made, or removed, at a SIGKILL. */
		r = record_load(&rec, &spec, NULL);
		if (r < 0 || spec.remove) {
			(void)record_remove_cgroups(&rec, 0);
			(void)record_remove(paths, &rec, NULL);
		} else if (is_of_earlier_boot(&rec)) {
			/* Its groups have ended with that boot: what is called so now is another's. */
			(void)record_remove(paths, &rec, NULL);
		} else {
			record_remove_run(paths, &rec);
		}
		sandbox_spec_done(&spec);
	}
	record_done(&rec);
}

char *record_image_disk(const struct record *rec, const struct sandbox_spec *spec)
{
	if (faccessat(rec->dir, RECORD_IMAGE_DISK, F_OK, 0) == 0)
		return path_join(rec->dir_path, RECORD_IMAGE_DISK);
	return xstrdup(spec->rootfs);
}

void record_sweep(const struct paths *paths)
{
	_cleanup_close_ int lock = lock_containers(paths, 0);
	_cleanup_strv_ struct strv all = STRV_NULL;

	if (lock < 0 || record_list(paths, &all, NULL) < 0)
		return;
	for (size_t i = 0; i < all.n; i++)
		sweep_one(paths, all.v[i]);
}
