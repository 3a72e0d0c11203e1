/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/unix.h"
#include "sandbox/container.h"
#include "sandbox/launch-plan.h"
#include "sandbox/launch.h"
#include "sandbox/share.h"
#include "sandbox/userns.h"
#include "sandbox/volume.h"

/* Where Debian's qemu-system-common has it, then where newer packages do. */
static const char *const virtiofsd_paths[] = {
	"/usr/lib/qemu/virtiofsd",
	"/usr/libexec/virtiofsd",
	"/usr/lib/virtiofsd",
};

const char *launch_virtiofsd(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(virtiofsd_paths); i++)
		if (access(virtiofsd_paths[i], X_OK) == 0)
			return virtiofsd_paths[i];
	return NULL;
}

/* A list of options ends one at a comma, unless a backslash is before it (libfuse's fuse_opt.h). */
static char *share_source(const char *run_path)
{
	char *option = xmalloc(sizeof("source=/" SHARE_FOLDER) + 2 * strlen(run_path)), *p;

	for (p = stpcpy(option, "source="); *run_path; *p++ = *run_path++)
		if (*run_path == ',' || *run_path == '\\')
			*p++ = '\\';
	strcpy(p, "/" SHARE_FOLDER);
	return option;
}

/*
 * Where nobody but this guest changes the files it may keep all it has learnt of them. What it has learnt of
 * volumes holds for a fiftieth of a second, in which a tree is walked as fast as in the whole one that is
 * virtiofsd's choice, while without any each step would be a question to the host. Containers that are still to come
 * may have some. Of a group each exec would read its program again, if what is in files were forgotten whenever they are
 * opened: it is once their size or time has changed, as by NFS.
 */
static char *share_cache(const struct sandbox *sb)
{
	const struct sandbox_spec *spec = sb->spec;

	if (*spec->virtiofs_cache)
		return xasprintf("cache=%s", spec->virtiofs_cache);
	if (sb->group)
		return xstrdup("cache=always,timeout=0.02");
	if (volumes_shared(&spec->volumes))
		return xstrdup("cache=auto,timeout=0.02");
	return xstrdup(*spec->bundle ? "cache=auto" : "cache=always");
}

bool launch_shares(const struct sandbox *sb)
{
	return sb->group || share_is_needed(sb->spec);
}

int launch_mounts(struct sandbox *sb, struct err *err)
{
	int r = share_make(sb->record, sb->spec, sb->group ? &sb->sources : NULL, err);

	list_for_each (it, &sb->containers) {
		struct container *c = container_of(it, struct container, link);

		if (r == 0)
			r = share_add(sb->record, c->record, c->spec, sb->group ? &c->uses : NULL,
				      err);
	}
	return r;
}

/* In what becomes virtiofsd or 9pd: this process stays who it is. */
static int share_as_user(void *data, struct err *err)
{
	struct sandbox *sb = data;
	int r = userns_enter(err);

	return r == 0 ? launch_mounts(sb, err) : r;
}

#define OPTIONS "xattr,sandbox=namespace,announce_submounts"

/*
 * killpriv_v2: the host's kernel takes setuid bits away from a file that is written, truncated or given to somebody, as
 * whom it may be. Without that truncating leaves them, and before each chown(2) the guest asks which there are.
 * An EFI, whose own driver of virtiofs asks first, does not know of it, and virtiofsd would end.
 */
static const char *share_options(const struct sandbox_spec *spec)
{
	return *spec->bios ? OPTIONS : OPTIONS ",killpriv_v2";
}

static int start(struct sandbox *sb, struct launch_plan *p, const char *name,
		 const char *const *argv, struct err *err)
{
	struct proc_spec spec = PROC_SPEC_NULL;
	struct err unprepared = ERR_NULL;
	int r = fd_nonblock(p->share_listen, false);

	if (r < 0)
		return err_errno(err, r, "cannot let %s listen", name);
	spec.argv = argv;
	spec.fds = &p->share_listen;
	spec.n_fds = 1;
	spec.death_signal = SIGKILL;
	if (geteuid() != 0) {
		spec.prepare = share_as_user;
		spec.prepare_data = sb;
		spec.prepare_err = &unprepared;
	}
	r = helper_start(&sb->share, sb->loop, name, &spec, p->callbacks->helper_died, sb);
	if (unprepared.code < 0)
		return err_set(err, r, "%s", unprepared.text);
	return r < 0 ? err_errno(err, r, "cannot start %s", argv[0]) : 0;
}

static int serve_virtiofs(struct sandbox *sb, struct launch_plan *p, struct err *err)
{
	_cleanup_free_ char *source = share_source(sb->record->run_path);
	const char *program = launch_virtiofsd();
	_cleanup_free_ char *cache = share_cache(sb);
	const char *argv[] = {program, "--fd=3", "-o", source,
			      "-o",    cache,	 "-o", share_options(sb->spec),
			      "-f",    NULL};

	if (!program)
		return err_set(err, -ENOENT,
			       "there is no virtiofsd on this machine: install qemu-system-common");
	p->share_path = path_join(sb->record->run_path, "fs.sock");
	p->share_listen = unix_listen(p->share_path);
	if (p->share_listen < 0)
		return err_errno(err, p->share_listen, "cannot listen on %s", p->share_path);
	return start(sb, p, "virtiofsd", argv, err);
}

/* One for each mount that it is told of (process-root.h, commons.h). All of a group have one in common. */
static size_t count_connections(const struct sandbox *sb)
{
	size_t n = 0;

	if (sb->group)
		return 1;
	list_for_each (it, &sb->containers) {
		struct container *c = container_of(it, struct container, link);

		share_find_alone(c->spec, &c->alone);
		n += 1 + c->alone.n + !sandbox_spec_has_disks(c->spec);
	}
	return n;
}

/*
 * The guest has mounted it all before anybody's command runs there. Whoever connects later would be one of those, who
 * may do more in the share than in the container: there is a connection for each mount, and no other one. Of the host's
 * own vsock any VM may ask for one.
 */
static int serve_9p(struct sandbox *sb, struct launch_plan *p, struct err *err)
{
	_cleanup_free_ char *program = paths_program(sb->paths, "caisson-9pd");
	_cleanup_free_ char *root = path_join(sb->record->run_path, SHARE_FOLDER);
	char cid[16], connections[16];
	const char *argv[] = {program,	       "--root",    root, "--listen-fd", "3",
			      "--connections", connections, NULL, NULL,		 NULL};

	(void)snprintf(connections, sizeof(connections), "%zu", count_connections(sb));
	(void)snprintf(cid, sizeof(cid), "%u", sb->address.cid);
	if (!sb->address.hybrid_path) {
		argv[7] = "--cid";
		argv[8] = cid;
	}
	return start(sb, p, "caisson-9pd", argv, err);
}

int launch_share(struct sandbox *sb, struct launch_plan *p, struct err *err)
{
	return sandbox_spec_has_9p(sb->spec) ? serve_9p(sb, p, err) : serve_virtiofs(sb, p, err);
}
