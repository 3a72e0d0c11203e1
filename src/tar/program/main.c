/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "abi/abi.h"
#include "base/fd.h"
#include "tar/pack.h"
#include "tar/place.h"
#include "tar/program/command.h"
#include "tar/unpack.h"
#include "tar/write.h"

/*
 * caisson-tar: what `tar` is in a container whose image has none, for `kubectl cp`.
 *
 * The guest executes it in the container, by a descriptor, whenever a tar is asked for (abi.h, ABI_TAR_EXEC); where the
 * image has one of its own on the PATH, it becomes that at once. So what is found is found as ever: by the user,
 * in the root and with the variables of whoever is to run it.
 */

#define STATUS_FAILED	    2
#define STATUS_NOT_EXECUTED 126

/**
 * struct archive - what is read or written
 * @troubled: something was left out of it, which was told
 */
struct archive {
	int fd;
	bool troubled;
};

static int complain(const char *text)
{
	(void)dprintf(STDERR_FILENO, "tar: %s\n", text);
	return STATUS_FAILED;
}

static int complain_of(const struct tar_trouble *trouble, int error)
{
	char text[PATH_MAX + 256];

	tar_trouble_text(trouble, error, text, sizeof(text));
	return complain(text);
}

static int put(void *userdata, const void *data, size_t len)
{
	const struct archive *a = userdata;

	return fd_write_full(a->fd, data, len);
}

/* As much as there is room for: what comes in small pieces would be written to files in such, too. */
static ssize_t get(void *userdata, void *buf, size_t len)
{
	const struct archive *a = userdata;

	return fd_read_full(a->fd, buf, len);
}

static bool skips(void *userdata, const struct tar_trouble *trouble, int error)
{
	struct archive *a = userdata;

	(void)complain_of(trouble, error);
	a->troubled = true;
	return true;
}

static int enter(const char *folder)
{
	char text[PATH_MAX + 256];

	if (chdir(folder) == 0)
		return 0;
	(void)snprintf(text, sizeof(text), "cannot enter %s: %s", folder, strerror(errno));
	return complain(text);
}

/* What it is called in the archive: nothing that leads to the root, or above a folder, is part of that. */
static void name_within(const char *path, char ret[PATH_MAX])
{
	const char *begin = path;
	size_t len;

	for (const char *at = path; *at; at += strspn(at, "/")) {
		len = strcspn(at, "/");
		if (len == 0 || (len == 2 && !memcmp(at, "..", 2)))
			begin = at + len + strspn(at + len, "/");
		at += len;
	}
	(void)snprintf(ret, PATH_MAX, "%s", *begin ? begin : ".");
	len = strlen(ret);
	while (len > 1 && ret[len - 1] == '/')
		ret[--len] = '\0';
}

static int pack_one(struct archive *a, const char *word)
{
	char path[PATH_MAX], as[PATH_MAX];
	struct tar_pack pack = {
		.as = as, .flags = TAR_PACK_MORE, .skips = skips, .put = put, .userdata = a};
	struct tar_trouble trouble;
	int r;

	name_within(word, as);
	pack.dir = -ENAMETOOLONG;
	if ((size_t)snprintf(path, sizeof(path), "%s", word) < sizeof(path))
		pack.dir = tar_place_open(path, &pack.name);
	if (pack.dir < 0) {
		(void)tar_trouble_set(&trouble, pack.dir, "open", word);
		(void)skips(a, &trouble, pack.dir);
		return 0;
	}
	r = tar_pack(&pack, &trouble);
	fd_close(pack.dir);
	return r < 0 ? complain_of(&trouble, r) : 0;
}

/* One that breaks off is to be known by that. */
static int create(const struct tar_command *command, struct archive *a)
{
	struct tar_writer end = {.put = put, .userdata = a};
	struct tar_trouble trouble;
	int status = 0, r;

	for (size_t i = 0; i < command->n_steps && status == 0; i++) {
		const struct tar_step *step = &command->steps[i];

		status = step->enters ? enter(step->path) : pack_one(a, step->path);
	}
	r = status == 0 ? tar_write_end(&end) : 0;
	if (r < 0) {
		(void)tar_trouble_set(&trouble, r, "write the end of the archive", "");
		status = complain_of(&trouble, r);
	}
	return a->troubled ? STATUS_FAILED : status;
}

static int extract(const struct tar_command *command, struct archive *a)
{
	struct tar_unpack unpack = {.flags = command->flags, .get = get, .userdata = a};
	struct tar_trouble trouble;
	int r;

	for (size_t i = 0; i < command->n_steps; i++)
		if (enter(command->steps[i].path) != 0)
			return STATUS_FAILED;
	unpack.dir = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = unpack.dir < 0 ? -errno : tar_unpack(&unpack, &trouble);
	if (unpack.dir < 0)
		(void)tar_trouble_set(&trouble, r, "open", ".");
	fd_close(unpack.dir);
	return r < 0 ? complain_of(&trouble, r) : 0;
}

static int open_archive(const struct tar_command *command, struct err *err)
{
	int fd;

	if (strcmp(command->file, "-") == 0)
		return command->creates ? STDOUT_FILENO : STDIN_FILENO;
	fd = command->creates ? open(command->file,
				     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666)
			      : open(command->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? err_errno(err, -errno, "cannot open %s", command->file) : fd;
}

static int run(const struct tar_command *command, struct err *err)
{
	struct archive a = {.fd = open_archive(command, err)};

	if (a.fd < 0)
		return complain(err->text);
	return command->creates ? create(command, &a) : extract(command, &a);
}

/* Return: there is no other one; or an exit status. */
static int become_own(char **argv)
{
	char text[128];

	if (strcmp(argv[0], ABI_TAR_PATH) != 0)
		return 0;
	/* It has served its purpose. */
	(void)close(ABI_TAR_FD);
	argv[0] = (char *)"tar";
	(void)execvp(argv[0], argv);
	if (errno == ENOENT || errno == EACCES || errno == ENOTDIR)
		return 0;
	(void)snprintf(text, sizeof(text), "cannot execute the image's: %s", strerror(errno));
	(void)complain(text);
	return STATUS_NOT_EXECUTED;
}

int main(int argc, char **argv)
{
	struct tar_command command;
	struct err err = ERR_NULL;
	int status;

	if (argc < 1)
		return STATUS_FAILED;
	status = become_own(argv);
	if (status != 0)
		return status;
	(void)prctl(PR_SET_NAME, "tar", 0, 0, 0);
	if (tar_command_parse(argc, argv, geteuid() == 0, &command, &err) < 0)
		status = complain(err.text);
	else
		status = run(&command, &err);
	tar_command_done(&command);
	return status;
}
