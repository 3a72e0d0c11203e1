/* SPDX-License-Identifier: Apache-2.0 */
/* As in identity.c. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "vmm/boot/filedisk.h"

#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "vmm/boot/cachefile.h"
#include "vmm/boot/cachetrim.h"

/* Another one when what is made of the same files changes. */
#define FORMAT	   "caisson file disk 1"
#define SUFFIX	   ".img"
#define DIGEST_LEN SHA256_DIGEST_LENGTH
#define BLOCK	   4096u
#define BLOCK_LOG  2
#define INODE_SIZE 128
/* Root, those that are reserved, "lost+found". */
#define INODES_USED 11
#define PIECE	    65536
/* The library takes 0 for "now". */
#define TIME 1

/* Calls of libext2fs: the first that fails is the answer. */
#define TRY(call)                      \
	do {                           \
		errcode_t _e = (call); \
		if (_e)                \
			return _e;     \
	} while (0)

struct writer {
	ext2_filsys fs;
	SHA256_CTX hash;
	bool changed;
};

static void hash_begin(SHA256_CTX *hash)
{
	(void)SHA256_Init(hash);
	(void)SHA256_Update(hash, FORMAT, sizeof(FORMAT));
}

static void hash_header(SHA256_CTX *hash, const struct filedisk_file *file)
{
	uint64_t numbers[] = {htole64(file->mode), htole64(file->size)};

	(void)SHA256_Update(hash, file->path, strlen(file->path) + 1);
	(void)SHA256_Update(hash, numbers, sizeof(numbers));
}

/* Return: 0; -ESTALE: it has another size; negative errno. */
static int read_file(const struct filedisk_file *file,
		     int (*take)(void *userdata, const void *data, size_t len), void *userdata)
{
	static char piece[PIECE];
	uint64_t at = 0;
	ssize_t n;
	int r;

	while ((n = pread(file->fd, piece, sizeof(piece), (off_t)at)) > 0) {
		at += (uint64_t)n;
		r = at > file->size ? -ESTALE : take(userdata, piece, (size_t)n);
		if (r < 0)
			return r;
	}
	if (n < 0)
		return -errno;
	return at == file->size ? 0 : -ESTALE;
}

static int take_hash(void *userdata, const void *data, size_t len)
{
	(void)SHA256_Update(userdata, data, len);
	return 0;
}

static int digest_files(const struct filedisk_file *files, size_t n,
			unsigned char digest[DIGEST_LEN], struct err *err)
{
	SHA256_CTX hash;

	hash_begin(&hash);
	for (size_t i = 0; i < n; i++) {
		int r;

		hash_header(&hash, &files[i]);
		r = read_file(&files[i], take_hash, &hash);
		if (r < 0)
			return err_errno(err, r, "cannot read the file for %s", files[i].path);
	}
	(void)SHA256_Final(digest, &hash);
	return 0;
}

/* A folder with one block may be full. */
static errcode_t add_name(ext2_filsys fs, ext2_ino_t dir, const char *name, ext2_ino_t ino)
{
	errcode_t e = ext2fs_link(fs, dir, name, ino, EXT2_FT_REG_FILE);

	if (e != EXT2_ET_DIR_NO_SPACE)
		return e;
	TRY(ext2fs_expand_dir(fs, dir));
	return ext2fs_link(fs, dir, name, ino, EXT2_FT_REG_FILE);
}

static errcode_t add_dir(ext2_filsys fs, ext2_ino_t parent, const char *name)
{
	errcode_t e = ext2fs_mkdir(fs, parent, 0, name);

	if (e != EXT2_ET_DIR_NO_SPACE)
		return e;
	TRY(ext2fs_expand_dir(fs, parent));
	return ext2fs_mkdir(fs, parent, 0, name);
}

/* Makes the folders above a file. Sets the file's own folder and name. */
static errcode_t make_folders(ext2_filsys fs, const char *path, ext2_ino_t *ret_dir,
			      const char **ret_name)
{
	ext2_ino_t dir = EXT2_ROOT_INO, next;
	const char *slash;

	path += strspn(path, "/");
	for (; (slash = strchr(path, '/')); path = slash + 1) {
		_cleanup_free_ char *name = xstrndup(path, (size_t)(slash - path));
		errcode_t e = ext2fs_lookup(fs, dir, name, (int)strlen(name), NULL, &next);

		if (e == EXT2_ET_FILE_NOT_FOUND) {
			TRY(add_dir(fs, dir, name));
			e = ext2fs_lookup(fs, dir, name, (int)strlen(name), NULL, &next);
		}
		TRY(e);
		dir = next;
	}
	*ret_dir = dir;
	*ret_name = path;
	return 0;
}

static errcode_t make_inode(ext2_filsys fs, const struct filedisk_file *file, ext2_ino_t *ret)
{
	struct ext2_inode inode = {.i_mode = LINUX_S_IFREG | (file->mode & 07777)};
	ext2_ino_t dir;
	const char *name;

	TRY(make_folders(fs, file->path, &dir, &name));
	TRY(ext2fs_new_inode(fs, dir, inode.i_mode, NULL, ret));
	TRY(add_name(fs, dir, name, *ret));
	ext2fs_inode_alloc_stats2(fs, *ret, +1, 0);
	inode.i_atime = inode.i_ctime = inode.i_mtime = TIME;
	inode.i_links_count = 1;
	return ext2fs_write_new_inode(fs, *ret, &inode);
}

struct target {
	struct writer *writer;
	ext2_file_t file;
	errcode_t error;
};

static int take_data(void *userdata, const void *data, size_t len)
{
	struct target *target = userdata;

	(void)SHA256_Update(&target->writer->hash, data, len);
	target->error = ext2fs_file_write(target->file, data, (unsigned int)len, NULL);
	return target->error ? -EIO : 0;
}

static errcode_t add_file(struct writer *w, const struct filedisk_file *file)
{
	struct target target = {.writer = w};
	errcode_t e;
	ext2_ino_t ino;
	int r;

	hash_header(&w->hash, file);
	TRY(make_inode(w->fs, file, &ino));
	TRY(ext2fs_file_open(w->fs, ino, EXT2_FILE_WRITE, &target.file));
	r = read_file(file, take_data, &target);
	e = ext2fs_file_close(target.file);
	w->changed |= r == -ESTALE;
	if (r < 0)
		return target.error ? target.error : -r;
	return e;
}

/* What every ext2 file system has. */
static errcode_t add_fixed(ext2_filsys fs)
{
	TRY(ext2fs_allocate_tables(fs));
	TRY(ext2fs_mkdir(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, NULL));
	for (ext2_ino_t i = EXT2_BAD_INO; i < EXT2_FIRST_INODE(fs->super); i++)
		if (i != EXT2_ROOT_INO)
			ext2fs_inode_alloc_stats2(fs, i, +1, 0);
	ext2fs_mark_ib_dirty(fs);
	return ext2fs_mkdir(fs, EXT2_ROOT_INO, 0, "lost+found");
}

/* Room for all, and to spare: what is not used is a hole in the image. */
static uint64_t count_blocks(const struct filedisk_file *files, size_t n)
{
	uint64_t blocks = 1024;

	for (size_t i = 0; i < n; i++) {
		uint64_t data = (files[i].size + BLOCK - 1) / BLOCK;

		blocks += data + data / 256 + 16 + strlen(files[i].path);
	}
	return blocks;
}

static uint32_t count_inodes(const struct filedisk_file *files, size_t n)
{
	uint32_t inodes = INODES_USED;

	for (size_t i = 0; i < n; i++)
		for (const char *p = files[i].path; *p; p++)
			inodes += *p == '/';
	return inodes;
}

static errcode_t make_fs(struct writer *w, int fd, const struct filedisk_file *files, size_t n,
			 const unsigned char digest[DIGEST_LEN])
{
	struct ext2_super_block param = {
		.s_log_block_size = BLOCK_LOG,
		.s_log_cluster_size = BLOCK_LOG,
		.s_rev_level = EXT2_DYNAMIC_REV,
		.s_inode_size = INODE_SIZE,
		.s_inodes_count = count_inodes(files, n),
		.s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE,
		.s_feature_ro_compat = EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER,
	};
	uint64_t blocks = count_blocks(files, n);
	char self[64];

	if (ftruncate(fd, (off_t)(blocks * BLOCK)) < 0)
		return errno;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	ext2fs_blocks_count_set(&param, blocks);
	TRY(ext2fs_initialize(self, EXT2_FLAG_64BITS, &param, unix_io_manager, &w->fs));
	w->fs->now = TIME;
	w->fs->umask = 022;
	w->fs->super->s_mkfs_time = w->fs->super->s_lastcheck = TIME;
	w->fs->super->s_max_mnt_count = -1;
	memcpy(w->fs->super->s_uuid, digest, sizeof(w->fs->super->s_uuid));
	TRY(add_fixed(w->fs));
	for (size_t i = 0; i < n; i++)
		TRY(add_file(w, &files[i]));
	return 0;
}

static int write_image(int fd, const struct filedisk_file *files, size_t n,
		       const unsigned char digest[DIGEST_LEN], struct err *err)
{
	struct writer w = {.fs = NULL};
	unsigned char again[DIGEST_LEN];
	errcode_t e, closed = 0;

	initialize_ext2_error_table();
	hash_begin(&w.hash);
	e = make_fs(&w, fd, files, n, digest);
	(void)SHA256_Final(again, &w.hash);
	if (w.fs && e)
		ext2fs_free(w.fs);
	else if (w.fs)
		closed = ext2fs_close(w.fs);
	if (w.changed || (!e && memcmp(digest, again, sizeof(again)) != 0))
		return err_set(
			err, -EAGAIN,
			"a file for the extras disk was changed while it was read: try again");
	if (e || closed)
		return err_set(err, -EIO, "cannot make the extras disk: %s",
			       error_message(e ? e : closed));
	return 0;
}

static int build(int dir, const char *name, const struct filedisk_file *files, size_t n,
		 const unsigned char digest[DIGEST_LEN], struct err *err)
{
	_cleanup_cache_file_ struct cache_file file = CACHE_FILE_NULL;
	int r = cache_file_begin(&file, dir);

	if (r < 0)
		return err_errno(err, r, "cannot write into the cache of extras disks");
	r = write_image(file.fd, files, n, digest, err);
	if (r < 0)
		return r;
	r = cache_file_commit(&file, name);
	return r < 0 ? err_errno(err, r, "cannot write into the cache of extras disks") : 0;
}

/* Others may remove it between its getting its name and our use: then once more. */
static int get_image(int dir, const char *name, const struct filedisk_file *files, size_t n,
		     const unsigned char digest[DIGEST_LEN], struct err *err)
{
	static const struct cache_limits limits = {FILEDISK_CACHE_FILES, FILEDISK_CACHE_BYTES};
	bool made = false;
	int fd, r;

	while ((fd = cache_use(dir, name)) == -ENOENT) {
		r = build(dir, name, files, n, digest, err);
		if (r < 0)
			return r;
		made = true;
	}
	if (fd < 0)
		return err_errno(err, fd, "cannot open the extras disk");
	if (made)
		cache_trim(dir, SUFFIX, &limits);
	return fd;
}

int filedisk_get(const char *cache_dir, const struct filedisk_file *files, size_t n,
		 struct err *err)
{
	_cleanup_close_ int dir = cache_dir_open(cache_dir, "extras");
	char name[2 * DIGEST_LEN + sizeof(SUFFIX)], *p = name;
	unsigned char digest[DIGEST_LEN];
	int r;

	if (dir < 0)
		return err_errno(err, dir, "cannot make the folder %s/extras", cache_dir);
	/* Among the files may be such as only root may read. */
	if (fchmod(dir, 0700) < 0)
		return err_errno(err, -errno, "cannot close the folder %s/extras to others",
				 cache_dir);
	r = digest_files(files, n, digest, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < DIGEST_LEN; i++)
		p += sprintf(p, "%02x", digest[i]);
	strcpy(p, SUFFIX);
	return get_image(dir, name, files, n, digest, err);
}
