/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/image-use.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fd.h"
#include "base/mem.h"
#include "image/image.h"
#include "image/json.h"
#include "image/measure.h"
#include "image/text.h"
#include "sandbox/record.h"
#include "ttrpc/text.h"

int image_use_open(struct image_use *u, struct err *err)
{
	int r = paths_init(&u->paths, err);

	return r < 0 ? r : store_open(&u->store, u->paths.root, err);
}

/* One that is removed meanwhile is not there any more: no error. */
static void load_one(struct image_use *u, const char *id)
{
	struct sandbox_spec spec = SANDBOX_SPEC_NULL;
	struct record record = RECORD_NULL;

	if (record_open(&u->paths, id, &record, NULL) == 0 &&
	    record_load(&record, &spec, NULL) == 0) {
		strv_add(&u->containers, id);
		strv_add(&u->folders, spec.rootfs);
	}
	sandbox_spec_done(&spec);
	record_done(&record);
}

int image_use_load(struct image_use *u, struct err *err)
{
	_cleanup_strv_ struct strv ids = STRV_NULL;
	int r = record_list(&u->paths, &ids, err);

	strv_done(&u->containers);
	strv_done(&u->folders);
	for (size_t i = 0; i < ids.n; i++)
		load_one(u, ids.v[i]);
	return r;
}

void image_use_of(const struct image_use *u, const struct digest *id, struct strv *ret)
{
	for (size_t i = 0; i < u->containers.n; i++)
		if (strstr(u->folders.v[i], digest_hex(id)))
			strv_add(ret, u->containers.v[i]);
}

void image_use_done(struct image_use *u)
{
	strv_done(&u->containers);
	strv_done(&u->folders);
	store_done(&u->store);
	paths_done(&u->paths);
}

struct json_object *image_use_name(const char *name)
{
	bool is_text = ttrpc_text_valid((const uint8_t *)name, strlen(name));

	return json_object_new_string(is_text ? name : text_of(name));
}

static int open_image(const struct image_use *u, const struct digest *id)
{
	char path[STORE_IMAGE_PATH];

	store_image_path(id, path);
	return openat(u->store.fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

struct json_object *image_use_config(const struct image_use *u, const struct digest *id)
{
	_cleanup_close_ int fd = open_image(u, id);
	struct json_object *config = NULL;
	_cleanup_free_ char *data = NULL;
	size_t len;

	if (fd >= 0 && file_slurp_at(fd, STORE_CONFIG, IMAGE_CONFIG_MAX, &data, &len) == 0)
		(void)json_read(data, len, json_type_object, "", &config, NULL);
	return config;
}

const char *image_use_created(struct json_object *config, int64_t *ret)
{
	struct tm tm = {.tm_isdst = 0};
	const char *text = NULL, *rest;

	if (!config || json_str(config, "created", "", &text, NULL) < 0 || !text)
		return NULL;
	/* RFC 3339; the fraction and the zone do not matter to a person. */
	rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest || tm.tm_year < 0)
		return NULL;
	*ret = timegm(&tm);
	return text;
}

uint64_t image_use_size(const struct image_use *u, const struct digest *id)
{
	_cleanup_close_ int fd = open_image(u, id);

	return fd < 0 ? 0 : measure_folder(fd);
}

int64_t image_use_last(const struct image_use *u, const struct digest *id,
		       char text[IMAGE_USE_TIME_MAX])
{
	_cleanup_close_ int fd = open_image(u, id);
	struct stat st;
	struct tm tm;

	*text = '\0';
	if (fd < 0 || fstat(fd, &st) < 0 || !gmtime_r(&st.st_mtime, &tm))
		return 0;
	(void)strftime(text, IMAGE_USE_TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return st.st_mtime;
}
