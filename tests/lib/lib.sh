# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# For tests that run the real programs. A test file sources this, defines functions named test_*, and
# ends with `run_tests`; of those named in $QEMUS there is nothing in VMs that another hypervisor runs, of those
# named in $CAISSONS nothing with another runtime, of those in which STANDIN_ stands nothing with a real
# Firecracker. Each function runs in a subshell with `set -e`; what it prints is shown when it fails. `skip WHY`
# ends a test as skipped.
#
# Every file has folders of its own for images, containers and sockets, so files run in parallel; the
# cache (kernel, initramfs, accelerator) is the machine's. After the last test the machine must be as
# before: no process, mount, socket or folder more.

set -u
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export PATH="$TOP/build/bin:$PATH"
# What script(1) starts, which is another where no login has set it.
export SHELL=/bin/sh
WORK=$(mktemp -d "${TMPDIR:-/tmp}/caisson-test.XXXXXX")
export CAISSON_ROOT="$WORK/root" CAISSON_RUN="$WORK/run" CAISSON_CONFIG="$WORK/caisson.conf"
install -m 644 /dev/null "$CAISSON_CONFIG"
# What runs VMs, unless they say it themselves; how they get to see what the host shares, and which program serves that.
HYPERVISOR=${CAISSON_TEST_HYPERVISOR:-qemu}
SHARED_BY=virtiofs SHARER=virtiofsd
[ $HYPERVISOR = qemu ] || SHARED_BY=9p SHARER=caisson-9pd
if [ -n "${CAISSON_TEST_VOLUMES:-}" ]; then
	SHARED_BY=$CAISSON_TEST_VOLUMES SHARER=caisson-9pd
	echo "volumes.mode = $SHARED_BY" >"$CAISSON_CONFIG"
fi
IMAGES="$WORK/images"
SKIPPED=77

skip() {
	echo "$*" >"$WORK/skip"
	exit $SKIPPED
}

fail() {
	echo "failed: $*"
	exit 1
}

# is HAVE WANT [WHAT]
is() {
	[ "$1" = "$2" ] || fail "${3:-value} is \"$1\", not \"$2\""
}

# has TEXT PART
has() {
	case $1 in
	*"$2"*) ;;
	*) fail "\"$2\" is not in: $1" ;;
	esac
}

# status WANT COMMAND...: run it and check its exit status; output goes to $WORK/out and $WORK/err
status() {
	local want=$1 have=0
	shift
	"$@" >"$WORK/out" 2>"$WORK/err" || have=$?
	[ "$have" = "$want" ] || {
		cat "$WORK/out" "$WORK/err"
		fail "exit status $have, not $want, of: $*"
	}
}

out() { cat "$WORK/out"; }
err() { cat "$WORK/err"; }

# one_sentence: stderr of the last `status` is one line that begins with "caisson: "
one_sentence() {
	is "$(wc -l <"$WORK/err")" 1 "lines on stderr"
	case $(err) in
	"caisson: "*) ;;
	*) fail "no message of caisson's: $(err)" ;;
	esac
}

# run_refused PART OPTION...: `caisson run` of $IMAGE with these says no, in one sentence that has that part
run_refused() {
	local part=$1
	shift
	status 125 caisson run --rm "$@" "$IMAGE" true
	one_sentence
	has "$(err)" "$part"
}

# vmm_of NAME: the numbers of the processes that are a container's VM, and not that of another file's container of the
# same name. Firecracker has a guard above it, in a jail, and what stands in for it a QEMU below.
vmm_of() {
	local shim
	shim=$(pgrep -P "$(caisson state "$1" | jq .pid)")
	if [ $HYPERVISOR = qemu ]; then
		pgrep -P "$shim" -f '^qemu-system-'
	else
		descendants "$(pgrep -P "$shim")"
	fi
}

# descendants PID [FILE]: but for those whose numbers are lines of the file, and what is below them
descendants() {
	local pid
	for pid in $(pgrep -P "$1" | grep -vxF -f "${2:-/dev/null}"); do
		echo "$pid"
		descendants "$pid" "${@:2}"
	done
}

STANDIN_PRELOADS=tests/firecracker/standin-vhost.so

# VMs are Firecracker's from here on, or those of what stands in for it, unless ./test was told --real; its
# configuration is the file's only line.
use_firecracker() {
	case ${CAISSON_TEST_FIRECRACKER:-}$PATH in
	"$TOP/tests/firecracker:"* | real*) ;;
	*)
		export PATH="$TOP/tests/firecracker:$PATH"
		# What it preloads is no part of what ./setup builds.
		[ -e "$TOP/build/host/$STANDIN_PRELOADS" ] || ninja -C "$TOP/build/host" --quiet "$STANDIN_PRELOADS"
		;;
	esac
	echo 'vm.hypervisor = "firecracker"' >"$CAISSON_CONFIG"
	HYPERVISOR=firecracker
}

[ $HYPERVISOR = qemu ] || use_firecracker

# The small image that most tests use, made once a file.
busybox_image() {
	[ -e "$IMAGES/busybox.tar" ] || {
		mkdir -p "$IMAGES"
		"$TOP/tests/lib/make-image" busybox "docker-archive:$IMAGES/busybox.tar" >/dev/null
	}
	echo "docker-archive:$IMAGES/busybox.tar"
}

# The processes that this file's commands started, and theirs, one number a line. The environment is
# what all of them have in common: a shim's command line has a name only, that of QEMU not even that.
# Neither this shell nor its subshells are among them, as they set it after they began.
processes() (
	# Or it would find itself.
	unset CAISSON_RUN
	grep -lsz "^CAISSON_RUN=$WORK" /proc/[0-9]*/environ | cut -d / -f 3
)

# Waits until all of them have ended, SECONDS at most.
processes_end() {
	local pids
	while pids=$(processes) && [ -n "$pids" ]; do
		# shellcheck disable=SC2086 # one word a process
		"$TOP/tests/lib/await-end" "$1" $pids || return
	done
}

# Everything of ours that could be left behind, in a form that can be compared. What a command promises
# to remove has to be gone when it returns; processes may be about to end.
machine_state() {
	local left
	echo "mounts:"
	grep -F "$WORK" /proc/self/mountinfo || true
	echo "files:"
	find "$CAISSON_RUN" "$CAISSON_ROOT/containers" -mindepth 1 2>/dev/null | sort || true
	ls "$CAISSON_ROOT/tmp" 2>/dev/null || true
	echo "processes:"
	processes_end "${1:-30}" || left=$(processes)
	[ -z "${left:-}" ] || ps -o pid=,args= -p "${left//$'\n'/,}" || true
}

# is_clean [SECONDS]: how long processes may take to end
is_clean() {
	local state
	state=$(machine_state "$@")
	[ "$state" = "$(printf 'mounts:\nfiles:\nprocesses:')" ] || fail "left behind: $state"
}

# A test that hangs keeps no other one from being run: none is to take as many seconds, but for what is asked for more.
BOUND=${CAISSON_TEST_BOUND:-300}

# bound PID: ends a test that takes longer, and says what it was in. Daemons, which have their numbers in files, go on.
bound() {
	local pids
	# By each of these some tests find their processes, of which what waits here is none.
	unset CAISSON_RUN TEST_FOLDER CONTAINERS_CONF
	! "$TOP/tests/lib/await-end" "$BOUND" "$1" || return 0
	echo $BASHPID >"$WORK/bound.pid"
	kill -STOP "$1"
	grep -h . "$WORK/"*.pid >"$WORK/spared"
	pids=$(descendants "$1" "$WORK/spared")
	echo "failed: it has not ended within $BOUND s, and is in"
	ps -o pid=,args= -p "${pids//$'\n'/,}"
	# shellcheck disable=SC2086 # one word a process
	kill -KILL "$1" $pids
}

# bounded COMMAND: in a subshell, which hears of Ctrl-C as one in the background would not
bounded() (
	local test=$BASHPID
	bound "$test" &
	disown
	set -e
	"$1"
)

run_one() {
	local name=$1 code
	rm -f "$WORK/skip"
	bounded "$name" >"$WORK/log" 2>&1
	code=$?
	if [ $code -eq 0 ]; then
		echo "ok $name"
	elif [ $code -eq $SKIPPED ] && [ -e "$WORK/skip" ]; then
		echo "ok $name # SKIP $(cat "$WORK/skip")"
	else
		FAILED=1
		echo "not ok $name"
		sed 's/^/  | /' "$WORK/log"
		bounded delete_all
	fi
}

# A test that failed half way leaves its containers, which are none of the next one's business.
delete_all() {
	# shellcheck disable=SC2046 # names have no blanks
	caisson delete -f $(caisson list -q) >/dev/null 2>&1
}

clean_up() {
	delete_all
	rm -rf "$WORK"
}

# tells_standin FUNCTION: does it need a Firecracker that does as it is told?
tells_standin() { declare -f "$1" | grep -q STANDIN_; }

run_tests() {
	local name
	FAILED=0
	trap clean_up EXIT
	trap 'exit 1' INT TERM
	for name in $(declare -F | awk '$3 ~ /^test_/ {print $3}'); do
		[ "${RUNTIME:-caisson}" = caisson ] || [[ " ${CAISSONS:-} " != *" $name "* ]] || continue
		[ $HYPERVISOR = qemu ] || [[ " ${QEMUS:-} " != *" $name "* ]] || continue
		[ -z "${CAISSON_TEST_FIRECRACKER:-}" ] || ! tells_standin "$name" || continue
		[ $# -gt 0 ] && [[ " $* " != *" $name "* ]] && continue
		run_one "$name"
	done
	run_one is_clean
	exit $FAILED
}
