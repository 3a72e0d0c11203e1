/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/volume.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/parse.h"

static const struct {
	const char *prefix;
	enum volume_kind kind;
	bool readonly;
} forms[] = {
	{"ro:", VOLUME_SHARED, true},
	{"rw:", VOLUME_SHARED, false},
	{"tmpfs:", VOLUME_TMPFS, false},
	{"text:", VOLUME_TEXT, false},
};

/* Kinds of files that are nothing without the host's kernel. */
static const struct {
	mode_t type;
	const char *what;
} useless[] = {
	{S_IFSOCK, "a socket of the host, which nobody in the guest could connect to"},
	{S_IFIFO, "a FIFO of the host, whose other end nobody in the guest could reach"},
	{S_IFCHR, "a device of the host"},
	{S_IFBLK, "a device of the host"},
};

struct volume volume_of(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		const char *source = str_starts(text, forms[i].prefix);

		if (source)
			return (struct volume){forms[i].kind, source, forms[i].readonly};
	}
	/* Whatever else it is, nothing is written to it. */
	return (struct volume){VOLUME_SHARED, text, true};
}

char *volume_text(const struct volume *volume)
{
	size_t i = 0;

	while (forms[i].kind != volume->kind || forms[i].readonly != volume->readonly)
		i++;
	return xasprintf("%s%s", forms[i].prefix, volume->source);
}

int volume_find(const char *path, const char *where, char **ret, struct err *err)
{
	_cleanup_free_ char *source = realpath(path, NULL);
	struct stat st;

	if (!source || stat(source, &st) < 0)
		return err_errno(err, -errno, "cannot bind %s to %s", path, where);
	for (size_t i = 0; i < ARRAY_SIZE(useless); i++)
		if ((st.st_mode & S_IFMT) == useless[i].type)
			return err_set(err, -ENOTSUP, "%s, for %s, is %s", source, where,
				       useless[i].what);
	*ret = take_ptr(source);
	return 0;
}

bool volumes_shared(const struct strv *volumes)
{
	for (size_t i = 0; i < volumes->n; i++)
		if (volume_of(volumes->v[i]).kind != VOLUME_TMPFS)
			return true;
	return false;
}
