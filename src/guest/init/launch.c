/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/init/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/macro.h"
#include "guest/direct/identity.h"
#include "guest/direct/lookup.h"
#include "guest/init/missing.h"
#include "guest/init/workspace.h"

#define STATUS_NOT_FOUND 127
/* Those below, what the file says, and HOME, USER and so on. */
#define ENV_MAX (INIT_CONF_ENV_MAX + 16)

/* The child's: it has its own copy of the memory. */
static struct setup user, owner;
static char values[4][USER_HOME_MAX + 256];
static const char *env[ENV_MAX + 1];
static size_t n_env;
static char path[PATH_MAX];

static const char *env_get(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < n_env; i++)
		if (strncmp(env[i], name, len) == 0 && env[i][len] == '=')
			return env[i] + len + 1;
	return NULL;
}

/* The same variable again takes the place of the earlier one. */
static void env_set(const char *assignment)
{
	size_t len = strcspn(assignment, "=") + 1, i = 0;

	while (i < n_env && strncmp(env[i], assignment, len) != 0)
		i++;
	if (i == ENV_MAX)
		return;
	env[i] = assignment;
	n_env = MAX(n_env, i + 1);
}

static void make_environment(const struct init_conf *conf, const char *name, const char *home)
{
	(void)snprintf(values[0], sizeof(values[0]), "HOME=%s", home);
	(void)snprintf(values[1], sizeof(values[1]), "PATH=%s/.local/bin:%s",
		       strcmp(home, "/") == 0 ? "" : home, LOOKUP_DEFAULT_PATH);
	(void)snprintf(values[2], sizeof(values[2]), "WORKSPACE_DIR=%s", conf->workspace);
	(void)snprintf(values[3], sizeof(values[3]), "USER=%.*s", (int)strcspn(name, ":"), name);
	env_set(values[0]);
	env_set(values[1]);
	env_set("TERM=xterm-256color");
	env_set("MICROVM_MODE=true");
	if (*conf->workspace)
		env_set(values[2]);
	env_set(values[3]);
	for (size_t i = 0; i < conf->n_env; i++)
		env_set(conf->env[i]);
	env[n_env] = NULL;
}

/* Steps of the command's child. Each says itself what is wrong. Return: 0, or negative errno. */

static int find_user(struct setup *s, const char *name)
{
	Caisson__Guest__V1__Process process = CAISSON__GUEST__V1__PROCESS__INIT;
	struct executor_request request = {.process = &process};
	int r;

	process.user = (char *)name;
	s->request = &request;
	r = identity_find(s);
	s->request = NULL;
	if (r < 0)
		log_error("%s", *s->report.text ? s->report.text : strerror(-r));
	return r;
}

static int make_workspace(const struct init_conf *conf)
{
	int r;

	if (!*conf->workspace)
		return 0;
	r = find_user(&owner, *conf->owner ? conf->owner : conf->user);
	if (r == 0)
		r = workspace_make(conf->workspace, owner.user.uid, owner.user.gid);
	if (r < 0)
		log_error("cannot give %s to its owner: %s", conf->workspace, strerror(-r));
	/* The command may find a way without. */
	return 0;
}

static int become_user(const struct init_conf *conf)
{
	const char *folder = *conf->workdir ? conf->workdir : user.user.home;
	bool entered = chdir(folder) == 0;
	int r = identity_change(&user);

	if (r < 0) {
		log_error("cannot become user \"%s\": %s", conf->user, strerror(-r));
		return r;
	}
	/* What only the user may enter, or not even root has. */
	if (entered || chdir(folder) == 0)
		return 0;
	if (*conf->workdir) {
		r = -errno;
		missing_file("workdir", folder, r);
		return r;
	}
	return chdir("/") < 0 ? -errno : 0;
}

static int check_required(const struct init_conf *conf)
{
	struct stat st;
	int r = 0;

	for (size_t i = 0; i < conf->n_require; i++) {
		if (stat(conf->require[i], &st) == 0)
			continue;
		r = -errno;
		missing_file("require", conf->require[i], r);
	}
	return r;
}

static int find_program(const char *key, const char *name)
{
	const char *folders = env_get("PATH");
	int r = lookup_command(name, folders ? folders : "", path, sizeof(path));

	if (r < 0 && strchr(name, '/'))
		missing_file(key, name, r);
	else if (r < 0)
		missing_program(name, folders ? folders : "");
	return r;
}

/*
 * Of the way of a command: what the host has seen of it, where there is one, is sandbox/stages.h. Here it is told by
 * whoever becomes the command, so before that is so.
 */
static void tell_stage(const char *stage, const char *word)
{
	const char *level = env_get("RUNCVM_LOG_LEVEL");

	if (level && strcasecmp(level, "debug") == 0)
		log_warn("entrypoint %s: %s", stage, word);
}

static void run_program(const char *const *argv)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execve(path, (char *const *)argv, (char *const *)env);
	log_error("cannot run %s: %s%s", path, strerror(errno),
		  errno == ENOENT ? ": its interpreter or loader" : "");
}

static void run_command(const struct init_conf *conf)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)setsid();
	if (null_fd >= 0)
		(void)dup2(null_fd, STDIN_FILENO);
	if (make_workspace(conf) == 0 && find_user(&user, conf->user) == 0) {
		make_environment(conf, *conf->user ? conf->user : "root", user.user.home);
		tell_stage("read", conf->n_command > 0 ? conf->command[0] : "");
		if (conf->n_command == 0)
			missing_command();
		else if (become_user(conf) == 0 && check_required(conf) == 0 &&
			 find_program("command", conf->command[0]) == 0) {
			tell_stage("executing", path);
			run_program(conf->command);
		}
	}
}

static void run_shell(const struct init_conf *conf)
{
	const char *argv[] = {conf->shell, NULL};
	int r;

	(void)setsid();
	/* Not by its name: a console that is no terminal, or none at all, does as well. */
	(void)ioctl(STDIN_FILENO, TIOCSCTTY, 1);
	r = find_user(&user, "");
	make_environment(conf, "root", r == 0 ? user.user.home : "/");
	if (chdir("/") == 0 && find_program("shell", conf->shell) == 0)
		run_program(argv);
}

static int start(struct launch *launch, const struct init_conf *conf,
		 void (*run)(const struct init_conf *conf))
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		run(conf);
		/* Nobody who runs could close this without it. */
		(void)!write(fds[1], "", 1);
		_exit(STATUS_NOT_FOUND);
	}
	fd_close(fds[1]);
	if (pid < 0) {
		fd_close(fds[0]);
		return -errno;
	}
	*launch = (struct launch){.pid = pid, .failure = fds[0]};
	return 0;
}

static void run_command_again(const struct init_conf *conf)
{
	missing_be_brief();
	run_command(conf);
}

int launch_command(struct launch *launch, const struct init_conf *conf, bool again)
{
	return start(launch, conf, again ? run_command_again : run_command);
}

int launch_shell(struct launch *launch, const struct init_conf *conf)
{
	return start(launch, conf, run_shell);
}

bool launch_ended(struct launch *launch)
{
	char byte;
	bool ran = read(launch->failure, &byte, 1) != 1;

	launch->failure = fd_close(launch->failure);
	launch->pid = 0;
	return ran;
}
