/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/standin.h"

#include "abi/abi.h"
#include "base/path.h"
#include "base/test-proc.h"
#include "vmm/boot/initramfs.h"
#include "vmm/test-files.h"

/* test-standin LIBRARY: src/guest/standin, with the real crun */
static const char *library;
static struct err err;

/* One that has nothing of what crun wants, but loads. */
static char *other_library(const char *folder)
{
	_cleanup_free_ char *real = realpath("/lib/x86_64-linux-gnu/libz.so.1", NULL),
			    *content = NULL;
	char file[64];
	size_t len;

	(void)snprintf(file, sizeof(file), "%s/libsystemd.so.0", folder);
	if (!real || file_slurp_at(AT_FDCWD, real, 4 << 20, &content, &len) < 0)
		test_fail("there is no libz");
	test_int(mkdir(files_path(folder), 0700), 0);
	files_write(file, content, len, 0700);
	return xstrdup(files_path(file));
}

static void fits_where_all_is_found(void)
{
	_cleanup_free_ char *other = other_library("other"), *lists = other_library("a:b");

	test_int(standin_fits(ABI_CRUN, library), 1);
	test_int(standin_fits(ABI_CRUN, other), 0);
	test_int(standin_fits(ABI_CRUN, lists), 0);
	test_int(standin_fits("/nonexistent/crun", library), -ENOENT);
	test_int(standin_fits(files_script("killed", "kill -KILL $$\n"), library), -EIO);
	test_true(standin_is_for("/a/libsystemd.so.0", "/lib/libsystemd.so.0"));
	test_true(!standin_is_for("/a/libsystemd.so.0", "/lib/libsystemd.so.01"));
}

/* What there is of libraries in the initramfs, and whether crun runs with that. */
static char *made_with(const char *standin)
{
	const struct initramfs_program program = {ABI_CRUN, ABI_CRUN, standin};
	_cleanup_free_ char *path = NULL;
	char command[3 * PATH_MAX], *out = NULL;
	const char *const argv[] = {"sh", "-c", command, NULL};
	struct proc_spec spec = PROC_SPEC_NULL;

	files_write("vminitd", "#!/bin/true\n", 12, 0700);
	if (initramfs_get(files_path("cache"), files_path("vminitd"), NULL, &program, &path, &err) <
	    0)
		test_fail("%s", err.text);
	(void)snprintf(command, sizeof(command),
		       "rm -rf '%s/x' && mkdir '%s/x' && cd '%s/x' && "
		       "cpio -idm --no-absolute-filenames <'%s' 2>/dev/null; find . -name "
		       "'lib[sgl]*.so.*' | "
		       "sed 's,.*/,,' | sort | tr '\\n' ' '; unshare -m sh -c 'mount -t proc proc "
		       "proc && exec chroot . %s --version' | head -n 1 | "
		       "cut -d ' ' -f 1",
		       files_dir, files_dir, files_dir, path, ABI_CRUN);
	spec.argv = argv;
	test_int(test_proc_run(&spec, &out), 0);
	return out;
}

static void is_taken_only_where_it_fits(void)
{
	_cleanup_free_ char *other = xstrdup(files_path("other/libsystemd.so.0"));
	_cleanup_free_ char *none = made_with(NULL), *ours = made_with(library),
			    *unfit = made_with(other);

	test_str(ours, "libseccomp.so.2 libsystemd.so.0 crun\n");
	test_true(strstr(none, "libgcrypt"));
	test_str(unfit, none);
}

static void one_that_is_missing_is_named(void)
{
	const struct initramfs_program program = {ABI_CRUN, ABI_CRUN,
						  "/nonexistent/libsystemd.so.0"};
	char *path = NULL;

	test_int(initramfs_get(files_path("cache"), files_path("vminitd"), NULL, &program, &path,
			       &err),
		 -ENOENT);
	test_true(strstr(err.text, "/nonexistent/libsystemd.so.0"));
}

int main(int argc _unused_, char **argv)
{
	library = argv[1];
	files_begin();
	test_run(fits_where_all_is_found);
	test_run(is_taken_only_where_it_fits);
	test_run(one_that_is_missing_is_named);
	files_end();
	return 0;
}
