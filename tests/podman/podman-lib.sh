# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# For tests of a real podman, as root, with caisson as its runtime. What podman keeps is in folders of the
# test's own, in a network namespace of its own.
[ -n "${CAISSON_TEST_NETNS:-}" ] || CAISSON_TEST_NETNS=1 exec unshare --net "$0" "$@"
. "$(dirname "$0")/../lib/lib.sh"
ip link set lo up

command -v podman >/dev/null || {
	echo "ok podman # SKIP there is no podman"
	exit $SKIPPED
}

# What is kept by podman's own rules is in folders of ours; what caisson keeps, where podman's commands
# look for it, which do not all pass options on.
export CONTAINERS_CONF=$WORK/containers.conf
cat >"$CONTAINERS_CONF" <<-EOF
	[containers]
	default_ulimits = ["nofile=20000:20000"]
	netns = "none"
	[engine]
	cgroup_manager = "cgroupfs"
	events_logger = "file"
	runtime = "caisson"
	runtime_supports_json = ["caisson"]
	runtime_supports_kvm = ["caisson"]
	[network]
	network_backend = "netavark"
	network_config_dir = "$WORK/networks"
	[engine.runtimes]
	caisson = ["$TOP/build/bin/caisson"]
EOF
ENGINE="podman --root $WORK/store --runroot $WORK/podman --tmpdir $WORK/tmp --storage-driver vfs"
. "$TOP/tests/lib/engine.sh"
podman() { engine "$@"; }

# conmon gets few variables, and so what it starts.
processes() (
	file=$CONTAINERS_CONF
	# Or it would find itself.
	unset CONTAINERS_CONF
	grep -lsz "^CONTAINERS_CONF=$file$" /proc/[0-9]*/environ | cut -d / -f 3
)

delete_all() {
	podman rm -af -t 0 >/dev/null 2>&1
}

# A test that failed half way leaves its containers: they end with the file.
clean_up() {
	delete_all
	rm -rf "$WORK"
}

"$TOP/tests/lib/make-image" busybox "docker-archive:$WORK/busybox.tar"
podman load -q -i "$WORK/busybox.tar" >/dev/null
IMAGE=localhost/busybox:latest
