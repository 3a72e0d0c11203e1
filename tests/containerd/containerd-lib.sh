# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A real containerd of the file's own, with folders and a socket of its own. What sources this is in a network namespace
# of its own, and has sourced lib.sh.

. "$TOP/tests/lib/daemons.sh"
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

start_containerd() { started containerd "successfully booted" containerd -c "$WORK/containerd.toml"; }

# stop_containerd SIGNAL
stop_containerd() { stopped containerd "$1"; }

# Nothing that runs is left when the file ends.
clean_up() {
	for id in $(ctr task ls -q); do
		ctr task kill -s KILL "$id"
		ctr task rm -f "$id"
	done >/dev/null 2>&1
	stop_containerd TERM
	rm -rf "$WORK" "/run/containerd/runc/$CONTAINERD_NAMESPACE" "/run/caisson/containerd/$CONTAINERD_NAMESPACE"
	# Those above its containers' groups, which are whoever's who names them.
	find /sys/fs/cgroup -maxdepth 3 -name "$CONTAINERD_NAMESPACE" -type d -exec rmdir {} + 2>/dev/null
}
trap clean_up EXIT

# on_terminal COMMAND: what it prints is in $WORK/seen, and in the test's log
on_terminal() {
	local code=0
	script -qec "$1" /dev/null </dev/null >"$WORK/seen" || code=$?
	cat "$WORK/seen"
	return $code
}

# remove ID: one that has ended. Prints the exit status.
remove() {
	ctr task rm "$1" >/dev/null 2>"$WORK/removed" || true
	sed -n 's/.*exit with non-zero exit code \([0-9]*\).*/\1/p' "$WORK/removed"
	ctr container rm "$1"
}

# follow_events: what containerd tells of tasks from here on is read from descriptor 3. It does when the first event of
# another kind has come.
follow_events() {
	local line speaks
	mkfifo "$WORK/events"
	ctr events >"$WORK/events" &
	EVENTS=$!
	exec 3<"$WORK/events"
	rm "$WORK/events"
	while ctr namespaces label "$CONTAINERD_NAMESPACE" follows=me; do :; done &
	speaks=$!
	while read -r line <&3 && [[ $line != */namespaces/update* ]]; do :; done
	kill $speaks
}

# until_event PART: sets SEEN to the topics up to there, PART's included
until_event() {
	local line
	SEEN=
	while read -r line <&3; do
		[[ $line == */tasks/* ]] || continue
		line=${line#*/tasks/}
		SEEN+=" ${line%% *}"
		[[ $line != *"$1"* ]] || return 0
	done
	fail "no event $1, but:$SEEN"
}

events_end() {
	kill "$EVENTS"
	exec 3<&-
}

# end ID [SIGNAL]: until containerd has told that it ended
end() {
	follow_events
	ctr task kill -s "${2:-KILL}" "$1"
	until_event "exit {\"container_id\":\"$1\",\"id\":\"$1\""
	events_end
}

"$TOP/tests/lib/make-image" busybox "docker-archive:$WORK/busybox.tar"
start_containerd
ctr image import "$WORK/busybox.tar" >/dev/null
