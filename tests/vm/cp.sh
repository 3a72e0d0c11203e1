#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `caisson cp`: trees of all kinds of files there and back, Docker's rules for paths, and bad ends.
. "$(dirname "$0")/../lib/lib.sh"

IMAGE=$(busybox_image)
TREE=$TOP/tests/lib/tree.py

start() {
	caisson run -d --name "$1" "${@:2}" "$IMAGE" sleep 1000 >/dev/null
}

# What test_trees and test_paths copy.
make_sources() {
	[ -e "$WORK/src" ] || {
		mkdir -p "$WORK/src"
		python3 "$TREE" make "$WORK/src/tree"
		echo one >"$WORK/src/file"
		ln -s file "$WORK/src/link"
	}
}

# There and back.
test_trees() {
	make_sources
	start trees --rootfs-mode image
	status 0 caisson cp -a "$WORK/src/tree" trees:/copy
	is "$(err)" ""
	status 0 caisson cp -a trees:/copy "$WORK/back"
	python3 "$TREE" same "$WORK/src/tree" "$WORK/back"
	status 0 caisson delete -f trees
}

# Whatever the root file system is made of, and whoever runs the container.
# Linux' client of 9P sets times in whole seconds.
export QEMUS=test_folders
test_folders() {
	make_sources
	for how in "--rootfs-mode virtiofs" "--executor oci"; do
		# shellcheck disable=SC2086 # two words
		start folders $how
		status 0 caisson cp -a "$WORK/src/tree/folder" folders:/copy
		status 0 caisson cp -a folders:/copy "$WORK/back2"
		python3 "$TREE" same "$WORK/src/tree/folder" "$WORK/back2"
		rm -rf "$WORK/back2"
		status 0 caisson delete -f folders
	done
}

test_paths() {
	make_sources
	start paths --rootfs-mode image
	caisson exec paths sh -c 'mkdir /d /d/sub; echo old >/f; ln -s f /to-f; ln -s d /to-d; ln -s gone /to-new
		ln -s /../../../../etc /away'
	cd "$WORK/src" || exit
	status 0 caisson cp file paths:/d
	status 0 caisson cp file paths:/new
	status 0 caisson cp file paths:to-f
	status 0 caisson cp file paths:/to-new
	status 0 caisson cp link paths:/d/link
	status 0 caisson cp -L link paths:/d
	mkdir -p some/in
	status 0 caisson cp some paths:/to-d
	status 0 caisson cp some/. paths:/d/sub
	status 0 caisson cp file paths:/away/here
	status 0 caisson exec paths sh -c 'cat /d/file /new /f /gone /etc/here; ls -d /d/some/in /d/sub/in
		readlink /to-f; [ ! -L /d/link ] && cat /d/link'
	is "$(out)" "$(printf 'one\none\none\none\none\n/d/some/in\n/d/sub/in\nf\none')"
	mkdir out
	status 0 caisson cp paths:/d/file out
	status 0 caisson cp paths:/d out/d2
	status 0 caisson cp paths:/to-f out
	status 0 caisson cp -L paths:/to-f out/followed
	is "$(cat out/file out/d2/file out/followed; readlink out/to-f)" "$(printf 'one\none\none\nf')"
	status 0 caisson delete -f paths
}

# What is the kernel's own is no content.
test_root() {
	start root --rootfs-mode image
	status 0 caisson cp root:/ "$WORK/whole"
	[ -e "$WORK/whole/bin/busybox" ] || fail "a file is missing"
	is "$(find "$WORK/whole/proc" "$WORK/whole/sys" -mindepth 1)" ""
	status 1 caisson cp root:/proc/version "$WORK/version"
	one_sentence
	has "$(err)" "of the kernel's own"
	[ ! -e "$WORK/version" ] || fail "it was made"
	status 0 caisson delete -f root
}

test_archives() {
	start archives --rootfs-mode image
	mkdir "$WORK/a"
	echo words >"$WORK/a/b c"
	tar -C "$WORK" -c a >"$WORK/a.tar"
	status 0 caisson cp - archives:/bin/.. <"$WORK/a.tar"
	status 0 caisson cp archives:/a -
	tar -xf "$WORK/out" -O >"$WORK/words"
	is "$(cat "$WORK/words")" words
	{ caisson cp archives:/bin - 2>"$WORK/err" || echo failed >>"$WORK/err"; } | head -c 10 >"$WORK/part"
	is "$(err)" ""
	for program in gzip zstd; do
		status 0 caisson cp - archives:/bin/.. < <(echo $program >"$WORK/a/b c" && tar -C "$WORK" -c a | $program)
		status 0 caisson exec archives cat "/a/b c"
		is "$(out)" $program
		# Cut: the end is missing.
		seq 100000 >"$WORK/a/many"
		tar -C "$WORK" -c a | $program >"$WORK/a.tar"
		status 1 caisson cp - archives:/ < <(head -c 30000 "$WORK/a.tar")
		one_sentence
	done
	for program in xz bzip2; do
		case $program in
		xz) printf '\xfd7zXZ\0 and so on' ;;
		*) printf 'BZh91AY&SY and so on' ;;
		esac >"$WORK/a.tar"
		status 1 caisson cp - archives:/ <"$WORK/a.tar"
		one_sentence
		has "$(err)" "compressed by $program,"
		has "$(err)" "\`$program -dc |\`"
	done
	# Names may begin as the marks do.
	mkdir "$WORK/names"
	: >"$WORK/names/BZh9"
	: >"$WORK/names/LZIP"
	for name in BZh9 LZIP; do
		status 0 caisson cp - archives:/ < <(tar -C "$WORK/names" -c $name)
		status 0 caisson exec archives ls /$name
	done
	echo hello >"$WORK/a.tar"
	status 1 caisson cp - archives:/ <"$WORK/a.tar"
	one_sentence
	has "$(err)" "cannot read the archive"
	status 0 caisson delete -f archives
}

test_one_that_has_ended() {
	status 0 caisson run --name ended --rootfs-mode image "$IMAGE" sh -c 'echo kept >/f'
	status 0 caisson cp ended:/f "$WORK/kept"
	is "$(cat "$WORK/kept")" kept
	status 0 caisson cp "$WORK/kept" ended:/g
	status 0 caisson cp ended:/g -
	has "$(tr -d '\0' <"$WORK/out")" kept
	status 0 caisson delete ended
}

# The container's processes go on meanwhile.
test_while_others_run() {
	start busy --rootfs-mode image
	head -c 30000000 /dev/urandom >"$WORK/large"
	for i in 1 2 3 4 5 6 7 8 9 10; do
		caisson exec busy sh -c "echo $i" >"$WORK/exec.$i" &
	done
	status 0 caisson cp "$WORK/large" busy:/large
	status 0 caisson cp busy:/large "$WORK/large2"
	wait
	cmp "$WORK/large" "$WORK/large2"
	is "$(cat "$WORK"/exec.* | sort -n | tr '\n' ' ')" "1 2 3 4 5 6 7 8 9 10 "
	status 0 caisson delete -f busy
}

# More often than there can be transfers at a time: nothing of one that was killed is left.
test_killed() {
	start killed --rootfs-mode image
	head -c 20000000 /dev/zero >"$WORK/zeros"
	caisson cp "$WORK/zeros" killed:/zeros
	caisson exec killed mkdir /in
	mkfifo "$WORK/fifo"
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do
		caisson cp - killed:/in <"$WORK/fifo" &
		exec 9>"$WORK/fifo"
		tar -C "$WORK" -c zeros | head -c 10000000 >&9
		kill -KILL $!
		wait $! || true
		exec 9>&-
	done
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do
		caisson cp killed:/zeros - >"$WORK/fifo" &
		exec 9<"$WORK/fifo"
		head -c 1000000 <&9 >/dev/null
		kill -KILL $!
		wait $! || true
		exec 9<&-
	done
	status 0 caisson cp killed:/in "$WORK/in"
	is "$(ls -A "$WORK/in")" "" "what is left in the container"
	status 0 caisson delete -f killed
}

# task METHOD NAME: as containerd would ask it.
task() {
	PYTHONPATH=$TOP/tests/vm python3 -B -c 'import socket, sys
from ttrpc import Client, message
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[3])
Client(sock).call(sys.argv[1], message(_1=sys.argv[2]))' "$1" "$2" "$CAISSON_RUN/$2/shim.sock"
}

# As docker cp does: what is paused are its processes only.
test_paused() {
	echo words >"$WORK/words.in"
	for how in "--rootfs-mode image" "--rootfs-mode virtiofs" "--executor oci"; do
		# shellcheck disable=SC2086 # two words
		start paused $how
		task Pause paused
		status 0 timeout 60 caisson cp "$WORK/words.in" paused:/in
		status 0 timeout 60 caisson cp paused:/in "$WORK/words.out"
		cmp "$WORK/words.in" "$WORK/words.out"
		has "$(caisson state paused)" '"paused"'
		task Resume paused
		status 0 caisson exec paused cat /in
		is "$(out)" words
		rm "$WORK/words.out"
		status 0 caisson delete -f paused
	done
}

# What a container has made to get at the host's files by: all of it stays below where it is copied to.
test_hostile_trees() {
	mkdir -p "$WORK/hostile/outside" "$WORK/hostile/to"
	echo own >"$WORK/hostile/outside/file"
	start hostile --rootfs-mode image
	caisson exec hostile sh -c "mkdir /t && cd /t && ln -s $WORK/hostile/outside l && ln -s ../outside m &&
		ln -s $WORK/hostile/outside/file f && ln -s l n && touch ..x '...' \"\$(printf 'a\\nb\\033[2J')\""
	status 0 caisson cp hostile:/t/. "$WORK/hostile/to"
	is "$(readlink "$WORK/hostile/to/l" "$WORK/hostile/to/m" "$WORK/hostile/to/n" | tr '\n' ' ')" "$WORK/hostile/outside ../outside l "
	[ -e "$WORK/hostile/to/..x" ] || fail "a name is missing"
	# The links are there now; what comes next would go through them.
	caisson exec hostile sh -c 'cd /t && rm l m n f && mkdir l m n && echo evil | tee l/new m/new n/new l/file f'
	for _ in 1 2; do
		caisson cp hostile:/t/. "$WORK/hostile/to" >"$WORK/out" 2>"$WORK/err" || one_sentence
		is "$(ls -A "$WORK/hostile/outside") $(cat "$WORK/hostile/outside/file")" "file own"
	done
	# More than there is room for.
	caisson exec hostile sh -c 'head -c 9000000 /dev/urandom >/t/large'
	mkdir "$WORK/hostile/small"
	mount -t tmpfs -o size=2M none "$WORK/hostile/small"
	status 1 caisson cp hostile:/t/large "$WORK/hostile/small"
	left=$(ls -A "$WORK/hostile/small")
	umount "$WORK/hostile/small"
	one_sentence
	has "$(err)" "No space left on device"
	is "$left" ""
	status 0 caisson delete -f hostile
}

test_bad_words() {
	start bad --rootfs-mode image
	for words in "bad:/missing x" "$WORK/missing bad:/" "a b" "bad:a bad:b" "bad:/etc" \
		"nobody:/x y" "/etc/passwd bad:/missing/" "/etc/passwd bad:/missing/x" "/etc bad:/etc/passwd" \
		"/etc/passwd bad:/dev/null" "bad:/etc/passwd /dev/null" "bad:/etc/passwd $WORK/no/x" "bad: x" "bad:/etc x y"; do
		# shellcheck disable=SC2086 # two words
		status 1 caisson cp $words
		one_sentence
	done
	status 1 script -qec "caisson cp - bad:/" /dev/null
	has "$(out)" "a terminal has no tar"
	status 0 caisson delete -f bad
}

run_tests "$@"
