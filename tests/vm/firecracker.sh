#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is Firecracker's alone: its jail, its API, and what becomes of a VM when it does not do as it should.
. "$(dirname "$0")/../lib/lib.sh"

# A real one makes no mistakes when it is told to, has one version, and no QEMU.
export STANDINS="test_faults test_versions test_idle_memory"
use_firecracker
IMAGE=$(busybox_image)
caisson run --rm "$IMAGE" true 2>/dev/null

# The shim is two processes, and in a jail Firecracker has a guard in between.
server_of() { pgrep -P "$(caisson state "$1" | jq .pid)"; }
guard_of() { pgrep -P "$(server_of "$1")"; }
firecracker_of() { pgrep -P "$(guard_of "$1")"; }

test_run() {
	status 7 caisson run --rm "$IMAGE" sh -c 'echo out; echo err >&2; exit 7'
	is "$(out) $(err)" "out err"
	is "$(echo typed | caisson run --rm -i "$IMAGE" cat)" typed
	status 125 caisson run --rm --machine q35 "$IMAGE" true
	one_sentence
	has "$(err)" "Firecracker is no full PC: try --hypervisor qemu, or another --machine"
	status 125 caisson run --rm --cpus 33 "$IMAGE" true
	has "$(err)" "Firecracker has no more than 32 CPUs"
	status 125 caisson run --rm --network passt "$IMAGE" true
	one_sentence
	has "$(err)" "Firecracker has no network interfaces but taps: try --hypervisor qemu, or --network none"
	is_clean
}

# A user of its own, who sees nothing of the host; and nobody else sees the jail.
test_jail() {
	status 0 caisson run -d --name one "$IMAGE" sleep 1000
	status 0 caisson run -d --name two "$IMAGE" sleep 1000
	local one two
	one=$(firecracker_of one) two=$(firecracker_of two)
	for pid in $one $two; do
		[ "$(stat -c %u "/proc/$pid")" -ge 1879048192 ] || fail "user $(stat -c %u "/proc/$pid") runs Firecracker"
		is "$(grep CapEff "/proc/$pid/status" | tr -d '\t ')" CapEff:0000000000000000
		[ "$(readlink "/proc/$pid/root")" != / ] || fail "Firecracker is in no jail"
	done
	[ "$(stat -c %u "/proc/$one")" != "$(stat -c %u "/proc/$two")" ] || fail "two VMs have one user"
	is "$(grep -c "$CAISSON_RUN/one/jail" /proc/self/mountinfo)" 0 "mounts of the jail on the host"
	is "$(find "$CAISSON_ROOT/containers" ! -uid 0)" "" "files that were given away"
	is "$(cat "$CAISSON_RUN/one/firecracker/firecracker.log" | grep -c 'Running Firecracker')" 1
	status 0 caisson delete -f one two
	is_clean
}

# No two VMs of the machine have the same user, wherever their folders are.
test_users() {
	local name users
	for name in one two; do
		mkdir "$WORK/$name"
		ln -s /var/cache/caisson/kernels "$WORK/$name"
		export CAISSON_RUN="$WORK/run/$name" CAISSON_CACHE="$WORK/$name"
		status 0 caisson run -d --name $name "$IMAGE" sleep 1000
		users+=$(stat -c %u "/proc/$(firecracker_of $name)")$'\n'
	done
	is "$(sort -u <<<"${users%?}" | wc -l)" 2 "users of two VMs"
	for name in one two; do
		CAISSON_RUN="$WORK/run/$name" status 0 caisson delete -f $name
		rmdir "$WORK/run/$name"
	done
	export CAISSON_RUN="$WORK/run"
	unset CAISSON_CACHE
	is_clean
}

test_without_jail() {
	use_firecracker
	echo 'firecracker.jailer = false' >>"$CAISSON_CONFIG"
	status 0 caisson run -d --name free "$IMAGE" sleep 1000
	is "$(stat -c '%u %N' "/proc/$(guard_of free)/root")" "0 '/proc/$(guard_of free)/root' -> '/'"
	status 0 caisson delete -f free
	is_clean
}

test_without_api() {
	for jailer in true false; do
		use_firecracker
		printf 'firecracker.api = false\nfirecracker.jailer = %s\n' $jailer >>"$CAISSON_CONFIG"
		status 3 caisson run --rm "$IMAGE" sh -c 'exit 3'
		status 0 caisson run -d --name mute "$IMAGE" sleep 1000
		status 0 caisson pause mute
		status 0 caisson resume mute
		status 0 caisson exec mute true
		is "$(caisson inspect mute | jq .firecracker_socket)" null
		status 0 caisson delete -f mute
	done
	is_clean
}

# A line for the start, and one each time that it is asked; nothing of it stays.
test_metrics() {
	local file n
	for jailer in true false; do
		use_firecracker
		echo "firecracker.jailer = $jailer" >>"$CAISSON_CONFIG"
		status 0 caisson run -d --name counted "$IMAGE" sleep 1000
		file=$(caisson inspect counted | jq -r .firecracker_metrics)
		is "$file" "$CAISSON_RUN/counted/firecracker.metrics"
		is "$(stat -c '%u %a' "$file")" "0 600"
		n=$(wc -l <"$file")
		[ "$n" -gt 1 ] || fail "$n lines"
		for i in 1 2 3; do
			caisson inspect counted >/dev/null
			is "$(wc -l <"$file")" $((n + i)) lines
		done
		is "$(jq -s 'map(has("utc_timestamp_ms")) | unique' -c <"$file")" "[true]"
		status 0 caisson pause counted
		caisson inspect counted >/dev/null
		is "$(wc -l <"$file")" $((n + 4)) "lines of one that is paused"
		status 0 caisson delete -f counted
		[ ! -e "$file" ] || fail "$file is left"
	done
	use_firecracker
	is_clean
}

test_pause() {
	status 0 caisson run -d --name box "$IMAGE" sh -c 'while :; do date +%s%N >/now; done'
	status 0 caisson pause box
	is "$(api box /)" Paused
	status 0 caisson resume box
	is "$(api box /)" Running
	status 0 caisson exec box true
	status 0 caisson delete -f box
	is_clean
}
api() { curl -sf --unix-socket "$(caisson inspect "$1" | jq -r .firecracker_socket)" "http://localhost$2" | jq -r .state; }

# Two VMs that write to one disk would destroy what is on it.
test_disk_in_use() {
	status 0 caisson run -d --name holder --disk "$WORK/held.img,/d,16M" "$IMAGE" sleep 1000
	run_refused "the disk $WORK/held.img is in use by another container" --disk "$WORK/held.img,/d"
	status 0 caisson delete -f holder
	status 0 caisson run --rm --disk "$WORK/held.img,/d" "$IMAGE" true
	is_clean
}

# Whatever answers, or does not: one sentence, and nothing is left.
test_faults() {
	local fault words
	while IFS='|' read -r fault words; do
		STANDIN_FAULT=$fault status 125 caisson run --rm "$IMAGE" true </dev/null
		one_sentence
		has "$(err)" "caisson: $words"
		[ "$(wc -c <"$WORK/err")" -lt 1200 ] || fail "$fault: $(wc -c <"$WORK/err") bytes"
	done <<-EOF
		GET /version:die|Firecracker ended (status 1): Error: the stand-in was told to die
		GET /version:garbage|Firecracker gave no answer to GET /version
		GET /version:500|Firecracker refused GET /version: the stand-in was told to answer 500
		GET /version:half|what answers is no Firecracker: it tells no version
		PUT /boot-source:lines|Firecracker refused PUT /boot-source: this is line 0 of what went wrong this is line 1
		PUT /vsock:close|Firecracker gave no answer to PUT /vsock
		PUT /vsock:huge|Firecracker's answer to PUT /vsock has more than 65536 bytes
		PUT /drives/disk0:400|Firecracker refused PUT /drives/disk0: the stand-in was told to answer 400
		PUT /actions:die|Firecracker ended (status 1): Error: the stand-in was told to die
		PUT /entropy:after|Firecracker ended (status 1): Error: the machine is beyond repair
	EOF
	STANDIN_FAULT="PUT /vsock:late=300" status 0 caisson run --rm "$IMAGE" true
	for fault in never stuck; do
		STANDIN_FAULT="PUT /vsock:$fault" status 125 caisson run --rm --boot-timeout 2 "$IMAGE" true
		has "$(err)" "the guest did not get ready within 2 s"
	done
	is_clean
}

# Programs that have its name.
test_others() {
	mkdir "$WORK/others"
	printf '#!/bin/sh\necho usage: something >&2\nexit 2\n' >"$WORK/others/firecracker"
	chmod 755 "$WORK/others/firecracker"
	echo 'firecracker.jailer = false' >>"$CAISSON_CONFIG"
	PATH=$WORK/others:$PATH status 125 caisson run --rm "$IMAGE" true
	has "$(err)" "usage: something"
	mkdir "$WORK/none"
	ln -s "$TOP/build/bin/caisson" "$(command -v qemu-system-x86_64)" "$WORK/none"
	PATH=$WORK/none status 125 caisson run --rm "$IMAGE" true
	has "$(err)" "firecracker is not installed"
	use_firecracker
	PATH=$WORK/none status 125 caisson run --rm "$IMAGE" true
	has "$(err)" "firecracker is not installed"
	ln -s "$(command -v firecracker)" "$WORK/none"
	PATH=$WORK/none status 125 caisson run --rm "$IMAGE" true
	has "$(err)" "jailer is not installed"
	is_clean
}

test_versions() {
	local version
	for version in 1.4.1 1.7.0 1.16.0; do
		STANDIN_VERSION=$version status 4 caisson run --rm "$IMAGE" sh -c 'exit 4'
	done
	is_clean
}

# What it has used goes back to the host: the file that is the guest's memory gets holes.
test_idle_memory() {
	local used
	export STANDIN_VERSION=1.16.0
	status 0 caisson run -d --name idle --tmpfs /t:size=150M -m 256M "$IMAGE" sleep 1000
	status 0 caisson exec idle dd if=/dev/zero of=/t/much bs=1M count=120
	used=$(memory_of idle)
	[ "$used" -gt 120 ] || fail "$used MiB are used"
	status 0 caisson exec idle rm /t/much
	timeout 60 sh -c "until [ \"\$(stat -Lc %b $(memory_file idle))\" -lt $(((used - 80) * 2048)) ]; do caisson exec idle true; done" ||
		fail "$(memory_of idle) MiB are used still, of $used"
	status 0 caisson delete -f idle
	unset STANDIN_VERSION
	is_clean
}
# The guest's memory, a file that the stand-in's QEMU has open, and how many MiB of it there are.
memory_file() {
	local pid
	for pid in $(vmm_of "$1"); do
		find "/proc/$pid/fd" -lname '/memfd:memory-backend*' 2>/dev/null
	done | head -n 1
}
memory_of() { echo $(($(stat -Lc %b "$(memory_file "$1")") / 2048)); }

# Whoever dies, all go.
test_killed() {
	local who
	for who in firecracker guard server keeper; do
		status 0 caisson run -d --name box "$IMAGE" sleep 1000
		victim "$who"
		kill -9 "$VICTIM"
		status 137 sh -c 'exit $(caisson wait box)'
		status 0 caisson delete -f box
		is_clean
	done
}

# The guard is the first process of the PID namespace, a child of the server, which is one of the keeper.
victim() {
	case $1 in
	firecracker) VICTIM=$(firecracker_of box) ;;
	guard) VICTIM=$(guard_of box) ;;
	server) VICTIM=$(server_of box) ;;
	keeper) VICTIM=$(caisson state box | jq .pid) ;;
	esac
}

run_tests "$@"
