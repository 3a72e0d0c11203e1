/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot/modules.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

/* Real chains are four or five long. */
#define DEPTH_MAX 32

const struct module_wanted modules_wanted[] = {
	{"virtio_mmio", true},
	{"virtiofs", true},
	{"vmw_vsock_virtio_transport", true},
	{"overlay", true},
	{"virtio_blk", false},
	/* ext4 asks the crypto layer for this one by a name that modules.dep does not know. */
	{"crc32c_generic", false},
	{"ext4", false},
	{"virtio_net", false},
	{"9p", false},
	{"9pnet_fd", false},
	{NULL, false},
};

/* Those of the display are for whoever looks at it: in text mode none is needed. */
const struct module_wanted modules_wanted_pc[] = {
	{"virtio_pci", true}, {"virtiofs", true},     {"vmw_vsock_virtio_transport", true},
	{"overlay", true},    {"virtio_blk", false},  {"crc32c_generic", false},
	{"ext4", false},      {"virtio_net", false},  {"xhci_pci", false},
	{"usbhid", false},    {"hid_generic", false}, {"evdev", false},
	{"bochs", false},     {"virtio_gpu", false},  {"efivarfs", false},
	{"9p", false},	      {"9pnet_fd", false},    {NULL, false},
};

/* A line of modules.dep; the text is the caller's. */
struct line {
	const char *path;
	size_t path_len;
	const char *needs;
	size_t needs_len;
	bool done;
};

struct index {
	struct line *lines;
	size_t n;
	struct strv *order;
};

static void index_done(struct index *index)
{
	free(index->lines);
}

static void index_build(struct index *index, const char *dep)
{
	size_t room = 0;

	while (*dep) {
		size_t len = strcspn(dep, "\n");
		const char *colon = memchr(dep, ':', len);

		if (colon) {
			if (index->n == room) {
				room = room ? 2 * room : 256;
				index->lines =
					xreallocarray(index->lines, room, sizeof(struct line));
			}
			index->lines[index->n++] = (struct line){
				.path = dep,
				.path_len = (size_t)(colon - dep),
				.needs = colon + 1,
				.needs_len = len - (size_t)(colon + 1 - dep),
			};
		}
		dep += len;
		dep += *dep == '\n';
	}
}

static char plain(char c)
{
	return c == '-' ? '_' : c;
}

bool module_name_is(const char *path, size_t len, const char *name)
{
	const char *slash = memrchr(path, '/', len), *base = slash ? slash + 1 : path;
	size_t left = len - (size_t)(base - path), n = strlen(name);

	if (left < n + 3 || memcmp(base + n, ".ko", 3) != 0)
		return false;
	if (left > n + 3 && base[n + 3] != '.')
		return false;
	for (size_t i = 0; i < n; i++)
		if (plain(base[i]) != plain(name[i]))
			return false;
	return true;
}

static struct line *find_name(struct index *index, const char *name)
{
	for (size_t i = 0; i < index->n; i++)
		if (module_name_is(index->lines[i].path, index->lines[i].path_len, name))
			return &index->lines[i];
	return NULL;
}

static struct line *find_path(struct index *index, const char *path, size_t len)
{
	for (size_t i = 0; i < index->n; i++)
		if (index->lines[i].path_len == len && memcmp(index->lines[i].path, path, len) == 0)
			return &index->lines[i];
	return NULL;
}

static int add(struct index *index, struct line *line, int depth)
{
	const char *at = line->needs, *end = at + line->needs_len;
	int r;

	if (line->done)
		return 0;
	if (depth > DEPTH_MAX)
		return -ELOOP;
	while (at < end) {
		size_t len = 0;
		struct line *need;

		while (at + len < end && at[len] != ' ' && at[len] != '\t')
			len++;
		if (len == 0) {
			at++;
			continue;
		}
		need = find_path(index, at, len);
		if (!need)
			return -EBADMSG;
		r = add(index, need, depth + 1);
		if (r < 0)
			return r;
		at += len;
	}
	line->done = true;
	strv_take(index->order, xstrndup(line->path, line->path_len));
	return 0;
}

static bool is_builtin(const char *builtin, const char *name)
{
	while (builtin && *builtin) {
		size_t len = strcspn(builtin, "\n");

		if (module_name_is(builtin, len, name))
			return true;
		builtin += len;
		builtin += *builtin == '\n';
	}
	return false;
}

int modules_closure(const char *dep, const char *builtin, const struct module_wanted *wanted,
		    struct strv *ret, const char **ret_missing)
{
	__attribute__((cleanup(index_done))) struct index index = {.order = ret};
	struct line *line;
	int r;

	index_build(&index, dep);
	for (; wanted->name; wanted++) {
		if (is_builtin(builtin, wanted->name))
			continue;
		line = find_name(&index, wanted->name);
		if (!line && wanted->required) {
			*ret_missing = wanted->name;
			return -ENOENT;
		}
		r = line ? add(&index, line, 0) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}
