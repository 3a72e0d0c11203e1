#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A Docker that is killed while it is at work on a container, and comes back.
. "$(dirname "$0")/docker-lib.sh"

# In the network namespace that its containers' networks come from.
killed_and_back() {
	exec 7<"/proc/$(cat "$WORK/docker.pid")/ns/net"
	stop_dockerd KILL
	start_dockerd nsenter --net=/proc/self/fd/7
	exec 7<&-
}

# Docker forgets those that it has started without having been told of a container, with any runtime.
end_shims() {
	local environ pid
	# shellcheck disable=SC2013 # such names have no blanks
	for environ in $(grep -lsz "^TEST_FOLDER=$WORK$" /proc/[0-9]*/environ); do
		pid=${environ//[!0-9]/}
		# One that ends by itself may be faster.
		! grep -qs '^containerd-shim' "/proc/$pid/comm" || kill -KILL "$pid" || true
	done
}

# It has never started then, of which nothing is left; and its name is free once it is removed.
test_while_it_starts() {
	local moment asked
	for moment in caisson-shim qemu-system; do
		status 0 docker create --name box $IMAGE sleep 1000
		docker start box >/dev/null 2>&1 &
		asked=$!
		until at_work $moment container_processes; do
			kill -0 $asked 2>/dev/null || fail "it has ended before: $moment"
		done
		killed_and_back
		wait $asked || true
		status 0 docker inspect -f '{{.State.Status}}' box
		# Unless the machine was so busy that it had started before its VM was seen.
		[ "$(out)" = running ] || is "$(out)" created
		status 0 docker rm -f box
		end_shims
		is_clean
		status 0 docker run --rm --name box $IMAGE echo here
		is "$(out)" here
		is_clean
	done
}

test_while_it_is_paused() {
	status 0 docker run -d --name box $IMAGE sh -c 'trap "exit 8" TERM; touch /up; while :; do sleep 0.1; done'
	until docker exec box test -e /up; do :; done
	status 0 docker pause box
	killed_and_back
	status 0 docker inspect -f '{{.State.Status}}' box
	is "$(out)" paused
	status 0 docker unpause box
	status 0 docker exec box echo here
	is "$(out)" here
	status 0 docker pause box
	status 0 docker stop -t 60 box
	status 0 docker wait box
	is "$(out)" 8
	status 0 docker rm box
	is_clean
}

# Docker may have been killed when it had not been told yet that it is paused: with any runtime it takes it for one that
# runs then, and only its containerd knows better.
unpause() {
	docker unpause box || ctr -a "$WORK/exec/containerd/containerd.sock" -n moby task resume "$1" || true
}

# It may have come to that, or not.
test_while_it_pauses() {
	local asked
	status 0 docker run -d --name box $IMAGE sleep 1000
	docker pause box >/dev/null 2>&1 &
	asked=$!
	killed_and_back
	wait $asked || true
	unpause "$(docker inspect -f '{{.Id}}' box)"
	status 0 docker exec box echo here
	is "$(out)" here
	status 0 docker rm -f box
	is_clean
}

run_tests "$@"
