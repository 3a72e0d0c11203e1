#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Detached containers: list, logs, exec, kill, wait, delete.
. "$(dirname "$0")/../lib/lib.sh"

export QEMUS=test_vsockd_sees_its_sockets_only
IMAGE=$(busybox_image)
LOOP='trap "exit 9" TERM; echo started; echo problems >&2; while :; do sleep 0.2; done'

test_detached_life() {
	status 0 caisson run -d --name life "$IMAGE" sh -c "$LOOP"
	is "$(out)" life
	status 0 caisson list
	has "$(out)" life
	has "$(out)" running
	status 0 caisson list -q
	is "$(out)" life
	status 0 caisson exec life echo inside
	is "$(out)" inside
	status 1 caisson delete life
	one_sentence
	has "$(err)" "that is not stopped: running"
	has "$(err)" "-s KILL"
	# The last that it says, with its trap set.
	read -r line < <(caisson logs -f life 2>&1 >/dev/null)
	is "$line" problems
	status 0 caisson kill life
	status 0 caisson wait life
	is "$(out)" 9
	status 0 caisson logs life
	is "$(out)" started
	is "$(err)" problems
	status 0 caisson list
	has "$(out)" "exited (9)"
	status 125 caisson exec life true
	one_sentence
	status 0 caisson delete life
	status 1 caisson logs life
	one_sentence
	is_clean
}

test_inspect() {
	status 0 caisson run -d --name seen "$IMAGE" sleep 1000
	status 0 caisson inspect seen
	has "$(out)" '"id": "seen"'
	has "$(out)" '"state": "running"'
	has "$(out)" '"exit_status": null'
	has "$(out)" '"init_rss_kb": '
	has "$(out)" '"init_context_switches": '
	is "$(out | grep -c '"state": "absent"')" 1 "supervisors"
	status 0 caisson state seen
	has "$(out)" '"status": "running"'
	pid=$(out | sed -n 's/^  "pid": \([0-9]*\),/\1/p' | head -1)
	has "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "--id seen"
	status 0 caisson kill -s KILL seen
	status 0 caisson wait seen
	status 0 caisson inspect seen
	has "$(out)" '"state": "stopped"'
	has "$(out)" '"exit_status": 137'
	has "$(out)" '"guest": null'
	status 0 caisson state seen
	has "$(out)" '"status": "stopped"'
	has "$(out)" '"pid": 0'
	status 0 caisson delete seen
	status 1 caisson inspect seen
	one_sentence
	status 1 caisson inspect
	one_sentence
	is_clean
}

test_image_is_locked_while_it_is_used() {
	local image
	status 0 caisson run -d --name locks "$IMAGE" sleep 1000
	image=$(echo "$CAISSON_ROOT"/images/*)
	[ -d "$image" ] || fail "no image in the store"
	status 1 flock -n -x "$image" true
	status 0 caisson delete -f locks
	status 0 flock -n -x "$image" true
	is_clean
}

test_list_has_no_control_characters() {
	caisson run -d --name plain "$IMAGE" true "$(printf 'a\033[31mb\302\233c\304\233d')" >/dev/null
	caisson wait plain >/dev/null
	has "$(caisson list)" "$(printf 'true a?[31mb??c\304\233d ')"
	caisson delete plain
}

# record NAME CREATED IMAGE WORD: a container that has ended, without a VM of its own
record() {
	local dir="$CAISSON_ROOT/containers/$1"
	mkdir -p "$dir"
	python3 - "$CAISSON_ROOT/containers/model/spec.json" "$@" >"$dir/spec.json" <<-'EOF'
		import json, os, sys
		# Bytes are written as characters of that number.
		bytes_of = lambda word: os.fsencode(word).decode("latin-1")
		spec = json.load(open(sys.argv[1], encoding="utf-8"))
		spec.update(id=sys.argv[2], created=int(sys.argv[3]), image=sys.argv[4], args=[bytes_of(sys.argv[5])])
		json.dump(spec, sys.stdout)
	EOF
}

test_list_is_readable() {
	status 0 caisson run -d --name model "$IMAGE" sleep 1000
	record aa 1000 dir:/x "$(printf '%022d\303\244\303\244\303\244' 0)"
	record zz 3000 dir:/y b
	record mm 2000 "docker-archive:/a/long/way/to/the/archives/of/web-1.2.tar" c
	printf 137 >"$CAISSON_ROOT/containers/mm/exit"
	status 0 caisson list
	is "$(out | awk 'NR > 1 {printf "%s ", $1}')" "model zz mm aa "
	has "$(out)" " ...the/archives/of/web-1.2.tar "
	# No half of a character.
	has "$(out)" "$(printf ' %022d\303\244\303\244 ' 0)"
	status 0 caisson list --format json
	is "$(out | python3 -c 'import json, sys; print([(c["id"], c["exit_status"]) for c in json.load(sys.stdin)])')" \
		"[('model', None), ('zz', None), ('mm', 137), ('aa', None)]"
	status 0 caisson delete -f model zz mm aa
	is_clean
}

test_names_are_taken_once() {
	status 0 caisson run -d --name twice "$IMAGE" sleep 100
	status 125 caisson run -d --name twice "$IMAGE" true
	one_sentence
	has "$(err)" "taken"
	status 0 caisson delete -f twice
	is_clean
}

test_delete_force() {
	status 0 caisson run -d --name forced "$IMAGE" sleep 1000
	status 0 caisson delete -f forced not-there
	is_clean
}

# Who waits hears of the end, although the VM is taken away at once.
test_delete_force_is_told() {
	status 0 caisson run -d --name told "$IMAGE" sleep 1000
	mkfifo "$WORK/exec.out" "$WORK/wait.out"
	caisson exec told sh -c 'echo up; exec sleep 1000' >"$WORK/exec.out" 2>"$WORK/exec.err" &
	exec_pid=$!
	"$TOP/tests/vm/wait.py" told >"$WORK/wait.out" &
	exec 3<"$WORK/exec.out" 4<"$WORK/wait.out"
	read -r line <&3
	is "$line" up
	read -r line <&4
	is "$line" waiting
	status 0 caisson delete -f told
	code=0
	wait $exec_pid || code=$?
	is $code 137
	is "$(cat "$WORK/exec.err")" ""
	read -r line <&4
	is "$line" 137
	exec 3<&- 4<&-
	is_clean
}

# But nobody who reads nothing keeps it from going.
test_delete_force_does_not_wait_for_ever() {
	status 0 caisson run -d --name stuck "$IMAGE" sleep 1000
	mkfifo "$WORK/stuck.out"
	caisson exec stuck sh -c 'echo up; exec yes' >"$WORK/stuck.out" 2>/dev/null &
	exec_pid=$!
	exec 3<"$WORK/stuck.out"
	read -r line <&3
	kill -STOP $exec_pid
	status 0 timeout 60 caisson delete -f stuck
	kill -KILL $exec_pid
	exec 3<&-
	is_clean
}

# Whatever the guest is doing, or is not.
test_delete_force_of_a_hung_vm() {
	status 0 caisson run -d --name "hung$$" "$IMAGE" sleep 1000
	# shellcheck disable=SC2046 # numbers
	kill -STOP $(vmm_of "hung$$")
	status 0 timeout 60 caisson delete -f "hung$$"
	is_clean
}

# ask_all NAME COMMAND...: each of them at the same time, about NAME; status, stdout and stderr are kept
ask_all() {
	local name=$1 command jobs=()
	shift
	for command; do
		(
			code=0
			# shellcheck disable=SC2086 # words
			timeout 60 caisson ${command/NAME/$name} \
				>"$WORK/answer.${command%% *}.out" 2>"$WORK/answer.${command%% *}.err" || code=$?
			echo $code >"$WORK/answer.${command%% *}.code"
		) &
		jobs+=($!)
	done
	wait "${jobs[@]}"
}

# answer COMMAND STATUS PART: what it had to say
answer() {
	cp "$WORK/answer.$1.err" "$WORK/err"
	is "$(cat "$WORK/answer.$1.code")" "$2" "status of $1"
	one_sentence
	has "$(err)" "$3"
}

test_a_guest_that_does_not_answer_is_told() {
	status 0 caisson run -d --name "mute$$" "$IMAGE" sleep 1000
	vmm=$(vmm_of "mute$$")
	kill -STOP $vmm
	ask_all "mute$$" "inspect NAME" "state NAME" "kill NAME" "exec NAME true"
	for command in inspect state kill; do
		answer $command 1 "the guest does not answer"
	done
	answer exec 125 "the guest does not answer"
	has "$(cat "$WORK/answer.inspect.out")" '"state": "running"'
	has "$(cat "$WORK/answer.inspect.out")" '"guest": null'
	has "$(cat "$WORK/answer.inspect.out")" '"guest_error": "container '"mute$$"': the guest does not answer'
	has "$(cat "$WORK/answer.state.out")" '"status": "running"'
	kill -CONT $vmm
	status 0 caisson inspect "mute$$"
	has "$(out)" '"guest_error": null'
	status 0 caisson delete -f "mute$$"
	is_clean
}

# But who waits goes on waiting.
test_a_shim_that_does_not_answer_is_told() {
	status 0 caisson run -d --name still "$IMAGE" sleep 1000
	# The process that stands for the container has the one that does the work as its child.
	keeper=$(caisson state still | sed -n 's/^  "pid": \([0-9]*\).*/\1/p')
	shim=$(pgrep -P "$keeper")
	mkfifo "$WORK/still.out"
	"$TOP/tests/vm/wait.py" still >"$WORK/still.out" &
	exec 3<"$WORK/still.out"
	read -r line <&3
	is "$line" waiting
	kill -STOP "$shim"
	ask_all still "inspect NAME" "state NAME" "kill NAME" "delete -f NAME" "exec NAME true" 3<&-
	for command in inspect state kill delete; do
		answer $command 1 "its caisson-shim, process $shim, does not answer"
	done
	answer exec 125 "its caisson-shim, process $shim, does not answer"
	has "$(cat "$WORK/answer.inspect.out")" '"state": "running"'
	has "$(cat "$WORK/answer.state.out")" '"status": "running"'
	has "$(cat "$WORK/answer.state.out")" "\"pid\": $keeper"
	kill -CONT "$shim"
	status 0 caisson inspect still
	status 0 caisson delete -f still
	read -r line <&3
	is "$line" 137
	exec 3<&-
	is_clean
}

test_logs_follow_to_the_end() {
	status 0 caisson run -d --name follow "$IMAGE" sh -c 'for i in 1 2 3 4 5; do echo $i; sleep 0.1; done'
	is "$(caisson logs -f follow | tr '\n' ' ')" "1 2 3 4 5 "
	status 0 caisson delete -f follow
}

test_exec_statuses() {
	status 0 caisson run -d --name execs "$IMAGE" sleep 1000
	for n in 0 1 77 255; do
		status $n caisson exec execs sh -c "exit $n"
	done
	status 137 caisson exec execs sh -c 'kill -9 $$'
	status 127 caisson exec execs no-such-command
	one_sentence
	status 126 caisson exec execs /etc/passwd
	one_sentence
	status 0 caisson exec -e X=y -w /tmp -u 5:6 execs sh -c 'echo $X $PWD $(id -u) $(id -g)'
	is "$(out)" "y /tmp 5 6"
	status 0 env HERE=taken caisson exec -e HERE -e NOWHERE execs env
	has "$(out)" HERE=taken
	is "$(out | grep -c NOWHERE)" 0
	status 125 caisson exec -e =x execs true
	one_sentence
	status 0 caisson delete -f execs
}

test_exec_streams() {
	status 0 caisson run -d --name streams "$IMAGE" sleep 1000
	head -c 2000000 /dev/urandom >"$WORK/random"
	caisson exec -i streams sh -c 'cat; echo err >&2' <"$WORK/random" >"$WORK/copy" 2>"$WORK/copy2"
	cmp "$WORK/random" "$WORK/copy"
	is "$(cat "$WORK/copy2")" err
	is "$(printf 'x' | caisson exec -i streams wc -c | tr -d ' ')" 1
	# A child in the background keeps stdout open; the exec ends all the same.
	is "$(caisson exec streams sh -c 'sleep 1000 & echo done')" "done"
	status 0 caisson delete -f streams
}

# What every file of tests ends with sees all that a container consists of.
test_what_is_left_is_seen() {
	status 0 caisson run -d --name left "$IMAGE" sleep 1000
	state=$(is_clean 0) && fail "nothing was seen"
	if [ $HYPERVISOR = qemu ]; then
		is "$(grep -c "caisson-shim --id left\$" <<<"$state")" 2 "shims"
		has "$state" "qemu-system"
		[ -e /dev/vhost-vsock ] || has "$state" "caisson-vsockd"
		has "$state" "virtiofsd"
	else
		is "$(grep -c "caisson-shim --id left\$" <<<"$state")" 3 "shims, with the guard"
		has "$state" "firecracker"
	fi
	has "$state" "$CAISSON_RUN/left"
	has "$state" "$CAISSON_ROOT/containers/left"
	status 0 caisson delete -f left
	is_clean
}

# Its root is not the container's run folder, where the shim's own socket is.
test_vsockd_sees_its_sockets_only() {
	[ ! -e /dev/vhost-vsock ] || skip "the host kernel's vsock is used"
	status 0 caisson run -d --name seen "$IMAGE" sleep 1000
	pid=$(pgrep -f "caisson-vsockd.*$CAISSON_RUN/seen/")
	is "$(find "/proc/$pid/root/" -mindepth 1 -printf '%P\n' | sort | tr '\n' ' ')" "uds uds_1024 "
	[ -S "$CAISSON_RUN/seen/shim.sock" ] || fail "the shim's socket is elsewhere"
	status 0 caisson delete -f seen
	is_clean
}

test_exec_tty() {
	status 0 caisson run -d --name ttys "$IMAGE" sleep 1000
	script -qec "stty rows 21 cols 65; caisson exec -it ttys sh -c 'stty size; tty; exit 3'" "$WORK/typescript" </dev/null >"$WORK/tty" && fail "status was lost"
	has "$(tr -d '\r' <"$WORK/tty")" "21 65"
	status 0 caisson delete -f ttys
}

test_fifty_execs_at_once() {
	status 0 caisson run -d --name fifty --memory 512M "$IMAGE" sleep 1000
	pids=
	for i in $(seq 50); do
		caisson exec fifty sh -c "for j in 1 2 3 4 5; do echo line $i \$j; done; echo e$i >&2; exit $i" >"$WORK/out.$i" 2>"$WORK/err.$i" &
		pids="$pids $!"
	done
	i=0
	for pid in $pids; do
		i=$((i + 1))
		code=0
		wait "$pid" || code=$?
		is $code $i "status of exec $i"
		is "$(cat "$WORK/out.$i")" "$(for j in 1 2 3 4 5; do echo "line $i $j"; done)"
		is "$(cat "$WORK/err.$i")" "e$i"
	done
	status 0 caisson exec fifty sh -c 'ls /proc | grep -c "^[0-9]"'
	[ "$(out)" -le 5 ] || fail "$(out) processes are left in the guest"
	status 0 caisson delete -f fifty
	is_clean
}

test_kill_signal_names() {
	for sig in "-s TERM" "-s SIGUSR1" "-s 10" -10 -SIGUSR1 -TERM; do
		status 0 caisson run -d --name sig "$IMAGE" sh -c 'trap "exit 5" TERM USR1; echo up; while :; do sleep 0.1; done'
		read -r _ < <(caisson logs -f sig)
		# shellcheck disable=SC2086 # one word or two
		status 0 caisson kill $sig sig
		status 0 caisson wait sig
		is "$(out)" 5
		status 0 caisson delete sig
	done
	status 1 caisson kill -s NOPE sig
	one_sentence
	status 1 caisson kill -NOPE sig
	one_sentence
	# Not the stop signal for the first name, and a word that is no container.
	status 0 caisson run -d --name sig "$IMAGE" sh -c 'trap "exit 5" TERM; trap "exit 6" HUP; echo up; while :; do sleep 0.1; done'
	read -r _ < <(caisson logs -f sig)
	for word in SIGHPU 99; do
		status 1 caisson kill sig $word
		one_sentence
		has "$(err)" "$word: no such signal"
	done
	status 0 caisson kill sig SIGHUP
	status 0 caisson wait sig
	is "$(out)" 6
	status 0 caisson delete sig
}

test_unknown_names() {
	for command in kill wait logs delete; do
		status 1 caisson $command no-such-container
		one_sentence
		has "$(err)" "does not exist"
	done
	status 125 caisson exec no-such-container true
	one_sentence
	has "$(err)" "does not exist"
	# What is to be typed is told with the folder that was given.
	status 1 caisson --root "$WORK/another one" kill no-such-container
	one_sentence
	has "$(err)" "does not exist: \`caisson --root '$WORK/another one' list\` shows"
}

# A root that is not there is one with nothing in it, and stays so.
test_looking_makes_nothing() {
	local root=$WORK/nowhere/root words
	status 0 caisson --root "$root" list
	is "$(out | awk '{print $1}')" NAME
	status 0 caisson --root "$root" list --format json
	is "$(out | tr -d ' \n')" "[]"
	status 0 caisson --root "$root" images
	is "$(out | awk '{print $1}')" NAME
	for words in "list -q" "volume list" config metrics doctor "kernel list"; do
		# shellcheck disable=SC2086 # several words
		status 0 caisson --root "$root" $words
	done
	for words in state inspect ps logs wait kill delete "events --stats" pause start diff; do
		# shellcheck disable=SC2086 # several words
		status 1 caisson --root "$root" $words box
		one_sentence
		has "$(err)" "does not exist"
	done
	[ ! -e "$WORK/nowhere" ] || fail "made: $(find "$WORK/nowhere")"
	# Nothing is put into one that is there, either.
	mkdir -p "$root"
	status 0 caisson --root "$root" list
	is "$(ls -A "$root")" ""
	rmdir "$root" "$WORK/nowhere"
}

run_tests "$@"
