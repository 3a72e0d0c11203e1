/* SPDX-License-Identifier: Apache-2.0 */
/* What is attached, and the way up in it. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/seal.h"
#include "p9/request.h"

SEAL_ALLOW(readlinkat);
#if defined(SYS_readlink)
SEAL_ALLOW(readlink);
#endif
SEAL_ALLOW_ARG(fcntl, 1, ~0u, F_DUPFD_CLOEXEC);

const char *p9_tree_name(const struct p9_tree *tree)
{
	const char *slash = strrchr(tree->aname, '/');

	return slash ? slash + 1 : tree->aname;
}

static int fill(struct p9_server *s, struct p9_tree *tree, const char *aname)
{
	int r;

	tree->fd = *aname ? p9_open_path(s->root, aname, 0) : fcntl(s->root, F_DUPFD_CLOEXEC, 0);
	if (tree->fd < 0)
		return *aname ? tree->fd : -errno;
	r = p9_stat(tree->fd, &tree->st);
	if (r == 0 && S_ISLNK(tree->st.stx_mode))
		r = -ELOOP;
	if (r < 0) {
		fd_close(tree->fd);
		return r;
	}
	strcpy(tree->aname, aname);
	s->n_trees++;
	return 0;
}

int p9_tree_attach(struct p9_server *s, const char *aname, uint8_t *ret)
{
	uint8_t i = 0;

	aname += strspn(aname, "/");
	while (i < s->n_trees && strcmp(s->tree[i].aname, aname) != 0)
		i++;
	if (i == P9_TREES_MAX)
		return -EMFILE;
	*ret = i;
	return i < s->n_trees ? 0 : fill(s, &s->tree[i], aname);
}

void p9_alone_stat(struct statx *st)
{
	st->stx_mode = S_IFDIR | 0555;
	st->stx_nlink = 2;
	st->stx_size = st->stx_blocks = 0;
	/* No number of an inode: those with this bit are others' that were mixed, and have more of them. */
	st->stx_ino ^= UINT64_C(1) << 47;
}

/* As seen from this process' root. */
static int path_of(int fd, char buf[static PATH_MAX])
{
	char name[P9_FD_NAME_SIZE];
	ssize_t n = readlinkat(AT_FDCWD, p9_fd_name(fd, name), buf, PATH_MAX);

	if (n < 0)
		return -errno;
	if (n == PATH_MAX || buf[0] != '/')
		return n == PATH_MAX ? -ENAMETOOLONG : -ENOENT;
	buf[n] = '\0';
	/* What is behind the root is "". */
	if (n == 1)
		buf[0] = '\0';
	return 0;
}

/* Is it what it was when its path was looked up? */
static int check_name(int dirfd, const char *name, int fd)
{
	struct statx have, want;
	int r = p9_stat_at(dirfd, name, &have);

	if (r == 0)
		r = p9_stat(fd, &want);
	return r < 0 ? r : p9_same_file(&have, &want) ? 0 : -ENOENT;
}

static int open_folder(int top, char *rest, char **ret_name)
{
	char *slash = strrchr(rest, '/');
	int fd;

	*ret_name = slash + 1;
	*slash = '\0';
	if (*rest)
		return p9_open_path(top, rest + 1, O_DIRECTORY);
	fd = fcntl(top, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int p9_tree_parent(struct p9_server *s, const struct p9_fid *fid, char base[static P9_NAME_SIZE])
{
	const struct p9_tree *tree = &s->tree[fid->tree];
	char top[PATH_MAX], path[PATH_MAX], *name;
	_cleanup_close_ int parent = -EBADF;
	size_t len;
	int r = path_of(tree->fd, top);

	if (r == 0)
		r = path_of(fid->fd, path);
	if (r < 0)
		return r;
	len = strlen(top);
	if (strcmp(path, top) == 0)
		return -EBUSY;
	if (strncmp(path, top, len) != 0 || path[len] != '/')
		return -ENOENT;
	parent = open_folder(tree->fd, path + len, &name);
	if (parent < 0)
		return parent;
	if (strlen(name) >= P9_NAME_SIZE)
		return -ENOENT;
	strcpy(base, name);
	r = check_name(parent, name, fid->fd);
	return r < 0 ? r : take_fd(parent);
}
