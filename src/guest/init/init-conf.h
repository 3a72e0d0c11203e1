/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <limits.h>
#include <stddef.h>

#include "abi/abi.h"

/*
 * ABI_INIT_CONF, what an image says to vminitd when that is its own init: lines of "key = value",
 * "#" begins a comment line. Host and guest read it with the same code.
 */

#define INIT_CONF_ENV_MAX     4096
#define INIT_CONF_ARGS_MAX    4096
#define INIT_CONF_DNS_MAX     3
#define INIT_CONF_REQUIRE_MAX 8
#define INIT_CONF_NAME_MAX    255

/** enum init_conf_exit - what to do when the command has ended */
enum init_conf_exit {
	INIT_CONF_RESTART,
	INIT_CONF_SHELL,
	INIT_CONF_POWEROFF,
};

/**
 * struct init_conf - the file's content; what it does not say is "", 0, or INIT_CONF_RESTART
 * @hostname: one that is fit to be one
 * @dns: addresses, IPv4 or IPv6
 * @env: "NAME=VALUE"
 * @user, @owner: as in user_lookup(); the command's, and the workspace's
 * @workspace, @workdir: absolute; the folder to make, and the one that the command starts in
 * @require: absolute; what has to be there for the command to run
 * @shell: absolute; "": there shall be none on the console
 * @command: ends with NULL
 *
 * The strings are in the text that was parsed.
 */
struct init_conf {
	const char *hostname;
	const char *user, *owner;
	const char *workspace, *workdir;
	const char *shell;
	enum init_conf_exit on_exit;
	size_t n_dns, n_env, n_require, n_command;
	const char *dns[INIT_CONF_DNS_MAX];
	const char *env[INIT_CONF_ENV_MAX];
	const char *require[INIT_CONF_REQUIRE_MAX];
	const char *command[INIT_CONF_ARGS_MAX + 1];
};

/**
 * struct init_conf_sink - who hears of lines that make no sense
 * @wrong: @line counts from 1, 0 is the file as a whole; @key as it stands there, or ""; @why is a
 *	part of a sentence
 */
struct init_conf_sink {
	void (*wrong)(struct init_conf_sink *sink, unsigned int line, const char *key,
		      const char *why);
};

/**
 * init_conf_parse() - read a file's text, going on after lines that make no sense
 * @text: changed; @len bytes, and a NUL behind them; @ret points into it
 * @end: of a line: a newline, or a NUL where values may have newlines in them
 * @ret: always set
 * @sink: may be NULL
 *
 * Return: how many complaints there were.
 */
unsigned int init_conf_parse(char *text, size_t len, char end, struct init_conf *ret,
			     struct init_conf_sink *sink);

/**
 * struct init_conf_complaint - what init_conf_sink.wrong() was told first
 * @line, @key, @why: as there; @key may point into the text, @why is NULL when there was none
 */
struct init_conf_complaint {
	unsigned int line;
	const char *key, *why;
};

/**
 * init_conf_check() - init_conf_parse(), for who refuses a file with any line that makes no sense
 * @text: changed; @len bytes, and a NUL behind them; @ret and @first point into it
 * @end: of a line, as there
 * @ret: always set
 * @first: always set
 *
 * Return: 0; -EINVAL: there is a complaint.
 */
int init_conf_check(char *text, size_t len, char end, struct init_conf *ret,
		    struct init_conf_complaint *first);
