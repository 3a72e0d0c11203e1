#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Containers that do what they can to be in the way of others: those in other VMs do not notice, and those in their own have
# what control groups promise them.
. "$(dirname "$0")/kube-lib.sh"

[ "$RUNTIME" = caisson ] || {
	echo "ok hostile # SKIP there is no VM"
	exit $SKIPPED
}

# serves_well PID: whoever serves a pod takes no more memory for all that the guest does
serves_well() {
	local pid kilobytes
	for pid in "$1" $(pgrep -P "$1" caisson-vsockd); do
		kilobytes=$(awk '/^RssAnon/ {print $2}' "/proc/$pid/status")
		[ "$kilobytes" -lt 16384 ] || fail "$(cat "/proc/$pid/comm") has $kilobytes kB"
	done
}

answers() { is "$(kubectl exec "$@" -- echo alive)" alive; }

# printed POD BYTES: there is that much in its log
printed() {
	is "$(timeout 240 kubectl logs -f "$1" -c main | head -c "$2" | wc -c)" "$2" "what is in the log of $1"
}

# Whether somebody reads it, nobody, or not even containerd.
test_prints_for_ever() {
	local reader ids id shim
	create loud "$(more other sleep 1000)" -- yes 'a line that is not short'
	create calm -- sleep 1000
	ready loud calm
	printed loud 10000000
	serves_well "$(shim_of loud)"
	exec 6< <(exec kubectl logs -f loud -c main)
	reader=$!
	head -n 10000 <&6 >/dev/null
	answers calm
	answers loud -c other
	ids="$(container_of loud other) $(container_of calm main)"
	shim=$(shim_of loud)
	trap 'kill -CONT "$(cat "$WORK/containerd.pid")"' EXIT
	kill -STOP "$(cat "$WORK/containerd.pid")"
	for id in $ids; do
		is "$(caisson --root "$RECORDS" exec "$id" echo alive)" alive
	done
	serves_well "$shim"
	kill -CONT "$(cat "$WORK/containerd.pid")"
	answers calm
	kill $reader
	exec 6<&-
	status 0 kubectl delete pod loud
	answers calm
	is_clean
}

test_vsock_flood() {
	local before
	gcc -static -O2 -o "$WORK/flood" "$TOP/tests/vm/guests/vsock-flood.c"
	create floods "$(more other sleep 1000)" -- sleep 1000
	create calm -- sleep 1000
	ready floods calm
	kubectl exec -i floods -c main -- sh -c 'cat >/flood; chmod +x /flood' <"$WORK/flood"
	before=$(find "/proc/$(shim_of floods)/fd" -type l | wc -l)
	exec 6< <(exec kubectl exec floods -c main -- /flood 10000)
	answers calm
	answers floods -c other
	is "$(cat <&6)" 10000
	exec 6<&-
	answers floods -c other
	is "$(find "/proc/$(shim_of floods)/fd" -type l | wc -l)" "$before" "descriptors of the shim"
	serves_well "$(shim_of floods)"
	is_clean
}

# It takes all numbers of processes that its guest has.
test_fork_bomb() {
	create bomb -- sh -c 'bomb() { bomb | bomb & }; until test -e /tmp/now; do sleep 0.1; done; bomb; sleep 1000'
	create calm -- sleep 1000
	ready bomb calm
	# One that is there before it goes off sees it, and needs no other process for that.
	status 0 timeout 240 kubectl exec bomb -- sh -c \
		'touch /tmp/now; until read -r n </sys/fs/cgroup/pids.current && [ "$n" -gt 500 ]; do :; done'
	answers calm
	serves_well "$(shim_of bomb)"
	create later -- echo alive
	ended later Succeeded
	answers calm
	status 0 kubectl delete pod bomb
	is_clean
}

# What one has too much of, another one of the same VM does not miss.
test_limits() {
	create pair "$(more other sleep 1000) | .spec.restartPolicy = \"Always\"
		| .spec.containers[0].resources.limits = {memory: \"32Mi\", cpu: \"100m\"}" -- sh -c 'while :; do :; done'
	ready pair
	status 0 kubectl exec pair -c main -- sh -c \
		'until awk "\$1 == \"nr_throttled\" {exit \$2 == 0}" /sys/fs/cgroup/cpu.stat; do :; done; cat /sys/fs/cgroup/cpu.max'
	is "$(out)" "10000 100000"
	status 137 kubectl exec pair -c main -- tail /dev/zero
	answers pair -c other
	is "$(asked pair '.status.containerStatuses[] | select(.name == "other") | .restartCount')" 0
	is_clean
}

run_tests "$@"
