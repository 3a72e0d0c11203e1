/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/process-root.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "sandbox/sandbox.h"

static char folder[] = "/tmp/test-process-root-XXXXXX";
static struct sandbox_spec spec = SANDBOX_SPEC_NULL;
static struct sandbox sandbox = {.spec = &spec, .share_port = 1028};
static struct container container = {.spec = &spec, .sandbox = &sandbox};
static struct process_root root;

static void add(const char *form, const char *path)
{
	strv_addf(&spec.volumes, "%s%s", form, path);
	strv_addf(&spec.volume_targets, "/v%zu", spec.volumes.n);
}

static void begin(const char *volume_mode, const char *rootfs_mode)
{
	sandbox_spec_done(&spec);
	spec.volume_mode = xstrdup(volume_mode);
	spec.rootfs_mode = xstrdup(rootfs_mode);
}

static void make(void)
{
	share_find_alone(&spec, &container.alone);
	process_root(&container, &root);
}

/* In words: all that the guest is told of a mount. */
static const char *told(size_t i)
{
	static char text[256];
	const Containerd__Types__Mount *m = root.mounts[i];
	size_t len = (size_t)snprintf(text, sizeof(text), "%s %s on '%s':", m->type, m->source,
				      m->target);

	for (size_t k = 0; k < m->n_options; k++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, " %s", m->options[k]);
	return text;
}

static void virtiofs(void)
{
	begin("", "virtiofs");
	make();
	test_int(root.n, 2);
	test_str(told(0), "virtiofs caisson-share on 'share':");
	test_str(told(1), "bind /layers/share/rootfs on '':");
	spec.part = 4294967295;
	sandbox.group = true;
	make();
	test_str(told(0), "bind /run/mounts/share on 'share':");
	test_str(told(1), "bind /layers/share/4294967295/rootfs on '':");
	process_root_whole(&container, &root);
	test_int(root.n, 1);
	test_str(told(0), "virtiofs caisson-share on '/run/mounts/share':");
	sandbox.group = false;
}

static void ninep(void)
{
	_cleanup_free_ char *file = path_join(folder, "file");

	fd_close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	begin("9p", "virtiofs");
	add("tmpfs:", "size=1m");
	add("ro:", folder);
	add("rw:", file);
	add("text:", "words");
	add("rw:", "/nowhere");
	add("rw:", folder);
	make();
	test_int(container.alone.n, 2);
	test_int(root.n, 4);
#define OPTIONS " cache=mmap access=client msize=131072"
#define LOOSE	" cache=loose access=client msize=131072"
	test_str(told(0), "9p vsock:1028 on 'share': aname=" OPTIONS);
	test_str(told(1), "9p vsock:1028 on 'share/volumes/1': aname=volumes/1" OPTIONS);
	test_str(told(2), "9p vsock:1028 on 'share/volumes/5': aname=volumes/5" OPTIONS);
	test_str(told(3), "9p vsock:1028 on '': aname=rootfs" OPTIONS);
	spec.readonly_rootfs = true;
	make();
	test_str(told(3), "9p vsock:1028 on '': aname=rootfs" LOOSE);
	spec.bundle = xstrdup("/b");
	make();
	test_str(told(3), "9p vsock:1028 on '': aname=rootfs" OPTIONS);
	spec.virtiofs_cache = xstrdup("always");
	make();
	test_str(told(1), "9p vsock:1028 on 'share/volumes/1': aname=volumes/1" LOOSE);
	test_str(told(3), "9p vsock:1028 on '': aname=rootfs" LOOSE);
	sandbox.group = true;
	make();
	test_int(root.n, 2);
	test_str(told(1), "bind /layers/share/rootfs on '':");
	spec.part = 7;
	make();
	test_int(root.n, 2);
	test_str(told(0), "bind /run/mounts/share on 'share':");
	test_str(told(1), "bind /layers/share/7/rootfs on '':");
	process_root_whole(&container, &root);
	test_int(root.n, 1);
	test_str(told(0), "9p vsock:1028 on '/run/mounts/share': aname=" LOOSE);
	sandbox.group = false;
	spec.part = 0;
	spec.memory = UINT64_C(512) << 20;
	make();
	test_str(told(1), "9p vsock:1028 on 'share/volumes/1': aname=volumes/1 cache=loose "
			  "access=client msize=262144");
	begin("9p", "image");
	make();
	test_int(root.n, 3);
	begin("9p", "image");
	add("rw:", file);
	make();
	test_int(root.n, 4);
	test_str(told(0), "9p vsock:1028 on 'share': aname=" OPTIONS);
}

/* The others are seen in the whole; there is room for all that can be. */
static void many(void)
{
	begin("9p", "image");
	for (size_t i = 0; i < ABI_MOUNTS_MAX; i++)
		add(i < DISKS_MAX ? "disk:0:" : "rw:", folder);
	make();
	test_int(container.alone.n, SHARE_ALONE_MAX);
	test_int(root.n, PROCESS_ROOT_MAX - 1);
	test_str(told(DISKS_MAX + SHARE_ALONE_MAX),
		 "9p vsock:1028 on 'share/volumes/23': aname=volumes/23" OPTIONS);
}

int main(void)
{
	test_true(mkdtemp(folder));
	test_run(virtiofs);
	test_run(ninep);
	test_run(many);
	sandbox_spec_done(&spec);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	return 0;
}
