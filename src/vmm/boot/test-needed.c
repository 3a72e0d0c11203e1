/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/needed.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"

static char dir[] = "/tmp/test-needed-XXXXXX";
static const char *folders[] = {dir, NULL};
static struct err err = ERR_NULL;

/* The smallest file that says what it needs: tags, then names. */
struct image {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[3];
	Elf64_Dyn dynamic[8];
	char names[256];
};

static struct image image_of(const char *const *needs)
{
	struct image im = {.names = ""};
	size_t at = 1, n = 0;

	memcpy(im.eh.e_ident, ELFMAG, SELFMAG);
	im.eh.e_ident[EI_CLASS] = ELFCLASS64;
	im.eh.e_machine = EM_X86_64;
	im.eh.e_phoff = offsetof(struct image, ph);
	im.eh.e_phentsize = sizeof(Elf64_Phdr);
	im.eh.e_phnum = 2;
	im.ph[0] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_vaddr = 0x1000, .p_filesz = sizeof(struct image)};
	im.ph[1] = (Elf64_Phdr){.p_type = PT_DYNAMIC,
				.p_offset = offsetof(struct image, dynamic),
				.p_filesz = sizeof(im.dynamic)};
	im.dynamic[n].d_tag = DT_STRTAB;
	im.dynamic[n++].d_un.d_ptr = 0x1000 + offsetof(struct image, names);
	for (; *needs; needs++) {
		im.dynamic[n].d_tag = DT_NEEDED;
		im.dynamic[n++].d_un.d_val = at;
		strcpy(im.names + at, *needs);
		at += strlen(*needs) + 1;
	}
	return im;
}

static char *write_image(const char *name, const struct image *im)
{
	char *path = path_join(dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	test_int(fd_write_full(fd, im, sizeof(*im)), 0);
	fd_close(fd);
	return path;
}

static char *make(const char *name, const char *a, const char *b)
{
	const char *needs[] = {a, b, NULL};
	struct image im = image_of(needs);

	return write_image(name, &im);
}

static int look(const char *path, struct strv *list)
{
	strv_done(list);
	return needed_at(path, NULL, folders, list, &err);
}

static void each_once_and_all(void)
{
	_cleanup_free_ char *program = make("program", "liba", "libb"),
			    *a = make("liba", "libc", NULL), *b = make("libb", "libc", "liba"),
			    *c = make("libc", "liba", NULL);
	_cleanup_strv_ struct strv list = STRV_NULL;

	test_int(look(program, &list), 0);
	test_int(list.n, 3);
	test_str(list.v[0], a);
	test_str(list.v[1], b);
	test_str(list.v[2], c);
}

static void what_is_wrong(void)
{
	_cleanup_free_ char *missing = make("missing", "libnone", NULL),
			    *up = make("up", "../x", NULL), *odd = NULL;
	_cleanup_strv_ struct strv list = STRV_NULL;
	const char *none[] = {"liba", NULL};
	struct image im = image_of(none);

	test_int(look(missing, &list), -ENOENT);
	test_true(strstr(err.text, "needs the shared library libnone"));
	test_int(look(up, &list), -ENOEXEC);
	test_int(look("/etc/passwd", &list), -ENOEXEC);
	test_int(look("/dev/null", &list), -ENOEXEC);
	test_int(look("/nonexistent", &list), -ENOENT);
	im.dynamic[0].d_un.d_ptr = UINT64_MAX;
	odd = write_image("odd", &im);
	test_int(look(odd, &list), -ENOEXEC);
	im = image_of(none);
	im.dynamic[1].d_un.d_val = UINT64_MAX;
	free(write_image("odd", &im));
	test_int(look(odd, &list), -ENOEXEC);
	im = image_of(none);
	im.eh.e_phoff = UINT64_MAX - 8;
	free(write_image("odd", &im));
	test_int(look(odd, &list), -ENOEXEC);
	im = image_of(none);
	im.eh.e_phnum = UINT16_MAX;
	free(write_image("odd", &im));
	test_int(look(odd, &list), -ENOEXEC);
	im = image_of(none);
	im.ph[1].p_filesz = UINT64_MAX;
	free(write_image("odd", &im));
	test_int(look(odd, &list), -ENOEXEC);
	im = image_of(none);
	im.dynamic[2].d_tag = DT_RUNPATH;
	free(write_image("odd", &im));
	test_int(look(odd, &list), -ENOEXEC);
	test_true(strstr(err.text, "has a path of its own"));
}

/* What every program here needs: the loader, and libc. */
static void real_program(void)
{
	_cleanup_strv_ struct strv list = STRV_NULL;
	bool libc = false;

	if (needed_by("/bin/sh", NULL, &list, &err) < 0)
		test_fail("%s", err.text);
	test_true(list.n >= 2);
	for (size_t i = 0; i < list.n; i++)
		libc |= strstr(list.v[i], "/libc.so.6") != NULL;
	test_true(libc);
}

int main(void)
{
	test_true(mkdtemp(dir));
	test_run(each_once_and_all);
	test_run(what_is_wrong);
	test_run(real_program);
	test_int(path_remove_tree(AT_FDCWD, dir), 0);
	return 0;
}
