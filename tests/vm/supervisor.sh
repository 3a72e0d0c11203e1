#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The supervisor: an agent beside the container, from an extras disk, with metadata of the host's.
#
#   supervisor.sh PROGRAM [TEST...]     PROGRAM: tests/vm/guests/spin-supervisor.c
PROGRAM=$(realpath "$1")
shift
. "$(dirname "$0")/../lib/lib.sh"

IMAGE=$(busybox_image)
mkdir "$WORK/allowed" "$WORK/secret"
cp "$PROGRAM" "$WORK/allowed/agent"
PLACE=/run/spin-stack/spin-supervisor

# extras PLACE SOURCE: the annotation
extras() { printf 'io.spin.extras.files={"%s":{"source":"%s","mode":420}}' "$1" "$2"; }

allow() { printf 'extras.allow = %s\n%s\n' "$WORK/allowed" "${1:-}" >"$CAISSON_CONFIG"; }

# ask NAME WORD: of the supervisor in NAME's VM, as soon as it is up
ask() {
	caisson exec "$1" sh -c "until echo $2 | nc 127.0.0.1 7777 2>/dev/null; do sleep 0.1; done"
}

# await_state NAME PART...: until `caisson inspect` says all of these of the supervisor
await_state() {
	local name=$1 state part
	shift
	while :; do
		state=$(caisson inspect "$name") || return
		state=${state##*\"supervisor\": }
		for part in "$@"; do
			[[ $state == *"$part"* ]] || continue 2
		done
		return
	done
}

# The value of "KEY: VALUE" in a report.
value() { sed -n "s,^$1: ,,p" "$WORK/report"; }

test_runs_with_its_metadata() {
	allow
	echo "secret token" >"$WORK/token"
	status 0 caisson run -d --name agent --annotation "$(extras $PLACE "$WORK/allowed/agent")" \
		--supervisor-config "$WORK/token" "$IMAGE" sleep 1000
	echo "changed later" >"$WORK/token"
	ask agent report >"$WORK/report"
	is "$(value metadata)" "secret token"
	is "$(value pid)" "$(value /run/spin-supervisor.pid)"
	is "$(value /var/log/spin-supervisor.log)" "got: secret token"
	is "$(value /proc/self/cgroup)" "0::/.spin-supervisor"
	is "$(value ipc),$(value uts)" "its own,its own"
	is "$(value writable)" "Read-only file system"
	status 0 caisson exec agent grep -q nsdelegate /proc/mounts
	has "$(value /proc/cmdline)" "caisson_extras=1"
	# The VM has the lock that keeps the disk in the cache.
	disk=$(readlink "/proc/$(vmm_of agent)"/fd/* | grep '/extras/.*\.img$' | head -1)
	status 1 flock -n -x "$disk" true
	! grep -q token <<<"$(value /proc/cmdline)" || fail "the kernel's command line has the metadata"
	# It is started again, and is another one then.
	await_state agent '"state": "running"' "\"pid\": $(value pid)," '"restarts": 0'
	before=$(value pid)
	mkfifo "$WORK/events"
	"$TOP/tests/vm/supervisor-events.py" agent >"$WORK/events" &
	listener=$!
	exec 3<"$WORK/events"
	read -r line <&3
	is "$line" listening
	ask agent crash
	read -r line <&3
	is "$line" "backing-off 137"
	read -r line <&3
	is "$line" "running 137"
	kill $listener
	exec 3<&-
	ask agent report >"$WORK/report"
	[ "$(value pid)" != "$before" ] || fail "it is the same process"
	is "$(value pid)" "$(value /run/spin-supervisor.pid)"
	is "$(grep -c "got: secret token" "$WORK/report")" 2
	await_state agent '"state": "running"' "\"pid\": $(value pid)," '"restarts": 1' '"last_exit_status": 137'
	# One that prints without end holds up nobody.
	ask agent flood
	status 0 caisson exec agent echo here
	is "$(out)" here
	status 0 caisson delete -f agent
	is_clean
}

test_second_place() {
	allow
	place=/var/lib/spin-stack/bin/spin-supervisor
	# In a VM with crun vminitd's root is another one.
	status 0 caisson run -d --name second --annotation "$(extras $place "$WORK/allowed/agent")" \
		--executor oci "$IMAGE" sleep 1000
	ask second report >"$WORK/report"
	is "$(value pid)" "$(value /run/spin-supervisor.pid)"
	# Nobody listens where nothing is configured.
	case $(value metadata) in
	"Connection refused" | "Connection reset by peer") ;;
	*) fail "metadata: $(value metadata)" ;;
	esac
	status 0 caisson delete -f second
	is_clean
}

# failing NAME TEXT WHY: a supervisor of this text cannot be started, and it is said why
failing() {
	printf '%s' "$2" >"$WORK/allowed/$1"
	status 0 caisson run -d --name "$1" --annotation "$(extras $PLACE "$WORK/allowed/$1")" "$IMAGE" sleep 1000
	await_state "$1" '"state": "backing-off"' '"pid": 0' '"last_exited_at": null' "\"last_error\": \"$3\""
	status 0 caisson state "$1"
	has "$(out)" "$3"
	status 0 caisson exec "$1" echo here
	status 0 caisson delete -f "$1"
}

test_what_cannot_be_started() {
	allow
	failing text "just a text" "$PLACE: exec format error"
	failing orphan "#!/no/such/interpreter" "$PLACE or its interpreter or loader: no such file or directory"
	is_clean
}

# A program of the host's that answers supervisors, until one says its good-bye.
host_answers() {
	python3 - "$1" "$2" <<-'EOF2'
		import socket, sys
		server = socket.socket(socket.AF_UNIX)
		server.bind(sys.argv[1])
		server.listen()
		open(sys.argv[2], "w").close()
		said = ""
		while "SIGTERM" not in said:
		    peer = server.accept()[0]
		    said = peer.recv(100, socket.MSG_PEEK).decode()
		    try:
		        peer.sendall(b"for " + said.split("\n")[0].encode())
		        peer.shutdown(socket.SHUT_WR)
		    except OSError:
		        pass
		    said = ""
		    while data := peer.recv(100):
		        said += data.decode()
		print(said)
	EOF2
}

test_asks_the_host_and_ends_in_order() {
	allow "supervisor.socket = $WORK/agent.sock"
	mkfifo "$WORK/listening"
	host_answers "$WORK/agent.sock" "$WORK/listening" >"$WORK/said" &
	server=$!
	read -r _ <"$WORK/listening" || true
	status 0 caisson run -d --name asks --annotation "$(extras $PLACE "$WORK/allowed/agent")" \
		"$IMAGE" sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done'
	ask asks report >"$WORK/report"
	is "$(value metadata)" "for caisson 1 asks"
	status 0 caisson kill asks
	status 0 caisson wait asks
	is "$(out)" 3
	wait $server
	is "$(cat "$WORK/said")" "$(printf 'caisson 1 asks\ngot SIGTERM')"
	status 0 caisson delete asks
	is_clean
}

# The container's end is the VM's: the supervisor hears of it also when nothing is kept.
test_hears_of_the_end_of_one_that_is_removed() {
	allow "supervisor.socket = $WORK/rm.sock"
	mkfifo "$WORK/rm.listening"
	host_answers "$WORK/rm.sock" "$WORK/rm.listening" >"$WORK/said" &
	server=$!
	read -r _ <"$WORK/rm.listening" || true
	caisson run --rm --name gone --annotation "$(extras $PLACE "$WORK/allowed/agent")" \
		"$IMAGE" sh -c 'trap "exit 0" TERM; while :; do sleep 0.1; done' &
	client=$!
	until caisson exec gone true 2>/dev/null; do kill -0 $client; done
	ask gone report >"$WORK/report"
	status 0 caisson kill gone
	wait $client
	wait $server
	is "$(cat "$WORK/said")" "$(printf 'caisson 1 gone\ngot SIGTERM')"
	# What only root may read stays so.
	is "$(stat -c %a "${CAISSON_CACHE:-/var/cache/caisson}/extras")" 700
	is_clean
}

test_none_costs_nothing() {
	allow
	status 0 caisson run -d --name none "$IMAGE" sleep 1000
	for pid in $(processes); do
		tr '\0' ' ' <"/proc/$pid/cmdline" | grep qemu-system >"$WORK/qemu" || continue
		! grep -e virtio-blk -e caisson_extras "$WORK/qemu" || fail "there is a disk"
	done
	[ ! -e "$CAISSON_RUN/none/vsock/uds_1027" ] || fail "somebody listens"
	await_state none '"state": "absent"' '"last_error": ""'
	status 0 caisson delete -f none
	is_clean
}

test_refusals() {
	# Unpacking is told once.
	caisson run --rm "$IMAGE" true 2>/dev/null
	rm -f "$CAISSON_CONFIG"
	run_refused "cannot read the configuration $CAISSON_CONFIG"
	: >"$CAISSON_CONFIG"
	run_refused "extras.allow = FOLDER in $CAISSON_CONFIG" \
		--annotation "$(extras $PLACE "$WORK/allowed/agent")"
	allow "extras.deny = /x"
	run_refused "line 2: there is no key \"extras.deny\""
	allow
	chmod 666 "$CAISSON_CONFIG"
	run_refused "others than root may change it"
	chmod 644 "$CAISSON_CONFIG"
	echo secret >"$WORK/secret/file"
	ln -s ../secret/file "$WORK/allowed/link"
	mkfifo "$WORK/allowed/fifo"
	for source in "$WORK/secret/file" "$WORK/allowed/link" "$WORK/allowed/../secret/file" /etc/shadow /dev/null; do
		run_refused "is not below a folder that extras.allow" --annotation "$(extras $PLACE "$source")"
	done
	run_refused "not a regular file" --annotation "$(extras $PLACE "$WORK/allowed/fifo")"
	run_refused "is no place for a file" --annotation "$(extras /etc/passwd "$WORK/allowed/agent")"
	run_refused "is no place for a file" --annotation "$(extras $PLACE/../../x "$WORK/allowed/agent")"
	run_refused "must be a JSON object" --annotation "io.spin.extras.files=[]"
	run_refused "io.caisson.nonsense" --annotation "io.caisson.nonsense=1"
	run_refused "io.spin.nonsense" --annotation "io.spin.nonsense=1"
	run_refused "must be NAME=VALUE" --annotation "name"
	run_refused "--supervisor-config $WORK/no-such" --supervisor-config "$WORK/no-such"
	run_refused "which file?" --supervisor-config ""
	run_refused "is not a regular file" --supervisor-config "$WORK/allowed/fifo"
	truncate -s 1048577 "$WORK/large"
	run_refused "is larger than 1048576 bytes" --supervisor-config "$WORK/large"
	run_refused "is there twice" --annotation \
		'io.spin.extras.files={"/run/spin-stack/a":{"source":"/a"},"/run/spin-stack/a":{"source":"/b"}}'
	# Those of others are none of our business.
	status 0 caisson run --rm --annotation org.example.x=1 "$IMAGE" true
	is_clean
}

test_config_for_nobody() {
	allow
	echo token >"$WORK/token"
	caisson run --rm "$IMAGE" true 2>/dev/null
	status 0 caisson run --rm --supervisor-config "$WORK/token" \
		--annotation "$(extras /run/spin-stack/bin/spin-supervisor "$WORK/allowed/agent")" "$IMAGE" true
	one_sentence
	has "$(err)" "warning: --supervisor-config, but no file of io.spin.extras.files is a supervisor"
	status 0 caisson run --rm --supervisor-config "$WORK/token" \
		--annotation "$(extras $PLACE "$WORK/allowed/agent")" "$IMAGE" true
	is "$(err)" ""
	is_clean
}

run_tests "$@"
