/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/kernel.h"

#include <sys/time.h>

#include "vmm/boot/places.h"
#include "vmm/boot/test-images.h"
#include "vmm/test-files.h"

/* A machine with kernels, in a folder. */

#define KEY_A "aaaa11110000000000000000000000000000000000000000000000000000aaaa"
#define KEY_B "aaaa22220000000000000000000000000000000000000000000000000000bbbb"

static struct kernel_places places;
static struct kernel k = KERNEL_NULL;
static struct err err;

static void begin(void)
{
	static char cache[PATH_MAX], boot[PATH_MAX], modules[PATH_MAX];

	test_int(path_remove_tree(AT_FDCWD, files_path("m")), 0);
	(void)snprintf(cache, sizeof(cache), "%s", files_path("m/cache"));
	(void)snprintf(boot, sizeof(boot), "%s", files_path("m/boot"));
	(void)snprintf(modules, sizeof(modules), "%s", files_path("m/modules"));
	places = (struct kernel_places){.cache = cache, .boot = boot, .modules = modules};
	test_int(path_mkdirs(boot, 0755), 0);
	err.text[0] = '\0';
}

static void put_file(const char *folder, const char *name, const void *data, size_t len)
{
	_cleanup_free_ char *path = path_join(folder, name);

	test_int(path_mkdirs(files_path(folder), 0755), 0);
	files_write(path, data, len, 0644);
}

static void put_tuned_in(const char *kernels, const char *key, int seconds)
{
	_cleanup_free_ char *folder = path_join(kernels, key);
	_cleanup_free_ char *file = path_join(folder, "vmlinux");
	const struct timeval times[2] = {{seconds, 0}, {seconds, 0}};
	struct image_elf e = image_elf();

	put_file(folder, "vmlinux", &e, sizeof(e));
	test_int(utimes(files_path(file), times), 0);
}

static void put_tuned(const char *key, int seconds)
{
	put_tuned_in("m/cache/kernels", key, seconds);
}

static void put_modules(const char *version)
{
	static const char dep[] = "kernel/virtio_mmio.ko: kernel/virtio.ko\n"
				  "kernel/virtio.ko:\n"
				  "kernel/virtiofs.ko: kernel/virtio.ko\n"
				  "/elsewhere/overlay.ko.xz:\n";
	static const char builtin[] = "kernel/net/vmw_vsock/vmw_vsock_virtio_transport.ko\n";
	_cleanup_free_ char *folder = path_join("m/modules", version);

	put_file(folder, "modules.dep", dep, sizeof(dep) - 1);
	put_file(folder, "modules.builtin", builtin, sizeof(builtin) - 1);
}

static void put_distro(const char *version, int filter)
{
	_cleanup_free_ char *name = xasprintf("vmlinuz-%s", version);
	struct image_elf e = image_elf();
	static uint8_t buf[IMAGE_MAX];
	size_t len = image_bz(filter, &e, sizeof(e), buf);

	put_file("m/boot", name, buf, len);
	put_modules(version);
}

static void resolve(const char *wanted, int want)
{
	int r;

	kernel_done(&k);
	r = kernel_resolve_at(&places, wanted, &k, &err);
	if (r != want)
		test_fail("%d, not %d: %s", r, want, err.text);
}

static void no_kernel_at_all(void)
{
	begin();
	resolve(NULL, -ENOENT);
	test_true(strstr(err.text, "caisson kernel build") != NULL);
	test_true(strstr(err.text, "linux-image-cloud-amd64") != NULL);
	resolve(KERNEL_DISTRO, -ENOENT);
	test_true(strstr(err.text, "linux-image-cloud-amd64") != NULL);
	resolve("aaaa", -ENOENT);
	resolve("/nonexistent/vmlinux", -ENOENT);
	test_true(strstr(err.text, "/nonexistent/vmlinux") != NULL);
}

static void tuned_ones(void)
{
	begin();
	put_tuned(KEY_A, 2000);
	put_tuned(KEY_B, 1000);
	put_distro(IMAGE_VERSION, ARCHIVE_FILTER_XZ);
	resolve(NULL, 0);
	test_str(k.name, KEY_A);
	test_str(k.vmlinux, files_path("m/cache/kernels/" KEY_A "/vmlinux"));
	test_int(k.modules.n, 0);
	test_true(k.tuned);
	resolve("aaaa2", 0);
	test_str(k.name, KEY_B);
	resolve(KEY_B, 0);
	resolve("aaaa", -ENOTUNIQ);
	resolve("aaa", -ENOENT);
	resolve("../kernels/" KEY_A, -ENOENT);
	resolve("default", -ENOENT);
	resolve("", -ENOENT);
}

static void found(const char *wanted, const char *path)
{
	resolve(wanted, 0);
	test_str(k.vmlinux, files_path(path));
}

/* Whoever could write to root's would decide what others boot. */
static void roots_are_taken(void)
{
	static const char *const opened[] = {"m/system", "m/system/kernels",
					     "m/system/kernels/" KEY_B,
					     "m/system/kernels/" KEY_B "/vmlinux"};
	char system[PATH_MAX];

	begin();
	if (geteuid() != 0) {
		puts("nothing here is root's");
		return;
	}
	(void)snprintf(system, sizeof(system), "%s", files_path("m/system"));
	places.system = system;
	put_tuned_in("m/system/kernels", KEY_A, 1000);
	put_tuned_in("m/system/kernels", KEY_B, 3000);
	found(NULL, "m/system/kernels/" KEY_B "/vmlinux");
	/* The user's own counts for more. */
	put_tuned(KEY_A, 2000);
	found(KEY_A, "m/cache/kernels/" KEY_A "/vmlinux");
	test_int(symlink(KEY_A, files_path("m/system/kernels/default")), 0);
	found(NULL, "m/cache/kernels/" KEY_A "/vmlinux");
	test_int(symlink(KEY_B, files_path("m/cache/kernels/default")), 0);
	found(NULL, "m/system/kernels/" KEY_B "/vmlinux");
	for (size_t i = 0; i < ARRAY_SIZE(opened); i++) {
		test_int(chmod(files_path(opened[i]), i == 3 ? 0664 : 0775), 0);
		resolve(KEY_B, -ENOENT);
		test_int(chmod(files_path(opened[i]), i == 3 ? 0644 : 0755), 0);
		test_int(chown(files_path(opened[i]), 65534, 0), 0);
		resolve(KEY_B, -ENOENT);
		test_int(chown(files_path(opened[i]), 0, 0), 0);
	}
	found(KEY_B, "m/system/kernels/" KEY_B "/vmlinux");
}

static void default_is_chosen(void)
{
	struct kernel_list list = KERNEL_LIST_NULL;

	begin();
	put_tuned(KEY_A, 2000);
	put_tuned(KEY_B, 1000);
	put_distro(IMAGE_VERSION, ARCHIVE_FILTER_XZ);
	test_int(kernel_use_at(&places, "aaaa2", &err), 0);
	resolve(NULL, 0);
	test_str(k.name, KEY_B);
	test_int(kernel_use_at(&places, KERNEL_DISTRO, &err), 0);
	resolve(NULL, 0);
	test_int(k.modules.n, 4);
	test_true(!k.tuned);
	test_int(kernel_use_at(&places, "nothing", &err), -ENOENT);
	test_int(kernel_use_at(&places, "/boot/vmlinuz", &err), -ENOENT);
	test_true(strstr(err.text, "'/boot/vmlinuz'") && strstr(err.text, "kernel list"));
	test_true(!strstr(err.text, "slash"));
	test_int(kernel_list_at(&places, &list, &err), 0);
	test_int(list.n, 3);
	test_str(list.entries[0].name, KEY_A);
	test_str(list.entries[2].name, KERNEL_DISTRO);
	test_true(!list.entries[0].is_default && list.entries[2].is_default);
	test_str(list.entries[0].version, "");
	kernel_list_versions(&list);
	test_str(list.entries[0].version, IMAGE_VERSION);
	kernel_list_done(&list);
	kernel_list_done(&list);
	/* A default that was removed is none. */
	test_int(kernel_use_at(&places, KEY_B, &err), 0);
	test_int(path_remove_tree(AT_FDCWD, files_path("m/cache/kernels/" KEY_B)), 0);
	resolve(NULL, 0);
	test_str(k.name, KEY_A);
}

static void distro_kernel_is_unpacked_once(void)
{
	struct image_elf e = image_elf();
	struct stat before, after;

	for (size_t i = 0; i < ARRAY_SIZE(image_filters); i++) {
		_cleanup_free_ char *text = NULL;

		begin();
		put_distro(IMAGE_VERSION, image_filters[i].filter);
		resolve(NULL, 0);
		test_str(k.name, files_path("m/boot/vmlinuz-" IMAGE_VERSION));
		test_int(file_slurp_at(AT_FDCWD, k.vmlinux, IMAGE_MAX, &text, NULL), 0);
		test_mem(text, &e, sizeof(e));
		test_int(stat(k.vmlinux, &before), 0);
		resolve(NULL, 0);
		test_int(stat(k.vmlinux, &after), 0);
		test_int(after.st_ino, before.st_ino);
	}
	test_int(k.modules.n, 4);
	test_str(k.modules.v[0], files_path("m/modules/" IMAGE_VERSION "/kernel/virtio.ko"));
	test_str(k.modules.v[1], files_path("m/modules/" IMAGE_VERSION "/kernel/virtio_mmio.ko"));
	test_str(k.modules.v[2], files_path("m/modules/" IMAGE_VERSION "/kernel/virtiofs.ko"));
	test_str(k.modules.v[3], "/elsewhere/overlay.ko.xz");
}

/* The same kernel, but its modules are not what they were. */
static void changed_modules_are_seen(void)
{
	static const char dep[] = "virtio_mmio.ko:\nvirtiofs.ko:\noverlay.ko:\n";

	begin();
	put_distro(IMAGE_VERSION, ARCHIVE_FILTER_GZIP);
	resolve(NULL, 0);
	test_int(k.modules.n, 4);
	put_file("m/modules/" IMAGE_VERSION, "modules.dep", dep, sizeof(dep) - 1);
	resolve(NULL, 0);
	test_int(k.modules.n, 3);
	put_file("m/modules/" IMAGE_VERSION, "modules.dep", dep, 16);
	resolve(NULL, -ENOEXEC);
	test_true(strstr(err.text, "virtiofs") != NULL);
	/* Without modules only by its path, since it may need none. */
	test_int(path_remove_tree(AT_FDCWD, files_path("m/modules")), 0);
	resolve(NULL, -ENOENT);
	resolve(files_path("m/boot/vmlinuz-" IMAGE_VERSION), 0);
	test_int(k.modules.n, 0);
}

static void newest_version_is_taken(void)
{
	begin();
	put_distro("6.1.0-9-cloud-amd64", ARCHIVE_FILTER_GZIP);
	put_distro("6.1.0-39-cloud-amd64", ARCHIVE_FILTER_GZIP);
	put_distro("5.10.0-99-amd64", ARCHIVE_FILTER_GZIP);
	put_modules(IMAGE_VERSION);
	resolve(KERNEL_DISTRO, 0);
	test_true(strstr(k.name, "6.1.0-39-cloud") != NULL);
	resolve(files_path("m/boot/vmlinuz-5.10.0-99-amd64"), 0);
}

static void vmlinux_by_path(void)
{
	struct image_elf e = image_elf();

	begin();
	put_file("m", "vmlinux", &e, sizeof(e));
	put_modules(IMAGE_VERSION);
	resolve(files_path("m/vmlinux"), 0);
	test_str(k.vmlinux, files_path("m/vmlinux"));
	test_str(k.name, files_path("m/vmlinux"));
	test_int(k.modules.n, 4);
	resolve(files_path("m/vmlinux"), 0);
	test_int(k.modules.n, 4);
	test_str(k.vmlinux, files_path("m/vmlinux"));
}

static void what_is_no_kernel(void)
{
	struct image_elf e = image_elf();
	static uint8_t buf[IMAGE_MAX];
	size_t len;

	begin();
	put_file("m", "text", "hello", 5);
	resolve(files_path("m/text"), -ENOEXEC);
	put_file("m", "empty", "", 0);
	resolve(files_path("m/empty"), -ENOEXEC);
	resolve(files_path("m"), -ENOEXEC);
	resolve("/dev/null", -ENOEXEC);
	e.pvh.head.n_type = 1;
	put_file("m", "vmlinux", &e, sizeof(e));
	resolve(files_path("m/vmlinux"), -ENOEXEC);
	test_true(strstr(err.text, "PVH") != NULL);
	len = image_bz(ARCHIVE_FILTER_XZ, &e, sizeof(e), buf);
	put_file("m", "bz", buf, len);
	resolve(files_path("m/bz"), -ENOEXEC);
	test_true(strstr(err.text, "PVH") != NULL);
	put_file("m", "bz", buf, len - 1);
	resolve(files_path("m/bz"), -ENOEXEC);
	e = image_elf();
	len = image_bz(ARCHIVE_FILTER_XZ, &e, sizeof(e), buf);
	buf[len - 4] ^= 1;
	put_file("m", "bz", buf, len);
	resolve(files_path("m/bz"), -ENOEXEC);
	test_true(strstr(err.text, "damaged") != NULL);
	buf[IMAGE_PAYLOAD_AT + 20] ^= 0xff;
	put_file("m", "bz", buf, len);
	resolve(files_path("m/bz"), -EBADMSG);
	memset(buf + IMAGE_PAYLOAD_AT, 0, 20);
	put_file("m", "bz", buf, len);
	resolve(files_path("m/bz"), -EBADMSG);
	/* Nothing was kept of them. */
	test_int(rmdir(files_path("m/cache/vmlinux")), 0);
}

int main(void)
{
	files_begin();
	test_run(no_kernel_at_all);
	test_run(tuned_ones);
	test_run(roots_are_taken);
	test_run(default_is_chosen);
	test_run(distro_kernel_is_unpacked_once);
	test_run(changed_modules_are_seen);
	test_run(newest_version_is_taken);
	test_run(vmlinux_by_path);
	test_run(what_is_no_kernel);
	kernel_done(&k);
	kernel_done(&k);
	files_end();
	return 0;
}
