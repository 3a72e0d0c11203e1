#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `caisson run`: what Docker's users expect of it, with the executor that $CAISSON_TEST_EXECUTOR names.
. "$(dirname "$0")/../lib/lib.sh"

# What is in the chroot is the machine's own programs.
export QEMUS=test_plain_chroot
IMAGE=$(busybox_image)
EXECUTOR=${CAISSON_TEST_EXECUTOR:-direct}
run() { caisson run --rm --executor "$EXECUTOR" "$@"; }

test_prints_and_ends() {
	status 0 run "$IMAGE" echo hello world
	is "$(out)" "hello world"
	is "$(err)" ""
}

test_exit_statuses_are_exact() {
	for n in 0 1 2 42 125 126 127 128 200 255; do
		status $n run "$IMAGE" sh -c "exit $n"
	done
}

test_signals_are_128_plus_n() {
	status 137 run "$IMAGE" sh -c 'sh -c "kill -9 \$\$"; exit $?'
	# A first process cannot kill itself: another one does.
	status 143 run "$IMAGE" sh -c 'trap "exit 143" TERM; kill -TERM $$; sleep 5'
}

# Files that are no commands, how that ends, and runc's phrase for it, which both executors have.
odd_commands() {
	cat <<-'EOF'
		no-such-command 127 exec: "no-such-command": executable file not found in $PATH
		/no/such/file 127 exec: "/no/such/file": stat /no/such/file: no such file or directory
		/text/x 127 exec: "/text/x": …not a directory
		/loop 127 exec: "/loop": …symbolic link
		/plain 126 exec: "/plain": permission denied
		/folder 126 exec: "/folder": permission denied
		/fifo 126 exec: "/fifo": permission denied
		/text 126 exec: "/text": exec format error
		./text 126 exec: "./text": exec format error
		/empty 126 exec: "/empty": exec format error
		/cut 126 exec: "/cut": exec format error
		/orphan 127 exec: "/orphan": no such file or directory, its interpreter or loader
		/closed 126 exec: "/closed": permission denied
		/other 126 exec: "/other": exec format error
		/unloaded 127 exec: "/unloaded": no such file or directory, its interpreter or loader
		/indirect 126 exec: "/indirect": exec format error
	EOF
}

odd_tree() {
	mkdir -p "$1/bin" "$1/folder"
	cp /bin/busybox "$1/bin/sleep"
	cp /bin/busybox "$1/bin/sh"
	echo "just a text" >"$1/text"
	: >"$1/empty"
	: >"$1/plain"
	head -c 4 /bin/busybox >"$1/cut"
	echo "#!/no/such/interpreter" >"$1/orphan"
	echo "#!/plain" >"$1/closed"
	echo "#!/text" >"$1/indirect"
	# ELF files: of RISC-V, and one whose loader is not there.
	cp /bin/busybox "$1/other"
	printf '\363\0' | dd of="$1/other" bs=1 seek=18 conv=notrunc status=none
	cp /bin/true "$1/unloaded"
	mkfifo "$1/fifo"
	ln -s loop "$1/loop"
	chmod 755 "$1/text" "$1/empty" "$1/cut" "$1/orphan" "$1/closed" "$1/fifo" "$1/indirect"
}

# odd HOW...: each of these commands, with nothing said but the one sentence
odd() {
	odd_commands | while read -r command code phrase; do
		status "$code" "$@" "$command"
		one_sentence
		is "$(out)" "" "what $command printed"
		has "$(err)" "${phrase%%…*}"
		has "$(err)" "${phrase#*…}"
	done
}

test_commands_that_do_not_run() {
	odd_tree "$WORK/odd"
	odd run "dir:$WORK/odd"
}

test_execs_that_do_not_run() {
	odd_tree "$WORK/odd2"
	caisson run -d --name odd --executor "$EXECUTOR" "dir:$WORK/odd2" sleep 1000 >/dev/null
	odd caisson exec odd
	status 7 caisson exec odd sh -c 'exit 7'
	caisson delete -f odd
}

# by_terminal COMMAND: it says that /text cannot be executed, and nothing of crun's
by_terminal() {
	script -qec "$1 /text; echo status \$?" /dev/null </dev/null | tr -d '\r' >"$WORK/tty"
	has "$(cat "$WORK/tty")" "$(printf 'caisson: exec: "/text": exec format error\nstatus 126')"
	is "$(grep -c error "$WORK/tty")" 1 "lines with an error"
}

test_terminal_that_nothing_runs_in() {
	odd_tree "$WORK/odd3"
	by_terminal "caisson run --rm --executor $EXECUTOR -it dir:$WORK/odd3"
	caisson run -d --name odd3 --executor "$EXECUTOR" "dir:$WORK/odd3" sleep 1000 >/dev/null
	by_terminal "caisson exec -it odd3"
	caisson delete -f odd3
}

# A status of its own, and words, that look like those of a failure.
test_command_that_only_looks_as_if() {
	status 1 run "$IMAGE" sh -c 'echo "exec container process \`x\`: Exec format error" >&2; exit 1'
	has "$(err)" 'exec container process'
}

test_stdout_and_stderr_stay_apart() {
	status 0 run "$IMAGE" sh -c 'echo out; echo err >&2; echo out2'
	is "$(out)" "$(printf 'out\nout2')"
	is "$(err)" "err"
}

test_binary_both_ways() {
	head -c 3000000 /dev/urandom >"$WORK/random"
	run -i "$IMAGE" cat <"$WORK/random" >"$WORK/copy"
	cmp "$WORK/random" "$WORK/copy"
}

test_output_is_complete_however_fast_the_end() {
	for n in 1 65536 1000001; do
		is "$(run "$IMAGE" sh -c "head -c $n /dev/zero" | wc -c)" $n
	done
}

test_stdin_ends() {
	is "$(printf 'a\nb\n' | run -i "$IMAGE" wc -l | tr -d ' ')" 2
	is "$(run -i "$IMAGE" wc -c </dev/null | tr -d ' ')" 0
	# Without -i there is none.
	is "$(echo text | run "$IMAGE" wc -c | tr -d ' ')" 0
}

test_environment_folder_user() {
	status 0 run -e A=1 -e 'B=two words' -w /tmp "$IMAGE" sh -c 'echo "$A|$B|$PWD|$(id -u)|$HOME"'
	is "$(out)" "1|two words|/tmp|0|/root"
	status 0 run -u 1000:100 "$IMAGE" sh -c 'id -u; id -g'
	is "$(out)" "$(printf '1000\n100')"
	status 0 run -u 1000:100 "$IMAGE" cat /dev/stdin
	status 0 env TAKEN=yes caisson run --rm -e TAKEN "$IMAGE" sh -c 'echo $TAKEN'
	is "$(out)" yes
	status 0 run -w /made/for/me "$IMAGE" pwd
	is "$(out)" /made/for/me
	status 125 run -u nobody-here "$IMAGE" true
	one_sentence
	has "$(err)" "unable to find user nobody-here"
}

test_entrypoint() {
	status 0 run --entrypoint /bin/echo "$IMAGE" a b
	is "$(out)" "a b"
}

test_memory_and_cpus() {
	status 0 run --memory 512M --cpus 2 "$IMAGE" sh -c 'nproc; grep MemTotal /proc/meminfo'
	is "$(out | head -1)" 2
	kb=$(out | awk '/MemTotal/ {print $2}')
	[ "$kb" -gt 400000 ] && [ "$kb" -le 524288 ] || fail "MemTotal is $kb kB"
}

# A process that a setgid program gives another group stays in its own.
test_groups() {
	status 0 run -u 5:6 "$IMAGE" grep Groups /proc/self/status
	is "$(out | tr -d '\t ')" "Groups:6"
}

test_own_kernel_own_pids() {
	status 0 run "$IMAGE" sh -c 'echo $$; uname -r; ls /proc | grep -c "^[0-9]"'
	is "$(out | sed -n 1p)" 1
	[ "$(out | sed -n 2p)" != "$(uname -r)" ] || fail "this is the host's kernel"
	[ "$(out | sed -n 3p)" -le 4 ] || fail "sees $(out | sed -n 3p) processes"
}

test_kernel_is_the_one_listed() {
	status 0 run "$IMAGE" uname -r
	release=$(out)
	status 0 caisson kernel list
	is "$(out | awk '$1 == "*" {print $3}')" "$release"
}

test_image_is_not_changed() {
	status 0 run "$IMAGE" sh -c 'echo x >/changed; rm /etc/passwd; ls /changed'
	status 1 run "$IMAGE" ls /changed
	status 0 run "$IMAGE" ls /etc/passwd
}

test_dir_image() {
	mkdir -p "$WORK/tree/bin" "$WORK/tree/with space"
	cp /bin/busybox "$WORK/tree/bin/busybox"
	ln -s busybox "$WORK/tree/bin/sh"
	status 0 run "dir:$WORK/tree" sh -c 'echo here >/new; busybox cat /new'
	is "$(out)" here
	[ ! -e "$WORK/tree/new" ] || fail "the folder was changed"
}

# Whose "/" is no mount point, in a file system that is shared with others.
test_run_folder_with_an_odd_name() {
	status 0 env "CAISSON_RUN=$WORK/a,b=c:d\\e f" caisson run --rm "$IMAGE" echo hello
	is "$(out)" hello
	rmdir "$WORK/a,b=c:d\\e f"
}

test_plain_chroot() {
	chroot=$WORK/chroot
	kernel=$(caisson kernel list | awk '$1 == "*" {print $4}')
	mkdir -p "$chroot/usr" "$chroot/etc" "$chroot/dev" "$chroot/proc" "$chroot/boot" \
		"$chroot/var/cache" "$chroot/var/tmp" "$chroot$WORK" "$chroot/opt/here only" \
		"$chroot${kernel%/*}"
	cp -P /bin /sbin /lib* "$chroot" 2>/dev/null || skip "/bin is no link to /usr/bin here"
	unshare -m true || skip "no mount namespace can be made here"
	# Private to the machine at first, or these mounts would be its own, too.
	cat >"$WORK/in-chroot" <<-EOF
		mount --make-rshared / || exit
		for dir in usr etc dev proc boot var/cache '${kernel%/*}' '$WORK'; do
			mount --rbind "/\$dir" "$chroot/\$dir" || exit
		done
		mount --rbind '$TOP' "$chroot/opt/here only" || exit
		cat /proc/self/mountinfo >"$WORK/before"
		chroot "$chroot" sh -c "cd '${kernel%/*}' &&
			'/opt/here only/build/bin/caisson' run --rm --kernel './${kernel##*/}' '$IMAGE' echo inside" || exit
		cmp "$WORK/before" /proc/self/mountinfo
	EOF
	status 0 unshare -m --propagation private sh "$WORK/in-chroot"
	is "$(out)" inside
	is_clean
}

test_tty_is_one() {
	# script(1) gives us a terminal of a known size.
	script -qec "stty rows 33 cols 77; caisson run --rm --executor $EXECUTOR -it $IMAGE sh -c 'tty; stty size; test -t 0 -a -t 1 -a -t 2 && echo all'" /dev/null </dev/null >"$WORK/tty"
	has "$(tr -d '\r' <"$WORK/tty")" "/dev/pts/"
	has "$(tr -d '\r' <"$WORK/tty")" "33 77"
	has "$(tr -d '\r' <"$WORK/tty")" "all"
}

test_sigterm_reaches_the_command() {
	mkfifo "$WORK/ready"
	caisson run --rm --executor "$EXECUTOR" "$IMAGE" sh -c 'trap "echo got term; exit 7" TERM; echo up; while :; do sleep 1; done' >"$WORK/ready" 2>/dev/null &
	pid=$!
	exec 3<"$WORK/ready"
	read -r line <&3
	is "$line" up
	kill -TERM $pid
	read -r line <&3
	is "$line" "got term"
	code=0
	wait $pid || code=$?
	is $code 7
}

test_third_interrupt_is_final() {
	mkfifo "$WORK/ready2"
	caisson run --rm --executor "$EXECUTOR" "$IMAGE" sh -c 'echo up; exec sleep 1000' >"$WORK/ready2" 2>/dev/null &
	pid=$!
	exec 3<"$WORK/ready2"
	read -r line <&3
	kill -TERM $pid; kill -INT $pid; kill -HUP $pid
	code=0
	wait $pid || code=$?
	is $code 130
}

test_shell_closes_stdout() {
	status 0 bash -c "set -o pipefail; caisson run --rm '$IMAGE' sh -c 'yes; exit 0' | head -1 || [ \${PIPESTATUS[1]} -eq 0 ]"
	is "$(out)" y
}

test_lost_output_is_a_failure() {
	# Once, as unpacking is told on stderr.
	run "$IMAGE" true
	for command in "run --rm $IMAGE echo hi" "run -d --name full $IMAGE sleep 1000" "exec full echo hi"; do
		code=0
		# shellcheck disable=SC2086 # several words
		caisson $command >/dev/full 2>"$WORK/err" || code=$?
		is $code 125 "status of $command"
		one_sentence
		has "$(err)" "cannot write to stdout: No space left on device"
	done
	caisson delete -f full
	# Only some of it fits.
	mkdir "$WORK/full"
	status 125 unshare -m bash -c "
		mount -t tmpfs -o size=64k none '$WORK/full' &&
		exec caisson run --rm '$IMAGE' head -c 100000 /dev/zero >'$WORK/full/out'"
	has "$(err)" "cannot write to stdout: No space left on device"
}

test_status_is_kept_for_a_slow_client() {
	# The third message is Wait: it comes long after the command, and its VM, have ended.
	status 7 strace -o "$WORK/trace" -e trace=sendmsg -e inject=sendmsg:delay_enter=700000:when=3 \
		caisson run --rm "$IMAGE" sh -c 'exit 7'
	[ "$(grep -c DELAYED "$WORK/trace")" = 1 ] || fail "nothing was delayed"
}

run_tests "$@"
