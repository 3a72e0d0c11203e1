/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/initramfs.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include "base/test-proc.h"
#include "vmm/boot/cpio.h"
#include "vmm/boot/test-images.h"
#include "vmm/test-files.h"

static struct err err;
static char cache[PATH_MAX], init[PATH_MAX];

static void golden_bytes(void)
{
	/* magic, ino, mode, uid, gid, nlink, mtime, size, dev, rdev, name's size, check */
	static const char want[] = "070701"
				   "00000001"
				   "000041ed"
				   "00000000"
				   "00000000"
				   "00000002"
				   "00000000"
				   "00000000"
				   "00000000"
				   "00000000"
				   "00000000"
				   "00000000"
				   "00000004"
				   "00000000"
				   "dev\0\0\0"
				   "070701"
				   "00000002"
				   "00002180"
				   "00000000"
				   "00000000"
				   "00000001"
				   "00000000"
				   "00000000"
				   "00000000"
				   "00000000"
				   "00000005"
				   "00000001"
				   "0000000c"
				   "00000000"
				   "dev/console\0\0\0"
				   "070701"
				   "00000003"
				   "000081ed"
				   "00000000"
				   "00000000"
				   "00000001"
				   "00000000"
				   "00000005"
				   "00000000"
				   "00000000"
				   "00000000"
				   "00000000"
				   "00000005"
				   "00000000"
				   "init\0\0"
				   "hello\0\0\0"
				   "070701"
				   "00000000"
				   "00000000"
				   "00000000"
				   "00000000"
				   "00000001"
				   "00000000"
				   "00000000"
				   "00000000"
				   "00000000"
				   "00000000"
				   "00000000"
				   "0000000b"
				   "00000000"
				   "TRAILER!!!\0\0\0\0";
	_cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);
	_cleanup_free_ char *have = NULL;
	struct cpio cpio;
	size_t len;

	cpio_init(&cpio, fd);
	cpio_dir(&cpio, "dev", 0755);
	cpio_char_device(&cpio, "dev/console", 0600, 5, 1);
	cpio_data(&cpio, "init", 0755, "hello", 5);
	test_int(cpio_end(&cpio), 0);
	test_int(lseek(fd, 0, SEEK_SET), 0);
	test_int(fd_slurp(fd, 4096, &have, &len), 0);
	test_int(len, sizeof(want) - 1);
	test_mem(have, want, sizeof(want) - 1);
}

static void errors_stay(void)
{
	_cleanup_close_ int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct cpio cpio;

	cpio_init(&cpio, full);
	cpio_dir(&cpio, "dev", 0755);
	cpio_file(&cpio, "init", 0755, -EBADF);
	test_int(cpio_end(&cpio), -ENOSPC);
	cpio_init(&cpio, full);
	cpio_file(&cpio, "init", 0755, full);
	test_int(cpio_end(&cpio), -EINVAL);
}

static void begin(void)
{
	test_int(path_remove_tree(AT_FDCWD, files_path("cache")), 0);
	(void)snprintf(cache, sizeof(cache), "%s", files_path("cache"));
	files_write("vminitd", "#!/bin/true\n", 12, 0700);
	(void)snprintf(init, sizeof(init), "%s", files_path("vminitd"));
	err.text[0] = '\0';
}

static char *get(const char *const *modules)
{
	char *path = NULL;
	int r = initramfs_get(cache, init, modules, NULL, &path, &err);

	if (r < 0)
		test_fail("%d: %s", r, err.text);
	return path;
}

/* What an independent program finds in it. */
static void unpacks_with_cpio(void)
{
	static const struct {
		int filter;
		const char *file;
	} packings[] = {{ARCHIVE_FILTER_GZIP, "m-one.ko.gz"},
			{ARCHIVE_FILTER_XZ, "m-two.ko.xz"},
			{ARCHIVE_FILTER_ZSTD, "m-three.ko.zst"}};
	static uint8_t packed[4096];
	_cleanup_free_ char *path = NULL, *out = NULL;
	char command[2 * PATH_MAX], m[4][PATH_MAX];
	const char *modules[] = {m[0], m[1], m[2], m[3], NULL};
	const char *const argv[] = {"sh", "-c", command, NULL};
	struct proc_spec spec = PROC_SPEC_NULL;

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(packings); i++) {
		size_t n =
			image_pack(packings[i].filter, packings[i].file, 6, packed, sizeof(packed));

		files_write(packings[i].file, packed, n, 0644);
		(void)snprintf(m[i], sizeof(m[i]), "%s", files_path(packings[i].file));
	}
	files_write("m-four.ko", "m-four", 6, 0644);
	(void)snprintf(m[3], sizeof(m[3]), "%s", files_path("m-four.ko"));
	path = get(modules);
	(void)snprintf(command, sizeof(command),
		       "command -v cpio >/dev/null || exit 77; mkdir '%s/x' && cd '%s/x' && "
		       "cpio -idm --no-absolute-filenames <'%s' 2>/dev/null; stat -c '%%A %%n' dev "
		       "dev/console init tmp proc modules && cat init modules/list modules/*.ko",
		       files_dir, files_dir, path);
	spec.argv = argv;
	if (test_proc_run(&spec, &out) == 77) {
		printf("SKIP: cpio is not installed\n");
		return;
	}
	test_str(out, "drwxr-xr-x dev\ncrw------- dev/console\n-rwxr-xr-x init\n"
		      "drwxrwxrwt tmp\ndr-xr-xr-x proc\ndrwxr-xr-x modules\n#!/bin/true\n"
		      "m-one.ko\nm-two.ko\nm-three.ko\nm-four.ko\n"
		      "m-fourm-one.m-threm-two.");
}

/* A program runs with nothing but what came along. */
static void program_with_its_libraries(void)
{
	struct initramfs_program program = {.path = "/bin/sh", .guest_path = "/usr/bin/shell"};
	_cleanup_free_ char *path = NULL, *without = NULL, *alone = NULL, *out = NULL;
	char command[2 * PATH_MAX];
	const char *const argv[] = {"sh", "-c", command, NULL};
	struct proc_spec spec = PROC_SPEC_NULL;
	int r;

	begin();
	without = get(NULL);
	test_int(initramfs_get(cache, init, NULL, &program, &alone, &err), 0);
	program.beside = init;
	program.beside_guest_path = "/usr/bin/beside";
	r = initramfs_get(cache, init, NULL, &program, &path, &err);
	if (r < 0)
		test_fail("%d: %s", r, err.text);
	test_true(strcmp(path, without) != 0 && strcmp(path, alone) != 0);
	(void)snprintf(command, sizeof(command),
		       "command -v cpio >/dev/null && [ $(id -u) = 0 ] || exit 77; mkdir '%s/y' && "
		       "cd '%s/y' && cpio -idm --no-absolute-filenames <'%s' 2>/dev/null; "
		       "cmp init usr/bin/beside && chroot . /usr/bin/shell -c 'echo it runs'",
		       files_dir, files_dir, path);
	spec.argv = argv;
	if (test_proc_run(&spec, &out) == 77)
		printf("SKIP: cpio is not installed, or we are not root\n");
	else
		test_str(out, "it runs\n");
}

static ino_t inode(const char *path)
{
	struct stat st;

	test_int(stat(path, &st), 0);
	return st.st_ino;
}

static void known_one_is_not_made_again(void)
{
	_cleanup_free_ char *first = NULL, *second = NULL, *third = NULL;
	ino_t before;

	begin();
	first = get(NULL);
	before = inode(first);
	second = get((const char *const[]){NULL});
	test_str(first, second);
	test_int(inode(second), before);
	files_write("vminitd", "another one", 11, 0700);
	third = get(NULL);
	test_true(strcmp(first, third) != 0);
}

static void same_input_gives_the_same_bytes(void)
{
	_cleanup_free_ char *first = NULL, *second = NULL, *a = NULL, *b = NULL;
	size_t a_len, b_len;

	begin();
	first = get(NULL);
	test_int(file_slurp_at(AT_FDCWD, first, 65536, &a, &a_len), 0);
	begin();
	second = get(NULL);
	test_int(file_slurp_at(AT_FDCWD, second, 65536, &b, &b_len), 0);
	test_int(a_len, b_len);
	test_mem(a, b, a_len);
}

static void errors_name_the_file(void)
{
	const char *modules[] = {"/nonexistent/m.ko", NULL};
	char *path = NULL;

	begin();
	test_int(initramfs_get(cache, init, modules, NULL, &path, &err), -ENOENT);
	test_true(strstr(err.text, "/nonexistent/m.ko") != NULL);
	files_write("bad.ko.xz", "not xz", 6, 0644);
	modules[0] = files_path("bad.ko.xz");
	test_int(initramfs_get(cache, init, modules, NULL, &path, &err), -EBADMSG);
	test_true(strstr(err.text, "bad.ko.xz") != NULL);
	test_int(initramfs_get(cache, "/nonexistent/init", NULL, NULL, &path, &err), -ENOENT);
	test_int(initramfs_get("/dev/null/x", init, NULL, NULL, &path, &err), -ENOTDIR);
	test_true(path == NULL);
}

/* Nothing but whole files appears in the folder, and what failed left nothing there. */
static void folder_holds_whole_files_only(void)
{
	_cleanup_free_ char *path = NULL, *out = NULL;
	char command[PATH_MAX + 64];
	const char *const argv[] = {"sh", "-c", command, NULL};
	struct proc_spec spec = PROC_SPEC_NULL;

	begin();
	errors_name_the_file();
	(void)snprintf(command, sizeof(command), "ls -A '%s/initramfs' | wc -l", cache);
	spec.argv = argv;
	test_int(test_proc_run(&spec, &out), 0);
	test_str(out, "0\n");
}

#define CROWD 6

static void many_at_once(void)
{
	_cleanup_free_ char *path = NULL;
	pid_t pids[CROWD];
	int status;

	begin();
	for (int i = 0; i < CROWD; i++) {
		pids[i] = fork();
		test_true(pids[i] >= 0);
		if (pids[i] == 0) {
			path = get(NULL);
			_exit(access(path, R_OK) == 0 ? 0 : 1);
		}
	}
	for (int i = 0; i < CROWD; i++) {
		test_int(waitpid(pids[i], &status, 0), pids[i]);
		test_int(status, 0);
	}
	path = get(NULL);
}

int main(void)
{
	files_begin();
	test_run(golden_bytes);
	test_run(errors_stay);
	test_run(unpacks_with_cpio);
	test_run(program_with_its_libraries);
	test_run(known_one_is_not_made_again);
	test_run(same_input_gives_the_same_bytes);
	test_run(errors_name_the_file);
	test_run(folder_holds_whole_files_only);
	test_run(many_at_once);
	files_end();
	return 0;
}
