/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/opts.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "cmd/output.h"
#include "image/text.h"

#define OPTS_MAX  64
#define LONG_ONLY 0x1000

static size_t count(const struct opt *opts)
{
	size_t n = 0;

	while (opts && opts[n].kind != OPT_END)
		n++;
	return n;
}

/* As the documents write it: in the largest unit that goes without a remainder. */
static const char *size_text(uint64_t bytes, char *buf, size_t size)
{
	static const char units[] = "KMGT";
	uint64_t n = bytes >> 10;
	size_t i = 0;

	for (; units[i + 1] && n > 0 && n % 1024 == 0; i++)
		n /= 1024;
	(void)snprintf(buf, size, "%llu%c", (unsigned long long)n, units[i]);
	return buf;
}

static int wrong_size(const struct opt *o, const char *text, uint64_t bytes, struct err *err)
{
	/* Somebody who writes 256 means no bytes. */
	bool bare = text[strspn(text, "0123456789")] == '\0' && bytes < o->min &&
		    bytes >= o->min >> 20 && bytes <= o->max >> 20;
	char min[32], max[32];

	return err_set(err, -EINVAL, "--%s %s: must be from %s to %s%s%s%s", o->name, text,
		       size_text(o->min, min, sizeof(min)), size_text(o->max, max, sizeof(max)),
		       bare ? "; did you mean " : "", bare ? text : "", bare ? "M?" : "");
}

static int number(const struct opt *o, const char *text, uint64_t *ret, struct err *err)
{
	int r = o->kind == OPT_SIZE ? parse_size(text, ret) : parse_u64(text, 0, UINT64_MAX, ret);

	if (r == -EINVAL)
		return err_set(err, -EINVAL, "--%s %s: not a %s", o->name, text,
			       o->kind == OPT_SIZE ? "size such as 256M or 1G" : "number");
	if (r < 0 || *ret < o->min || *ret > o->max) {
		if (o->kind == OPT_SIZE)
			return wrong_size(o, text, r < 0 ? UINT64_MAX : *ret, err);
		return err_set(err, -EINVAL, "--%s %s: must be from %llu to %llu", o->name, text,
			       (unsigned long long)o->min, (unsigned long long)o->max);
	}
	return 0;
}

static int store(const struct opt *o, const char *text, void *values, struct err *err)
{
	void *member = (char *)values + o->offset;
	uint64_t n = 0;
	int r = 0;

	switch (o->kind) {
	case OPT_FLAG:
		*(bool *)member = true;
		break;
	case OPT_CHOICE:
		if (!str_is_choice(o->choices, text))
			return err_set(err, -EINVAL, "--%s %s: must be one of %s", o->name, text,
				       o->choices);
		*(const char **)member = text;
		break;
	case OPT_STRING:
		*(const char **)member = text;
		break;
	case OPT_STRV:
		strv_add(member, text);
		break;
	case OPT_SIZE:
	case OPT_U32:
		r = number(o, text, &n, err);
		if (r == 0 && o->kind == OPT_SIZE)
			*(uint64_t *)member = n;
		else if (r == 0)
			*(uint32_t *)member = (uint32_t)n;
		break;
	case OPT_END:
		break;
	}
	return r;
}

/* The table in the two forms that getopt_long(3) wants. */
static void for_getopt(const struct command *command, size_t n, char *letters, struct option *words)
{
	const struct opt *opts = command->opts;
	char *p = letters;

	/* "+": stop at the first word that is no option; ":": tell a missing value from a typo. */
	if (command->command_follows)
		*p++ = '+';
	*p++ = ':';
	*p++ = 'h';
	for (size_t i = 0; i < n; i++) {
		int argument = opts[i].kind == OPT_FLAG ? no_argument : required_argument;

		words[i] = (struct option){opts[i].name, argument, NULL, LONG_ONLY + (int)i};
		if (!opts[i].letter)
			continue;
		*p++ = opts[i].letter;
		if (argument == required_argument)
			*p++ = ':';
	}
	words[n] = (struct option){"help", no_argument, NULL, LONG_ONLY + (int)n};
	words[n + 1] = (struct option){NULL, 0, NULL, 0};
	*p = '\0';
}

static const struct opt *find(const struct opt *opts, size_t n, int c)
{
	if (c >= LONG_ONLY)
		return &opts[c - LONG_ONLY];
	for (size_t i = 0; i < n; i++)
		if (opts[i].letter == c)
			return &opts[i];
	return NULL;
}

static int complain(const struct command *command, int c, char **argv, struct err *err)
{
	const char *word = argv[optind - 1];
	char letter[3] = {'-', (char)optopt, '\0'};

	/* "--rm=true": getopt_long(3) knows the option, then. */
	if (c == '?' && optopt >= LONG_ONLY)
		return err_set(err, -EINVAL, "--%.*s takes no value: leave out \"%s\"",
			       (int)strcspn(word + 2, "="), word + 2, word + strcspn(word, "="));
	/* A letter may stand in a group, "-xit": the word is then not done yet, name the letter. */
	if (optopt != 0 && optopt < LONG_ONLY)
		word = letter;
	if (c == ':')
		return err_set(err, -EINVAL, "%s needs a value: see `caisson %s --help`", word,
			       command->name);
	return err_set(err, -EINVAL, "unknown option %s: see `caisson %s --help`", word,
		       command->name);
}

int opts_parse(const struct command *command, int argc, char **argv, void *values, struct err *err)
{
	size_t n = count(command->opts);
	struct option words[OPTS_MAX + 2];
	char letters[2 * OPTS_MAX + 4];
	int c, r;

	assert(n <= OPTS_MAX);
	for_getopt(command, n, letters, words);
	opterr = 0;
	/* glibc: 0 also forgets the rest of a group that was given up. */
	optind = 0;
	while ((c = getopt_long(argc, argv, letters, words, NULL)) >= 0) {
		if (c == 'h' || c == LONG_ONLY + (int)n) {
			opts_help(command);
			exit(output_end(0, command->failure));
		}
		if (c == '?' || c == ':')
			return complain(command, c, argv, err);
		r = store(find(command->opts, n, c), optarg, values, err);
		if (r < 0)
			return r;
	}
	if (command->needs_root && geteuid() != 0)
		return err_set(err, -EPERM, "`caisson %s` needs root, as %s: try sudo",
			       command->name, command->needs_root);
	return optind;
}

int opts_check_words(const struct command *command, char *const *words, size_t min, size_t max,
		     const char *question, struct err *err)
{
	size_t n = 0;

	while (words[n])
		n++;
	if (n < min)
		return err_set(err, -EINVAL, "%s See `caisson %s --help`", question, command->name);
	if (n > max)
		return err_set(err, -EINVAL, "\"%s\" is one word too many: see `caisson %s --help`",
			       text_of(words[max]), command->name);
	return 0;
}

void opts_help(const struct command *command)
{
	printf("Usage: caisson %s%s%s\n\n%s\n", command->name, *command->usage ? " " : "",
	       command->usage, command->summary);
	if (count(command->opts) > 0)
		puts("\nOptions:");
	for (const struct opt *o = command->opts; o && o->kind != OPT_END; o++) {
		char left[64];

		(void)snprintf(left, sizeof(left), "%c%c%s --%s %s", o->letter ? '-' : ' ',
			       o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name,
			       o->argument ? o->argument : "");
		printf("  %-30s %s\n", left, o->help);
	}
	printf("  %-30s %s\n", "-h, --help", "print this");
	if (command->details)
		printf("\n%s", command->details);
}
