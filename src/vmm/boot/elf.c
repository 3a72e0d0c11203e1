/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/elf.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"

#define PHDRS_MAX	 64
#define NOTES_MAX	 65536

#define NOTE_NAME_XEN	 "Xen"
#define NOTE_TYPE_PHYS32 18

/* A hostile file gets no more than this: all of @len or nothing. */
static int read_at(int fd, void *buf, size_t len, uint64_t offset)
{
	ssize_t n;

	if (offset > INT64_MAX)
		return -ENOEXEC;
	n = pread(fd, buf, len, (off_t)offset);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -ENOEXEC;
}

bool elf_is_elf(const void *head, size_t len)
{
	return len >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0;
}

/* The size of one part of a note with its padding; notes of kernels are padded to 4 bytes. */
static bool take(const uint8_t **at, size_t *left, size_t len, const uint8_t **ret)
{
	size_t padded = (len + 3) & ~(size_t)3;

	if (len > *left)
		return false;
	*ret = *at;
	padded = MIN(padded, *left);
	*at += padded;
	*left -= padded;
	return true;
}

bool elf_notes_have_pvh(const void *notes, size_t len)
{
	const uint8_t *at = notes, *head, *name, *desc;
	size_t left = len;
	Elf64_Nhdr note;

	while (take(&at, &left, sizeof(note), &head)) {
		memcpy(&note, head, sizeof(note));
		if (!take(&at, &left, note.n_namesz, &name) ||
		    !take(&at, &left, note.n_descsz, &desc))
			return false;
		if (note.n_type == NOTE_TYPE_PHYS32 && note.n_namesz == sizeof(NOTE_NAME_XEN) &&
		    memcmp(name, NOTE_NAME_XEN, sizeof(NOTE_NAME_XEN)) == 0 && note.n_descsz >= 4)
			return true;
	}
	return false;
}

static int check_header(const Elf64_Ehdr *eh, const char **why)
{
	*why = "is not an ELF file";
	if (!elf_is_elf(eh->e_ident, sizeof(eh->e_ident)))
		return -ENOEXEC;
	*why = "is not a kernel for 64-bit x86";
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB ||
	    eh->e_machine != EM_X86_64)
		return -ENOEXEC;
	*why = "is not an executable kernel";
	if (eh->e_type != ET_EXEC || eh->e_phentsize != sizeof(Elf64_Phdr) || eh->e_phnum == 0 ||
	    eh->e_phnum > PHDRS_MAX)
		return -ENOEXEC;
	return 0;
}

static int search_notes(int fd, const Elf64_Phdr *ph, bool *ret_found)
{
	static uint8_t notes[NOTES_MAX];
	int r;

	if (ph->p_filesz > sizeof(notes))
		return 0;
	r = read_at(fd, notes, ph->p_filesz, ph->p_offset);
	if (r == 0 && elf_notes_have_pvh(notes, ph->p_filesz))
		*ret_found = true;
	return r;
}

int elf_check_kernel(int fd, const char **ret_why)
{
	Elf64_Phdr ph[PHDRS_MAX];
	bool loads = false, pvh = false;
	uint64_t end;
	struct stat st;
	Elf64_Ehdr eh;
	int r;

	*ret_why = "is not an ELF file";
	if (fstat(fd, &st) < 0)
		return -errno;
	r = read_at(fd, &eh, sizeof(eh), 0);
	if (r == 0)
		r = check_header(&eh, ret_why);
	if (r < 0)
		return r;
	*ret_why = "is not complete";
	r = read_at(fd, ph, eh.e_phnum * sizeof(ph[0]), eh.e_phoff);
	for (size_t i = 0; i < eh.e_phnum && r == 0; i++) {
		if (__builtin_add_overflow(ph[i].p_offset, ph[i].p_filesz, &end) ||
		    end > (uint64_t)st.st_size)
			return -ENOEXEC;
		loads |= ph[i].p_type == PT_LOAD && ph[i].p_filesz > 0;
		if (ph[i].p_type == PT_NOTE)
			r = search_notes(fd, &ph[i], &pvh);
	}
	if (r < 0)
		return r;
	*ret_why = loads ? "has no PVH entry (CONFIG_PVH)" : "has nothing to load";
	return loads && pvh ? 0 : -ENOEXEC;
}

static void copy_version(char ret[ELF_VERSION_MAX], const char *at, size_t left)
{
	size_t n = 0;

	while (n < left && n < ELF_VERSION_MAX - 1 &&
	       (isalnum((unsigned char)at[n]) || (at[n] && strchr("-_.+~", at[n])))) {
		ret[n] = at[n];
		n++;
	}
	ret[n] = '\0';
}

int elf_linux_version(int fd, char ret[ELF_VERSION_MAX])
{
	static const char banner[] = "Linux version ";
	const char *map, *at;
	struct stat st;
	size_t len;

	ret[0] = '\0';
	if (fstat(fd, &st) < 0)
		return -errno;
	len = (size_t)st.st_size;
	if (len == 0)
		return 0;
	map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	at = map;
	/* A format string of the same beginning comes too: "Linux version %s". */
	while (!ret[0] && (at = memmem(at, len - (size_t)(at - map), banner, sizeof(banner) - 1))) {
		at += sizeof(banner) - 1;
		copy_version(ret, at, len - (size_t)(at - map));
	}
	(void)munmap((void *)map, len);
	return 0;
}
