/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/mount/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "base/parse.h"

#define LAYER_NAME_MAX 32

static int fail(struct mount_error *error, int r, const char *what)
{
	error->code = ttrpc_code_or(r, TTRPC_INTERNAL);
	(void)snprintf(error->text, sizeof(error->text), "%s: %s", what, strerror(-r));
	return r;
}

/* Return: where a layer of that name is mounted; or negative errno. */
static int make_layer(const char *name, struct mount_error *error)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-/");
	char path[sizeof(ABI_LAYERS_DIR "/") + LAYER_NAME_MAX];
	int fd;

	if (*name == '/' || name[len] || len > LAYER_NAME_MAX) {
		error->code = TTRPC_INVALID_ARGUMENT;
		(void)snprintf(error->text, sizeof(error->text),
			       "mount target \"%.64s\" is no layer's name", name);
		return -EINVAL;
	}
	(void)snprintf(path, sizeof(path), ABI_LAYERS_DIR "/%s", name);
	(void)mkdir(ABI_LAYERS_DIR, 0700);
	(void)mkdir(path, 0700);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fail(error, -errno, "cannot make a folder for a layer") : fd;
}

/* The value of an option that names a folder in a layer. Return: NULL: there is none. */
static const char *layer_option(const Containerd__Types__Mount *m, const char *key)
{
	const char *value;

	for (size_t i = 0; i < m->n_options; i++) {
		value = str_starts(m->options[i], key);
		if (value && str_starts(value, ABI_LAYERS_DIR "/") && !strstr(value, "/.."))
			return value;
	}
	return NULL;
}

/* An overlay's root is the upper folder: a new one has to look like the lower one. */
static int make_overlay_folders(const Containerd__Types__Mount *m)
{
	const char *lower = layer_option(m, "lowerdir="), *upper = layer_option(m, "upperdir="),
		   *work = layer_option(m, "workdir=");
	struct stat st;

	if (!lower || !upper || !work || stat(lower, &st) < 0)
		return 0;
	if (mkdir(work, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (mkdir(upper, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;
	if (chown(upper, st.st_uid, st.st_gid) < 0 || chmod(upper, st.st_mode & 07777) < 0 ||
	    utimensat(AT_FDCWD, upper, (struct timespec[]){st.st_atim, st.st_mtim}, 0) < 0)
		return -errno;
	return 0;
}

int layers_mount(const Containerd__Types__Mount *m, int root, bool confined,
		 struct mount_error *error)
{
	_cleanup_close_ int layer = -EBADF;
	int r;

	if (layers_is_one(m)) {
		layer = make_layer(m->target, error);
		return layer < 0 ? layer : mount_request(m, layer, confined, error);
	}
	r = strcmp(m->type, "overlay") == 0 ? make_overlay_folders(m) : 0;
	if (r < 0)
		return fail(error, r, "cannot make the folders of the overlay");
	return mount_request(m, root, confined, error);
}
