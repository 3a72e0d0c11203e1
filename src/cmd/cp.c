/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files into a container and out of it: packed on one side and unpacked on the other, with nothing
 * between them but vsock (cmd/transfer.h). What the guest is asked is in copy-guest.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/copy-guest.h"
#include "cmd/copy-input.h"
#include "cmd/copy-stream.h"
#include "cmd/copy-target.h"
#include "cmd/transfer.h"
#include "cmd/visit.h"
#include "image/text.h"
#include "tar/pack.h"
#include "tar/place.h"
#include "tar/unpack.h"

/**
 * struct cp - the options, and what has been found out so far
 * @from, @to: without the container's name
 * @source: @from, or with -L what it leads to; @destination: what @to leads to
 * @folder: is the source a folder?
 */
struct cp {
	bool archive, follow, quiet;

	struct visit visit;
	struct progress_bar bar;
	char *from, *to;
	char source[PATH_MAX], destination[PATH_MAX];
	bool folder;
	struct copy_target target;
};

static const struct opt options[] = {
	OPT(cp, 'a', "archive", OPT_FLAG, archive, NULL,
	    "fail if an owner or an attribute cannot be kept"),
	OPT(cp, 'L', "follow-link", OPT_FLAG, follow, NULL, "follow a symbolic link in SRC"),
	OPT(cp, 'q', "quiet", OPT_FLAG, quiet, NULL, "do not show how far it has come"),
	{.kind = OPT_END},
};

static int set_path(char to[PATH_MAX], const char *path, struct err *err)
{
	if (!*path)
		return err_set(err, -EINVAL, "a path is empty");
	if (strlen(path) >= PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "the path \"%.64s…\" is too long", path);
	memcpy(to, path, strlen(path) + 1);
	return 0;
}

static enum copy_kind kind_of(mode_t mode)
{
	return S_ISDIR(mode) ? COPY_FOLDER : COPY_OTHER;
}

/* A destination may be a file to be replaced, but nothing that does something when written to. */
static int check_kind(const char *path, mode_t mode, struct err *err)
{
	if (S_ISDIR(mode) || S_ISREG(mode))
		return 0;
	return err_set(err, -EINVAL, "\"%s\" is neither a folder nor a file", text_of(path));
}

/* Return: 0 or negative errno with a message. @cp->destination: what @cp->to leads to. */
static int look_there(struct cp *cp, enum copy_kind *ret, struct err *err)
{
	char target[PATH_MAX];
	mode_t mode = 0;
	int r = set_path(cp->destination, cp->to, err);

	if (r == 0)
		r = copy_guest_stat(&cp->visit.client, cp->destination, target, &mode, err);
	if (r == 0 && S_ISLNK(mode)) {
		memcpy(cp->destination, target, PATH_MAX);
		r = copy_guest_stat(&cp->visit.client, cp->destination, target, &mode, err);
	}
	*ret = r < 0 ? COPY_MISSING : kind_of(mode);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return check_kind(cp->destination, mode, err);
}

static int look_here(struct cp *cp, enum copy_kind *ret, struct err *err)
{
	struct stat st;
	int r = set_path(cp->destination, cp->to, err);

	if (r < 0)
		return r;
	r = tar_place_follow(cp->destination);
	if (r == 0 && stat(cp->destination, &st) < 0)
		r = -errno;
	*ret = r < 0 ? COPY_MISSING : kind_of(st.st_mode);
	if (r < 0)
		return r == -ENOENT ? 0 : err_errno(err, r, "cannot look at \"%s\"", cp->to);
	return check_kind(cp->destination, st.st_mode, err);
}

static void begin_bar(struct cp *cp)
{
	char step[PROGRESS_BAR_STEP_MAX];

	cp->bar.fd = -EBADF;
	if (cp->quiet || !progress_bar_begin(&cp->bar))
		return;
	(void)snprintf(step, sizeof(step), "copying with %s", cp->visit.record.id);
	progress_bar_step(step, &cp->bar);
}

/*
 * Both sides have an opinion of what went wrong. If ours is only that the other one is not there any
 * more, or has not said all, its own counts.
 */
static int conclude(struct cp *cp, struct transfer *t, int ours, const struct tar_trouble *trouble,
		    struct err *err)
{
	bool of_the_other = ours == -EPIPE || ours == -ECONNRESET || ours == -ENODATA;
	struct err theirs = ERR_NULL;
	int r = 0;

	if (ours < 0 && !of_the_other)
		transfer_give_up(t);
	else
		r = transfer_end(t, &theirs);
	progress_bar_end(&cp->bar);
	if (r < 0)
		return err_set(err, r, "%s", theirs.text);
	return ours == 0 ? 0 : tar_trouble_err(trouble, ours, err);
}

/* Out of the container. */

static int find_source_there(struct cp *cp, struct err *err)
{
	char target[PATH_MAX];
	mode_t mode;
	int r = set_path(cp->source, cp->from, err);

	if (r == 0)
		r = copy_guest_stat(&cp->visit.client, cp->source, target, &mode, err);
	if (r == 0 && S_ISLNK(mode) && cp->follow) {
		memcpy(cp->source, target, PATH_MAX);
		r = copy_guest_stat(&cp->visit.client, cp->source, target, &mode, err);
	}
	if (r == 0)
		cp->folder = S_ISDIR(mode);
	return r;
}

static int out_to_stdout(struct cp *cp, struct err *err)
{
	struct tar_trouble trouble = {.what = "write the archive"};
	struct transfer t = TRANSFER_NULL;
	struct copy_stream stream = {.transfer = &t, .bar = &cp->bar};
	char name[NAME_MAX + 1];
	int r;

	if (isatty(STDOUT_FILENO))
		return err_set(err, -EINVAL,
			       "the archive would go to the terminal: send it somewhere else");
	r = copy_name(cp->from, name);
	if (r < 0)
		return err_set(err, r, "the name of \"%.64s…\" is too long", cp->from);
	r = copy_guest_pack(&t, &cp->visit.client, cp->source, name, err);
	if (r < 0)
		return r;
	begin_bar(cp);
	r = copy_stream_out(&stream, STDOUT_FILENO);
	if (r == -EPIPE) {
		/* The reader has left, which is no failure. */
		transfer_give_up(&t);
		progress_bar_end(&cp->bar);
		return 0;
	}
	return conclude(cp, &t, r, &trouble, err);
}

static int open_target(const struct cp *cp, struct err *err)
{
	int fd = open(cp->target.folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_errno(err, -errno, "cannot open the folder \"%s\"", cp->target.folder)
		      : fd;
}

/* The guest decides what comes; where to, we do. */
static int out_to_folder(struct cp *cp, struct err *err)
{
	struct transfer t = TRANSFER_NULL;
	struct copy_stream stream = {.transfer = &t, .bar = &cp->bar};
	struct tar_unpack unpack = {.get = copy_stream_get, .userdata = &stream};
	_cleanup_close_ int dir = open_target(cp, err);
	struct tar_trouble trouble;
	int r = dir < 0 ? dir
			: copy_guest_pack(&t, &cp->visit.client, cp->source, cp->target.name, err);

	if (r < 0)
		return r;
	unpack.dir = dir;
	unpack.only = strcmp(cp->target.name, ".") == 0 ? NULL : cp->target.name;
	unpack.flags = cp->archive ? TAR_UNPACK_EXACT : 0;
	begin_bar(cp);
	r = tar_unpack(&unpack, &trouble);
	return conclude(cp, &t, r, &trouble, err);
}

static int copy_out(struct cp *cp, struct err *err)
{
	enum copy_kind kind = COPY_MISSING;
	int r = find_source_there(cp, err);

	if (r < 0)
		return r;
	if (strcmp(cp->to, "-") == 0)
		return out_to_stdout(cp, err);
	r = look_here(cp, &kind, err);
	if (r == 0)
		r = copy_target_choose(cp->destination, kind, cp->from, cp->folder, &cp->target,
				       err);
	return r < 0 ? r : out_to_folder(cp, err);
}

/* Into the container. */

static int find_source_here(struct cp *cp, struct err *err)
{
	struct stat st;
	int r = set_path(cp->source, cp->from, err);

	if (r == 0 && cp->follow)
		r = tar_place_follow(cp->source);
	if (r < 0)
		return err->code < 0 ? r : err_errno(err, r, "cannot follow \"%s\"", cp->from);
	r = tar_place_is_content(cp->source) ? stat(cp->source, &st) : lstat(cp->source, &st);
	if (r < 0)
		return err_errno(err, -errno, "cannot find \"%s\"", cp->from);
	cp->folder = S_ISDIR(st.st_mode);
	return 0;
}

static int in_from_stdin(struct cp *cp, enum copy_kind kind, struct err *err)
{
	struct tar_trouble trouble = {.what = "read the archive"};
	struct transfer t = TRANSFER_NULL;
	struct copy_stream stream = {.transfer = &t, .bar = &cp->bar};
	struct err own = ERR_NULL;
	int r;

	if (isatty(STDIN_FILENO))
		return err_set(err, -EINVAL, "a terminal has no tar to read");
	if (kind != COPY_FOLDER)
		return err_set(err, -ENOTDIR, "container %s: \"%s\" is no folder",
			       cp->visit.record.id, cp->to);
	(void)snprintf(cp->target.folder, sizeof(cp->target.folder), "%s", cp->destination);
	r = copy_guest_unpack(&t, &cp->visit.client, cp->target.folder, "", cp->archive, err);
	if (r < 0)
		return r;
	begin_bar(cp);
	r = copy_input(&stream, STDIN_FILENO, &own);
	(void)shutdown(t.fd, SHUT_WR);
	/* What comes after the end of the archive need not be read by anybody. */
	r = conclude(cp, &t, r == -EPIPE || r == -ECONNRESET ? 0 : r, &trouble, err);
	return own.code < 0 ? err_set(err, own.code, "%s", own.text) : r;
}

static int in_from_here(struct cp *cp, struct err *err)
{
	const char *only = strcmp(cp->target.name, ".") == 0 ? "" : cp->target.name;
	struct transfer t = TRANSFER_NULL;
	struct copy_stream stream = {.transfer = &t, .bar = &cp->bar};
	struct tar_pack pack = {.as = cp->target.name, .put = copy_stream_put, .userdata = &stream};
	_cleanup_close_ int dir = tar_place_open(cp->source, &pack.name);
	struct tar_trouble trouble;
	int r = dir < 0 ? err_errno(err, dir, "cannot find \"%s\"", cp->from)
			: copy_guest_unpack(&t, &cp->visit.client, cp->target.folder, only,
					    cp->archive, err);

	if (r < 0)
		return r;
	pack.dir = dir;
	begin_bar(cp);
	r = tar_pack(&pack, &trouble);
	if (r == 0)
		(void)shutdown(t.fd, SHUT_WR);
	return conclude(cp, &t, r, &trouble, err);
}

static int copy_in(struct cp *cp, struct err *err)
{
	bool from_stdin = strcmp(cp->from, "-") == 0;
	enum copy_kind kind = COPY_MISSING;
	int r = from_stdin ? 0 : find_source_here(cp, err);

	if (r == 0)
		r = look_there(cp, &kind, err);
	if (r < 0)
		return r;
	if (from_stdin)
		return in_from_stdin(cp, kind, err);
	r = copy_target_choose(cp->destination, kind, cp->from, cp->folder, &cp->target, err);
	return r < 0 ? r : in_from_here(cp, err);
}

/* "NAME:PATH", as Docker reads it. Return: PATH, or NULL: it is a path here. */
static char *of_container(char *word)
{
	char *colon = strchr(word, ':');

	return word[0] == '/' || word[0] == '.' || !colon ? NULL : colon + 1;
}

static int copy(struct cp *cp, char **words, struct err *err)
{
	char *from = of_container(words[0]), *to = of_container(words[1]);
	char *name = from ? words[0] : words[1];
	int r;

	if (from && to)
		return err_set(err, -EINVAL,
			       "both paths are in containers: `caisson cp %.*s:… -` into "
			       "`caisson cp - %.*s:…` copies between two",
			       (int)strcspn(words[0], ":"), words[0], (int)strcspn(words[1], ":"),
			       words[1]);
	if (!from && !to)
		return err_set(err, -EINVAL,
			       "one of the two paths has to be in a container, as NAME:PATH: "
			       "see `caisson cp --help`");
	name[strcspn(name, ":")] = '\0';
	cp->from = from ? from : words[0];
	cp->to = to ? to : words[1];
	r = visit_find(&cp->visit, name, err);
	if (r == 0)
		r = visit_begin(&cp->visit, err);
	if (r < 0)
		return r;
	return from ? copy_out(cp, err) : copy_in(cp, err);
}

static int cp_main(const struct command *self, int argc, char **argv)
{
	struct cp cp = {.visit = VISIT_NULL, .bar = {.fd = -EBADF}};
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, &cp, &err), r = at;

	if (r >= 0)
		r = opts_check_words(self, argv + at, 2, 2, "what is to be copied where?", &err);
	if (r >= 0)
		r = copy(&cp, argv + at, &err);
	r = r < 0 ? cmd_fail(self, &err) : 0;
	visit_end(&cp.visit);
	return r;
}

const struct command command_cp = {
	.name = "cp",
	.usage = "[OPTIONS] NAME:SRC DST | SRC NAME:DST",
	.summary = "Copy files out of a container, or into it.",
	.details = "Of a folder SRC everything in it is copied as well; \"SRC/.\" is what is in it "
		   "alone.\n"
		   "DST is a folder that SRC goes into, a file to be replaced, or a new name. "
		   "\"-\" is a\n"
		   "tar archive: for SRC on stdin, for DST on stdout. Nothing is needed in the "
		   "container.\n",
	.opts = options,
	.failure = 1,
	.run = cp_main,
};
