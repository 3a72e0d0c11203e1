/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "sandbox/conf-line.h"
#include "sandbox/setting.h"
#include "sandbox/spec.h"
#include "vmm/vmm.h"

enum conf_kind {
	CONF_SIZE,     /* uint64_t: bytes */
	CONF_NUMBER,   /* uint32_t */
	CONF_TEXT,     /* char * */
	CONF_WORD,     /* char *, one of "a|b|c" */
	CONF_SOCKET,   /* char *, an absolute path */
	CONF_FOLDERS,  /* struct strv of absolute paths */
	CONF_SETTINGS, /* struct strv of their names (sandbox/setting.h) */
};

/* @preset: what holds without a line; NULL: nothing. @words: what CONF_WORD may be. */
static const struct key {
	const char *name;
	enum conf_kind kind;
	size_t offset;
	const char *preset, *words;
	uint64_t min, max;
} keys[] = {
#define AT(member) offsetof(struct conf, member)
	{CONF_EXTRAS_ALLOW, CONF_FOLDERS, AT(extras_allow), NULL, NULL, 0, 0},
	{"firecracker.api", CONF_WORD, AT(firecracker_api), "true", "true|false", 0, 0},
	{"firecracker.jailer", CONF_WORD, AT(firecracker_jailer), "true", "true|false", 0, 0},
	{"firecracker.placeholders", CONF_NUMBER, AT(firecracker_placeholders), "0", NULL, 0,
	 VMM_DISKS_MAX},
	{"firecracker.placeholders_ro", CONF_NUMBER, AT(firecracker_placeholders_ro), "0", NULL, 0,
	 VMM_DISKS_MAX},
	{"images.limit", CONF_SIZE, AT(images_limit), NULL, NULL, 1, UINT64_MAX},
	{CONF_KERNEL_ALLOW, CONF_FOLDERS, AT(kernel_allow), NULL, NULL, 0, 0},
	{CONF_LIMIT_CPUS, CONF_NUMBER, AT(limit_cpus), NULL, NULL, 1, VMM_CPUS_MAX},
	{CONF_LIMIT_MEMORY, CONF_SIZE, AT(limit_memory), NULL, NULL, SANDBOX_MEMORY_MIN,
	 VMM_MEMORY_MAX},
	{CONF_LIMIT_ROOTFS, CONF_SIZE, AT(limit_rootfs_size), NULL, NULL, SETTING_ROOTFS_MIN,
	 SETTING_ROOTFS_MAX},
	{"rootfs.mode", CONF_WORD, AT(rootfs_mode), NULL, SANDBOX_ROOTFS_MODES, 0, 0},
	{CONF_SETTINGS_ALLOW, CONF_SETTINGS, AT(settings_allow), NULL, NULL, 0, 0},
	{CONF_SETTINGS_DENY, CONF_SETTINGS, AT(settings_deny), NULL, NULL, 0, 0},
	{"supervisor.socket", CONF_SOCKET, AT(supervisor_socket), NULL, NULL, 0, 0},
	{"vm.accel", CONF_WORD, AT(accel), VMM_ACCEL_DEFAULT, VMM_ACCELS, 0, 0},
	{"vm.boot_timeout", CONF_NUMBER, AT(boot_timeout), "120", NULL, 1,
	 SANDBOX_BOOT_TIMEOUT_MAX},
	{"vm.cpus", CONF_NUMBER, AT(cpus), "1", NULL, 1, VMM_CPUS_MAX},
	{"vm.hypervisor", CONF_WORD, AT(hypervisor), VMM_HYPERVISOR_DEFAULT, VMM_HYPERVISORS, 0, 0},
	{"vm.kernel", CONF_TEXT, AT(kernel), NULL, NULL, 0, 0},
	{"vm.kernel_append", CONF_TEXT, AT(kernel_append), NULL, NULL, 0, 0},
	{"vm.memory", CONF_SIZE, AT(memory), "256M", NULL, SANDBOX_MEMORY_MIN, VMM_MEMORY_MAX},
	{"volumes.mode", CONF_WORD, AT(volume_mode), NULL, SANDBOX_VOLUME_MODES, 0, 0},
#undef AT
};

static int set_size(void *at, const struct key *key, const char *value, struct err *err)
{
	uint64_t size;

	if (parse_size(value, &size) < 0 || size < key->min)
		return err_set(err, -EINVAL, "must be a size: 500M, 20G");
	if (size > key->max)
		return err_set(err, -EINVAL, "is more than %lluM",
			       (unsigned long long)(key->max >> 20));
	*(uint64_t *)at = size;
	return 0;
}

static int set_number(void *at, const struct key *key, const char *value, struct err *err)
{
	uint32_t number;

	if (parse_u32(value, (uint32_t)key->min, (uint32_t)key->max, &number) < 0)
		return err_set(err, -EINVAL, "must be a number from %llu to %llu",
			       (unsigned long long)key->min, (unsigned long long)key->max);
	*(uint32_t *)at = number;
	return 0;
}

static int set_text(void *at, const struct key *key _unused_, const char *value, struct err *err)
{
	if (!setting_text_valid(value))
		return err_set(err, -EINVAL, "must be printable ASCII");
	free(*(char **)at);
	*(char **)at = xstrdup(value);
	return 0;
}

static int set_word(void *at, const struct key *key, const char *value, struct err *err)
{
	return str_is_choice(key->words, value)
		       ? set_text(at, key, value, err)
		       : err_set(err, -EINVAL, "must be one of %s", key->words);
}

static int set_socket(void *at, const struct key *key _unused_, const char *value, struct err *err)
{
	if (*value != '/')
		return err_set(err, -EINVAL, "must be the absolute path of a unix socket");
	if (strlen(value) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return err_set(err, -EINVAL, "too long for a unix socket");
	*(char **)at = xstrdup(value);
	return 0;
}

static int add_folder(void *at, const struct key *key _unused_, const char *value, struct err *err)
{
	if (*value != '/')
		return err_set(err, -EINVAL, "must be the absolute path of a folder");
	strv_add(at, value);
	return 0;
}

static int add_setting(void *at, const struct key *key _unused_, const char *value, struct err *err)
{
	if (!setting_known(value))
		return err_set(err, -EINVAL,
			       "there is no setting of that name that containers could make");
	strv_add(at, value);
	return 0;
}

static void free_text(void *at)
{
	free(*(char **)at);
}

static void free_list(void *at)
{
	strv_done(at);
}

/* @done: NULL: nothing is owned */
static const struct {
	int (*set)(void *at, const struct key *key, const char *value, struct err *err);
	void (*done)(void *at);
	bool is_list;
} kinds[] = {
	[CONF_SIZE] = {set_size, NULL, false},
	[CONF_NUMBER] = {set_number, NULL, false},
	[CONF_TEXT] = {set_text, free_text, false},
	[CONF_WORD] = {set_word, free_text, false},
	[CONF_SOCKET] = {set_socket, free_text, false},
	[CONF_FOLDERS] = {add_folder, free_list, true},
	[CONF_SETTINGS] = {add_setting, free_list, true},
};

static size_t count(const struct conf *conf, size_t key)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->n_lines; i++)
		n += conf->lines[i].key == key;
	return n;
}

static int set(struct conf *conf, size_t i, const char *value, unsigned int number, struct err *err)
{
	size_t before = count(conf, i);

	if (kinds[keys[i].kind].is_list ? before == CONF_LIST_MAX : before > 0)
		return err_set(err, -EINVAL, "%s",
			       kinds[keys[i].kind].is_list ? "too many of these"
							   : "there is another one above");
	conf->lines = xreallocarray(conf->lines, conf->n_lines + 1, sizeof(*conf->lines));
	conf->lines[conf->n_lines++] =
		(struct conf_line){.key = i, .number = number, .value = xstrdup(value)};
	return kinds[keys[i].kind].set((char *)conf + keys[i].offset, &keys[i], value, err);
}

static int refuse_key(const char *name, struct err *err)
{
	_cleanup_free_ char *all = xstrdup("");

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		_cleanup_free_ char *before = all;

		all = xasprintf("%s%s%s", before, i > 0 ? ", " : "", keys[i].name);
	}
	return err_set(err, -EINVAL, "there is no key \"%s\", only %s", name, all);
}

static int set_all(struct conf *conf, const char *name, const struct strv *values,
		   unsigned int number, struct err *err)
{
	size_t i = 0;
	int r = 0;

	while (i < ARRAY_SIZE(keys) && strcmp(name, keys[i].name) != 0)
		i++;
	if (i == ARRAY_SIZE(keys))
		return refuse_key(name, err);
	if (values->n != 1 && !kinds[keys[i].kind].is_list)
		r = err_set(err, -EINVAL, "must be one value, not a list");
	for (size_t v = 0; r == 0 && v < values->n; v++)
		r = set(conf, i, values->v[v], number, err);
	return r < 0 ? err_wrap(err, r, "%s", name) : 0;
}

static int parse_line(struct conf *conf, struct conf_reader *reader, char *line,
		      unsigned int number, struct err *err)
{
	_cleanup_strv_ struct strv values = STRV_NULL;
	char key[CONF_NAME_MAX];
	const char *wrong = conf_line_read(reader, line, key, &values);
	int r = wrong ? err_set(err, -EINVAL, "%s", wrong) : 0;

	if (r == 0 && *key)
		r = set_all(conf, key, &values, number, err);
	return r < 0 ? err_wrap(err, r, "%s, line %u", conf->path, number) : 0;
}

/* What holds where nothing is said; a line replaces it. */
static void preset(struct conf *conf)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].preset)
			(void)kinds[keys[i].kind].set((char *)conf + keys[i].offset, &keys[i],
						      keys[i].preset, NULL);
}

int conf_parse(const char *path, const char *text, size_t len, struct conf *ret, struct err *err)
{
	_cleanup_conf_ struct conf conf = {.path = xstrdup(path)};
	_cleanup_free_ char *copy = xmalloc(len + 1);
	struct conf_reader reader = {.table = ""};
	char *rest = copy, *line;
	unsigned int number = 0;
	int r = 0;

	memcpy(copy, text, len);
	copy[len] = '\0';
	if (strlen(copy) != len)
		return err_set(err, -EINVAL, "%s: is no text", path);
	preset(&conf);
	while (r == 0 && (line = strsep(&rest, "\n")))
		r = parse_line(&conf, &reader, line, ++number, err);
	if (r < 0)
		return r;
	*ret = conf;
	conf = (struct conf)CONF_NULL;
	return 0;
}

/* Who may change it decides what VMs are given of the host's files. */
static int check_owner(const char *path, int fd, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(err, -errno, "cannot read %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "%s: is no file", path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022))
		return err_set(
			err, -EPERM,
			"%s: others than root may change it: chown it to root, and chmod go-w",
			path);
	return 0;
}

/* @must_be: one that is not there is an error. */
static int load(const char *path, bool must_be, struct conf *ret, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	if (fd < 0 && errno == ENOENT && !must_be)
		return conf_parse(path, "", 0, ret, err);
	if (fd < 0)
		return err_errno(err, -errno, "cannot read the configuration %s", path);
	r = check_owner(path, fd, err);
	if (r < 0)
		return r;
	r = fd_slurp(fd, CONF_BYTES_MAX, &text, &len);
	if (r < 0)
		return err_errno(err, r, "cannot read the configuration %s", path);
	return conf_parse(path, text, len, ret, err);
}

int conf_load(struct conf *ret, struct err *err)
{
	const char *chosen = getenv(CONF_VARIABLE);

	return chosen && *chosen ? load(chosen, true, ret, err) : load(CONF_PATH, false, ret, err);
}

int conf_load_from(const char *path, struct conf *ret, struct err *err)
{
	return path ? load(path, true, ret, err) : conf_load(ret, err);
}

void conf_each(const struct conf *conf, void (*each)(void *data, const struct conf_value *value),
	       void *data)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct conf_value value = {.key = keys[i].name, .value = keys[i].preset};

		value.is_list = kinds[keys[i].kind].is_list;
		if (count(conf, i) == 0)
			each(data, &value);
		for (size_t l = 0; l < conf->n_lines; l++) {
			if (conf->lines[l].key != i)
				continue;
			value.value = conf->lines[l].value;
			value.line = conf->lines[l].number;
			each(data, &value);
		}
	}
}

void conf_done(struct conf *conf)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (kinds[keys[i].kind].done)
			kinds[keys[i].kind].done((char *)conf + keys[i].offset);
	for (size_t i = 0; i < conf->n_lines; i++)
		free(conf->lines[i].value);
	free(conf->lines);
	free(conf->path);
	*conf = (struct conf)CONF_NULL;
}
