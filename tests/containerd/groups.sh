#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Several containers in one VM, as in a pod: of containerd's, with caisson's own shim.
[ -n "${CAISSON_TEST_NETNS:-}" ] || CAISSON_TEST_NETNS=1 exec unshare --net "$0" "$@"
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/shim-lib.sh"

GROUP=io.kubernetes.cri.sandbox-id
KIND=io.kubernetes.cri.container-type

# begin ID COMMAND...: the first container of a group of its name; options of `ctr run` in OPTIONS
begin() {
	ctr run -d "${RUNTIME[@]}" "${OPTIONS[@]}" --annotation $GROUP="$1" --annotation $KIND=sandbox \
		$IMAGE "$@"
	PID=$(pid_of "$1")
	FIRST=$1
}

# pid_of ID: the number that containerd has of it
pid_of() { ctr task ls | awk -v id="$1" '$1 == id {print $2}'; }

# join ID COMMAND...: one more of the same
join() {
	ctr run -d "${RUNTIME[@]}" "${OPTIONS[@]}" --annotation $GROUP="$FIRST" --annotation $KIND=container \
		--with-ns network:/proc/"$PID"/ns/net --with-ns ipc:/proc/"$PID"/ns/ipc \
		--with-ns uts:/proc/"$PID"/ns/uts $IMAGE "$@"
}

# in ID COMMAND...: executed there
in_one() {
	N=$((N + 1))
	ctr task exec --exec-id "e$N" "$@"
}
N=0
OPTIONS=()

# end ID: kill it, and delete it
end() {
	ctr task rm -f "$1" >/dev/null 2>&1 || true
	ctr container rm "$1"
}

# in_one_vm ID ID: are they?
in_one_vm() {
	local boot=/proc/sys/kernel/random/boot_id
	is "$(in_one "$1" cat $boot)" "$(in_one "$2" cat $boot)" "the boot of $1"
}

test_shared_and_own() {
	mkdir "$WORK/va"
	echo a >"$WORK/va/file"
	OPTIONS=(--mount "type=bind,src=$WORK/va,dst=/v,options=rbind:rw")
	begin one sleep 1000
	OPTIONS=()
	join two sleep 1000
	in_one_vm one two
	for ns in ipc uts net; do
		is "$(in_one two readlink /proc/self/ns/$ns)" "$(in_one one readlink /proc/self/ns/$ns)" "$ns"
	done
	for ns in pid mnt; do
		[ "$(in_one two readlink /proc/self/ns/$ns)" != "$(in_one one readlink /proc/self/ns/$ns)" ] ||
			fail "both have one $ns namespace"
	done
	in_one one touch /only-in-one
	status 1 in_one two ls /only-in-one
	is "$(in_one one cat /v/file)" a
	status 1 in_one two ls /v
	echo b >"$WORK/va/file"
	is "$(in_one one cat /v/file)" b
	end two
	end one
	nothing_left one two
}

# A pod's sandbox has a tmpfs for that, which containerd binds into each of its containers.
test_shared_memory() {
	mkdir "$WORK/shm"
	mount -t tmpfs -o size=8m shm "$WORK/shm"
	OPTIONS=(--mount "type=bind,src=$WORK/shm,dst=/dev/shm,options=rbind:rw")
	begin one sleep 1000
	join two sleep 1000
	OPTIONS=()
	join three sleep 1000
	in_one one sh -c 'echo words >/dev/shm/file'
	is "$(in_one two cat /dev/shm/file)" words
	status 1 in_one three ls /dev/shm/file
	is "$(ls "$WORK/shm")" "" "files on the host"
	umount "$WORK/shm"
	for id in three two one; do
		end $id
	done
	nothing_left one two three
}

# By 9P later ones find their parts in what was mounted before the first.
test_by_9p() {
	OPTIONS=(--annotation io.caisson.volume_mode=9p)
	begin one sleep 1000
	mkdir "$WORK/vb"
	echo b >"$WORK/vb/file"
	OPTIONS+=(--mount "type=bind,src=$WORK/vb,dst=/v,options=rbind:rw")
	join two sleep 1000
	OPTIONS=()
	is "$(in_one two cat /v/file)" b
	in_one two sh -c 'echo c >/v/file; touch /only-in-two'
	is "$(cat "$WORK/vb/file")" c
	status 1 in_one one ls /only-in-two
	end two
	end one
	nothing_left one two
}

# build NAME: a program for guests, in $WORK/tools
build() {
	mkdir -p "$WORK/tools"
	musl-gcc -static -isystem /usr/include -isystem /usr/include/x86_64-linux-gnu -o "$WORK/tools/$1" \
		"$TOP/tests/vm/guests/$1.c" 2>"$WORK/err" || gcc -static -o "$WORK/tools/$1" "$TOP/tests/vm/guests/$1.c"
}

# volume SOURCE TARGET HOW: for those that come
volume() { OPTIONS+=(--mount "type=bind,src=$1,dst=$2,options=rbind:$3"); }

# One folder of the host's that two have is one for both: pipes, sockets and locks lead from one to the other.
check_common() {
	local lock
	mkdir "$WORK/common"
	build neighbour
	build unix-client
	begin one sleep 1000
	volume "$WORK/common" /v rw
	volume "$WORK/tools" /tools ro
	join two sleep 1000
	join three sleep 1000

	in_one two mkfifo /v/pipe
	in_one two sh -c 'echo through the pipe >/v/pipe' &
	is "$(in_one three cat /v/pipe)" "through the pipe"
	wait $!

	in_one two /tools/neighbour listen /v/socket &
	in_one three sh -c 'until test -S /v/socket; do sleep 0.1; done'
	is "$(in_one three sh -c 'until echo through the socket | /tools/unix-client /v/socket 2>/dev/null; do :; done')" \
		"through the socket"
	wait $!

	# The pipe leads to whoever has it locked, and ends with that.
	for lock in lock flock; do
		in_one two sh -c "/tools/neighbour $lock /v/file <>/v/pipe >/v/$lock" &
		in_one three sh -c "until test -s /v/$lock; do sleep 0.1; done"
		is "$(in_one three /tools/neighbour ${lock}ed /v/file)" taken "the $lock"
		in_one three sh -c 'echo >/v/pipe'
		wait $!
		is "$(in_one three /tools/neighbour ${lock}ed /v/file)" free "the $lock"
	done

	end three
	in_one two sh -c 'echo goes on >/v/file'
	is "$(cat "$WORK/common/file")" "goes on"
	end two
	end one
	nothing_left one two three
	rm -r "$WORK/common"
	OPTIONS=()
}

# The host lets a VM write where one of its containers may, and only as long as that is there.
check_written() {
	local -a settings=("${OPTIONS[@]}")
	mkdir "$WORK/common"
	echo a >"$WORK/common/file"
	begin one sleep 1000
	volume "$WORK/common" /v ro
	join two sleep 1000
	status 1 in_one two touch /v/new
	OPTIONS=("${settings[@]}")
	volume "$WORK/common" /v rw
	join three sleep 1000
	in_one three touch /v/new
	status 1 in_one two touch /v/other
	end three
	is "$(in_one two ls /v | tr '\n' ' ')" "file new "
	OPTIONS=("${settings[@]}")
	volume "$WORK/common" /v ro
	join three sleep 1000
	end two
	is "$(in_one three cat /v/file)" a
	end three
	end one
	nothing_left one two three
	rm -r "$WORK/common"
	OPTIONS=()
}

test_common_by_virtiofs() { check_common && check_written; }
test_common_by_9p() {
	OPTIONS=(--annotation io.caisson.volume_mode=9p)
	check_common
	OPTIONS=(--annotation io.caisson.volume_mode=9p)
	check_written
}

# A block device of the host's is one of the container's: with another number, and as long as that is there.
test_block_devices() {
	local loop i
	head -c 4M /dev/urandom >"$WORK/blocks"
	loop=$(losetup --find --show "$WORK/blocks")
	OPTIONS=(--annotation io.caisson.placeholders=1)
	begin one sleep 1000
	OPTIONS+=(--device "$loop")
	join two sleep 1000
	is "$(in_one two sh -c "cat $loop" | sha256sum)" "$(sha256sum <"$WORK/blocks")" "what is read"
	in_one two sh -c "echo words | dd of=$loop bs=512 seek=8000 conv=fsync" 2>/dev/null
	is "$(dd if="$WORK/blocks" bs=512 skip=8000 count=1 2>/dev/null | head -n 1)" words "what is on the host"
	is "$(in_one two sh -c "cat /sys/class/block/*/size" | grep -c '^8192$')" 1 "disks of its size"
	status 1 join three sleep 1000
	has "$(err)" "linux.devices: "
	ctr container rm three
	end two
	for ((i = 0; i < 20; i++)); do
		join two sh -c "echo $i >$loop; exec sleep 1000"
		in_one two sh -c "until test \"\$(head -n 1 $loop)\" = $i; do sleep 0.1; done"
		end two
		is "$(head -n 1 "$loop")" $i "what is on the device"
	done
	# One that was brought to it while it ran leaves with it, too.
	OPTIONS=(--annotation io.caisson.placeholders=1)
	for i in 1 2 3; do
		join two sleep 1000
		status 0 in_namespace disk attach two "$WORK/come.img,/d,16M"
		in_one two sh -c "echo $i >/d/file"
		end two
	done
	join two sleep 1000
	status 0 in_namespace disk attach two "$WORK/come.img,/d"
	is "$(in_one two cat /d/file)" 3
	end two
	end one
	nothing_left one two
	losetup --detach "$loop"
	OPTIONS=()
}

# Nothing of one that cannot be had is left, and the others go on.
test_what_cannot_be_had() {
	begin one sleep 1000
	status 1 ctr run -d "${RUNTIME[@]}" --annotation $GROUP=one $IMAGE two sleep 1000
	has "$(err)" "a VM has one network"
	ctr container rm two
	status 1 join two nonesuch
	has "$(err)" "executable file not found"
	ctr container rm two
	is "$(ls "$RECORDS/containers")" one "records"
	is "$(in_one one cat /proc/1/comm)" sleep
	end one
	nothing_left one two
}

# What they say of themselves counts; of the VM, which is there already, it is noted that it does not.
test_settings_of_later_ones() {
	local of
	OPTIONS=(--annotation io.caisson.mem_size=192M)
	begin one sleep 1000
	OPTIONS=(--env RUNCVM_CPUS=2 --env RUNCVM_MEM_SIZE=1G --env RUNCVM_SYSTEMD=1)
	join two sh -c 'trap "echo halted >/run/mark; exit" 37; echo >/run/up; while :; do sleep 0.1; done'
	OPTIONS=()
	of=$(in_namespace inspect two)
	is "$(jq -c '[.memory, .cpus, .systemd, .vm, .notes]' <<<"$of")" '[201326592,1,true,"one",["RUNCVM_CPUS is about '"\
"'the virtual machine, which was there before the container: of a pod its annotation io.caisson.cpus counts"]]'
	is "$(in_namespace inspect one | jq -c '[.memory, .vm, .notes]')" '[201326592,"",[]]'
	has_said containerd "container two: RUNCVM_CPUS is about the virtual machine"
	is "$(in_one two sh -c 'until test -s /run/up; do sleep 0.1; done
		tr "\0" "\n" </proc/1/environ | grep ^container=; grep -c " /run tmpfs " /proc/mounts')" "$(printf 'container=caisson\n1')"
	ctr task kill -s TERM two
	is "$(in_namespace wait two)" 0
	for options in "--env RUNCVM_SYSTEMD=x" "--env RUNCVM_SYSTEMDD=1" "--annotation io.caisson.mem_size=1G" \
		"--annotation io.spin.extras.files={}"; do
		read -ra OPTIONS <<<"$options"
		status 1 join three sleep 1000
		has "$(err)" "${OPTIONS[1]%%=*}"
		ctr container rm three
	done
	OPTIONS=()
	end two
	end one
	nothing_left one two
}

test_each_has_its_life() {
	begin one sleep 1000
	join two sh -c 'echo >/mark; exec sleep 1000'
	join three sleep 1000
	end three
	in_one two sh -c "until grep -qx sleep /proc/1/comm; do sleep 0.1; done"
	ctr task rm -f two >/dev/null 2>&1 || true
	is "$(in_one one cat /proc/1/comm)" sleep
	ctr task start -d two
	in_one two sh -c "until grep -qx sleep /proc/1/comm; do sleep 0.1; done"
	in_one_vm one two
	# One that has ended and was not deleted has a status, whoever asks.
	join three sh -c 'exit 5'
	is "$(in_namespace wait three)" 5
	is "$(in_namespace list -f json | jq -r '.[] | select(.id == "three").status')" stopped
	end three
	end two
	end one
	nothing_left one two three
}

# Each has a process on the host: what becomes of that becomes of the container, and the other way round.
test_process_on_the_host() {
	local pid
	begin one sleep 1000
	join two sh -c 'trap "exit 5" USR1; echo mine >/only-in-two; while :; do sleep 0.1; done'
	pid=$(pid_of two)
	is "$(readlink "/proc/$pid/ns/net")" "$(readlink "/proc/$PID/ns/net")" "network namespace"
	in_one two sh -c 'until [ -s /only-in-two ]; do sleep 0.1; done'
	is "$(cat "/proc/$pid/root/only-in-two")" mine
	[ ! -e "/proc/$PID/root/only-in-two" ] || fail "the first one's process has the files of the other"
	is "$(ls "/proc/$pid/fd" | tr '\n' ' ')" "0 1 2 3 " "descriptors"
	has "$(ctr task ps two)" "$pid"
	is "$(in_namespace state two | jq .pid)" "$pid"
	# By its number the container's namespaces are joined.
	OPTIONS=(--with-ns "pid:/proc/$pid/ns/pid")
	join three sleep 2000
	OPTIONS=()
	is "$(in_one three readlink /proc/self/ns/pid)" "$(in_one two readlink /proc/self/ns/pid)" "pid namespaces"
	has "$(in_one two ps -o args)" "sleep 2000"
	end three
	kill -USR1 "$pid"
	"$TOP/tests/lib/await-end" 60 "$pid"
	is "$(remove two)" 5 "exit status"
	join two sleep 1000
	pid=$(pid_of two)
	kill -KILL "$pid"
	is "$(in_namespace wait two)" 137
	is "$(remove two)" 137 "exit status"
	is "$(in_one one cat /proc/1/comm)" sleep
	end one
	nothing_left one two three
}

# What an administrator does to one of them is done to that one.
test_by_caisson() {
	begin one sleep 1000
	join two sleep 1000
	in_namespace kill -s KILL two
	is "$(in_namespace wait two)" 137
	is "$(in_namespace state two | jq -r .status)" stopped
	in_namespace delete two
	is "$(ls "$RECORDS/containers")" one "records"
	end two
	join two sleep 1000
	status 1 in_namespace delete two
	has "$(err)" "not stopped"
	in_namespace delete -f two
	is "$(ls "$RECORDS/containers")" one "records"
	status 1 in_one two true
	end two
	join two sleep 1000
	is "$(in_one one cat /proc/1/comm)" sleep
	in_one_vm one two
	end two
	end one
	nothing_left one two
}

# a_group: three, of which one has ended already; PIDS are the processes of their shim, and all that it has started
a_group() {
	begin one sleep 1000
	join two sleep 1000
	join three sh -c 'exit 5'
	is "$(in_namespace wait three)" 5
	# shellcheck disable=SC2046 # one word a process
	PIDS="$PID $(descendants "$PID")"
}

# forget ID...: what containerd has of them
forget() {
	for id in "$@"; do
		ctr task rm -f "$id" >/dev/null 2>&1 || true
		ctr container rm "$id"
	done
}

# Nothing of a shim that neither answers nor ends is left, whoever of them is removed first.
test_shim_stopped() {
	a_group
	kill -STOP $PIDS
	status 0 timeout 5 containerd-shim-caisson-v2 -namespace "$CONTAINERD_NAMESPACE" -address "$CONTAINERD_ADDRESS" \
		-id two -bundle "$WORK/state/io.containerd.runtime.v2.task/$CONTAINERD_NAMESPACE/two" delete
	deleted_with 137
	"$TOP/tests/lib/await-end" 60 $PIDS
	forget two three one
	nothing_left one two three
}

# So it is with a shim that answers, but whose guest does not.
test_vm_stopped() {
	a_group
	# shellcheck disable=SC2046 # one word a process
	kill -STOP $(descendants "$(pgrep -P "$PID")")
	status 0 shim two delete
	deleted_with 137
	"$TOP/tests/lib/await-end" 60 $PIDS
	forget two three one
	nothing_left one two three
}

# Of one that lives only the one is removed that is to be.
test_one_removed_by_program() {
	a_group
	status 0 shim three delete
	deleted_with 5
	status 0 shim two delete
	deleted_with 137
	is "$(ls "$RECORDS/containers")" one "records"
	is "$(in_one one cat /proc/1/comm)" sleep
	forget three two
	end one
	nothing_left one two three
}

# Of a shim that was killed nothing is lost that containerd has still to be told.
test_shim_killed() {
	a_group
	stop_containerd KILL
	kill -KILL "$(pgrep -P "$PID")" "$PID"
	"$TOP/tests/lib/await-end" 60 $PIDS
	in_namespace list >/dev/null
	for of in two:137 three:5 one:137; do
		status 0 shim ${of%:*} delete
		deleted_with ${of#*:}
	done
	start_containerd
	forget two three one
	nothing_left one two three
}

run_tests "$@"
