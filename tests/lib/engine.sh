# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What is asked of each container engine that has caisson as its runtime: $ENGINE is its command, of words
# without blanks. What sources this has sourced lib.sh, and says by is_clean what is left of no container.

# shellcheck disable=SC2086 # see above
engine() { command $ENGINE "$@"; }

# Whichever part of a container's VM is killed, it has ended, and nothing is left of it.
each_part_killed() {
	local victim keeper shim parts="qemu-system vsockd"
	[ $HYPERVISOR = qemu ] || parts="guard firecracker"
	for victim in keeper shim $parts "$SHARER"; do
		status 0 engine run -d --name killed "$IMAGE" sleep 1000
		status 0 engine inspect -f '{{.State.Pid}}' killed
		keeper=$(out)
		shim=$(pgrep -P "$keeper")
		case $victim in
		keeper) kill -KILL "$keeper" ;;
		shim) kill -KILL "$shim" ;;
		guard) pkill -KILL -f -P "$shim" "caisson-shim --id" ;;
		firecracker) pkill -KILL -P "$(pgrep -f -P "$shim" "caisson-shim --id")" ;;
		*) pkill -KILL -f -P "$shim" "$victim" ;;
		esac
		status 0 engine wait killed
		is "$(out)" 137 "exit status without $victim"
		status 0 engine rm killed
		is_clean
	done
}

what_cannot_be_executed() {
	status 127 engine run --rm "$IMAGE" nonesuch
	has "$(err)" 'exec: "nonesuch": executable file not found in $PATH'
	status 126 engine run --rm "$IMAGE" /etc
	has "$(err)" 'exec: "/etc": permission denied'
	is_clean
}

# at_work NAME COMMAND: a program of that name is one of the processes whose numbers COMMAND prints
at_work() {
	local pid
	for pid in $("$2"); do
		grep -qs "^$1" "/proc/$pid/comm" && return
	done
	return 1
}

# Of a whole system in the container "box".
inside() { status 0 engine exec box "$@"; }

# system_is_up: it has started all that it wants to, and nothing of that has failed. One exec waits until it takes
# questions.
system_is_up() {
	# shellcheck disable=SC2086 # see above
	timeout 200 $ENGINE exec box sh -c 'until test -S /run/systemd/private; do sleep 0.2; done
		exec systemctl is-system-running --wait' >"$WORK/out" 2>&1 || {
		engine exec box systemctl --no-pager --failed
		engine exec box systemctl --no-pager list-jobs
		fail "box: $(out)"
	}
	is "$(out)" running
}

# It may end with the system.
power_off() { engine exec box systemctl poweroff >"$WORK/out" 2>&1 || true; }

# system_ended: by itself, as it should
system_ended() {
	status 0 engine wait box
	is "$(out)" 0
	status 0 engine rm box
	is_clean
}
