/* SPDX-License-Identifier: Apache-2.0 */
#include "image/reference.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "image/digest.h"
#include "image/image.h"
#include "image/text.h"
#include "image/unprefixed.h"

#define HINT                                                                                      \
	"an image is docker-archive:FILE, oci:DIR, oci-archive:FILE, dir:ROOTFS, or a name in a " \
	"registry such as debian:12"

/* It names a file in the store. Docker has 255 for the path alone, but no registry uses that. */
#define NAME_BYTES_MAX 230

static const struct {
	const char *prefix;
	enum transport transport;
} transports[] = {
	{"dir:", TRANSPORT_DIR},
	{"tar:", TRANSPORT_TAR},
	{"ext4:", TRANSPORT_EXT4},
	{"oci:", TRANSPORT_OCI},
	{"oci-archive:", TRANSPORT_OCI_ARCHIVE},
	{"docker-archive:", TRANSPORT_DOCKER_ARCHIVE},
};

/* Names of other tools' transports, so that the message can say more than "no such image". */
static const char *const foreign[] = {"containers-storage:",
				      "docker-daemon:",
				      "ostree:",
				      "sif:",
				      "tarball:",
				      "http:",
				      "https:",
				      "file:"};

const char *reference_prefix(enum transport transport)
{
	for (size_t i = 0; i < ARRAY_SIZE(transports); i++)
		if (transports[i].transport == transport)
			return transports[i].prefix;
	return "";
}

void reference_done(struct reference *r)
{
	free(take_ptr(r->path));
	free(take_ptr(r->tag));
	free(take_ptr(r->typed));
}

static bool is_local_host(const char *host, size_t len)
{
	static const char *const names[] = {"localhost", "[::1]"};
	size_t n = 0;

	/* Without the port. */
	if (*host == '[')
		n = (size_t)(strchrnul(host, ']') - host) + 1;
	while (n < len && host[n] != ':')
		n++;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == n && strncasecmp(host, names[i], n) == 0)
			return true;
	/* 127.0.0.0/8, and not a name that merely begins so ("127.example.org"). */
	return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == n;
}

/* Lower-case letters and digits, with '.', '_', "__" or dashes between them. */
static bool valid_component(const char *s, size_t len)
{
	size_t i = 0, run;

	if (len == 0 || !isalnum((unsigned char)s[0]) || !isalnum((unsigned char)s[len - 1]))
		return false;
	while (i < len) {
		if (islower((unsigned char)s[i]) || isdigit((unsigned char)s[i])) {
			i++;
			continue;
		}
		run = strspn(s + i, s[i] == '-' ? "-" : s[i] == '_' ? "_" : s[i] == '.' ? "." : "");
		if (run == 0 || (s[i] == '.' && run > 1) || (s[i] == '_' && run > 2))
			return false;
		i += run;
		if (i < len && !isalnum((unsigned char)s[i]))
			return false;
	}
	return true;
}

static bool valid_path(const char *s)
{
	size_t n;

	for (;; s += n + 1) {
		n = strcspn(s, "/");
		if (!valid_component(s, n))
			return false;
		if (!s[n])
			return true;
	}
}

/* A name or address, with brackets around one of IPv6, and maybe a port. */
static bool valid_host(const char *s, size_t len)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789.-";
	size_t n = *s == '[' ? 1 + strspn(s + 1, "0123456789abcdefABCDEF:.") : strspn(s, letters);

	if (*s == '[') {
		if (s[n] != ']')
			return false;
		n++;
	} else if (n == 0 || !isalnum((unsigned char)s[0]) || !isalnum((unsigned char)s[n - 1])) {
		return false;
	}
	if (n < len && s[n] == ':' && isdigit((unsigned char)s[n + 1]))
		n += 1 + strspn(s + n + 1, "0123456789");
	return n == len;
}

static bool valid_tag(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return n > 0 && n <= 128 && s[n] == '\0' && *s != '.' && *s != '-';
}

/* What precedes the first slash is a host if it could not be part of a path on Docker Hub. */
static size_t host_length(const char *s)
{
	size_t n = strcspn(s, "/");

	if (s[n] != '/')
		return 0;
	for (size_t i = 0; i < n; i++)
		if (s[i] == '.' || s[i] == ':' || isupper((unsigned char)s[i]))
			return n;
	return n == 9 && strncmp(s, "localhost", 9) == 0 ? n : 0;
}

int reference_name(const char *s, char **ret, bool *ret_loopback)
{
	_cleanup_free_ char *name = xstrdup(s), *host = NULL, *full = NULL;
	char *digest = strchr(name, '@'), *tag, *path;
	size_t n = host_length(name);
	const char *library;
	struct digest d;

	if (digest)
		*digest++ = '\0';
	path = n > 0 ? name + n + 1 : name;
	tag = strchr(path, ':');
	if (tag)
		*tag++ = '\0';
	if ((n > 0 && !valid_host(name, n)) || !valid_path(path) || (tag && !valid_tag(tag)) ||
	    (digest && digest_parse(digest, &d) < 0))
		return -EINVAL;
	if (ret_loopback)
		*ret_loopback = n > 0 && is_local_host(name, n);
	host = n > 0 ? xstrndup(name, n) : xstrdup("docker.io");
	library = strcmp(host, "docker.io") == 0 && !strchr(path, '/') ? "library/" : "";
	/* A digest says more than the tag beside it. */
	full = digest ? xasprintf("%s/%s%s@%s", host, library, path, digest)
		      : xasprintf("%s/%s%s:%s", host, library, path, tag ? tag : "latest");
	if (strlen(full) > NAME_BYTES_MAX)
		return -EINVAL;
	*ret = take_ptr(full);
	return 0;
}

bool reference_same_name(const char *a, const char *b)
{
	_cleanup_free_ char *full_a = NULL, *full_b = NULL;

	if (strcmp(a, b) == 0)
		return true;
	return reference_name(a, &full_a, NULL) == 0 && reference_name(b, &full_b, NULL) == 0 &&
	       strcmp(full_a, full_b) == 0;
}

/* "FILE:TAG": a file of the whole name wins, else the longest name before a colon that exists. */
static int split_file(const char *s, struct reference *ret, struct err *err)
{
	_cleanup_free_ char *path = xstrdup(s);
	char *colon;

	if (!*s)
		return err_set(err, -EINVAL, "there is no file name after the colon: " HINT);
	while (access(path, F_OK) < 0) {
		if (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG)
			return err_errno(err, -errno, "'%s'", text_of(path));
		colon = strrchr(path, ':');
		if (!colon || colon == path) {
			/* The name most likely meant is the one before the first colon. */
			path[strcspn(path, ":")] = '\0';
			return err_set(err, -ENOENT,
				       "there is no file or folder '%s': check the name",
				       text_of(path));
		}
		*colon = '\0';
	}
	if (s[strlen(path)] == ':' && s[strlen(path) + 1])
		ret->tag = xstrdup(s + strlen(path) + 1);
	ret->path = take_ptr(path);
	return 0;
}

/* The same in small letters, but for the tag, if that is a name. Return: NULL: it is none. */
static char *in_small_letters(const char *s)
{
	_cleanup_free_ char *small = xstrdup(s), *full = NULL;
	char *slash = strrchr(small, '/');
	char *end = slash ? slash : small;

	end += strcspn(end, ":@");
	for (char *c = small; c < end; c++)
		*c = (char)tolower((unsigned char)*c);
	return reference_name(small, &full, NULL) == 0 ? take_ptr(small) : NULL;
}

static int no_reference(const char *s, struct err *err)
{
	const char *name = str_starts(s, "docker://");
	_cleanup_free_ char *small = in_small_letters(name ? name : s);
	_cleanup_free_ char *advice = unprefixed_advice(s);

	if (advice)
		return err_set(err, -EINVAL, "'%s' does not say what it is: %s", text_of(s),
			       advice);
	if (*s == '/' || *s == '.')
		return err_set(err, -EINVAL,
			       "there is no file or folder '%s': check the name, and write dir:%s "
			       "for a folder, docker-archive:%s for a file from \"docker save\"",
			       text_of(s), text_of(s), text_of(s));
	if (small)
		return err_set(err, -EINVAL,
			       "'%s' is no image: names in registries have no capitals; did you "
			       "mean %s?",
			       text_of(s), text_of(small));
	return err_set(err, -EINVAL, "'%s' is no image: " HINT, text_of(s));
}

static int parse_registry(const char *s, struct reference *ret, struct err *err)
{
	const char *rest = str_starts(s, "docker://");

	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		if (str_starts(s, foreign[i]))
			return err_set(err, -EINVAL,
				       "images of the kind '%s' are not known here: " HINT,
				       foreign[i]);
	ret->transport = TRANSPORT_REGISTRY;
	if (reference_name(rest ? rest : s, &ret->path, &ret->loopback) < 0)
		return no_reference(s, err);
	ret->typed = rest ? NULL : xstrdup(s);
	return 0;
}

int reference_parse(const char *s, struct reference *ret, struct err *err)
{
	const char *rest;

	if (!*s)
		return err_set(err, -EINVAL, "the image's name is empty: " HINT);
	if (strlen(s) > IMAGE_REFERENCE_MAX)
		return err_set(err, -EINVAL, "the image's name is longer than %u bytes",
			       IMAGE_REFERENCE_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(transports); i++) {
		rest = str_starts(s, transports[i].prefix);
		if (!rest)
			continue;
		ret->transport = transports[i].transport;
		if (ret->transport > TRANSPORT_EXT4)
			return split_file(rest, ret, err);
		if (!*rest)
			return err_set(err, -EINVAL, "there is nothing after %s " HINT,
				       transports[i].prefix);
		ret->path = xstrdup(rest);
		return 0;
	}
	if (strcmp(s, "-") == 0) {
		ret->transport = TRANSPORT_TAR;
		ret->path = xstrdup(s);
		return 0;
	}
	return parse_registry(s, ret, err);
}
