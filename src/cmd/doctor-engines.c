/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/shell-word.h"
#include "cmd/doctor.h"
#include "cmd/toml-look.h"

/* Do container engines know caisson as a runtime? Without one `caisson run` does all the same. */

#define NAME	    "caisson"

#define DOCKER_FILE "/etc/docker/daemon.json"
#define PODMAN_FILE "/etc/containers/containers.conf"

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

static void check_program(struct finding *f, const char *path)
{
	if (access(path, X_OK) == 0)
		return;
	f->level = DOCTOR_LACKS;
	doctor_mend(f, "%s is no program: put caisson's path there", path);
}

/* A runtime that has our name, or whose program has. Return: whether it was said what of it. */
static bool say_runtime(struct finding *f, const char *file, const char *name, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (strcmp(name, NAME) != 0 && strcmp(slash ? slash + 1 : path, NAME) != 0)
		return false;
	doctor_say(f, DOCTOR_OK, "%s is the runtime %s in %s", path, name, file);
	check_program(f, path);
	return true;
}

/* Docker does not start with such a file. Return: whether that was said. */
static bool say_broken(struct finding *f, const char *text)
{
	struct json_object *o = json_tokener_parse(text);

	json_object_put(o);
	if (o || !text[strspn(text, " \t\r\n")])
		return false;
	doctor_say(f, DOCTOR_LACKS, DOCKER_FILE " is no JSON: Docker does not start with it");
	doctor_mend(f, "correct it");
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
	int r = file_slurp_at(AT_FDCWD, DOCKER_FILE, DOCTOR_FILE_MAX, &text, NULL);

	if (r < 0 && !has_engine(f, "dockerd", "Docker"))
		return;
	if (r == 0 && (say_broken(f, text) || find_in_json(f, text)))
		return;
	doctor_say(f, DOCTOR_NOTE, "Docker does not know " NAME ": it is not in " DOCKER_FILE);
	doctor_mend(f,
		    "put {\"runtimes\": {\"" NAME "\": {\"path\": \"%s\"}}} there, reload it, and "
		    "give --runtime " NAME,
		    own);
}

/* A string that is the path of a program with our name. Return: it, to be freed, or NULL. */
static char *path_in_line(const char *line)
{
	const char *end = strstr(line, "/" NAME "\""), *start = end;

	while (start > line && start[-1] != '"')
		start--;
	return end && start > line ? xasprintf("%.*s/" NAME, (int)(end - start), start) : NULL;
}

/*
 * A line that is no comment and has such a path: that a name is in a list of others does not make a runtime.
 * Return: the path, to be freed, or NULL; @text is written to.
 */
static char *line_with_path(char *text, const char **ret_line)
{
	for (char *line; (line = strsep(&text, "\n"));) {
		char *path;

		line += strspn(line, " \t");
		path = *line != '#' ? path_in_line(line) : NULL;
		*ret_line = line;
		if (path)
			return path;
	}
	return NULL;
}

/* @runtime: the type of a runtime of ours that needs no path; NULL: there is none */
static void look_in_toml(struct finding *f, const char *file, const char *program,
			 const char *title, const char *runtime, const char *mend)
{
	_cleanup_free_ char *text = NULL, *path = NULL, *table = NULL;
	int r = file_slurp_at(AT_FDCWD, file, DOCTOR_FILE_MAX, &text, NULL);
	const char *line;

	if (!has_engine(f, program, title))
		return;
	table = r == 0 && runtime ? toml_table_with(text, "runtime_type", runtime, NULL) : NULL;
	if (table) {
		doctor_say(f, DOCTOR_OK, "%s has a runtime %s of type %s", file, table, runtime);
		return;
	}
	path = r == 0 ? line_with_path(text, &line) : NULL;
	if (path) {
		doctor_say(f, DOCTOR_OK, "%s says %s", file, line);
		check_program(f, path);
		return;
	}
	doctor_say(f, DOCTOR_NOTE, "%s does not know " NAME ": it is not in %s", title, file);
	doctor_mend(f, "%s", mend);
}

void doctor_podman(struct doctor *d, struct finding *f)
{
	_cleanup_free_ char *own = own_path(d), *word = shell_word(own);
	_cleanup_free_ char *mend = xasprintf(
		"give --runtime %s, or put " NAME " = [\"%s\"] below [engine.runtimes]", word, own);

	look_in_toml(f, PODMAN_FILE, "podman", "Podman", NULL, mend);
}

void doctor_containerd(struct doctor *d, struct finding *f)
{
	_cleanup_free_ char *own = own_path(d), *word = shell_word(own);
	_cleanup_free_ char *mend =
		xasprintf("add a runtime of type " DOCTOR_RUNTIME_TYPE
			  " (docs/containerd.md), or give `ctr run --runtime " DOCTOR_RUNTIME_TYPE
			  "`; or add one of type io.containerd.runc.v2 with BinaryName = \"%s\" in "
			  "its options, or give "
			  "`ctr run --runc-binary %s`",
			  own, word);

	look_in_toml(f, DOCTOR_CONTAINERD_FILE, "containerd", "containerd", DOCTOR_RUNTIME_TYPE,
		     mend);
}
