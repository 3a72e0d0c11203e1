#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# systemd as the first process: podman has a mind of its own of what that needs.
. "$(dirname "$0")/podman-lib.sh"

LAYOUT=$("$TOP/tests/lib/machine-image") || exit 1
SYSTEM=$(podman pull -q "oci:$LAYOUT:systemd") || exit 1

inside() { status 0 podman exec box "$@"; }

# It has started all that it wants to, and nothing of that has failed. One exec waits until it takes questions.
is_up() {
	# shellcheck disable=SC2086 # words without blanks
	timeout 200 $PODMAN exec box sh -c 'until test -S /run/systemd/private; do sleep 0.2; done
		exec systemctl is-system-running --wait' >"$WORK/out" 2>&1 || {
		podman exec box systemctl --no-pager --failed
		podman exec box systemctl --no-pager list-jobs
		fail "box: $(out)"
	}
	is "$(out)" running
	inside sh -c 'cat /proc/1/comm; systemd-detect-virt; stat -f -c %T /run /tmp /sys/fs/cgroup
		systemctl is-active dbus.socket systemd-journald'
	is "$(out)" "$(printf '%s\n' systemd podman tmpfs tmpfs cgroup2fs active active)"
}

# it_ended: by itself, as it should
it_ended() {
	status 0 podman wait box
	is "$(out)" 0
	status 0 podman rm box
	is_clean
}

# Its command says what it is, to podman, too, which has a stop signal for it then.
test_by_its_name() {
	status 0 podman run -d --name box "$SYSTEM"
	is_up
	status 1 podman exec box sh -c 'echo 7 >/sys/fs/cgroup/pids.max'
	status 0 podman stop -t 60 box
	it_ended
}

test_always() {
	status 0 podman run -d --name box --systemd always --privileged "$SYSTEM" /lib/systemd/systemd
	is_up
	inside systemctl poweroff
	it_ended
}

run_tests "$@"
