/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "bundle.pb-c.h"
#include "ttrpc/server.h"

/*
 * Service "caisson.guest.v1.Bundle": BUNDLE_DIR/ID with a container's files, above all config.json,
 * and an empty folder BUNDLE_ROOTFS. A bundle belongs to the container of its name: it goes when
 * that is deleted, or when that cannot be created.
 */

#define BUNDLE_DIR	 "/run/bundles"
#define BUNDLE_ROOTFS	 "rootfs"
#define BUNDLE_FILES_MAX 64
#define BUNDLE_SIZE_MAX	 (4u << 20)
#define BUNDLE_NAME_MAX	 255
#define BUNDLE_PATH_MAX	 128

/** bundle_service() - for ttrpc_server_new() */
struct ttrpc_service bundle_service(void);

/** bundle_name_valid() - is it a plain file name, without anything that could be taken for more? */
bool bundle_name_valid(const char *name);

/**
 * struct bundle_file - one of a bundle's files
 */
struct bundle_file {
	const char *name;
	const void *data;
	size_t len;
};

/**
 * bundle_check() - what a request asks for
 * @files: set as far as they are needed; they point into the request
 * @text: why it is refused
 *
 * Return: TTRPC_OK, or the code to answer with.
 */
enum ttrpc_code bundle_check(const Caisson__Guest__V1__CreateBundleRequest *request,
			     struct bundle_file files[BUNDLE_FILES_MAX], char *text, size_t size);

/**
 * bundle_make() - make a folder with these files; wholly or not at all
 * @root: descriptor of the folder to make it in
 * @name: of the folder
 *
 * Names are not checked here. Return: 0; -EEXIST: the folder is there, or two files have the same
 * name; -ENOBUFS: there are ABI_CONTAINERS_MAX folders; or negative errno.
 */
int bundle_make(int root, const char *name, const struct bundle_file *files, size_t n);

/** bundle_path() - of a container's bundle, whether it is there or not */
void bundle_path(char ret[BUNDLE_PATH_MAX], const char *id);

/** bundle_exists() - was @path made for container @id, and is it still there? */
bool bundle_exists(const char *path, const char *id);

/**
 * bundle_remove() - a container's; nothing may be mounted in it. Harmless when there is none.
 *
 * Return: 0 or negative errno, which was logged.
 */
int bundle_remove(const char *id);
