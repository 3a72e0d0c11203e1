/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/paths.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/shell-word.h"
#include "vmm/boot/kernel.h"

/**
 * struct folder - where one of the folders is
 * @variable: overrides the rest
 * @system: for root
 * @xdg: variable of the XDG base directory specification, else @home_part of $HOME
 */
struct folder {
	const char *variable, *system, *xdg, *home_part;
	mode_t mode;
};

static const struct folder folder_root = {"CAISSON_ROOT", "/var/lib/caisson", "XDG_DATA_HOME",
					  ".local/share", 0711};
static const struct folder folder_run = {"CAISSON_RUN", "/run/caisson", "XDG_RUNTIME_DIR",
					 ".local/run", 0700};
static const struct folder folder_cache = {"CAISSON_CACHE", KERNEL_SYSTEM_CACHE, "XDG_CACHE_HOME",
					   ".cache", 0755};

static char *default_path(const struct folder *f)
{
	const char *base;

	if (geteuid() == 0)
		return xstrdup(f->system);
	base = secure_getenv(f->xdg);
	if (base && *base == '/')
		return path_join(base, "caisson");
	base = secure_getenv("HOME");
	return xasprintf("%s/%s/caisson", base && *base ? base : "/nonexistent", f->home_part);
}

static char *folder_path(const struct folder *f)
{
	const char *own = secure_getenv(f->variable);

	return own && *own ? xstrdup(own) : default_path(f);
}

static int folder_find(const struct folder *f, char **ret, struct err *err)
{
	_cleanup_free_ char *path = folder_path(f);

	if (*path != '/')
		return err_set(err, -EINVAL, "%s is \"%s\": give an absolute path", f->variable,
			       path);
	*ret = take_ptr(path);
	return 0;
}

static int folder_make(const struct folder *f, const char *path, struct err *err)
{
	/* What is a user's is nobody else's. */
	int r = path_mkdirs(path, geteuid() == 0 ? f->mode : 0700);

	return r < 0 ? err_errno(err, r, "cannot make the folder %s (see $%s)", path, f->variable)
		     : 0;
}

int paths_find(struct paths *ret, struct err *err)
{
	struct paths p = PATHS_NULL;
	int r;

	r = folder_find(&folder_root, &p.root, err);
	if (r == 0)
		r = folder_find(&folder_run, &p.run, err);
	if (r == 0)
		r = folder_find(&folder_cache, &p.cache, err);
	if (r == 0) {
		p.programs = path_self_dir();
		if (!p.programs)
			r = err_set(err, -ENOENT, "cannot find my own program: is /proc mounted?");
	}
	if (r < 0)
		paths_done(&p);
	else
		*ret = p;
	return r;
}

int paths_init(struct paths *ret, struct err *err)
{
	int r = paths_find(ret, err);

	if (r < 0)
		return r;
	r = folder_make(&folder_root, ret->root, err);
	if (r == 0)
		r = folder_make(&folder_run, ret->run, err);
	if (r == 0)
		r = folder_make(&folder_cache, ret->cache, err);
	if (r < 0)
		paths_done(ret);
	return r;
}

char *paths_default_run(void)
{
	return default_path(&folder_run);
}

char *paths_containerd(void)
{
	_cleanup_free_ char *base = paths_default_run();

	return path_join(base, PATHS_CONTAINERD);
}

/* Containers of one folder have sockets apart from those of another, with paths that are short. */
char *paths_run_of(const char *root)
{
	_cleanup_free_ char *base = paths_default_run();
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	/* FNV-1a */
	for (const char *p = root; *p; p++)
		hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	return xasprintf("%s/@%08x", base, (unsigned int)(hash ^ hash >> 32));
}

static char *command;

const char *paths_command(void)
{
	return command ? command : "caisson";
}

int paths_set_root(const char *root, struct err *err)
{
	_cleanup_free_ char *full = NULL, *run = NULL, *word = NULL;
	char cwd[PATH_MAX];

	if (*root == '/')
		full = xstrdup(root);
	else if (getcwd(cwd, sizeof(cwd)))
		full = xasprintf("%s/%s", cwd, root);
	else
		return err_errno(err, -errno, "cannot find the current folder");
	run = paths_run_of(full);
	word = shell_word(root);
	free(command);
	command = xasprintf("caisson --root %s", word);
	(void)setenv(folder_root.variable, full, 1);
	(void)setenv(folder_run.variable, run, 1);
	return 0;
}

void paths_leave_root(void)
{
	const char *run = getenv(folder_run.variable);

	if (run)
		(void)rmdir(run);
}

void paths_done(struct paths *paths)
{
	free(paths->root);
	free(paths->run);
	free(paths->cache);
	free(paths->programs);
	*paths = (struct paths)PATHS_NULL;
}

char *paths_program(const struct paths *paths, const char *name)
{
	_cleanup_free_ char *beside = path_join(paths->programs, name);

	if (access(beside, X_OK) == 0)
		return take_ptr(beside);
	return xasprintf("%s/../libexec/caisson/%s", paths->programs, name);
}

int paths_open_program(const char *name, struct err *err)
{
	struct paths paths = {.programs = path_self_dir()};
	_cleanup_free_ char *path = paths.programs ? paths_program(&paths, name) : NULL;
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -ENOENT;

	if (!path)
		err_set(err, fd, "cannot find my own program: is /proc mounted?");
	else if (fd < 0)
		fd = err_errno(err, -errno, "cannot open %s", path);
	paths_done(&paths);
	return fd;
}
