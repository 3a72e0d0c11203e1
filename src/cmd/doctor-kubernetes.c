/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/shell-word.h"
#include "base/strv.h"
#include "cmd/doctor.h"
#include "cmd/metrics-host.h"
#include "cmd/toml-check.h"
#include "cmd/toml-look.h"

/* What a node of Kubernetes has for pods: who runs them, and whether caisson is known there. */

#define SHIM		  "containerd-shim-caisson-v2"

#define CONTAINERD_FOLDER "/etc/containerd/conf.d"
#define CRIO		  "/etc/crio/crio.conf"
#define CRIO_FOLDER	  "/etc/crio/crio.conf.d"
#define KUBELET		  "/var/lib/kubelet/config.yaml"
/* Which every containerd puts in front of its PATH. */
#define CONTAINERD_OPT "/opt/containerd/bin"

static const char *programs(const struct doctor *d)
{
	return d->paths.programs ? d->paths.programs : "/opt/caisson/bin";
}

/* Of what runs, as it is installed or built: node.sh is beside either. */
static void mend_by_install(const struct doctor *d, struct finding *f, const char *or_else)
{
	_cleanup_free_ char *from = path_join(programs(d), ".."), *real = realpath(from, NULL);
	_cleanup_free_ char *inside = xasprintf("%s/deploy/node.sh", real ? real : "/opt/caisson");
	_cleanup_free_ char *beside =
		xasprintf("%s/../deploy/node.sh", real ? real : "/opt/caisson");
	_cleanup_free_ char *found = realpath(access(inside, X_OK) == 0 ? inside : beside, NULL);
	_cleanup_free_ char *script = shell_word(found ? found : "deploy/node.sh");
	_cleanup_free_ char *word = shell_word(real ? real : "/opt/caisson");

	doctor_mend(f, "%srun `%s install --from %s`%s, or see docs/kubernetes.md", or_else, script,
		    word, found ? "" : " where caisson's sources are");
}

/* @files: a file, and those of a folder, as far as they are there, in the order in which they are read */
static void list_files(const char *file, const char *folder, struct strv *files)
{
	_cleanup_dir_ DIR *dir = dir_open(AT_FDCWD, folder);
	_cleanup_strv_ struct strv names = STRV_NULL;
	const char *name;

	while (dir && (name = dir_next(dir)))
		strv_addf(&names, "%s/%s", folder, name);
	strv_sort(&names);
	if (access(file, F_OK) == 0)
		strv_add(files, file);
	for (size_t i = 0; i < names.n; i++)
		strv_add(files, names.v[i]);
}

static char *slurp(const char *path)
{
	char *text = NULL;

	return file_slurp_at(AT_FDCWD, path, DOCTOR_FILE_MAX, &text, NULL) == 0 ? text : NULL;
}

/**
 * struct known - a runtime of ours, where somebody has it
 * @name: what handlers of runtime classes call it; NULL: nobody has
 * @program: for CRI-O: which one it is
 */
struct known {
	char *file, *name, *program;
};

static void known_done(struct known *k)
{
	free(k->file);
	free(k->name);
	free(k->program);
}

#define _cleanup_known_ __attribute__((cleanup(known_done)))

static void find_runtime(const char *file, const char *folder, const char *key, const char *value,
			 struct known *ret)
{
	_cleanup_strv_ struct strv files = STRV_NULL;

	*ret = (struct known){.name = NULL};
	list_files(file, folder, &files);
	for (size_t i = 0; i < files.n && !ret->name; i++) {
		_cleanup_free_ char *text = slurp(files.v[i]);

		ret->name = text ? toml_table_with(text, key, value, &ret->program) : NULL;
		ret->file = ret->name ? xstrdup(files.v[i]) : NULL;
	}
}

static void find_in_containerd(struct known *ret)
{
	find_runtime(DOCTOR_CONTAINERD_FILE, CONTAINERD_FOLDER, "runtime_type", DOCTOR_RUNTIME_TYPE,
		     ret);
}

/* It runs shims of containerd's as runtimes of type vm. */
static void find_in_crio(struct known *ret)
{
	find_runtime(CRIO, CRIO_FOLDER, "runtime_path", "/" SHIM, ret);
}

static void say_known(struct finding *f, const struct known *k, const char *who)
{
	doctor_say(f, DOCTOR_OK, "%s: the handler \"%s\" of runtime classes is in %s", who, k->name,
		   k->file);
}

/* "containerd github.com/containerd/containerd v1.7.2 0cae528". Return: whether it is one that was thought of. */
static bool is_known(const char *version)
{
	int major = 0, minor = 0;

	for (const char *p = version; (p = strchr(p, ' ')); p++)
		if (sscanf(p + 1 + (p[1] == 'v'), "%d.%d", &major, &minor) == 2)
			break;
	return major > 1 || (major == 1 && minor >= 6);
}

static bool has_crio(void)
{
	_cleanup_free_ char *program = path_find_program("crio");

	return program || access(CRIO_FOLDER, F_OK) == 0;
}

/* Whoever kubelet asks, one of them has to know caisson: of one that does not it is no more than a lack if the other does. */
static enum doctor_level level_beside(bool other_knows)
{
	return other_knows ? DOCTOR_LACKS : DOCTOR_FAILS;
}

/* Return: whether that was said: no containerd starts with such a file. */
static bool say_no_toml(struct finding *f, enum doctor_level level, const char *file,
			const char *text)
{
	const char *what;
	unsigned int line;

	if (toml_check(text, &line, &what))
		return false;
	doctor_say(f, level,
		   "%s cannot be read as TOML, line %u: %s; containerd does not start with it",
		   file, line, what);
	doctor_mend(f, "correct it, and restart containerd");
	return true;
}

/* Docker's packages of containerd have it disabled. Return: whether that was said. */
static bool say_disabled(struct finding *f, enum doctor_level level, const char *text)
{
	static const char *const plugins[] = {"cri", "io.containerd.grpc.v1.cri",
					      "io.containerd.cri.v1.runtime",
					      "io.containerd.cri.v1.images"};

	for (size_t i = 0; i < ARRAY_SIZE(plugins); i++) {
		if (!toml_list_has(text, "disabled_plugins", plugins[i]))
			continue;
		doctor_say(f, level,
			   "containerd runs no pods: %s is in disabled_plugins "
			   "of " DOCTOR_CONTAINERD_FILE,
			   plugins[i]);
		doctor_mend(f, "take it out there, and restart containerd");
		return true;
	}
	return false;
}

/* Return: whether something was said of what is in its files besides a runtime. */
static bool say_broken(struct finding *f, enum doctor_level level)
{
	_cleanup_strv_ struct strv files = STRV_NULL;
	_cleanup_free_ char *text = slurp(DOCTOR_CONTAINERD_FILE);

	if (!text)
		return false;
	if (say_no_toml(f, level, DOCTOR_CONTAINERD_FILE, text) || say_disabled(f, level, text))
		return true;
	list_files(DOCTOR_CONTAINERD_FILE, CONTAINERD_FOLDER, &files);
	for (size_t i = 1; strstr(text, CONTAINERD_FOLDER) && i < files.n; i++) {
		size_t len = strlen(files.v[i]);
		bool is_toml = strcmp(files.v[i] + len - strlen(".toml"), ".toml") == 0;
		_cleanup_free_ char *imported = is_toml ? slurp(files.v[i]) : NULL;

		if (imported && say_no_toml(f, level, files.v[i], imported))
			return true;
	}
	return false;
}

static bool containerd_runs_pods(void)
{
	_cleanup_free_ char *program = path_find_program("containerd");
	_cleanup_free_ char *version = program ? doctor_version(program) : NULL;
	_cleanup_known_ struct known known;
	struct finding f;

	find_in_containerd(&known);
	return version && is_known(version) && known.name && !say_broken(&f, DOCTOR_FAILS);
}

static bool crio_runs_pods(void)
{
	_cleanup_known_ struct known known;

	find_in_crio(&known);
	return has_crio() && known.name && access(known.program, X_OK) == 0;
}

/* Where CRI-O runs the pods it has a row of its own. */
static void say_no_containerd(struct finding *f)
{
	if (has_crio()) {
		doctor_say(f, DOCTOR_NOTE, "containerd is not here");
		return;
	}
	doctor_say(f, DOCTOR_FAILS, "neither containerd nor CRI-O is here: nobody runs pods");
	doctor_mend(f, "install containerd, and configure it for kubelet");
}

void doctor_cri(struct doctor *d, struct finding *f)
{
	_cleanup_free_ char *program = path_find_program("containerd"), *version = NULL;
	_cleanup_known_ struct known known;

	find_in_containerd(&known);
	version = program ? doctor_version(program) : NULL;
	if (!program) {
		say_no_containerd(f);
	} else if (!is_known(version)) {
		doctor_say(f, level_beside(crio_runs_pods()), "%s: too old for pods",
			   *version ? version : program);
		doctor_mend(f, "take containerd 1.6 or later");
	} else if (say_broken(f, level_beside(crio_runs_pods()))) {
		return;
	} else if (known.name) {
		say_known(f, &known, version);
	} else {
		doctor_say(f, level_beside(crio_runs_pods()),
			   "%s: no runtime of type " DOCTOR_RUNTIME_TYPE
			   " is in " DOCTOR_CONTAINERD_FILE,
			   version);
		mend_by_install(d, f, "");
	}
}

void doctor_crio(struct doctor *d, struct finding *f)
{
	_cleanup_known_ struct known known;

	find_in_crio(&known);
	if (!has_crio()) {
		doctor_say(f, DOCTOR_NOTE, "CRI-O is not here");
	} else if (!known.name) {
		doctor_say(f, level_beside(containerd_runs_pods()),
			   "CRI-O does not know caisson: no runtime of " CRIO_FOLDER " has " SHIM
			   " as its path");
		mend_by_install(d, f, "");
	} else if (access(known.program, X_OK) < 0) {
		doctor_say(f, level_beside(containerd_runs_pods()),
			   "CRI-O: %s says that its runtime \"%s\" is %s, which is no program",
			   known.file, known.name, known.program);
		mend_by_install(d, f, "");
	} else {
		say_known(f, &known, "CRI-O");
	}
}

/* Return: the environment of the containerd that runs, as the kernel has it; NULL: none, or it is not ours to read. */
static char *environ_of_containerd(size_t *ret_len)
{
	struct metrics_tree tree;
	char *text = NULL;

	(void)metrics_tree_read(&tree);
	for (size_t i = 0; i < tree.n && !text; i++) {
		_cleanup_free_ char *path = xasprintf("/proc/%d/environ", (int)tree.v[i].pid);

		if (strcmp(tree.v[i].comm, "containerd") == 0)
			(void)file_slurp_at(AT_FDCWD, path, DOCTOR_FILE_MAX, &text, ret_len);
	}
	free(tree.v);
	return text;
}

/* Return: where containerd looks for its shims, a new string */
static char *path_of_containerd(void)
{
	size_t len = 0;
	_cleanup_free_ char *environment = environ_of_containerd(&len);

	for (const char *p = environment; p && p < environment + len; p += strlen(p) + 1) {
		const char *path = str_starts(p, "PATH=");

		if (path)
			return xasprintf(CONTAINERD_OPT ":%s", path);
	}
	return xasprintf(CONTAINERD_OPT ":%s", getenv("PATH") ? getenv("PATH") : "");
}

void doctor_shim(struct doctor *d, struct finding *f)
{
	_cleanup_free_ char *path = path_of_containerd(), *found = path_find_program_in(path, SHIM);
	_cleanup_free_ char *version = found ? doctor_version(found) : NULL;
	_cleanup_free_ char *containerd = path_find_program("containerd");
	_cleanup_free_ char *shim = NULL, *word = NULL, *link = NULL;

	if (found) {
		doctor_say(f, DOCTOR_OK, "%s%s%s", found, *version ? ": " : "", version);
		return;
	}
	if (!containerd && has_crio()) {
		doctor_say(f, DOCTOR_NOTE, "containerd, which would look for it, is not here");
		return;
	}
	doctor_say(f, level_beside(crio_runs_pods()),
		   "there is no " SHIM " in %s, where containerd looks", path);
	shim = path_join(programs(d), SHIM);
	word = shell_word(shim);
	link = xasprintf("make a link to it, by `ln -s %s /usr/local/bin/`, or ", word);
	mend_by_install(d, f, link);
}

static char *yaml_value(const char *text, const char *key)
{
	for (const char *line = text; *line; line = strchrnul(line, '\n'), line += *line != '\0') {
		const char *value = str_starts(line, key);

		if (value && *value++ == ':') {
			value += strspn(value, " \t\"'");
			return xstrndup(value, strcspn(value, " \t\"'#\r\n"));
		}
	}
	return NULL;
}

/* Pods of others have their groups where runc is told to make them. */
static bool runc_has_systemd(void)
{
	_cleanup_free_ char *text = slurp(DOCTOR_CONTAINERD_FILE), *value = NULL;

	value = text ? toml_value(text, "SystemdCgroup") : NULL;
	return value && strcmp(value, "true") == 0;
}

void doctor_kubelet(struct doctor *d _unused_, struct finding *f)
{
	_cleanup_free_ char *text = slurp(KUBELET), *driver = NULL;
	bool systemd;

	if (!text) {
		doctor_say(f, DOCTOR_NOTE, "kubelet is not here: there is no " KUBELET);
		return;
	}
	driver = yaml_value(text, "cgroupDriver");
	systemd = driver && strcmp(driver, "systemd") == 0;
	doctor_say(f, DOCTOR_OK, "its control groups are %s's", systemd ? "systemd" : "cgroupfs");
	if (systemd && access("/run/systemd/system", F_OK) < 0) {
		doctor_say(f, DOCTOR_FAILS,
			   "its control groups are systemd's, which does not run here");
		doctor_mend(f, "set cgroupDriver: cgroupfs in " KUBELET);
	} else if (access(DOCTOR_CONTAINERD_FILE, F_OK) == 0 && systemd != runc_has_systemd()) {
		doctor_say(
			f, DOCTOR_LACKS,
			"its control groups are %s's, and those of runc in " DOCTOR_CONTAINERD_FILE
			" are not",
			systemd ? "systemd" : "cgroupfs");
		doctor_mend(f,
			    "set SystemdCgroup = %s there: pods of runc are not limited otherwise",
			    systemd ? "true" : "false");
	}
}
