/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <stdint.h>

#include "base/macro.h"
#include "base/mem.h"
#include "base/test.h"

/* Kernels small enough to read, made in memory. */

#define IMAGE_VERSION "6.1.0-7-test"

struct image_note {
	Elf64_Nhdr head;
	char name[4];
	uint32_t entry;
};

/**
 * struct image_elf - a vmlinux: a segment to load, and one of notes
 */
struct image_elf {
	Elf64_Ehdr eh;
	Elf64_Phdr load, note;
	struct image_note other, pvh;
	char banner[64];
};

static inline struct image_elf image_elf(void)
{
	struct image_elf e = {
		.eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		       .e_type = ET_EXEC,
		       .e_machine = EM_X86_64,
		       .e_phoff = offsetof(struct image_elf, load),
		       .e_phentsize = sizeof(Elf64_Phdr),
		       .e_phnum = 2},
		.load = {.p_type = PT_LOAD, .p_filesz = sizeof(struct image_elf)},
		.note = {.p_type = PT_NOTE,
			 .p_offset = offsetof(struct image_elf, other),
			 .p_filesz = 2 * sizeof(struct image_note)},
		.other = {{4, 4, 6}, "Xen", 0},
		.pvh = {{4, 4, 18}, "Xen", 0x1000000},
		.banner = "Linux version %s\0Linux version " IMAGE_VERSION " (x@y) #1",
	};

	return e;
}

/** image_pack() - compress; @filter is one of libarchive's. Return: length in @out. */
static inline size_t image_pack(int filter, const void *data, size_t len, void *out, size_t room)
{
	struct archive *a = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	size_t used = 0;

	test_int(archive_write_set_format_raw(a), ARCHIVE_OK);
	test_int(archive_write_add_filter(a, filter), ARCHIVE_OK);
	test_int(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
	test_int(archive_write_open_memory(a, out, room, &used), ARCHIVE_OK);
	archive_entry_set_filetype(entry, AE_IFREG);
	test_int(archive_write_header(a, entry), ARCHIVE_OK);
	test_int(archive_write_data(a, data, len), (long long)len);
	test_int(archive_write_close(a), ARCHIVE_OK);
	archive_entry_free(entry);
	test_int(archive_write_free(a), ARCHIVE_OK);
	return used;
}

#define IMAGE_SECTORS	 2
#define IMAGE_PAYLOAD_AT ((IMAGE_SECTORS + 1) * 512 + 0x40)
#define IMAGE_MAX	 16384

/**
 * image_bz() - a bzImage: setup, payload, and the size of what is in it
 * @out: of IMAGE_MAX bytes
 *
 * Return: its length.
 */
static inline size_t image_bz(int filter, const void *vmlinux, size_t len, uint8_t *out)
{
	uint32_t offset = 0x40, packed, size = (uint32_t)len;

	memset(out, 0, IMAGE_MAX);
	packed = (uint32_t)image_pack(filter, vmlinux, len, out + IMAGE_PAYLOAD_AT,
				      IMAGE_MAX - IMAGE_PAYLOAD_AT - 4);
	memcpy(out + IMAGE_PAYLOAD_AT + packed, &size, 4);
	packed += 4;
	out[0x1f1] = IMAGE_SECTORS;
	memcpy(out + 0x1fe, "\x55\xaaxxHdrS\x0f\x02", 10);
	memcpy(out + 0x20e, "\x00\x01", 2);
	memcpy(out + 0x300, IMAGE_VERSION " (x@y) #1", sizeof(IMAGE_VERSION " (x@y) #1"));
	memcpy(out + 0x248, &offset, 4);
	memcpy(out + 0x24c, &packed, 4);
	return IMAGE_PAYLOAD_AT + packed;
}

static const struct {
	int filter;
	const char *name;
} image_filters[] = {
	{ARCHIVE_FILTER_GZIP, "gzip"}, {ARCHIVE_FILTER_BZIP2, "bzip2"},
	{ARCHIVE_FILTER_XZ, "xz"},     {ARCHIVE_FILTER_LZMA, "lzma"},
	{ARCHIVE_FILTER_LZ4, "lz4"},   {ARCHIVE_FILTER_ZSTD, "zstd"},
};
