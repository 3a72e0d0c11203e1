#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is Firecracker's alone: its jail, its API, and what becomes of a VM when it does not do as it should.
. "$(dirname "$0")/../lib/lib.sh"

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
	run_refused "--volume-mode virtiofs: Firecracker has no virtiofs: try --volume-mode 9p, or --hypervisor qemu" --volume-mode virtiofs
	echo 'volumes.mode = virtiofs' >>"$CAISSON_CONFIG"
	status 0 caisson run --rm "$IMAGE" true
	use_firecracker
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

# What whoever has got Firecracker can do with it: nothing to the host, and little to what it was given.
test_jail_is_narrow() {
	local pid
	truncate -s 16M "$WORK/own" "$WORK/device"
	mke2fs -q "$WORK/own"
	mke2fs -q "$WORK/device"
	chmod 640 "$WORK/own"
	loop=$(losetup --show -f "$WORK/device")
	trap 'losetup -d "$loop"' EXIT
	status 0 caisson run -d --name box --disk "$WORK/own,/own" --disk "$loop,/device,ro" "$IMAGE" sleep 1000
	pid=$(firecracker_of box)
	for what in net ipc mnt pid; do
		[ "$(readlink "/proc/$pid/ns/$what")" != "$(readlink /proc/self/ns/$what)" ] || fail "the $what namespace is the host's"
	done
	is "$(stat -c '%F %a %u' "/proc/$pid/root/disk3")" "block special file 444 0"
	grep -q "^Max file size *[0-9]" "/proc/$pid/limits" || fail "$(grep "^Max file size" "/proc/$pid/limits")"
	# As its user may, who owns it there.
	chmod 4755 "$WORK/own"
	status 0 caisson delete -f box
	is "$(stat -c %a "$WORK/own")" 640
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

# A program in Firecracker's place that says it is one; the guest that it is tried with is for ever on its way.
firecracker_that_hangs() {
	mkdir "$WORK/bin" "$WORK/cache"
	ln -s /var/cache/caisson/kernels "$WORK/cache"
	mkfifo "$WORK/trying"
	cat >"$WORK/bin/firecracker" <<-END
		#!/bin/sh
		[ "\$1" != --version ] || { echo Firecracker v1.7.0; exit; }
		exec sleep 1000 >"$WORK/trying"
	END
	chmod +x "$WORK/bin/firecracker"
	export PATH="$WORK/bin:$PATH" CAISSON_CACHE="$WORK/cache"
}

# Nobody has to wait for it: neither who is told to end nor who ends the container.
test_trial_of_STANDIN_can_be_ended() {
	local run
	firecracker_that_hangs
	for signal in INT TERM KILL; do
		# Of those in the background a shell has them ignore SIGINT.
		env --default-signal=INT caisson run --name box "$IMAGE" true 2>"$WORK/err" &
		run=$!
		being_tried
		kill -$signal $run
		trial_ends
		! wait $run || fail "it ended well"
	done
	caisson run -d --name box "$IMAGE" true 2>/dev/null &
	run=$!
	being_tried
	status 0 timeout 25 caisson delete -f box
	trial_ends
	! wait $run || fail "it ended well"
	(cd "$WORK" && rm -r cache bin trying)
	unset CAISSON_CACHE
	is_clean
}
# Both by the pipe that it writes to. By itself it would end after 30 s.
being_tried() { exec 7<"$WORK/trying"; }
trial_ends() {
	timeout 25 cat <&7 || fail "it is still tried"
	exec 7<&-
}

# What is wrong with the program is not told of KVM, or of the guest.
test_another_program_than_STANDIN() {
	local what
	mkdir "$WORK/bin" "$WORK/cache"
	ln -s /var/cache/caisson/kernels "$WORK/cache"
	export PATH="$WORK/bin:$PATH" CAISSON_CACHE="$WORK/cache"
	for what in "Firecracker 1.3 is not known here:echo Firecracker v1.3.3" "is no Firecracker: of its version it says \"hello\":echo hello"; do
		printf '#!/bin/sh\n%s\n' "${what##*:}" >"$WORK/bin/firecracker"
		chmod +x "$WORK/bin/firecracker"
		run_refused "${what%:*}"
	done
	(cd "$WORK" && rm -r cache bin)
	unset CAISSON_CACHE
	is_clean
}

# After ./setup without ./test.
test_STANDIN_without_its_preload() {
	mkdir "$WORK/tests"
	cp -r "$TOP/tests/firecracker" "$WORK/tests"
	PATH=$WORK/tests/firecracker:$PATH status 125 caisson run --rm "$IMAGE" true
	has "$(err)" "the stand-in's preload is not built: ninja -C build/host tests/firecracker/standin-vhost.so"
	rm -r "$WORK/tests"
	is_clean
}

# Who has ended is named, and not who noticed it first; and one that stands still is not taken for the shim.
test_killed_and_stopped() {
	local run pid
	mkfifo "$WORK/up"
	caisson run --name box "$IMAGE" sh -c 'echo up; sleep 1000' >"$WORK/up" 2>"$WORK/err" &
	run=$!
	exec 7<"$WORK/up"
	read -r <&7
	kill -KILL "$(firecracker_of box)"
	wait $run || is $? 125
	has "$(err)" "Firecracker was killed by signal 9"
	exec 7<&-
	status 0 caisson delete -f box
	status 0 caisson run -d --name box "$IMAGE" sleep 1000
	# The stand-in's QEMU, too.
	for pid in $(vmm_of box); do kill -STOP "$pid"; done
	status 1 caisson pause box
	one_sentence
	has "$(err)" "container box: its virtual machine does not answer, so its guest or its VMM was stopped, or is busy: \`caisson delete -f box\` ends it"
	status 0 caisson delete -f box
	rm "$WORK/up"
	is_clean
}

# Two VMs that write to one disk would destroy what is on it.
test_disk_in_use() {
	status 0 caisson run -d --name holder --disk "$WORK/held.img,/d,16M" "$IMAGE" sleep 1000
	run_refused "the disk $WORK/held.img is in use by another container" --disk "$WORK/held.img,/d"
	status 0 caisson delete -f holder
	status 0 caisson run --rm --disk "$WORK/held.img,/d" "$IMAGE" true
	is_clean
}

# Disks that come while it runs: what is written is on them when they go, and their place is another one's.
test_disks_come_and_go() {
	local jailer version how
	for how in true:1.4.1 true:1.16.0 false:1.7.0; do
		jailer=${how%:*} version=${how#*:}
		use_firecracker
		echo "firecracker.jailer = $jailer" >>"$CAISSON_CONFIG"
		rm -f "$WORK"/*.img
		STANDIN_VERSION=$version status 0 caisson run -d --name box --placeholders 1 --placeholders-ro 1 "$IMAGE" sleep 1000
		(cd "$WORK" && status 0 caisson disk attach box ./one.img,/data,64M)
		status 0 caisson exec box sh -c 'grep -c " /data ext4 rw" /proc/mounts; echo first >/data/file; df -k /data | tail -1'
		is "$(out | sed -n 1p)" 1
		[ "$(out | awk 'END { print $2 }')" -gt 45000 ] || fail "$(out)"
		run_refused_disk "there is a disk on /data already" box "$WORK/two.img,/data,32M"
		run_refused_disk "all 1 placeholders for disks that are written to are taken: --placeholders of \`caisson run\`, RUNCVM_PLACEHOLDERS or the annotation io.caisson.placeholders says how many a VM has" \
			box "$WORK/two.img,/more,32M"
		status 0 caisson disk detach box /data
		status 0 caisson exec box sh -c 'grep -c " /data " /proc/mounts; [ ! -e /data/file ]'
		is "$(out)" 0
		e2fsck -fn "$WORK/one.img" >/dev/null || fail "the file system is damaged"
		is "$(debugfs -R 'cat /file' "$WORK/one.img" 2>/dev/null)" first
		# Another one in its place, and the first beside it, to read.
		status 0 caisson disk attach box "$WORK/two.img,/made/here,32M"
		status 0 caisson disk attach box "$WORK/one.img,/ro,ro"
		status 0 caisson exec box sh -c 'cat /ro/file; echo x 2>/dev/null >/ro/file || echo refused; echo second >/made/here/file'
		is "$(out | tr '\n' ' ')" "first refused "
		# Its end is that of them all, in order.
		status 0 caisson kill -s KILL box
		status 137 sh -c 'exit $(caisson wait box)'
		status 0 caisson delete box
		# What came last may be in the journal still.
		e2fsck -fy "$WORK/two.img" >/dev/null 2>&1 || [ $? = 1 ] || fail "the file system is damaged"
		is "$(debugfs -R 'cat /file' "$WORK/two.img" 2>/dev/null)" second
		is "$(find "$WORK" -name '*.img' ! -uid 0)" "" "files that were given away"
		use_firecracker
	is_clean
	done
}
run_refused_disk() {
	status 1 caisson disk attach "$2" "$3"
	has "$(err)" "$1"
	one_sentence
}

# What cannot come takes no place.
test_disks_that_do_not_come() {
	status 0 caisson run -d --name box --privileged --placeholders 1 "$IMAGE" sleep 1000
	status 0 caisson run -d --name holder --disk "$WORK/held.img,/d,16M" "$IMAGE" sleep 1000
	run_refused_disk "the disk $WORK/none is not there: with a size" box "$WORK/none,/d"
	run_refused_disk "the disk $WORK/held.img is in use by another container" box "$WORK/held.img,/d"
	cp "$IMAGES/busybox.tar" "$WORK/tar"
	run_refused_disk "there is something on $WORK/tar that is no ext4 file system: it is left as it is" box "$WORK/tar,/d"
	truncate -s 16M "$WORK/cut.img"
	mke2fs -q -t ext4 "$WORK/cut.img"
	truncate -s 8M "$WORK/cut.img"
	run_refused_disk "the disk $WORK/cut.img is too small: it has 8388608 bytes, and its file system 16777216" box "$WORK/cut.img,/d"
	run_refused_disk "started without placeholders for disks that are read only" box "$WORK/cut.img,/d,ro"
	status 0 caisson run -d --name has --placeholders 1 --disk "$WORK/own.img,/own,16M" "$IMAGE" sleep 1000
	run_refused_disk "there is something on /own already, since the container was started" has "$WORK/new.img,/own,16M"
	run_refused_disk "the container has the disk $WORK/own.img on /own already" has "$WORK/own.img,/d"
	[ ! -e "$WORK/new.img" ] || fail "there is a disk"
	status 0 caisson delete -f has
	# What only the guest knows to be wrong: its words, and the disk goes again.
	truncate -s 16M "$WORK/bad.img"
	mke2fs -q -t ext4 "$WORK/bad.img"
	dd if=/dev/zero of="$WORK/bad.img" bs=1 seek=1124 count=12 conv=notrunc 2>/dev/null
	printf '\377\377\377\377' | dd of="$WORK/bad.img" bs=1 seek=1120 conv=notrunc 2>/dev/null
	run_refused_disk "cannot mount the disk $WORK/bad.img on /d: " box "$WORK/bad.img,/d"
	run_refused_disk "cannot mount the disk $WORK/new.img on /proc/1/comm/x: " box "$WORK/new.img,/proc/1/comm/x,16M"
	run_refused_disk "cannot mount the disk $WORK/new.img on /bin/busybox/x: " box "$WORK/new.img,/bin/busybox/x,16M"
	status 1 caisson disk detach box /d
	has "$(err)" "no disk has come to /d while box runs"
	status 1 caisson disk detach holder /d
	has "$(err)" "no disk has come to /d while holder runs"
	# And one that is in use does not go.
	status 0 caisson disk attach box "$WORK/new.img,/busy"
	status 0 caisson exec -d box sh -c 'cd /busy && echo $$ >here && exec sleep 1000'
	status 0 timeout 60 caisson exec box sh -c 'until [ -s /busy/here ]; do :; done'
	status 1 caisson disk detach box /busy
	has "$(err)" "cannot unmount the disk $WORK/new.img from /busy: "
	status 0 caisson exec box test -s /busy/here
	status 0 caisson pause box
	status 1 caisson disk detach box /busy
	has "$(err)" "container box is paused"
	status 0 caisson resume box
	status 0 timeout 60 caisson exec box sh -c 'kill $(cat /busy/here) && while [ -e /proc/$(cat /busy/here) ]; do :; done'
	status 0 caisson exec box sh -c 'mkdir /other && mount --bind /busy /other && umount /busy'
	status 1 caisson disk detach box /busy
	has "$(err)" "cannot unmount the disk $WORK/new.img from /busy: the disk \"caisson-slot0\" is in use"
	status 0 caisson exec box umount /other
	status 0 caisson disk detach box /busy
	status 0 caisson delete -f holder
	status 0 caisson disk attach box "$WORK/held.img,/d"
	status 0 caisson delete -f box
	is_clean
}

# A VMM that takes no disk, and VMs that end meanwhile.
test_disk_faults() {
	local fault
	for fault in "PATCH /drives/slot0:400" "PATCH /drives/slot0:garbage"; do
		STANDIN_FAULT=$fault status 0 caisson run -d --name box --placeholders 1 "$IMAGE" sleep 1000
		run_refused_disk "Firecracker does not take the disk $WORK/a.img: " box "$WORK/a.img,/d,16M"
		status 0 caisson exec box true
		# Without a refusal it may have it.
		[ "${fault##*:}" = 400 ] || run_refused "is in use by another container" --disk "$WORK/a.img,/d"
		[ "${fault##*:}" != 400 ] || status 0 caisson run --rm --disk "$WORK/a.img,/d" "$IMAGE" true
		status 0 caisson delete -f box
	done
	STANDIN_FAULT="PATCH /drives/slot0:die" status 0 caisson run -d --name box --placeholders 1 "$IMAGE" sleep 1000
	status 1 caisson disk attach box "$WORK/a.img,/d"
	one_sentence
	status 0 caisson delete -f box
	status 0 caisson run -d --name box --placeholders 1 "$IMAGE" sleep 1000
	status 0 caisson disk attach box "$WORK/a.img,/d"
	kill -9 "$(firecracker_of box)"
	status 137 sh -c 'exit $(caisson wait box)'
	status 1 caisson disk detach box /d
	status 0 caisson delete -f box
	status 0 caisson run --rm --disk "$WORK/a.img,/d" "$IMAGE" true
	is_clean
}

test_placeholders() {
	# Or that would hear that the image is unpacked.
	status 0 caisson run --rm --hypervisor qemu --accel tcg "$IMAGE" true
	run_refused "QEMU has no placeholders for disks that are read only: try --hypervisor firecracker" --hypervisor qemu --accel tcg \
		--placeholders-ro 1
	run_refused "a VM can have 12 disks: beside its 2 there is no room for 11 placeholders" --placeholders 6 --placeholders-ro 5
	run_refused "is no number from 0 to 12" -e RUNCVM_PLACEHOLDERS=13
	status 0 caisson run -d --name plain "$IMAGE" sleep 1000
	run_refused_disk "the VM was started without placeholders for disks that are written to: --placeholders of \`caisson run\`" \
		plain "$WORK/x.img,/d,16M"
	status 0 caisson run -d --name emulated --hypervisor qemu --accel tcg "$IMAGE" sleep 1000
	run_refused_disk "the VM was started without placeholders for disks that are written to" emulated "$WORK/x.img,/d,16M"
	[ ! -e "$WORK/x.img" ] || fail "it was made"
	status 0 caisson delete -f plain emulated
	echo 'firecracker.placeholders = 2' >>"$CAISSON_CONFIG"
	status 0 caisson run -d --name two --executor oci "$IMAGE" sleep 1000
	status 0 caisson disk attach two "$WORK/x.img,/x,16M"
	status 0 caisson disk attach two "$WORK/y.img,/y,16M"
	status 0 caisson exec two sh -c 'grep -c " /[xy] ext4 rw" /proc/mounts'
	is "$(out)" 2
	status 0 caisson disk detach two /x
	status 0 caisson delete -f two
	status 1 caisson disk attach two
	has "$(err)" "which container, and which disk?"
	status 1 caisson disk list
	has "$(err)" "disk what?"
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
		GET /version:garbage|Firecracker's answer to GET /version is no HTTP
		GET /version:500|Firecracker refused GET /version: the stand-in was told to answer 500
		GET /version:half|
		PUT /boot-source:lines|Firecracker refused PUT /boot-source: this is line 0 of what went wrong this is line 1
		PUT /vsock:close|Firecracker gave no answer to PUT /vsock
		PUT /vsock:huge|Firecracker's answer to PUT /vsock has more than 65536 bytes
		PUT /drives/disk0:400|Firecracker refused PUT /drives/disk0: the stand-in was told to answer 400
		PUT /actions:die|Firecracker ended (status 1): Error: the stand-in was told to die
		PUT /entropy:after|Firecracker ended (status 1): Error: the machine is beyond repair
	EOF
	STANDIN_FAULT="PUT /vsock:late=300" status 0 caisson run --rm "$IMAGE" true
	# A VM of which nobody knows whether it stands still.
	STANDIN_FAULT="PATCH /vm:garbage" status 0 caisson run -d --name still "$IMAGE" sleep 1000
	status 0 caisson pause still
	status 137 sh -c 'exit $(timeout 60 caisson wait still)'
	# Its shim may be just about to end.
	status 1 caisson resume still
	has "$(err)" "container still"
	one_sentence
	status 0 caisson delete still
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
	has "$(err)" "$WORK/others/firecracker is no Firecracker: it ends with status 2 without a version"
	mkdir "$WORK/none"
	ln -s "$TOP/build/bin/caisson" "$(command -v qemu-system-x86_64)" "$WORK/none"
	PATH=$WORK/none status 125 caisson run --rm "$IMAGE" true
	has "$(err)" "firecracker is not installed; qemu goes without: --hypervisor, RUNCVM_HYPERVISOR, the annotation io.caisson.hypervisor or vm.hypervisor of"
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
