/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "cmd/doctor.h"

/* Do container engines know caisson as a runtime? Without one `caisson run` does all the same. */

#define FILE_MAX	(1u << 20)
#define NAME		"caisson"

#define DOCKER_FILE	"/etc/docker/daemon.json"
#define PODMAN_FILE	"/etc/containers/containers.conf"
#define CONTAINERD_FILE "/etc/containerd/config.toml"

/* Return: whether the engine is there. */
static bool has_engine(struct finding *f, const char *program, const char *title)
{
	_cleanup_free_ char *path = path_find_program(program);

	if (!path)
		doctor_say(f, DOCTOR_NOTE, "%s is not here", title);
	return path != NULL;
}

static char *own_path(const struct doctor *d)
{
	return path_join(d->paths.programs ? d->paths.programs : "/usr/bin", NAME);
}

/* A runtime whose program has our name. Return: whether it was said what of it. */
static bool say_runtime(struct finding *f, const char *file, const char *name, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (strcmp(slash ? slash + 1 : path, NAME) != 0)
		return false;
	doctor_say(f, DOCTOR_OK, "%s is the runtime %s in %s", path, name, file);
	if (access(path, X_OK) < 0) {
		f->level = DOCTOR_LACKS;
		doctor_mend(f, "%s is no program: put caisson's path there", path);
	}
	return true;
}

static bool find_in_json(struct finding *f, const char *text)
{
	struct json_object *o = json_tokener_parse(text), *runtimes = NULL, *path;
	bool found = false;

	(void)json_object_object_get_ex(o, "runtimes", &runtimes);
	if (json_object_is_type(runtimes, json_type_object)) {
		json_object_object_foreach(runtimes, name, runtime)
		{
			if (!found && json_object_object_get_ex(runtime, "path", &path) &&
			    json_object_is_type(path, json_type_string))
				found = say_runtime(f, DOCKER_FILE, name,
						    json_object_get_string(path));
		}
	}
	json_object_put(o);
	return found;
}

void doctor_docker(struct doctor *d, struct finding *f)
{
	_cleanup_free_ char *text = NULL, *own = own_path(d);
	int r = file_slurp_at(AT_FDCWD, DOCKER_FILE, FILE_MAX, &text, NULL);

	if (r < 0 && !has_engine(f, "dockerd", "Docker"))
		return;
	if (r == 0 && find_in_json(f, text))
		return;
	doctor_say(f, DOCTOR_NOTE, "Docker does not know " NAME ": it is not in " DOCKER_FILE);
	doctor_mend(f,
		    "put {\"runtimes\": {\"" NAME "\": {\"path\": \"%s\"}}} there, reload it, and "
		    "give --runtime " NAME,
		    own);
}

/* A line that is no comment and has our name. Return: it, or NULL; @text is written to. */
static const char *line_with_name(char *text)
{
	for (char *line; (line = strsep(&text, "\n"));) {
		line += strspn(line, " \t");
		if (*line != '#' && strstr(line, NAME))
			return line;
	}
	return NULL;
}

static void look_in_toml(struct finding *f, const char *file, const char *program,
			 const char *title, const char *mend)
{
	_cleanup_free_ char *text = NULL;
	int r = file_slurp_at(AT_FDCWD, file, FILE_MAX, &text, NULL);
	const char *line;

	if (!has_engine(f, program, title))
		return;
	line = r == 0 ? line_with_name(text) : NULL;
	if (line) {
		doctor_say(f, DOCTOR_OK, "%s says %s", file, line);
		return;
	}
	doctor_say(f, DOCTOR_NOTE, "%s does not know " NAME ": it is not in %s", title, file);
	doctor_mend(f, "%s", mend);
}

void doctor_podman(struct doctor *d, struct finding *f)
{
	_cleanup_free_ char *own = own_path(d);
	_cleanup_free_ char *mend = xasprintf(
		"give --runtime %s, or put " NAME " = [\"%s\"] below [engine.runtimes]", own, own);

	look_in_toml(f, PODMAN_FILE, "podman", "Podman", mend);
}

void doctor_containerd(struct doctor *d, struct finding *f)
{
	_cleanup_free_ char *own = own_path(d);
	_cleanup_free_ char *mend = xasprintf(
		"give `ctr run --runc-binary %s`, or add a runtime of type io.containerd.runc.v2 "
		"with BinaryName = \"%s\" in its options",
		own, own);

	look_in_toml(f, CONTAINERD_FILE, "containerd", "containerd", mend);
}
