#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What people do with a container.
. "$(dirname "$0")/podman-lib.sh"

test_run() {
	status 0 podman run --rm $IMAGE sh -c 'echo out; echo err >&2'
	is "$(out)" out
	is "$(err)" err
	status 7 podman run --rm $IMAGE sh -c 'exit 7'
	status 0 podman run --rm -i $IMAGE cat <<<typed
	is "$(out)" typed
	status 0 podman run --rm -u 5:6 -w /tmp -e A=b --hostname box --read-only --tmpfs /t $IMAGE \
		sh -c 'id -u; id -g; pwd; echo $A; hostname; (touch /x) 2>&1; touch /t/x'
	is "$(out)" "$(printf '5\n6\n/tmp\nb\nbox\ntouch: /x: Read-only file system')"
	is_clean
}

test_settings() {
	status 0 podman run --rm -e RUNCVM_CPUS=3 --annotation io.caisson.cpus=2 $IMAGE nproc
	is "$(out)" 2
	status 126 podman run --rm -e RUNCVM_KERNEL_APPEND=x $IMAGE true
	has "$(err)" "RUNCVM_KERNEL_APPEND is not a container's to set, unless settings.allow in "
	# Instead of RUNCVM_INIT: the engine puts its own program before the command.
	if [ -x /usr/bin/tini-static ]; then
		status 0 podman run --rm --init --init-path /usr/bin/tini-static $IMAGE cat /proc/1/comm
		has "$(out)" podman-init
	fi
	is_clean
}

test_what_cannot_be_executed() { what_cannot_be_executed; }

test_terminal() {
	script -qec "$ENGINE run --rm -it $IMAGE sh -c 'tty; exit 5'" /dev/null </dev/null >"$WORK/seen" || is $? 5
	has "$(cat "$WORK/seen")" /dev/pts/0
	is_clean
}

test_life() {
	mkdir -p "$WORK/vol"
	echo here >"$WORK/vol/file"
	status 0 podman run -d --name box -v "$WORK/vol:/vol" $IMAGE \
		sh -c 'trap "echo term; exit 3" TERM; echo up; touch /up; while :; do sleep 0.1; done'
	status 0 podman exec box sh -c 'until [ -e /up ]; do sleep 0.1; done; cat /vol/file; echo there >/vol/new'
	is "$(out)" here
	is "$(cat "$WORK/vol/new")" there
	status 0 podman exec -i -u 8 -w /tmp -e A=b box sh -c 'cat; id -u; pwd; echo $A' <<<typed
	is "$(out)" "$(printf 'typed\n8\n/tmp\nb')"
	status 9 podman exec box sh -c 'exit 9'
	status 127 podman exec box nonesuch
	status 0 podman exec -d box sh -c 'echo made >/vol/made'
	status 0 podman exec box sh -c 'until [ -s /vol/made ]; do sleep 0.1; done'
	status 0 podman pause box
	status 0 podman inspect -f '{{.State.Status}}' box
	is "$(out)" paused
	status 0 podman unpause box
	echo copied >"$WORK/one"
	status 0 podman cp "$WORK/one" box:/two
	status 0 podman exec box cat /two
	is "$(out)" copied
	status 0 podman cp box:/vol/made -
	status 0 podman diff box
	has "$(out)" "A /two"
	status 0 podman stop -t 60 box
	status 0 podman wait box
	is "$(out)" 3
	status 0 podman logs box
	is "$(out)" "$(printf 'up\nterm')"
	status 0 podman commit -q box made
	status 0 podman run --rm localhost/made cat /two
	is "$(out)" copied
	# Once more, and gone at once.
	status 0 podman start box
	status 0 podman restart -t 1 box
	status 0 podman rm -f box
	is_clean
}

# Nobody but the kernel tells podman.
test_killed() { each_part_killed; }

run_tests "$@"
