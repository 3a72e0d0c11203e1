#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Docker in a container: a dockerd of Debian's in the VM, which runs containers of its own.
. "$(dirname "$0")/../lib/lib.sh"
. "$TOP/tests/lib/dockerd.sh"

LAYOUT=$("$TOP/tests/lib/machine-image") || exit 1
IMAGE=oci:$LAYOUT:docker

# start OPTION...: a container "box" whose dockerd takes commands
start() {
	status 0 caisson run -d --privileged --memory 768M --name box "$@" "$IMAGE" sh -c "$DOCKERD"
	dockerd_is_up caisson logs
	busybox_image >/dev/null
	status 0 caisson exec -i box docker load -q <"$IMAGES/busybox.tar"
}

inside() { status 0 caisson exec box "$@"; }

# Its root is ext4, on which Docker can put its overlays.
test_on_a_disk() {
	start --rootfs-mode copy --rootfs-size 2G
	inside docker info --format '{{.Driver}} {{.CgroupVersion}} {{.CgroupDriver}}'
	is "$(out)" "overlay2 2 cgroupfs"
	inside docker run --rm busybox echo hi
	is "$(out)" hi
	inside docker run --rm -m 50m --pids-limit 30 busybox sh -c 'cd /sys/fs/cgroup && cat memory.max pids.max'
	is "$(out)" "$(printf '52428800\n30')"
	# By address translation, from the other container and from the VM; and by a name, on a network of their own.
	inside docker network create pair
	inside docker run -d --name web --network pair -p 8080:80 busybox \
		sh -c 'mkdir /www && echo page >/www/index.html && exec httpd -f -p 80 -h /www'
	inside docker run --rm --network pair busybox wget -q -O - http://web/
	is "$(out)" page
	inside docker run --rm busybox sh -c 'wget -q -O - http://$(ip route | sed -n "s/^default via \([^ ]*\) .*/\1/p"):8080/'
	is "$(out)" page
	inside iptables -t nat -S DOCKER
	has "$(out)" "--to-destination 172.18.0.2:80"
	inside iptables --version
	has "$(out)" nf_tables
	inside docker exec web sh -c 'echo more >/www/more; hostname -i'
	is "$(out)" 172.18.0.2
	inside docker rm -f web
	status 0 caisson delete -f box
	is_clean
}

# Where a folder of the host's is the root, overlays want something else: here memory.
test_in_memory() {
	start --tmpfs /var/lib/docker:exec,dev,suid,size=300m
	inside docker info --format '{{.Driver}}'
	is "$(out)" overlay2
	inside docker run --rm busybox sh -c 'rm /bin/ls && ! test -e /bin/ls && echo gone'
	is "$(out)" gone
	caisson kill box
	status 0 caisson wait box
	is "$(out)" 0
	caisson delete box
	is_clean
}

run_tests "$@"
