/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/toml-look.h"

#include "base/mem.h"
#include "base/parse.h"

#define BLANKS " \t"

/* Return: what follows "KEY =", or NULL. */
static const char *value_at(const char *line, const char *key)
{
	const char *at = str_starts(line + strspn(line, BLANKS), key);

	if (!at)
		return NULL;
	at += strspn(at, BLANKS);
	return *at == '=' ? at + 1 + strspn(at + 1, BLANKS) : NULL;
}

static char *unquoted(const char *value)
{
	if (*value == '"' || *value == '\'')
		return xstrndup(value + 1, strcspn(value + 1, (char[]){*value, '\n', '\0'}));
	return xstrndup(value, strcspn(value, BLANKS "#\r\n"));
}

static const char *next_line(const char *line)
{
	line = strchrnul(line, '\n');
	return *line ? line + 1 : line;
}

char *toml_value(const char *text, const char *key)
{
	for (; *text; text = next_line(text)) {
		const char *value = value_at(text, key);

		if (value)
			return unquoted(value);
	}
	return NULL;
}

bool toml_list_has(const char *text, const char *key, const char *word)
{
	const char *at = NULL;

	for (; *text && !at; text = next_line(text))
		at = value_at(text, key);
	if (!at || *at != '[')
		return false;
	for (at++; *at && *at != ']';) {
		if (*at == '#') {
			at = strchrnul(at, '\n');
		} else if (*at == '"' || *at == '\'') {
			_cleanup_free_ char *have = unquoted(at);

			if (strcmp(have, word) == 0)
				return true;
			at += strlen(have) + 1;
			at += *at && *at != '\n';
		} else {
			at++;
		}
	}
	return false;
}

/* @line: begins with "[". Return: its last part, a new string */
static char *last_part(const char *line)
{
	size_t len = strcspn(line, "]\n"), from = len;
	char quote = '\0';

	if (len > 1 && (line[len - 1] == '"' || line[len - 1] == '\''))
		quote = line[--from];
	while (from > 1 && line[from - 1] != (quote ? quote : '.'))
		from--;
	return xstrndup(line + from, len - from - (quote ? 1 : 0));
}

static bool has_end(const char *value, const char *end)
{
	size_t len = strlen(value), end_len = strlen(end);

	return len >= end_len && strcmp(value + len - end_len, end) == 0;
}

char *toml_table_with(const char *text, const char *key, const char *end, char **ret_value)
{
	const char *table = NULL;

	for (; *text; text = next_line(text)) {
		const char *at = text + strspn(text, BLANKS), *value = value_at(text, key);
		_cleanup_free_ char *plain = value ? unquoted(value) : NULL;

		if (*at == '[')
			table = at;
		if (*at == '[' || !table || !plain || !has_end(plain, end))
			continue;
		if (ret_value)
			*ret_value = take_ptr(plain);
		return last_part(table);
	}
	return NULL;
}
