#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every process of a container is killed with SIGKILL, at many moments: everything else must go too.
. "$(dirname "$0")/../lib/lib.sh"

IMAGE=$(busybox_image)

# ours PATTERN: of the processes that match, those of this file, the oldest first
ours() {
	local pid
	for pid in $(pgrep -f -- "$1"); do
		grep -qsz "^CAISSON_RUN=$WORK" "/proc/$pid/environ" && echo "$pid"
	done
}

# pids_of WHO: of the container $NAME. The shim is the keeper's child, so it is the second one; a third
# is about to become another program.
pids_of() {
	case $1 in
	client) echo "$CLIENT" ;;
	shim) ours "caisson-shim --id $NAME\$" | sed -n 2p ;;
	keeper) ours "caisson-shim --id $NAME\$" | head -1 ;;
	qemu) ours "^qemu-system-[^ ]* -name $NAME " ;;
	vsockd) ours "caisson-vsockd .*$CAISSON_RUN/$NAME/" ;;
	"$SHARER") ours "$SHARER .*$CAISSON_RUN/$NAME/" | head -1 ;;
	esac
}

# The claim on the record is held by the shim and its keeper: when it is free both have gone.
wait_for_end() {
	local lock="$CAISSON_ROOT/containers/$NAME/lock"
	[ ! -e "$lock" ] || timeout 60 flock "$lock" true 2>/dev/null || [ ! -e "$lock" ] ||
		fail "the shim is still there"
	processes_end 30 || fail "still there: $(processes | xargs ps -o pid=,args= -p)"
}

start_container() {
	NAME=$1
	rm -f "$WORK/fifo"
	mkfifo "$WORK/fifo"
	caisson run --rm --name "$NAME" "$IMAGE" sh -c 'echo up; exec sleep 1000' >"$WORK/fifo" 2>"$WORK/client.err" &
	CLIENT=$!
	exec 3<"$WORK/fifo"
	read -r line <&3 || fail "did not come up: $(cat "$WORK/client.err")"
	is "$line" up
}

for victim in client shim keeper qemu vsockd "$SHARER"; do
	eval "test_kill_running_$victim() { kill_running $victim; }"
done

kill_running() {
	start_container "r-$1"
	kill -KILL "$(pids_of "$1")"
	code=0
	wait "$CLIENT" || code=$?
	exec 3<&-
	[ "$1" = client ] || is $code 125
	[ "$1" = client ] || is "$(sed "s/^caisson: container $NAME: .*/named/; /: unpacking layer /d" "$WORK/client.err")" named
	wait_for_end
	caisson list >/dev/null
	is_clean
}

# Nobody holds the lifeline of a detached one, yet those who wait hear why.
test_kill_detached() {
	status 0 caisson run -d --name lost "$IMAGE" sleep 1000
	mkfifo "$WORK/wait.out"
	"$TOP/tests/vm/wait.py" lost >"$WORK/wait.out" &
	exec 3<"$WORK/wait.out"
	read -r line <&3
	is "$line" waiting
	NAME=lost
	kill -KILL "$(pids_of qemu)"
	read -r line <&3
	exec 3<&-
	is "$(sed "s/^137 .*/told/" <<<"$line")" told
	wait_for_end
	status 137 sh -c "exit \$(caisson wait lost)"
	has "$(caisson inspect lost)" '"failure": "QEMU was killed by signal 9'
	status 0 caisson delete lost
	is_clean
}

# Nobody is left to tell but the keeper.
test_kill_shim_is_recorded() {
	status 0 caisson run -d --name lost "$IMAGE" sleep 1000
	NAME=lost
	kill -KILL "$(pids_of shim)"
	wait_for_end
	has "$(caisson inspect lost)" '"failure": "its caisson-shim was killed by signal 9"'
	status 0 caisson delete lost
	status 0 caisson run -d --name well "$IMAGE" true
	status 0 caisson wait well
	has "$(caisson inspect well)" '"failure": null'
	status 0 caisson delete well
	is_clean
}

# Nobody is left to say how it ended.
test_logs_follow_what_is_killed() {
	local keeper shim line
	status 0 caisson run -d --name gone "$IMAGE" sh -c 'echo up; exec sleep 1000'
	NAME=gone
	keeper=$(pids_of keeper) shim=$(pids_of shim)
	exec 3< <(exec caisson logs -f gone)
	read -r line <&3
	is "$line" up
	kill -STOP "$shim"
	kill -KILL "$keeper"
	"$TOP/tests/lib/await-end" 60 "$keeper"
	kill -KILL "$shim"
	is "$(cat <&3)" ""
	wait $! || fail "logs has failed"
	exec 3<&-
	wait_for_end
	status 0 caisson delete -f gone
	is_clean
}

# Who has waited for the keeper may remove the container before the shim has heard of it.
test_delete_once_the_keeper_has_ended() {
	local keeper shim
	status 0 caisson run -d --name orphan "$IMAGE" sleep 1000
	NAME=orphan
	keeper=$(pids_of keeper) shim=$(pids_of shim)
	kill -STOP "$shim"
	kill -KILL "$keeper"
	"$TOP/tests/lib/await-end" 30 "$keeper"
	caisson delete orphan 2>"$WORK/client.err" &
	# It asks the shim then.
	until find "/proc/$!/fd" -lname 'socket:*' 2>/dev/null | grep -q . || ! kill -0 $!; do sleep 0.01; done
	kill -CONT "$shim"
	wait $! || fail "$(cat "$WORK/client.err")"
	is_clean
}

test_kill_while_booting() {
	for victim in client shim keeper qemu vsockd "$SHARER"; do
		NAME="b-$victim"
		caisson run --rm --name "$NAME" "$IMAGE" true >/dev/null 2>"$WORK/client.err" &
		CLIENT=$!
		# As soon as it is there, however far the others are.
		until pid=$(pids_of $victim) && [ -n "$pid" ]; do
			kill -0 $CLIENT 2>/dev/null || break
		done
		[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true
		wait $CLIENT || true
		wait_for_end
		is_told $victim "$(cat "$WORK/client.err")"
		caisson list >/dev/null
		is_clean
	done
}

# is_told VICTIM TEXT: who ended, and nothing that another one has said
is_told() {
	case "$1 $2" in
	"client "* | *" ") ;;
	"shim "* | "keeper "*) has "$2" "caisson-shim" ;;
	"qemu "*) has "$2" "QEMU was killed by signal 9" ;;
	"vsockd "*) has "$2" "caisson-vsockd was killed by signal 9" ;;
	"$SHARER "*) has "$2" "$SHARER was killed by signal 9" ;;
	esac
}

test_kill_client_at_every_moment() {
	for ms in 1 3 10 30 60 100 150 200 300 400 500 600 700; do
		NAME="m-$ms"
		caisson run --rm --name "$NAME" "$IMAGE" true >/dev/null 2>&1 &
		CLIENT=$!
		timeout "0.$(printf %03d $ms)" tail --pid=$CLIENT -f /dev/null || true
		kill -KILL $CLIENT 2>/dev/null || true
		wait $CLIENT 2>/dev/null || true
		wait_for_end
		caisson list >/dev/null
		is_clean
	done
}

test_interrupt_at_every_moment() {
	for ms in 5 50 150 300 450 600; do
		NAME="i-$ms"
		caisson run --rm --name "$NAME" "$IMAGE" true >/dev/null 2>"$WORK/client.err" &
		CLIENT=$!
		timeout "0.$(printf %03d $ms)" tail --pid=$CLIENT -f /dev/null || true
		kill -TERM $CLIENT 2>/dev/null || true
		wait $CLIENT || true
		wait_for_end
		is_clean
	done
}

test_detached_survives_its_client() {
	status 0 caisson run -d --name stays "$IMAGE" sleep 1000
	status 0 caisson exec stays true
	NAME=stays
	kill -KILL "$(pids_of shim)"
	wait_for_end
	status 0 caisson list
	has "$(out)" "exited (137)"
	status 0 caisson delete stays
	is_clean
}

# Processes in a container that have this FIFO open are awaited by its end. It is opened for both
# directions first, which never blocks, and so not for reading alone either.
ALIVE=/tmp/alive
await_inside() {
	status 0 caisson exec "$1" sh -c "exec 8<>$ALIVE 7<$ALIVE 8>&-; cat <&7"
}

test_exec_client_killed() {
	status 0 caisson run -d --name lone "$IMAGE" sleep 1000
	status 0 caisson exec lone mkfifo $ALIVE
	rm -f "$WORK/fifo"
	mkfifo "$WORK/fifo"
	script -qec "caisson exec -t lone sh -c 'exec 9<>$ALIVE; echo up; exec sleep 999'" /dev/null >"$WORK/fifo" </dev/null &
	exec 3<"$WORK/fifo"
	read -r line <&3
	kill -KILL "$(ours '^caisson exec -t lone ')"
	exec 3<&-
	wait
	# Its terminal has hung up: it ends, and is reaped.
	await_inside lone
	status 0 caisson exec lone ps
	is "$(out | grep -c "[s]leep 999")" 0 "processes left"
	status 0 caisson delete -f lone
	is_clean
}

# Nothing of a killed client may stay in the run folder for as long as the container lives.
test_exec_clients_killed() {
	status 0 caisson run -d --name many "$IMAGE" sleep 1000
	status 0 caisson exec many mkfifo $ALIVE
	for _ in 1 2 3; do
		rm -f "$WORK/fifo"
		mkfifo "$WORK/fifo"
		caisson exec many sh -c "exec 9<>$ALIVE; echo up; exec yes" >"$WORK/fifo" 2>/dev/null &
		pid=$!
		exec 3<"$WORK/fifo"
		read -r line <&3
		is "$line" up
		kill -KILL $pid
		exec 3<&-
		wait $pid || true
	done
	# Their output is broken: they end.
	await_inside many
	is "$(find "$CAISSON_RUN/many" -type p)" "" "FIFOs left"
	status 0 caisson delete -f many
	is_clean
}

run_tests "$@"
