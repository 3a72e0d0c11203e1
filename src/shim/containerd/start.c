/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: the bundle becomes a record, as for `caisson create`, and a shim is started, which listens
 * on containerd's socket already. containerd waits until nobody has our standard streams any more: the shim has
 * none of them. What goes wrong from there on the shim tells to Create.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/proc.h"
#include "cgroup/cgroup.h"
#include "sandbox/bundle.h"
#include "sandbox/cri.h"
#include "sandbox/hooks.h"
#include "sandbox/oci-adapt.h"
#include "shim/containerd/address.h"
#include "shim/containerd/options.h"
#include "shim/containerd/pod-bundle.h"
#include "shim/containerd/start-hooks.h"
#include "shim/containerd/start.h"
#include "shim/lifeline.h"

#define GROUP_OF_CONTAINERD "io.containerd.runc.v2.group"

/* Of a bundle of containerd's. */
#define ROOT	      "rootfs"

#define OOM_SCORE_MAX 1000

/* @sandbox: the bundle has no config.json: Task's Create is not what comes first */
struct start {
	const struct containerd_args *args;
	struct containerd_options options;
	struct paths paths;
	struct sandbox_spec spec;
	struct bundle bundle;
	struct record record;
	struct proc shim;
	char *socket;
	int listener, log;
	bool sandbox;
};

/* Whose shim it is: the group's, of which nothing else of the bundle may make sense yet. */
static int find_socket(struct start *s, struct err *err)
{
	_cleanup_strv_ struct strv annotations = STRV_NULL;
	const char *group;
	int r;

	s->sandbox = access(OCI_CONFIG_FILE, F_OK) < 0 && errno == ENOENT;
	r = s->sandbox ? 0 : bundle_annotations(".", &annotations, err);
	group = strv_env_get(&annotations, GROUP_OF_CONTAINERD);
	if (!group)
		group = strv_env_get(&annotations, CRI_SANDBOX_ID);
	s->socket =
		containerd_socket_path(s->args, group ? group : s->args->id, s->options.socket_dir);
	return r;
}

/* containerd makes a folder for the root file system in each bundle, whatever that is for. */
static int load_sandbox(struct start *s, struct err *err)
{
	_cleanup_free_ char *folder = NULL;

	if (access(ROOT, F_OK) == 0)
		return pod_bundle_load(".", NULL, &s->spec, &s->bundle, err);
	folder = realpath(".", NULL);
	return err_set(err, -ENOENT,
		       "%s is no bundle: there is neither " OCI_CONFIG_FILE
		       ", as a container has it, nor the folder " ROOT " of a sandbox",
		       folder ? folder : ".");
}

/* That others can come to. */
static int load(struct start *s, struct err *err)
{
	static const struct oci_group first = {.n = 0};
	int r;

	if (s->options.config)
		(void)setenv("CAISSON_CONFIG", s->options.config, 1);
	s->spec.id = xstrdup(s->args->id);
	if (s->sandbox)
		return load_sandbox(s, err);
	r = bundle_load(".",
			s->options.systemd_cgroup ? BUNDLE_CGROUPS_SYSTEMD : BUNDLE_CGROUPS_EITHER,
			&first, &s->spec, &s->bundle, err);
	if (r == 0 && s->bundle.hooks && hooks_has(s->bundle.hooks, "poststart"))
		r = err_set(err, -ENOTSUP,
			    "%s/" OCI_CONFIG_FILE
			    ": hooks.poststart: caisson runs them for OCI engines only",
			    s->spec.bundle);
	if (r == 0)
		r = bundle_choose_machine(&s->bundle, &s->spec, err);
	return r;
}

/* For `caisson --root`, which looks for it there. */
static int link_socket(const struct start *s, struct err *err)
{
	_cleanup_free_ char *name = path_join(s->record.run_path, RECORD_SHIM_SOCKET);

	return symlink(s->socket, name) < 0 ? err_errno(err, -errno, "cannot make %s", name) : 0;
}

static int oom_score(const char *process)
{
	_cleanup_free_ char *path = xasprintf("/proc/%s/oom_score_adj", process), *text = NULL;

	return file_slurp_at(AT_FDCWD, path, 16, &text, NULL) < 0 ? 0 : atoi(text);
}

/* Where containerd is spared when memory runs out its shims are, too; but they go before it. */
static void follow_containerd(void)
{
	_cleanup_free_ char *parent = xasprintf("%d", (int)getppid());
	_cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	int score = oom_score(parent);

	if (fd >= 0)
		(void)dprintf(fd, "%d", MIN(score + 1, OOM_SCORE_MAX));
}

/* It is let go from the start: containerd, which asked for it, speaks to it when it likes to. */
static int make_lifeline(struct err *err)
{
	_cleanup_close_ int read_end = -EBADF, write_end = -EBADF;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "cannot make a pipe");
	read_end = fds[0];
	write_end = fds[1];
	if (fd_write_full(write_end, &(char){LIFELINE_LET_GO}, 1) < 0)
		return err_errno(err, -EIO, "cannot write to a pipe");
	return take_fd(read_end);
}

/* Without a unix:// it is a path, too. */
static const char *events_address(char **fallback, const struct containerd_args *args)
{
	const char *given = getenv("TTRPC_ADDRESS"), *path;

	*fallback = xasprintf("%s.ttrpc", args->address);
	if (!given || !*given)
		return *fallback;
	path = str_starts(given, CONTAINERD_UNIX);
	return path ? path : given;
}

static int spawn(struct start *s, struct err *err)
{
	_cleanup_free_ char *program = paths_program(&s->paths, "caisson-shim"), *fallback = NULL;
	_cleanup_close_ int lifeline = make_lifeline(err);
	const char *argv[] = {program,
			      "--id",
			      s->record.id,
			      "--containerd",
			      s->args->namespace,
			      "--events",
			      events_address(&fallback, s->args),
			      s->sandbox ? "--pod" : NULL,
			      NULL};
	const int fds[] = {s->listener, lifeline, s->record.lock, -EBADF};
	struct proc_spec spec = PROC_SPEC_NULL;
	int r;

	_Static_assert(SHIM_FD_LISTEN == 3 && SHIM_FD_LIFELINE == 4 && SHIM_FD_LOCK == 5 &&
			       SHIM_FD_IMAGE == 6,
		       "the order above");
	if (lifeline < 0)
		return lifeline;
	spec.argv = argv;
	spec.fds = fds;
	spec.n_fds = ARRAY_SIZE(fds);
	spec.stderr_fd = s->log;
	spec.new_session = true;
	r = proc_start(&spec, &s->shim);
	return r < 0 ? err_errno(err, r, "cannot start %s", program) : 0;
}

/* For a containerd that was restarted. */
static int keep_address(const char *address, struct err *err)
{
	_cleanup_close_ int bundle = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = bundle < 0 ? -errno
			   : file_write_atomic_at(bundle, CONTAINERD_ADDRESS_FILE, address,
						  strlen(address), 0644);

	return r < 0 ? err_errno(err, r, "cannot write " CONTAINERD_ADDRESS_FILE " in the bundle")
		     : 0;
}

/* A shim that is there already ends with its whole session. */
static void undo(struct start *s)
{
	if (s->shim.pid > 0) {
		(void)kill(-s->shim.pid, SIGKILL);
		(void)proc_wait(&s->shim);
	}
	(void)unlink(s->socket);
	if (s->record.lock >= 0) {
		(void)hooks_run(&s->record, &s->spec, "poststop", "stopped", 0, NULL);
		(void)record_remove_cgroups(&s->record, CGROUP_PATIENCE);
		(void)record_remove(&s->paths, &s->record, NULL);
	}
	paths_leave_root();
}

static int start_shim(struct start *s, struct err *err)
{
	int r = load(s, err);

	if (r == 0)
		r = bundle_record_anew(&s->bundle, &s->paths, &s->spec, &s->record, err);
	if (r == 0)
		r = link_socket(s, err);
	if (r < 0)
		return r;
	/* Its log, which containerd reads; nobody may have to wait for that. */
	s->log = open("log", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	follow_containerd();
	/* It outlives the bundle. */
	if (chdir("/") < 0)
		return err_errno(err, -errno, "cannot leave the bundle");
	r = spawn(s, err);
	return r == 0 && s->bundle.hooks ? start_hooks(&s->record, &s->spec, s->socket, err) : r;
}

/*
 * All versions take the address alone, and ask with each container of a sandbox for its shim then. Those that take more
 * cannot be told from others before they say so.
 */
static int print_address(const struct start *s, const char *address, struct err *err)
{
	int r;

	if (s->sandbox && s->options.bootstrap)
		r = printf("{\"version\":3,\"address\":\"%s\",\"protocol\":\"ttrpc\"}\n", address);
	else
		r = puts(address);
	return r < 0 || fflush(stdout) != 0 ? err_errno(err, -EIO, "cannot print the address") : 0;
}

static int start(struct start *s, struct err *err)
{
	_cleanup_free_ char *address = NULL;
	int r = containerd_options_read(STDIN_FILENO, s->args, &s->options, err);

	if (r == 0)
		r = find_socket(s, err);
	if (r < 0)
		return r;
	address = xasprintf(CONTAINERD_UNIX "%s", s->socket);
	r = containerd_paths(s->args->namespace, &s->paths, err);
	if (r == 0)
		r = s->listener = containerd_listen(s->socket, err);
	if (r < 0 && r != -EADDRINUSE)
		return r;
	r = keep_address(address, err);
	if (r == 0 && s->listener >= 0)
		r = start_shim(s, err);
	if (r < 0 && s->listener >= 0)
		undo(s);
	return r == 0 ? print_address(s, address, err) : r;
}

int containerd_start(const struct containerd_args *args, struct err *err)
{
	struct start s = {
		.args = args,
		.paths = PATHS_NULL,
		.spec = SANDBOX_SPEC_NULL,
		.bundle = BUNDLE_NULL,
		.record = RECORD_NULL,
		.shim = PROC_NULL,
		.listener = -EBADF,
		.log = -EBADF,
	};
	int r = start(&s, err);

	fd_close(s.shim.pidfd);
	fd_close(s.listener);
	fd_close(s.log);
	free(s.socket);
	record_done(&s.record);
	bundle_done(&s.bundle);
	sandbox_spec_done(&s.spec);
	paths_done(&s.paths);
	containerd_options_done(&s.options);
	return r;
}
