/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/needed.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/path.h"
#include "vmm/boot/standin.h"

#define PHDRS_MAX   64
#define DYNAMIC_MAX 512
#define NAME_LEN    256

/* Debian's multiarch folders, then those of others: what ld.so has built in. */
static const char *const default_folders[] = {
	"/lib/x86_64-linux-gnu",
	"/usr/lib/x86_64-linux-gnu",
	"/lib64",
	"/usr/lib64",
	"/lib",
	"/usr/lib",
	NULL,
};

/* A file being read. */
struct object {
	int fd;
	Elf64_Phdr ph[PHDRS_MAX];
	size_t n_ph;
	Elf64_Dyn dynamic[DYNAMIC_MAX];
	size_t n_dynamic;
	uint64_t strings; /* offset of the string table in the file; 0: none */
};

static int read_at(int fd, void *buf, size_t len, uint64_t offset)
{
	ssize_t n = offset > INT64_MAX ? 0 : pread(fd, buf, len, (off_t)offset);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -ENOEXEC;
}

static int read_headers(struct object *o)
{
	Elf64_Ehdr eh;
	int r = read_at(o->fd, &eh, sizeof(eh), 0);

	if (r < 0)
		return r;
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh.e_machine != EM_X86_64 || eh.e_phentsize != sizeof(Elf64_Phdr) ||
	    eh.e_phnum > PHDRS_MAX)
		return -ENOEXEC;
	o->n_ph = eh.e_phnum;
	return read_at(o->fd, o->ph, o->n_ph * sizeof(o->ph[0]), eh.e_phoff);
}

static const Elf64_Phdr *find_segment(const struct object *o, uint32_t type)
{
	for (size_t i = 0; i < o->n_ph; i++)
		if (o->ph[i].p_type == type)
			return &o->ph[i];
	return NULL;
}

/* Return: where in the file an address is; 0: nowhere. */
static uint64_t offset_of(const struct object *o, uint64_t address)
{
	for (size_t i = 0; i < o->n_ph; i++) {
		const Elf64_Phdr *ph = &o->ph[i];

		if (ph->p_type == PT_LOAD && address >= ph->p_vaddr &&
		    address - ph->p_vaddr < ph->p_filesz)
			return ph->p_offset + (address - ph->p_vaddr);
	}
	return 0;
}

static int read_dynamic(struct object *o)
{
	const Elf64_Phdr *ph = find_segment(o, PT_DYNAMIC);
	int r;

	o->n_dynamic = 0;
	o->strings = 0;
	if (!ph)
		return 0;
	o->n_dynamic = ph->p_filesz / sizeof(Elf64_Dyn);
	if (o->n_dynamic > DYNAMIC_MAX)
		return -ENOEXEC;
	r = read_at(o->fd, o->dynamic, o->n_dynamic * sizeof(Elf64_Dyn), ph->p_offset);
	for (size_t i = 0; i < o->n_dynamic && r == 0; i++)
		if (o->dynamic[i].d_tag == DT_STRTAB)
			o->strings = offset_of(o, o->dynamic[i].d_un.d_ptr);
	return r;
}

/* Return: 0, or -ENOEXEC for one that is empty or does not end. */
static int read_name(int fd, uint64_t offset, char ret[NAME_LEN])
{
	ssize_t n = offset > INT64_MAX ? 0 : pread(fd, ret, NAME_LEN, (off_t)offset);

	if (n < 0)
		return -errno;
	return n > 0 && *ret && memchr(ret, '\0', (size_t)n) ? 0 : -ENOEXEC;
}

static bool has(const struct strv *list, const char *path)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i], path) == 0)
			return true;
	return false;
}

static int add(struct strv *list, const char *path, struct err *err)
{
	if (has(list, path))
		return 0;
	if (list->n == NEEDED_MAX)
		return err_set(err, -E2BIG, "more than %d shared libraries are needed", NEEDED_MAX);
	strv_add(list, path);
	return 0;
}

static int add_library(const char *name, const char *of, const char *const *folders,
		       struct strv *list, struct err *err)
{
	if (strchr(name, '/'))
		return err_set(err, -ENOEXEC, "%s needs \"%s\": only plain names can be found", of,
			       name);
	for (; *folders; folders++) {
		_cleanup_free_ char *path = path_join(*folders, name);

		if (access(path, R_OK) == 0)
			return add(list, path, err);
	}
	return err_set(err, -ENOENT, "%s needs the shared library %s, which is nowhere", of, name);
}

static int add_needed(const struct object *o, const char *path, const char *const *folders,
		      struct strv *list, struct err *err)
{
	char name[NAME_LEN];
	int r = 0;

	for (size_t i = 0; i < o->n_dynamic && r == 0; i++) {
		const Elf64_Dyn *d = &o->dynamic[i];

		if (d->d_tag == DT_NULL)
			break;
		if (d->d_tag == DT_RPATH || d->d_tag == DT_RUNPATH)
			return err_set(err, -ENOEXEC, "%s has a path of its own for libraries",
				       path);
		if (d->d_tag != DT_NEEDED)
			continue;
		if (!o->strings || d->d_un.d_val > UINT32_MAX ||
		    read_name(o->fd, o->strings + d->d_un.d_val, name) < 0)
			return err_set(err, -ENOEXEC, "%s is a damaged ELF file", path);
		r = add_library(name, path, folders, list, err);
	}
	return r;
}

static int add_loader(const struct object *o, const char *path, struct strv *list, struct err *err)
{
	const Elf64_Phdr *ph = find_segment(o, PT_INTERP);
	char name[NAME_LEN];

	if (!ph)
		return 0;
	if (read_name(o->fd, ph->p_offset, name) < 0 || *name != '/')
		return err_set(err, -ENOEXEC, "%s is a damaged ELF file", path);
	return add(list, name, err);
}

static int look_at(const char *path, const char *const *folders, struct strv *list, struct err *err)
{
	static struct object o;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, -errno, "cannot read %s", path);
	o.fd = fd;
	r = S_ISREG(st.st_mode) ? read_headers(&o) : -ENOEXEC;
	if (r == 0)
		r = read_dynamic(&o);
	if (r == -ENOEXEC)
		return err_set(err, r, "%s is no complete ELF file for 64-bit x86", path);
	if (r < 0)
		return err_errno(err, r, "cannot read %s", path);
	r = add_loader(&o, path, list, err);
	return r < 0 ? r : add_needed(&o, path, folders, list, err);
}

int needed_at(const char *program, const char *leaf, const char *const *folders, struct strv *ret,
	      struct err *err)
{
	size_t next = ret->n;
	int r = look_at(program, folders, ret, err);

	for (; next < ret->n && r == 0; next++)
		if (!leaf || !standin_is_for(leaf, ret->v[next]))
			r = look_at(ret->v[next], folders, ret, err);
	return r;
}

int needed_by(const char *program, const char *leaf, struct strv *ret, struct err *err)
{
	return needed_at(program, leaf, default_folders, ret, err);
}
