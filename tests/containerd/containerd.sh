#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real containerd, whose runc shim has caisson as its runc.
[ -n "${CAISSON_TEST_NETNS:-}" ] || CAISSON_TEST_NETNS=1 exec unshare --net "$0" "$@"
. "$(dirname "$0")/../lib/lib.sh"

command -v containerd >/dev/null && command -v ctr >/dev/null || {
	echo "ok containerd # SKIP there is no containerd"
	exit $SKIPPED
}

# The shim's own runtime roots are in there, and abstract sockets in the network namespace.
export CONTAINERD_ADDRESS=$WORK/containerd.sock CONTAINERD_NAMESPACE=caisson-test-$$
IMAGE=docker.io/library/busybox:latest
cat >"$WORK/containerd.toml" <<-EOF
	version = 2
	root = "$WORK/containerd"
	state = "$WORK/state"
	disabled_plugins = ["io.containerd.grpc.v1.cri"]
	[grpc]
	  address = "$CONTAINERD_ADDRESS"
	[plugins."io.containerd.internal.v1.opt"]
	  path = "$WORK/opt"
EOF

# Started, and answering: it says so.
start_containerd() {
	mkfifo "$WORK/says"
	# Its processes are not those of a test.
	env -u CAISSON_RUN -u CAISSON_ROOT containerd -c "$WORK/containerd.toml" >"$WORK/says" 2>&1 &
	echo $! >"$WORK/pid"
	disown
	exec 4<"$WORK/says"
	rm "$WORK/says"
	while read -r line <&4; do
		[[ $line != *"successfully booted"* ]] || break
	done
	env -u CAISSON_RUN cat <&4 >>"$WORK/containerd.log" &
	exec 4<&-
	[[ $line == *"successfully booted"* ]] || fail "no containerd: $line"
}

# stop_containerd SIGNAL
stop_containerd() {
	local pid
	pid=$(cat "$WORK/pid")
	kill -"$1" "$pid"
	"$TOP/tests/lib/await-end" 60 "$pid"
}

# Its shims end with their containers.
clean_up() {
	for id in $(ctr task ls -q); do
		ctr task kill -s KILL "$id"
		ctr task rm -f "$id"
	done >/dev/null 2>&1
	stop_containerd TERM
	rm -rf "$WORK" "/run/containerd/runc/$CONTAINERD_NAMESPACE"
}
trap clean_up EXIT

# Nothing is left of any container.
nothing_left() {
	is "$(ctr task ls -q)$(ctr container ls -q)" "" "containers"
	is "$(ls "/run/containerd/runc/$CONTAINERD_NAMESPACE/containers")" "" "records"
	is_clean
}

RUNTIME=(--runtime io.containerd.runc.v2 --runc-binary "$TOP/build/bin/caisson")
run() { ctr run "${RUNTIME[@]}" "$@"; }

# on_terminal COMMAND: what it prints is in $WORK/seen
on_terminal() {
	script -qec "$1" /dev/null </dev/null >"$WORK/seen"
}

# remove ID: one that has ended. Prints the exit status.
remove() {
	ctr task rm "$1" >/dev/null 2>"$WORK/removed" || true
	sed -n 's/.*exit with non-zero exit code \([0-9]*\).*/\1/p' "$WORK/removed"
	ctr container rm "$1"
}

start_containerd
"$TOP/tests/lib/make-image" busybox "docker-archive:$WORK/busybox.tar"
ctr image import "$WORK/busybox.tar" >/dev/null

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
	mkfifo "$WORK/events"
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
	ctr events >"$WORK/events" &
	events=$!
	exec 3<"$WORK/events"
	status 0 ctr task kill life
	while read -r line <&3; do
		[[ $line != *"/tasks/exit"*'"life"'*'"exit_status":4'* ]] || break
	done
	kill $events
	exec 3<&-
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
	status 0 ctr task kill -s KILL stays
	"$TOP/tests/lib/await-end" 60 "$pid"
	is "$(remove stays)" 137 "exit status"
	nothing_left
}

# The process that stands for it ends, and the kernel tells.
test_pid_killed() {
	run -d $IMAGE killed sleep 1000
	pid=$(ctr task ls | awk '$1 == "killed" {print $2}')
	kill -KILL "$pid"
	"$TOP/tests/lib/await-end" 60 "$pid"
	is "$(remove killed)" 137 "exit status"
	nothing_left
}

run_tests "$@"
