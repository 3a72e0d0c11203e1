/* SPDX-License-Identifier: Apache-2.0 */
#include "tar/program/command.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "tar/unpack.h"

#define TAKES_VALUE "fC"

/**
 * struct parsing - on the way through the words
 * @does: 'c' or 'x'; 0: nothing yet
 * @set, @unset: flags, as the words say; of two that contradict each other the last one holds
 */
struct parsing {
	struct tar_command *command;
	int does;
	unsigned int set, unset;
};

enum {
	OPTION_SAME_OWNER = 256,
	OPTION_NO_SAME_PERMISSIONS,
};

static const struct option options[] = {
	{"create", no_argument, NULL, 'c'},
	{"extract", no_argument, NULL, 'x'},
	{"get", no_argument, NULL, 'x'},
	{"file", required_argument, NULL, 'f'},
	{"directory", required_argument, NULL, 'C'},
	{"touch", no_argument, NULL, 'm'},
	{"same-permissions", no_argument, NULL, 'p'},
	{"preserve-permissions", no_argument, NULL, 'p'},
	{"no-same-permissions", no_argument, NULL, OPTION_NO_SAME_PERMISSIONS},
	{"same-owner", no_argument, NULL, OPTION_SAME_OWNER},
	{"no-same-owner", no_argument, NULL, 'o'},
	{NULL, 0, NULL, 0},
};

static const struct {
	int option;
	unsigned int set, unset;
} flags[] = {
	{'m', TAR_UNPACK_NOW, 0},
	{'p', 0, TAR_UNPACK_MASKED},
	{OPTION_NO_SAME_PERMISSIONS, TAR_UNPACK_MASKED, 0},
	{OPTION_SAME_OWNER, 0, TAR_UNPACK_OWN},
	{'o', TAR_UNPACK_OWN, 0},
};

static int add_step(struct parsing *p, bool enters, const char *path)
{
	p->command->steps[p->command->n_steps++] =
		(struct tar_step){.enters = enters, .path = path};
	return 0;
}

static int choose(struct parsing *p, int does, struct err *err)
{
	if (p->does && p->does != does)
		return err_set(err, -EINVAL, "-c and -x: one of the two");
	p->does = does;
	return 0;
}

static int take_flag(struct parsing *p, int option)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (flags[i].option != option)
			continue;
		p->set = (p->set | flags[i].set) & ~flags[i].unset;
		p->unset = (p->unset | flags[i].unset) & ~flags[i].set;
	}
	return 0;
}

/* @word: may be another one than that of a letter */
static int complain(const char *word, bool lacks_value, struct err *err)
{
	const char letter[3] = {'-', (char)optopt, '\0'};
	const char *name = optopt > 0 && optopt <= UCHAR_MAX ? letter : word;

	if (lacks_value)
		return err_set(err, -EINVAL, "%s needs a value", name);
	return err_set(err, -EINVAL, "%s: this tar, which caisson lends, has no such option", name);
}

static int take(struct parsing *p, int option, char **argv, struct err *err)
{
	switch (option) {
	case 1: /* no option at all */
	case 'C':
		return add_step(p, option == 'C', optarg);
	case 'c':
	case 'x':
		return choose(p, option, err);
	case 'f':
		p->command->file = optarg;
		return 0;
	case ':':
	case '?':
		return complain(argv[optind - 1], option == ':', err);
	default:
		return take_flag(p, option);
	}
}

static int take_all(struct parsing *p, int argc, char **argv, struct err *err)
{
	int option, r = 0;

	optind = 1;
	opterr = 0;
	while (r == 0 && (option = getopt_long(argc, argv, "-:cxf:C:mpo", options, NULL)) != -1)
		r = take(p, option, argv, err);
	/* After "--". */
	while (r == 0 && optind < argc)
		r = add_step(p, false, argv[optind++]);
	return r;
}

static int check(const struct parsing *p, struct err *err)
{
	const struct tar_command *c = p->command;
	size_t named = 0;

	for (size_t i = 0; i < c->n_steps; i++)
		named += !c->steps[i].enters;
	if (!p->does)
		return err_set(err, -EINVAL, "either -c or -x");
	if (c->creates && named == 0)
		return err_set(err, -EINVAL, "nothing is named that goes into the archive");
	if (!c->creates && named > 0)
		return err_set(err, -EINVAL,
			       "this tar, which caisson lends, extracts all of an archive");
	return 0;
}

/*
 * In "cCf folder file a" the first word's letters are options, whose values are the words that follow:
 * "-c -C folder -f file a". Return: such a list, or NULL without memory.
 */
static char **spread(int *argc, char **argv, char (*letters)[3])
{
	size_t n = strlen(argv[1]), at = 1, value = 2;
	char **ret = calloc((size_t)*argc + n, sizeof(*ret));

	if (!ret)
		return NULL;
	ret[0] = argv[0];
	for (size_t i = 0; i < n; i++) {
		letters[i][0] = '-';
		letters[i][1] = argv[1][i];
		ret[at++] = letters[i];
		if (strchr(TAKES_VALUE, argv[1][i]) && value < (size_t)*argc)
			ret[at++] = argv[value++];
	}
	while (value < (size_t)*argc)
		ret[at++] = argv[value++];
	*argc = (int)at;
	return ret;
}

static int parse_spread(struct parsing *p, int argc, char **argv, struct err *err)
{
	char letters[16][3] = {{0}}, **spread_argv;
	int r;

	if (strlen(argv[1]) > ARRAY_SIZE(letters))
		return err_set(err, -EINVAL, "%.32s…: too many options", argv[1]);
	spread_argv = spread(&argc, argv, letters);
	r = spread_argv ? take_all(p, argc, spread_argv, err)
			: err_errno(err, -ENOMEM, "cannot go on");
	free(spread_argv);
	return r;
}

int tar_command_parse(int argc, char **argv, bool superuser, struct tar_command *ret,
		      struct err *err)
{
	struct parsing p = {.command = ret};
	int r;

	*ret = (struct tar_command){.file = "-",
				    .steps = calloc((size_t)argc + 1, sizeof(*ret->steps))};
	if (!superuser)
		p.set = TAR_UNPACK_OWN | TAR_UNPACK_MASKED;
	if (!ret->steps)
		return err_errno(err, -ENOMEM, "cannot go on");
	r = argc > 1 && argv[1][0] && argv[1][0] != '-' ? parse_spread(&p, argc, argv, err)
							: take_all(&p, argc, argv, err);
	if (r < 0)
		return r;
	ret->creates = p.does == 'c';
	ret->flags = p.set;
	return check(&p, err);
}

void tar_command_done(struct tar_command *command)
{
	free(command->steps);
	command->steps = NULL;
}
