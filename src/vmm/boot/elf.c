/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/elf.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"

#define PHDRS_MAX	 64
#define NOTES_MAX	 65536

#define NOTE_NAME_XEN	 "Xen"
#define NOTE_TYPE_PHYS32 18

#define BANNER		 "Linux version "
#define VERSION_REACH	 (sizeof(BANNER) + ELF_VERSION_MAX)

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

int elf_load_end(int fd, uint64_t *ret)
{
	Elf64_Phdr ph[PHDRS_MAX];
	uint64_t end;
	Elf64_Ehdr eh;
	const char *why;
	int r = read_at(fd, &eh, sizeof(eh), 0);

	if (r == 0)
		r = check_header(&eh, &why);
	if (r == 0)
		r = read_at(fd, ph, eh.e_phnum * sizeof(ph[0]), eh.e_phoff);
	if (r < 0)
		return r;
	*ret = 0;
	for (size_t i = 0; i < eh.e_phnum; i++) {
		if (ph[i].p_type != PT_LOAD)
			continue;
		if (__builtin_add_overflow(ph[i].p_paddr, ph[i].p_memsz, &end))
			end = UINT64_MAX;
		*ret = MAX(*ret, end);
	}
	return 0;
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

/*
 * A format string of the same beginning comes too: "Linux version %s". Return: how far the search
 * got; what begins beyond may go on after @text.
 */
static size_t find_version(const char *text, size_t len, char ret[ELF_VERSION_MAX])
{
	size_t starts = len - MIN(len, VERSION_REACH);
	const char *at = text, *end = text + len;

	while ((at = memmem(at, (size_t)(end - at), BANNER, sizeof(BANNER) - 1))) {
		if (at >= text + starts && starts > 0)
			break;
		at += sizeof(BANNER) - 1;
		copy_version(ret, at, (size_t)(end - at));
		if (ret[0])
			break;
	}
	return starts;
}

int elf_linux_version(int fd, char ret[ELF_VERSION_MAX])
{
	static char window[1 << 20];
	size_t step = 1;
	off_t at = 0;
	ssize_t n;

	ret[0] = '\0';
	for (; step > 0 && !ret[0]; at += (off_t)step) {
		n = pread(fd, window, sizeof(window), at);
		if (n < 0)
			return -errno;
		step = find_version(window, (size_t)n, ret);
	}
	return 0;
}
