/* SPDX-License-Identifier: Apache-2.0 */
/* What QEMU is told when a disk comes and goes, and what becomes of it when QEMU refuses. */
#include "vmm/qemu/slots.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

static struct qmp qmp = QMP_NULL;
static struct qemu_slots slots;
static int qemu = -EBADF;
static char told[4096];

/* All that has come there; the first command is the negotiation's. */
static const char *read_told(void)
{
	size_t len = 0;
	ssize_t n;

	/* What comes with a descriptor comes alone. */
	while ((n = recv(qemu, told + len, sizeof(told) - 1 - len, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	told[len] = '\0';
	return told;
}

static void begin(void)
{
	int pair[2];

	test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	qemu = pair[1];
	test_int(qmp_init(&qmp, pair[0]), 0);
	(void)read_told();
	slots = (struct qemu_slots){.n_disks = 2};
}

static void end(void)
{
	qmp_deinit(&qmp);
	qemu = fd_close(qemu);
}

/* @why: NULL: it was done. Return: whether all is over. */
static bool answer(uint32_t id, const char *why)
{
	struct qmp_message m = {.kind = why ? QMP_ERROR : QMP_RETURN, .id = id};
	bool done;

	if (why)
		(void)snprintf(m.desc, sizeof(m.desc), "%s", why);
	test_true(qemu_slots_answered(&slots, &qmp, &m, &done));
	return done;
}

static void expect_told(const char *command, const char *arguments)
{
	const char *at = strstr(told, command);

	if (!at || strstr(at, arguments) == NULL)
		test_fail("no %s with %s in %s", command, arguments, told);
}

static void fill(void)
{
	const struct vmm_disk disk = {
		.fd = STDIN_FILENO, .serial = "s", .device = true, .size = 4096};

	test_int(qemu_slots_fill(&slots, &qmp, 1, &disk), 0);
	(void)read_told();
}

static void comes_and_goes(void)
{
	struct qmp_message other = {.kind = QMP_RETURN, .id = 1};
	bool done;

	begin();
	fill();
	expect_told("add-fd", "{\"fdset-id\":101}");
	expect_told("blockdev-add", "{\"driver\":\"host_device\",\"node-name\":\"full1\","
				    "\"filename\":\"/dev/fdset/101\"}");
	expect_told("remove-fd", "{\"fdset-id\":101}");
	expect_told("blockdev-reopen", "\"node-name\":\"disk3\",\"file\":\"full1\"");
	expect_told("block_resize", "{\"node-name\":\"disk3\",\"size\":4096}");
	test_true(!qemu_slots_answered(&slots, &qmp, &other, &done));
	for (uint32_t id = 2; id < 6; id++)
		test_true(!answer(id, NULL));
	test_true(answer(6, NULL));
	test_str(slots.refusal, "");
	test_int(qemu_slots_clear(&slots, &qmp, 1), 0);
	(void)read_told();
	expect_told("blockdev-reopen", "\"node-name\":\"disk3\",\"file\":\"empty1\"");
	expect_told("blockdev-del", "{\"node-name\":\"full1\"}");
	test_true(!answer(7, NULL));
	test_true(answer(8, NULL));
	end();
}

/* The first reason counts; nothing is left behind it. */
static void refused(void)
{
	begin();
	fill();
	test_true(!answer(2, NULL));
	test_true(!answer(3, "no such thing"));
	test_true(!answer(4, NULL));
	test_true(!answer(5, "no node"));
	test_true(!answer(6, "what?"));
	(void)read_told();
	expect_told("blockdev-reopen", "\"file\":\"empty1\"");
	expect_told("blockdev-del", "\"full1\"");
	test_true(!answer(7, NULL));
	test_true(answer(8, "no node"));
	test_str(slots.refusal, "no such thing");
	end();
}

static void does_not_go(void)
{
	begin();
	test_int(qemu_slots_clear(&slots, &qmp, 0), 0);
	test_true(!answer(2, NULL));
	test_true(answer(3, "node is in use"));
	test_str(slots.refusal, "node is in use");
	end();
}

int main(void)
{
	test_run(comes_and_goes);
	test_run(refused);
	test_run(does_not_go);
	return 0;
}
