/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/opts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/test.h"

#define MEBI (UINT64_C(1) << 20)

struct values {
	bool interactive, terminal, remove;
	struct strv env;
	const char *name, *accel;
	uint64_t memory;
	uint32_t cpus;
};

static const struct opt options[] = {
	{'i', "interactive", OPT_FLAG, offsetof(struct values, interactive), NULL, "stdin"},
	{'t', "tty", OPT_FLAG, offsetof(struct values, terminal), NULL, "terminal"},
	{0, "rm", OPT_FLAG, offsetof(struct values, remove), NULL, "remove"},
	{'e', "env", OPT_STRV, offsetof(struct values, env), "K=V", "variable"},
	{'n', "name", OPT_STRING, offsetof(struct values, name), "N", "name"},
	{0, "accel", OPT_CHOICE, offsetof(struct values, accel), "A", "how", "auto|kvm|tcg"},
	{'m', "memory", OPT_SIZE, offsetof(struct values, memory), "SIZE", "memory", NULL,
	 64 * MEBI, 1024 * MEBI},
	{0, "cpus", OPT_U32, offsetof(struct values, cpus), "N", "CPUs", NULL, 1, 64},
	{.kind = OPT_END},
};

static const struct command command = {
	.name = "test",
	.usage = "[OPTIONS] WORD...",
	.summary = "Do nothing.",
	.details = "Some details.\n",
	.opts = options,
	.command_follows = true,
};

static const struct command mixed = {.name = "mixed", .usage = "", .summary = "", .opts = options};

static const struct command bare = {.name = "bare", .usage = "", .summary = "No options."};

static struct values values;
static struct err err;

#define parse(...) parse_words(&command, (const char *[]){"test", __VA_ARGS__, NULL})

static int parse_words(const struct command *c, const char **words)
{
	int argc = 0;

	while (words[argc])
		argc++;
	strv_done(&values.env);
	values = (struct values){.name = "none"};
	err = (struct err)ERR_NULL;
	return opts_parse(c, argc, (char **)words, &values, &err);
}

/* Refused, with a message that has all of @part in it. */
static void refused(int r, const char *part)
{
	test_int(r, -EINVAL);
	test_int(err.code, -EINVAL);
	if (!strstr(err.text, part))
		test_fail("\"%s\" is not in: %s", part, err.text);
}

static void values_go_where_the_table_says(void)
{
	test_int(parse("-i", "--rm", "-eA=1", "--env", "B=2", "--env=C", "-n", "x", "--accel=kvm",
		       "-m256M", "--cpus", "2", "image", "-t"),
		 13);
	test_true(values.interactive && values.remove && !values.terminal);
	test_int(values.env.n, 3);
	test_str(values.env.v[0], "A=1");
	test_str(values.env.v[1], "B=2");
	test_str(values.env.v[2], "C");
	test_str(values.name, "x");
	test_str(values.accel, "kvm");
	test_int(values.memory, 256 * MEBI);
	test_int(values.cpus, 2);
}

static void letters_may_be_joined(void)
{
	test_int(parse("-it", "image"), 2);
	test_true(values.interactive && values.terminal);
	test_int(parse("-itex=-i", "-nit", "image"), 3);
	test_true(values.interactive && values.terminal);
	test_str(values.env.v[0], "x=-i");
	test_str(values.name, "it");
	/* A value may look like an option, or be empty. */
	test_int(parse("-n", "--rm", "--name="), 4);
	test_true(!values.remove);
	test_str(values.name, "");
}

static void the_first_word_ends_them(void)
{
	test_int(parse("image", "-i", "--nonsense"), 1);
	test_true(!values.interactive);
	test_int(parse("-i", "--", "--rm", "-t"), 3);
	test_true(values.interactive && !values.remove && !values.terminal);
	test_int(parse("--", "--"), 2);
	test_int(parse("-", "-i"), 1);
	test_int(parse("-i"), 2);
	test_int(parse("", "-i"), 1);
	test_int(parse_words(&command, (const char *[]){"test", NULL}), 1);
	test_int(parse_words(&bare, (const char *[]){"bare", "x", NULL}), 1);
}

static void without_a_command_they_stand_anywhere(void)
{
	const char *words[] = {"mixed", "a", "-n", "x", "-", "-i", "--", "-t", NULL};

	test_int(parse_words(&mixed, words), 5);
	test_true(values.interactive && !values.terminal);
	test_str(values.name, "x");
	test_str(words[5], "a");
	test_str(words[6], "-");
	test_str(words[7], "-t");
	refused(parse_words(&mixed, (const char *[]){"mixed", "a", "-x", NULL}),
		"unknown option -x:");
}

static void words_are_counted(void)
{
	char a[] = "a", b[] = "b\n";
	char *words[] = {a, b, NULL};

	test_int(opts_check_words(&mixed, words, 2, 2, "what?", &err), 0);
	test_int(opts_check_words(&mixed, words + 2, 0, 0, "what?", &err), 0);
	refused(opts_check_words(&mixed, words + 1, 2, 2, "what?", &err),
		"what? See `caisson mixed --help`");
	refused(opts_check_words(&mixed, words, 1, 1, "what?", &err),
		"\"b\\x0a\" is one word too many: see `caisson mixed --help`");
}

static void the_last_one_counts(void)
{
	test_int(parse("-m", "64M", "--name=a", "-m", "128M", "--name", "b"), 8);
	test_int(values.memory, 128 * MEBI);
	test_str(values.name, "b");
}

static void unknown_options_are_named(void)
{
	refused(parse("-x"), "unknown option -x:");
	refused(parse("--nonsense", "image"), "unknown option --nonsense:");
	refused(parse("--rm", "-itx"), "unknown option -x:");
	refused(parse("-xit"), "unknown option -x:");
	refused(parse("--rm", "-xq", "image"), "unknown option -x:");
	refused(parse("--rm=yes"), "--rm takes no value: leave out \"=yes\"");
	refused(parse("--help=yes"), "--help takes no value");
	refused(parse_words(&bare, (const char *[]){"bare", "-i", NULL}), "`caisson bare --help`");
}

static void missing_values_are_named(void)
{
	refused(parse("-e"), "-e needs a value");
	refused(parse("-ite"), "-e needs a value");
	refused(parse("--rm", "--name"), "--name needs a value");
}

static void numbers_have_bounds(void)
{
	static const struct {
		const char *option, *says;
	} wrong[] = {
		{"--memory=0", "from 64M to 1G"},
		{"--memory=256", "from 64M to 1G; did you mean 256M?"},
		{"--memory=63M", "from 64M to 1G"},
		{"--memory=1025M", "from 64M to 1G"},
		{"--memory=18446744073709551616", "from 64M to 1G"},
		{"--memory=99999999999T", "from 64M to 1G"},
		{"--memory=-1", "not a size"},
		{"--memory=", "not a size"},
		{"--memory=64MM", "not a size"},
		{"--memory=1.5G", "not a size"},
		{"--memory= 64M", "not a size"},
		{"--cpus=0", "from 1 to 64"},
		{"--cpus=65", "from 1 to 64"},
		{"--cpus=4294967297", "from 1 to 64"},
		{"--cpus=-1", "not a number"},
		{"--cpus=1x", "not a number"},
		{"--cpus=", "not a number"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		refused(parse(wrong[i].option), wrong[i].says);
		test_int(values.memory, 0);
		test_int(values.cpus, 0);
	}
	test_int(parse("--memory=64M", "--cpus=64"), 3);
	test_int(parse("--memory=1G", "--cpus=1"), 3);
	test_int(values.memory, 1024 * MEBI);
}

static void choices_are_whole_words(void)
{
	static const char *const words[] = {"--accel=kv", "--accel=kvm|tcg", "--accel=KVM",
					    "--accel=",	  "--accel=auto|",   "--accel=tcgx"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		refused(parse(words[i]), "must be one of auto|kvm|tcg");
	test_int(parse("--accel=auto"), 2);
	test_int(parse("--accel=tcg"), 2);
}

/* What a child of ours printed on stdout before it ended with status 0. */
static char *printed_by(const char **words)
{
	int fd = memfd_create("stdout", MFD_CLOEXEC), status;
	char *text;
	pid_t pid = fork();

	if (pid == 0) {
		(void)dup2(fd, STDOUT_FILENO);
		(void)parse_words(&command, words);
		_exit(42);
	}
	test_int(waitpid(pid, &status, 0), pid);
	test_int(status, 0);
	test_int(lseek(fd, 0, SEEK_SET), 0);
	test_int(fd_slurp(fd, 65536, &text, NULL), 0);
	fd_close(fd);
	return text;
}

static void help_comes_from_the_table(void)
{
	_cleanup_free_ char *text = printed_by((const char *[]){"test", "-ih", "-x", NULL});
	_cleanup_free_ char *same = printed_by((const char *[]){"test", "--help", NULL});

	test_str(text, same);
	test_true(strstr(text, "Usage: caisson test [OPTIONS] WORD..."));
	test_true(strstr(text, "  -m, --memory SIZE"));
	test_true(strstr(text, "      --cpus N"));
	test_true(strstr(text, "-h, --help"));
	test_true(strstr(text, "\nSome details.\n"));
}

static void other_users_are_refused(void)
{
	const struct command private = {.name = "bare", .summary = "", .needs_root = "it is odd"};
	int status;
	pid_t pid;

	if (geteuid() != 0) {
		puts("ok other_users_are_refused # SKIP needs root");
		return;
	}
	test_int(parse_words(&private, (const char *[]){"bare", "x", NULL}), 1);
	pid = fork();
	if (pid == 0) {
		test_int(setuid(65534), 0);
		test_int(parse_words(&bare, (const char *[]){"bare", "x", NULL}), 1);
		test_int(parse_words(&private, (const char *[]){"bare", "x", NULL}), -EPERM);
		test_str(err.text, "`caisson bare` needs root, as it is odd: try sudo");
		_exit(0);
	}
	test_int(waitpid(pid, &status, 0), pid);
	test_int(status, 0);
}

int main(void)
{
	test_run(values_go_where_the_table_says);
	test_run(letters_may_be_joined);
	test_run(the_first_word_ends_them);
	test_run(without_a_command_they_stand_anywhere);
	test_run(words_are_counted);
	test_run(the_last_one_counts);
	test_run(unknown_options_are_named);
	test_run(missing_values_are_named);
	test_run(numbers_have_bounds);
	test_run(choices_are_whole_words);
	/* Before a fork(), or the child prints it again. */
	(void)fflush(stdout);
	test_run(help_comes_from_the_table);
	test_run(other_users_are_refused);
	strv_done(&values.env);
	return 0;
}
