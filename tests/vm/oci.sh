#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `caisson run --executor oci`: what run.sh does not see when it runs with CAISSON_TEST_EXECUTOR=oci.
#
#   oci.sh PROGRAM [TEST...]     PROGRAM: tests/vm/guests/guest-calls.c
PROGRAM=$(realpath "$1")
shift
. "$(dirname "$0")/../lib/lib.sh"

IMAGE=$(busybox_image)
run() { caisson run --rm --executor oci "$@"; }

# Both executors give a container the same, but for the system calls.
test_same_as_direct() {
	look='grep -E "^(Cap|NoNew|Umask|Groups)" /proc/self/status; hostname; ls /dev /sys/firmware;
		echo x >/proc/sys/kernel/domainname; wc -c </proc/keys; env | sort; ulimit -n; pwd'
	# Once, as unpacking is told on stderr.
	run "$IMAGE" true
	status 0 caisson run --rm --name same "$IMAGE" sh -c "$look"
	out >"$WORK/direct"
	err >>"$WORK/direct"
	status 0 run --name same "$IMAGE" sh -c "$look"
	out >"$WORK/oci"
	err >>"$WORK/oci"
	diff "$WORK/direct" "$WORK/oci" || fail "the two differ"
}

# Not those of crun, which has the same each time where QEMU emulates.
test_addresses_are_by_chance() {
	caisson run -d --executor oci --name chance "$IMAGE" sleep 1000 >/dev/null
	status 0 caisson exec chance cat /proc/1/personality /proc/self/personality
	is "$(out | sort -u)" 00000000 "personality"
	caisson delete -f chance
}

test_system_calls() {
	mkdir -p "$WORK/calls/bin"
	cp /bin/busybox "$WORK/calls/bin/sleep"
	cp "$PROGRAM" "$WORK/calls/bin/calls"
	cat >"$WORK/expected" <<-'EOF'
		clone: Success
		clone a user namespace: Operation not permitted
		clone3: Function not implemented
		unshare: Operation not permitted
		keyctl: Operation not permitted
		io_uring: Operation not permitted
		vsock: Operation not permitted
		socket: Success
	EOF
	status 0 run "dir:$WORK/calls" calls
	diff "$WORK/expected" "$WORK/out" || fail "system calls"
	status 0 run -u 1000 "dir:$WORK/calls" calls
	diff "$WORK/expected" "$WORK/out" || fail "a user's system calls"
	caisson run -d --executor oci --name calls "dir:$WORK/calls" sleep 1000 >/dev/null
	status 0 caisson exec calls calls
	diff "$WORK/expected" "$WORK/out" || fail "an exec's system calls"
	caisson delete -f calls
	# The container that owns its VM has no filter.
	status 0 caisson run --rm "dir:$WORK/calls" calls
	has "$(out)" "unshare: Success"
	has "$(out)" "clone3: Success"
}

test_names_that_are_links() {
	mkdir -p "$WORK/tree/bin" "$WORK/tree/etc"
	cp /bin/busybox "$WORK/tree/bin/id"
	ln -s "$WORK/elsewhere" "$WORK/tree/etc/passwd"
	echo "trap:x:77:77::/:/bin/sh" >"$WORK/elsewhere"
	status 125 run -u trap "dir:$WORK/tree" id
	one_sentence
	has "$(err)" "unable to find user trap"
	rm "$WORK/tree/etc/passwd"
	mkfifo "$WORK/tree/etc/passwd"
	status 125 run -u trap "dir:$WORK/tree" id
}

test_own_processes_and_cgroup() {
	status 0 run "$IMAGE" sh -c 'echo $$; cat /proc/self/cgroup; mount | grep -c "on /sys/fs/cgroup"'
	is "$(out)" "$(printf '1\n0::/\n1')"
	# Its limits are not its own to change, even where it may write there.
	status 0 run --privileged -e RUNCVM_SYSTEMD=1 "$IMAGE" sh -c '
		cd /sys/fs/cgroup && mkdir own && (echo 9 >pids.max) 2>&1 || cat pids.max'
	is "$(out)" "$(printf 'sh: write error: Operation not permitted\nmax')"
}

test_exec() {
	caisson run -d --executor oci --name box -e A=1 "$IMAGE" sleep 1000 >/dev/null
	status 3 caisson exec box sh -c 'echo "$A $HOME"; echo err >&2; exit 3'
	is "$(out)" "1 /root"
	is "$(err)" err
	is "$(echo text | caisson exec -i box cat)" text
	status 0 caisson exec -u 1000:100 -w /tmp -e B=2 box sh -c 'id -u; id -g; pwd; echo $B'
	is "$(out)" "$(printf '1000\n100\n/tmp\n2')"
	status 127 caisson exec box no-such-command
	one_sentence
	has "$(err)" 'exec: "no-such-command": executable file not found in $PATH'
	status 126 caisson exec box /etc/passwd
	one_sentence
	status 125 caisson exec -w /nowhere box true
	one_sentence
	has "$(err)" 'cannot enter the working directory "/nowhere": no such file or directory'
	status 125 caisson exec -u nobody-here box true
	has "$(err)" "unable to find user nobody-here"
	# Names are those that the container has now.
	caisson exec box sh -c 'echo "late:x:77:78::/home/late:/bin/sh" >>/etc/passwd'
	status 0 caisson exec -u late box sh -c 'id -u; id -g; echo $HOME'
	is "$(out)" "$(printf '77\n78\n/home/late')"
	script -qec "stty rows 22 cols 66; caisson exec -it box sh -c 'tty; stty size'" /dev/null </dev/null >"$WORK/tty"
	has "$(tr -d '\r' <"$WORK/tty")" "22 66"
	caisson delete -f box
	is_clean
}

test_what_json_cannot_hold() {
	# Unpacking is told once.
	run --kernel /nowhere "$IMAGE" true 2>/dev/null || true
	status 125 run "$IMAGE" echo "$(printf 'a\377b')"
	one_sentence
	has "$(err)" "args[1] is not valid UTF-8"
	# None of it is worth a boot.
	for option in --env --workdir; do
		status 125 run --kernel /nowhere "$option=$(printf '/V=a\377b')" "$IMAGE" true
		one_sentence
		has "$(err)" "is not valid UTF-8"
	done
	status 125 run --kernel /nowhere -e "V=$(printf 'a\377b')" "$IMAGE" true
	has "$(err)" "the variable V is not valid UTF-8"
}

test_without_crun() {
	unshare -m true || skip "no mount namespace can be made here"
	echo text >"$WORK/no-program"
	status 125 unshare -m sh -c "mount --bind '$WORK/no-program' '$(command -v crun)' &&
		exec caisson run --rm --executor oci '$IMAGE' true"
	one_sentence
	has "$(err)" "there is no crun on this machine"
}

# The direct path does not pay: its initramfs has no crun in it.
test_direct_has_no_crun() {
	status 0 caisson run --rm "$IMAGE" true
	status 0 run "$IMAGE" true
	sizes=$(find "${CAISSON_CACHE:-/var/cache/caisson}/initramfs" -name '*.cpio' -size +2M | wc -l)
	[ "$sizes" -ge 1 ] || fail "no initramfs has crun"
}

run_tests "$@"
