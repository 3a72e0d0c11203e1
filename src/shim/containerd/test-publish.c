/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/containerd/publish.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/test.h"
#include "events.pb-c.h"
#include "loop/test-clock.h"
#include "rpc/rpc.h"
#include "sandbox/test-guest.h"
#include "shim/containerd/test-taker.h"

static char folder[] = "/tmp/test-publish-XXXXXX";
static char *address;
static struct loop loop;
static struct publisher publisher;

static void begin(void)
{
	test_int(loop_init(&loop), 0);
	publisher_init(&publisher, &loop, address, "ns");
	taker = (struct taker){.n = 0};
}

static void end(void)
{
	publisher_stop(&publisher);
	publisher_stop(&publisher);
	taker_end();
	loop_deinit(&loop);
}

static void put(const char *topic, const char *id)
{
	Containerd__Events__TaskPaused event = CONTAINERD__EVENTS__TASK_PAUSED__INIT;

	event.container_id = (char *)id;
	publisher_put(&publisher, topic, &event.base);
}

static void they_come_in_order(void)
{
	char want[4096] = "", id[16];

	begin();
	taker_begin(&loop, address);
	test_true(publisher_idle(&publisher));
	for (int i = 0; i < 100; i++) {
		const char *topic = i % 2 ? "/odd" : "/even";
		size_t len = strlen(want);

		(void)snprintf(id, sizeof(id), "c%d", i);
		put(topic, id);
		(void)snprintf(want + len, sizeof(want) - len, "%s %s\n", topic, id);
		test_true(!publisher_idle(&publisher));
	}
	run_until(&loop, taker.n == 100);
	test_str(taker.text, want);
	end();
}

/* Each is answered before the next one is sent. */
static void one_is_under_way(void)
{
	begin();
	taker_begin(&loop, address);
	taker.keeps = true;
	put("/a", "1");
	put("/b", "2");
	run_until(&loop, taker.n == 1);
	test_true(!publisher_idle(&publisher));
	taker.keeps = false;
	rpc_reply_empty(taker.kept);
	run_until(&loop, taker.n == 2);
	test_str(taker.text, "/a 1\n/b 2\n");
	end();
}

/* What was under way then is sent again. */
static void a_connection_breaks(void)
{
	begin();
	taker_begin(&loop, address);
	taker.keeps = true;
	put("/a", "1");
	put("/b", "2");
	run_until(&loop, taker.n == 1);
	taker.keeps = false;
	taker_end();
	taker_begin(&loop, address);
	run_until(&loop, taker.n == 3);
	test_str(taker.text, "/a 1\n/a 1\n/b 2\n");
	end();
}

static void it_comes_back(void)
{
	begin();
	put("/a", "1");
	put("/b", "2");
	test_turn(&loop);
	/* There is nobody to wait for. */
	test_true(publisher.watch >= 0 && publisher_idle(&publisher));
	taker_begin(&loop, address);
	run_until(&loop, taker.n == 2);
	test_str(taker.text, "/a 1\n/b 2\n");
	test_int(publisher.watch, -EBADF);
	taker_end();
	put("/c", "3");
	test_turn(&loop);
	taker_begin(&loop, address);
	run_until(&loop, taker.n == 3);
	end();
}

/* It was there all the time, but stood still: nothing appears when it goes on. */
static void it_takes_too_long(void)
{
	begin();
	loop.now = test_clock;
	taker_begin(&loop, address);
	taker.keeps = true;
	put("/a", "1");
	put("/b", "2");
	run_until(&loop, taker.n == 1);
	(void)test_pass(&loop, 5 * NSEC_PER_SEC);
	run_until(&loop, taker.n == 2);
	(void)test_pass(&loop, 5 * NSEC_PER_SEC);
	test_true(publisher_idle(&publisher));
	taker.keeps = false;
	(void)test_pass(&loop, PUBLISH_AGAIN - 1);
	test_int(taker.n, 2);
	(void)test_pass(&loop, 1);
	run_until(&loop, taker.n == 4);
	test_str(taker.text, "/a 1\n/a 1\n/a 1\n/b 2\n");
	end();
}

/* With all that is in it, and so what was watched. */
static void its_folder_is_made_anew(void)
{
	begin();
	loop.now = test_clock;
	put("/a", "1");
	(void)test_turn(&loop);
	test_int(rmdir(folder), 0);
	test_int(mkdir(folder, 0700), 0);
	/* That it went is an event, and an occasion; nobody is there yet. */
	(void)test_turn(&loop);
	taker_begin(&loop, address);
	(void)test_turn(&loop);
	test_int(taker.n, 0);
	(void)test_pass(&loop, PUBLISH_AGAIN);
	run_until(&loop, taker.n == 1);
	end();
}

static void the_oldest_are_lost(void)
{
	char id[16];

	begin();
	for (int i = 0; i < PUBLISH_QUEUE_MAX + 2; i++) {
		(void)snprintf(id, sizeof(id), "%d", i);
		put("/x", id);
	}
	test_int(publisher.n, PUBLISH_QUEUE_MAX);
	taker_begin(&loop, address);
	run_until(&loop, taker.n > 0);
	test_true(str_starts(taker.text, "/x 2\n"));
	end();
}

int main(void)
{
	test_true(mkdtemp(folder));
	address = path_join(folder, "sock");
	test_run(they_come_in_order);
	test_run(one_is_under_way);
	test_run(a_connection_breaks);
	test_run(it_comes_back);
	test_run(it_takes_too_long);
	test_run(its_folder_is_made_anew);
	test_run(the_oldest_are_lost);
	free(address);
	test_int(path_remove_tree(AT_FDCWD, folder), 0);
	return 0;
}
