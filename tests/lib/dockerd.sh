# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A dockerd of Debian's in a container "box", whoever started that. What sources this has sourced lib.sh.

# What the container runs. As the entrypoint of Docker's own image does it: no processes in the group that is
# divided. By itself dockerd would give containerd 15 s, which is not enough for an emulated processor on a
# busy machine.
# shellcheck disable=SC2034 # for those who source it
DOCKERD='
	mkdir /sys/fs/cgroup/init
	echo 1 >/sys/fs/cgroup/init/cgroup.procs
	sed "s/ / +/g;s/^/+/" /sys/fs/cgroup/cgroup.controllers >/sys/fs/cgroup/cgroup.subtree_control
	containerd &
	exec dockerd --containerd /run/containerd/containerd.sock'

# dockerd_is_up COMMAND...: it takes commands; COMMAND, which takes -f and the name, shows what the container says
dockerd_is_up() {
	exec 6< <(exec "$@" -f box 2>&1)
	grep -m 1 -q 'API listen on' <&6 || fail "dockerd: $("$@" box 2>&1 | tail -n 3)"
	kill $!
	exec 6<&-
}
