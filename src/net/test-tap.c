/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tap.h"

#include "net/test-netns.h"

static void a_tap_goes_with_its_descriptor(void)
{
	char name[IFNAMSIZ], second[IFNAMSIZ];
	int index, second_index, tap, other;
	struct err err = ERR_NULL;

	fd_close(netns_new());
	tap = net_tap_open(name, &index, &err);
	test_str(err.text, "");
	test_true(tap >= 0 && fcntl(tap, F_GETFD) == FD_CLOEXEC);
	test_str(name, "caisson0");
	test_int(index_of(name), index);
	other = net_tap_open(second, &second_index, NULL);
	test_str(second, "caisson1");
	test_true(second_index != index);
	fd_close(tap);
	test_int(if_nametoindex(name), 0);
	test_int(index_of(second), second_index);
	fd_close(other);
}

static void a_link_is_set_up_and_down(void)
{
	char name[IFNAMSIZ];
	int index;
	_cleanup_close_ int tap = -EBADF;
	_cleanup_free_ char *up = NULL, *down = NULL, *addrs = NULL;

	fd_close(netns_new());
	tap = net_tap_open(name, &index, NULL);
	test_int(net_link_set(index, 1380, true, NULL), 0);
	up = command("ip link show caisson0");
	test_true(strstr(up, "mtu 1380") && strstr(up, ",UP"));
	/* So that it says nothing to the guest. */
	addrs = command("ip addr show caisson0");
	test_true(!strstr(addrs, "inet"));
	test_int(net_link_set(index, 0, false, NULL), 0);
	down = command("ip link show caisson0");
	test_true(strstr(down, "mtu 1380") && !strstr(down, ",UP"));
}

static void what_cannot_be_set_is_told(void)
{
	struct err err = ERR_NULL;

	fd_close(netns_new());
	test_int(net_link_set(77, 1500, true, &err), -ENODEV);
	test_str(err.text, "cannot set network interface 77 up, or its MTU: No such device");
	test_int(net_link_set(index_of("lo"), UINT32_MAX, false, &err), -EINVAL);
	test_str(err.text, "cannot set network interface lo down, or its MTU: Invalid argument");
}

int main(void)
{
	int r = netns_tests();

	if (r != 0)
		return r;
	test_run(a_tap_goes_with_its_descriptor);
	test_run(a_link_is_set_up_and_down);
	test_run(what_cannot_be_set_is_told);
	return 0;
}
