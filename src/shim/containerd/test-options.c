/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/options.h"

#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/test.h"
#include "bootstrap.pb-c.h"
#include "rpc/task.h"
#include "runc_options.pb-c.h"
#include "runtimeoptions.pb-c.h"
#include "shim/containerd/address.h"

static struct err err;
static struct containerd_args args;

static int parse_words(const char *const *words)
{
	char *argv[16] = {(char *)"containerd-shim-caisson-v2"};
	int argc = 1;

	for (; words[argc - 1]; argc++)
		argv[argc] = (char *)words[argc - 1];
	err = (struct err)ERR_NULL;
	return containerd_args_parse(argc, argv, &args, &err);
}

#define parse(...) parse_words((const char *const[]){__VA_ARGS__, NULL})
#define ALL	   "-namespace", "ns", "-address", "/run/c.sock", "-id", "box"

static void it_is_called_as_containerd_does(void)
{
	static const char *const helps[] = {"-h", "-help", "--help"};

	test_int(parse(ALL, "-publish-binary", "/usr/bin/containerd", "start"), 0);
	test_str(args.namespace, "ns");
	test_str(args.address, "/run/c.sock");
	test_str(args.id, "box");
	test_str(args.action, "start");
	test_true(!args.bundle);
	test_int(parse(ALL, "-bundle", "/b", "-debug", "delete"), 0);
	test_str(args.bundle, "/b");
	test_str(args.action, "delete");
	test_int(parse("--namespace=ns", "--address", "/a", "--id", "box", "start"), 0);
	test_int(parse("-v"), 0);
	test_true(args.version);
	test_int(parse("-info"), 0);
	test_true(args.info && !args.version);
	for (size_t i = 0; i < ARRAY_SIZE(helps); i++) {
		test_int(parse(helps[i]), 0);
		test_true(args.help && !args.info && !args.version);
	}
}

static void other_calls_are_refused(void)
{
	static const struct {
		const char *words[10];
		const char *part;
	} rows[] = {
		{{NULL}, "containerd's"},
		{{ALL, NULL}, "containerd's"},
		{{ALL, "stop", NULL}, "stop"},
		{{ALL, "start", "more", NULL}, "more"},
		{{"-nonesuch", "start", NULL}, "-nonesuch"},
		{{ALL, "-bundle", NULL}, "-bundle"},
		{{"-address", "/a", "-id", "box", "start", NULL}, "-namespace"},
		{{"-namespace", "a/b", "-address", "/a", "-id", "box", "start", NULL},
		 "-namespace"},
		{{"-namespace", "ns", "-address", "a", "-id", "box", "start", NULL}, "-address"},
		{{"-namespace", "ns", "-address", "/a", "start", NULL}, "-id"},
		{{"-namespace", "ns", "-address", "/a", "-id", "../x", "start", NULL}, "-id ../x"},
		{{"-namespace", "ns", "-address", "/a", "-id",
		  "0123456789012345678901234567890123456789012345678901234567890123x", "start",
		  NULL},
		 "at most 64"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		test_int(parse_words(rows[i].words), -EINVAL);
		if (!strstr(err.text, rows[i].part))
			test_fail("no %s in: %s", rows[i].part, err.text);
	}
}

/* The same group has the same socket; no other has. */
static void a_group_has_one_socket(void)
{
	_cleanup_free_ char *one = NULL, *same = NULL, *other = NULL, *elsewhere = NULL, *ns = NULL;

	test_int(parse(ALL, "start"), 0);
	one = containerd_socket_path(&args, "box", NULL);
	same = containerd_socket_path(&args, "box", "");
	other = containerd_socket_path(&args, "pod", NULL);
	elsewhere = containerd_socket_path(&args, "box", "/tmp/s");
	/* printf /run/c.sock/ns/box | sha256sum */
	test_str(one, CONTAINERD_SOCKETS
		 "/12aa86f1dc61fe34238e5deaefcb9fe4b0ea5ab8d4db1fc3c0f4d4f1d31428f9");
	test_str(same, one);
	test_true(strcmp(one, other) != 0);
	test_str(elsewhere + strlen("/tmp/s"), one + strlen(CONTAINERD_SOCKETS));
	args.namespace = "other";
	ns = containerd_socket_path(&args, "box", NULL);
	test_true(strcmp(one, ns) != 0);
}

static int read_bytes(const void *data, size_t len, struct containerd_options *ret)
{
	_cleanup_close_ int rd = -EBADF;
	int fds[2];

	test_int(pipe(fds), 0);
	rd = fds[0];
	test_int(fd_write_full(fds[1], data, len), 0);
	fd_close(fds[1]);
	err = (struct err)ERR_NULL;
	return containerd_options_read(rd, &args, ret, &err);
}

static int read_message(const ProtobufCMessage *message, struct containerd_options *ret)
{
	_cleanup_free_ uint8_t *data = xmalloc(protobuf_c_message_get_packed_size(message));

	return read_bytes(data, protobuf_c_message_pack(message, data), ret);
}

static int read_options(const ProtobufCMessage *message, struct containerd_options *ret)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	int r;

	test_int(rpc_any_pack(message, &any), 0);
	r = read_message(&any.base, ret);
	rpc_any_done(&any);
	return r;
}

static void options_are_read(void)
{
	Containerd__Runc__V1__Options runc = CONTAINERD__RUNC__V1__OPTIONS__INIT;
	Runtimeoptions__V1__Options config = RUNTIMEOPTIONS__V1__OPTIONS__INIT;
	struct containerd_options options;

	test_int(parse(ALL, "start"), 0);
	test_int(read_bytes("", 0, &options), 0);
	test_true(!options.systemd_cgroup && !options.config && !options.socket_dir);
	runc.no_pivot_root = runc.no_new_keyring = true;
	test_int(read_options(&runc.base, &options), 0);
	test_true(!options.systemd_cgroup);
	runc.systemd_cgroup = true;
	test_int(read_options(&runc.base, &options), 0);
	test_true(options.systemd_cgroup);
	config.config_path = (char *)"/etc/c.toml";
	test_int(read_options(&config.base, &options), 0);
	test_str(options.config, "/etc/c.toml");
	containerd_options_done(&options);
	containerd_options_done(&options);
}

static void what_cannot_be_had_is_named(void)
{
	Containerd__Runc__V1__Options runc = CONTAINERD__RUNC__V1__OPTIONS__INIT;
	Containerd__Runc__V1__CheckpointOptions other =
		CONTAINERD__RUNC__V1__CHECKPOINT_OPTIONS__INIT;
	/* What 1.7 has added: its field no. 3. */
	static const uint8_t body[] = {0x1a, 1, 'x'};
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	struct containerd_options options;

	runc.binary_name = (char *)"/usr/bin/runc";
	test_int(read_options(&runc.base, &options), -ENOTSUP);
	test_true(strstr(err.text, "binary_name"));
	other.exit = true;
	test_int(read_options(&other.base, &options), -ENOTSUP);
	test_true(strstr(err.text, "containerd.runc.v1.CheckpointOptions"));
	any.type_url = (char *)"runtimeoptions.v1.Options";
	any.value.data = (uint8_t *)body;
	any.value.len = sizeof(body);
	test_int(read_message(&any.base, &options), -ENOTSUP);
	test_true(strstr(err.text, "ConfigPath"));
	test_int(read_bytes("\xff\xff\xff", 3, &options), -EBADMSG);
	any.type_url = (char *)"containerd.runc.v1.Options";
	any.value.data = (uint8_t *)"\xff";
	any.value.len = 1;
	test_int(read_message(&any.base, &options), -EBADMSG);
}

static void newer_ones_send_more(void)
{
	Containerd__Runtime__Bootstrap__V1__BootstrapParams params =
		CONTAINERD__RUNTIME__BOOTSTRAP__V1__BOOTSTRAP_PARAMS__INIT;
	Containerd__Runtime__Bootstrap__V1__Extension extensions[2],
		*list[] = {&extensions[0], &extensions[1]};
	Containerd__Runc__V1__Options runc = CONTAINERD__RUNC__V1__OPTIONS__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT,
			      unknown = GOOGLE__PROTOBUF__ANY__INIT;
	struct containerd_options options;

	runc.systemd_cgroup = true;
	test_int(rpc_any_pack(&runc.base, &any), 0);
	unknown.type_url = (char *)"somebody.v1.Else";
	containerd__runtime__bootstrap__v1__extension__init(&extensions[0]);
	containerd__runtime__bootstrap__v1__extension__init(&extensions[1]);
	extensions[0].value = &unknown;
	extensions[1].value = &any;
	params.extensions = list;
	params.n_extensions = 2;
	params.socket_dir = (char *)"/run/s";
	params.instance_id = (char *)"box";
	params.namespace_ = (char *)"ns";
	test_int(read_message(&params.base, &options), 0);
	test_true(options.systemd_cgroup);
	test_str(options.socket_dir, "/run/s");
	test_true(options.bootstrap);
	containerd_options_done(&options);
	/* Of another container it would be an Any of a strange type. */
	params.instance_id = (char *)"other";
	test_int(read_message(&params.base, &options), -ENOTSUP);
	rpc_any_done(&any);
}

int main(void)
{
	test_run(it_is_called_as_containerd_does);
	test_run(other_calls_are_refused);
	test_run(a_group_has_one_socket);
	test_run(options_are_read);
	test_run(what_cannot_be_had_is_named);
	test_run(newer_ones_send_more);
	return 0;
}
