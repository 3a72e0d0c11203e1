#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `caisson metrics`: what is told of VMs that run, that one that does not answer is in nobody's way, and who is listened to.
. "$(dirname "$0")/../lib/lib.sh"

IMAGE=$(busybox_image)
# Where containers of a namespace of containerd's would be.
ELSEWHERE=/run/caisson/containerd/test-$$

serve() {
	mkfifo "$WORK/says"
	caisson "$@" >"$WORK/says" 2>"$WORK/server-err" &
	SERVER=$!
	trap 'kill $SERVER 2>/dev/null || true' EXIT
	read -r LINE <"$WORK/says" || true
	rm "$WORK/says"
}

end_server() {
	kill -TERM $SERVER
	wait $SERVER
}

# figure NAME LABELS: the value of a sample in what the last `status` printed
figure() { out | awk -v name="$1{root=\"$CAISSON_ROOT\",$2}" '$1 == name {print $2}'; }

# answered NAME VMS COMMAND...: it has that sample of each of them. Who has not answered within 2 s is left out, as on a
# busy machine anybody may be: it is asked again.
answered() {
	local name=$1 vms=$2 vm
	shift 2
	while :; do
		status 0 "$@"
		for vm in $vms; do
			out | grep -qF "$name{root=\"$CAISSON_ROOT\",vm=\"$vm\"" || continue 2
		done
		return
	done
}

test_nothing_runs() {
	status 0 caisson --root "$WORK/none" metrics
	has "$(out)" "# TYPE caisson_vms gauge"
	is "$(out | grep -cv '^#')" 2 "samples"
	is "$(err)" ""
}

test_two_containers() {
	status 0 caisson run -d --name one --memory 128M "$IMAGE" sleep 1000
	status 0 caisson run -d --name two "$IMAGE" sh -c 'sleep 1000 & wait'
	status 0 caisson exec two sh -c 'until pidof sleep; do :; done'
	status 0 caisson exec one true
	status 0 caisson exec one true
	status 127 caisson exec one nonesuch
	serve metrics --listen "unix:$WORK/metrics.sock"
	is "$LINE" "listening on unix:$WORK/metrics.sock"
	is "$(stat -c %a "$WORK/metrics.sock")" 600 "its mode"
	answered caisson_container_processes "one two" curl -sSi --unix-socket "$WORK/metrics.sock" http://caisson/metrics
	has "$(out)" "HTTP/1.1 200 OK"
	has "$(out)" "Content-Type: text/plain; version=0.0.4; charset=utf-8"
	is "$(out | grep -F "caisson_vms{root=\"$CAISSON_ROOT\"")" \
		"caisson_vms{root=\"$CAISSON_ROOT\",hypervisor=\"$HYPERVISOR\",state=\"running\"} 2"
	for id in one two; do
		is "$(figure caisson_vm_up "vm=\"$id\"")" 1
		for phase in prepare launch boot create start; do
			is "$(figure caisson_vm_start_phase_seconds "vm=\"$id\",phase=\"$phase\"" |
				grep -cE '^[0-9]+\.[0-9]{6}$')" 1 "$phase of $id"
		done
		for part in shim vmm guest; do
			[ "$(figure caisson_vm_host_memory_bytes "vm=\"$id\",part=\"$part\"")" -gt 100000 ] ||
				fail "$part of $id: $(out)"
		done
		# Of one in a jail there is a guard, too.
		is "$(figure caisson_vm_host_processes "vm=\"$id\",part=\"shim\"")" "$([ $HYPERVISOR = qemu ] && echo 2 || echo 3)" \
			"keeper and shim"
		[ "$(figure caisson_container_memory_used_bytes "vm=\"$id\",id=\"$id\"")" -gt 10000 ] || fail "$(out)"
	done
	is "$(figure caisson_container_memory_limit_bytes 'vm="one",id="one"')" $((128 << 20))
	is "$(figure caisson_container_processes 'vm="one",id="one"'),$(figure caisson_container_processes 'vm="two",id="two"')" 1,2
	is "$(figure caisson_vm_exec_start_seconds_count 'vm="one"')" 2 "execs that ran"
	is "$(figure caisson_vm_exec_start_seconds_bucket 'vm="one",le="+Inf"')" 2
	is "$(figure caisson_vm_exec_start_seconds_count 'vm="two"')" 1
	# What is paused is not woken to be asked.
	status 0 caisson pause two
	answered caisson_vm_start_phase_seconds "one two" caisson metrics
	has "$(out)" 'state="paused"} 1'
	is "$(figure caisson_container_processes 'vm="two",id="two"')" ""
	is "$(figure caisson_vm_exec_start_seconds_count 'vm="two"')" 1
	end_server
	[ ! -e "$WORK/metrics.sock" ] || fail "the socket is left"
	status 0 caisson delete -f one two
	status 0 caisson metrics
	is "$(figure caisson_vm_up 'vm="one"')" ""
	is_clean
}

test_one_that_does_not_answer() {
	status 0 caisson run -d --name well "$IMAGE" sleep 1000
	status 0 caisson run -d --name mute "$IMAGE" sleep 1000
	shim=$(pgrep -P "$(caisson state mute | jq .pid)")
	kill -STOP "$shim"
	answered caisson_vm_start_phase_seconds well timeout 60 caisson metrics
	kill -CONT "$shim"
	is "$(figure caisson_vm_up 'vm="mute"'),$(figure caisson_vm_up 'vm="well"')" 0,1
	has "$(out)" 'state="unknown"} 1'
	is "$(figure caisson_vm_host_processes 'vm="mute",part="shim"')" ""
	answered caisson_vm_start_phase_seconds mute caisson metrics
	is "$(figure caisson_vm_up 'vm="mute"')" 1
	status 0 caisson delete -f well mute
	is_clean
}

test_namespaces() {
	trap 'caisson --root $ELSEWHERE delete -f there >/dev/null 2>&1; rm -rf $ELSEWHERE' EXIT
	status 0 env -u CAISSON_ROOT -u CAISSON_RUN caisson --root "$ELSEWHERE" run -d --name there "$IMAGE" sleep 1000
	until status 0 caisson metrics && [[ $(out) = *"caisson_vm_up{root=\"$ELSEWHERE\",vm=\"there\"} 1"* ]]; do :; done
	status 0 caisson --root "$WORK/none" metrics
	is "$(out | grep -c 'vm="there"')" 0 "of other folders"
	status 0 caisson --root "$ELSEWHERE" delete -f there
	is_clean
}

test_loopback() {
	serve metrics --listen 127.0.0.1:0
	status 0 curl -sSf "http://${LINE#listening on }/metrics"
	has "$(out)" "caisson_build_info"
	status 22 curl -sSf "http://${LINE#listening on }/"
	has "$(err)" 404
	status 22 curl -sSf -d x=1 "http://${LINE#listening on }/metrics"
	has "$(err)" 405
	status 0 curl -sSf "http://${LINE#listening on }/metrics?collect=all"
	has "$(out)" "caisson_build_info"
	status 0 curl -sSfI "http://${LINE#listening on }/metrics"
	has "$(out)" "HTTP/1.1 200 OK"
	# Who says nothing keeps nobody from it, and the end neither.
	exec 5<>"/dev/tcp/127.0.0.1/${LINE##*:}"
	status 0 curl -sSf "http://${LINE#listening on }/metrics"
	end_server
	exec 5>&-
	for address in 0.0.0.0:9100 localhost:9100 9100 '[::]:9100' unix: ; do
		status 1 caisson metrics --listen "$address"
		one_sentence
	done
	has "$(err)" "which path?"
	status 1 caisson metrics --listen "unix:$WORK/nowhere/metrics.sock"
	one_sentence
	is_clean
}

# Nobody loses what is there by that path.
test_paths() {
	echo words >"$WORK/file"
	status 1 caisson metrics --listen "unix:$WORK/file"
	has "$(err)" "unix:$WORK/file: what is there is no socket"
	one_sentence
	is "$(cat "$WORK/file")" words
	serve metrics --listen "unix:$WORK/metrics.sock"
	status 1 caisson metrics --listen "unix:$WORK/metrics.sock"
	has "$(err)" "Address already in use"
	status 0 curl -sSf --unix-socket "$WORK/metrics.sock" http://caisson/metrics
	kill -KILL $SERVER
	wait $SERVER || true
	[ -S "$WORK/metrics.sock" ] || fail "there is no socket left"
	serve metrics --listen "unix:$WORK/metrics.sock"
	status 0 curl -sSf --unix-socket "$WORK/metrics.sock" http://caisson/metrics
	end_server
	[ ! -e "$WORK/metrics.sock" ] || fail "the socket is left"
	rm "$WORK/file"
	is_clean
}

run_tests "$@"
