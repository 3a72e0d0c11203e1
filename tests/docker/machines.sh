#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whole systems in Docker's containers: systemd as the first process, and another Docker.
. "$(dirname "$0")/docker-lib.sh"
. "$TOP/tests/lib/dockerd.sh"

LAYOUT=$("$TOP/tests/lib/machine-image") || exit 1

# machine NAME: its image, once
machine() {
	docker image inspect "$1" >/dev/null 2>&1 && return
	skopeo copy -q "oci:$LAYOUT:$1" "docker-archive:$WORK/$1.tar:$1:latest"
	docker load -q -i "$WORK/$1.tar" >/dev/null
	rm "$WORK/$1.tar"
}

# With what Docker gives all containers. Debian's image has no stop signal: that is Docker's SIGTERM.
test_systemd() {
	machine systemd
	status 0 docker run -d --name box --pids-limit 200 systemd
	system_is_up
	inside sh -c '
		cat /proc/1/comm; systemd-detect-virt; stat -f -c %T /run /tmp /sys/fs/cgroup
		systemctl is-active dbus.socket systemd-journald systemd-logind
		systemctl show -p ControlGroup --value systemd-journald; wc -c </etc/machine-id'
	is "$(out)" "$(printf '%s\n' systemd container-other tmpfs tmpfs cgroup2fs active active active \
		/system.slice/systemd-journald.service 33)"
	# The limits of the whole are not its own.
	status 1 docker exec box sh -c 'echo 7 >/sys/fs/cgroup/pids.max'
	inside sh -c 'cat /sys/fs/cgroup/pids.max; systemd-run --wait -q --pipe -p MemoryMax=40M sh -c \
		"cat /sys/fs/cgroup\$(cut -d : -f 3 /proc/self/cgroup)/memory.max"'
	is "$(out)" "$(printf '200\n41943040')"
	status 0 docker stop -t 60 box
	system_ended
}

# As one starts it for runc: all that is mounted, and said, stands.
test_systemd_as_for_runc() {
	machine systemd
	status 0 docker run -d --name box --privileged --tmpfs /run --tmpfs /run/lock -e container=docker \
		-v /sys/fs/cgroup:/sys/fs/cgroup:ro --stop-signal SIGRTMIN+3 systemd
	system_is_up
	inside sh -c 'systemd-detect-virt; grep CapBnd /proc/self/status; mount -t tmpfs none /mnt && echo mounts
		systemctl is-active systemd-sysctl'
	is "$(out)" "$(printf '%s\n' docker $'CapBnd:\t0000003fffffffff' mounts active)"
	status 0 docker stop -t 60 box
	status 0 docker start box
	system_is_up
	power_off
	system_ended
}

# Its images are on a disk, which is a file in a volume.
test_docker() {
	machine docker
	status 0 docker run -d --name box --privileged -m 768m -v images:/images \
		-e RUNCVM_DISKS=/images/disk,/var/lib/docker,1G docker sh -c "$DOCKERD"
	dockerd_is_up docker logs
	status 0 docker exec -i box docker load -q <"$WORK/busybox.tar"
	inside docker info --format '{{.Driver}} {{.CgroupVersion}}'
	is "$(out)" "overlay2 2"
	inside docker run --rm busybox echo hi
	is "$(out)" hi
	inside docker run --rm -m 50m busybox sh -c 'cat /sys/fs/cgroup/memory.max; ip route | grep -c default'
	is "$(out)" "$(printf '52428800\n1')"
	status 0 docker stop -t 60 box
	system_ended
	status 0 docker volume rm images
}

run_tests "$@"
