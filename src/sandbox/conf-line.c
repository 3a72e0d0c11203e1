/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/conf-line.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define BLANKS	   " \t\r"
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."

static const char no_quote[] = "a quotation mark is missing";
static const char more[] = "there is more behind the value";

static char *skip(char *s)
{
	return s + strspn(s, BLANKS);
}

static bool is_end(const char *s)
{
	return *s == '\0' || *s == '#';
}

/* Return: what follows the name, or NULL if there is none. */
static char *read_name(char *s, const char *table, char ret[CONF_NAME_MAX])
{
	size_t len = strspn(s, NAME_CHARS);
	int n = snprintf(ret, CONF_NAME_MAX, "%s%s%.*s", table, *table ? "." : "", (int)len, s);

	return len > 0 && n > 0 && n < CONF_NAME_MAX ? skip(s + len) : NULL;
}

static const char *read_table(struct conf_reader *reader, char *s)
{
	char name[CONF_NAME_MAX];

	s = read_name(skip(s), "", name);
	if (!s || *s != ']' || !is_end(skip(s + 1)))
		return "must be \"[table]\"";
	memcpy(reader->table, name, sizeof(name));
	return NULL;
}

/* In place: what a quotation mark or a backslash stands for is never longer. */
static const char *read_quoted(char **s, struct strv *ret)
{
	static const char escapes[] = "\"\"\\\\t\tn\n";
	char quote = **s, *start = *s + 1, *in = start, *out = start;

	for (; *in && *in != quote; in++) {
		const char *escape = NULL;

		if (quote == '"' && *in == '\\') {
			for (size_t i = 0; i + 1 < sizeof(escapes) && !escape; i += 2)
				escape = escapes[i] == in[1] ? escapes + i : NULL;
			if (!escape)
				return "only \\\\, \\\", \\t and \\n may follow a backslash";
			in++;
		}
		*out++ = escape ? escape[1] : *in;
	}
	if (!*in)
		return no_quote;
	*s = in + 1;
	*out = '\0';
	strv_add(ret, start);
	return NULL;
}

/* Without quotation marks: to the end, or to a comment. */
static void read_bare(char **s, struct strv *ret)
{
	char *end = *s;

	for (; *end; end++)
		if (*end == '#' && strchr(BLANKS, end[-1]))
			break;
	*end = '\0';
	while (end > *s && strchr(BLANKS, end[-1]))
		*--end = '\0';
	strv_add(ret, *s);
	*s = end;
}

static const char *read_list(char **s, struct strv *ret)
{
	const char *wrong = NULL;

	*s = skip(*s + 1);
	while (!wrong && **s != ']') {
		if (**s != '"' && **s != '\'')
			return "must be a list on one line: [\"a\", \"b\"]";
		wrong = read_quoted(s, ret);
		*s = skip(*s);
		if (!wrong && **s == ',')
			*s = skip(*s + 1);
		else if (!wrong && **s != ']')
			return "must be a list on one line: [\"a\", \"b\"]";
	}
	if (!wrong)
		*s += 1;
	return wrong;
}

static const char *read_value(char *s, struct strv *ret)
{
	const char *wrong = NULL;

	if (*s == '[')
		wrong = read_list(&s, ret);
	else if (*s == '"' || *s == '\'')
		wrong = read_quoted(&s, ret);
	else
		read_bare(&s, ret);
	return wrong ? wrong : is_end(skip(s)) ? NULL : more;
}

const char *conf_line_read(struct conf_reader *reader, char *line, char ret_key[CONF_NAME_MAX],
			   struct strv *ret_values)
{
	char *s = skip(line);

	ret_key[0] = '\0';
	if (is_end(s))
		return NULL;
	if (*s == '[')
		return read_table(reader, s + 1);
	s = read_name(s, reader->table, ret_key);
	if (!s || *s != '=')
		return "must be \"key = value\"";
	return read_value(skip(s + 1), ret_values);
}
