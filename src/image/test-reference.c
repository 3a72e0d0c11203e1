/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/test.h"
#include "image/reference.h"

static const struct {
	const char *typed, *full; /* @full: NULL: refused */
	bool loopback;
} names[] = {
	{"debian", "docker.io/library/debian:latest", false},
	{"debian:12", "docker.io/library/debian:12", false},
	{"some/name", "docker.io/some/name:latest", false},
	{"docker.io/debian", "docker.io/library/debian:latest", false},
	{"quay.io/a/b/c:t", "quay.io/a/b/c:t", false},
	{"localhost/x", "localhost/x:latest", true},
	{"localhost:5000/x:y", "localhost:5000/x:y", true},
	{"127.0.0.1:5000/x", "127.0.0.1:5000/x:latest", true},
	{"127.1.2.3/x", "127.1.2.3/x:latest", true},
	{"[::1]:5000/x", "[::1]:5000/x:latest", true},
	{"127.example.org/x", "127.example.org/x:latest", false},
	{"localhosts.org/x", "localhosts.org/x:latest", false},
	{"10.0.0.1/x", "10.0.0.1/x:latest", false},
	{"Host/x", "Host/x:latest", false},
	{"host:1/x:A_b.c-d", "host:1/x:A_b.c-d", false},
	{"a_b__c-d---e/f.g", "docker.io/a_b__c-d---e/f.g:latest", false},
	{"a.b_c/d", NULL, false},
	{"./x", NULL, false},
	{"../x", NULL, false},
	{"host:/x", NULL, false},
	{"host:1a/x", NULL, false},
	{"[::1/x", NULL, false},
	{"[::1]x/y", NULL, false},
	{"x@sha256:0123456789012345678901234567890123456789012345678901234567890123",
	 "docker.io/library/"
	 "x@sha256:0123456789012345678901234567890123456789012345678901234567890123",
	 false},
	{"x:tag@sha256:0123456789012345678901234567890123456789012345678901234567890123",
	 "docker.io/library/"
	 "x@sha256:0123456789012345678901234567890123456789012345678901234567890123",
	 false},
	{"x@sha256:12", NULL, false},
	{"x@md5:12", NULL, false},
	{"x@", NULL, false},
	{"x:", NULL, false},
	{"x:.y", NULL, false},
	{"x:a/b", NULL, false},
	{"X", NULL, false},
	{"a/B", NULL, false},
	{"", NULL, false},
	{"/a", NULL, false},
	{"a/", NULL, false},
	{"a//b", NULL, false},
	{"a.io/../b", NULL, false},
	{"a.io/.", NULL, false},
	{"-a", NULL, false},
	{"a-", NULL, false},
	{"a..b", NULL, false},
	{"a___b", NULL, false},
	{"a._b", NULL, false},
	{"a b", NULL, false},
	{"--flag", NULL, false},
	{"host:1/--flag", NULL, false},
	{"a\nb", NULL, false},
	{"host/\xc3\xa9", NULL, false},
};

static void names_follow_the_grammar(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *full = NULL;
		bool loopback = false;
		int r = reference_name(names[i].typed, &full, &loopback);

		if (!names[i].full) {
			if (r != -EINVAL)
				test_fail("'%s' was taken for '%s'", names[i].typed, full);
			continue;
		}
		if (r < 0)
			test_fail("'%s' was refused", names[i].typed);
		test_str(full, names[i].full);
		test_int(loopback, names[i].loopback);
	}
}

static void long_names_are_refused(void)
{
	char name[400];
	char *full = NULL;

	memset(name, 'a', sizeof(name));
	name[200] = '\0';
	test_int(reference_name(name, &full, NULL), 0);
	free(full);
	name[200] = 'a';
	name[230] = '\0';
	test_int(reference_name(name, &full, NULL), -EINVAL);
	test_int(reference_parse(name, &(struct reference)REFERENCE_NULL, NULL), -EINVAL);
}

static void names_are_compared_in_full(void)
{
	test_true(reference_same_name("busybox", "docker.io/library/busybox:latest"));
	test_true(reference_same_name("a/b:c", "docker.io/a/b:c"));
	test_true(reference_same_name("ODD", "ODD"));
	test_true(!reference_same_name("busybox", "busybox:1"));
	test_true(!reference_same_name("ODD", "odd"));
}

static void check(const char *typed, enum transport transport, const char *path, const char *tag)
{
	_cleanup_reference_ struct reference ref = REFERENCE_NULL;
	struct err err = ERR_NULL;

	if (reference_parse(typed, &ref, &err) < 0)
		test_fail("'%s': %s", typed, err.text);
	test_int(ref.transport, transport);
	test_str(ref.path, path);
	test_str(ref.tag ? ref.tag : "(none)", tag ? tag : "(none)");
}

static void files_and_tags_are_told_apart(void)
{
	char dir[] = "/tmp/test-reference-XXXXXX", typed[200], path[100];

	test_true(mkdtemp(dir));
	(void)snprintf(typed, sizeof(typed), "oci:%s", dir);
	check(typed, TRANSPORT_OCI, dir, NULL);
	(void)snprintf(typed, sizeof(typed), "oci-archive:%s:tag", dir);
	check(typed, TRANSPORT_OCI_ARCHIVE, dir, "tag");
	(void)snprintf(typed, sizeof(typed), "docker-archive:%s:host:5000/repo:tag", dir);
	check(typed, TRANSPORT_DOCKER_ARCHIVE, dir, "host:5000/repo:tag");
	(void)snprintf(typed, sizeof(typed), "oci:%s:", dir);
	check(typed, TRANSPORT_OCI, dir, NULL);
	(void)snprintf(typed, sizeof(typed), "dir:%s:x", dir);
	(void)snprintf(path, sizeof(path), "%s:x", dir);
	check(typed, TRANSPORT_DIR, path, NULL);
	check("docker://a:b", TRANSPORT_REGISTRY, "docker.io/library/a:b", NULL);
	check("oci", TRANSPORT_REGISTRY, "docker.io/library/oci:latest", NULL);
	test_int(rmdir(dir), 0);
}

static void what_cannot_be_is_refused(void)
{
	static const char *const typed[] = {
		"",	     "oci:",	  "dir:", "docker-archive:",
		"/x",	     "./x",	  "..",	  "containers-storage:x",
		"https://x", "docker://", "x y"};

	for (size_t i = 0; i < ARRAY_SIZE(typed); i++) {
		_cleanup_reference_ struct reference ref = REFERENCE_NULL;
		struct err err = ERR_NULL;

		test_int(reference_parse(typed[i], &ref, &err), -EINVAL);
		test_int(err.code, -EINVAL);
		test_true(strlen(err.text) > 10);
	}
	test_int(reference_parse("oci:/no/such/folder:x", &(struct reference)REFERENCE_NULL, NULL),
		 -ENOENT);
}

static void capitals_are_spoken_of(void)
{
	static const struct {
		const char *typed, *part;
	} cases[] = {
		{"Debian", "did you mean debian?"},
		{"Debian:12-Slim", "did you mean debian:12-Slim?"},
		{"docker://Debian", "did you mean debian?"},
		{"quay.io/Some/Name", "did you mean quay.io/some/name?"},
		{"Debian:", "a name in a registry such as"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_reference_ struct reference ref = REFERENCE_NULL;
		struct err err = ERR_NULL;

		test_int(reference_parse(cases[i].typed, &ref, &err), -EINVAL);
		if (!strstr(err.text, cases[i].part))
			test_fail("'%s' is not in: %s", cases[i].part, err.text);
	}
}

int main(void)
{
	test_run(names_follow_the_grammar);
	test_run(long_names_are_refused);
	test_run(names_are_compared_in_full);
	test_run(files_and_tags_are_told_apart);
	test_run(what_cannot_be_is_refused);
	test_run(capitals_are_spoken_of);
	return 0;
}
