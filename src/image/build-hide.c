/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "image/build.h"

/*
 * Whiteouts, as tree-remove.c has them, which says why: what the layer itself has added stays, with
 * the folders that lead to it. A folder that was walked in this layer, and stayed, has nothing left
 * of lower ones; its mark says so.
 */

/* struct step - on the way down. @entry: of the folder; @next: in it, to be looked at */
struct step {
	uint32_t entry, next;
};

struct walk {
	struct build_tree *t;
	struct step *v;
	size_t n, room;
};

static bool is_ours(const struct walk *w, uint32_t entry)
{
	return ext4_entry_tag(w->t->fs, entry) == w->t->layer;
}

static bool is_walked(const struct build_tree *t, uint32_t dir)
{
	return ext4_mark(t->fs, dir) == t->layer;
}

static void go_down(struct walk *w, uint32_t entry, uint32_t dir)
{
	if (w->n == w->room) {
		w->room = w->room ? 2 * w->room : 16;
		w->v = xreallocarray(w->v, w->room, sizeof(*w->v));
	}
	w->v[w->n++] =
		(struct step){entry, is_walked(w->t, dir) ? 0 : ext4_entry_first(w->t->fs, dir)};
}

static void go_up(struct walk *w)
{
	uint32_t entry = w->v[--w->n].entry;

	if (is_ours(w, entry) || ext4_entry_remove(w->t->fs, entry) < 0)
		ext4_set_mark(w->t->fs, ext4_entry_node(w->t->fs, entry), (uint16_t)w->t->layer);
}

static void look_at(struct walk *w, uint32_t entry)
{
	uint32_t node = ext4_entry_node(w->t->fs, entry);

	if (S_ISDIR(ext4_mode(w->t->fs, node)))
		go_down(w, entry, node);
	else if (!is_ours(w, entry))
		(void)ext4_entry_remove(w->t->fs, entry);
}

/* Return: 0 or -EINTR. */
static int hide_entry(struct walk *w, uint32_t entry)
{
	const volatile sig_atomic_t *cancel = w->t->allowance->cancel;

	look_at(w, entry);
	while (w->n > 0) {
		struct step *s = &w->v[w->n - 1];
		uint32_t next = s->next;

		if (cancel && *cancel)
			return -EINTR;
		if (next) {
			s->next = ext4_entry_next(w->t->fs, next);
			look_at(w, next);
		} else {
			go_up(w);
		}
	}
	return 0;
}

int build_hide(struct build_tree *t, const char *name)
{
	struct walk w = {.t = t};
	uint32_t entry, next;
	int r = 0;

	t->parent_known = false;
	if (!name && is_walked(t, t->parent_node))
		return 0;
	if (!name)
		ext4_set_mark(t->fs, t->parent_node, (uint16_t)t->layer);
	entry = name ? ext4_entry_find(t->fs, t->parent_node, name)
		     : ext4_entry_first(t->fs, t->parent_node);
	for (; entry && r == 0; entry = next) {
		next = name ? 0 : ext4_entry_next(t->fs, entry);
		r = hide_entry(&w, entry);
	}
	free(w.v);
	return r;
}
