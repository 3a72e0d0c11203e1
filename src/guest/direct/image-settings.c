/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/direct/image-settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/macro.h"
#include "guest/direct/lookup.h"
#include "guest/init/entrypoint.h"
#include "guest/init/init-conf.h"

#define MISSING \
	"[VM-START] No entrypoint found in " ABI_ENTRYPOINT ": give a command after the image"

/* The child's own: large, and all zero, so no part of the file. */
static char conf_text[ABI_ENTRYPOINT_MAX + 1], arguments[ABI_ENTRYPOINT_MAX + 1];
static struct init_conf conf;
static char path_default[] = "PATH=" LOOKUP_DEFAULT_PATH;
static char host[sizeof("HOSTNAME=") + ABI_HOSTNAME_MAX];

/* A file of the image: it may be anything. Return: bytes, or negative errno, which is told. */
static ssize_t read_text(struct setup *s, const char *path, char *text)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char buf[64];
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		n = -errno;
	else
		n = S_ISREG(st.st_mode) ? fd_read_full(fd, text, ABI_ENTRYPOINT_MAX + 1) : -EINVAL;
	if (n > (ssize_t)ABI_ENTRYPOINT_MAX)
		n = -EFBIG;
	if (n < 0)
		return setup_fail(s, (int)n, TTRPC_INVALID_ARGUMENT, "cannot read %s: %s", path,
				  setup_error((int)n, buf));
	text[n] = '\0';
	return n;
}

static bool is_missing(ssize_t n)
{
	return n == -ENOENT || n == -ENOTDIR;
}

static int read_conf(struct setup *s)
{
	struct init_conf_complaint wrong;
	ssize_t n = read_text(s, ABI_ENTRYPOINT_CONF, conf_text);

	if (n < 0 && !is_missing(n))
		return (int)n;
	s->report.kind = 0;
	n = MAX(n, 0);
	if (init_conf_check(conf_text, (size_t)n, entrypoint_end(conf_text, (size_t)n), &conf,
			    &wrong) < 0)
		return setup_fail(s, -EINVAL, TTRPC_INVALID_ARGUMENT,
				  ABI_ENTRYPOINT_CONF ": line %u: %.64s %s", wrong.line, wrong.key,
				  wrong.why);
	return 0;
}

static int read_command(struct setup *s, Caisson__Guest__V1__Process *process)
{
	ssize_t n = read_text(s, ABI_ENTRYPOINT, arguments);
	int args;

	if (n == 0 || is_missing(n))
		return setup_fail(s, -ENOENT, TTRPC_INVALID_ARGUMENT, MISSING);
	if (n < 0)
		return (int)n;
	args = entrypoint_split(arguments, (size_t)n, conf.command, INIT_CONF_ARGS_MAX);
	if (args < 0)
		return setup_fail(s, args, TTRPC_INVALID_ARGUMENT,
				  ABI_ENTRYPOINT " has more than %d arguments", INIT_CONF_ARGS_MAX);
	process->args = (char **)conf.command;
	process->n_args = (size_t)args;
	return 0;
}

/* The same variable again takes the place of the earlier one. */
static void put(Caisson__Guest__V1__Process *process, const char *assignment, bool replace)
{
	size_t len = strcspn(assignment, "=") + 1, i = 0;

	while (i < process->n_env && strncmp(process->env[i], assignment, len) != 0)
		i++;
	if (i < process->n_env && !replace)
		return;
	process->env[i] = (char *)assignment;
	process->n_env = MAX(process->n_env, i + 1);
}

/* What was asked for goes before what the image says, and that before what all have. */
static int merge_env(const struct setup *s, Caisson__Guest__V1__Process *process)
{
	const Caisson__Guest__V1__Process *asked = s->request->process;

	process->n_env = 0;
	process->env = calloc(conf.n_env + asked->n_env + 2, sizeof(*process->env));
	if (!process->env)
		return -ENOMEM;
	for (size_t i = 0; i < conf.n_env; i++)
		put(process, conf.env[i], true);
	for (size_t i = 0; i < asked->n_env; i++)
		put(process, asked->env[i], true);
	put(process, path_default, false);
	(void)snprintf(host, sizeof(host), "HOSTNAME=%s",
		       *conf.hostname ? conf.hostname : s->request->container->hostname);
	put(process, host, false);
	return 0;
}

static int apply(struct setup *s, Caisson__Guest__V1__Process *process)
{
	int r = process->n_args > 0 ? 0 : read_command(s, process);

	if (r == 0)
		r = merge_env(s, process);
	if (r < 0)
		return r;
	if (!*process->user)
		process->user = (char *)conf.user;
	if (!*process->cwd)
		process->cwd = (char *)conf.workdir;
	if (*conf.hostname && sethostname(conf.hostname, strlen(conf.hostname)) < 0)
		return -errno;
	return 0;
}

int image_settings_read(struct setup *s)
{
	static Caisson__Guest__V1__Process process;
	static struct executor_request request;
	int r;

	if (!s->request->container->settings_in_image)
		return 0;
	process = *s->request->process;
	r = read_conf(s);
	if (r == 0)
		r = apply(s, &process);
	if (r < 0)
		return r;
	request = *s->request;
	request.process = &process;
	s->request = &request;
	setup_release(s);
	return setup_allocate(s);
}
