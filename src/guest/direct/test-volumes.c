/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "guest/direct/test-container.h"

/* What a container has mounted besides its root. Of the host there are a folder and files beside it. */

#define OUTSIDE CONTAINER_BASE "/outside"
#define FOLDER	CONTAINER_BASE "/folder"

/* A container with some mounts. */
struct wanted {
	struct run run;
	Containerd__Types__Mount mounts[ABI_MOUNTS_MAX + 1], *list[ABI_MOUNTS_MAX + 1];
	char *options[ABI_MOUNTS_MAX + 1];
};

static struct wanted wanted;

static void begin(const char *script)
{
	run_init(&wanted.run, "", script);
}

static void add(const char *type, const char *source, const char *target, const char *option)
{
	Caisson__Guest__V1__Container *container = &wanted.run.create.container;
	size_t i = container->n_mounts++;
	Containerd__Types__Mount *m = &wanted.mounts[i];

	containerd__types__mount__init(m);
	m->type = (char *)type;
	m->source = (char *)source;
	m->target = (char *)target;
	wanted.options[i] = (char *)option;
	m->options = &wanted.options[i];
	m->n_options = option ? 1 : 0;
	wanted.list[i] = m;
	container->mounts = wanted.list;
}

static void expect(const char *out)
{
	test_int(run_begin(&wanted.run), TTRPC_OK);
	test_int(run_end(&wanted.run), 0);
	test_str(wanted.run.out[0], out);
}

static void expect_failure(enum ttrpc_code code, const char *text)
{
	test_int(run_begin(&wanted.run), code);
	test_str(harness_text, text);
	run_close(&wanted.run);
}

static void places_are_made(void)
{
	struct stat st;

	begin("cat /new/deep/f /etc/alone /tmp/g; ls /etc; echo x >/new/deep/w");
	add("bind", FOLDER, "/new/deep", NULL);
	add("bind", OUTSIDE, "/etc/alone", NULL);
	add("bind", OUTSIDE, "/tmp//g", NULL);
	expect("inside\noutside\noutside\nalone\ngroup\npasswd\n");
	test_int(stat(FOLDER "/w", &st), 0);
	/* What was made for it stays, as under Docker. */
	test_int(stat(CONTAINER_TREE "/etc/alone", &st), 0);
	test_true(S_ISREG(st.st_mode) && st.st_size == 0);
	test_int(stat(CONTAINER_TREE "/new/deep", &st), 0);
	test_int(st.st_mode & 07777, 0755);
}

static void later_ones_are_in_earlier_ones(void)
{
	begin("cat /a/f /a/sub/t/f; stat -c %a /a/sub/t /dev/shm; echo x >/dev/shm/x; ls /dev/shm");
	add("bind", FOLDER, "/a", NULL);
	add("tmpfs", "tmpfs", "/a/sub", "size=1m");
	add("bind", FOLDER, "/a/sub/t", NULL);
	add("tmpfs", "tmpfs", "/dev/shm", "mode=700");
	expect("inside\ninside\n755\n700\nx\n");
}

static void read_only(void)
{
	begin("(echo x >/a/f) 2>/dev/null || cat /a/f");
	add("bind", FOLDER, "/a", "ro");
	expect("inside\n");
	begin("(echo x >/y) 2>/dev/null || echo x >/a/z && ls /a");
	wanted.run.create.container.readonly_rootfs = true;
	add("tmpfs", "tmpfs", "/a", NULL);
	expect("z\n");
}

/* Where its links lead is where they lead in there. */
static void links_stay_inside(void)
{
	test_int(symlink("/target", CONTAINER_TREE "/link"), 0);
	test_int(symlink("../../../target", CONTAINER_TREE "/up"), 0);
	test_int(symlink(CONTAINER_BASE, CONTAINER_TREE "/out"), 0);
	test_int(symlink("/proc/self/fd/3", CONTAINER_TREE "/magic"), 0);
	test_int(mkdir(CONTAINER_TREE "/target", 0755), 0);
	begin("cat /target/f /target/s/f");
	add("bind", FOLDER, "/link", NULL);
	add("bind", FOLDER, "/up/s", NULL);
	expect("inside\ninside\n");
	begin("true");
	add("bind", FOLDER, "/out/made", NULL);
	expect_failure(TTRPC_INVALID_ARGUMENT,
		       "cannot mount on /out/made: no such file or directory");
	test_true(access(CONTAINER_BASE "/made", F_OK) < 0);
	begin("true");
	add("bind", FOLDER, "/magic/made", NULL);
	expect_failure(TTRPC_INVALID_ARGUMENT,
		       "cannot mount on /magic/made: too many levels of symbolic links");
}

static void refused(void)
{
	begin("true");
	add("bind", "/nowhere", "/a", NULL);
	expect_failure(TTRPC_INTERNAL,
		       "/a: cannot mount \"/nowhere\" of type bind: no such file or "
		       "directory");
	begin("true");
	add("bind", FOLDER, "/etc/passwd", NULL);
	expect_failure(TTRPC_INVALID_ARGUMENT, "cannot mount on /etc/passwd: not a directory");
	begin("true");
	add("bind", FOLDER, "etc", NULL);
	expect_failure(TTRPC_INVALID_ARGUMENT, "cannot mount on etc: invalid argument");
	begin("true");
	add("tmpfs", "tmpfs", "/a", "uid=x");
	expect_failure(TTRPC_INTERNAL,
		       "/a: cannot mount \"tmpfs\" of type tmpfs: invalid argument");
	begin("true");
	for (int i = 0; i <= ABI_MOUNTS_MAX; i++)
		add("bind", FOLDER, "/a", NULL);
	expect_failure(TTRPC_INVALID_ARGUMENT, "too many mounts");
	begin("cat /a/f");
	for (int i = 0; i < ABI_MOUNTS_MAX; i++)
		add("bind", FOLDER, "/a", NULL);
	expect("inside\n");
}

static void write_file(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	test_int(write(fd, text, strlen(text)), (long long)strlen(text));
}

int main(void)
{
	container_begin();
	test_int(mkdir(FOLDER, 0755), 0);
	write_file(FOLDER "/f", "inside\n");
	write_file(OUTSIDE, "outside\n");
	test_run(places_are_made);
	test_run(later_ones_are_in_earlier_ones);
	test_run(read_only);
	test_run(links_stay_inside);
	test_run(refused);
	container_end();
	return 0;
}
