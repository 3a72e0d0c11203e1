/* SPDX-License-Identifier: Apache-2.0 */
#include "tar/trouble.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"

static const struct {
	int error;
	const char *text;
} own[] = {
	{-EXDEV, "it is not within the folder that this goes to"},
	{-EBADMSG, "this is no tar archive, or it is damaged"},
	{-ENODATA, "the archive ends too early"},
	{-EOPNOTSUPP, "an archive of this kind is not supported"},
	{-EMEDIUMTYPE, "it is in a file system of the kernel's own"},
	{-E2BIG, "it is more than a file can have"},
	{-EILSEQ, "in a layer, such a name says that a file is gone"},
	{-ESTALE, "it became shorter while it was read"},
	{-EISDIR, "there is a folder of that name"},
	{-ENOTDIR, "there is something that is not a folder"},
};

static const char *text_of(int error)
{
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (own[i].error == error)
			return own[i].text;
	return strerror(-error);
}

void tar_trouble_clear(struct tar_trouble *trouble)
{
	trouble->what = NULL;
	trouble->path[0] = '\0';
}

int tar_trouble_set(struct tar_trouble *trouble, int error, const char *what, const char *path)
{
	trouble->what = what;
	(void)snprintf(trouble->path, sizeof(trouble->path), "%s", path);
	return error;
}

void tar_trouble_text(const struct tar_trouble *trouble, int error, char *buf, size_t size)
{
	const char *what = trouble->what ? trouble->what : "go on";

	if (trouble->path[0])
		(void)snprintf(buf, size, "cannot %s \"%s\": %s", what, trouble->path,
			       text_of(error));
	else
		(void)snprintf(buf, size, "cannot %s: %s", what, text_of(error));
	for (char *c = buf; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

int tar_trouble_err(const struct tar_trouble *trouble, int error, struct err *err)
{
	char text[ERR_TEXT_MAX];

	tar_trouble_text(trouble, error, text, sizeof(text));
	return err_set(err, error, "%s", text);
}
