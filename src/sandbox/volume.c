/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/volume.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "abi/abi.h"
#include "base/mem.h"
#include "base/parse.h"
#include "sandbox/outside.h"
#include "sandbox/share.h"

static const struct {
	const char *prefix;
	enum volume_kind kind;
	bool readonly, follows;
} forms[] = {
	{"ro:", VOLUME_SHARED, true, false},
	{"rw:", VOLUME_SHARED, false, false},
	{"ro-follows:", VOLUME_SHARED, true, true},
	{"rw-follows:", VOLUME_SHARED, false, true},
	{"tmpfs:", VOLUME_TMPFS, false, false},
	{"text:", VOLUME_TEXT, false, false},
	{"socket:", VOLUME_SOCKET, false, false},
	{"disk:", VOLUME_DISK, false, false},
	{"disk-ro:", VOLUME_DISK, true, false},
	{"inner-disk:", VOLUME_INNER_DISK, false, false},
	{"inner-disk-ro:", VOLUME_INNER_DISK, true, false},
};

/* Kinds of files that are nothing without the host's kernel. */
static const struct {
	mode_t type;
	const char *what;
} useless[] = {
	{S_IFIFO, "a FIFO of the host, whose other end nobody in the guest could reach"},
	{S_IFCHR, "a device of the host"},
	{S_IFBLK, "a block device of the host: --disk and RUNCVM_DISKS mount what is on those"},
};

struct volume volume_of(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		const char *source = str_starts(text, forms[i].prefix);

		if (source)
			return (struct volume){forms[i].kind, source, forms[i].readonly,
					       forms[i].follows};
	}
	/* Whatever else it is, nothing is written to it. */
	return (struct volume){VOLUME_SHARED, text, true, false};
}

bool volume_is_disk(const struct volume *volume)
{
	return volume->kind == VOLUME_DISK || volume->kind == VOLUME_INNER_DISK;
}

static bool can_be_readonly(const struct volume *volume)
{
	return volume->kind == VOLUME_SHARED || volume_is_disk(volume);
}

char *volume_text(const struct volume *volume)
{
	size_t i = 0;

	while (forms[i].kind != volume->kind ||
	       (can_be_readonly(volume) && forms[i].readonly != volume->readonly) ||
	       (volume->kind == VOLUME_SHARED && forms[i].follows != volume->follows))
		i++;
	return xasprintf("%s%s", forms[i].prefix, volume->source);
}

int volume_find(const char *path, const char *where, struct volume *ret, struct err *err)
{
	struct stat st;
	_cleanup_free_ char *source = outside_find(path, &st);

	if (!source)
		return err_errno(err, -errno, "cannot bind %s to %s", path, where);
	for (size_t i = 0; i < ARRAY_SIZE(useless); i++)
		if ((st.st_mode & S_IFMT) == useless[i].type)
			return err_set(err, -ENOTSUP, "%s, for %s, is %s", source, where,
				       useless[i].what);
	if (S_ISSOCK(st.st_mode) &&
	    strlen(source) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return err_set(err, -ENAMETOOLONG,
			       "the path of the socket %s, for %s, is too long to be connected to",
			       source, where);
	ret->kind = S_ISSOCK(st.st_mode) ? VOLUME_SOCKET : VOLUME_SHARED;
	ret->source = take_ptr(source);
	return 0;
}

char *volume_guest_path(const struct sandbox_spec *spec, size_t i)
{
	const struct strv *volumes = &spec->volumes;
	struct volume volume = volume_of(volumes->v[i]);
	char part[SHARE_PART_MAX];
	size_t socket = 0;

	if (volume.kind == VOLUME_TMPFS)
		return NULL;
	if (volume_is_disk(&volume))
		return xasprintf(ABI_LAYERS_DIR "/" ABI_DISK_LAYER "%zu",
				 volumes_disks(volumes, i));
	share_part(spec, part);
	if (volume.kind != VOLUME_SOCKET)
		return xasprintf(ABI_SHARE_DIR "/%s" SHARE_IN_VOLUMES "/%zu", part, i);
	for (size_t k = 0; k < i; k++)
		socket += volume_of(volumes->v[k]).kind == VOLUME_SOCKET;
	return xasprintf(ABI_SOCKETS_DIR "/%zu", socket);
}

size_t volumes_disks(const struct strv *volumes, size_t n)
{
	size_t disks = 0;

	for (size_t i = 0; i < n; i++) {
		struct volume volume = volume_of(volumes->v[i]);

		disks += volume_is_disk(&volume);
	}
	return disks;
}

char *volume_target(const char *path)
{
	char *clean, *p;

	if (*path != '/')
		return NULL;
	clean = p = xmalloc(strlen(path) + 1);
	for (size_t len; *path; path += len) {
		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 0 || (len == 1 && *path == '.'))
			continue;
		if (len == 2 && path[0] == '.' && path[1] == '.') {
			p = clean;
			break;
		}
		*p++ = '/';
		p = mempcpy(p, path, len);
	}
	*p = '\0';
	if (p != clean)
		return clean;
	free(clean);
	return NULL;
}

bool volumes_shared(const struct strv *volumes)
{
	for (size_t i = 0; i < volumes->n; i++)
		if (volume_of(volumes->v[i]).kind == VOLUME_SHARED ||
		    volume_of(volumes->v[i]).kind == VOLUME_TEXT)
			return true;
	return false;
}
