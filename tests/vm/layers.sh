#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a container has changed of its image: on a folder and on a disk, running and ended.
. "$(dirname "$0")/../lib/lib.sh"

"$TOP/tests/lib/make-image" busybox "docker-archive:$WORK/busybox.tar"
IMAGE=docker-archive:$WORK/busybox.tar
MODES="virtiofs image"

# The same for all that is told of below.
CHANGE='echo x >/etc/new; chmod 600 /etc/passwd; rm /bin/ls; mkdir -p /srv/a; touch "/srv/a/b c"
rm -r /usr; mkdir /usr; ln -s nowhere /usr/link'
CHANGES='C /bin
D /bin/ls
C /etc
A /etc/new
C /etc/passwd
A /srv
A /srv/a
A /srv/a/b c
C /usr
D /usr/bin
A /usr/link
D /usr/sbin'

test_changes_of_one_that_runs() {
	for mode in $MODES; do
		status 0 caisson run -d --name "runs-$mode" --rootfs-mode "$mode" "$IMAGE" sleep 1000
		status 0 caisson diff "runs-$mode"
		is "$(out)" ""
		status 0 caisson exec "runs-$mode" sh -c "$CHANGE"
		status 0 caisson diff "runs-$mode"
		is "$(out)" "$CHANGES" "$mode"
		status 0 caisson delete -f "runs-$mode"
	done
}

# A container chooses its names: on a terminal they move no cursor.
test_names_on_a_terminal() {
	status 0 caisson run --name names "$IMAGE" sh -c "touch '/$(printf '\033')[2Jx'"
	status 0 caisson diff names
	is "$(out)" "A /$(printf '\033')[2Jx"
	script -qec "caisson diff names" /dev/null </dev/null | tr -d '\r' >"$WORK/seen"
	is "$(cat "$WORK/seen")" "A /?[2Jx"
	status 0 caisson delete names
}

# Its VM comes up once more, and nothing of that shows.
test_changes_of_one_that_has_ended() {
	for mode in $MODES; do
		status 3 caisson run --name "ended-$mode" --rootfs-mode "$mode" "$IMAGE" \
			sh -c "echo words; $CHANGE; exit 3"
		for _ in 1 2; do
			status 0 caisson diff "ended-$mode"
			is "$(out)" "$CHANGES" "$mode"
		done
		status 0 caisson logs "ended-$mode"
		is "$(out)" words
		status 0 caisson wait "ended-$mode"
		is "$(out)" 3
		[ ! -e "$CAISSON_RUN/ended-$mode" ] || fail "a folder in run is left"
		status 0 caisson delete "ended-$mode"
	done
	is_clean
}

# A user that is gone, a folder to start in that is a file by now: nothing of that is looked at.
test_a_container_that_could_not_start_again() {
	status 0 caisson run --name broken --rootfs-mode image -u nobody -w /work "$IMAGE" true
	status 0 caisson run --name broken2 --rootfs-mode image -w /work "$IMAGE" \
		sh -c 'rm /etc/passwd; rmdir /work; touch /work'
	status 0 caisson diff broken2
	has "$(out)" "D /etc/passwd"
	status 0 caisson delete broken broken2
}

# Whoever asks at the same time waits for the other.
test_two_at_once() {
	status 0 caisson run --name twice --rootfs-mode image "$IMAGE" touch /new
	caisson diff twice >"$WORK/first" &
	status 0 caisson diff twice
	wait $!
	is "$(out)" "A /new"
	is "$(cat "$WORK/first")" "A /new"
	status 0 caisson delete twice
	is_clean
}

# A copy that lasts, until let_go.
visit() {
	[ -p "$WORK/slow" ] || mkfifo "$WORK/slow"
	caisson cp "$1:/big" - >"$WORK/slow" 2>"$WORK/visit-err" &
	visitor=$!
	exec 8<"$WORK/slow"
	is "$(head -c 1 <&8 | wc -c)" 1 "bytes"
}

let_go() {
	cat <&8 >/dev/null
	exec 8<&-
	wait "$visitor"
}

# One that has ended does not run because somebody looks at its files, and goes when it is told to.
test_others_during_a_visit() {
	status 5 caisson run --name visited --rootfs-mode image "$IMAGE" \
		sh -c 'head -c 30000000 /dev/zero >/big; exit 5'
	visit visited
	status 0 caisson wait visited
	is "$(out)" 5
	status 1 caisson kill visited
	has "$(err)" "container not running: visited"
	status 0 caisson state visited
	has "$(out)" '"stopped"'
	status 0 caisson inspect visited
	has "$(out)" '"state": "stopped"'
	let_go || fail "the visit failed: $(cat "$WORK/visit-err")"
	visit visited
	status 0 caisson delete -f visited
	! let_go || fail "the visit did not end"
	is_clean
}

# So does one that nobody saw end.
test_visit_of_one_that_was_lost() {
	# Which no other file has, as the processes of all are seen.
	local name=lost$$
	status 0 caisson run -d --name "$name" --rootfs-mode image "$IMAGE" \
		sh -c 'head -c 30000000 /dev/zero >/big; sync; exec sleep 1000'
	until caisson exec "$name" sh -c '[ "$(wc -c </big)" = 30000000 ] && sync'; do :; done
	# shellcheck disable=SC2046 # one word a process
	kill -KILL $(pgrep -f "caisson-shim --id $name\$")
	processes_end 30
	visit "$name"
	status 0 caisson list
	has "$(out | grep "^$name")" dead
	caisson diff "$name" >"$WORK/second" 2>&1 &
	second=$!
	status 1 caisson wait "$name"
	has "$(err)" "left no exit status"
	let_go || fail "the visit failed: $(cat "$WORK/visit-err")"
	wait $second || fail "the second one failed: $(cat "$WORK/second")"
	has "$(cat "$WORK/second")" "A /big"
	status 0 caisson delete "$name"
	is_clean
}

# Whoever is killed leaves nothing behind, and the container as it was.
test_asked_and_killed() {
	# Which no other file has, as the processes of all are seen.
	local name=killed$$
	status 4 caisson run --name "$name" --rootfs-mode image "$IMAGE" sh -c 'touch /new; exit 4'
	for whom in caisson caisson-shim qemu-system; do
		caisson diff "$name" >"$WORK/out" 2>"$WORK/err" &
		asker=$!
		until qemu=$(pgrep -f "^qemu-system-[^ ]* -name $name "); do
			kill -0 $asker || fail "it has ended: $(err)"
		done
		case $whom in
		caisson) kill -KILL $asker ;;
		caisson-shim) pkill -KILL -f "caisson-shim --id $name" ;;
		*) kill -KILL "$qemu" ;;
		esac
		wait $asker && fail "killing $whom was not noticed"
		status 0 caisson diff "$name"
		is "$(out)" "A /new" "after killing $whom"
		status 0 caisson wait "$name"
		is "$(out)" 4
	done
	status 0 caisson delete "$name"
	is_clean
}

# All there is to know of a folder's files but their content, to compare.
listed() {
	find "$1" -mindepth 1 \( -type d -printf '%P %y %m %U %G\n' \) -o \
		-printf '%P %y %m %U %G %T@ %n %l\n' | sort
}

# All of it, and nothing that is mounted there.
test_export() {
	mkdir "$WORK/want"
	layer=$(tar -tf "$WORK/busybox.tar" | grep '\.tar$')
	tar -xOf "$WORK/busybox.tar" "$layer" | tar -xpC "$WORK/want"
	for mode in $MODES; do
		status 0 caisson run -d --name "export-$mode" --rootfs-mode "$mode" "$IMAGE" sleep 1000
		status 0 caisson export -o "$WORK/$mode.tar" "export-$mode"
		mkdir "$WORK/$mode"
		tar -xpf "$WORK/$mode.tar" -C "$WORK/$mode"
		diff -r --no-dereference "$WORK/want" "$WORK/$mode" || fail "they differ: $mode"
		status 0 caisson exec "export-$mode" sh -c "$CHANGE; chown 12:34 /etc/new"
		status 0 caisson kill -s KILL "export-$mode"
		status 137 sh -c "exit \$(caisson wait export-$mode)"
		mkdir "$WORK/ended-$mode"
		caisson export "export-$mode" | tar -xpC "$WORK/ended-$mode"
		is "$(stat -c %u:%g "$WORK/ended-$mode/etc/new")" 12:34
		[ ! -e "$WORK/ended-$mode/bin/ls" ] || fail "it was removed"
		is "$(readlink "$WORK/ended-$mode/usr/link")" nowhere
		caisson export -o - "export-$mode" >"$WORK/again.tar"
		caisson export "export-$mode" | cmp - "$WORK/again.tar" || fail "-o - is another"
		status 0 caisson delete "export-$mode"
	done
	listed "$WORK/want" >"$WORK/want.list"
	for mode in $MODES; do
		listed "$WORK/$mode" | diff - "$WORK/want.list" >"$WORK/diff" || fail "$mode: $(head "$WORK/diff")"
	done
	is_clean
}

test_export_goes_nowhere() {
	status 0 caisson run --name nowhere --rootfs-mode image "$IMAGE" true
	status 1 sh -c 'caisson export nowhere >/dev/full'
	has "$(err)" "cannot write to stdout: No space left on device"
	one_sentence
	status 1 caisson export -o "$WORK/no/such/folder" nowhere
	one_sentence
	{ caisson export nowhere 2>"$WORK/err" || echo failed >>"$WORK/err"; } | head -c 1000 >"$WORK/part"
	is "$(err)" ""
	is "$(stat -c %s "$WORK/part")" 1000
	status 1 script -qec 'caisson export nowhere' /dev/null
	has "$(out)" "nothing for a terminal"
	status 0 caisson delete nowhere
	is_clean
}

# What it makes runs what the container ran, with what that has changed.
test_commit() {
	for mode in $MODES; do
		status 0 caisson run -d --name "commit-$mode" --rootfs-mode "$mode" -e A=1 -w /srv "$IMAGE" \
			sh -c 'until [ -e /ready ]; do sleep 0.1; done; pwd; echo $A$B; cat /etc/new; ls /bin/ls /usr'
		# It ends about now: before the commit, or while that goes on.
		status 0 caisson exec "commit-$mode" sh -c "$CHANGE; touch /ready"
		status 0 caisson commit -m why -a me -c 'ENV B=2' "commit-$mode" "web:$mode"
		caisson run --rm --rootfs-mode "$mode" "web:$mode" >"$WORK/out" 2>&1 || true
		is "$(grep -v '^ls:' "$WORK/out" | tr '\n' ' ')" "/srv 12 x /usr: link "
		has "$(out)" "ls: /bin/ls: No such file"
		status 0 caisson run --rm "web:$mode" sh -c 'cat /etc/new'
		is "$(out)" x
		status 1 env CAISSON_IMAGE_MAX=4K caisson commit "commit-$mode" "oci:$WORK/never:x"
		one_sentence
		has "$(err)" 'more than an image may have, 4096 bytes'
		status 0 caisson commit "commit-$mode" "oci:$WORK/layout-$mode:x"
		status 0 skopeo inspect --config "oci:$WORK/layout-$mode:x"
		has "$(out)" '"A=1"'
		status 0 umoci unpack --image "$WORK/layout-$mode:x" "$WORK/unpacked-$mode"
		is "$(cat "$WORK/unpacked-$mode/rootfs/etc/new")" x
		[ ! -e "$WORK/unpacked-$mode/rootfs/bin/ls" ] || fail "it was removed"
		is "$(ls "$WORK/unpacked-$mode/rootfs/usr")" link
		status 0 caisson delete -f "commit-$mode"
	done
	is_clean
}

# One without a name has nothing else to be called by.
test_run_by_id() {
	for mode in $MODES; do
		status 0 caisson run --name "nameless-$mode" --rootfs-mode "$mode" "$IMAGE" touch /made
		status 0 caisson commit "nameless-$mode"
		id=$(out)
		status 0 caisson delete "nameless-$mode"
		for word in "$id" "${id#sha256:}" "${id:7:12}" "${id:0:20}"; do
			status 0 caisson run --rm "$word" ls /made
			is "$(out)" /made
		done
	done
	status 125 caisson run --rm sha256:0123 true
	one_sentence
	has "$(err)" "no image of this ID"
	status 1 caisson image pull "$id"
	one_sentence
}

# The second has no half of a layer: it goes on when both have read it.
test_commits_at_once() {
	status 0 caisson run -d --name shared "$IMAGE" sleep 1000
	status 0 caisson exec shared sh -c 'head -c 30000000 /dev/zero | tr "\\0" x >/big'
	for n in 1 2; do
		caisson commit shared "oci-archive:$WORK/at-once-$n" 2>"$WORK/error-$n" &
		committers[n]=$!
	done
	for n in 1 2; do
		wait "${committers[n]}" || fail "$(cat "$WORK/error-$n")"
	done
	status 0 caisson exec shared true
	status 0 caisson delete -f shared
	is_clean
}

# Whoever is killed while it holds a container lets go of it.
test_commit_killed() {
	status 0 caisson run -d --name held "$IMAGE" sleep 1000
	status 0 caisson exec held sh -c 'head -c 100000000 /dev/zero | tr "\\0" x >/big'
	mkdir "$WORK/never"
	caisson commit held "oci-archive:$WORK/never/x" 2>/dev/null &
	committer=$!
	until caisson state held | grep -q '"paused"'; do
		kill -0 $committer || fail "it was never paused"
	done
	kill -KILL $committer
	wait $committer || true
	# Nobody tells but the end of its connection.
	while state=$(caisson state held) && [[ $state != *'"running"'* ]]; do
		has "$state" '"paused"'
	done
	status 0 caisson exec held true
	is "$(ls "$WORK/never")" ""
	status 0 caisson delete -f held
	is_clean
}

# Until it waits for a lock of the store's: fcntl(F_OFD_SETLKW).
await_lock() {
	until grep -Eq '^(72|25) [^ ]* 0x26 ' "/proc/$1/syscall"; do
		kill -0 "$1" || fail "it did not wait: $(err)"
	done
}

# ping WORD: the container's command does what it is told.
ping() {
	echo "$1" >&8
	is "$(timeout 60 head -n 1 <&9)" "got $1" "the container's answer"
}

# It goes on as soon as what it has changed was read, however long it takes to store that; and whoever
# is killed while he stores it leaves the container alone.
test_commit_lets_go_before_it_stores() {
	local before
	stored() { find "$CAISSON_ROOT/images" -mindepth 1 -maxdepth 1 | wc -l; }
	mkfifo "$WORK/to" "$WORK/from" "$WORK/hold" "$WORK/held"
	for mode in $MODES; do
		caisson run -i --rm --name goes --rootfs-mode "$mode" "$IMAGE" \
			sh -c 'while read -r x; do echo "got $x"; done' <"$WORK/to" >"$WORK/from" &
		runner=$!
		exec 8>"$WORK/to" 9<"$WORK/from"
		ping one
		before=$(stored)
		# As if somebody else were about to make each image that there is.
		python3 -c 'import fcntl, sys
file = open(sys.argv[1], "r+b")
fcntl.lockf(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()' "$CAISSON_ROOT/lock" <"$WORK/hold" >"$WORK/held" &
		holder=$!
		exec 7>"$WORK/hold"
		is "$(head -n 1 "$WORK/held")" locked
		for end in killed stored; do
			caisson commit goes web:goes >"$WORK/out" 2>"$WORK/err" 7>&- 8>&- &
			committer=$!
			await_lock $committer
			ping "$end"
			[ $end = stored ] || {
				kill -KILL $committer
				wait $committer || true
				ping after
			}
		done
		is "$(stored)" "$before" "images in the store"
		exec 7>&-
		wait $holder
		wait $committer || fail "$(err)"
		ping last
		exec 8>&- 9<&-
		wait $runner
		status 0 caisson run --rm --rootfs-mode "$mode" web:goes sh -c 'echo here'
		is "$(out)" here
		status 0 caisson image rm web:goes
	done
	is_clean
}

test_bad_words() {
	status 1 caisson diff
	one_sentence
	status 1 caisson diff nobody
	has "$(err)" 'container "nobody" does not exist'
	one_sentence
	status 1 caisson diff a b
	one_sentence
	status 1 caisson export
	one_sentence
	status 1 caisson commit
	one_sentence
	status 1 caisson commit nobody web
	has "$(err)" 'container "nobody" does not exist'
	status 1 caisson commit nobody 'web@sha256:12'
	has "$(err)" "is no name for an image"
	for name in docker-archive:x.tar dir:web ext4:web tar:web; do
		status 1 caisson commit nobody "$name"
		has "$(err)" "$name is no name for an image"
		one_sentence
	done
	for name in sha256:abc sha256:latest sha512:1 "$(printf '%064d' 0)"; do
		status 1 caisson commit nobody "$name"
		has "$(err)" "$name looks like an image's ID"
		one_sentence
	done
	status 1 caisson commit -c 'RUN x' nobody web
	has "$(err)" "CMD, ENTRYPOINT"
	one_sentence
	is_clean
}

run_tests "$@"
