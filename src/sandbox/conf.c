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
#include "sandbox/spec.h"

/* Return: NULL, or what is wrong with the value. */
static const char *set_allow(struct conf *conf, const char *value)
{
	if (conf->extras_allow.n == CONF_ALLOW_MAX)
		return "too many of these";
	if (*value != '/')
		return "must be the absolute path of a folder";
	strv_add(&conf->extras_allow, value);
	return NULL;
}

static const char *set_limit(struct conf *conf, const char *value)
{
	if (conf->images_limit)
		return "there is another one above";
	if (parse_size(value, &conf->images_limit) < 0 || conf->images_limit == 0)
		return "must be a size: 500M, 20G";
	return NULL;
}

static const char *set_mode(struct conf *conf, const char *value)
{
	static const char *const modes[] = {SANDBOX_ROOTFS_MODE_DEFAULT, SANDBOX_ROOTFS_MODE_IMAGE,
					    SANDBOX_ROOTFS_MODE_COPY};

	if (conf->rootfs_mode)
		return "there is another one above";
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (strcmp(value, modes[i]) == 0)
			conf->rootfs_mode = xstrdup(value);
	return conf->rootfs_mode ? NULL : "must be one of " SANDBOX_ROOTFS_MODES;
}

static const char *set_socket(struct conf *conf, const char *value)
{
	if (conf->supervisor_socket)
		return "there is another one above";
	if (*value != '/')
		return "must be the absolute path of a unix socket";
	if (strlen(value) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return "too long for a unix socket";
	conf->supervisor_socket = xstrdup(value);
	return NULL;
}

static const struct {
	const char *key;
	const char *(*set)(struct conf *conf, const char *value);
} keys[] = {
	{CONF_EXTRAS_ALLOW, set_allow},
	{CONF_IMAGES_LIMIT, set_limit},
	{CONF_ROOTFS_MODE, set_mode},
	{CONF_SUPERVISOR_SOCKET, set_socket},
};

/* Cuts blanks off both ends. */
static char *trim(char *s)
{
	size_t len;

	s += strspn(s, " \t\r");
	len = strlen(s);
	while (len > 0 && strchr(" \t\r", s[len - 1]))
		len--;
	s[len] = '\0';
	return s;
}

static int parse_line(struct conf *conf, char *line, unsigned int number, struct err *err)
{
	char *key = trim(line), *value = strchr(key, '=');
	const char *wrong;

	if (*key == '\0' || *key == '#')
		return 0;
	if (!value)
		return err_set(err, -EINVAL, "%s, line %u: must be \"key = value\"", conf->path,
			       number);
	*value++ = '\0';
	key = trim(key);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(key, keys[i].key) != 0)
			continue;
		wrong = keys[i].set(conf, trim(value));
		return wrong ? err_set(err, -EINVAL, "%s, line %u: %s: %s", conf->path, number, key,
				       wrong)
			     : 0;
	}
	return err_set(err, -EINVAL,
		       "%s, line %u: there is no key \"%.64s\", only " CONF_EXTRAS_ALLOW
		       ", " CONF_IMAGES_LIMIT ", " CONF_ROOTFS_MODE " and " CONF_SUPERVISOR_SOCKET,
		       conf->path, number, key);
}

int conf_parse(const char *path, const char *text, size_t len, struct conf *ret, struct err *err)
{
	_cleanup_conf_ struct conf conf = {.path = xstrdup(path)};
	_cleanup_free_ char *copy = xmalloc(len + 1);
	char *rest = copy, *line;
	unsigned int number = 0;
	int r = 0;

	memcpy(copy, text, len);
	copy[len] = '\0';
	if (memchr(text, '\0', len))
		return err_set(err, -EINVAL, "%s: is no text", path);
	while (r == 0 && (line = strsep(&rest, "\n")))
		r = parse_line(&conf, line, ++number, err);
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

int conf_load(struct conf *ret, struct err *err)
{
	const char *chosen = getenv("CAISSON_CONFIG");
	const char *path = chosen && *chosen ? chosen : CONF_PATH;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	if (fd < 0 && errno == ENOENT && path != chosen) {
		*ret = (struct conf){.path = xstrdup(path)};
		return 0;
	}
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

void conf_done(struct conf *conf)
{
	free(conf->path);
	strv_done(&conf->extras_allow);
	free(conf->rootfs_mode);
	free(conf->supervisor_socket);
	*conf = (struct conf)CONF_NULL;
}
