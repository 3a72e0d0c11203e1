# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Containers of a real containerd's with caisson's own shim. What sources this has sourced lib.sh.

# By this its containers' processes are found: CAISSON_RUN their shims set themselves.
export TEST_FOLDER=$WORK
. "$(dirname "$0")/containerd-lib.sh"

RECORDS=/run/caisson/containerd/$CONTAINERD_NAMESPACE
RUNTIME=(--runtime io.containerd.caisson.v2)
run() { ctr run "${RUNTIME[@]}" "$@"; }
in_namespace() { caisson --root "$RECORDS" "$@"; }

# The processes of containers, one number a line: caisson's, not containerd's own.
container_processes() {
	local environ pid
	# shellcheck disable=SC2013 # such names have no blanks
	for environ in $(unset TEST_FOLDER && grep -lsz "^TEST_FOLDER=$WORK$" /proc/[0-9]*/environ); do
		pid=${environ//[!0-9]/}
		case $(cat "/proc/$pid/comm" 2>/dev/null) in
		caisson-shim | caisson-vsockd | caisson-9pd | virtiofsd | qemu-system* | firecracker) echo "$pid" ;;
		esac
	done
}

# socket_of ID: where its shim listens
socket_of() {
	echo "/run/containerd/s/$(printf %s "$CONTAINERD_ADDRESS/$CONTAINERD_NAMESPACE/$1" | sha256sum | cut -d ' ' -f 1)"
}

# nothing_left ID...: of these containers, which are all there were
nothing_left() {
	local pids id
	is "$(ctr task ls -q)$(ctr container ls -q)" "" "containers"
	while pids=$(container_processes) && [ -n "$pids" ]; do
		# shellcheck disable=SC2086 # one word a process
		"$TOP/tests/lib/await-end" 30 $pids || fail "left behind: $(ps -o pid=,args= -p "${pids//$'\n'/,}")"
	done
	for id in "$@"; do
		[ ! -e "$(socket_of "$id")" ] || fail "the socket of $id is left"
	done
	is "$(ls "$RECORDS/containers")" "" "records"
	is "$(ls "$WORK/state/io.containerd.runtime.v2.task/$CONTAINERD_NAMESPACE" 2>/dev/null)" "" "bundles"
	is "$(grep -c "$WORK/.*/rootfs" /proc/self/mountinfo)" 0 "mounts"
	is "$(find /sys/fs/cgroup -path "*/$CONTAINERD_NAMESPACE/*" -type d)" "" "control groups"
	is_clean
}
