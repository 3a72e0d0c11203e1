/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/socket.h>
#include <unistd.h>

#include "guest/direct/test-container.h"

/* Processes that are spoken to: through pipes, and through terminals. */

#define MUCH 3000000

static void input_comes_back(void)
{
	static char buf[65536];
	size_t sent = 0, got = 0;
	struct run run;
	ssize_t n;

	run_init(&run, "", "cat");
	test_int(run_begin(&run), TTRPC_OK);
	while ((n = read(run.fd[1], buf, sizeof(buf))) != 0) {
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != (char)((got + (size_t)i) % 251))
				test_fail("byte %zu differs", got + (size_t)i);
		got += n > 0 ? (size_t)n : 0;
		for (size_t i = 0; i < 5000; i++)
			buf[i] = (char)((sent + i) % 251);
		n = sent < MUCH ? write(run.fd[0], buf, 5000) : 0;
		sent += n > 0 ? (size_t)n : 0;
		if (sent >= MUCH)
			(void)shutdown(run.fd[0], SHUT_WR);
		harness_wait();
	}
	test_int(got, sent);
	run.ended[0] = true;
	test_int(run_end(&run), 0);
}

static void resize(const char *exec_id, uint32_t width, uint32_t height)
{
	Containerd__Task__V2__ResizePtyRequest request =
		CONTAINERD__TASK__V2__RESIZE_PTY_REQUEST__INIT;

	request.id = (char *)"c";
	request.exec_id = (char *)exec_id;
	request.width = width;
	request.height = height;
	test_int(harness_call("ResizePty", &request.base), TTRPC_OK);
}

static void terminals(void)
{
	struct run run, exec;

	run_init(&run, "",
		 "tty; stty size; read x; stty size; ls -l /dev/console | wc -l; "
		 "echo hello > /dev/tty; trap 'exit 7' INT; echo up; read x");
	run.process.terminal = true;
	run_streams(&run);
	test_int(harness_create(&run.create), TTRPC_OK);
	resize("", 80, 25);
	resize("", 0, 0);
	harness_start_wait(&run.wait, "");
	test_int(harness_start_process(""), TTRPC_OK);
	run_until(&run, "25 80");
	resize("", 132, 43);
	test_int(write(run.fd[0], "\n", 1), 1);
	run_until(&run, "up\r\n");
	test_true(strstr(run.out[0], "/dev/pts/0\r\n25 80\r\n\r\n43 132\r\n1\r\nhello\r\n"));

	run_init(&exec, "e", "tty; stty size");
	exec.process.terminal = true;
	run_streams(&exec);
	test_int(harness_exec("e", &exec.process, exec.names[0], exec.names[1], ""), TTRPC_OK);
	resize("e", 20, 10);
	harness_start_wait(&exec.wait, "e");
	test_int(harness_start_process("e"), TTRPC_OK);
	test_int(run_end(&exec), 0);
	test_str(exec.out[0], "/dev/pts/1\r\n10 20\r\n");

	/* Ctrl-C, as the terminal makes a signal of it. */
	test_int(write(run.fd[0], "\003", 1), 1);
	test_int(run_end(&run), 7);
}

/* The host leaves: whoever has the terminal gets SIGHUP. */
static void a_lost_terminal_hangs_up(void)
{
	struct run run;

	run_init(&run, "", "trap 'exit 5' HUP; echo up; while :; do read x; done");
	run.process.terminal = true;
	test_int(run_begin(&run), TTRPC_OK);
	run_until(&run, "up\r\n");
	run_close(&run);
	run.ended[0] = true;
	test_int(run_end(&run), 5);
}

int main(void)
{
	container_begin();
	test_run(input_comes_back);
	test_run(terminals);
	test_run(a_lost_terminal_hangs_up);
	container_end();
	return 0;
}
