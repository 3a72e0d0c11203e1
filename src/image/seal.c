/* SPDX-License-Identifier: Apache-2.0 */
#include "image/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"

#define END	 "%08x\n"
#define END_LEN	 9
#define SEAL_MAX ((size_t)INT_MAX)

static const struct {
	const char *name;
	int (*write)(int dirfd, const struct inodes *known, struct seal_out *out);
	int (*check)(int dirfd, const char *text, size_t len, const struct seal_reader *reader);
} forms[] = {
	[IMAGE_FOLDER] = {"rootfs.sums", seal_folder_write, seal_folder_check},
	[IMAGE_DISK] = {"rootfs.ext4.sums", seal_disk_write, seal_disk_check},
};

const char *seal_name(enum image_form form)
{
	return forms[form].name;
}

int seal_put(struct seal_out *out, const void *data, size_t len)
{
	if (fwrite(data, 1, len, out->file) != len)
		return errno ? -errno : -EIO;
	sum_add(&out->sum, data, len, out->at);
	out->at += len;
	return 0;
}

static int put_all(struct seal_out *out, int dirfd, enum image_form form,
		   const struct inodes *known)
{
	int r = forms[form].write(dirfd, known, out);

	if (r == 0 && fprintf(out->file, END, sum_end(&out->sum)) < 0)
		r = -errno;
	return r;
}

int seal_write(int dirfd, enum image_form form, const struct inodes *known, struct err *err)
{
	int fd = openat(dirfd, seal_name(form), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), r;
	struct seal_out out = {.file = fd < 0 ? NULL : fdopen(fd, "we")};

	if (!out.file) {
		r = -errno;
		fd_close(fd);
		return err_errno(err, r, "cannot write its checksums");
	}
	r = put_all(&out, dirfd, form, known);
	if (fclose(out.file) != 0 && r == 0)
		r = -errno;
	return r < 0 ? err_errno(err, r, "cannot write its checksums") : 0;
}

/* Cuts the checksum off the end. */
static bool is_whole(char *text, size_t *len)
{
	char end[END_LEN + 1];

	if (*len < END_LEN)
		return false;
	*len -= END_LEN;
	(void)snprintf(end, sizeof(end), END, sum_of(text, *len));
	if (memcmp(text + *len, end, END_LEN) != 0)
		return false;
	text[*len] = '\0';
	return true;
}

int seal_check(int dirfd, enum image_form form, const struct seal_reader *reader, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = file_slurp_at(dirfd, seal_name(form), SEAL_MAX, &text, &len);

	if (r == -ENOENT)
		return err_set(err, -ENODATA, "it was stored without checksums");
	if (r < 0)
		return err_errno(err, r, "cannot read its %s", seal_name(form));
	if (!is_whole(text, &len))
		return err_set(err, -EBADMSG, "its %s is damaged", seal_name(form));
	r = forms[form].check(dirfd, text, len, reader);
	return r < 0 ? err_errno(err, r, "cannot read all of it") : 0;
}
