#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Containers that are saved with their VMs, and go on: from there, elsewhere, under another name, more than once.
. "$(dirname "$0")/../lib/lib.sh"

use_firecracker
IMAGE=$(busybox_image)
caisson run --rm "$IMAGE" true 2>/dev/null
# In its memory, to its log, and to a file for who asks.
COUNT='i=0; while :; do i=$((i+1)); echo $i; echo $i >/now; sleep 0.05; done'
SAVED="$WORK/saved"

# counting NAME [OPTION...]: one that counts has got to 3
counting() {
	local name=$1
	shift
	status 0 caisson run -d --name "$name" "$@" "$IMAGE" sh -c "$COUNT"
	await_count "$name" 3
}
# Waits until it has counted to N, by what it logs. The reader that follows the log ends with its next line.
await_count() {
	timeout 60 sh -c "caisson logs -f $1 | while read -r n; do [ \$n -lt $2 ] || exit 0; done" || fail "$1 does not count to $2"
}
first_logged() { caisson logs "$1" | head -n 1; }
last_logged() { caisson logs "$1" | tail -n 1; }
state() { caisson state "$1" | jq -r .status; }
# goes_on NAME: it runs and counts, in its log without a gap, and nothing of a checkpoint is left
goes_on() {
	await_count "$1" $(($(last_logged "$1") + 2))
	is "$(state "$1")" running
	is "$(caisson logs "$1" | awk -v n="$(first_logged "$1")" '$1 != n++ { print; exit }')" "" "what follows a gap"
	status 0 caisson exec "$1" sh -c 'echo >/written'
	is "$(find "$CAISSON_ROOT"/containers/*/snapshot -type f)" "" "files of a checkpoint"
}
delete() {
	status 0 caisson delete -f "$@"
	rm -rf "$SAVED"*
	is_clean
}

test_goes_on_later() {
	local before
	counting box
	status 0 caisson exec box sh -c 'echo kept >/kept'
	status 0 caisson checkpoint --image-path "$SAVED" box
	is "$(out)$(err)" ""
	is "$(state box)" stopped
	status 137 sh -c 'exit $(caisson wait box)'
	before=$(last_logged box)
	is "$(cd "$SAVED" && echo *)" "checkpoint.json memory state upper.ext4"
	status 0 e2fsck -fn "$SAVED/upper.ext4"
	status 0 caisson delete box
	status 0 caisson restore --image-path "$SAVED" box
	goes_on box
	is "$(first_logged box)" $((before + 1)) "the first number"
	is "$(caisson exec box cat /kept)" kept
	# Once more, of one that was restored itself.
	status 0 caisson checkpoint --image-path "$SAVED.2" box
	before=$(last_logged box)
	status 0 caisson delete box
	status 0 caisson restore --image-path "$SAVED.2" box
	goes_on box
	is "$(first_logged box)" $((before + 1)) "the first number"
	status 0 caisson kill box KILL
	is "$(caisson wait box)" 137
	delete box
}

# Of what has closed its output there is none to wait for, when it is saved once more either.
test_without_output() {
	status 0 caisson run -d --name box "$IMAGE" sh -c 'exec >/dev/null 2>&1; : >/quiet; sleep 1000'
	status 0 timeout 60 caisson exec box sh -c 'until [ -e /quiet ]; do :; done'
	for n in 1 2 3; do
		status 0 timeout 60 caisson checkpoint --leave-running --image-path "$SAVED$n" box
	done
	status 0 caisson exec box test -e /quiet
	delete box
}

# What is whole stays, also where its container leaves nothing; and a folder that others could enter is made private.
test_removed_at_its_end() {
	mkdir -m 755 "$SAVED"
	status 0 caisson run -d --rm --name box "$IMAGE" sh -c "$COUNT"
	await_count box 3
	status 0 caisson checkpoint --image-path "$SAVED" box
	is "$(out)$(err)" ""
	is "$(cd "$SAVED" && echo *)" "checkpoint.json memory state upper.ext4"
	is "$(stat -c %a "$SAVED")" 700
	status 1 caisson state box
	status 0 caisson restore --image-path "$SAVED" box
	status 0 caisson exec box true
	chmod 755 "$SAVED"
	status 0 caisson restore --image-path "$SAVED" other
	status 0 caisson exec other true
	status 0 caisson delete -f box other
	for name in state checkpoint.json; do
		chown 1 "$SAVED/$name"
		refused "is not your own alone ($name)" caisson restore --image-path "$SAVED" box
		chown 0 "$SAVED/$name"
	done
	chmod 777 "$SAVED"
	refused "is not your own alone (.)" caisson restore --image-path "$SAVED" box
	rm -r "$SAVED"
	is_clean
}

test_exit_status() {
	status 0 caisson run -d --name box "$IMAGE" sh -c 'while [ ! -e /end ]; do echo 3; sleep 0.05; done; echo over; exit 7'
	await_count box 3
	status 0 caisson checkpoint --image-path "$SAVED" box
	status 0 caisson delete box
	status 0 caisson restore --image-path "$SAVED" other
	status 0 caisson exec other touch /end
	is "$(caisson wait other)" 7
	is "$(last_logged other)" over
	delete other
}

# Under other names and at the same time: each is one of its own. The one that was saved goes on as well.
test_many_of_one() {
	local name
	counting box --privileged
	status 0 caisson exec box date -s '2001-01-01 00:00:00'
	status 0 caisson checkpoint --leave-running --image-path "$SAVED" box
	goes_on box
	for name in one two; do
		status 0 caisson restore --image-path "$SAVED" $name
		is "$(caisson exec $name hostname)" $name
	done
	for name in box one two; do
		goes_on $name
		[ $(($(date +%s) - $(caisson exec $name date +%s))) -le 60 ] || fail "$name has the time $(caisson exec $name date)"
	done
	status 0 caisson exec one sh -c 'echo one >/mine'
	status 1 caisson exec two cat /mine
	delete box one two
}

# What asks for them all the time gets none that another one gets; but what was read before may still be on its way.
test_random_numbers() {
	local name
	status 0 caisson run -d --name box "$IMAGE" sh -c 'while :; do head -c 16 /dev/urandom | od -An -tx8; done'
	await_lines box 3
	status 0 caisson checkpoint --image-path "$SAVED" box
	for name in one two; do
		status 0 caisson restore --image-path "$SAVED" $name
		await_lines $name 20
		caisson logs $name | sed 1,2d | head -n 15 >"$WORK/$name"
	done
	is "$(cat "$WORK/one" "$WORK/two" | sort | uniq -d)" "" "random numbers of both"
	rm "$WORK/one" "$WORK/two"
	delete box one two
}
await_lines() {
	timeout 60 sh -c "caisson logs -f $1 | { n=0; while read -r _; do n=\$((n + 1)); [ \$n -lt $2 ] || exit 0; done; }" ||
		fail "$1 says no more"
}

# With one disk only; and where paths are those of the host.
test_copy_and_without_jail() {
	echo 'firecracker.jailer = false' >>"$CAISSON_CONFIG"
	counting box --rootfs-mode copy
	status 0 caisson checkpoint --image-path "$SAVED" box
	is "$(cd "$SAVED" && echo *)" "checkpoint.json memory root.ext4 state"
	status 0 caisson restore --image-path "$SAVED" other
	goes_on other
	delete box other
	use_firecracker
}

# Elsewhere: another store, with the same image.
test_other_host() {
	local here=$CAISSON_ROOT
	counting box
	status 0 caisson checkpoint --image-path "$SAVED" box
	export CAISSON_ROOT=$WORK/there
	status 1 caisson restore --image-path "$SAVED" box
	one_sentence
	has "$(err)" "the image of the checkpoint"
	status 0 caisson run --rm "$IMAGE" true
	status 0 caisson restore --image-path "$SAVED" box
	goes_on box
	status 0 caisson delete -f box
	rm -rf "$CAISSON_ROOT"
	export CAISSON_ROOT=$here
	delete box
}

refused() {
	local part=$1
	shift
	status 1 "$@"
	one_sentence
	has "$(err)" "$part"
}

test_what_cannot_be_saved() {
	counting box
	refused "does not exist" caisson checkpoint nobody
	caisson exec box sh -c 'mkfifo /exec && read -r _ </exec' &
	status 0 caisson exec box sh -c 'until [ -p /exec ]; do :; done'
	refused "a command of \`caisson exec\` runs in it" caisson checkpoint --image-path "$SAVED" box
	goes_on box
	status 0 caisson exec box sh -c 'echo >/exec'
	wait
	status 0 caisson pause box
	refused "it is paused" caisson checkpoint --image-path "$SAVED" box
	status 0 caisson resume box
	status 0 caisson checkpoint --leave-running --image-path "$SAVED" box
	refused "there is a checkpoint in $SAVED already" caisson checkpoint --image-path "$SAVED" box
	mkdir "$WORK/theirs"
	echo theirs >"$WORK/theirs/memory"
	refused "others may enter $WORK/theirs, and it is not empty" caisson checkpoint --image-path "$WORK/theirs" box
	chmod 700 "$WORK/theirs"
	refused "$WORK/theirs has a file memory that no checkpoint has left there" caisson checkpoint --image-path "$WORK/theirs" box
	is "$(cat "$WORK/theirs/"*)" theirs
	rm -r "$WORK/theirs"
	goes_on box
	refused "container with given ID already exists: box" caisson restore --image-path "$SAVED" box
	status 0 caisson delete -f box
	mkdir "$WORK/shared"
	status 0 caisson run -d --name box -v "$WORK/shared:/shared" "$IMAGE" sleep 1000
	refused "it has volumes of the host's" caisson checkpoint box
	status 0 caisson delete -f box
	mkfifo "$WORK/up"
	caisson run --name box "$IMAGE" sh -c 'echo up; sleep 1000' >"$WORK/up" &
	exec 7<"$WORK/up"
	read -r <&7
	refused "its output is somebody's" caisson checkpoint box
	status 0 caisson delete -f box
	exec 7<&-
	wait
	echo 'firecracker.api = false' >>"$CAISSON_CONFIG"
	status 0 caisson run -d --name box "$IMAGE" sleep 1000
	refused "its VMM takes no orders, as firecracker.api = false says" caisson checkpoint box
	status 0 caisson delete -f box
	use_firecracker
	echo 'firecracker.placeholders = 1' >>"$CAISSON_CONFIG"
	status 0 caisson run -d --name box "$IMAGE" sleep 1000
	refused "it has placeholders" caisson checkpoint box
	use_firecracker
	rm -r "$WORK/shared" "$WORK/up"
	[ ! -e checkpoint ] || fail "there is a folder checkpoint"
	delete box
}

# Whatever is wrong with it: one sentence, and nothing is left.
test_what_cannot_be_restored() {
	local name
	counting box
	status 0 caisson checkpoint --image-path "$SAVED" box
	status 0 caisson delete box
	damaged "no checkpoint, or was not finished" rm checkpoint.json
	damaged "is damaged: it is no JSON" truncate -s 100 checkpoint.json
	damaged "of another version of caisson" sed -i 's/"format":1/"format":2/' checkpoint.json
	damaged "a name that none has" sed -i 's,"state","../state",' checkpoint.json
	for name in memory state upper.ext4; do
		damaged "$name" truncate -s 4096 $name
		damaged "$name" rm $name
		damaged "$name" sh -c "rm $name; ln -s /dev/zero $name"
	done
	damaged "" sh -c 'dd if=/dev/urandom of=state bs=4096 count=1 conv=notrunc 2>/dev/null'
	rm -r "$SAVED"
	is_clean
}
test_another_firecracker() {
	counting box
	status 0 caisson checkpoint --image-path "$SAVED" box
	status 0 caisson delete box
	STANDIN_VERSION=1.16.0 damaged "Invalid data version" true
	rm -r "$SAVED"
	is_clean
}
damaged() {
	local part=$1
	shift
	cp -r --sparse=always "$SAVED" "$SAVED.bad"
	(cd "$SAVED.bad" && "$@")
	refused "$part" caisson restore --image-path "$SAVED.bad" box
	rm -r "$SAVED.bad"
	is_clean
}

# Firecracker that does not, or not at once; and who cannot write what it has saved.
test_faults() {
	local fault
	for fault in "PUT /snapshot/create:500" "PUT /snapshot/create:lines" "PUT /snapshot/create:close" "PATCH /vm:500"; do
		STANDIN_FAULT=$fault counting box
		refused "cannot be saved" caisson checkpoint --image-path "$SAVED" box
		[ ! -e "$SAVED" ] || fail "there is $SAVED"
		is "$(state box)" running
		goes_on box
		status 0 caisson delete -f box
	done
	STANDIN_FAULT="PUT /snapshot/create:die" counting box
	status 1 caisson checkpoint --image-path "$SAVED" box
	[ ! -e "$SAVED" ] || fail "there is $SAVED"
	is "$(caisson wait box)" 137
	status 0 caisson delete -f box
	counting box
	mkdir "$SAVED"
	mount -t tmpfs -o size=1M saved "$SAVED"
	refused "No space left on device" caisson checkpoint --image-path "$SAVED" box
	is "$(ls "$SAVED")" ""
	umount "$SAVED"
	goes_on box
	for fault in die 500 garbage; do
		status 0 caisson checkpoint --leave-running --image-path "$SAVED" box
		STANDIN_FAULT="PUT /snapshot/load:$fault" status 1 caisson restore --image-path "$SAVED" other
		[ "$(wc -l <"$WORK/err")" = 1 ] || fail "$fault: $(err)"
		is "$(caisson list -q)" box
		rm -r "$SAVED"
	done
	goes_on box
	delete box
}

# One of two is first, and the other one is told.
test_two_at_once() {
	local first=0 second=0 lost
	STANDIN_FAULT="PUT /snapshot/create:late=500" counting box
	for n in 1 2 3; do
		caisson checkpoint --leave-running --image-path "$SAVED.1" box 2>"$WORK/err.1" &
		caisson checkpoint --leave-running --image-path "$SAVED.2" box 2>"$WORK/err.2" || second=$?
		wait $! || first=$?
		[ $((first + second)) -le 1 ] || fail "both failed: $(cat "$WORK/err.1" "$WORK/err.2")"
		# Unless it came when the other one had done it.
		lost=$((first == 0 ? 2 : 1))
		[ $((first + second)) = 0 ] || is "$(cat "$WORK/err.$lost")" "caisson: container box is being saved: try again in a while"
		goes_on box
		rm -r "$SAVED".*
		first=0 second=0
	done
	delete box
}

# As `run` does, whoever asks.
test_limits_of_the_administrator() {
	counting box --memory 512M --cpus 2
	status 0 caisson checkpoint --image-path "$SAVED" box
	status 0 caisson delete box
	for limit in "memory = 256M" "cpus = 1" "rootfs_size = 1G"; do
		use_firecracker
		echo "limit.$limit" >>"$CAISSON_CONFIG"
		refused " more than limit.${limit%% *} in $CAISSON_CONFIG lets a " caisson restore --image-path "$SAVED" box
	done
	use_firecracker
	rm -r "$SAVED"
	is_clean
}

# The paths in it are a jail's, or none's.
test_other_jail() {
	counting box
	status 0 caisson checkpoint --image-path "$SAVED" box
	status 0 caisson delete box
	is "$(jq .jail "$SAVED/checkpoint.json")" true
	echo 'firecracker.jailer = false' >>"$CAISSON_CONFIG"
	refused "is of a VM that was in a jail, and goes on so only: firecracker.jailer in $CAISSON_CONFIG is false" \
		caisson restore --image-path "$SAVED" box
	rm -r "$SAVED"
	counting box
	status 0 caisson checkpoint --image-path "$SAVED" box
	status 0 caisson delete box
	is "$(jq .jail "$SAVED/checkpoint.json")" false
	use_firecracker
	refused "is of a VM that was in no jail, and goes on so only" caisson restore --image-path "$SAVED" box
	# Of before there was that word, Firecracker's own say.
	sed -i 's/"jail":false,//' "$SAVED/checkpoint.json"
	status 1 caisson restore --image-path "$SAVED" box
	rm -r "$SAVED"
	is_clean
}

# As `run`: no words, and the container goes on.
test_interrupted() {
	local pid
	STANDIN_FAULT="PUT /snapshot/create:never" counting box
	env --default-signal=INT caisson checkpoint --image-path "$SAVED" box >"$WORK/out" 2>"$WORK/err" &
	pid=$!
	timeout 60 sh -c "tail -n +1 -f \"\$(caisson inspect box | jq -r .firecracker_log)\" | grep -q -m 1 snapshot/create" || fail "it is not saved"
	kill -INT $pid
	wait $pid || is $? 130 "the status of one that was interrupted"
	is "$(out)$(err)" ""
	[ ! -e "$SAVED" ] || fail "there is $SAVED"
	refused "--image-path: which folder?" caisson checkpoint --image-path "" box
	refused "--image-path: which folder?" caisson restore --image-path "" other
	delete box
}

# Killed at any moment, the one who saves leaves a container that goes on, and no checkpoint.
test_killed() {
	local call
	command -v strace >/dev/null || skip "there is no strace"
	counting box
	for call in sendmsg:1 sendmsg:2 epoll_wait:2 recvfrom:2 renameat2:1 renameat2:2 copy_file_range:1 fsync:3; do
		status 137 strace -o /dev/null -e "trace=${call%:*}" -e "inject=${call%:*}:signal=KILL:when=${call#*:}" \
			caisson checkpoint --image-path "$SAVED" box
		goes_on box
		[ ! -e "$SAVED/checkpoint.json" ] || fail "$call: there is a checkpoint"
	done
	status 0 caisson checkpoint --image-path "$SAVED" box
	status 0 caisson delete box
	status 0 caisson restore --image-path "$SAVED" box
	goes_on box
	delete box
}

run_tests "$@"
