#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What goes wrong around pods, and in them: whoever looks is told, and nothing is left.
. "$(dirname "$0")/kube-lib.sh"

# With runc there is no VM.
# shellcheck disable=SC2034 # lib.sh has it
CAISSONS="test_shim_killed test_guest_panics"

# descriptors PID: how many it has
descriptors() { find "/proc/$1/fd" -type l | wc -l; }

# One that counts, so that it is seen if a line is missing. As long as there is a file "quiet" it only says how far it has come.
counter() {
	mkdir -p "$WORK/counters"
	create "$1" "${2:-.} | .spec.volumes = [{name: \"v\", hostPath: {path: \$dir}}]
		| .spec.containers[0].volumeMounts = [{name: \"v\", mountPath: \"/v\"}]" --arg dir "$WORK/counters" -- \
		sh -c 'i=0; while :; do if test -e /v/quiet; then echo $i >/v/$HOSTNAME; else echo $i; i=$((i + 1)); fi; sleep 0.05; done'
}

# hush POD...: nothing that they have printed is on its way to a log
hush() {
	local pod
	touch "$WORK/counters/quiet"
	for pod in "$@"; do
		until [ "$(kubectl logs "$pod" -c main | wc -l)" = "$(cat "$WORK/counters/$pod")" ]; do :; done
	done
}

# counted FILE: is each number there, in order?
counted() { seq 0 $(($(wc -l <"$1") - 1)) | cmp - "$1"; }

# identities POD: what would be others after a restart
identities() { asked "$1" '.status.containerStatuses[] | .containerID, .restartCount'; }

# Nothing is started again, and no line is lost, of one container or of several in one VM.
test_containerd_killed() {
	local before follower pod
	counter one
	counter two "$(more other sleep 1000)"
	ready one two
	before=$(identities one; identities two)
	kubectl logs -f one >"$WORK/followed" &
	follower=$!
	# A line that it has read and not written yet dies with it.
	hush one two
	stopped containerd KILL
	rm "$WORK/counters/quiet"
	is "$(kubectl get pod one -o jsonpath='{.status.phase}')" Running
	start_containerd
	for pod in one two; do
		is "$(kubectl exec $pod -c main -- echo alive)" alive
	done
	is "$(kubectl exec two -c other -- echo alive)" alive
	is "$(identities one; identities two)" "$before"
	status 0 kubectl delete pod one
	wait $follower || true
	counted "$WORK/followed"
	kubectl logs two -c main >"$WORK/logged"
	counted "$WORK/logged"
	is_clean
}

# Whatever of a pod's is killed, that is reported: one that is to be started again is, with all of its containers.
test_shim_killed() {
	local victim keeper shim times=0
	create never "$(more other sleep 1000)" -- sleep 1000
	create always "$(more other sleep 1000) | .spec.restartPolicy = \"Always\"" -- sleep 1000
	ready never always
	for victim in keeper shim both "$SHARER" qemu-system; do
		times=$((times + 1))
		keeper=$(keeper_of always)
		shim=$(shim_of always)
		case $victim in
		keeper) kill -KILL "$keeper" ;;
		shim) kill -KILL "$shim" ;;
		both) kill -KILL "$shim" "$keeper" ;;
		*) pkill -KILL -P "$shim" "$victim" ;;
		esac
		becomes always '.status.containerStatuses[*].restartCount' "$times $times"
		ready always
		is "$(kubectl exec always -c other -- echo alive)" alive
		has "$(kubectl describe pod always)" SandboxChanged
	done
	is "$(asked always '.status.containerStatuses[0].lastState.terminated | .exitCode, .reason')" "$(printf '137\nError')"
	# The other one has not noticed.
	is "$(kubectl exec never -c main -- echo alive)" alive
	kill -KILL "$(shim_of never)" "$(keeper_of never)"
	ended never Failed
	# containerd says 255 where it had waited for the end, and 137 where it asks afterwards.
	is "$(asked never '.status.containerStatuses[].state.terminated.exitCode' | sed 's/137/255/')" "$(printf '255\n255')"
	has "$(kubectl get pod never --no-headers | tr -s " ")" "0/2 Error"
	status 0 kubectl delete pod never
	is_clean
}

# Memory runs out where that is a panic. Other VMs do not notice.
test_guest_panics() {
	local panics='echo 2 >/proc/sys/vm/panic_on_oom; exec tail /dev/zero'
	local sized='.spec.containers[0] += {securityContext: {privileged: true}, resources: {limits: {memory: "32Mi"}}}'
	create well -- sleep 1000
	create never "$(more other sleep 1000) | $sized" -- sh -c "until test -e /tmp/now; do sleep 0.1; done; $panics"
	create again "$sized | .spec.restartPolicy = \"OnFailure\"" -- sleep 1000
	ready well never again
	status 137 kubectl exec again -- sh -c "$panics"
	becomes again '.status.containerStatuses[0].restartCount' 1
	ready again
	# It may end with its VM.
	kubectl exec never -c main -- touch /tmp/now || is $? 137
	ended never Failed
	is "$(asked never '.status.containerStatuses[].state.terminated.exitCode')" "$(printf '137\n137')"
	is "$(kubectl exec well -- echo alive)" alive
	is "$(asked well '.status.containerStatuses[0].restartCount')" 0
	is_clean
}

# said_of POD COMMAND...: what kubectl says when it is to be executed there, and its status
said_of() {
	local code=0
	kubectl exec "$1" -- "${@:2}" >"$WORK/said" 2>&1 || code=$?
	sed 's/[0-9a-f]\{64\}/ID/g' "$WORK/said"
	echo "status $code"
}

# last_words POD: how its container ended, and why
last_words() {
	asked "$1" '.status.containerStatuses[0].state.terminated | .exitCode, .reason, .message'
}

# Word by word, as runc has it.
test_words() {
	local name command
	for name in runc caisson; do
		runtime_class $name
		create in-$name ".spec.runtimeClassName = \"$name\"" -- sleep 1000
		create no-$name ".spec.runtimeClassName = \"$name\"" -- /nonesuch
		create dir-$name ".spec.runtimeClassName = \"$name\"" -- /etc
	done
	ready in-runc in-caisson
	for command in nonesuch /nonesuch /etc /etc/passwd "sh -c nonesuch" "sh -c /etc"; do
		# shellcheck disable=SC2086 # words
		is "$(said_of in-caisson $command)" "$(said_of in-runc $command)" "of $command"
	done
	for name in no dir; do
		ended $name-runc Failed
		ended $name-caisson Failed
		is "$(last_words $name-caisson)" "$(last_words $name-runc)" "of $name"
	done
	kubectl delete runtimeclass runc caisson >/dev/null
	is_clean
}

# killed_amid PATTERN COMMAND...: it has printed that, and is killed; its input never ends
killed_amid() {
	local pid
	[ -p "$WORK/never" ] || mkfifo "$WORK/never"
	exec 7<>"$WORK/never"
	exec 6< <(exec "${@:2}" <&7 2>&1)
	pid=$!
	grep -q -m 1 -e "$1" <&6
	kill -KILL $pid
	exec 6<&- 7<&-
}

# Whoever goes without a word leaves nothing behind, in the pod or in what serves it.
test_clients_vanish() {
	local shim before
	create busy '.spec.containers[0] += {stdin: true}' -- sh -c 'cat /dev/stdin >/dev/null & httpd -p 80 -h /etc; while :; do echo line; sleep 0.05; done'
	ready busy
	[ "$RUNTIME" != caisson ] || shim=$(shim_of busy)
	for round in 1 2 3 4; do
		killed_amid up kubectl exec -i busy -- sh -c 'echo up; exec cat'
		killed_amid up kubectl exec -i busy -- sh -c 'echo up; tar -xf - -C /tmp'
		killed_amid line kubectl attach busy
		killed_amid line kubectl attach -i busy
		killed_amid line kubectl logs -f busy
		killed_amid Forwarding kubectl port-forward pod/busy :80
		kubectl exec busy -- sh -c 'while ps -o args | grep -q "^tar\|^cat$"; do sleep 0.1; done'
		[ -z "${shim:-}" ] || [ $round != 1 ] || before=$(descriptors "$shim")
	done
	# containerd lets go of an exec without a client when it gets to it.
	[ -z "${shim:-}" ] || until [ "$(descriptors "$shim")" -le "$before" ]; do :; done
	is "$(kubectl exec busy -- echo alive)" alive
	is_clean
}

# The node's disk is full: what needs some of it fails by name, what has it goes on, and all is well once there is room.
test_disk_full() {
	mkdir -p "$WORK/kubelet/logs"
	mount -t tmpfs -o "size=$(($(du -sk "$WORK/containerd" | cut -f 1) + 24576))k" none "$WORK/kubelet/logs"
	stopped standin TERM
	stopped containerd TERM
	cp -a "$WORK/containerd" "$WORK/kubelet/logs/containerd"
	mount --bind "$WORK/kubelet/logs/containerd" "$WORK/containerd"
	start_containerd
	start_standin
	counter writes
	ready writes
	status 1 kubectl exec writes -- dd if=/dev/zero of=/fill bs=65536
	has "$(err)" "No space left on device"
	create late '.spec.restartPolicy = "Always"' -- sleep 1000
	happens "no space left on device"
	is "$(kubectl exec writes -- echo alive)" alive
	is "$(asked writes '.status.containerStatuses[0].restartCount')" 0
	status 0 kubectl exec writes -- rm /fill
	ready late
	is "$(asked writes '.status.containerStatuses[0].restartCount')" 0
	status 0 kubectl delete pods --all
	stopped standin TERM
	stopped containerd TERM
	umount "$WORK/containerd" "$WORK/kubelet/logs"
	start_containerd
	start_standin
	is_clean
}

# What there is of that pods have, one thing a line.
all_there_is() {
	ip -o link | cut -d : -f 2
	grep -cF "$WORK" /proc/self/mountinfo
	ls "$WORK/state/"* "$RECORDS"
	find /sys/fs/cgroup -path "*$CGROUP*" -type d
	awk '$NF ~ "/run/(containerd|caisson)"' /proc/net/unix | wc -l
}

# Of many that have come and gone there is no more than of a few. Of descriptors containerd has now some, now others:
# there are fewer than pods more.
test_many() {
	local i before had now pods=${CAISSON_TEST_PODS:-8}
	for ((i = 0; i <= pods; i += 4)); do
		for name in a b c d; do
			create $name -- sleep 1000
		done
		ready a b c d
		status 0 kubectl delete pod a b c d
		status 0 kubectl get --raw /standin/settled
		shims_end
		[ "${before:-}" ] || before=$(all_there_is)
		now=$(descriptors "$(cat "$WORK/containerd.pid")")
		had=${had:-$now}
	done
	is "$(all_there_is)" "$before"
	[ "$now" -lt $((had + pods)) ] || fail "containerd has $now descriptors, after $had"
	is_clean
}

run_tests "$@"
