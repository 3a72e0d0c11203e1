/* SPDX-License-Identifier: Apache-2.0 */
#include "overlay/changes.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/test.h"

/* The kernel makes the upper folder here, as it does for a container: an overlay, and a shell. */

static char folder[] = "/tmp/test-changes-XXXXXX";
static char told[65536];

static void shell(const char *commands)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		(void)execl("/bin/sh", "sh", "-euc", commands, NULL);
		_exit(127);
	}
	test_int(waitpid(pid, &status, 0), pid);
	test_int(status, 0);
}

static int note(enum change change, const char *path, void *userdata)
{
	size_t len = strlen(told);

	(void)userdata;
	(void)snprintf(told + len, sizeof(told) - len, "%c %s\n", change, path);
	return 0;
}

static int refuse(enum change change, const char *path, void *userdata)
{
	(void)change;
	(void)path;
	(void)userdata;
	return -ECANCELED;
}

static int tell(int (*how)(enum change change, const char *path, void *userdata))
{
	_cleanup_close_ int upper = open("upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			    lower = open("lower", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	test_true(upper >= 0 && lower >= 0);
	told[0] = '\0';
	return changes_tell(upper, lower, how, NULL);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In the order of paths, since that of a folder's names is by chance. */
static void expect(const char *changes, const char *want)
{
	static char sorted[sizeof(told)];
	char *lines[256], *rest = told, *line;
	size_t n = 0;

	shell("rm -rf upper work && mkdir -p upper work all");
	if (mount("overlay", "all", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work") < 0)
		exit(TEST_SKIPPED);
	shell(changes);
	test_int(umount("all"), 0);
	test_int(tell(note), 0);
	while ((line = strsep(&rest, "\n")) && *line)
		lines[n++] = line + 2;
	qsort(lines, n, sizeof(*lines), compare);
	sorted[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		strcat(sorted, lines[i] - 2);
		strcat(sorted, "\n");
	}
	test_str(sorted, want);
}

static void nothing_is_nothing(void)
{
	expect("cat all/etc/passwd >/dev/null", "");
}

static void files_are_added_changed_and_deleted(void)
{
	expect("echo new >all/etc/new; echo x >>all/etc/passwd; rm all/etc/group",
	       "C /etc\nD /etc/group\nA /etc/new\nC /etc/passwd\n");
	expect("rm all/etc/passwd; echo again >all/etc/passwd", "C /etc\nC /etc/passwd\n");
	expect("chmod 600 all/etc/passwd", "C /etc\nC /etc/passwd\n");
}

/* Its own time stays, as nothing in it came or went. */
static void folders_above_a_change_are_told_of(void)
{
	expect("echo x >>all/usr/lib/a/file",
	       "C /usr\nC /usr/lib\nC /usr/lib/a\nC /usr/lib/a/file\n");
	expect("mkdir -p all/opt/a/b; touch all/opt/a/b/c",
	       "A /opt\nA /opt/a\nA /opt/a/b\nA /opt/a/b/c\n");
}

/* Nothing comes or goes in it, and so its time stays. */
static void a_folder_s_own_attributes_count(void)
{
	expect("chmod 700 all/etc", "C /etc\n");
	expect("chown 7 all/etc", "C /etc\n");
	expect("chgrp 7 all/usr/lib", "C /usr\nC /usr/lib\n");
	expect("touch -d @7 all/etc", "C /etc\n");
}

/* An overlay shows nothing under such a name, as if it were not there. */
static void what_the_lower_folder_hides_is_added(void)
{
	shell("mknod lower/hidden c 0 0");
	expect("touch all/hidden", "A /hidden\n");
	shell("rm lower/hidden");
}

static void what_went_with_its_folder_is_told_once(void)
{
	expect("rm -r all/usr", "D /usr\n");
}

static void a_folder_made_anew_hides_what_was_in_it(void)
{
	expect("rm -r all/usr/lib; mkdir all/usr/lib; touch all/usr/lib/x; mkdir all/usr/lib/a",
	       "C /usr\nC /usr/lib\nC /usr/lib/a\nD /usr/lib/a/file\nD /usr/lib/b\nA /usr/lib/x\n");
}

static void what_became_something_else_has_changed(void)
{
	expect("rm -r all/usr; touch all/usr", "C /usr\n");
	expect("rm all/etc/passwd; mkdir all/etc/passwd; touch all/etc/passwd/in",
	       "C /etc\nC /etc/passwd\nA /etc/passwd/in\n");
	expect("ln -s nowhere all/link; mknod all/node c 0 1", "A /link\nA /node\n");
}

static void odd_names_are_names(void)
{
	expect("touch \"all/a b\" \"all/-\" \"all/..c\"", "A /-\nA /..c\nA /a b\n");
}

static void the_teller_may_stop_it(void)
{
	shell("rm -rf upper && mkdir upper && touch upper/x");
	test_int(tell(refuse), -ECANCELED);
}

static void a_path_may_be_too_long(void)
{
	shell("rm -rf upper && mkdir upper && cd upper && n=$(printf '%0200d' 0)\n"
	      "for i in $(seq 19); do mkdir $n && cd $n; done; touch file");
	test_int(tell(note), 0);
	shell("cd upper && n=$(printf '%0200d' 0)\n"
	      "for i in $(seq 19); do cd $n; done; mkdir $n && cd $n && mkdir $n");
	test_int(tell(note), -ENAMETOOLONG);
}

int main(void)
{
	test_true(mkdtemp(folder));
	test_int(chdir(folder), 0);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return TEST_SKIPPED;
	shell("mkdir -p lower/etc lower/usr/lib/a lower/usr/lib/b; touch lower/usr/lib/a/file; "
	      "echo root >lower/etc/passwd; echo root >lower/etc/group");
	test_run(nothing_is_nothing);
	test_run(files_are_added_changed_and_deleted);
	test_run(folders_above_a_change_are_told_of);
	test_run(a_folder_s_own_attributes_count);
	test_run(what_the_lower_folder_hides_is_added);
	test_run(what_went_with_its_folder_is_told_once);
	test_run(a_folder_made_anew_hides_what_was_in_it);
	test_run(what_became_something_else_has_changed);
	test_run(odd_names_are_names);
	test_run(the_teller_may_stop_it);
	test_run(a_path_may_be_too_long);
	test_int(chdir("/"), 0);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	return 0;
}
