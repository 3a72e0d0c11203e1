/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"

/*
 * Options as data: a command has a table of struct opt, which says where each value goes. Parsing,
 * checking and --help come from the table.
 */

enum opt_kind {
	OPT_END = 0,
	OPT_FLAG,   /* bool: present is true */
	OPT_STRING, /* const char *: the last one counts */
	OPT_STRV,   /* struct strv: each one is appended */
	OPT_SIZE,   /* uint64_t: bytes, "256M"; from @min to @max */
	OPT_U32,    /* uint32_t: from @min to @max */
	OPT_CHOICE, /* const char *: one of the words of @choices, "a|b|c" */
};

/**
 * struct opt - one option
 * @letter: 0: none
 * @name: long name
 * @kind: what the value is
 * @offset: where it goes in the command's structure
 * @argument: how --help calls the value
 * @help: one line
 */
struct opt {
	char letter;
	const char *name;
	enum opt_kind kind;
	size_t offset;
	const char *argument;
	const char *help;
	const char *choices;
	uint64_t min, max;
};

/* A row of the table of a command whose values are in a struct @type. */
#define OPT(type, letter, name, kind, member, argument, help, ...)                             \
	{                                                                                      \
		letter, name, kind, offsetof(struct type, member), argument, help, __VA_ARGS__ \
	}

/**
 * struct command - one word after "caisson"
 * @usage: what follows the name, for instance "[OPTIONS] NAME..."
 * @summary: one line
 * @details: further text of --help; may be NULL
 * @failure: exit status when caisson itself is at fault, or was called wrongly
 * @command_follows: of somebody's: options end at the first word that is none; else they may stand
 *	among the words, up to "--"
 * @needs_root: why other users are refused, before anything is looked for or made; NULL: they are not
 * @run: gets what follows the command's name, itself as argv[0]; returns the exit status
 */
struct command {
	const char *name;
	const char *usage;
	const char *summary;
	const char *details;
	const struct opt *opts;
	int failure;
	bool command_follows;
	const char *needs_root;
	int (*run)(const struct command *self, int argc, char **argv);
};

/**
 * opts_parse() - fill @values from the options of @argv
 *
 * Options that stand among other words are moved before them. --help is handled here, and ends the program.
 *
 * Return: index of the first word that is no option; or -EINVAL, or -EPERM for a user who is not
 * root where that is needed, with a message.
 */
int opts_parse(const struct command *command, int argc, char **argv, void *values, struct err *err);

/**
 * opts_check_words() - are there as many words as a command takes?
 * @words: what follows the options; ends with NULL
 * @question: asked when there are fewer than @min
 *
 * Return: 0, or -EINVAL with a message.
 */
int opts_check_words(const struct command *command, char *const *words, size_t min, size_t max,
		     const char *question, struct err *err);

/** opts_help() - print a command's help on stdout */
void opts_help(const struct command *command);
