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

# Whoever is killed leaves nothing behind, and the container as it was.
test_asked_and_killed() {
	status 4 caisson run --name killed --rootfs-mode image "$IMAGE" sh -c 'touch /new; exit 4'
	for whom in caisson caisson-shim qemu-system; do
		caisson diff killed >"$WORK/out" 2>"$WORK/err" &
		asker=$!
		until qemu=$(pgrep -f '^qemu-system-[^ ]* -name killed '); do
			kill -0 $asker || fail "it has ended: $(err)"
		done
		case $whom in
		caisson) kill -KILL $asker ;;
		caisson-shim) pkill -KILL -f 'caisson-shim --id killed' ;;
		*) kill -KILL "$qemu" ;;
		esac
		wait $asker && fail "killing $whom was not noticed"
		status 0 caisson diff killed
		is "$(out)" "A /new" "after killing $whom"
		status 0 caisson wait killed
		is "$(out)" 4
	done
	status 0 caisson delete killed
	is_clean
}

test_bad_words() {
	status 1 caisson diff
	one_sentence
	status 1 caisson diff nobody
	has "$(err)" 'no container is called "nobody"'
	one_sentence
	status 1 caisson diff a b
	one_sentence
}

run_tests "$@"
