/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "cmd/cmd.h"
#include "cmd/image-max.h"
#include "cmd/image-shown.h"
#include "cmd/layer.h"
#include "cmd/task-call.h"
#include "image/commit.h"
#include "image/digest.h"
#include "image/reference.h"
#include "image/store.h"
#include "image/text.h"

struct commit {
	const char *author, *message;
	struct strv changes;
	bool no_pause;

	struct visit visit;
	struct store store;
	struct store_tmp tmp;
	char *name, *layout;
};

static const struct opt options[] = {
	OPT(commit, 'a', "author", OPT_STRING, author, "NAME", "who made the image"),
	OPT(commit, 'm', "message", OPT_STRING, message, "TEXT", "why, for the image's history"),
	OPT(commit, 'c', "change", OPT_STRV, changes, "LINE",
	    "an instruction of a Dockerfile, as CMD [\"a\"]"),
	OPT(commit, 0, "no-pause", OPT_FLAG, no_pause, NULL,
	    "let a running container go on meanwhile"),
	{.kind = OPT_END},
};

static bool is_running(const struct commit *c)
{
	int status;

	return record_state(&c->visit.record, &status) == RECORD_RUNNING;
}

struct upper {
	int (*put)(void *to, const void *data, size_t len);
	void *to;
	bool begun;
};

static int put_upper(void *userdata, const void *data, size_t len)
{
	struct upper *upper = userdata;

	upper->begun = true;
	return upper->put(upper->to, data, len);
}

/* Nobody changes the files of the layer meanwhile: they belong together. */
static int pack_running(struct commit *c, struct upper *upper, struct err *err)
{
	const char *id = c->visit.record.id;
	int r = c->no_pause ? 0 : task_hold(&c->visit.client, id, err);

	if (r == 0)
		r = layer_pack(&c->visit, put_upper, upper, err);
	if (r < 0 || c->no_pause)
		return r;
	r = task_release(&c->visit.client, id, err);
	return is_running(c) ? r : 0;
}

/* One that ends meanwhile takes its VM along, at any moment: what was not begun is begun again without it. */
static int write_upper(int (*put)(void *to, const void *data, size_t len), void *to, void *userdata,
		       struct err *err)
{
	struct commit *c = userdata;
	struct upper upper = {.put = put, .to = to};

	if (is_running(c)) {
		int r = pack_running(c, &upper, err);

		if (r == 0 || upper.begun || is_running(c))
			return r;
	}
	*err = (struct err)ERR_NULL;
	client_disconnect(&c->visit.client);
	return layer_pack(&c->visit, put_upper, &upper, err);
}

/* Whether there is anybody to ask is found out before the image is read. */
static int greet(struct commit *c, struct err *err)
{
	return is_running(c) ? visit_begin(&c->visit, err) : 0;
}

/* What the image said of itself, if it is one of the store's. Return: 0 or negative errno. */
static int read_base(const struct commit *c, char **ret, struct err *err)
{
	_cleanup_free_ char *images = xasprintf("%s/images/", c->visit.paths.root), *path = NULL;
	const char *rest = str_starts(c->visit.spec.rootfs, images);
	int r;

	if (!rest)
		return 0;
	path = xasprintf("%s%.*s/" STORE_CONFIG, images, (int)strcspn(rest, "/"), rest);
	r = file_slurp_at(AT_FDCWD, path, IMAGE_CONFIG_MAX, ret, NULL);
	return r < 0 ? err_errno(err, r, "cannot read %s", path) : 0;
}

static int write_layout(struct commit *c, const char *output, struct err *err)
{
	const struct sandbox_spec *spec = &c->visit.spec;
	_cleanup_free_ char *base = NULL, *disk = record_image_disk(&c->visit.record, spec);
	time_t now = time(NULL);
	char created[32];
	struct tm tm;
	struct image_get_options limits = {.max_bytes = 0};
	int r = image_max(&limits, err);

	if (r == 0)
		r = read_base(c, &base, err);
	if (r == 0)
		r = greet(c, err);
	if (r < 0)
		return r;
	(void)strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	return image_commit(
		&(struct image_commit){
			.output = output,
			.rootfs = disk,
			.form = sandbox_spec_has_disks(spec) ? IMAGE_DISK : IMAGE_FOLDER,
			.upper = write_upper,
			.userdata = c,
			.max_bytes = limits.max_bytes,
			.amend =
				{
					.base = base,
					.args = &spec->args,
					.env = &spec->env,
					.changes = &c->changes,
					.cwd = spec->cwd,
					.user = spec->user,
					.author = c->author,
					.message = c->message,
					.created = created,
				},
		},
		err);
}

/* By way of a layout of its own, which is swept away should we be killed. */
static int commit_to_store(struct commit *c, struct err *err)
{
	struct image_get_options how = {
		.form = sandbox_spec_has_disks(&c->visit.spec) ? IMAGE_DISK : IMAGE_FOLDER,
		.as = c->name ? c->name : "",
	};
	_cleanup_image_ struct image image = IMAGE_NULL;
	int r = store_open(&c->store, c->visit.paths.root, err);

	if (r == 0)
		r = store_tmp_new(&c->store, &c->tmp, err);
	if (r < 0)
		return r;
	c->layout = xasprintf("oci:%s/tmp/%s/layout", c->store.path, c->tmp.name);
	r = write_layout(c, c->layout, err);
	/* The container may go on. */
	client_disconnect(&c->visit.client);
	if (r == 0)
		r = image_get_shown(c->visit.paths.root, c->layout, &how, &image, err);
	if (r == 0)
		puts(image.id);
	return r;
}

static bool is_layout(const char *target)
{
	return str_starts(target, reference_prefix(TRANSPORT_OCI)) ||
	       str_starts(target, reference_prefix(TRANSPORT_OCI_ARCHIVE));
}

/* As Docker, which refuses "sha256:12ab" for a name, and 64 digits. */
static bool looks_like_id(const char *target)
{
	return str_starts(target, "sha256:") || str_starts(target, "sha512:") ||
	       (strlen(target) == DIGEST_HEX_LEN &&
		strspn(target, "0123456789abcdef") == DIGEST_HEX_LEN);
}

/* Before anything is done for it. */
static int check_target(struct commit *c, const char *target, struct err *err)
{
	_cleanup_reference_ struct reference ref = REFERENCE_NULL;

	if (!target || is_layout(target))
		return 0;
	if (looks_like_id(target))
		return err_set(
			err, -EINVAL,
			"%s looks like an image's ID, which follows from what is in it: give "
			"it a name",
			text_of(target));
	/* A name that `caisson run` would not take for one is none. */
	if (reference_name(target, &c->name, NULL) < 0 || strchr(target, '@') ||
	    reference_parse(target, &ref, NULL) < 0 || ref.transport != TRANSPORT_REGISTRY)
		return err_set(
			err, -EINVAL,
			"%s is no name for an image: there are NAME[:TAG], oci:DIR[:TAG] and "
			"oci-archive:FILE[:TAG]",
			text_of(target));
	return 0;
}

static int commit(struct commit *c, const char *container, const char *target, struct err *err)
{
	int r = check_target(c, target, err);

	if (r == 0)
		r = amend_check(&c->changes, err);
	if (r == 0)
		r = visit_find(&c->visit, container, err);
	if (r == 0)
		r = layer_check(&c->visit, err);
	if (r < 0)
		return r;
	return target && is_layout(target) ? write_layout(c, target, err) : commit_to_store(c, err);
}

static int commit_main(const struct command *self, int argc, char **argv)
{
	struct commit c = {.visit = VISIT_NULL, .store = STORE_NULL, .tmp = STORE_TMP_NULL};
	struct err err = ERR_NULL;
	int at = opts_parse(self, argc, argv, &c, &err), r;

	r = at < 0 ? at
		   : opts_check_words(self, argv + at, 1, 2,
				      "which container, and what shall the image be called?", &err);
	if (r == 0)
		r = commit(&c, argv[at], argv[at + 1], &err);
	r = r < 0 ? cmd_fail(self, &err) : 0;
	visit_end(&c.visit);
	store_tmp_done(&c.tmp);
	store_done(&c.store);
	strv_done(&c.changes);
	free(c.name);
	free(c.layout);
	return r;
}

const struct command command_commit = {
	.name = "commit",
	.usage = "[OPTIONS] NAME [IMAGE]",
	.summary = "Make an image of a container and what it has changed.",
	.details = "IMAGE is NAME[:TAG], under which the store has it then, or oci:DIR[:TAG] or\n"
		   "oci-archive:FILE[:TAG] outside of it. It has two layers: all of the image that "
		   "the\n"
		   "container was made of, and what it has changed; and it runs what the container "
		   "ran.\n"
		   "A running container is paused meanwhile.\n",
	.opts = options,
	.failure = 1,
	.run = commit_main,
};
