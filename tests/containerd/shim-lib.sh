# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Containers of a real containerd's with caisson's own shim. What sources this has sourced lib.sh.

. "$TOP/tests/lib/shims.sh"
. "$(dirname "$0")/containerd-lib.sh"

RECORDS=/run/caisson/containerd/$CONTAINERD_NAMESPACE
RUNTIME=(--runtime io.containerd.caisson.v2)
run() { ctr run "${RUNTIME[@]}" "$@"; }
in_namespace() { caisson --root "$RECORDS" "$@"; }

# socket_of ID: where its shim listens
socket_of() {
	echo "/run/containerd/s/$(printf %s "$CONTAINERD_ADDRESS/$CONTAINERD_NAMESPACE/$1" | sha256sum | cut -d ' ' -f 1)"
}

# shim ID WORD...: as containerd calls the program, in the bundle
shim() {
	local id=$1
	(
		cd "$WORK/state/io.containerd.runtime.v2.task/$CONTAINERD_NAMESPACE/$id" 2>/dev/null || true
		containerd-shim-caisson-v2 -namespace "$CONTAINERD_NAMESPACE" -address "$CONTAINERD_ADDRESS" \
			-publish-binary /usr/bin/containerd -id "$@"
	)
}

# deleted_with STATUS: the last `status` has printed a DeleteResponse that says so. Its field no. 2 is a number of seven
# bits a byte, the last ones first.
deleted_with() {
	local bytes
	if [ "$1" -lt 128 ]; then
		bytes=$(printf '%02x' "$1")
	else
		bytes=$(printf '%02x %02x' $(($1 % 128 + 128)) $(($1 / 128)))
	fi
	has "$(od -A n -t x1 "$WORK/out" | tr -d '\n')" " 10 $bytes 1a "
}

control_groups() { find /sys/fs/cgroup -path "*/$CONTAINERD_NAMESPACE/*" -type d; }

# nothing_left ID...: of these containers, which are all there were
nothing_left() {
	local id
	is "$(ctr task ls -q)$(ctr container ls -q)" "" "containers"
	shims_end
	for id in "$@"; do
		[ ! -e "$(socket_of "$id")" ] || fail "the socket of $id is left"
	done
	is "$(ls "$RECORDS/containers")" "" "records"
	is "$(ls "$WORK/state/io.containerd.runtime.v2.task/$CONTAINERD_NAMESPACE" 2>/dev/null)" "" "bundles"
	is "$(grep -c "$WORK/.*/rootfs" /proc/self/mountinfo)" 0 "mounts"
	is "$(control_groups)" "" "control groups"
	is_clean
}
