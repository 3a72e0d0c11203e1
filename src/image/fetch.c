/* SPDX-License-Identifier: Apache-2.0 */
#include "image/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "image/digest.h"
#include "image/image.h"
#include "image/manifest.h"
#include "image/text.h"

#define OUTPUT_KEPT	 8192
#define POLICY_BYTES_MAX (1 << 20)

/* An index may name an index; no tool nests them deeper than that. */
#define INDEX_DEPTH_MAX 4

/* What skopeo writes for itself, such as its list of blobs it has seen, has room at least. */
#define FILE_BYTES_MIN (UINT64_C(64) << 20)

/* The trust policy that counts: free() it. NULL: there is none. */
static char *policy_path(void)
{
	_cleanup_free_ char *own = NULL;
	const char *home = getenv("HOME");

	own = home ? xasprintf("%s/.config/containers/policy.json", home) : NULL;
	if (own && access(own, R_OK) == 0)
		return take_ptr(own);
	return access("/etc/containers/policy.json", R_OK) == 0
		       ? xstrdup("/etc/containers/policy.json")
		       : NULL;
}

/* skopeo refuses to work without a trust policy; Docker has none. An administrator's counts. */
static void begin_command(struct strv *argv, const struct fetch *f)
{
	_cleanup_free_ char *policy = policy_path();

	strv_add(argv, "skopeo");
	strv_addf(argv, "--tmpdir=%s", f->dir);
	strv_add(argv, "--override-os=linux");
	if (!policy)
		strv_add(argv, "--insecure-policy");
}

/*
 * Does an administrator want signatures? They are for names, so that the image has to be copied by
 * its name; and who has signed a manifest stands for its sizes.
 */
static bool wants_signatures(void)
{
	_cleanup_free_ char *policy = policy_path(), *text = NULL;

	if (!policy)
		return false;
	if (file_slurp_at(AT_FDCWD, policy, POLICY_BYTES_MAX, &text, NULL) < 0)
		return true;
	return strstr(text, "signedBy") || strstr(text, "sigstoreSigned");
}

/* The name for exactly one manifest; free() it. */
static char *pinned_name(const char *name, const struct digest *digest)
{
	const char *slash = strrchr(name, '/'), *path = slash ? slash : name;

	return xasprintf("%.*s@%s", (int)(path - name + (ptrdiff_t)strcspn(path, ":@")), name,
			 digest->text);
}

/* The last line is logrus's: time="…" level=fatal msg="reason with \"quotes\"" */
const char *fetch_reason(char *output)
{
	size_t len = strlen(output);
	char *msg, *p, *out;

	while (len > 0 && strchr("\n ", output[len - 1]))
		output[--len] = '\0';
	p = strrchr(output, '\n');
	if (p)
		output = p + 1;
	msg = strstr(output, " msg=\"");
	if (!msg)
		return output;
	msg += strlen(" msg=\"");
	for (p = out = msg; *p && *p != '"'; p++) {
		if (*p == '\\' && p[1])
			p++;
		*out++ = *p;
	}
	*out = '\0';
	return msg;
}

/* Keeps the last bytes. Return: 0, or -EINTR. */
static int read_output(int fd, char *buf, const volatile sig_atomic_t *cancel)
{
	size_t len = 0;
	ssize_t n;

	do {
		if (fd_wait_input(fd, cancel) < 0)
			return -EINTR;
		n = read(fd, buf + len, 2 * OUTPUT_KEPT - len);
		len += n > 0 ? (size_t)n : 0;
		if (len > OUTPUT_KEPT) {
			memmove(buf, buf + len - OUTPUT_KEPT, OUTPUT_KEPT);
			len = OUTPUT_KEPT;
		}
	} while (n > 0 || (n < 0 && errno == EINTR));
	buf[len] = '\0';
	return 0;
}

static int report(char *output, const char *name, int status, struct err *err)
{
	const char *reason;

	/* Of the first, Go's runtime dies with a word; the second is what the system says. */
	if (strstr(output, "SIGXFSZ") || strstr(output, "file too large"))
		return err_set(err, -EFBIG, "the registry sends more for %s than its manifest says",
			       name);
	reason = fetch_reason(output);
	if (strstr(reason, "no space left on device"))
		return err_set(err, -ENOSPC, "no space left for %s", name);
	if (strstr(reason, "manifest unknown") || strstr(reason, "name unknown"))
		return err_set(err, -ENOENT,
			       "there is no image %s in its registry: check its name and tag",
			       name);
	/* Long reasons say what matters at their end. */
	return err_set(err, -ECOMM, "cannot fetch %s: %s (skopeo, status %d)", name,
		       *reason ? text_of(reason) : "no reason given", status);
}

/* @out_fd: for its standard output; -EBADF: that goes where its messages go */
static int start(const struct strv *argv, int out_fd, uint64_t file_bytes_max, struct proc *ret,
		 int *ret_fd)
{
	_cleanup_close_ int rd = -EBADF, wr = -EBADF;
	struct proc_spec spec = PROC_SPEC_NULL;
	_cleanup_strv_ struct strv env = STRV_NULL;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	rd = fds[0];
	wr = fds[1];
	for (char **p = environ; *p; p++)
		strv_add(&env, *p);
	/* Should it die of its limit, a word is enough. */
	strv_env_set(&env, "GOTRACEBACK=none");
	spec.argv = (const char *const *)argv->v;
	spec.env = env.v;
	spec.stdout_fd = out_fd >= 0 ? out_fd : wr;
	spec.stderr_fd = wr;
	spec.death_signal = SIGKILL;
	spec.file_bytes_max = file_bytes_max;
	r = proc_start(&spec, ret);
	if (r == 0)
		*ret_fd = take_fd(rd);
	return r;
}

static int run(const struct fetch *f, const struct strv *argv, int out_fd, uint64_t file_bytes_max,
	       struct err *err)
{
	_cleanup_free_ char *output = xcalloc(1, 2 * OUTPUT_KEPT + 1);
	_cleanup_close_ int fd = -EBADF;
	struct proc proc = PROC_NULL;
	int r = start(argv, out_fd, file_bytes_max, &proc, &fd);

	if (r == -ENOENT)
		return err_set(err, r, "fetching %s needs skopeo: apt-get install skopeo", f->name);
	if (r < 0)
		return err_errno(err, r, "cannot start skopeo");
	r = read_output(fd, output, f->cancel);
	if (r < 0) {
		proc_done(&proc);
		return err_set(err, r, "interrupted");
	}
	r = proc_wait(&proc);
	return r == 0 ? 0 : report(output, f->name, r, err);
}

/* Reads the manifest that the registry has under @name. */
static int inspect(const struct fetch *f, const char *name, char **ret_data, size_t *ret_len,
		   struct err *err)
{
	_cleanup_close_ int out = memfd_create("manifest", MFD_CLOEXEC);
	_cleanup_strv_ struct strv argv = STRV_NULL;
	int r;

	if (out < 0)
		return err_errno(err, -errno, "cannot make room for the manifest");
	begin_command(&argv, f);
	strv_add(&argv, "inspect");
	strv_add(&argv, "--raw");
	if (f->insecure)
		strv_add(&argv, "--tls-verify=false");
	strv_addf(&argv, "docker://%s", name);
	r = run(f, &argv, out, FILE_BYTES_MIN, err);
	if (r < 0)
		return r;
	if (lseek(out, 0, SEEK_SET) < 0)
		return err_errno(err, -errno, "cannot read the manifest");
	r = fd_slurp(out, IMAGE_MANIFEST_MAX, ret_data, ret_len);
	if (r == -EFBIG)
		return err_set(err, r, "the manifest has more than %u bytes", IMAGE_MANIFEST_MAX);
	return r < 0 ? err_errno(err, r, "cannot read the manifest") : 0;
}

/* Is it what a name with a digest promises? */
static int check_name(const char *name, const struct digest *digest, struct err *err)
{
	const char *want = strchr(name, '@');

	if (!want || strcmp(want + 1, digest->text) == 0)
		return 0;
	return err_set(err, -EBADMSG, "bad digest: the manifest is %s, not %s", digest->text,
		       want + 1);
}

/* Finds this machine's manifest. @ret_name: the name that means it and nothing else; free() it */
static int find_manifest(const struct fetch *f, char **ret_name, char **ret_data, size_t *ret_len,
			 struct err *err)
{
	_cleanup_free_ char *name = xstrdup(f->name), *data = NULL;
	struct digest digest;
	struct blob_ref chosen;
	bool is_index;
	int r;

	for (int depth = 0; depth < INDEX_DEPTH_MAX; depth++) {
		free(take_ptr(data));
		r = inspect(f, name, &data, ret_len, err);
		if (r < 0)
			return r;
		digest_of(data, *ret_len, &digest);
		r = check_name(name, &digest, err);
		if (r < 0)
			return r;
		if (!manifest_is_index(data, *ret_len)) {
			*ret_name = pinned_name(name, &digest);
			*ret_data = take_ptr(data);
			return 0;
		}
		r = manifest_pick(data, *ret_len, "", manifest_arch(), &chosen, &is_index, err);
		if (r < 0)
			return r;
		free(take_ptr(name));
		name = pinned_name(f->name, &chosen.digest);
	}
	return err_set(err, -EBADMSG, "its indexes are nested too deep");
}

static int copy(const struct fetch *f, const char *name, uint64_t largest, struct err *err)
{
	_cleanup_strv_ struct strv argv = STRV_NULL;

	begin_command(&argv, f);
	strv_add(&argv, "copy");
	if (f->insecure)
		strv_add(&argv, "--src-tls-verify=false");
	strv_addf(&argv, "docker://%s", name);
	strv_addf(&argv, "dir:%s/image", f->dir);
	return run(f, &argv, -EBADF, MAX(largest, FILE_BYTES_MIN), err);
}

int fetch_image(const struct fetch *f, struct err *err)
{
	_cleanup_free_ char *name = NULL, *data = NULL;
	struct manifest manifest = MANIFEST_NULL;
	uint64_t largest = 0;
	size_t len = 0;
	int r = find_manifest(f, &name, &data, &len, err);

	if (r < 0)
		return r;
	r = manifest_parse(data, len, &manifest, err);
	if (r == 0)
		r = manifest_size(&manifest, f->max_bytes, &largest, err);
	manifest_done(&manifest);
	return r < 0 ? r : copy(f, wants_signatures() ? f->name : name, largest, err);
}
