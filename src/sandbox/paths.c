/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/paths.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"

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
static const struct folder folder_cache = {"CAISSON_CACHE", "/var/cache/caisson", "XDG_CACHE_HOME",
					   ".cache", 0755};

static char *folder_path(const struct folder *f)
{
	const char *own = secure_getenv(f->variable), *base;

	if (own && *own)
		return xstrdup(own);
	if (geteuid() == 0)
		return xstrdup(f->system);
	base = secure_getenv(f->xdg);
	if (base && *base == '/')
		return path_join(base, "caisson");
	base = secure_getenv("HOME");
	return xasprintf("%s/%s/caisson", base && *base ? base : "/nonexistent", f->home_part);
}

static int folder_make(const struct folder *f, char **ret, struct err *err)
{
	_cleanup_free_ char *path = folder_path(f);
	int r;

	if (*path != '/')
		return err_set(err, -EINVAL, "%s is \"%s\": give an absolute path", f->variable,
			       path);
	r = path_mkdirs(path, f->mode);
	if (r < 0)
		return err_errno(err, r, "cannot make the folder %s (see $%s)", path, f->variable);
	*ret = take_ptr(path);
	return 0;
}

int paths_init(struct paths *ret, struct err *err)
{
	struct paths p = PATHS_NULL;
	int r;

	r = folder_make(&folder_root, &p.root, err);
	if (r == 0)
		r = folder_make(&folder_run, &p.run, err);
	if (r == 0)
		r = folder_make(&folder_cache, &p.cache, err);
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
