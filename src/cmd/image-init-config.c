/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "cmd/cmd.h"
#include "cmd/image-file.h"
#include "cmd/init-config.h"

#define CONF_FOLDER "etc/caisson"
#define CONF_NAME   "init.conf"
#define INIT_FOLDER "sbin"
#define INIT_NAME   "init"

#define O(...)	    OPT(init_config, __VA_ARGS__)
static const struct opt options[] = {
	O('u', "user", OPT_STRING, user, "USER[:GROUP]", "whose process the command is"),
	O('e', "env", OPT_STRV, env, "K=V", "set a variable; K alone: from the environment"),
	O('w', "workdir", OPT_STRING, workdir, "DIR", "folder to start in"),
	O(0, "workspace", OPT_STRING, workspace, "DIR", "folder to make for the user"),
	O(0, "owner", OPT_STRING, owner, "USER[:GROUP]", "whose that is, if not the user's"),
	O(0, "require", OPT_STRV, require, "FILE", "what the command cannot do without"),
	O(0, "hostname", OPT_STRING, hostname, "N", "name of the machine"),
	O(0, "dns", OPT_STRV, dns, "ADDRESS", "a name server"),
	O(0, "on-exit", OPT_CHOICE, on_exit, "WHAT",
	  "after its end: restart (default), shell or poweroff", "restart|shell|poweroff"),
	O(0, "shell", OPT_STRING, shell, "SHELL", "allow this one on the console, for root"),
	O(0, "install", OPT_FLAG, install, NULL, "put vminitd in as /sbin/init, too"),
	O(0, "force", OPT_FLAG, force, NULL, "with --install: instead of the one that is there"),
	{.kind = OPT_END},
};

static int write_text(const char *text, struct err *err)
{
	_cleanup_close_ int fd = memfd_create(CONF_NAME, MFD_CLOEXEC);
	int r = fd < 0 ? -errno : fd_write_full(fd, text, strlen(text));

	if (r == 0 && fchmod(fd, 0644) < 0)
		r = -errno;
	if (r < 0)
		return err_errno(err, r, "cannot make a file in memory");
	return take_fd(fd);
}

static int put_all(const struct init_config *config, const char *target, const char *text,
		   struct err *err)
{
	_cleanup_close_ int conf = write_text(text, err), init = -EBADF;
	struct image_file files[] = {
		{.folder = CONF_FOLDER, .name = CONF_NAME, .fd = conf, .replace = true},
		{.folder = INIT_FOLDER, .name = INIT_NAME, .replace = config->force},
	};

	if (conf < 0)
		return conf;
	if (config->install) {
		init = paths_open_program("vminitd", err);
		if (init < 0)
			return init;
		files[1].fd = init;
	}
	return image_file_put(target, files, config->install ? 2 : 1, err);
}

static bool is_own_root(const char *target)
{
	struct stat root, st;

	return stat("/", &root) == 0 && stat(target, &st) == 0 && root.st_dev == st.st_dev &&
	       root.st_ino == st.st_ino;
}

static int init_config(struct init_config *config, char **words, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	int r;

	if (!words[0])
		return err_set(err, -EINVAL,
			       "which image? A folder, or a file with an ext4 file system");
	if (!words[1])
		return err_set(err, -EINVAL, "which command shall %s run?", words[0]);
	if (*words[1] == '-')
		return err_set(
			err, -EINVAL,
			"%s is no command: options come before the image, see `caisson image "
			"init-config --help`",
			words[1]);
	if (is_own_root(words[0]))
		return err_set(err, -EINVAL, "%s is the root of this machine, not an image",
			       words[0]);
	if (config->force && !config->install)
		return err_set(err, -EINVAL, "--force goes with --install only");
	if (config->owner && !config->workspace)
		return err_set(err, -EINVAL, "--owner goes with --workspace only");
	if (config->on_exit && strcmp(config->on_exit, "shell") == 0 && !config->shell)
		return err_set(err, -EINVAL, "--on-exit shell needs --shell");
	config->command = words + 1;
	r = init_config_text(config, &text, err);
	return r < 0 ? r : put_all(config, words[0], text, err);
}

static int init_config_main(const struct command *self, int argc, char **argv)
{
	struct init_config config = {.force = false};
	struct err err = ERR_NULL;
	int r = opts_parse(self, argc, argv, &config, &err);

	if (r >= 0)
		r = init_config(&config, argv + r, &err);
	init_config_done(&config);
	return r < 0 ? cmd_fail(self, &err) : 0;
}

const struct command command_image_init_config = {
	.name = "image init-config",
	.usage = "[OPTIONS] TARGET COMMAND [ARG...]",
	.summary = "Make an image boot by itself, with vminitd as its init.",
	.details = "TARGET is a folder with a root file system, or a file with an ext4 one, which\n"
		   "needs debugfs, of e2fsprogs, but neither root nor a mount.\n"
		   "Writes /etc/caisson/init.conf, which says what to run and how.\n",
	.opts = options,
	.failure = 1,
	.command_follows = true,
	.run = init_config_main,
};
