#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# systemd as the first process: podman has a mind of its own of what that needs.
. "$(dirname "$0")/podman-lib.sh"

LAYOUT=$("$TOP/tests/lib/machine-image") || exit 1
SYSTEM=$(podman pull -q "oci:$LAYOUT:systemd") || exit 1

is_up() {
	system_is_up
	inside sh -c 'cat /proc/1/comm; systemd-detect-virt; stat -f -c %T /run /tmp /sys/fs/cgroup
		systemctl is-active dbus.socket systemd-journald'
	is "$(out)" "$(printf '%s\n' systemd podman tmpfs tmpfs cgroup2fs active active)"
}

# Its command says what it is, to podman, too, which has a stop signal for it then.
test_by_its_name() {
	status 0 podman run -d --name box "$SYSTEM"
	is_up
	status 1 podman exec box sh -c 'echo 7 >/sys/fs/cgroup/pids.max'
	status 0 podman stop -t 60 box
	system_ended
}

test_always() {
	status 0 podman run -d --name box --systemd always --privileged "$SYSTEM" /lib/systemd/systemd
	is_up
	power_off
	system_ended
}

run_tests "$@"
