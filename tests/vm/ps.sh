#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What runs in a container and what it uses, as OCI runtimes are asked; and what they are asked that is not
# done here.
. "$(dirname "$0")/../lib/lib.sh"

IMAGE=$(busybox_image)

# of EXPRESSION: of the JSON that the last `status` printed, as o
of() { out | python3 -c "import json, sys; o = json.load(sys.stdin); print($1)"; }

test_ps() {
	# What starts all of them says so.
	status 0 caisson run -d --name seen -u 5 "$IMAGE" sh -c 'sleep 1000 & sleep 2000 & wait'
	status 0 caisson exec seen sh -c 'until [ "$(ps | grep -c "[s]leep .000$")" = 2 ]; do sleep 0.1; done'
	status 0 caisson ps seen
	has "$(out | head -1)" "UID          PID    PPID  C STIME TTY          TIME CMD"
	is "$(out | awk '$2 == 1 {print $1, $3, $6, $8, $9}')" "5 0 ? sh -c" "its first process"
	is "$(out | awk '$8 == "sleep" {print $3, $9}' | sort)" "$(printf '1 1000\n1 2000')" "its children"
	status 0 caisson ps seen -ef
	is "$(out | wc -l)" 4 "lines"
	status 1 caisson ps seen aux
	one_sentence
	has "$(err)" "caisson exec NAME ps aux"
	status 0 caisson ps --format json seen
	is "$(of 'len(o)')" 1 "numbers"
	has "$(tr '\0' ' ' <"/proc/$(of 'o[0]')/cmdline")" "--id seen"
	status 0 caisson delete -f seen
	status 1 caisson ps seen
	has "$(err)" "does not exist"
	is_clean
}

test_ps_of_one_that_has_ended() {
	status 0 caisson run --name over "$IMAGE" true
	status 0 caisson ps over
	is "$(out | wc -l)" 1 "lines"
	status 0 caisson ps -f json over
	is "$(out)" null
	status 0 caisson delete over
	is_clean
}

test_ps_of_execs() {
	status 0 caisson run -d --name box "$IMAGE" sleep 1000
	mkfifo "$WORK/line"
	script -qec "caisson exec -t box sh -c 'echo up; exec sleep 3000'" /dev/null </dev/null >"$WORK/line" &
	read -r _ <"$WORK/line"
	# It has said so, and is not that program yet.
	status 0 caisson exec box sh -c 'until [ "$(pidof sleep | wc -w)" = 2 ]; do :; done'
	status 0 caisson ps box
	is "$(out | awk '$9 == 3000 {print $3, $6, $8}')" "0 pts/0 sleep"
	status 0 caisson pause box
	status 0 caisson ps box
	is "$(out | awk '$9 == 3000 {print $3, $6, $8}')" "0 pts/0 sleep" "of a paused one"
	status 0 caisson delete -f box
	wait
	is_clean
}

test_events() {
	status 0 caisson run -d --name busy -m 128M "$IMAGE" sh -c 'sleep 1000 & while :; do :; done'
	status 0 caisson exec busy sh -c 'until pidof sleep; do :; done'
	status 0 caisson events --stats busy
	is "$(out | wc -l)" 1 "lines"
	is "$(of 'o["type"], o["id"]')" "stats busy"
	before=$(of 'o["data"]["cpu"]["usage"]["user"]')
	[ "$(of '1 << 16 < o["data"]["memory"]["usage"]["usage"] < 128 << 20')" = True ] || fail "memory: $(out)"
	is "$(of 'o["data"]["memory"]["raw"]["anon"] > 0')" True
	is "$(of 'o["data"]["pids"]["current"]')" 2
	mkfifo "$WORK/events"
	caisson events --interval 100ms busy >"$WORK/events" &
	exec 3<"$WORK/events"
	read -r _ <&3
	read -r line <&3
	echo "$line" >"$WORK/out"
	is "$(of "o['data']['cpu']['usage']['user'] > $before")" True "its time goes on"
	# It goes on to the end, and no longer.
	status 0 caisson kill -s KILL busy
	cat <&3 >/dev/null
	wait $!
	exec 3<&-
	status 1 caisson events busy
	one_sentence
	has "$(err)" "not running"
	status 0 caisson delete busy
	for time in 0s 5 s 1d -1s; do
		status 1 caisson events --interval=$time busy
		one_sentence
	done
	is_clean
}

test_events_of_want_of_memory() {
	status 0 caisson run -d --name big "$IMAGE" sleep 1000
	echo '{"memory": {"limit": 16777216, "swap": 16777216}}' | caisson update -r - big
	mkfifo "$WORK/big"
	caisson events --interval 100ms big >"$WORK/big" &
	exec 3<"$WORK/big"
	read -r _ <&3
	status 137 caisson exec big sh -c 'x=1; while :; do x=$x$x; done'
	while read -r line <&3; do
		[[ $line != *'"oom"'* ]] || break
	done
	is "$line" '{"type":"oom","id":"big"}'
	exec 3<&-
	status 0 caisson delete -f big
	wait
	is_clean
}

test_spec() {
	mkdir -p "$WORK/bundle/rootfs/bin"
	cp /bin/busybox "$WORK/bundle/rootfs/bin/sh"
	status 0 caisson spec --bundle "$WORK/bundle"
	is "$(out)" ""
	status 1 caisson spec -b "$WORK/bundle"
	one_sentence
	has "$(err)" "exists"
	sed -i 's/"terminal": true/"terminal": false/; s/"sh"/"sh", "-c", "echo $0 $(id -u) $HOSTNAME; exit 3"/' \
		"$WORK/bundle/config.json"
	status 3 caisson run --rm --bundle "$WORK/bundle" made
	has "$(out)" "sh"
	status 1 caisson spec -b "$WORK/nowhere"
	one_sentence
	is_clean
}

test_what_is_not_supported() {
	status 1 caisson restore --detach -no-subreaper --bundle /x --image-path /x box
	one_sentence
	has "$(err)" "--bundle: containers of bundles are not saved"
	status 0 caisson checkpoint --help
	status 0 caisson restore --help
}

run_tests "$@"
