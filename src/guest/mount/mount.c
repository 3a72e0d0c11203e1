/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/mount/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/fs.h>
#include <linux/mount.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/macro.h"
#include "base/parse.h"
#include "base/path.h"
#include "guest/direct/setup.h"
#include "guest/mount/blockdev.h"
#include "guest/oci/bundle.h"
#include "guest/vsock.h"

#define AREA_ROOT "/run"
#define VALUE_MAX 4096

/* Of Linux' fs/ext4/ext4.h: a number of blocks. */
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)

/* Options of a file system's own: a "=" at the end means that a value follows. */
static const char *const tmpfs_options[] = {"size=", "nr_inodes=", "mode=", "uid=", "gid=", NULL};
static const char *const virtiofs_options[] = {"dax", "dax=", NULL};
static const char *const ninep_options[] = {"aname=", "msize=", "cache=", "access=", NULL};
static const char *const ext4_options[] = {"noload", "errors=", "data=",   "discard",  "nodiscard",
					   "acl",    "noacl",	"commit=", "barrier=", NULL};
static const char *const erofs_options[] = {"user_xattr", "nouser_xattr", "acl",
					    "noacl",	  "dax=",	  NULL};
static const char *const overlay_options[] = {"lowerdir=",     "upperdir=", "workdir=", "index=",
					      "redirect_dir=", "metacopy=", "xino=",	"volatile",
					      "userxattr",     NULL};
static const char *const no_options[] = {NULL};

/* What a file system's source is. */
enum source {
	SOURCE_NAME, /* told as it is */
	SOURCE_DISK, /* a disk's serial */
	SOURCE_PATH,
	SOURCE_VSOCK, /* a port of the host's, which is connected to */
};

/**
 * struct mount_type - a file system that may be asked for
 * @overlay: some of its options are folders
 * @options: besides those of all of them
 */
static const struct mount_type {
	const char *name;
	enum source source;
	bool overlay;
	const char *const *options;
} types[] = {
	{"virtiofs", SOURCE_NAME, false, virtiofs_options},
	{"9p", SOURCE_VSOCK, false, ninep_options},
	{"tmpfs", SOURCE_NAME, false, tmpfs_options},
	{"ext4", SOURCE_DISK, false, ext4_options},
	{"erofs", SOURCE_DISK, false, erofs_options},
	{"overlay", SOURCE_NAME, true, overlay_options},
	{"bind", SOURCE_PATH, false, no_options},
};

/* Options of mount(8) that all file systems have; @super: of the file system, not the mount. */
static const struct {
	const char *name;
	uint64_t set, clear;
	const char *super;
} flags[] = {
	{"ro", MOUNT_ATTR_RDONLY, 0, "ro"},
	{"rw", 0, MOUNT_ATTR_RDONLY, "rw"},
	{"nosuid", MOUNT_ATTR_NOSUID, 0, NULL},
	{"suid", 0, MOUNT_ATTR_NOSUID, NULL},
	{"nodev", MOUNT_ATTR_NODEV, 0, NULL},
	{"dev", 0, MOUNT_ATTR_NODEV, NULL},
	{"noexec", MOUNT_ATTR_NOEXEC, 0, NULL},
	{"exec", 0, MOUNT_ATTR_NOEXEC, NULL},
	{"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, NULL},
	{"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, NULL},
	{"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, NULL},
	{"sync", 0, 0, "sync"},
	{"bind", 0, 0, NULL},
	{"rbind", 0, 0, NULL},
};

/**
 * struct attempt - a mount on its way
 * @fs: the file system's context; -EBADF for a bind mount
 * @connection: to who serves it; -EBADF: it is no such file system
 * @node: of its disk
 * @size: that the disk is to have; 0: any
 */
struct attempt {
	const Containerd__Types__Mount *what;
	const struct mount_type *type;
	bool confined, recursive, grow;
	int fs, connection;
	char node[64];
	uint64_t set, clear, size;
	struct mount_error *error;
};

static int refuse(struct attempt *a, int error, enum ttrpc_code code, const char *fmt, ...)
	_printf_(4, 5);

static int refuse(struct attempt *a, int error, enum ttrpc_code code, const char *fmt, ...)
{
	va_list ap;

	a->error->code = code;
	va_start(ap, fmt);
	(void)vsnprintf(a->error->text, sizeof(a->error->text), fmt, ap);
	va_end(ap);
	return error;
}

static int fail(struct attempt *a, int error)
{
	char buf[64];

	/* What else is wrong only the kernel knows, and it says "invalid" to most. */
	return refuse(a, error, ttrpc_code_or(error, TTRPC_INTERNAL),
		      "cannot mount \"%s\" of type %s: %s", a->what->source, a->what->type,
		      setup_error(error, buf));
}

bool mount_path_valid(const char *path)
{
	const char *rest = str_starts(path, MOUNT_DIR "/"), *name;

	/* overlayfs takes backslashes out of its options: this would be another path then. */
	if (strchr(path, '\\'))
		return false;
	if (!rest) {
		rest = str_starts(path, BUNDLE_DIR "/");
		name = rest ? strchr(rest, '/') : NULL;
		name = name ? str_starts(name, "/" BUNDLE_ROOTFS) : NULL;
		if (!name || (*name && *name != '/'))
			return false;
	}
	for (size_t len; *rest; rest += len + (rest[len] == '/')) {
		len = strcspn(rest, "/");
		if (len == 0 || len > 255 || (len == 1 && *rest == '.') ||
		    (len == 2 && rest[0] == '.' && rest[1] == '.'))
			return false;
	}
	return path[strlen(path) - 1] != '/';
}

static int open_below(const char *top, const char *path, uint64_t how)
{
	_cleanup_close_ int root = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return root < 0 ? -errno : path_open_strict(root, path + strlen(top) + 1, O_PATH | how, 0);
}

int mount_open(const char *path)
{
	return mount_path_valid(path) ? open_below(AREA_ROOT, path, 0) : -EXDEV;
}

/* Of a mount that was made for this overlay: layers.h. Return: as mount_open(). */
static int open_named(const char *path)
{
	int fd;

	if (!str_starts(path, ABI_LAYERS_DIR "/"))
		return mount_open(path);
	/* A folder of virtiofs may be another file system of the host's: only who asks for one gets there. */
	fd = open_below(ABI_LAYERS_DIR, path, O_DIRECTORY);
	return fd == -ENOTDIR ? open_below(ABI_LAYERS_DIR, path, 0) : fd;
}

/* Folders of an overlay: one, or several with ":" between them. */
static int check_folders(struct attempt *a, const char *folders)
{
	char path[VALUE_MAX];

	for (size_t len; a->confined && *folders; folders += len + (folders[len] == ':')) {
		_cleanup_close_ int fd = -EBADF;

		len = strcspn(folders, ":");
		memcpy(path, folders, len);
		path[len] = '\0';
		fd = open_named(path);
		if (fd < 0)
			return refuse(a, fd, TTRPC_INVALID_ARGUMENT,
				      "overlay: \"%s\" is no folder below " MOUNT_DIR, path);
	}
	return 0;
}

static int configure(struct attempt *a, unsigned int command, const char *key, const char *value)
{
	return syscall(SYS_fsconfig, a->fs, command, key, value, 0) < 0 ? -errno : 0;
}

/* Return: 0; 1: this is none of those. */
static int apply_flag(struct attempt *a, const char *option)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (strcmp(option, flags[i].name) != 0)
			continue;
		a->clear |= flags[i].clear | flags[i].set;
		a->set = (a->set & ~flags[i].clear) | flags[i].set;
		a->recursive &= strcmp(option, "bind") != 0;
		return flags[i].super && a->fs >= 0
			       ? configure(a, FSCONFIG_SET_FLAG, flags[i].super, NULL)
			       : 0;
	}
	return 1;
}

static int apply_option(struct attempt *a, const char *option)
{
	const char *value = strchr(option, '='), *size;
	char key[64];
	size_t len = value ? (size_t)(value - option) + 1 : strlen(option);
	int r = apply_flag(a, option);

	if (r > 0 && a->type->source == SOURCE_DISK && strcmp(option, ABI_MOUNT_GROW) == 0) {
		a->grow = true;
		return 0;
	}
	if (r > 0 && a->type->source == SOURCE_DISK &&
	    (size = str_starts(option, ABI_MOUNT_SIZE)) != NULL)
		return parse_u64(size, 1, UINT64_MAX, &a->size);
	for (const char *const *known = a->type->options; r > 0 && *known; known++) {
		if (strlen(*known) != len || strncmp(option, *known, len) != 0)
			continue;
		if (!value)
			return configure(a, FSCONFIG_SET_FLAG, option, NULL);
		(void)snprintf(key, sizeof(key), "%.*s", (int)len - 1, option);
		if (strlen(++value) >= VALUE_MAX)
			return -E2BIG;
		r = a->type->overlay && strstr(key, "dir") && strcmp(key, "redirect_dir") != 0
			    ? check_folders(a, value)
			    : 0;
		return r < 0 ? r : configure(a, FSCONFIG_SET_STRING, key, value);
	}
	if (r > 0)
		return refuse(a, -EINVAL, TTRPC_INVALID_ARGUMENT,
			      "mount option \"%s\" of type %s is not supported", option,
			      a->what->type);
	return r;
}

static int apply_options(struct attempt *a)
{
	int r = 0;

	for (size_t i = 0; i < a->what->n_options && r == 0; i++)
		r = apply_option(a, a->what->options[i]);
	return r;
}

static int find_disk(const char *serial, dev_t *ret)
{
	_cleanup_close_ int sysfs = blockdev_open_sysfs(), disks = -EBADF;
	char own[BLOCKDEV_SERIAL_MAX + 1];

	if (sysfs < 0)
		return sysfs;
	blockdev_own_serial(serial, own);
	disks = openat(sysfs, "block", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return disks < 0 ? -errno : blockdev_find(disks, own, ret);
}

/*
 * By what the host called it: which letter it got depends on who came first. Once it has a node it is known by
 * that, for its serial may become another one (ABI_SLOT_SERIAL). df shows its name, on one line unless it is long.
 */
static int make_node(struct attempt *a, const char *serial)
{
	dev_t device;
	int r;

	(void)mkdir(AREA_ROOT, 0755);
	(void)snprintf(a->node, sizeof(a->node), AREA_ROOT "/d-%.*s", BLOCKDEV_SERIAL_MAX, serial);
	if (!strchr(serial, '/') && access(a->node, F_OK) == 0)
		return 0;
	r = find_disk(serial, &device);
	if (r == -ENOENT)
		return refuse(a, r, TTRPC_NOT_FOUND, "there is no disk with the serial \"%s\"",
			      serial);
	if (r == 0 && mknod(a->node, S_IFBLK | 0600, device) < 0 && errno != EEXIST)
		r = -errno;
	return r;
}

static int refuse_source(struct attempt *a, const char *scheme, const char *what)
{
	return refuse(a, -EINVAL, TTRPC_INVALID_ARGUMENT,
		      "%s: the source is \"%s\", not \"%s\" and a %s", a->what->type,
		      a->what->source, scheme, what);
}

static int set_disk(struct attempt *a)
{
	const char *serial = str_starts(a->what->source, MOUNT_SERIAL);
	int r;

	if (!serial)
		return refuse_source(a, MOUNT_SERIAL, "disk's serial");
	r = make_node(a, serial);
	return r < 0 ? r : configure(a, FSCONFIG_SET_STRING, "source", a->node);
}

int mount_find_disk(const char *serial, uint64_t size, dev_t *ret_device, struct mount_error *error)
{
	struct attempt a = {.error = error};
	_cleanup_close_ int fd = -EBADF;
	struct stat st;
	int r;

	*error = (struct mount_error){.code = TTRPC_OK};
	r = make_node(&a, serial);
	if (r == 0)
		fd = open(a.node, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (r == 0 && (fd < 0 || fstat(fd, &st) < 0))
		r = -errno;
	if (r == 0)
		*ret_device = st.st_rdev;
	if (r == 0 && size)
		r = blockdev_await_size(a.node, size);
	if (r == 0 || error->code != TTRPC_OK)
		return r;
	return refuse(&a, r, ttrpc_code_or(r, TTRPC_FAILED_PRECONDITION),
		      r == -EBUSY ? "the disk \"%s\" is in use: %s"
				  : "cannot look at the disk \"%s\": %s",
		      serial, strerror(-r));
}

/* The kernel keeps a reference of its own to the connection. */
static int set_connection(struct attempt *a)
{
	const char *port = str_starts(a->what->source, ABI_SHARE_9P);
	char fd[16];
	const char *const words[][2] = {
		{"source", a->what->source}, {"trans", "fd"}, {"rfdno", fd}, {"wfdno", fd},
		{"version", "9p2000.L"},
	};
	uint32_t number;
	int r = 0;

	if (!port || parse_u32(port, 1, UINT32_MAX - 1, &number) < 0)
		return refuse_source(a, ABI_SHARE_9P, "port");
	a->connection = vsock_connect(number);
	if (a->connection < 0)
		return a->connection;
	(void)snprintf(fd, sizeof(fd), "%d", a->connection);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(words); i++)
		r = configure(a, FSCONFIG_SET_STRING, words[i][0], words[i][1]);
	return r;
}

static int set_source(struct attempt *a)
{
	if (a->type->source == SOURCE_DISK)
		return set_disk(a);
	if (a->type->source == SOURCE_VSOCK)
		return set_connection(a);
	return *a->what->source ? configure(a, FSCONFIG_SET_STRING, "source", a->what->source) : 0;
}

/* While it is mounted, by the kernel: nothing that is there is moved. */
static int grow(const struct attempt *a, int mnt)
{
	_cleanup_close_ int disk = open(a->node, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int root = openat(mnt, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t bytes, blocks;
	struct statfs st;

	if (disk < 0 || root < 0 || ioctl(disk, BLKGETSIZE64, &bytes) < 0 || fstatfs(root, &st) < 0)
		return -errno;
	blocks = bytes / (uint64_t)st.f_bsize;
	return ioctl(root, EXT4_IOC_RESIZE_FS, &blocks) < 0 ? -errno : 0;
}

/* Return: a mount that is nowhere yet. */
static int make(struct attempt *a)
{
	_cleanup_close_ int fd = -EBADF;
	int r;

	a->fs = (int)syscall(SYS_fsopen, a->what->type, FSOPEN_CLOEXEC);
	if (a->fs < 0)
		return -errno;
	r = set_source(a);
	if (r == 0)
		r = apply_options(a);
	if (r == 0 && a->size)
		r = blockdev_await_size(a->node, a->size);
	if (r == 0)
		r = configure(a, FSCONFIG_CMD_CREATE, NULL, NULL);
	if (r < 0)
		return r;
	fd = (int)syscall(SYS_fsmount, a->fs, FSMOUNT_CLOEXEC, (unsigned int)a->set);
	if (fd < 0)
		return -errno;
	r = a->grow ? grow(a, fd) : 0;
	return r < 0 ? r : take_fd(fd);
}

static int open_source(struct attempt *a)
{
	bool layer = str_starts(a->what->source, ABI_LAYERS_DIR "/") != NULL;
	int fd = a->confined || layer ? open_named(a->what->source)
				      : open(a->what->source, O_PATH | O_CLOEXEC);

	if (fd == -EXDEV)
		return refuse(a, fd, TTRPC_INVALID_ARGUMENT, "bind: \"%s\" is not below " MOUNT_DIR,
			      a->what->source);
	return !a->confined && fd < 0 ? -errno : fd;
}

/* The same of what is mounted already. */
static int make_bind(struct attempt *a)
{
	_cleanup_close_ int source = open_source(a), tree = -EBADF;
	struct mount_attr attributes;
	int r;

	if (source < 0)
		return source;
	r = apply_options(a);
	if (r < 0)
		return r;
	tree = (int)syscall(SYS_open_tree, source, "",
			    AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
				    (a->recursive ? AT_RECURSIVE : 0));
	attributes = (struct mount_attr){.attr_set = a->set, .attr_clr = a->clear & ~a->set};
	if (a->clear & MOUNT_ATTR__ATIME)
		attributes.attr_clr |= MOUNT_ATTR__ATIME;
	if (tree < 0 ||
	    ((a->set | a->clear) &&
	     syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | (a->recursive ? AT_RECURSIVE : 0),
		     &attributes, sizeof(attributes)) < 0))
		return -errno;
	return take_fd(tree);
}

static const struct mount_type *find_type(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}

int mount_make(const Containerd__Types__Mount *what, bool confined, struct mount_error *error)
{
	struct attempt a = {.what = what,
			    .confined = confined,
			    .recursive = true,
			    .fs = -EBADF,
			    .connection = -EBADF,
			    .error = error};
	int fd;

	*error = (struct mount_error){.code = TTRPC_OK};
	a.type = find_type(what->type);
	if (!a.type)
		return refuse(&a, -EOPNOTSUPP, TTRPC_UNIMPLEMENTED,
			      "mount type \"%s\" is not supported", what->type);
	fd = a.type->source == SOURCE_PATH ? make_bind(&a) : make(&a);
	a.fs = fd_close(a.fs);
	fd_close(a.connection);
	return fd < 0 && error->code == TTRPC_OK ? fail(&a, fd) : fd;
}

int mount_attach(int mount, int target)
{
	struct stat st;

	/*
	 * Of a virtiofs the kernel knows nothing before somebody looks; an overlay does not, and would
	 * have a root that only CAP_DAC_OVERRIDE may enter.
	 */
	(void)fstat(mount, &st);
	return syscall(SYS_move_mount, mount, "", target, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
		       ? -errno
		       : 0;
}

int mount_request(const Containerd__Types__Mount *what, int target, bool confined,
		  struct mount_error *error)
{
	struct attempt a = {.what = what, .error = error};
	_cleanup_close_ int fd = mount_make(what, confined, error);
	int r = fd < 0 ? fd : mount_attach(fd, target);

	return fd >= 0 && r < 0 ? fail(&a, r) : r;
}
