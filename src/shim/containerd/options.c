/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/options.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "bootstrap.pb-c.h"
#include "rpc/task.h"
#include "runc_options.pb-c.h"
#include "runtimeoptions.pb-c.h"

#define INPUT_MAX (10u << 20)

/* Of pivot_root and keyrings a VM has its own. */
static int take_runc(const ProtobufCMessage *message, struct containerd_options *ret,
		     struct err *err)
{
	const Containerd__Runc__V1__Options *o = (const void *)message;
	const struct {
		const char *name;
		bool given;
	} refused[] = {
		{"shim_cgroup", *o->shim_cgroup},
		{"io_uid", o->io_uid},
		{"io_gid", o->io_gid},
		{"binary_name", *o->binary_name},
		{"root", *o->root},
		{"criu_path", *o->criu_path},
		{"criu_image_path", *o->criu_image_path},
		{"criu_work_path", *o->criu_work_path},
	};

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (refused[i].given)
			return err_set(err, -ENOTSUP, "options: caisson has no use for runc's %s",
				       refused[i].name);
	ret->systemd_cgroup |= o->systemd_cgroup;
	return 0;
}

/* Newer ones have a body of a configuration, too, which is none of these fields. */
static int take_config(const ProtobufCMessage *message, struct containerd_options *ret,
		       struct err *err)
{
	const Runtimeoptions__V1__Options *o = (const void *)message;

	if (o->base.n_unknown_fields > 0)
		return err_set(
			err, -ENOTSUP,
			"options: caisson takes ConfigPath, the path of a configuration file, "
			"and nothing else");
	if (!*o->config_path)
		return 0;
	free(ret->config);
	ret->config = xstrdup(o->config_path);
	return 0;
}

static const struct {
	const ProtobufCMessageDescriptor *type;
	int (*take)(const ProtobufCMessage *message, struct containerd_options *ret,
		    struct err *err);
} kinds[] = {
	{&containerd__runc__v1__options__descriptor, take_runc},
	{&runtimeoptions__v1__options__descriptor, take_config},
};

int containerd_options_take(const Google__Protobuf__Any *any, struct containerd_options *ret,
			    struct err *err)
{
	if (!any || (!*any->type_url && any->value.len == 0))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		ProtobufCMessage *m;
		int r = rpc_any_unpack(any, kinds[i].type, &m);

		if (r == -EPROTOTYPE)
			continue;
		if (r < 0)
			return err_set(err, -EBADMSG, "options: this is no valid %s",
				       kinds[i].type->name);
		r = kinds[i].take(m, ret, err);
		rpc_free(m);
		return r;
	}
	return err_set(err, -ENOTSUP, "options: caisson knows none of the type %.128s",
		       any->type_url);
}

/* Extensions may be about anything. */
static int take_extensions(const Containerd__Runtime__Bootstrap__V1__BootstrapParams *params,
			   struct containerd_options *ret, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < params->n_extensions; i++)
		for (size_t k = 0; r == 0 && k < ARRAY_SIZE(kinds); k++)
			if (rpc_any_is(params->extensions[i]->value, kinds[k].type->name))
				r = containerd_options_take(params->extensions[i]->value, ret, err);
	return r;
}

static int take_bootstrap(const void *data, size_t len, const struct containerd_args *args,
			  struct containerd_options *ret, struct err *err)
{
	Containerd__Runtime__Bootstrap__V1__BootstrapParams *params;
	ProtobufCMessage *m;
	int r;

	if (rpc_unpack(&containerd__runtime__bootstrap__v1__bootstrap_params__descriptor, data, len,
		       &m) < 0)
		return -EPROTOTYPE;
	params = (Containerd__Runtime__Bootstrap__V1__BootstrapParams *)m;
	/* Any message with an Any's two fields can be read as one. */
	if (strcmp(params->instance_id, args->id) != 0 ||
	    strcmp(params->namespace_, args->namespace) != 0) {
		r = -EPROTOTYPE;
	} else {
		r = take_extensions(params, ret, err);
		ret->bootstrap = true;
		ret->socket_dir = *params->socket_dir ? xstrdup(params->socket_dir) : NULL;
	}
	rpc_free(m);
	return r;
}

static int take_any(const void *data, size_t len, struct containerd_options *ret, struct err *err)
{
	ProtobufCMessage *m;
	int r = rpc_unpack(&google__protobuf__any__descriptor, data, len, &m);

	if (r < 0)
		return err_set(err, -EBADMSG,
			       "what comes on the standard input are no options of a runtime");
	r = containerd_options_take((const Google__Protobuf__Any *)m, ret, err);
	rpc_free(m);
	return r;
}

int containerd_options_read(int fd, const struct containerd_args *args,
			    struct containerd_options *ret, struct err *err)
{
	_cleanup_free_ char *data = NULL;
	size_t len;
	int r = fd_slurp(fd, INPUT_MAX, &data, &len);

	*ret = (struct containerd_options){.config = NULL};
	if (r < 0)
		return err_errno(err, r, "cannot read the options on the standard input");
	r = take_bootstrap(data, len, args, ret, err);
	if (r == -EPROTOTYPE)
		r = take_any(data, len, ret, err);
	if (r < 0)
		containerd_options_done(ret);
	return r;
}

void containerd_options_done(struct containerd_options *options)
{
	free(take_ptr(options->config));
	free(take_ptr(options->socket_dir));
}
