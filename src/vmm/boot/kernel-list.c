/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/places.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "vmm/boot/cachefile.h"
#include "vmm/boot/elf.h"

#define DEFAULT_LINK "default"
#define PREFIX_MIN   4

static void add(struct kernel_list *list, struct kernel_entry entry)
{
	list->entries = xreallocarray(list->entries, list->n + 1, sizeof(entry));
	list->entries[list->n++] = entry;
}

static void remove_entry(struct kernel_entry *entry)
{
	free(entry->name);
	free(entry->path);
	free(entry->version);
}

/* A folder's name that can be typed as a kernel's. */
static bool plain_name(const char *name)
{
	if (*name == '.' || strcmp(name, DEFAULT_LINK) == 0 || strcmp(name, KERNEL_DISTRO) == 0)
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("-_.", *name))
			return false;
	return true;
}

static int newest_first(const void *a, const void *b)
{
	const struct kernel_entry *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? 1 : -1;
	return strcmp(x->name, y->name);
}

static int highest_version_first(const void *a, const void *b)
{
	return strverscmp(((const struct kernel_entry *)b)->version,
			  ((const struct kernel_entry *)a)->version);
}

static int no_folder(int r, const char *path, struct err *err)
{
	return r == -ENOENT || r == -ENOTDIR ? 0 : err_errno(err, r, "the folder %s", path);
}

static bool is_listed(const struct kernel_list *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->entries[i].name, name) == 0)
			return true;
	return false;
}

/* Can nobody but root change what is there? */
static bool is_roots(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_uid == 0 && !(st.st_mode & 022);
}

static void add_tuned(struct kernel_list *list, const char *folder, const char *name, bool roots)
{
	_cleanup_free_ char *dir = path_join(folder, name), *path = path_join(dir, "vmlinux");
	struct stat st;

	if (!plain_name(name) || is_listed(list, name) || stat(path, &st) < 0 ||
	    !S_ISREG(st.st_mode) || (roots && (!is_roots(dir) || !is_roots(path))))
		return;
	add(list,
	    (struct kernel_entry){
		    .name = xstrdup(name),
		    .path = take_ptr(path),
		    .version = xstrdup(""),
		    .time = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec,
		    .tuned = true,
	    });
}

static int list_tuned(const char *folder, bool roots, struct kernel_list *list, struct err *err)
{
	DIR *dir = opendir(folder);
	struct dirent *de;

	if (!dir)
		return no_folder(-errno, folder, err);
	while ((de = readdir(dir)))
		add_tuned(list, folder, de->d_name, roots);
	(void)closedir(dir);
	if (list->n)
		qsort(list->entries, list->n, sizeof(*list->entries), newest_first);
	return 0;
}

/* Only those whose modules are there too: what is left of a removed package cannot be used. */
static int list_distro(const struct kernel_places *places, struct kernel_list *list,
		       struct err *err)
{
	DIR *dir = opendir(places->boot);
	size_t first = list->n;
	struct dirent *de;

	if (!dir)
		return no_folder(-errno, places->boot, err);
	while ((de = readdir(dir))) {
		_cleanup_free_ char *dep = NULL;
		const char *version = str_starts(de->d_name, "vmlinuz-");

		if (!version || !*version)
			continue;
		dep = xasprintf("%s/%s/modules.dep", places->modules, version);
		if (access(dep, R_OK) < 0)
			continue;
		add(list, (struct kernel_entry){
				  .path = path_join(places->boot, de->d_name),
				  .version = xstrdup(version),
			  });
	}
	(void)closedir(dir);
	if (list->n > first)
		qsort(list->entries + first, list->n - first, sizeof(*list->entries),
		      highest_version_first);
	/* The newest has a name, the others go by their paths. */
	for (size_t i = first; i < list->n; i++)
		list->entries[i].name = xstrdup(i == first ? KERNEL_DISTRO : list->entries[i].path);
	return 0;
}

/* Return: whether the link is there, and says one of these. */
static bool mark_chosen(const char *folder, struct kernel_list *list)
{
	_cleanup_free_ char *path = path_join(folder, DEFAULT_LINK);
	char target[NAME_MAX + 1];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	target[MAX(n, 0)] = '\0';
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->entries[i].name, target) == 0)
			return list->entries[i].is_default = true;
	return false;
}

/* What the links say counts while it exists; then the order of the list does. */
static void mark_default(const char *own, const char *system, struct kernel_list *list)
{
	if (list->n > 0 && !mark_chosen(own, list) && !(system && mark_chosen(system, list)))
		list->entries[0].is_default = true;
}

int kernel_list_at(const struct kernel_places *places, struct kernel_list *ret, struct err *err)
{
	__attribute__((cleanup(kernel_list_done))) struct kernel_list list = KERNEL_LIST_NULL;
	_cleanup_free_ char *own = path_join(places->cache, "kernels"), *system = NULL;
	int r = list_tuned(own, false, &list, err);

	/* It may be none of ours to look into. */
	if (places->system && is_roots(places->system))
		system = path_join(places->system, "kernels");
	if (system && is_roots(system))
		(void)list_tuned(system, true, &list, NULL);
	if (r == 0)
		r = list_distro(places, &list, err);
	if (r < 0)
		return r;
	mark_default(own, system, &list);
	*ret = list;
	list = (struct kernel_list)KERNEL_LIST_NULL;
	return 0;
}

void kernel_list_versions(struct kernel_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		struct kernel_entry *entry = &list->entries[i];
		_cleanup_close_ int fd = -EBADF;
		char version[ELF_VERSION_MAX];

		if (!entry->tuned)
			continue;
		fd = open(entry->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (fd < 0 || elf_linux_version(fd, version) < 0)
			continue;
		free(entry->version);
		entry->version = xstrdup(version);
	}
}

void kernel_list_done(struct kernel_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		remove_entry(&list->entries[i]);
	free(list->entries);
	list->entries = NULL;
	list->n = 0;
}

static int find_default(const struct kernel_list *list, struct err *err)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->entries[i].is_default)
			return (int)i;
	return err_set(err, -ENOENT,
		       "there is no kernel for guests: run 'caisson kernel build', or install the "
		       "package linux-image-cloud-amd64");
}

int kernel_find(const struct kernel_list *list, const char *wanted, struct err *err)
{
	int found = -ENOENT;

	if (!wanted)
		return find_default(list, err);
	for (size_t i = 0; i < list->n; i++) {
		const char *name = list->entries[i].name;

		if (strcmp(name, wanted) == 0)
			return (int)i;
		if (!list->entries[i].tuned || strlen(wanted) < PREFIX_MIN ||
		    !str_starts(name, wanted))
			continue;
		if (found >= 0)
			return err_set(err, -ENOTUNIQ, "several kernels begin with '%s'", wanted);
		found = (int)i;
	}
	if (found >= 0)
		return found;
	if (strcmp(wanted, KERNEL_DISTRO) == 0)
		return err_set(err, -ENOENT,
			       "no kernel of the distribution is installed, with its modules (the "
			       "package is linux-image-cloud-amd64)");
	return err_set(err, -ENOENT,
		       "there is no kernel '%s' (see 'caisson kernel list'; a file's name needs a "
		       "slash: ./%s)",
		       wanted, wanted);
}

int kernel_use_at(const struct kernel_places *places, const char *name, struct err *err)
{
	__attribute__((cleanup(kernel_list_done))) struct kernel_list list = KERNEL_LIST_NULL;
	_cleanup_close_ int dir = -EBADF;
	char tmp[64];
	int r = kernel_list_at(places, &list, err), i;

	if (r < 0)
		return r;
	i = kernel_find(&list, name, err);
	if (i == -ENOENT && strcmp(name, KERNEL_DISTRO) != 0)
		return err_set(
			err, i,
			"there is no kernel '%s' to choose: give a name that 'caisson kernel "
			"list' shows; a file is for 'caisson run --kernel'",
			name);
	if (i < 0)
		return i;
	dir = cache_dir_open(places->cache, "kernels");
	if (dir < 0)
		return err_errno(err, dir, "the folder %s/kernels", places->cache);
	(void)snprintf(tmp, sizeof(tmp), ".default.%d", (int)getpid());
	(void)unlinkat(dir, tmp, 0);
	if (symlinkat(list.entries[i].name, dir, tmp) < 0 ||
	    renameat(dir, tmp, dir, DEFAULT_LINK) < 0) {
		r = -errno;
		(void)unlinkat(dir, tmp, 0);
		return err_errno(err, r, "the default kernel cannot be changed");
	}
	return 0;
}
