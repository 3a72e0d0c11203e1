/* SPDX-License-Identifier: Apache-2.0 */
/* Figures and limits, on a folder with files that look like a control group's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "guest/task/resources.h"
#include "guest/task/stats.h"

static char folder[32];
static struct cgroup cgroup;

static void put(const char *file, const char *text)
{
	test_int(file_write_atomic_at(cgroup.dir, file, text, strlen(text), 0644), 0);
}

static const char *get(const char *file)
{
	static char buf[256];

	test_true(cgroup_read(&cgroup, file, buf, sizeof(buf)) >= 0);
	return buf;
}

static void begin(void)
{
	strcpy(folder, "/tmp/test-cgroup-XXXXXX");
	test_true(mkdtemp(folder));
	cgroup_init(&cgroup);
	cgroup.dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_true(cgroup.dir >= 0);
}

static void end(void)
{
	static const char *const files[] = {
		"cpu.stat",	"memory.stat", "memory.current", "memory.max", "memory.events",
		"pids.current", "pids.max",    "io.stat",	 "cpu.weight",
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		(void)unlinkat(cgroup.dir, files[i], 0);
	test_int(unlinkat(AT_FDCWD, folder, AT_REMOVEDIR), 0);
	cgroup.dir = fd_close(cgroup.dir);
}

static void lines_are_read_one_by_one(void)
{
	char text[] = "anon 12\nfile\nslab 3 4", *at = text, *value;

	test_str(cgroup_line(&at, &value), "anon");
	test_str(value, "12");
	test_str(cgroup_line(&at, &value), "file");
	test_str(value, "");
	test_str(cgroup_line(&at, &value), "slab");
	test_str(value, "3 4");
	test_true(!cgroup_line(&at, &value));
}

static void figures_are_those_of_the_files(void)
{
	struct stats stats;

	begin();
	put("cpu.stat", "usage_usec 30\nuser_usec 10\nsystem_usec 20\nnr_periods 1\nnonsense 5\n");
	put("memory.stat", "anon 1\nfile 2\nworkingset_refault_anon 3\nworkingset_refault_file 4\n"
			   "pgmajfault 5\n");
	put("memory.current", "4096\n");
	put("memory.max", "max\n");
	put("memory.events", "low 0\nhigh 0\nmax 6\noom 1\noom_kill 2\n");
	put("pids.current", "7\n");
	put("pids.max", "max\n");
	put("io.stat", "254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n"
		       "broken rbytes=7\n"
		       "254:16 wbytes=18446744073709551615\n");
	test_int(stats_read(&cgroup, &stats), 0);
	test_int(stats.metrics.cpu->usage_usec, 30);
	test_int(stats.metrics.cpu->system_usec, 20);
	test_int(stats.metrics.memory->workingset_refault, 7);
	test_int(stats.metrics.memory->usage, 4096);
	test_true(stats.metrics.memory->usage_limit == UINT64_MAX);
	test_int(stats.metrics.memory->swap_usage, 0);
	test_int(stats.metrics.memory_events->oom_kill, 2);
	test_int(stats.metrics.pids->current, 7);
	test_true(stats.metrics.pids->limit == UINT64_MAX);
	test_int(stats.metrics.io->n_usage, 2);
	test_int(stats.metrics.io->usage[0]->wios, 4);
	test_int(stats.metrics.io->usage[1]->minor, 16);
	test_true(stats.metrics.io->usage[1]->wbytes == UINT64_MAX);
	test_true(protobuf_c_message_check(&stats.metrics.base));
	end();
}

static void what_there_is_not_is_left_out(void)
{
	struct stats stats;

	begin();
	test_int(stats_read(&cgroup, &stats), -ENODATA);
	put("pids.current", "1\n");
	test_int(stats_read(&cgroup, &stats), 0);
	test_true(!stats.metrics.cpu && !stats.metrics.memory && !stats.metrics.io);
	end();
	test_int(stats_read(&cgroup, &stats), -ENODEV);
}

static void disks_are_bounded(void)
{
	char text[4096];
	struct stats stats;
	size_t at = 0;

	begin();
	put("cpu.stat", "usage_usec 1\n");
	for (int i = 0; i < STATS_DEVICES_MAX + 3; i++)
		at += (size_t)sprintf(text + at, "254:%d rbytes=1\n", i);
	put("io.stat", text);
	test_int(stats_read(&cgroup, &stats), 0);
	test_int(stats.metrics.io->n_usage, STATS_DEVICES_MAX);
	end();
}

/* "FILE VALUE" pairs, ended by NULL */
static enum ttrpc_code apply(const char *const *words, char *text, size_t size)
{
	Caisson__Guest__V1__Resources resources = CAISSON__GUEST__V1__RESOURCES__INIT;
	Caisson__Guest__V1__Resources__Setting rows[20], *list[20];

	for (; *words; words += 2) {
		Caisson__Guest__V1__Resources__Setting *row = &rows[resources.n_settings];

		caisson__guest__v1__resources__setting__init(row);
		row->file = (char *)words[0];
		row->value = (char *)words[1];
		list[resources.n_settings++] = row;
	}
	resources.settings = list;
	return resources_apply(&cgroup, &resources, text, size);
}
#define APPLY(...) apply((const char *const[]){__VA_ARGS__, NULL}, text, sizeof(text))

static void limits_are_set_all_or_none(void)
{
	char text[256], large[300];

	begin();
	put("pids.max", "10");
	put("memory.max", "99");
	test_int(APPLY("pids.max", "20", "memory.max", "11"), TTRPC_OK);
	test_str(get("pids.max"), "20");
	test_str(get("memory.max"), "11");
	/* A file that is not there refuses: what was set before is set back. */
	test_int(APPLY("pids.max", "30", "cpu.weight", "5"), TTRPC_FAILED_PRECONDITION);
	test_str(text, "cannot set cpu.weight to \"5\": this kernel does not have it");
	test_str(get("pids.max"), "20");
	test_int(APPLY("memory.max", "77", "cgroup.procs", "1"), TTRPC_UNIMPLEMENTED);
	test_str(text, "there is no limit called \"cgroup.procs\"");
	test_str(get("memory.max"), "11");
	test_int(APPLY("../pids.max", "1"), TTRPC_UNIMPLEMENTED);
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	test_int(APPLY("pids.max", large), TTRPC_INVALID_ARGUMENT);
	test_int(APPLY(large, "1"), TTRPC_UNIMPLEMENTED);
	/* Where there is no swap, its limit is kept by all. */
	test_int(APPLY("memory.swap.max", "0"), TTRPC_OK);
	end();
}

static void limits_are_limited(void)
{
	const char *words[2 * 17 + 1] = {NULL};
	char text[256];

	begin();
	put("pids.max", "10");
	for (size_t i = 0; i < 17; i++) {
		words[2 * i] = "pids.max";
		words[2 * i + 1] = "1";
	}
	test_int(apply(words, text, sizeof(text)), TTRPC_INVALID_ARGUMENT);
	test_str(text, "more than 16 limits at once");
	test_str(get("pids.max"), "10");
	end();
}

/* One that still has processes cannot be removed; nor can a folder with something in it. */
static void a_name_may_be_taken(void)
{
	struct cgroups cgroups = CGROUPS_NULL;
	struct cgroup first, second;

	begin();
	cgroups.root = cgroup.dir;
	cgroup_init(&first);
	cgroup_init(&second);
	test_int(cgroup_make(&first, &cgroups, "c", false), 0);
	test_int(mkdirat(first.dir, "busy", 0755), 0);
	cgroup_remove(&first, &cgroups, "c");
	test_int(cgroup_make(&second, &cgroups, "c", true), -EEXIST);
	test_int(cgroup_make(&second, &cgroups, "c", false), 0);
	test_int(faccessat(cgroups.root, "c~1", F_OK, 0), 0);
	cgroup_remove(&second, &cgroups, "c");
	test_int(faccessat(cgroups.root, "c~1", F_OK, 0), -1);
	test_int(unlinkat(cgroups.root, "c/busy", AT_REMOVEDIR), 0);
	test_int(cgroup_make(&second, &cgroups, "c", false), 0);
	test_int(second.spare, 0);
	cgroup_remove(&second, &cgroups, "c");
	end();
}

int main(void)
{
	test_run(a_name_may_be_taken);
	test_run(lines_are_read_one_by_one);
	test_run(figures_are_those_of_the_files);
	test_run(what_there_is_not_is_left_out);
	test_run(disks_are_bounded);
	test_run(limits_are_set_all_or_none);
	test_run(limits_are_limited);
	return 0;
}
