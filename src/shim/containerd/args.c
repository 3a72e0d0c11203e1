/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/args.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "rpc/process.h"
#include "sandbox/spec.h"

/* Those that change nothing here are 0: events do not go by a program, and there is no more to tell. */
static const struct option options[] = {
	{"namespace", required_argument, NULL, 'n'},
	{"address", required_argument, NULL, 'a'},
	{"id", required_argument, NULL, 'i'},
	{"bundle", required_argument, NULL, 'b'},
	{"publish-binary", required_argument, NULL, 0},
	{"socket", required_argument, NULL, 0},
	{"debug", no_argument, NULL, 0},
	{"v", no_argument, NULL, 'v'},
	{"version", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{"info", no_argument, NULL, 'I'},
	{NULL, 0, NULL, 0},
};

static void take(int option, struct containerd_args *ret)
{
	switch (option) {
	case 'n':
		ret->namespace = optarg;
		break;
	case 'a':
		ret->address = optarg;
		break;
	case 'i':
		ret->id = optarg;
		break;
	case 'b':
		ret->bundle = optarg;
		break;
	case 'v':
		ret->version = true;
		break;
	case 'h':
		ret->help = true;
		break;
	case 'I':
		ret->info = true;
		break;
	}
}

static int check(const struct containerd_args *args, struct err *err)
{
	if (!args->action)
		return err_set(err, -EINVAL,
			       "this program is containerd's: see caisson's docs/containerd.md");
	if (strcmp(args->action, "start") != 0 && strcmp(args->action, "delete") != 0)
		return err_set(err, -EINVAL, "%s: what is asked of a shim is start or delete",
			       args->action);
	if (!args->namespace || !process_id_valid(args->namespace))
		return err_set(err, -EINVAL, "-namespace: it must be that of containerd");
	if (!args->address || *args->address != '/')
		return err_set(err, -EINVAL,
			       "-address: it must be the path of containerd's socket");
	if (!args->id || !sandbox_id_valid(args->id))
		return err_set(
			err, -EINVAL,
			"-id %s: no container of caisson can be called that: " SANDBOX_ID_RULE,
			args->id ? args->id : "");
	return 0;
}

void containerd_args_help(FILE *out)
{
	fputs("Usage: containerd-shim-caisson-v2 -namespace NAMESPACE -address SOCKET -id ID "
	      "[OPTIONS] start|delete\n"
	      "       containerd-shim-caisson-v2 -v|-info|-help\n\n"
	      "containerd calls it, in the container's bundle, to have a shim started, and to have "
	      "nothing left of one.\n\n"
	      "  -namespace NAMESPACE   containerd's, of the container\n"
	      "  -address SOCKET        of containerd, by its absolute path\n"
	      "  -id ID                 of the container\n"
	      "  -bundle FOLDER         with delete: the bundle, if not the present folder\n"
	      "  -v                     which version it is\n"
	      "  -info                  the same for containerd, which sends what it is to be "
	      "about on stdin\n"
	      "  -publish-binary, -socket, -debug   say nothing here\n\n"
	      "The runtime's name in containerd's configuration is io.containerd.caisson.v2: see "
	      "caisson's docs/containerd.md.\n",
	      out);
}

int containerd_args_parse(int argc, char **argv, struct containerd_args *ret, struct err *err)
{
	int c;

	*ret = (struct containerd_args){.version = false};
	optind = 0;
	opterr = 0;
	while ((c = getopt_long_only(argc, argv, "+", options, NULL)) >= 0) {
		if (c == '?')
			return err_set(err, -EINVAL,
				       "%s: there is no such option, or its value is missing",
				       argv[optind - 1]);
		take(c, ret);
	}
	ret->action = argv[optind];
	if (ret->action && argv[optind + 1])
		return err_set(err, -EINVAL, "%s: one action, and no more", argv[optind + 1]);
	return ret->version || ret->info || ret->help ? 0 : check(ret, err);
}
