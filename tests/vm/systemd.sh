#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whole systems: systemd as a container's first process.
. "$(dirname "$0")/../lib/lib.sh"

LAYOUT=$("$TOP/tests/lib/machine-image") || exit 1
IMAGE=oci:$LAYOUT:systemd

# is_up NAME: it has started all that it wants to, and nothing of that has failed. When it begins to take
# questions nobody tells.
is_up() {
	timeout 100 sh -c 'until caisson exec "$1" test -S /run/systemd/private; do :; done' sh "$1"
	timeout 100 caisson exec "$1" systemctl is-system-running --wait >"$WORK/out" 2>&1 || {
		caisson exec "$1" systemctl --no-pager --failed
		fail "$1: $(out)"
	}
	is "$(out)" running
}

# By its name alone, with what all containers may do. The host's SIGTERM is its end, and that is no failure.
test_as_any_container() {
	status 0 caisson run -d --name box "$IMAGE"
	is_up box
	status 0 caisson exec box sh -c '
		cat /proc/1/comm; systemd-detect-virt; stat -f -c %T /run /tmp /sys/fs/cgroup
		systemctl is-active dbus.socket systemd-journald
		systemctl show -p ControlGroup --value systemd-journald
		cat /proc/self/cgroup; wc -c </etc/machine-id'
	is "$(out)" "$(printf '%s\n' systemd container-other tmpfs tmpfs cgroup2fs active active \
		/system.slice/systemd-journald.service 0::/caisson-exec 33)"
	# The limits of the whole are not its own.
	status 1 caisson exec box sh -c 'echo 7 >/sys/fs/cgroup/pids.max'
	status 0 caisson exec box systemd-run --wait -q --pipe -p MemoryMax=40M sh -c \
		'cat /sys/fs/cgroup$(cut -d : -f 3 /proc/self/cgroup)/memory.max'
	is "$(out)" 41943040
	caisson kill box
	status 0 caisson wait box
	is "$(out)" 0
	caisson delete box
	is_clean
}

# Who may do all there is in the VM mounts, and has devices; it powers the machine off itself.
test_privileged() {
	status 0 caisson run -d --privileged --name box "$IMAGE"
	is_up box
	status 0 caisson exec box sh -c '
		grep CapBnd /proc/self/status; test -w /proc/sys/kernel/panic && echo writable
		mount -t tmpfs none /mnt && : <>/dev/fuse && echo mounts
		systemctl is-active systemd-sysctl'
	is "$(out)" "$(printf '%s\n' $'CapBnd:\t000001ffffffffff' writable mounts active)"
	# It may end with the system.
	caisson exec box systemctl poweroff || is $? 137
	status 0 caisson wait box
	is "$(out)" 0
	caisson delete box
	is_clean
}

test_terminal() {
	script -qec "caisson run --rm -t --name box $IMAGE" /dev/null </dev/null >"$WORK/seen" &
	# Its console is open now and then only, and hung up in between.
	tail -n +1 -f --pid=$! "$WORK/seen" | grep -qa -m 1 'box console' || fail "$(tail -n 5 "$WORK/seen")"
	caisson exec box systemctl poweroff || is $? 137
	wait $! || is $? 0
	is_clean
}

# What is none is treated as one where that is said, and the reverse.
test_said() {
	local image
	image=$(busybox_image)
	status 0 caisson run --rm --systemd always "$image" sh -c 'echo "$container"; grep -c " /run tmpfs" /proc/mounts'
	is "$(out)" "$(printf 'caisson\n1')"
	status 0 caisson run --rm -e RUNCVM_SYSTEMD=1 "$image" sh -c 'mkdir /sys/fs/cgroup/x && echo "$container"'
	is "$(out)" caisson
	status 0 caisson run --rm --tmpfs /run:size=1m -e RUNCVM_SYSTEMD=1 --systemd never "$image" sh -c \
		'mkdir /sys/fs/cgroup/x; echo "$container"; grep -c " /run tmpfs" /proc/mounts'
	is "$(out)" "$(printf '\n1')"
	# busybox: without asking anybody.
	status 0 caisson run --rm --privileged --systemd always "$image" poweroff -f
	status 129 caisson run --rm --privileged --systemd always "$image" reboot -f
	status 130 caisson run --rm --privileged "$image" poweroff -f
	is_clean
}

run_tests "$@"
