/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/mountinfo.h"
#include "base/parse.h"
#include "image/overlaid.h"
#include "image/text.h"

#define MOUNTINFO     "/proc/self/mountinfo"
#define MOUNTINFO_MAX (64u << 20)

void overlaid_done(struct overlaid *o)
{
	strv_done(&o->lowers);
	free(take_ptr(o->upper));
}

/* Of overlayfs' own, in which a backslash takes the meaning of what follows. Return: its end. */
static char *take_folder(char *s, char **ret)
{
	char *to = *ret = xstrdup(s);

	while (*s && *s != ':') {
		if (*s == '\\' && s[1])
			s++;
		*to++ = *s++;
	}
	*to = '\0';
	return s;
}

static int take_lowers(struct overlaid *o, char *s, struct err *err)
{
	char *folder;

	while (*s) {
		s = take_folder(s, &folder);
		strv_take(&o->lowers, folder);
		if (*s == ':' && s[1] == ':')
			return err_set(err, -ENOTSUP,
				       "an overlay with folders for data only is not taken");
		s += *s == ':';
	}
	return 0;
}

/* Kernels differ in whether a backslash means anything in it. */
static char *take_upper(char *s)
{
	char *folder;
	struct stat st;

	if (stat(s, &st) == 0)
		return xstrdup(s);
	(void)take_folder(s, &folder);
	return folder;
}

static int take_option(struct overlaid *o, char *option, struct err *err)
{
	const char *value = strchr(option, '=');
	char *rest = option + (value ? value - option + 1 : 0);

	if (strcmp(option, "userxattr") == 0)
		return err_set(err, -ENOTSUP,
			       "an overlay mounted without root (userxattr) is not taken");
	if (str_starts(option, "datadir+="))
		return err_set(err, -ENOTSUP, "an overlay with folders for data only is not taken");
	if (str_starts(option, "lowerdir="))
		return take_lowers(o, rest, err);
	if (str_starts(option, "lowerdir+="))
		strv_add(&o->lowers, rest);
	if (str_starts(option, "upperdir="))
		o->upper = take_upper(rest);
	return 0;
}

static int take_options(struct overlaid *o, char *options, struct err *err)
{
	char *option;
	int r = 0;

	while (r == 0 && (option = strsep(&options, ","))) {
		mountinfo_unescape(option);
		r = take_option(o, option, err);
	}
	return r;
}

/*
 * The options of an overlay of that number, all of which is mounted there. Return: NULL: it is none.
 *
 *	36 35 98:0 / /mnt rw,noatime shared:1 - overlay overlay rw,lowerdir=/a:/b,upperdir=/c
 */
static char *find_options(char *text, uint64_t id)
{
	char *line, *rest, root[3];
	unsigned long long number;

	while ((line = strsep(&text, "\n"))) {
		if (sscanf(line, "%llu %*u %*u:%*u %2s ", &number, root) != 2 || number != id ||
		    strcmp(root, "/") != 0)
			continue;
		rest = strstr(line, " - overlay ");
		rest = rest ? strchr(rest + strlen(" - overlay "), ' ') : NULL;
		return rest ? rest + 1 : NULL;
	}
	return NULL;
}

/*
 * What was mounted there once may be called otherwise now, or here, in another mount namespace. The
 * root of an overlay looks like its topmost folder.
 */
static int check_top(const struct overlaid *o, const char *path, struct err *err)
{
	const char *top = o->upper ? o->upper : o->lowers.v[0];
	struct stat st, seen;

	if (stat(path, &st) < 0)
		return err_errno(err, -errno, "cannot use it");
	if (stat(top, &seen) < 0)
		return err_errno(err, -errno, "cannot use the folder '%s' of the overlay",
				 text_of(top));
	if (st.st_mode != seen.st_mode || st.st_uid != seen.st_uid || st.st_gid != seen.st_gid ||
	    st.st_mtim.tv_sec != seen.st_mtim.tv_sec || st.st_mtim.tv_nsec != seen.st_mtim.tv_nsec)
		return err_set(err, -ESTALE,
			       "the folder '%s' is not the one that the overlay is made of",
			       text_of(top));
	return 0;
}

/* Docker names long lists of layers from a folder of its own; which that was the kernel does not say. */
static int check_names(const struct overlaid *o, struct err *err)
{
	if (o->lowers.n == 0)
		return err_set(err, -ENOTSUP, "the overlay does not say what it is made of");
	if (o->upper && *o->upper != '/')
		return err_set(err, -ENOTSUP,
			       "the overlay's folder '%s' has a relative name, of which nobody "
			       "knows where it begins",
			       text_of(o->upper));
	for (size_t i = 0; i < o->lowers.n; i++)
		if (*o->lowers.v[i] != '/')
			return err_set(err, -ENOTSUP,
				       "the overlay's folder '%s' has a relative name, of which "
				       "nobody knows where it begins",
				       text_of(o->lowers.v[i]));
	return 0;
}

int overlaid_find(const char *path, struct overlaid *ret, struct err *err)
{
	_cleanup_overlaid_ struct overlaid o = OVERLAID_NULL;
	_cleanup_free_ char *text = NULL;
	struct statx st;
	char *options;
	int r;

	if (statx(AT_FDCWD, path, 0, STATX_MNT_ID, &st) < 0 ||
	    !(st.stx_attributes & STATX_ATTR_MOUNT_ROOT) || !(st.stx_mask & STATX_MNT_ID))
		return 0;
	r = file_slurp_at(AT_FDCWD, MOUNTINFO, MOUNTINFO_MAX, &text, NULL);
	if (r < 0)
		return err_errno(err, r, "cannot read " MOUNTINFO);
	options = find_options(text, st.stx_mnt_id);
	if (!options)
		return 0;
	r = take_options(&o, options, err);
	if (r == 0)
		r = check_names(&o, err);
	if (r == 0)
		r = check_top(&o, path, err);
	if (r < 0)
		return r;
	*ret = o;
	o = (struct overlaid)OVERLAID_NULL;
	return 1;
}
