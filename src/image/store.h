/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "image/digest.h"
#include "image/image.h"
#include "image/reference.h"

/*
 * The store on disk. Below its folder:
 *
 *	images/<hex>/rootfs	  the unpacked tree of the image whose configuration has that digest
 *	images/<hex>/rootfs.ext4  the same tree as a file system; one of the two is there, or both
 *	images/<hex>/rootfs.sums, rootfs.ext4.sums
 *				  what each of them was like when it was made (seal.h)
 *	images/<hex>/config.json  that configuration, byte for byte
 *	refs/<name>		  "sha256:…": which image a registry's name meant when fetched
 *	refs/<hash>		  "sha256:… docker-archive:…": the same of a file's or folder's name
 *	index/<key>		  which image an archive file holds, while the file stays the same
 *	tmp/<name>/		  images and downloads in the making; flock()ed by their makers
 *	lock			  byte ranges of it are locked: one byte for each image or name
 *
 * An image comes into being by one rename from tmp/ to images/, after syncfs(): whatever happens,
 * power failure included, it is there whole or not at all. The second form of an image that is there
 * comes by a rename of that form, after one of its checksums. What is in tmp/ without a lock belongs to
 * nobody and is swept by the next one who makes something.
 *
 * The time of images/<hex> says when it was used last.
 *
 * images/<hex> is flock()ed (shared) by whoever uses it. To remove an image, lock it exclusively
 * without waiting, rename it to tmp/, and remove it there (store-remove.h).
 */

/**
 * struct store - an open store
 * @path: absolute
 * @form: in which images are looked for, and made
 */
struct store {
	char *path;
	int fd;
	enum image_form form;
};

#define STORE_IMAGE_PATH (sizeof("images/") + DIGEST_HEX_LEN)

/** store_image_path() - where in the store an image is */
void store_image_path(const struct digest *id, char path[STORE_IMAGE_PATH]);

/** STORE_CONFIG - the name that its configuration has there */
#define STORE_CONFIG "config.json"

/** store_form() - the name that has in an image's folder */
const char *store_form(enum image_form form);

#define STORE_NULL                         \
	{                                  \
		.path = NULL, .fd = -EBADF \
	}

/** store_is_there() - has anybody opened one there? */
bool store_is_there(const char *dir);

/** store_open() - open, and make what is missing. Return: 0 or negative errno, with a message. */
int store_open(struct store *s, const char *dir, struct err *err);

/** store_done() - close; may be called again */
void store_done(struct store *s);

/**
 * store_hold() - keep an image from being removed, whatever forms of it there are
 *
 * Return: a descriptor of its folder that holds the shared lock; -ENOENT: not there; others.
 */
int store_hold(const struct store *s, const struct digest *id);

/** store_has_form() - is that form in the image's folder? */
bool store_has_form(int dirfd, enum image_form form);

/** store_disk_is_whole() - has the disk in the image's folder the size that its file system says? */
bool store_disk_is_whole(int dirfd);

/**
 * store_find() - look for an image in the store's form, and keep it from being removed
 *
 * Return: as store_hold(); -ENOENT also if it is there in the other form only; -EBADMSG: its disk
 * was cut. In both cases it can be made.
 */
int store_find(const struct store *s, const struct digest *id);

/**
 * store_lock() - wait until nobody else makes what @key stands for
 * @cancel: when set by a signal, the wait ends with -EINTR; may be NULL
 *
 * Return: a descriptor; the lock is gone once it is closed. Or negative errno, with a message.
 */
int store_lock(const struct store *s, const char *key, const volatile sig_atomic_t *cancel,
	       struct err *err);

/**
 * struct store_tmp - a folder in tmp/ that goes away unless it is committed
 */
struct store_tmp {
	const struct store *store;
	char name[32];
	int fd;
};

#define STORE_TMP_NULL                                  \
	{                                               \
		.store = NULL, .name = "", .fd = -EBADF \
	}

/** store_sweep() - remove the folders in tmp whose makers have died */
void store_sweep(const struct store *s);

/** store_tmp_new() - sweep what others left behind, then make one. Return: 0 or negative errno. */
int store_tmp_new(const struct store *s, struct store_tmp *ret, struct err *err);

/**
 * store_commit() - turn the folder into the image @id, durably
 *
 * Call under store_lock() of the image, when store_find() has not found it.
 *
 * Return: a descriptor as from store_find(), or negative errno, with a message.
 */
int store_commit(struct store_tmp *t, const struct digest *id, struct err *err);

/** store_tmp_done() - remove the folder if it was not committed; may be called again */
void store_tmp_done(struct store_tmp *t);
#define _cleanup_store_tmp_ __attribute__((cleanup(store_tmp_done)))

/** store_get_ref() - which image was fetched under a full name? Return: 0 or -ENOENT. */
int store_get_ref(const struct store *s, const char *name, struct digest *ret);

/** store_set_ref() - remember it. Return: 0 or negative errno. */
int store_set_ref(const struct store *s, const char *name, const struct digest *id);

/**
 * struct store_file - an archive file as it was when it was looked at
 * @key: names the entry in index/
 * @state: changes when the file does; "" if a change might go unnoticed
 */
struct store_file {
	char key[96];
	char state[160];
};

/**
 * store_look() - take note of an archive file's state, before anything is read from it
 *
 * A file whose last change is so recent that another one might leave its times as they are gets no
 * state.
 *
 * Return: 0 or negative errno.
 */
int store_look(int fd, const struct reference *ref, struct store_file *ret);

/** store_get_file() - which image does it hold? Return: 0, or -ENOENT: never seen, or changed. */
int store_get_file(const struct store *s, const struct store_file *f, const struct reference *ref,
		   struct digest *ret);

/** store_set_file() - remember it, if it has a state */
void store_set_file(const struct store *s, const struct store_file *f, const struct reference *ref,
		    const struct digest *id);

/** store_hash() - FNV-1a, for names that are checked in full or need not be */
uint64_t store_hash(const char *s);

/* Between store-names.c, store-local.c, store-remove.c and catalog.c. */

/** store_read_line() - a file of refs/ or index/; free() it. Return: 0 or negative errno. */
int store_read_line(const struct store *s, const char *path, char **ret);

/** store_write_line() - write it, whole or not at all. Return: 0 or negative errno. */
int store_write_line(const struct store *s, const char *path, const char *line);

/** store_ref_path() - where the store has what a registry's full name means */
void store_ref_path(const char *name, char path[NAME_MAX + 1]);

#define STORE_LOCAL_PATH 32

/** store_local_path() - the same for a name as of store_local_name() */
void store_local_path(const char *name, char path[STORE_LOCAL_PATH]);

/** store_local_name() - the name for a file or folder and a tag in it, with an absolute path; free() it */
char *store_local_name(const struct reference *ref);

/** store_set_local() - remember that @ref, which is not a registry's, meant the image @id */
void store_set_local(const struct store *s, const struct reference *ref, const char *id);
