# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A real dockerd of the file's own, with caisson as its default runtime, in a network namespace of its
# own. Its containers have the runtime's own folders, as everybody's.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/lib.sh"
ENGINE=docker
. "$TOP/tests/lib/engine.sh"

command -v dockerd >/dev/null || {
	echo "ok dockerd # SKIP there is no dockerd"
	exit $SKIPPED
}

export DOCKER_HOST=unix://$WORK/docker.sock DOCKER_CONFIG=$WORK/client
cat >"$WORK/daemon.json" <<-EOF
	{
		"runtimes": {"caisson": {"path": "$TOP/build/bin/caisson"}}, "default-runtime": "caisson",
		"data-root": "$WORK/docker", "exec-root": "$WORK/exec", "pidfile": "$WORK/docker.pid",
		"hosts": ["$DOCKER_HOST"], "live-restore": true,
		"default-ulimits": {"nofile": {"Name": "nofile", "Hard": 20000, "Soft": 20000}}
	}
EOF

# start_dockerd [COMMAND...]: by that command, which enters its network namespace
start_dockerd() {
	: >"$WORK/dockerd.log"
	# By this one its containers' processes are found: CAISSON_RUN they set themselves.
	env -u CAISSON_ROOT -u CAISSON_RUN TEST_FOLDER="$WORK" "$@" \
		dockerd --config-file "$WORK/daemon.json" >>"$WORK/dockerd.log" 2>&1 &
	tail -n +1 -f --pid=$! "$WORK/dockerd.log" | grep -m 1 -q "API listen on" ||
		fail "dockerd: $(tail -n 3 "$WORK/dockerd.log")"
}

# stop_dockerd SIGNAL: and its containerd, which ends with it
stop_dockerd() {
	local dockerd containerd
	dockerd=$(cat "$WORK/docker.pid") containerd=$(cat "$WORK/exec/containerd/containerd.pid")
	kill "-$1" "$dockerd"
	"$TOP/tests/lib/await-end" 60 "$dockerd" "$containerd"
	# Until somebody reaps them, the next dockerd would take them for some that run.
	rm -f "$WORK/docker.pid" "$WORK/exec/containerd/containerd.pid"
}

# The processes of containers, one number a line: caisson's, not Docker's own.
container_processes() {
	local environ pid
	# shellcheck disable=SC2013 # such names have no blanks
	for environ in $(grep -lsz "^TEST_FOLDER=$WORK$" /proc/[0-9]*/environ); do
		pid=${environ//[!0-9]/}
		case $(cat "/proc/$pid/comm" 2>/dev/null) in
		dockerd | containerd | containerd-shim* | docker-proxy | '') ;;
		*) echo "$pid" ;;
		esac
	done
}

# Nothing is left of any container, but what Docker keeps: no containers is the clean state here.
is_clean() {
	local pids
	while pids=$(container_processes) && [ -n "$pids" ]; do
		# shellcheck disable=SC2086 # one word a process
		"$TOP/tests/lib/await-end" 30 $pids || fail "left behind: $(ps -o pid=,args= -p "${pids//$'\n'/,}")"
	done
	is "$(caisson --root "$WORK/exec/runtime-runc/moby" list -q)" ""
	is "$(grep -c "$WORK/docker/overlay2/.*/merged" /proc/self/mountinfo)" 0 "mounts left"
}

delete_all() {
	# shellcheck disable=SC2046 # names have no blanks
	{ docker rm -f $(docker ps -aq); } >/dev/null 2>&1
}

# A containerd that was killed may forget one that it had (containerd 1.6).
containerd_shims() { pgrep -f "containerd-shim.* -address $WORK/exec" || true; }

eval "lib_$(declare -f clean_up)"
clean_up() {
	delete_all
	stop_dockerd TERM
	containerd_shims | xargs -r kill
	grep -o " $WORK[^ ]*" /proc/self/mountinfo | sort -r | xargs -r umount -l
	lib_clean_up
}

"$TOP/tests/lib/make-image" busybox "docker-archive:$WORK/busybox.tar"
start_dockerd unshare --net sh -c 'ip link set lo up; exec "$@"' sh
docker load -q -i "$WORK/busybox.tar" >/dev/null
IMAGE=busybox
