/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/direct/user-cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/test.h"

static char folder[] = "/tmp/test-user-cache-XXXXXX", passwd[64], group[64];
static struct user anna = {.uid = 1000, .gid = 1001, .n_groups = 2, .groups = {1001, 10}};
static struct user found;
static int64_t later;

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	test_true(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static bool known(const char *spec)
{
	struct user_key key;

	return user_cache_key(&key, spec, passwd, group) && user_cache_get(&key, &found);
}

static void keep(const char *spec, int64_t now)
{
	struct user_key key;

	test_true(user_cache_key(&key, spec, passwd, group));
	user_cache_put(&key, &anna, now);
}

static void begin(void)
{
	write_file(passwd, "anna:x:1000:1001::/home/anna:/bin/sh\n");
	write_file(group, "wheel:x:10:anna\n");
	strcpy(anna.home, "/home/anna");
	later = time(NULL) + 10;
	memset(&found, 0, sizeof(found));
	/* In place of what an earlier case has left. */
	keep("somebody else", later);
}

static void what_was_found_is_kept(void)
{
	begin();
	test_true(!known("anna"));
	keep("anna", later);
	test_true(!known("") && !known("anna:wheel") && !known("ann"));
	test_true(known("anna"));
	test_int(found.uid, 1000);
	test_int(found.gid, 1001);
	test_int(found.n_groups, 2);
	test_int(found.groups[1], 10);
	test_str(found.home, "/home/anna");
	keep("0", later);
	test_true(known("0") && !known("anna"));
}

static void changed_files_are_read_again(void)
{
	struct timespec times[] = {{.tv_sec = 5}, {.tv_sec = 5}};
	char other[80];

	begin();
	keep("anna", later);
	/* As long as before: only the times tell. */
	test_int(utimensat(AT_FDCWD, passwd, times, 0), 0);
	test_true(!known("anna"));
	(void)snprintf(other, sizeof(other), "%s.new", group);
	write_file(other, "wheel:x:11:anna\n");
	keep("anna", later);
	test_true(known("anna"));
	test_int(rename(other, group), 0);
	test_true(!known("anna"));
	keep("anna", later);
	test_int(unlink(group), 0);
	test_true(!known("anna"));
	keep("anna", later);
	test_true(known("anna"));
	write_file(group, "");
	test_true(!known("anna"));
}

static void what_may_still_change_is_not_kept(void)
{
	begin();
	keep("anna", time(NULL));
	test_true(!known("anna"));
	keep("anna", 0);
	test_true(!known("anna"));
}

static void what_is_odd_is_not_kept(void)
{
	char spec[USER_CACHE_SPEC_MAX + 1];
	struct user_key key;

	begin();
	memset(spec, 'u', sizeof(spec) - 1);
	spec[sizeof(spec) - 1] = '\0';
	test_true(!user_cache_key(&key, spec, passwd, group));
	test_true(!user_cache_key(&key, "anna", folder, group));
	test_true(!user_cache_key(&key, "anna", "/dev/null", group));
	anna.n_groups = USER_GROUPS_MAX;
	keep("anna", later);
	test_true(!known("anna"));
	anna.n_groups = 2;
	memset(anna.home, 'h', sizeof(anna.home) - 1);
	keep("anna", later);
	test_true(!known("anna"));
}

int main(void)
{
	test_true(mkdtemp(folder));
	(void)snprintf(passwd, sizeof(passwd), "%s/passwd", folder);
	(void)snprintf(group, sizeof(group), "%s/group", folder);
	test_run(what_was_found_is_kept);
	test_run(changed_files_are_read_again);
	test_run(what_may_still_change_is_not_kept);
	test_run(what_is_odd_is_not_kept);
	(void)unlink(passwd);
	(void)unlink(group);
	test_int(rmdir(folder), 0);
	return 0;
}
