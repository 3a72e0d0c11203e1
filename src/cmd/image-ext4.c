/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/proc.h"
#include "cmd/image-file.h"

/*
 * Through debugfs(8) of e2fsprogs, so nothing is mounted and nobody has to be root. Its status is 0
 * whatever happens, so what is there afterwards is read back and compared. It gets all files as
 * descriptors: no name of the host can be misread.
 */

#define SUPERBLOCK	 1024
#define SUPERBLOCK_LEN	 1024
#define AT_MAGIC	 0x38
#define AT_STATE	 0x3a
#define AT_INCOMPATIBLE	 0x60
#define MAGIC		 0xef53
#define STATE_VALID	 1
#define INCOMPAT_RECOVER 4
#define FILE_MAX	 (256U << 20)
#define SAID_MAX	 (1U << 20)

/* Descriptors as debugfs has them. */
#define FD_IMAGE    3
#define FD_COMMANDS 4
#define FD_FILE	    5

struct ext4 {
	const char *target;
	int image;
	struct err *err;
};

static int check_image(const struct ext4 *ext4)
{
	unsigned char block[SUPERBLOCK_LEN];
	uint16_t magic, state;
	uint32_t incompatible;
	ssize_t n = pread(ext4->image, block, sizeof(block), SUPERBLOCK);

	if (n < 0)
		return err_errno(ext4->err, -errno, "cannot read %s", ext4->target);
	memcpy(&magic, block + AT_MAGIC, sizeof(magic));
	memcpy(&state, block + AT_STATE, sizeof(state));
	memcpy(&incompatible, block + AT_INCOMPATIBLE, sizeof(incompatible));
	if (n < SUPERBLOCK_LEN || le16toh(magic) != MAGIC)
		return err_set(ext4->err, -EINVAL, "%s is neither a folder nor an ext4 image",
			       ext4->target);
	/* With a journal the one tells a mount, without one the other. */
	if (le32toh(incompatible) & INCOMPAT_RECOVER || !(le16toh(state) & STATE_VALID))
		return err_set(ext4->err, -EBUSY,
			       "%s is in use, or was not unmounted: shut its machine down, or run "
			       "e2fsck on it",
			       ext4->target);
	return 0;
}

static int start(const struct ext4 *ext4, int commands, int file, int out, struct proc *ret)
{
	static const char *const programs[] = {"debugfs", "/usr/sbin/debugfs", "/sbin/debugfs"};
	const int fds[] = {ext4->image, commands, file};
	struct proc_spec spec = PROC_SPEC_NULL;
	int r = -ENOENT;

	spec.stdout_fd = out;
	spec.stderr_fd = out;
	spec.fds = fds;
	spec.n_fds = ARRAY_SIZE(fds);
	spec.fd_base = FD_IMAGE;
	spec.death_signal = SIGTERM;
	for (size_t i = 0; i < ARRAY_SIZE(programs) && r == -ENOENT; i++) {
		const char *argv[] = {programs[i],	 "-w", "-f", "/proc/self/fd/4",
				      "/proc/self/fd/3", NULL};

		spec.argv = argv;
		r = proc_start(&spec, ret);
	}
	if (r == -ENOENT)
		return err_set(ext4->err, r,
			       "debugfs is needed for ext4 images: install e2fsprogs");
	return r < 0 ? err_errno(ext4->err, r, "cannot start debugfs") : 0;
}

/* Return: 0, and what debugfs has said; or negative errno with a message. */
static int debugfs(const struct ext4 *ext4, const char *commands, int file, char **ret_said)
{
	_cleanup_close_ int in = memfd_create("commands", MFD_CLOEXEC);
	_cleanup_close_ int out = memfd_create("said", MFD_CLOEXEC);
	struct proc proc = PROC_NULL;
	int r;

	if (in < 0 || out < 0)
		return err_errno(ext4->err, -errno, "cannot make a file in memory");
	r = fd_write_full(in, commands, strlen(commands));
	if (r < 0)
		return err_errno(ext4->err, r, "cannot write to memory");
	r = start(ext4, in, file, out, &proc);
	if (r == 0)
		r = proc_wait(&proc);
	if (r != 0)
		return r < 0 ? r : err_set(ext4->err, -EIO, "debugfs failed on %s", ext4->target);
	if (lseek(out, 0, SEEK_SET) < 0)
		return err_errno(ext4->err, -errno, "cannot read from memory");
	r = fd_slurp(out, SAID_MAX, ret_said, NULL);
	return r < 0 ? err_errno(ext4->err, r, "cannot read what debugfs has said") : 0;
}

/* What is at @path? Return: 0; 1: what begins with @type; or negative errno with a message. */
static int is_there(const struct ext4 *ext4, const char *path, const char *type)
{
	_cleanup_free_ char *commands = xasprintf("stat %s\n", path), *said = NULL;
	int r = debugfs(ext4, commands, -EBADF, &said);
	const char *found;

	if (r < 0)
		return r;
	found = strstr(said, "   Type: ");
	return found && str_starts(found + strlen("   Type: "), type) ? 1 : 0;
}

static int make_folder(const struct ext4 *ext4, const struct image_file *file)
{
	_cleanup_free_ char *commands = xstrdup(""), *said = NULL;
	_cleanup_free_ char *path = xasprintf("/%s/.", file->folder);
	int r;

	/* What is there already is an error of debugfs's, and no other. */
	for (const char *end = file->folder; *end; end += strspn(end, "/")) {
		char *longer;

		end += strcspn(end, "/");
		longer = xasprintf("%smkdir /%.*s\n", commands, (int)(end - file->folder),
				   file->folder);
		free(commands);
		commands = longer;
	}
	r = is_there(ext4, path, "directory");
	if (r == 0)
		r = debugfs(ext4, commands, -EBADF, &said);
	if (r == 0)
		r = is_there(ext4, path, "directory");
	if (r == 0 && strstr(said, "Could not allocate"))
		return err_set(ext4->err, -ENOSPC, "cannot make /%s in %s: no space is left there",
			       file->folder, ext4->target);
	if (r == 0)
		return err_set(ext4->err, -ENOTDIR, "%s: /%s is no folder, and cannot be made one",
			       ext4->target, file->folder);
	return r < 0 ? r : 0;
}

/* The last line that is debugfs's own, without its own prompt. */
static const char *reason(char *said)
{
	char *line, *last = NULL;

	while ((line = strsep(&said, "\n")))
		if (*line && !str_starts(line, "debugfs") && !str_starts(line, "Allocated"))
			last = line;
	return last ? last : "debugfs did not say why";
}

/* Is there a file of that size? What is of another the image may have made as large as it likes. */
static bool has_size(const struct ext4 *ext4, const struct image_file *file)
{
	_cleanup_free_ char *commands = xasprintf("stat /%s/%s\n", file->folder, file->name);
	_cleanup_free_ char *said = NULL;
	const char *found;
	struct stat st;

	if (fstat(file->fd, &st) < 0 || debugfs(ext4, commands, -EBADF, &said) < 0)
		return false;
	found = strstr(said, "   Size: ");
	return found && strtoll(found + strlen("   Size: "), NULL, 10) == st.st_size;
}

/* Is it there as it should be? */
static bool is_same(const struct ext4 *ext4, const struct image_file *file)
{
	_cleanup_close_ int copy = memfd_create("copy", MFD_CLOEXEC);
	_cleanup_free_ char *commands = NULL, *said = NULL, *have = NULL, *want = NULL;
	size_t have_len, want_len;

	commands = xasprintf("dump /%s/%s /proc/self/fd/%d\n", file->folder, file->name, FD_FILE);
	return copy >= 0 && has_size(ext4, file) && debugfs(ext4, commands, copy, &said) == 0 &&
	       lseek(copy, 0, SEEK_SET) == 0 && lseek(file->fd, 0, SEEK_SET) == 0 &&
	       fd_slurp(copy, FILE_MAX, &have, &have_len) == 0 &&
	       fd_slurp(file->fd, FILE_MAX, &want, &want_len) == 0 && have_len == want_len &&
	       memcmp(have, want, want_len) == 0;
}

static int put(const struct ext4 *ext4, const struct image_file *file)
{
	_cleanup_free_ char *commands = NULL, *said = NULL;
	int r = make_folder(ext4, file);

	if (r < 0)
		return r;
	commands = xasprintf("cd /%s/.\nrm %s\nwrite /proc/self/fd/%d %s\n", file->folder,
			     file->name, FD_FILE, file->name);
	r = debugfs(ext4, commands, file->fd, &said);
	if (r < 0 || is_same(ext4, file))
		return r;
	return err_set(ext4->err, -EIO, "cannot write /%s/%s into %s: %s", file->folder, file->name,
		       ext4->target, reason(said));
}

int image_file_put_ext4(int image, const char *target, const struct image_file *files, size_t n,
			struct err *err)
{
	struct ext4 ext4 = {.target = target, .image = image, .err = err};
	int r = check_image(&ext4);

	for (size_t i = 0; i < n && r == 0; i++) {
		_cleanup_free_ char *path = xasprintf("/%s/%s", files[i].folder, files[i].name);

		if (files[i].replace)
			continue;
		r = is_there(&ext4, path, "");
		if (r == 1)
			return image_file_in_the_way(target, &files[i], err);
	}
	for (size_t i = 0; i < n && r == 0; i++)
		r = put(&ext4, &files[i]);
	return r;
}
