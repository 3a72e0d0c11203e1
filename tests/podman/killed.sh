#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# podman and conmon, killed while caisson does what they have asked it for.
. "$(dirname "$0")/podman-lib.sh"

# caisson, which waits before it does what the file "held" names, and says so.
mkdir "$WORK/bin"
mkfifo "$WORK/asked" "$WORK/go"
cat >"$WORK/bin/caisson" <<-EOF
	#!/bin/sh
	read -r held <$WORK/held
	case " \$* " in *" \$held "*)
		echo \$\$ >$WORK/asked
		read -r _ <$WORK/go ;;
	esac
	exec "$TOP/build/bin/caisson" "\$@"
EOF
chmod +x "$WORK/bin/caisson"
ENGINE="$ENGINE --runtime $WORK/bin/caisson"

# kill_in PROGRAM COMMAND...: kills podman or conmon while caisson is held in that command, and lets it go on
kill_in() {
	local victim=$1 asked caisson
	shift
	if [ "$1" = start ]; then echo create; else echo "$1"; fi >"$WORK/held"
	# shellcheck disable=SC2086 # words without blanks
	(exec $ENGINE "$@") >/dev/null 2>&1 &
	asked=$!
	read -r caisson <"$WORK/asked"
	# For both ways, as conmon takes caisson along (PR_SET_PDEATHSIG): nobody may be left to read from it.
	exec 6<>"$WORK/go"
	echo none >"$WORK/held"
	[ "$victim" = podman ] && victim=$asked || victim=$(ps -o ppid= -p "$caisson")
	# shellcheck disable=SC2086 # a number and blanks
	kill -KILL $victim
	echo >&6
	wait $asked || true
	"$TOP/tests/lib/await-end" 60 "$caisson"
	exec 6<&-
}

# As the engine's user who asks caisson itself.
caisson_itself() { status 0 env -u CAISSON_ROOT -u CAISSON_RUN caisson "$@"; }

# is_free: nothing is left of it, and its name can be had again
is_free() {
	is_clean
	status 0 podman run --rm --name box $IMAGE echo here
	is "$(out)" here
	is_clean
}

# It was created, of which podman knows nothing, and forgets it, whatever the runtime: caisson does not.
test_podman_while_it_starts() {
	local id
	status 0 podman create --name box $IMAGE sleep 1000
	id=$(out)
	kill_in podman start box
	status 0 podman rm -f -t 0 box
	caisson_itself delete -f "$id"
	is_free
}

test_conmon_while_it_starts() {
	status 0 podman create --name box $IMAGE sleep 1000
	kill_in conmon start box
	status 0 podman rm -f -t 0 box
	is_free
}

# Not held: whatever caisson, which conmon takes along, has come to.
test_conmon_while_caisson_is_at_work() {
	local moment asked
	for moment in caisson-shim qemu-system; do
		status 0 podman create --name box $IMAGE sleep 1000
		# shellcheck disable=SC2086 # words without blanks
		(exec $ENGINE start box) >/dev/null 2>&1 &
		asked=$!
		until at_work $moment processes; do
			kill -0 $asked 2>/dev/null || fail "it has ended before: $moment"
		done
		pkill -KILL -f "^[^ ]*conmon .*-c $(out)"
		wait $asked || true
		status 0 podman rm -f -t 0 box
		is_free
	done
}

# To podman it runs.
test_podman_while_it_pauses() {
	status 0 podman run -d --name box $IMAGE sleep 1000
	kill_in podman pause box
	status 255 podman exec box true
	caisson_itself resume "$(podman inspect -f '{{.Id}}' box)"
	status 0 podman exec box echo here
	is "$(out)" here
	kill_in podman pause box
	status 0 podman rm -f -t 0 box
	is_free
}

# Its output goes nowhere then.
test_conmon_while_it_is_paused() {
	status 0 podman run -d --name box $IMAGE sleep 1000
	status 0 podman pause box
	status 0 podman inspect -f '{{.State.ConmonPid}}' box
	kill -KILL "$(out)"
	status 0 podman unpause box
	status 0 podman exec box echo here
	is "$(out)" here
	status 0 podman rm -f -t 0 box
	is_free
}

echo none >"$WORK/held"
run_tests "$@"
