/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/bzimage.h"

#include <errno.h>

#include "vmm/boot/test-images.h"
#include "vmm/boot/unpack.h"
#include "vmm/test-files.h"

static uint8_t buf[IMAGE_MAX];
static struct bzimage image;
static struct err err;

static size_t make(void)
{
	struct image_elf e = image_elf();

	return image_bz(ARCHIVE_FILTER_GZIP, &e, sizeof(e), buf);
}

static void set32(size_t at, uint32_t v)
{
	memcpy(buf + at, &v, sizeof(v));
}

static void good_image(void)
{
	size_t len = make();

	test_int(bzimage_parse(buf, len, len, &image), 0);
	test_int(image.payload_offset, IMAGE_PAYLOAD_AT);
	test_int(image.payload_length, len - IMAGE_PAYLOAD_AT - 4);
	test_str(image.version, IMAGE_VERSION);
	files_write("bz", buf, len, 0644);
	{
		_cleanup_close_ int fd = open(files_path("bz"), O_RDONLY | O_CLOEXEC);

		test_int(bzimage_open(fd, &image), 0);
		test_int(image.vmlinux_size, sizeof(struct image_elf));
	}
}

/* Each in a buffer of exactly its size, so that the sanitizers see a step outside. */
static void every_truncation_is_refused(void)
{
	size_t len = make();

	for (size_t cut = 0; cut < len; cut++) {
		_cleanup_free_ uint8_t *copy = xmalloc(cut);

		memcpy(copy, buf, cut);
		if (bzimage_parse(copy, cut, cut, &image) != -ENOEXEC)
			test_fail("cut at %zu", cut);
	}
}

static void hostile_fields(void)
{
	static const struct {
		size_t at;
		uint32_t value;
	} cases[] = {
		{0x202, 0}, {0x204, 0x02070000}, {0x248, UINT32_MAX}, {0x24c, UINT32_MAX},
		{0x24c, 0}, {0x24c, 4},		 {0x1fc, 0},	      {0x248, IMAGE_MAX},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t len = make();

		set32(cases[i].at, cases[i].value);
		if (bzimage_parse(buf, len, len, &image) != -ENOEXEC)
			test_fail("case %zu was taken", i);
	}
}

/* A version that is not there, far away, endless, or not a name that could be a folder's. */
static void strange_versions(void)
{
	size_t len = make();

	buf[0x20e] = buf[0x20f] = 0;
	test_int(bzimage_parse(buf, len, len, &image), 0);
	test_str(image.version, "");
	buf[0x20e] = buf[0x20f] = 0xff;
	test_int(bzimage_parse(buf, len, len, &image), 0);
	test_str(image.version, "");
	(void)make();
	memset(buf + 0x300, 'v', 0x300);
	test_int(bzimage_parse(buf, len, len, &image), 0);
	test_int(strlen(image.version), BZIMAGE_VERSION_MAX - 1);
	memcpy(buf + 0x300, "../../etc ", 10);
	test_int(bzimage_parse(buf, len, len, &image), 0);
	test_str(image.version, "..");
}

/* The version goes on behind what was read. */
static void version_is_cut_off(void)
{
	size_t len = make(), cut = 0x303;
	_cleanup_free_ uint8_t *copy = xmalloc(cut);

	memcpy(copy, buf, cut);
	test_int(bzimage_parse(copy, cut, len, &image), 0);
	test_str(image.version, "6.1");
}

static int unpack(const void *data, size_t len, uint64_t max, uint64_t *ret_len)
{
	_cleanup_close_ int in = -EBADF, out = -EBADF;

	files_write("in", data, len, 0644);
	files_write("out", "", 0, 0644);
	in = open(files_path("in"), O_RDONLY | O_CLOEXEC);
	out = open(files_path("out"), O_WRONLY | O_CLOEXEC);
	return unpack_range(in, 0, len, out, max, ret_len, &err);
}

static void all_compressions(void)
{
	static uint8_t packed[IMAGE_MAX];
	struct image_elf e = image_elf();

	for (size_t i = 0; i < ARRAY_SIZE(image_filters); i++) {
		_cleanup_free_ char *text = NULL;
		size_t n =
			image_pack(image_filters[i].filter, &e, sizeof(e), packed, sizeof(packed));
		uint64_t len;

		if (unpack(packed, n, sizeof(e), &len) != 0)
			test_fail("%s: %s", image_filters[i].name, err.text);
		test_int(len, sizeof(e));
		test_int(file_slurp_at(AT_FDCWD, files_path("out"), IMAGE_MAX, &text, NULL), 0);
		test_mem(text, &e, sizeof(e));
		test_int(unpack(packed, n, sizeof(e) - 1, &len), -EFBIG);
		/* Cut short: an error, or less than there should be; the caller knows the size. */
		if (unpack(packed, n / 2, sizeof(e), &len) == 0)
			test_true(len < sizeof(e));
	}
}

static void not_compressed_at_all(void)
{
	uint64_t len;

	test_int(unpack("plain text", 10, 100, &len), -EBADMSG);
	test_true(err.text[0] != '\0');
	test_int(unpack("", 0, 100, &len), -EBADMSG);
}

int main(void)
{
	files_begin();
	test_run(good_image);
	test_run(every_truncation_is_refused);
	test_run(hostile_fields);
	test_run(strange_versions);
	test_run(version_is_cut_off);
	test_run(all_compressions);
	test_run(not_compressed_at_all);
	files_end();
	return 0;
}
