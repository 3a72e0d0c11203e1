/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/elf.h"

#include <errno.h>
#include <sys/mman.h>

#include "vmm/boot/test-images.h"
#include "vmm/test-files.h"

static struct image_elf e;
static const char *why;

static int memfile(const void *data, size_t len)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	test_true(fd >= 0);
	test_int(fd_write_full(fd, data, len), 0);
	return fd;
}

static int check(size_t len)
{
	_cleanup_close_ int fd = memfile(&e, len);

	why = "";
	return elf_check_kernel(fd, &why);
}

static void good_kernel(void)
{
	_cleanup_close_ int fd = -EBADF;
	char version[ELF_VERSION_MAX];

	e = image_elf();
	test_int(check(sizeof(e)), 0);
	fd = memfile(&e, sizeof(e));
	test_int(elf_linux_version(fd, version), 0);
	test_str(version, IMAGE_VERSION);
}

static void every_truncation_is_refused(void)
{
	e = image_elf();
	for (size_t len = 0; len < sizeof(e); len++)
		if (check(len) != -ENOEXEC || !*why)
			test_fail("cut at %zu", len);
}

/* One wrong field each. */
static void class32(void)
{
	e.eh.e_ident[EI_CLASS] = ELFCLASS32;
}
static void big_endian(void)
{
	e.eh.e_ident[EI_DATA] = ELFDATA2MSB;
}
static void other_machine(void)
{
	e.eh.e_machine = EM_AARCH64;
}
static void shared_object(void)
{
	e.eh.e_type = ET_DYN;
}
static void no_segments(void)
{
	e.eh.e_phnum = 0;
}
static void many_segments(void)
{
	e.eh.e_phnum = 65535;
}
static void segment_size(void)
{
	e.eh.e_phentsize = 1;
}
static void far_segments(void)
{
	e.eh.e_phoff = UINT64_MAX - 8;
}
static void far_load(void)
{
	e.load.p_offset = UINT64_MAX - 8;
}
static void far_note(void)
{
	e.note.p_offset = UINT64_MAX - 16;
}
static void long_note(void)
{
	e.note.p_filesz = UINT64_MAX;
}
static void long_load(void)
{
	e.load.p_filesz++;
}
static void no_load(void)
{
	e.load.p_type = PT_NULL;
}
static void no_note(void)
{
	e.note.p_type = PT_NULL;
}
static void other_type(void)
{
	e.pvh.head.n_type = 17;
}
static void other_vendor(void)
{
	e.pvh.name[0] = 'x';
}
static void short_entry(void)
{
	e.pvh.head.n_descsz = 0;
}
static void endless_name(void)
{
	e.other.head.n_namesz = UINT32_MAX;
}
static void endless_desc(void)
{
	e.other.head.n_descsz = UINT32_MAX - 2;
}

static void hostile_fields(void)
{
	static void (*const spoils[])(void) = {
		class32,       big_endian,   other_machine, shared_object, no_segments,
		many_segments, segment_size, far_segments,  far_load,	   far_note,
		long_note,     long_load,    no_load,	    no_note,	   other_type,
		other_vendor,  short_entry,  endless_name,  endless_desc,
	};

	for (size_t i = 0; i < ARRAY_SIZE(spoils); i++) {
		e = image_elf();
		spoils[i]();
		if (check(sizeof(e)) != -ENOEXEC || !*why)
			test_fail("case %zu was taken", i);
	}
}

/* A table of segments larger than the room for it, in a file that has it all. */
static void many_segments_that_are_there(void)
{
	static struct {
		struct image_elf e;
		uint8_t rest[65536];
	} large;
	_cleanup_close_ int fd = -EBADF;

	large.e = image_elf();
	large.e.eh.e_phnum = 1000;
	fd = memfile(&large, sizeof(large));
	test_int(elf_check_kernel(fd, &why), -ENOEXEC);
}

/* Whatever byte is changed: an answer, and no access outside (the sanitizers look). */
static void any_byte_may_be_wrong(void)
{
	for (size_t at = 0; at < offsetof(struct image_elf, banner); at++) {
		e = image_elf();
		((uint8_t *)&e)[at] ^= 0xff;
		(void)check(sizeof(e));
	}
}

static void notes_in_a_tight_buffer(void)
{
	struct image_note notes[2];

	e = image_elf();
	notes[0] = e.other;
	notes[1] = e.pvh;
	test_true(elf_notes_have_pvh(notes, sizeof(notes)));
	for (size_t len = 0; len < sizeof(notes); len++) {
		_cleanup_free_ void *copy = xmalloc(len);

		memcpy(copy, notes, len);
		test_true(!elf_notes_have_pvh(copy, len));
	}
}

static void version_at_the_end_of_the_file(void)
{
	static const char text[] = "Linux version 6";
	_cleanup_close_ int fd = memfile(text, sizeof(text) - 1), none = memfile("", 0);
	char version[ELF_VERSION_MAX];

	test_int(elf_linux_version(fd, version), 0);
	test_str(version, "6");
	test_int(elf_linux_version(none, version), 0);
	test_str(version, "");
}

/* However the file is read, a version may begin anywhere. */
static void version_anywhere(void)
{
	static const char text[] = "Linux version %s Linux version 6.1.0-7-test (x)";
	static char file[(1 << 20) + 4096];
	char version[ELF_VERSION_MAX];

	for (size_t at = (1 << 20) - 200; at < (1 << 20) + 10; at += 7) {
		_cleanup_close_ int fd = -EBADF;

		memset(file, 'x', sizeof(file));
		memcpy(file + at, text, sizeof(text) - 1);
		fd = memfile(file, sizeof(file));
		test_int(elf_linux_version(fd, version), 0);
		test_str(version, "6.1.0-7-test");
	}
}

static uint64_t load_end(void)
{
	_cleanup_close_ int fd = memfile(&e, sizeof(e));
	uint64_t end = 0;

	test_int(elf_load_end(fd, &end), 0);
	return end;
}

static void memory_is_measured(void)
{
	e = image_elf();
	e.load.p_paddr = 0x1000000;
	e.load.p_memsz = 0x3a00000;
	test_int(load_end(), 0x4a00000);
	e.note.p_paddr = UINT64_C(1) << 40;
	test_int(load_end(), 0x4a00000);
	e.load.p_memsz = UINT64_MAX;
	test_true(load_end() == UINT64_MAX);
}

int main(void)
{
	test_run(good_kernel);
	test_run(every_truncation_is_refused);
	test_run(hostile_fields);
	test_run(many_segments_that_are_there);
	test_run(any_byte_may_be_wrong);
	test_run(notes_in_a_tight_buffer);
	test_run(version_at_the_end_of_the_file);
	test_run(version_anywhere);
	test_run(memory_is_measured);
	return 0;
}
