/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/initramfs.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "vmm/boot/cachefile.h"
#include "vmm/boot/cpio.h"
#include "vmm/boot/needed.h"
#include "vmm/boot/standin.h"
#include "vmm/boot/unpack.h"
#include "vmm/identity.h"

/* A new number whenever the same input shall give other bytes. */
#define FORMAT "initramfs 1"

static const struct {
	const char *name;
	mode_t mode;
} folders[] = {
	{"dev", 0755}, {"proc", 0555}, {"sys", 0555}, {"run", 0755}, {"tmp", 01777}, {"mnt", 0755},
};

/**
 * struct input - what goes in
 * @standin: of @program, where it fits
 * @files: what @program needs, at the same paths in the guest
 */
struct input {
	const char *init, *standin;
	const char *const *modules;
	const struct initramfs_program *program;
	struct strv files;
};

static int add_beside_to_key(struct identity *id, const struct initramfs_program *program,
			     struct err *err)
{
	int r;

	if (!program->beside)
		return 0;
	identity_add_word(id, program->beside_guest_path);
	r = identity_add_file(id, program->beside);
	return r < 0 ? err_errno(err, r, "%s", program->beside) : 0;
}

/* Their paths count too: the guest has the files there. */
static int add_program_to_key(struct identity *id, const struct input *in, struct err *err)
{
	int r;

	if (!in->program)
		return 0;
	identity_add_word(id, in->program->guest_path);
	r = identity_add_file(id, in->program->path);
	if (r < 0)
		return err_errno(err, r, "%s", in->program->path);
	if (in->program->standin)
		r = identity_add_file(id, in->program->standin);
	if (r < 0)
		return err_errno(err, r, "%s", in->program->standin);
	for (size_t i = 0; i < in->files.n; i++) {
		r = identity_add_file(id, in->files.v[i]);
		if (r < 0)
			return err_errno(err, r, "%s", in->files.v[i]);
	}
	return add_beside_to_key(id, in->program, err);
}

static int make_key(const struct input *in, char key[IDENTITY_LEN + 1], struct err *err)
{
	const char *init = in->init;
	const char *const *modules = in->modules;
	_cleanup_identity_ struct identity id = IDENTITY_NULL;
	int r;

	identity_add_word(&id, FORMAT);
	r = identity_add_file(&id, init);
	if (r < 0)
		return err_errno(err, r, "the guest's init %s", init);
	for (; modules && *modules; modules++) {
		r = identity_add_file(&id, *modules);
		if (r < 0)
			return err_errno(err, r, "the kernel module %s", *modules);
	}
	r = add_program_to_key(&id, in, err);
	if (r < 0)
		return r;
	identity_key(&id, key);
	return 0;
}

/* "/…/virtio-rng.ko.xz" is virtio-rng.ko in the guest, and compressed here. */
static char *module_file(const char *path, bool *ret_packed)
{
	static const char *const packings[] = {".gz", ".xz", ".zst"};
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t len = strlen(base);

	*ret_packed = false;
	for (size_t i = 0; i < ARRAY_SIZE(packings); i++) {
		size_t n = strlen(packings[i]);

		if (len > n && strcmp(base + len - n, packings[i]) == 0) {
			*ret_packed = true;
			len -= n;
		}
	}
	return xstrndup(base, len);
}

/* Return: a descriptor with the module's plain content, or negative errno. */
static int open_module(const char *path, bool packed, struct err *err)
{
	_cleanup_close_ int in = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_close_ int out = -EBADF;
	struct stat st;
	int r;

	if (in < 0 || fstat(in, &st) < 0)
		return err_errno(err, -errno, "the kernel module %s", path);
	if (!packed)
		return take_fd(in);
	out = memfd_create("module", MFD_CLOEXEC);
	if (out < 0)
		return err_errno(err, -errno, "memory for a kernel module");
	r = unpack_range(in, 0, (uint64_t)st.st_size, out, CPIO_FILE_MAX, NULL, err);
	if (r < 0) {
		(void)err_wrap(err, r, "the kernel module %s", path);
		return r;
	}
	return take_fd(out);
}

static int add_module(struct cpio *cpio, const char *path, struct strv *names, struct err *err)
{
	_cleanup_free_ char *file = NULL, *name = NULL;
	_cleanup_close_ int fd = -EBADF;
	bool packed;

	file = module_file(path, &packed);
	fd = open_module(path, packed, err);
	if (fd < 0)
		return fd;
	name = path_join(&ABI_MODULES_DIR[1], file);
	cpio_file(cpio, name, 0644, fd);
	strv_take(names, take_ptr(file));
	return 0;
}

static int add_modules(struct cpio *cpio, const char *const *modules, struct err *err)
{
	_cleanup_strv_ struct strv names = STRV_NULL;
	_cleanup_free_ char *list = xstrdup("");
	char *longer;
	int r = 0;

	if (!modules || !*modules)
		return 0;
	cpio_dir(cpio, &ABI_MODULES_DIR[1], 0755);
	for (; *modules && r == 0; modules++)
		r = add_module(cpio, *modules, &names, err);
	for (size_t i = 0; i < names.n; i++) {
		longer = xasprintf("%s%s\n", list, names.v[i]);
		free(list);
		list = longer;
	}
	cpio_data(cpio, &ABI_MODULES_LIST[1], 0644, list, strlen(list));
	return r;
}

/* The folders above a file that are not there yet. */
static void add_folders(struct cpio *cpio, const char *path, struct strv *made)
{
	for (const char *end = strchr(path, '/'); end; end = strchr(end + 1, '/')) {
		_cleanup_free_ char *folder = xstrndup(path, (size_t)(end - path));
		bool there = false;

		for (size_t i = 0; i < made->n && !there; i++)
			there = strcmp(made->v[i], folder) == 0;
		if (there)
			continue;
		cpio_dir(cpio, folder, 0755);
		strv_take(made, take_ptr(folder));
	}
}

/* @to: absolute */
static int add_file(struct cpio *cpio, const char *from, const char *to, struct strv *made,
		    struct err *err)
{
	_cleanup_close_ int fd = open(from, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_errno(err, -errno, "%s", from);
	add_folders(cpio, to + 1, made);
	cpio_file(cpio, to + 1, 0755, fd);
	return 0;
}

static const char *source_of(const struct input *in, const char *file)
{
	return in->standin && standin_is_for(in->standin, file) ? in->standin : file;
}

static int add_program(struct cpio *cpio, const struct input *in, struct err *err)
{
	_cleanup_strv_ struct strv made = STRV_NULL;
	int r;

	if (!in->program)
		return 0;
	r = add_file(cpio, in->program->path, in->program->guest_path, &made, err);
	for (size_t i = 0; i < in->files.n && r == 0; i++)
		r = add_file(cpio, source_of(in, in->files.v[i]), in->files.v[i], &made, err);
	if (r == 0 && in->program->beside)
		r = add_file(cpio, in->program->beside, in->program->beside_guest_path, &made, err);
	return r;
}

static int write_archive(int out, const struct input *in, struct err *err)
{
	_cleanup_close_ int fd = open(in->init, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct cpio cpio;
	int r;

	if (fd < 0)
		return err_errno(err, -errno, "the guest's init %s", in->init);
	cpio_init(&cpio, out);
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		cpio_dir(&cpio, folders[i].name, folders[i].mode);
	cpio_char_device(&cpio, "dev/console", 0600, 5, 1);
	cpio_file(&cpio, "init", 0755, fd);
	r = add_modules(&cpio, in->modules, err);
	if (r == 0)
		r = add_program(&cpio, in, err);
	if (r < 0)
		return r;
	r = cpio_end(&cpio);
	return r < 0 ? err_errno(err, r, "the initramfs cannot be made") : 0;
}

/* Whether it fits follows from what is in the key. */
static int choose_standin(struct input *in, struct err *err)
{
	const char *standin = in->program ? in->program->standin : NULL;
	int r = standin ? standin_fits(in->program->path, standin) : 0;

	if (r < 0)
		return err_errno(err, r, "cannot run %s --version", in->program->path);
	if (r == 0)
		return 0;
	in->standin = standin;
	strv_done(&in->files);
	return needed_by(in->program->path, standin, &in->files, err);
}

static int build(const char *cache_dir, const char *name, struct input *in, struct err *err)
{
	_cleanup_cache_file_ struct cache_file file = CACHE_FILE_NULL;
	_cleanup_close_ int dir = cache_dir_open(cache_dir, "initramfs");
	int r = dir < 0 ? dir : cache_file_begin(&file, dir);

	if (r < 0)
		return err_errno(err, r, "%s/initramfs cannot be written", cache_dir);
	r = choose_standin(in, err);
	if (r == 0)
		r = write_archive(file.fd, in, err);
	if (r < 0)
		return r;
	r = cache_file_commit(&file, name);
	if (r < 0)
		return err_errno(err, r, "%s/initramfs cannot be written", cache_dir);
	return 0;
}

static int get(const char *cache_dir, struct input *in, char **ret_path, struct err *err)
{
	char key[IDENTITY_LEN + 1], name[IDENTITY_LEN + sizeof(".cpio")];
	_cleanup_free_ char *path = NULL;
	int r = in->program ? needed_by(in->program->path, NULL, &in->files, err) : 0;

	if (r == 0)
		r = make_key(in, key, err);
	if (r < 0)
		return r;
	(void)snprintf(name, sizeof(name), "%s.cpio", key);
	path = xasprintf("%s/initramfs/%s", cache_dir, name);
	if (access(path, R_OK) < 0)
		r = build(cache_dir, name, in, err);
	if (r == 0)
		*ret_path = take_ptr(path);
	return r;
}

int initramfs_get(const char *cache_dir, const char *init, const char *const *modules,
		  const struct initramfs_program *program, char **ret_path, struct err *err)
{
	struct input in = {
		.init = init, .modules = modules, .program = program, .files = STRV_NULL};
	int r = get(cache_dir, &in, ret_path, err);

	strv_done(&in.files);
	return r;
}
