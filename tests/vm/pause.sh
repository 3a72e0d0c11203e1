#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A paused container's VM stands still, and everything that may be asked of it is answered all the same.
. "$(dirname "$0")/../lib/lib.sh"

IMAGE=$(busybox_image)

# Clock ticks that processes have used.
used() {
	local pid
	for pid; do sed 's/.*) //' "/proc/$pid/stat"; done | awk '{n += $12 + $13} END {print n}'
}

begin() {
	status 0 caisson run -d --name box "$IMAGE" sh -c "$1"
	VM=$(vmm_of box)
	status 0 caisson exec box sh -c "${2:-true}; touch /file"
	status 0 caisson pause box
}

# Something that takes its time: others' lives.
a_while() {
	local end=$((SECONDS + 3))
	while [ $SECONDS -lt $end ]; do
		status 0 caisson run --rm --name other "$IMAGE" true
	done
}

still() {
	local before more
	# Meanwhile it has told that it stands still.
	status 0 caisson state box
	before=$(used $VM)
	a_while
	# Who has told it may have had some more to do, once the machine let it.
	more=$(($(used $VM) - before))
	[ $more -le 3 ] || fail "a VM that is paused has used $more ticks"
}

test_stands_still() {
	local before
	# It would use all that there is.
	begin 'while :; do :; done'
	still
	status 0 caisson resume box
	before=$(used $VM)
	a_while
	[ "$(used $VM)" -gt "$before" ] || fail "it does not go on"
	status 0 caisson delete -f box
	is_clean
}

test_clock_is_set() {
	local now
	begin 'sleep 1000'
	a_while
	status 0 caisson resume box
	now=$(date +%s)
	status 0 caisson exec box date +%s
	# It may have been on its way for a while, but not for as long as the VM has stood still.
	[ "$(out)" -ge $((now - 2)) ] || fail "the time is $(out), not $now"
	status 0 caisson delete -f box
	is_clean
}

test_answers_while_paused() {
	begin 'sleep 1000'
	echo words >"$WORK/words"
	status 1 caisson pause box
	status 125 caisson exec box true
	has "$(err)" "cannot exec in a paused container"
	status 0 caisson state box
	has "$(out)" '"status": "paused"'
	status 0 caisson inspect box
	has "$(out)" '"init_rss_kb": '
	status 0 caisson ps box
	has "$(out)" 'sleep 1000'
	status 0 caisson events --stats box
	has "$(out)" '"memory"'
	status 0 caisson cp "$WORK/words" box:/words
	status 0 caisson cp box:/words -
	has "$(tar -xO <"$WORK/out")" words
	status 0 caisson diff box
	has "$(out)" /file
	status 0 caisson commit box box:1
	status 0 caisson state box
	has "$(out)" '"status": "paused"'
	still
	status 0 caisson resume box
	status 0 caisson exec box cat /words
	is "$(out)" words
	status 0 caisson delete -f box
	is_clean
}

test_killed() {
	begin 'sleep 1000'
	status 0 caisson kill -s KILL box
	status 0 caisson wait box
	is "$(out)" 137 "exit status"
	status 0 caisson delete box
	begin 'trap "exit 9" TERM; touch /up; while :; do sleep 0.1; done' 'until test -e /up; do sleep 0.1; done'
	status 0 caisson kill -s TERM box
	status 0 caisson state box
	has "$(out)" '"status": "paused"'
	status 0 caisson resume box
	status 0 caisson wait box
	is "$(out)" 9 "exit status"
	status 0 caisson delete box
	begin 'sleep 1000'
	status 0 caisson delete -f box
	is_clean
}

# Whoever pauses it in a row with others.
test_again_and_again() {
	begin 'sleep 1000'
	for _ in 1 2 3 4 5; do
		status 0 caisson resume box
		status 0 caisson exec box echo inside
		is "$(out)" inside
		status 0 caisson pause box
	done
	still
	kill -9 $VM
	is "$(caisson wait box 2>"$WORK/err" || true)" 137 "exit status"
	status 0 caisson delete box
	is_clean
}

run_tests "$@"
