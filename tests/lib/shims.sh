# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What shims of a containerd's have started, which is none of lib.sh's commands. What sources this has sourced lib.sh, and
# starts containerd later.

# By this they are found: CAISSON_RUN they set themselves.
export TEST_FOLDER=$WORK

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

# Waits until all of them have ended.
shims_end() {
	local pids
	while pids=$(container_processes) && [ -n "$pids" ]; do
		# shellcheck disable=SC2086 # one word a process
		"$TOP/tests/lib/await-end" 30 $pids || fail "left behind: $(ps -o pid=,args= -p "${pids//$'\n'/,}")"
	done
}
