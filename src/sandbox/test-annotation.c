/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/annotation.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/test.h"

static const char *refused(const char *word)
{
	static struct err err;

	err.text[0] = '\0';
	test_int(annotation_check(word, &err), -EINVAL);
	return err.text;
}

static void form(void)
{
	test_true(strstr(refused(""), "NAME=VALUE") != NULL);
	test_true(strstr(refused("=x"), "NAME=VALUE") != NULL);
	test_true(strstr(refused("name"), "NAME=VALUE") != NULL);
	test_int(annotation_check("name=", NULL), 0);
	test_int(annotation_check("org.example/x=a=b", NULL), 0);
}

static void ours_are_known_by_name(void)
{
	test_int(annotation_check("io.spin.extras.files={}", NULL), 0);
	test_true(strstr(refused("io.spin.extras.file=x"), "io.spin.extras.file:") != NULL);
	test_true(strstr(refused("io.spin.extras.files2=x"), "io.spin.extras.files2") != NULL);
	test_true(strstr(refused("io.caisson.memory=1"), "io.caisson.memory") != NULL);
	/* Not ours, as it is another's name. */
	test_int(annotation_check("io.spinning=x", NULL), 0);
	test_int(annotation_check("io.caisson=x", NULL), 0);
}

static void size(void)
{
	_cleanup_free_ char *word = xmalloc(ANNOTATION_BYTES_MAX + 2);

	memset(word, 'a', ANNOTATION_BYTES_MAX + 1);
	word[1] = '=';
	word[ANNOTATION_BYTES_MAX] = '\0';
	test_int(annotation_check(word, NULL), 0);
	word[ANNOTATION_BYTES_MAX] = 'a';
	word[ANNOTATION_BYTES_MAX + 1] = '\0';
	test_true(strstr(refused(word), "longer") != NULL);
}

static void last_counts(void)
{
	_cleanup_strv_ struct strv list = STRV_NULL, words = STRV_NULL;

	strv_add(&words, "a=1");
	strv_add(&words, "b=2");
	strv_add(&words, "a=3");
	test_int(annotations_set(&list, &words, NULL), 0);
	test_int(list.n, 2);
	test_str(strv_env_get(&list, "a"), "3");
	for (int i = 0; i < ANNOTATIONS_MAX; i++)
		strv_add(&words, "a=1");
	test_int(annotations_set(&list, &words, NULL), -EINVAL);
}

int main(void)
{
	test_run(form);
	test_run(ours_are_known_by_name);
	test_run(size);
	test_run(last_counts);
	return 0;
}
