/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/mount/mountinfo.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/macro.h"

/* Far more than the kernel's limit of 100000 mounts (fs.mount-max) comes to. */
#define TEXT_MAX (SIZE_MAX / 4)

int mountinfo_open(struct mountinfo *info, int dir, const char *file)
{
	size_t len;
	int r = file_slurp_at(dir, file, TEXT_MAX, &info->text, &len);

	if (r < 0)
		return r;
	info->at = info->text;
	info->end = info->text + len;
	return 0;
}

/* "\040" and its like stand for what would end a word. In place. */
static void unescape(char *text)
{
	char *out = text;

	for (; *text; text++) {
		if (text[0] == '\\' && strspn(text + 1, "01234567") >= 3) {
			*out++ = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + text[3] - '0');
			text += 3;
		} else {
			*out++ = *text;
		}
	}
	*out = '\0';
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime - ext3 …": number, parent, device, root, path, options. */
static bool parse(char *line, struct mountinfo_line *ret)
{
	char *words[6], *device_end;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!(words[i] = strsep(&line, " ")))
			return false;
	/* Major number 0: of no device. */
	ret->on_device = strtoul(words[2], &device_end, 10) != 0 && *device_end == ':';
	ret->writable = strcmp(words[5], "rw") == 0 || strncmp(words[5], "rw,", 3) == 0;
	ret->path = words[4];
	unescape(ret->path);
	return true;
}

bool mountinfo_next(struct mountinfo *info, struct mountinfo_line *ret)
{
	while (info->at < info->end) {
		char *line = info->at, *end = memchr(line, '\n', (size_t)(info->end - line));

		if (end)
			*end = '\0';
		info->at = end ? end + 1 : info->end;
		if (parse(line, ret))
			return true;
	}
	return false;
}

bool mountinfo_previous(struct mountinfo *info, struct mountinfo_line *ret)
{
	while (info->end > info->at) {
		char *line;

		/* The newline of this line. */
		*--info->end = '\0';
		line = memrchr(info->at, '\n', (size_t)(info->end - info->at));
		info->end = line ? line + 1 : info->at;
		if (parse(info->end, ret))
			return true;
	}
	return false;
}

void mountinfo_close(struct mountinfo *info)
{
	free(info->text);
	info->text = info->at = info->end = NULL;
}
