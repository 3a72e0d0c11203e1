/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "vmm/boot/elf.h"
#include "vmm/boot/places.h"
#include "vmm/vmm.h"

static int use_file(const struct kernel_places *places, const char *path, struct kernel *ret,
		    struct err *err)
{
	int r = kernel_prepare(places, path, ret, err);

	if (r < 0)
		return r;
	ret->name = xstrdup(path);
	ret->bzimage = strcmp(ret->vmlinux, path) != 0 ? xstrdup(path) : NULL;
	return 0;
}

/* One of our own: nothing to prepare, and no modules. */
static int use_tuned(const struct kernel_entry *entry, struct kernel *ret, struct err *err)
{
	int r = kernel_check(entry->path, err);

	if (r < 0)
		return r;
	*ret = (struct kernel)KERNEL_NULL;
	ret->name = xstrdup(entry->name);
	ret->tuned = true;
	ret->vmlinux = xstrdup(entry->path);
	return 0;
}

static int resolve(const struct kernel_places *places, const char *wanted, struct kernel *ret,
		   struct err *err)
{
	__attribute__((cleanup(kernel_list_done))) struct kernel_list list = KERNEL_LIST_NULL;
	const struct kernel_entry *entry;
	int r;

	if (!wanted && places->pc)
		wanted = KERNEL_DISTRO;
	if (wanted && strchr(wanted, '/'))
		return use_file(places, wanted, ret, err);
	r = kernel_list_at(places, &list, err);
	if (r == 0)
		r = kernel_find(&list, wanted, err);
	if (r < 0)
		return r;
	entry = &list.entries[r];
	if (entry->tuned && places->pc)
		return err_set(err, -ENOEXEC,
			       "the kernel %s has no PCI, which the machine " VMM_MACHINE_PC
			       " needs: --kernel " KERNEL_DISTRO " has",
			       entry->name);
	if (entry->tuned)
		return use_tuned(entry, ret, err);
	return use_file(places, entry->path, ret, err);
}

static int measure(struct kernel *kernel, struct err *err)
{
	_cleanup_close_ int fd = open(kernel->vmlinux, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : elf_load_end(fd, &kernel->load_end);

	return r < 0 ? err_errno(err, r, "the kernel %s", kernel->vmlinux) : 0;
}

int kernel_resolve_at(const struct kernel_places *places, const char *wanted, struct kernel *ret,
		      struct err *err)
{
	int r = resolve(places, wanted, ret, err);

	if (r < 0)
		return r;
	r = measure(ret, err);
	if (r < 0)
		kernel_done(ret);
	return r;
}

int kernel_resolve(const char *cache_dir, const char *wanted, struct kernel *ret, struct err *err)
{
	const struct kernel_places places = KERNEL_PLACES(cache_dir);

	return kernel_resolve_at(&places, wanted, ret, err);
}

int kernel_resolve_pc(const char *cache_dir, const char *wanted, struct kernel *ret,
		      struct err *err)
{
	struct kernel_places places = KERNEL_PLACES(cache_dir);

	places.pc = true;
	return kernel_resolve_at(&places, wanted, ret, err);
}

int kernel_list(const char *cache_dir, struct kernel_list *ret, struct err *err)
{
	const struct kernel_places places = KERNEL_PLACES(cache_dir);

	return kernel_list_at(&places, ret, err);
}

int kernel_use(const char *cache_dir, const char *name, struct err *err)
{
	const struct kernel_places places = KERNEL_PLACES(cache_dir);

	return kernel_use_at(&places, name, err);
}

void kernel_done(struct kernel *kernel)
{
	free(kernel->name);
	free(kernel->vmlinux);
	free(kernel->bzimage);
	kernel->name = kernel->vmlinux = kernel->bzimage = NULL;
	strv_done(&kernel->modules);
}
