/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/places.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "vmm/boot/bzimage.h"
#include "vmm/boot/cachefile.h"
#include "vmm/boot/elf.h"
#include "vmm/boot/modules.h"
#include "vmm/boot/unpack.h"
#include "vmm/identity.h"

/*
 * Theory of operation. A kernel that was not built for us is looked through once: unpacked when it
 * is a bzImage, its version found, the modules that guests need chosen. The result is
 * <cache>/vmlinux/<key>/ with "vmlinux" (only of a bzImage) and "modules", whose presence says that
 * the folder is complete. <key> stands for the file and for this code's format.
 *
 * The first line of "modules" names the modules.dep that the rest came from with its size and
 * time, "-" in their place if there was none; it is looked at each time, since a kernel's modules
 * may be installed, removed or rebuilt after it. The rest are the modules' paths.
 */

#define FORMAT	    "kernel 2"

#define VMLINUX_MAX (UINT64_C(1) << 30)
#define TEXT_MAX    (16U << 20) /* modules.dep, a few hundred KiB in practice */

/* What is known of a kernel while it is looked through. */
struct source {
	const char *path;
	int fd;
	bool packed;
	struct bzimage image;
	char version[ELF_VERSION_MAX];
};

static int open_kernel(const char *path, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, -errno, "the kernel %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -ENOEXEC, "the kernel %s is not a regular file", path);
	if ((uint64_t)st.st_size > VMLINUX_MAX)
		return err_set(err, -ENOEXEC, "the kernel %s is larger than 1 GiB", path);
	return take_fd(fd);
}

static int check_fd(int fd, const char *path, struct err *err)
{
	const char *why;
	int r = elf_check_kernel(fd, &why);

	if (r == -ENOEXEC)
		return err_set(err, r, "%s cannot be booted: it %s", path, why);
	if (r < 0)
		return err_errno(err, r, "the kernel %s", path);
	return 0;
}

int kernel_check(const char *path, struct err *err)
{
	_cleanup_close_ int fd = open_kernel(path, err);

	return fd < 0 ? fd : check_fd(fd, path, err);
}

/* The first line of "modules" as it would be written now. */
static char *describe_dep(const char *dep)
{
	struct stat st;

	if (!*dep || stat(dep, &st) < 0)
		return xasprintf("- %s", dep);
	return xasprintf("%lld.%lld.%09ld %s", (long long)st.st_size, (long long)st.st_mtim.tv_sec,
			 st.st_mtim.tv_nsec, dep);
}

/* Return: whether @text is of today; its lines are added to @modules then. */
static bool parse_record(char *text, struct strv *modules)
{
	_cleanup_free_ char *now = NULL;
	char *rest = text, *line = strsep(&rest, "\n"), *dep = strchr(line, ' ');

	if (!dep || !rest)
		return false;
	now = describe_dep(dep + 1);
	if (strcmp(now, line) != 0)
		return false;
	while ((line = strsep(&rest, "\n")))
		if (*line)
			strv_add(modules, line);
	return true;
}

/* Return: whether the folder had a complete and true record. */
static bool recall(int dir, const char *path, struct kernel *ret)
{
	_cleanup_kernel_ struct kernel k = KERNEL_NULL;
	_cleanup_free_ char *text = NULL, *unpacked = NULL;
	struct stat st;

	if (file_slurp_at(dir, "modules", TEXT_MAX, &text, NULL) < 0 ||
	    !parse_record(text, &k.modules))
		return false;
	unpacked = fstatat(dir, "vmlinux", &st, 0) == 0 ? xstrdup(path) : NULL;
	*ret = k;
	k = (struct kernel)KERNEL_NULL;
	ret->vmlinux = take_ptr(unpacked);
	return true;
}

static int examine(struct source *s, struct err *err)
{
	char magic[4] = "";
	int r;

	if (pread(s->fd, magic, sizeof(magic), 0) < 0)
		return err_errno(err, -errno, "the kernel %s", s->path);
	if (elf_is_elf(magic, sizeof(magic))) {
		r = check_fd(s->fd, s->path, err);
		if (r == 0 && elf_linux_version(s->fd, s->version) < 0)
			s->version[0] = '\0';
		return r;
	}
	r = bzimage_open(s->fd, &s->image);
	if (r == -ENOEXEC)
		return err_set(err, r, "%s is neither a vmlinux nor a complete bzImage", s->path);
	if (r < 0)
		return err_errno(err, r, "the kernel %s", s->path);
	s->packed = true;
	(void)snprintf(s->version, sizeof(s->version), "%s", s->image.version);
	return 0;
}

static int unpack(const struct source *s, int dir, struct err *err)
{
	_cleanup_cache_file_ struct cache_file file = CACHE_FILE_NULL;
	uint64_t len;
	int r = cache_file_begin(&file, dir);

	if (r < 0)
		return err_errno(err, r, "the cache folder cannot be written");
	r = unpack_range(s->fd, s->image.payload_offset, s->image.payload_length, file.fd,
			 VMLINUX_MAX, &len, err);
	if (r < 0) {
		(void)err_wrap(err, r, "the kernel in %s", s->path);
		return r;
	}
	if (len != s->image.vmlinux_size)
		return err_set(err, -ENOEXEC, "the kernel in %s is damaged", s->path);
	r = check_fd(file.fd, s->path, err);
	if (r < 0)
		return r;
	r = cache_file_commit(&file, "vmlinux");
	return r < 0 ? err_errno(err, r, "the cache folder cannot be written") : 0;
}

static int choose_modules(const struct source *s, const char *folder, bool pc, struct strv *ret,
			  struct err *err)
{
	_cleanup_free_ char *dep = NULL, *builtin = NULL;
	_cleanup_close_ int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *missing = "";
	int r;

	/* A kernel without modules has all in itself, or the guest will say what it lacks. */
	if (dir < 0 || file_slurp_at(dir, "modules.dep", TEXT_MAX, &dep, NULL) < 0)
		return 0;
	if (file_slurp_at(dir, "modules.builtin", TEXT_MAX, &builtin, NULL) < 0)
		builtin = NULL;
	r = modules_closure(dep, builtin, pc ? modules_wanted_pc : modules_wanted, ret, &missing);
	if (r == -ENOENT)
		return err_set(err, -ENOEXEC, "the kernel %s cannot run guests: it lacks %s",
			       s->path, missing);
	if (r < 0)
		return err_errno(err, r, "%s/modules.dep", folder);
	return 0;
}

/* Paths in modules.dep are relative to its folder, or absolute. */
static char *render_record(const char *dep, const char *folder, const struct strv *modules)
{
	_cleanup_free_ char *first = describe_dep(dep);
	char *text = xasprintf("%s\n", first), *longer;

	for (size_t i = 0; i < modules->n; i++) {
		const char *m = modules->v[i];

		longer = xasprintf("%s%s%s%s\n", text, *m == '/' ? "" : folder,
				   *m == '/' ? "" : "/", m);
		free(text);
		text = longer;
	}
	return text;
}

static int record_modules(const struct kernel_places *places, const struct source *s, int dir,
			  struct err *err)
{
	_cleanup_free_ char *folder = NULL, *dep = NULL, *text = NULL;
	_cleanup_strv_ struct strv modules = STRV_NULL;
	int r = 0;

	if (s->version[0]) {
		folder = path_join(places->modules, s->version);
		dep = path_join(folder, "modules.dep");
		r = choose_modules(s, folder, places->pc, &modules, err);
	}
	if (r < 0)
		return r;
	text = render_record(dep ? dep : "", folder, &modules);
	r = file_write_atomic_at(dir, "modules", text, strlen(text), 0644);
	return r < 0 ? err_errno(err, r, "the cache folder cannot be written") : 0;
}

static int make(const struct kernel_places *places, const char *path, int fd, int dir,
		struct err *err)
{
	struct source s = {.path = path, .fd = fd};
	int r = examine(&s, err);

	if (r == 0 && s.packed)
		r = unpack(&s, dir, err);
	if (r == 0)
		r = record_modules(places, &s, dir, err);
	return r;
}

static int make_key(const struct kernel_places *places, const char *path,
		    char key[IDENTITY_LEN + 1])
{
	_cleanup_identity_ struct identity id = IDENTITY_NULL;
	int r;

	identity_add_word(&id, FORMAT);
	if (places->pc)
		identity_add_word(&id, "pc");
	r = identity_add_file(&id, path);
	identity_key(&id, key);
	return r;
}

int kernel_prepare(const struct kernel_places *places, const char *path, struct kernel *ret,
		   struct err *err)
{
	_cleanup_free_ char *name = NULL, *folder = NULL, *vmlinux = NULL;
	_cleanup_close_ int fd = open_kernel(path, err), dir = -EBADF;
	char key[IDENTITY_LEN + 1];
	int r;

	if (fd < 0)
		return fd;
	r = make_key(places, path, key);
	if (r < 0)
		return err_errno(err, r, "the kernel %s", path);
	name = path_join("vmlinux", key);
	folder = path_join(places->cache, name);
	vmlinux = path_join(folder, "vmlinux");
	dir = cache_dir_open(places->cache, name);
	if (dir < 0)
		return err_errno(err, dir, "the folder %s cannot be made", folder);
	if (!recall(dir, vmlinux, ret)) {
		r = make(places, path, fd, dir, err);
		if (r == 0 && !recall(dir, vmlinux, ret))
			r = err_set(err, -EIO, "the cache folder %s is damaged", folder);
		if (r < 0) {
			/* If it is empty. */
			(void)rmdir(folder);
			return r;
		}
	}
	if (!ret->vmlinux)
		ret->vmlinux = xstrdup(path);
	return 0;
}
