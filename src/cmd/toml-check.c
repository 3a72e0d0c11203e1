/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/toml-check.h"

#include <ctype.h>
#include <search.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"

#define BLANKS " \t\r"
#define TWICE  "this is defined twice"
/* Between the parts of a name: no string has it in one line. */
#define GAP	  "\n"
#define DEPTH_MAX 64

enum kind { ABOVE, TABLE, TABLES, VALUE };

/**
 * struct node - what a name is, which is first, as the tree compares that
 * @n: of TABLES: how many there are by now
 */
struct node {
	char *name;
	enum kind kind;
	unsigned int n;
};

/**
 * struct scan - how far a text is read
 * @what: what is wrong at @at
 * @table: the name of the table that is begun; NULL: none is
 * @names: a tree of nodes
 */
struct scan {
	const char *at, *start, *what;
	char *table;
	void *names;
};

static bool wrong(struct scan *s, const char *what)
{
	s->what = what;
	return false;
}

static void skip_blanks(struct scan *s)
{
	s->at += strspn(s->at, BLANKS);
}

static void skip_comment(struct scan *s)
{
	skip_blanks(s);
	if (*s->at == '#')
		s->at = strchrnul(s->at, '\n');
}

static void skip_lines(struct scan *s)
{
	for (skip_comment(s); *s->at == '\n'; skip_comment(s))
		s->at++;
}

/* A string over several lines, whose three quotation marks are read. */
static bool read_long_string(struct scan *s, char quote)
{
	const char end[] = {quote, quote, quote, '\0'};

	for (; *s->at && strncmp(s->at, end, 3) != 0; s->at++)
		if (*s->at == '\\' && quote == '"' && s->at[1])
			s->at++;
	if (!*s->at)
		return wrong(s, "a string has no end");
	s->at += 3;
	/* Two more may be its last ones. */
	s->at += strspn(s->at, end);
	return true;
}

/* @ret: what is in it, as it is written; may be NULL */
static bool read_string(struct scan *s, char **ret)
{
	char quote = *s->at++;
	const char *from = s->at;

	for (; *s->at && *s->at != '\n' && *s->at != quote; s->at++)
		if (*s->at == '\\' && quote == '"' && s->at[1] && s->at[1] != '\n')
			s->at++;
	if (*s->at != quote)
		return wrong(s, "a string has no end");
	if (ret)
		*ret = xstrndup(from, (size_t)(s->at - from));
	s->at++;
	return true;
}

static bool is_bare(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool read_part(struct scan *s, struct strv *parts)
{
	const char *from = s->at;
	char *part = NULL;

	if (*s->at == '"' || *s->at == '\'') {
		if (!read_string(s, &part))
			return false;
	} else {
		while (is_bare(*s->at))
			s->at++;
		if (s->at == from)
			return wrong(s, "there is no name");
		part = xstrndup(from, (size_t)(s->at - from));
	}
	strv_take(parts, part);
	return true;
}

/* The parts of a name, with dots between them. */
static bool read_name(struct scan *s, struct strv *parts)
{
	do {
		skip_blanks(s);
		if (parts->n == DEPTH_MAX)
			return wrong(s, "this is too deep");
		if (!read_part(s, parts))
			return false;
		skip_blanks(s);
	} while (*s->at == '.' && s->at++);
	return true;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct node *)a)->name, ((const struct node *)b)->name);
}

static void node_free(void *data)
{
	struct node *node = data;

	free(node->name);
	free(node);
}

/* Return: what the name is by now; where it was nothing yet that, as @kind. */
static struct node *find_node(struct scan *s, const char *name, enum kind kind, bool *ret_new)
{
	struct node *node = xcalloc(1, sizeof(*node)), **found;

	*node = (struct node){.name = xstrdup(name), .kind = kind};
	found = tsearch(node, &s->names, compare);
	if (!found)
		abort();
	*ret_new = *found == node;
	if (!*ret_new)
		node_free(node);
	return *found;
}

static bool define_last(struct scan *s, struct node *node, enum kind kind, bool is_new)
{
	if (kind == TABLES && node->kind == TABLES)
		node->n++;
	else if (!is_new && !(kind == TABLE && node->kind == ABOVE))
		return wrong(s, TWICE);
	node->kind = kind;
	return true;
}

/* @base: the name of the table that it is in; NULL: none. @ret: its own */
static bool define(struct scan *s, const char *base, const struct strv *parts, enum kind kind,
		   char **ret)
{
	_cleanup_free_ char *name = xstrdup(base ? base : "");

	for (size_t i = 0; i < parts->n; i++) {
		bool is_last = i + 1 == parts->n, is_new;
		char *next = xasprintf("%s" GAP "%s", name, parts->v[i]);
		struct node *node = find_node(s, next, is_last ? kind : ABOVE, &is_new);

		free(name);
		name = next;
		if (is_last ? !define_last(s, node, kind, is_new) : node->kind == VALUE)
			return wrong(s, is_last ? TWICE
						: "this is in what is no table, or an inline one");
		if (node->kind == TABLES) {
			next = xasprintf("%s" GAP GAP "%u", name, node->n);
			free(name);
			name = next;
		}
	}
	if (ret)
		*ret = take_ptr(name);
	return true;
}

static bool read_value(struct scan *s, unsigned int depth);

static bool read_array(struct scan *s, unsigned int depth)
{
	s->at++;
	for (skip_lines(s); *s->at != ']'; skip_lines(s)) {
		if (!read_value(s, depth + 1))
			return false;
		skip_lines(s);
		if (*s->at != ',' && *s->at != ']')
			return wrong(s, "an array has no end, or no comma");
		s->at += *s->at == ',';
	}
	s->at++;
	return true;
}

static bool read_assignment(struct scan *s, struct strv *parts, unsigned int depth)
{
	if (!read_name(s, parts))
		return false;
	if (*s->at++ != '=') {
		s->at--;
		return wrong(s, "there is no =");
	}
	skip_blanks(s);
	return read_value(s, depth);
}

static bool read_inline_table(struct scan *s, unsigned int depth)
{
	s->at++;
	skip_blanks(s);
	while (*s->at != '}') {
		_cleanup_strv_ struct strv parts = STRV_NULL;

		if (!read_assignment(s, &parts, depth + 1))
			return false;
		skip_blanks(s);
		if (*s->at != ',' && *s->at != '}')
			return wrong(s, "an inline table has no end, or no comma");
		s->at += *s->at == ',';
		skip_blanks(s);
	}
	s->at++;
	return true;
}

/* A number, a date or a truth. */
static bool read_word(struct scan *s)
{
	static const char *const words[] = {"true", "false", "inf", "nan"};
	size_t len = strcspn(s->at, ",]}# \t\r\n");
	bool is_word = isdigit((unsigned char)*s->at) || *s->at == '+' || *s->at == '-';

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		is_word |= len == strlen(words[i]) && strncmp(s->at, words[i], len) == 0;
	if (!is_word)
		return wrong(s, "there is no value, or one without quotation marks");
	s->at += len;
	/* Between a date and a time may be a blank. */
	if (len == 10 && s->at[0] == ' ' && isdigit((unsigned char)s->at[1]))
		s->at += 1 + strcspn(s->at + 1, ",]}# \t\r\n");
	return true;
}

static bool read_value(struct scan *s, unsigned int depth)
{
	char quote = *s->at;

	if (depth > DEPTH_MAX)
		return wrong(s, "this is too deep");
	if ((quote == '"' || quote == '\'') && s->at[1] == quote && s->at[2] == quote) {
		s->at += 3;
		return read_long_string(s, quote);
	}
	if (quote == '"' || quote == '\'')
		return read_string(s, NULL);
	if (quote == '[')
		return read_array(s, depth);
	return quote == '{' ? read_inline_table(s, depth) : read_word(s);
}

static bool read_table(struct scan *s)
{
	_cleanup_strv_ struct strv parts = STRV_NULL;
	bool is_list = s->at[1] == '[';

	s->at += is_list ? 2 : 1;
	if (!read_name(s, &parts))
		return false;
	if (strncmp(s->at, "]]", is_list ? 2 : 1) != 0)
		return wrong(s, "a table's name has no ]");
	s->at += is_list ? 2 : 1;
	free(s->table);
	s->table = NULL;
	return define(s, NULL, &parts, is_list ? TABLES : TABLE, &s->table);
}

static bool read_line(struct scan *s)
{
	_cleanup_strv_ struct strv parts = STRV_NULL;
	const char *from = s->at;
	bool ok = *s->at == '[' ? read_table(s) : read_assignment(s, &parts, 0);

	if (!ok)
		return false;
	skip_comment(s);
	if (*s->at && *s->at != '\n')
		return wrong(s, "there is something behind the value");
	if (parts.n > 0 && !define(s, s->table, &parts, VALUE, NULL)) {
		s->at = from;
		return false;
	}
	return true;
}

bool toml_check(const char *text, unsigned int *ret_line, const char **ret_what)
{
	struct scan s = {.at = text, .start = text};
	bool ok = true;

	for (skip_lines(&s); ok && *s.at; skip_lines(&s))
		if (!(ok = read_line(&s)))
			break;
	*ret_line = 1;
	for (const char *p = text; !ok && p < s.at; p++)
		*ret_line += *p == '\n';
	*ret_what = s.what;
	free(s.table);
	tdestroy(s.names, node_free);
	return ok;
}
