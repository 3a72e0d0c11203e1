/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/transfer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/test.h"
#include "base/unix.h"
#include "cmd/copy-guest.h"
#include "cmd/copy-stream.h"
#include "cmd/layer.h"
#include "sandbox.pb-c.h"
#include "shim/lifeline.h"

/*
 * The shim is in the client's own loop; the guest is a child, which sends nonsense, and whose calls
 * nobody answers: a call that waited for that would never return.
 */

static char folder[] = "/tmp/test-transfer-XXXXXX";
static char *guest_path;
static struct visit visit = VISIT_NULL;
static struct ttrpc_server *server;
static struct ttrpc_call *kept;
static struct err err;
static pid_t guest;
static bool guest_is_silent;

static void tell_address(struct ttrpc_call *call)
{
	Caisson__Sandbox__V1__GuestAddressResponse response =
		CAISSON__SANDBOX__V1__GUEST_ADDRESS_RESPONSE__INIT;

	response.hybrid_path = guest_path;
	rpc_reply(call, &response.base);
}

static void keep(struct ttrpc_call *call)
{
	kept = call;
}

static void refuse(struct ttrpc_call *call)
{
	ttrpc_call_fail(call, TTRPC_NOT_FOUND, "no");
}

static const struct ttrpc_method shim_methods[] = {
	{.name = "GuestAddress", .handler = tell_address},
	{.name = NULL},
};

static const struct ttrpc_method guest_methods[] = {
	{.name = "Stat", .handler = keep},
	{.name = "Changes", .handler = keep},
	{.name = "Unpack", .handler = refuse},
	{.name = "Export", .handler = rpc_reply_empty},
	{.name = NULL},
};

static const struct ttrpc_service services[] = {
	{.name = SHIM_SERVICE, .methods = shim_methods},
	{.name = RPC_SERVICE_COPY, .methods = guest_methods},
	{.name = RPC_SERVICE_LAYER, .methods = guest_methods},
	{.name = NULL},
};

/* One stream, with as much of the same as the other end takes, or nothing. */
static void be_guest(int listener)
{
	int fd = accept(listener, NULL, NULL);
	char buf[4096] = {0};
	uint32_t len;

	while (read(fd, buf, 1) == 1 && *buf != '\n')
		;
	(void)write(fd, "OK 1\n", 5);
	(void)recv(fd, &len, sizeof(len), MSG_WAITALL);
	(void)recv(fd, buf, ntohl(len), MSG_WAITALL);
	(void)write(fd, &len, sizeof(len));
	(void)write(fd, buf, ntohl(len));
	memset(buf, 'x', sizeof(buf));
	while (!guest_is_silent && write(fd, buf, sizeof(buf)) > 0)
		;
	_exit(0);
}

static void begin(void)
{
	_cleanup_free_ char *shim_path = client_socket_path(&visit.record);
	int shim = unix_listen(shim_path), listener = unix_listen(guest_path);

	err = (struct err)ERR_NULL;
	test_true(shim >= 0 && listener >= 0);
	test_int(fd_nonblock(listener, false), 0);
	guest = fork();
	if (guest == 0)
		be_guest(listener);
	(void)fd_close(listener);
	test_int(client_connect(&visit.client, &visit.record, &err), 0);
	test_int(ttrpc_server_new(&visit.client.loop, services, 4, &server), 0);
	test_int(ttrpc_server_listen(server, shim, true), 0);
}

static void end(void)
{
	int status;

	ttrpc_server_free(server);
	client_disconnect(&visit.client);
	visit.client = (struct client)CLIENT_NULL;
	test_int(waitpid(guest, &status, 0), guest);
}

static void a_file_about_which_too_much_is_said_is_none(void)
{
	char target[PATH_MAX];
	mode_t mode;

	begin();
	test_int(copy_guest_stat(&visit.client, "/x", target, &mode, &err), -EPROTO);
	test_str(err.text, "the guest's answer makes no sense");
	end();
}

static int tell(enum change change _unused_, const char *path _unused_, void *userdata _unused_)
{
	return 0;
}

static void what_is_no_list_of_changes_is_not_heard_out(void)
{
	begin();
	test_int(layer_changes(&visit, tell, NULL, &err), -EPROTO);
	test_str(err.text, "cannot read what container c1 has changed: Protocol error");
	end();
}

static void who_is_refused_waits_for_no_input(void)
{
	struct transfer t = TRANSFER_NULL;
	struct progress_bar none = {.fd = -EBADF};
	struct copy_stream stream = {.transfer = &t, .bar = &none};
	int silent[2];

	begin();
	test_int(pipe2(silent, O_CLOEXEC), 0);
	test_int(copy_guest_unpack(&t, &visit.client, "/", "", false, &err), 0);
	test_int(copy_stream_await(&stream, silent[0]), -EPIPE);
	test_int(transfer_end(&t, &err), -ENOENT);
	test_str(err.text, "container c1: no");
	(void)close(silent[0]);
	(void)close(silent[1]);
	end();
}

/* The answer has come while there was room, or input, still: nothing else will wake who waits. */
static void who_was_refused_does_not_wait_later(void)
{
	static const char much[65536];
	struct transfer t = TRANSFER_NULL;
	struct progress_bar none = {.fd = -EBADF};
	struct copy_stream stream = {.transfer = &t, .bar = &none};
	int silent[2], r;

	begin();
	test_int(pipe2(silent, O_CLOEXEC), 0);
	test_int(copy_guest_unpack(&t, &visit.client, "/", "", false, &err), 0);
	while (!t.answered)
		(void)loop_run(&visit.client.loop);
	test_int(copy_stream_await(&stream, silent[0]), -EPIPE);
	while ((r = copy_stream_put(&stream, much, sizeof(much))) == 0)
		continue;
	test_int(r, -EPIPE);
	test_int(transfer_end(&t, &err), -ENOENT);
	(void)close(silent[0]);
	(void)close(silent[1]);
	end();
}

static int put(void *userdata _unused_, const void *data _unused_, size_t len _unused_)
{
	return 0;
}

static void nothing_is_no_tar(void)
{
	guest_is_silent = true;
	begin();
	test_int(layer_export(&visit, put, NULL, &err), -EPROTO);
	test_str(err.text, "the guest has sent nothing, and says that nothing is wrong");
	end();
	guest_is_silent = false;
}

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	test_true(mkdtemp(folder));
	guest_path = path_join(folder, "uds");
	visit.record.id = xstrdup("c1");
	visit.record.run_path = xstrdup(folder);
	visit.spec.rootfs_mode = xstrdup("image");
	test_run(a_file_about_which_too_much_is_said_is_none);
	test_run(what_is_no_list_of_changes_is_not_heard_out);
	test_run(who_is_refused_waits_for_no_input);
	test_run(who_was_refused_does_not_wait_later);
	test_run(nothing_is_no_tar);
	visit_end(&visit);
	free(guest_path);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	return 0;
}
