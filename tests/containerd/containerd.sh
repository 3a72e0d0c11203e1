#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real containerd, whose runc shim has caisson as its runc.
[ -n "${CAISSON_TEST_NETNS:-}" ] || CAISSON_TEST_NETNS=1 exec unshare --net "$0" "$@"
. "$(dirname "$0")/../lib/lib.sh"

. "$(dirname "$0")/containerd-lib.sh"

# Nothing is left of any container.
nothing_left() {
	is "$(ctr task ls -q)$(ctr container ls -q)" "" "containers"
	is "$(ls "/run/containerd/runc/$CONTAINERD_NAMESPACE/containers")" "" "records"
	is_clean
}

RUNTIME=(--runtime io.containerd.runc.v2 --runc-binary "$TOP/build/bin/caisson")
run() { ctr run "${RUNTIME[@]}" "$@"; }

test_run() {
	status 3 run --rm $IMAGE one sh -c 'echo out; echo err >&2; exit 3'
	is "$(out)" out
	has "$(err)" err
	echo typed | status 0 run --rm --env A=b --cwd /tmp --read-only $IMAGE two \
		sh -c 'read -r x; echo $x $A; pwd; (touch /x) 2>&1; true'
	is "$(out)" "$(printf 'typed b\n/tmp\ntouch: /x: Read-only file system')"
	code=0
	on_terminal "ctr run --rm -t ${RUNTIME[*]@Q} $IMAGE three sh -c 'tty; exit 5'" || code=$?
	is $code 5 "exit status on a terminal"
	has "$(cat "$WORK/seen")" /dev/pts/0
	status 1 run --rm $IMAGE four nonesuch
	has "$(err)" "executable file not found"
	nothing_left
}

test_life() {
	run -d --log-uri "file://$WORK/life.log" $IMAGE life \
		sh -c 'trap "exit 4" TERM; echo up; while :; do sleep 0.1; done'
	status 0 ctr task ls
	has "$(out)" RUNNING
	pid=$(out | awk '$1 == "life" {print $2}')
	status 0 ctr task ps life
	has "$(out)" "$pid"
	status 6 ctr task exec --exec-id e1 --user 5:6 --cwd /tmp life sh -c 'id -u; pwd; exit 6'
	is "$(out)" "$(printf '5\n/tmp')"
	echo typed | status 0 ctr task exec --exec-id e2 life cat
	is "$(out)" typed
	code=0
	on_terminal "ctr task exec -t --exec-id e3 life sh -c 'tty; exit 7'" || code=$?
	is $code 7 "exit status on a terminal"
	has "$(cat "$WORK/seen")" /dev/pts/
	status 0 ctr task exec -d --exec-id e4 life sleep 1000
	status 0 ctr task kill -s KILL --exec-id e4 life
	status 0 ctr task pause life
	status 0 ctr task ls
	has "$(out)" PAUSED
	status 0 ctr task resume life
	status 0 ctr task ls
	has "$(out)" RUNNING
	end life TERM
	is "$(remove life)" 4 "exit status"
	is "$(head -1 "$WORK/life.log")" up "log"
	nothing_left
}

test_attach() {
	mkfifo "$WORK/attached"
	run -d $IMAGE talks sh -c 'while :; do echo tick; sleep 0.1; done'
	ctr task attach talks >"$WORK/attached" &
	exec 3<"$WORK/attached"
	read -r line <&3
	is "$line" tick
	status 0 ctr task kill -s KILL talks
	cat <&3 >/dev/null
	exec 3<&-
	wait $! || is $? 137 "exit status of attach"
	ctr container rm talks
	nothing_left
}

# What it has started goes on without it.
test_containerd_killed() {
	run -d $IMAGE stays sleep 1000
	pid=$(ctr task ls | awk '$1 == "stays" {print $2}')
	stop_containerd KILL
	start_containerd
	status 0 ctr task ls
	is "$(out | awk '$1 == "stays" {print $2, $3}')" "$pid RUNNING"
	status 0 ctr task exec --exec-id e1 stays echo alive
	is "$(out)" alive
	status 0 ctr task pause stays
	status 0 ctr task resume stays
	end stays
	is "$(remove stays)" 137 "exit status"
	nothing_left
}

# The process that stands for it ends, and the kernel tells.
test_pid_killed() {
	run -d $IMAGE killed sleep 1000
	pid=$(ctr task ls | awk '$1 == "killed" {print $2}')
	follow_events
	kill -KILL "$pid"
	until_event 'exit {"container_id":"killed","id":"killed"'
	events_end
	is "$(remove killed)" 137 "exit status"
	nothing_left
}

run_tests "$@"
