/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/extras.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "sandbox/annotation.h"

static struct extras extras;
static struct err err;
static char top[] = "/tmp/caisson-test.XXXXXX";

static int parse(const char *text)
{
	extras_done(&extras);
	err.text[0] = '\0';
	return extras_parse(text, &extras, &err);
}

static const char *refused(const char *text)
{
	test_int(parse(text), -EINVAL);
	test_true(strncmp(err.text, "annotation io.spin.extras.files: ", 33) == 0);
	return err.text;
}

static void what_is_asked_for(void)
{
	test_int(parse("{\"/var/lib/spin-stack/etc/x\": {\"source\": \"/b\"},\n"
		       " \"/run/spin-stack/tool\": {\"source\": \"/a\", \"mode\": 36352}} "),
		 0);
	test_int(extras.n, 2);
	test_str(extras.files[0].place, "/run/spin-stack/tool");
	test_str(extras.files[0].source, "/a");
	/* 0107000: only the permissions. */
	test_int(extras.files[0].mode, 0);
	test_str(extras.files[1].place, "/var/lib/spin-stack/etc/x");
	test_int(extras.files[1].mode, 0644);
	test_int(parse("{}"), 0);
	test_int(extras.n, 0);
}

static void supervisors_are_programs(void)
{
	test_int(parse("{\"/run/spin-stack/spin-supervisor\":{\"source\":\"/a\",\"mode\":420},"
		       "\"/var/lib/spin-stack/bin/spin-supervisor\":{\"source\":\"/a\"}}"),
		 0);
	test_int(extras.files[0].mode, 0755);
	test_int(extras.files[1].mode, 0755);
}

static bool have_supervisor(const char *place)
{
	_cleanup_strv_ struct strv annotations = STRV_NULL;

	strv_addf(&annotations, "org.example.x=1");
	if (place)
		strv_addf(&annotations, ANNOTATION_EXTRAS "={\"%s\":{\"source\":\"/a\"}}", place);
	return extras_have_supervisor(&annotations);
}

static void whether_there_is_a_supervisor(void)
{
	test_true(have_supervisor("/run/spin-stack/spin-supervisor"));
	test_true(have_supervisor("/var/lib/spin-stack/bin/spin-supervisor"));
	test_true(!have_supervisor("/run/spin-stack/bin/spin-supervisor"));
	test_true(!have_supervisor("/etc/passwd"));
	test_true(!have_supervisor(NULL));
}

static void nothing_is_there_twice(void)
{
	static const char *const texts[] = {
		"{\"/run/spin-stack/x\":{\"source\":\"/a\"},\"/run/spin-stack/x\":{\"source\":\"/"
		"b\"}}",
		"{\"/run/spin-stack/x\":{\"source\":\"/a\"},\"/run\\/spin-stack/x\":{\"source\":\"/"
		"b\"}}",
		"{\"/run/spin-stack/x\":{\"source\":\"/a\",\"source\":\"/b\"}}",
		"{\"/run/spin-stack/x\":{\"mode\":1,\"source\":\"/a\",\"mode\":1}}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		test_true(strstr(refused(texts[i]), "there twice") != NULL);
	/* Strings may have all that JSON has outside of them. */
	test_int(parse("{\"/run/spin-stack/a:\\\":\":{\"source\":\"/x:\\\\\"}}"), 0);
}

static void no_json(void)
{
	static const char *const texts[] = {
		"",	   "{",
		"[]",	   "null",
		"1",	   "{}x",
		"{'a':1}", "{\"a\":}",
		"{},",	   "\"x\"",
		"{\"a\"",  "{\"a\":{}",
		"{} {}",   "{\"/a\":{\"b\":{\"c\":{\"d\":1}}}}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		(void)refused(texts[i]);
}

static void where_json_is_wrong(void)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{"{\"/run/spin-stack/x\":{\"source\":\"/a\",\"mode\":0755}}",
		 "JSON at byte 48; modes"},
		{"{\"a\":{},}", "JSON at byte 9;"},
		{"{} {}", "JSON at byte 4;"},
		{"", "JSON at byte 1;"},
		{"{\"/a\":{\"b\":{\"c\":{\"d\":1}}}}", "nested too deep"},
		{"[]", "must be a JSON object"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (!strstr(refused(cases[i].text), cases[i].part))
			test_fail("%s: %s", cases[i].text, err.text);
}

static void no_place(void)
{
	static const char *const places[] = {
		"",
		"/",
		"run/spin-stack/x",
		"/etc/passwd",
		"/run/spin-stack",
		"/run/spin-stack/",
		"/run/spin-stackx/y",
		"/run/spin-stack/../x",
		"/run/spin-stack/./x",
		"/run/spin-stack/a//x",
		"/run/spin-stack/a/..",
		"/run/spin-stack/a/",
		"/run/spin-stack/a\\u0001",
		"/run/spin-stack/a\\nb",
	};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_free_ char *text = xasprintf("{\"%s\":{\"source\":\"/x\"}}", places[i]);

		test_true(strstr(refused(text), "is no place") != NULL);
	}
	test_int(parse("{\"/run/spin-stack/...\":{\"source\":\"/x\"}}"), 0);
}

static void long_places(void)
{
	_cleanup_free_ char *name =
		xasprintf("{\"/run/spin-stack/%0256d\":{\"source\":\"/x\"}}", 1);
	_cleanup_free_ char *fits =
		xasprintf("{\"/run/spin-stack/%0255d\":{\"source\":\"/x\"}}", 1);
	_cleanup_free_ char *path =
		xasprintf("{\"/run/spin-stack/%0255d/%0255d/%0255d/%0255d\":{\"source\":\"/x\"}}",
			  1, 1, 1, 1);

	(void)refused(name);
	(void)refused(path);
	test_int(parse(fits), 0);
}

static void wrong_members(void)
{
	static const char *const members[] = {
		"1",
		"null",
		"{}",
		"{\"source\":1}",
		"{\"source\":\"x\"}",
		"{\"source\":\"\"}",
		"{\"source\":\"/a\\u0000b\"}",
		"{\"source\":\"/x\",\"mode\":\"493\"}",
		"{\"source\":\"/x\",\"mode\":-1}",
		"{\"source\":\"/x\",\"mode\":1.5}",
		"{\"source\":\"/x\",\"mode\":99999999999999999999}",
		"{\"source\":\"/x\",\"owner\":0}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		_cleanup_free_ char *text = xasprintf("{\"/run/spin-stack/x\":%s}", members[i]);

		(void)refused(text);
	}
	test_true(strstr(refused("{\"/run/spin-stack/x\":{\"source\":\"/x\",\"owner\":0}}"),
			 "\"owner\"") != NULL);
}

static void file_and_folder(void)
{
	test_true(strstr(refused("{\"/run/spin-stack/a\":{\"source\":\"/x\"},"
				 "\"/run/spin-stack/a-\":{\"source\":\"/x\"},"
				 "\"/run/spin-stack/a/b\":{\"source\":\"/x\"}}"),
			 "a folder, too") != NULL);
}

static void too_many(void)
{
	_cleanup_free_ char *text = xcalloc(EXTRAS_FILES_MAX + 2, 64);
	char *p = text;

	for (int i = 0; i <= EXTRAS_FILES_MAX; i++)
		p += sprintf(p, "%c\"/run/spin-stack/%d\":{\"source\":\"/x\"}", i ? ',' : '{', i);
	strcpy(p, "}");
	test_true(strstr(refused(text), "more than 64") != NULL);
}

/* The folder "in" is allowed, "out" is beside it. */
static struct conf allow_in(void)
{
	struct conf conf = {.path = xstrdup("/etc/c")};

	strv_addf(&conf.extras_allow, "%s/not-there", top);
	strv_addf(&conf.extras_allow, "%s/in/", top);
	return conf;
}

static int open_source(const char *name)
{
	_cleanup_conf_ struct conf conf = allow_in();
	_cleanup_free_ char *path = xasprintf("%s/%s", top, name);

	err.text[0] = '\0';
	return extras_open(path, &conf, &err);
}

static void make(const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", top, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	test_int(fd_write_full(fd, name, strlen(name)), 0);
	fd_close(fd);
}

static void link_to(const char *target, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", top, name);

	test_int(symlink(target, path), 0);
}

static void make_sources(void)
{
	_cleanup_free_ char *in = xasprintf("%s/in/sub", top), *out = xasprintf("%s/out", top);
	_cleanup_free_ char *fifo = xasprintf("%s/in/fifo", top);
	_cleanup_free_ char *device = xasprintf("%s/in/device", top);

	test_int(path_mkdirs(in, 0700) | path_mkdirs(out, 0700), 0);
	make("in/file");
	make("in/sub/file");
	make("out/secret");
	make("inside");
	link_to("../out/secret", "in/leads-out");
	link_to("../out", "in/folder-leads-out");
	link_to("/etc/passwd", "in/absolute");
	link_to("/proc/self/exe", "in/magic");
	link_to("sub/file", "in/stays");
	link_to("fifo", "in/to-fifo");
	test_int(mkfifo(fifo, 0600), 0);
	(void)mknod(device, S_IFCHR | 0600, 1 << 8 | 3);
}

static void allowed_ones(void)
{
	static const char *const names[] = {"in/file", "in/sub/file", "in/stays", "in//file",
					    "in/sub/../file"};
	char text[32];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_close_ int fd = open_source(names[i]);

		if (fd < 0)
			test_fail("%s: %s", names[i], err.text);
		test_true(read(fd, text, sizeof(text)) > 0);
		test_true(write(fd, text, 1) < 0);
	}
}

static void escapes(void)
{
	static const char *const names[] = {
		"out/secret",
		"in/../out/secret",
		"in/sub/../../out/secret",
		"in/leads-out",
		"in/absolute",
		"in/folder-leads-out/secret",
		"inside",
		"in/../in/../out/secret",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		test_int(open_source(names[i]), -EACCES);
		test_true(strstr(err.text, "extras.allow in /etc/c") != NULL);
	}
	test_true(open_source("in/magic") < 0);
	test_int(open_source("in/not-there"), -ENOENT);
}

static void no_regular_file(void)
{
	static const char *const names[] = {"in/fifo", "in/to-fifo", "in/device",
					    "in/sub",  "in",	     "in/"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (open_source(names[i]) == -ENOENT)
			continue; /* nobody here may make devices */
		test_int(open_source(names[i]), -EINVAL);
		test_true(strstr(err.text, "not a regular file") != NULL);
	}
}

static void nothing_is_allowed_by_default(void)
{
	_cleanup_conf_ struct conf conf = {.path = xstrdup("/etc/c")};

	test_int(extras_disk("{}", &conf, top, &err), -EPERM);
	test_true(strstr(err.text, "extras.allow = FOLDER in /etc/c") != NULL);
}

static void too_large(void)
{
	_cleanup_conf_ struct conf conf = allow_in();
	_cleanup_free_ char *path = xasprintf("%s/in/large", top);
	_cleanup_free_ char *text = xasprintf("{\"/run/spin-stack/a\":{\"source\":\"%s\"},"
					      "\"/run/spin-stack/b\":{\"source\":\"%s\"}}",
					      path, path);
	int fd;

	make("in/large");
	test_int(truncate(path, (EXTRAS_BYTES_MAX >> 1) + 1), 0);
	test_int(extras_disk(text, &conf, top, &err), -EINVAL);
	test_true(strstr(err.text, "larger than 256 MiB") != NULL);
	test_int(truncate(path, 4096), 0);
	fd = extras_disk(text, &conf, top, &err);
	test_true(fd >= 0);
	fd_close(fd);
}

int main(void)
{
	test_run(what_is_asked_for);
	test_run(supervisors_are_programs);
	test_run(whether_there_is_a_supervisor);
	test_run(nothing_is_there_twice);
	test_run(no_json);
	test_run(where_json_is_wrong);
	test_run(no_place);
	test_run(long_places);
	test_run(wrong_members);
	test_run(file_and_folder);
	test_run(too_many);
	test_true(mkdtemp(top) != NULL);
	make_sources();
	test_run(allowed_ones);
	test_run(escapes);
	test_run(no_regular_file);
	test_run(nothing_is_allowed_by_default);
	test_run(too_large);
	test_int(path_remove_tree(AT_FDCWD, top), 0);
	extras_done(&extras);
	return 0;
}
