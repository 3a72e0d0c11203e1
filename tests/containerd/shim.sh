#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A real containerd with caisson's own shim: io.containerd.caisson.v2.
[ -n "${CAISSON_TEST_NETNS:-}" ] || CAISSON_TEST_NETNS=1 exec unshare --net "$0" "$@"
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/shim-lib.sh"

# What is in the image, in $WORK/rootfs
make_rootfs() {
	[ -d "$WORK/rootfs" ] || {
		mkdir "$WORK/rootfs"
		tar -xOf "$WORK/busybox.tar" --wildcards '*.tar' | tar -x -C "$WORK/rootfs"
	}
}

test_run() {
	status 3 run --rm $IMAGE one sh -c 'echo out; echo err >&2; exit 3'
	is "$(out)" out
	has "$(err)" err
	echo typed | status 0 run --rm --env A=b --cwd /tmp --read-only $IMAGE two \
		sh -c 'read -r x; echo $x $A; pwd; (touch /x) 2>&1; true'
	is "$(out)" "$(printf 'typed b\n/tmp\ntouch: /x: Read-only file system')"
	code=0
	on_terminal "ctr run --rm -t ${RUNTIME[*]@Q} $IMAGE three sh -c 'tty; exit 5'" || code=$?
	is $code 5 "exit status on a terminal"
	has "$(cat "$WORK/seen")" /dev/pts/0
	nothing_left one two three
}

test_what_cannot_be_executed() {
	local failed="OCI runtime create failed: runc create failed: unable to start container process"
	status 1 run --rm $IMAGE gone nonesuch
	has "$(err)" "$failed: exec: \"nonesuch\": executable file not found in \$PATH: unknown"
	status 1 run --rm $IMAGE forbidden /etc
	has "$(err)" "$failed: exec: \"/etc\": permission denied: unknown"
	run -d $IMAGE runs sleep 1000
	status 1 ctr task exec --exec-id e1 runs nonesuch
	is "$(err)" 'ctr: OCI runtime exec failed: exec failed: unable to start container process: exec: "nonesuch": executable file not found in $PATH: unknown'
	# caisson's own client has a status for that.
	status 127 in_namespace exec runs nonesuch
	is "$(err)" 'caisson: exec: "nonesuch": executable file not found in $PATH'
	status 126 in_namespace exec runs /etc
	end runs
	is "$(remove runs)" 137 "exit status"
	ctr container rm gone forbidden 2>/dev/null || true
	nothing_left gone forbidden runs
}

test_what_cannot_start() {
	status 1 run --rm --annotation io.caisson.nonesuch=1 $IMAGE bad true
	has "$(err)" "annotation io.caisson.nonesuch: caisson knows none of this name"
	status 1 run --rm --net-host $IMAGE host true
	has "$(err)" "the host's own network cannot be had in a VM: hostNetwork of a pod, or"
	status 1 run --rm --runtime-config-path "$WORK/none.toml" $IMAGE config true
	has "$(err)" "$WORK/none.toml"
	status 1 run --rm --annotation io.caisson.kernel=nonesuch $IMAGE kernel true
	has "$(err)" "nonesuch"
	cp "$CAISSON_CONFIG" "$WORK/before"
	echo 'settings.allow = ["kernel_append"]' >>"$CAISSON_CONFIG"
	status 1 run --rm --annotation io.caisson.kernel_append=rdinit=/nonesuch $IMAGE boot true
	mv "$WORK/before" "$CAISSON_CONFIG"
	has "$(err)" "the guest's kernel or init gave up; the guest's console ended with"
	ctr container rm bad host config kernel boot 2>/dev/null || true
	nothing_left bad host config kernel boot
}

# Whoever has removed a task removes what is above its control group next, however late the shim's last process ends.
test_group_goes_with_the_task() {
	local keeper
	run -d $IMAGE group sleep 1000
	has "$(control_groups)" /group
	keeper=$(pgrep -o -f "caisson-shim --id group ")
	end group
	trap 'kill -CONT "$keeper"' EXIT
	kill -STOP "$keeper"
	is "$(remove group)" 137 "exit status"
	is "$(control_groups)" "" "control groups"
	kill -CONT "$keeper"
	trap - EXIT
	nothing_left group
}

test_life() {
	run -d --log-uri "file://$WORK/life.log" $IMAGE life \
		sh -c 'trap "exit 4" TERM; echo up; while :; do sleep 0.1; done'
	status 0 ctr task ls
	has "$(out)" RUNNING
	pid=$(out | awk '$1 == "life" {print $2}')
	is "$(cat "/proc/$pid/comm")" caisson-shim "the process that stands for it"
	is "$(cat "/proc/$pid/oom_score_adj")" $(($(cat "/proc/$(cat "$WORK/containerd.pid")/oom_score_adj") + 1)) "its turn when memory runs out"
	[ -e "/proc/$pid/root/etc/passwd" ] || fail "its files are not those of its number"
	[ ! -e "/proc/$pid/root$WORK" ] || fail "the host's files are those of its number"
	status 0 ctr task ps life
	has "$(out)" "$pid"
	status 6 ctr task exec --exec-id e1 --user 5:6 --cwd /tmp life sh -c 'id -u; pwd; exit 6'
	is "$(out)" "$(printf '5\n/tmp')"
	echo typed | status 0 ctr task exec --exec-id e2 life cat
	is "$(out)" typed
	code=0
	on_terminal "ctr task exec -t --exec-id e3 life sh -c 'tty; exit 7'" || code=$?
	is $code 7 "exit status on a terminal"
	has "$(cat "$WORK/seen")" /dev/pts/
	status 0 ctr task exec -d --exec-id e4 life sleep 1000
	status 0 ctr task kill -s KILL --exec-id e4 life
	status 0 ctr task metrics life
	has "$(out)" memory
	status 0 ctr task pause life
	status 0 ctr task ls
	has "$(out)" PAUSED
	status 0 ctr task resume life
	status 0 in_namespace list
	has "$(out)" life
	status 0 in_namespace exec life echo within
	is "$(out)" within
	end life TERM
	is "$(remove life)" 4 "exit status"
	is "$(head -1 "$WORK/life.log")" up "log"
	nothing_left life
}

test_events() {
	follow_events
	run -d $IMAGE told sleep 1000
	ctr task exec --exec-id e1 told true
	ctr task pause told
	ctr task resume told
	ctr task exec -d --exec-id e2 told sleep 1000
	ctr task kill -s KILL told
	until_event 'exit {"container_id":"told","id":"told"'
	is "$SEEN" " create start exec-added exec-started exit paused resumed exec-added exec-started exit exit"
	is "$(remove told)" 137 "exit status"
	until_event delete
	events_end
	nothing_left told
}

test_memory_runs_out() {
	run -d --memory-limit 100000000 $IMAGE eater sleep 1000
	follow_events
	ctr task exec --exec-id e1 eater sh -c 'x=a; while :; do x=$x$x; done' >/dev/null 2>&1 || true
	until_event 'oom {"container_id":"eater"}'
	events_end
	end eater
	is "$(remove eater)" 137 "exit status"
	nothing_left eater
}

# It has ended while containerd was away.
test_ended_meanwhile() {
	run -d $IMAGE brief sleep 1000
	stop_containerd KILL
	status 0 in_namespace kill -s KILL brief
	status 0 in_namespace wait brief
	is "$(out)" 137
	start_containerd
	is "$(ctr task ls | awk '$1 == "brief" {print $3}')" STOPPED
	is "$(remove brief)" 137 "exit status"
	nothing_left brief
}

test_root_of_somebodys() {
	make_rootfs
	echo here >"$WORK/rootfs/mark"
	status 0 run --rm --null-io --rootfs "$WORK/rootfs" root /bin/sh -c "/bin/cat /mark >/copy"
	is "$(cat "$WORK/rootfs/copy")" here
	nothing_left root
}

# hooks_of STATUS: a bundle whose hooks write what they see to $WORK/hooked; createRuntime ends with that
hooks_of() {
	cat >"$WORK/hook" <<-END
		#!/bin/sh
		pid=\$(grep -o '"pid":[0-9]*' | cut -d : -f 2)
		[ "\$pid" = 0 ] || [ "\$(readlink /proc/\$pid/ns/net)" != "\$(readlink /proc/self/ns/net)" ] || exit 9
		echo "\$1 \$(cat "/proc/\$pid/comm" 2>/dev/null)" >>$WORK/hooked
		[ "\$1" != createRuntime ] || { echo as it was told >&2; exit $1; }
	END
	chmod +x "$WORK/hook"
	ctr oci spec | jq --arg root "$WORK/rootfs" --arg hook "$WORK/hook" '.root.path = $root |
		.process.args = ["/bin/echo", "hooked"] | .process.terminal = false |
		.hooks = {prestart: [{path: $hook, args: ["x", "prestart"]}],
			createRuntime: [{path: $hook, args: ["x", "createRuntime"]}],
			poststop: [{path: $hook, args: ["x", "poststop"]}]}' >"$WORK/hooks.json"
}

test_hooks() {
	local early
	early="$(printf 'prestart caisson-shim\ncreateRuntime caisson-shim\npoststop ')"
	make_rootfs
	hooks_of 0
	status 0 run --rm --config "$WORK/hooks.json" hooked
	is "$(out)" hooked
	is "$(cat "$WORK/hooked")" "$early"
	rm "$WORK/hooked"
	hooks_of 7
	status 1 run --rm --config "$WORK/hooks.json" unhooked
	has "$(err)" "ended with status 7: as it was told"
	is "$(cat "$WORK/hooked")" "$early"
	ctr container rm unhooked 2>/dev/null || true
	nothing_left hooked unhooked
}

test_two_at_once() {
	run -d $IMAGE this sh -c 'echo this >/mine; sleep 1000' &
	run -d $IMAGE that sh -c 'echo that >/mine; sleep 1000'
	wait $!
	for id in this that; do
		status 0 ctr task exec --exec-id e1 $id sh -c 'until [ -s /mine ]; do sleep 0.1; done; cat /mine'
		is "$(out)" $id
	done
	end this
	is "$(remove this)" 137 "exit status"
	status 0 ctr task exec --exec-id e2 that cat /mine
	end that
	is "$(remove that)" 137 "exit status"
	nothing_left this that
}

# What it has started goes on without it, and what it prints meanwhile is not lost.
test_containerd_killed() {
	mkfifo "$WORK/tick"
	run -d --log-uri "file://$WORK/ticks" $IMAGE stays sh -c 'i=0; while :; do echo $i; i=$((i + 1)); sleep 0.1; done'
	pid=$(ctr task ls | awk '$1 == "stays" {print $2}')
	stop_containerd KILL
	before=$(wc -l <"$WORK/ticks")
	until [ "$(wc -l <"$WORK/ticks")" -gt $((before + 3)) ]; do :; done
	start_containerd
	status 0 ctr task ls
	is "$(out | awk '$1 == "stays" {print $2, $3}')" "$pid RUNNING"
	status 0 ctr task exec --exec-id e1 stays echo alive
	is "$(out)" alive
	before=$(wc -l <"$WORK/ticks")
	until [ "$(wc -l <"$WORK/ticks")" -gt $((before + 3)) ]; do :; done
	before=$(wc -l <"$WORK/ticks")
	head -n "$before" "$WORK/ticks" | cmp - <(seq 0 $((before - 1)))
	end stays
	is "$(remove stays)" 137 "exit status"
	nothing_left stays
}

# Whoever asks for a shim that is there is told where; whoever asks to have one removed that is not, that it is gone.
test_program() {
	local keeper
	run -d $IMAGE asked sleep 1000
	keeper=$(ctr task ls | awk '$1 == "asked" {print $2}')
	status 0 shim asked start </dev/null
	is "$(out)" "unix://$(socket_of asked)"
	is "$(err)" ""
	is "$(pgrep -f "caisson-shim --id asked " | head -1)" "$keeper" "the only shim"
	is "$(stat -c %a "$(socket_of asked)")" 600 "mode of the socket"
	end asked
	is "$(remove asked)" 137 "exit status"
	for _ in 1 2; do
		status 0 shim asked -bundle /no/such/bundle delete
		is "$(err)" ""
		deleted_with 137
	done
	status 0 containerd-shim-caisson-v2 -v
	has "$(out)" "containerd-shim-caisson-v2 version"
	for option in -h --help; do
		status 0 containerd-shim-caisson-v2 $option
		has "$(out)" "Usage: containerd-shim-caisson-v2 -namespace NAMESPACE"
		is "$(err)" ""
	done
	mkdir "$WORK/empty"
	cd "$WORK/empty" || return
	status 1 containerd-shim-caisson-v2 -namespace x -id y -address /no/such start </dev/null
	is "$(err)" "$WORK/empty is no bundle: there is neither config.json, as a container has it, nor the folder rootfs of a sandbox"
	cd "$TOP" || return
	status 0 containerd-shim-caisson-v2 -info </dev/null
	has "$(tr -d '\0' <"$WORK/out")" io.containerd.caisson.v2
	status 1 containerd-shim-caisson-v2
	is "$(wc -l <"$WORK/err")" 1 "lines on stderr"
	nothing_left asked
}

# Of a shim that was killed, with nobody who had the rest removed, nothing is in the way of the next one's.
test_by_hand() {
	local address
	make_rootfs
	mkdir "$WORK/bundle"
	hooks_of 0
	jq 'del(.hooks)' "$WORK/hooks.json" >"$WORK/bundle/config.json"
	cd "$WORK/bundle" || return
	for _ in 1 2; do
		status 0 shim hand start </dev/null
		address=$(out)
		is "$address" "unix://$(socket_of hand)"
		is "$(cat address)" "$address"
		pids=$(pgrep -f "caisson-shim --id hand ")
		# shellcheck disable=SC2086 # one word a process
		kill -KILL $pids
		# shellcheck disable=SC2086 # one word a process
		"$TOP/tests/lib/await-end" 60 $pids
	done
	status 0 shim hand start </dev/null
	status 0 shim hand -bundle "$WORK/bundle" delete
	deleted_with 137
	nothing_left hand
}

# One that neither answers nor ends is killed, and all that it has started.
test_shim_stopped() {
	local keeper pids
	run -d $IMAGE mute sleep 1000
	keeper=$(ctr task ls | awk '$1 == "mute" {print $2}')
	pids="$keeper $(descendants "$keeper")"
	kill -STOP $pids
	status 0 timeout 5 containerd-shim-caisson-v2 -namespace "$CONTAINERD_NAMESPACE" -address "$CONTAINERD_ADDRESS" \
		-id mute -bundle "$WORK/state/io.containerd.runtime.v2.task/$CONTAINERD_NAMESPACE/mute" delete
	deleted_with 137
	"$TOP/tests/lib/await-end" 60 $pids
	ctr task rm -f mute >/dev/null 2>&1 || true
	ctr container rm mute
	nothing_left mute
}

# What it has printed while nobody read is there for whoever comes.
test_attach() {
	run -d $IMAGE talks sh -c 'seq 1 30000; sleep 1000' >/dev/null
	: >"$WORK/seen"
	ctr task attach talks >>"$WORK/seen" &
	attached=$!
	exec 3< <(tail -n +1 -f --pid=$attached "$WORK/seen")
	grep -q -m 1 -x 30000 <&3
	exec 3<&-
	end talks
	wait $attached || is $? 137 "exit status of attach"
	seq 1 30000 | cmp - "$WORK/seen"
	ctr container rm talks
	nothing_left talks
}

# A program that logs has all of it, and ends with it.
test_log_program() {
	cat >"$WORK/logger" <<-'END'
		#!/bin/sh
		exec 5>&-
		{ echo "$CONTAINER_ID $*"; cat <&3; cat <&4; } >"$2"
	END
	chmod +x "$WORK/logger"
	run -d --log-uri "binary://$WORK/logger?file=$WORK/logged" $IMAGE logs sh -c 'echo err >&2; echo out; sleep 1000'
	exec 3< <(tail -n +1 -F --pid=$$ "$WORK/logged" 2>/dev/null)
	grep -q -m 1 out <&3
	exec 3<&-
	end logs
	is "$(remove logs)" 137 "exit status"
	is "$(cat "$WORK/logged")" "$(printf 'logs file %s\nout\nerr' "$WORK/logged")"
	status 1 run -d --log-uri "binary:///no/such/logger" $IMAGE none true
	has "$(err)" "cannot start /no/such/logger"
	ctr container rm none
	echo "no script" >"$WORK/text"
	chmod +x "$WORK/text"
	status 1 run -d --log-uri "binary://$WORK/text" $IMAGE text true
	has "$(err)" "cannot start $WORK/text: exec format error: it is no program"
	ctr container rm text
	nothing_left logs none text
}

# ctr encodes what has a blank.
test_log_file_with_a_blank() {
	run -d --log-uri "file://$WORK/with a blank/log" $IMAGE writes sh -c 'echo out; sleep 1000'
	exec 3< <(tail -n +1 -F --pid=$$ "$WORK/with a blank/log" 2>/dev/null)
	grep -q -m 1 out <&3
	exec 3<&-
	end writes
	is "$(remove writes)" 137 "exit status"
	[ ! -e "$WORK/with%20a%20blank" ] || fail "its name is not decoded"
	nothing_left writes
}

# Whichever half of its shim is killed, or told to end: it has ended, and nothing is left of it.
test_shim_killed() {
	local victim keeper
	for victim in keeper shim both told "$SHARER"; do
		run -d $IMAGE killed sleep 1000
		keeper=$(ctr task ls | awk '$1 == "killed" {print $2}')
		follow_events
		case $victim in
		keeper) kill -KILL "$keeper" ;;
		shim) kill -KILL "$(pgrep -P "$keeper")" ;;
		told) kill -TERM "$(pgrep -P "$keeper")" ;;
		both) kill -KILL "$(pgrep -P "$keeper")" "$keeper" ;;
		*) pkill -KILL -P "$(pgrep -P "$keeper")" "$victim" ;;
		esac
		until_event '"id":"killed"'
		events_end
		ctr task rm -f killed >/dev/null 2>&1 || true
		ctr container rm killed
		nothing_left killed
	done
}

# Prometheus is told of all namespaces that there are, execs of ctr's too.
test_metrics() {
	run -d $IMAGE told sleep 1000
	status 0 ctr task exec --exec-id e1 told true
	status 0 caisson metrics
	labels="root=\"$RECORDS\",vm=\"told\""
	has "$(out)" "caisson_vm_up{$labels} 1"
	has "$(out)" "caisson_vm_exec_start_seconds_count{$labels} 1"
	has "$(out)" "caisson_container_processes{$labels,id=\"told\"} 1"
	follow_events
	ctr task kill -s KILL told
	until_event '"id":"told"'
	events_end
	is "$(remove told)" 137 "exit status"
	nothing_left told
}

run_tests "$@"
