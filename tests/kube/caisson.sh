#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What pods have of caisson itself: settings of their VMs and containers, a supervisor, the stages of a start, figures.
#
#   caisson.sh PROGRAM [TEST...]     PROGRAM: tests/vm/guests/spin-supervisor.c
. "$(dirname "$0")/kube-lib.sh"
PROGRAM=$(realpath "$1")
shift

mkdir "$WORK/allowed"
cp "$PROGRAM" "$WORK/allowed/agent"
echo "extras.allow = [\"$WORK/allowed\"]" >>"$CAISSON_CONFIG"

# An administrator's view of the node's pods.
on_node() { env -u CAISSON_ROOT -u CAISSON_RUN caisson --root /run/caisson/containerd/k8s.io "$@"; }

# A filter that annotates: annotated NAME VALUE
annotated() { jq -n -r --arg name "$1" --arg value "$2" '".metadata.annotations[\($name | tojson)] = \($value | tojson)"'; }

# extras SOURCE: the value of the annotation for a supervisor
extras() { jq -n -c --arg source "$1" '{"/run/spin-stack/spin-supervisor": {source: $source, mode: 493}}'; }

# refused NAME VALUE PART: a pod with that annotation is not made, and `kubectl describe` says why
refused() {
	local pod
	REFUSED=$((REFUSED + 1))
	# What has happened to pods of other tests is told, too.
	pod=${FUNCNAME[1]//_/-}-$REFUSED
	create "$pod" "$(annotated "$1" "$2")" -- sleep 1000
	has "$(happens "^$pod FailedCreatePodSandBox")" "$3"
	has "$(kubectl describe pod "$pod")" "$3"
	kubectl delete pod "$pod" --force --grace-period=0 >/dev/null 2>&1
}
REFUSED=0

test_settings() {
	local of
	create set "$(annotated io.caisson.mem_size 192M) | $(more other sleep 1000) | .spec.containers[0].env = [
		{name: \"RUNCVM_MEM_SIZE\", value: \"1G\"}, {name: \"RUNCVM_CPUS\", value: \"3\"}, {name: \"RUNCVM_SYSTEMD\", value: \"1\"}]" \
		-- sh -c 'mkdir /sys/fs/cgroup/mine; trap "exit 3" 37; while :; do sleep 0.1; done'
	ready set
	of=$(on_node inspect "$(container_of set main)")
	is "$(jq -c '[.memory, .cpus, .systemd, .vm]' <<<"$of")" "[201326592,1,true,\"$(sandbox_of set)\"]"
	# Of the memory the pod's annotation counts, so there is nothing to say of the variable.
	is "$(jq -c '[.notes[] | split(" ")[0]]' <<<"$of")" '["RUNCVM_CPUS"]'
	is "$(on_node inspect "$(container_of set other)" | jq -c '[.systemd, .notes]')" '[false,[]]'
	is "$(kubectl exec set -c main -- sh -c 'until ls -d /sys/fs/cgroup/mine 2>/dev/null; do sleep 0.1; done; grep -c " /run tmpfs " /proc/mounts; nproc')" \
		"$(printf '/sys/fs/cgroup/mine\n1\n1')"
	has_said containerd "RUNCVM_CPUS is about the virtual machine"
	create all "$(annotated io.caisson.systemd 1)" -- sh -c 'tr "\0" "\n" </proc/1/environ | grep ^container='
	ended all Succeeded
	is "$(kubectl logs all)" container=caisson
	refused io.caisson.memsize 1G "io.caisson.memsize: caisson knows none of this name"
	refused io.caisson.mem_size much "io.caisson.mem_size of 'much' is no size"
	refused io.caisson.systemd maybe "io.caisson.systemd of 'maybe' is neither 1 nor 0"
	create misspelt '.spec.containers[0].env = [{name: "RUNCVM_SYSTEMDD", value: "1"}]' -- true
	ended misspelt Failed
	has "$(asked misspelt '.status.containerStatuses[0].state.terminated.message')" "RUNCVM_SYSTEMDD in the container's environment"
	# As they are where there are Services of these names.
	create served '.spec.containers[0].env = [{name: "RUNCVM_SERVICE_HOST", value: "10.0.0.1"},
		{name: "RUNCVM_NFS_PORT", value: "tcp://10.0.0.2:2049"}]' -- sh -c 'echo $RUNCVM_SERVICE_HOST $RUNCVM_NFS_PORT'
	ended served Succeeded
	is "$(kubectl logs served)" "10.0.0.1 tcp://10.0.0.2:2049"
	is_clean
}

# in_state ID PART...: waits until `caisson state` says all of these of the supervisor of its VM
in_state() {
	local id=$1 state part
	shift
	while :; do
		state=$(on_node state "$id" | jq -c .supervisor) || return
		for part in "$@"; do
			[[ $state == *"$part"* ]] || continue 2
		done
		return
	done
}

test_supervisor() {
	local sandbox
	create agent "$(annotated io.spin.extras.files "$(extras "$WORK/allowed/agent")") | $(more other sleep 1000)" -- sleep 1000
	ready agent
	sandbox=$(sandbox_of agent)
	for id in "$sandbox" "$(container_of agent main)"; do
		in_state "$id" '"state":"running"' '"restarts":0'
	done
	# It is beside the containers, in the network of the pod.
	has "$(kubectl exec agent -c other -- sh -c 'until echo report | nc 127.0.0.1 7777 2>/dev/null; do sleep 0.1; done')" "cgroup: 0::/.spin-supervisor"
	kubectl exec agent -c main -- sh -c 'echo crash | nc 127.0.0.1 7777' || true
	in_state "$sandbox" '"state":"running"' '"restarts":1' '"last_exit_status":137'
	has "$(on_node metrics)" "caisson_vm_supervisor_restarts_total{root=\"/run/caisson/containerd/k8s.io\",vm=\"$sandbox\"} 1"
	is "$(asked agent '[.status.containerStatuses[].restartCount] | add')" 0
	refused io.spin.extras.files "$(extras /etc/passwd)" "/etc/passwd"
	refused io.spin.extras.file "{}" "io.spin.extras.file: caisson knows none of this name"
	is_clean
}

# stages ID [LAST]: those that containerd's log has of a container, once it has that one
stages() {
	[ $# = 1 ] || has_said containerd "container $1: entrypoint $2"
	grep -o "container $1: entrypoint [a-z ]*" "$WORK/containerd.log" | sed 's/.*entrypoint //' | paste -sd ,
}

# first_line POD CONTAINER: of what it prints
first_line() {
	exec 5< <(exec kubectl logs -f "$1" -c "$2")
	head -n 1 <&5
	kill $!
	exec 5<&-
}

test_stages() {
	local main other sandbox
	create told "$(more other sh -c 'echo other; sleep 1000') | .spec.containers[0].env = [{name: \"RUNCVM_LOG_LEVEL\", value: \"DEBUG\"}]" \
		-- sh -c 'echo words; sleep 1000'
	ready told
	main=$(container_of told main) other=$(container_of told other)
	is "$(stages "$main" executed)" captured,packed,read,executed
	is "$(stages "$other")" ""
	is "$(on_node logs --console "$main" | cut -d : -f 1 | paste -sd ,)" \
		"entrypoint captured,entrypoint packed,entrypoint read,entrypoint executed"
	status 1 on_node logs --console "$other"
	is "$(first_line told main),$(first_line told other)" words,other
	create all "$(annotated io.caisson.log_level debug) | $(more other nonesuch)" -- sleep 1000
	becomes all '.status.containerStatuses[?(@.name=="other")].state.terminated.reason' '.+'
	other=$(container_of all other) sandbox=$(sandbox_of all)
	is "$(stages "$other" "not read")" "captured,packed,not read"
	has "$(on_node logs --console "$sandbox")" "Linux version"
	is "$(kubectl logs all -c other)" ""
	is_clean
}

# used POD CONTAINER: microseconds on the processors, and KiB of memory without what the kernel would give back first
used() {
	kubectl exec "$1" -c "$2" -- awk '
		/^usage_usec/ {usec = $2} /^inactive_file/ {file = $2} NF == 1 {memory = $1}
		END {printf "%d %d\n", usec, (memory - file) / 1024}' \
		/sys/fs/cgroup/cpu.stat /sys/fs/cgroup/memory.stat /sys/fs/cgroup/memory.current
}

# figure POD CONTAINER: nanoseconds on the processors of each second since it was started, and KiB, of what kubectl top shows
figure() {
	kubectl get --raw "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/$1" |
		jq -r --arg name "$2" '.containers[] | select(.name == $name).usage | "\(.cpu[:-1]) \(.memory[:-2])"'
}

# What is told of them is what the guest counts.
test_top() {
	local name usec before after nano kib least most started sum=0 cpu memory
	create busy "$(more idle sleep 1000) | .spec.containers[0].readinessProbe = {exec: {command: [\"test\", \"-e\", \"/tmp/worked\"]}, periodSeconds: 1}" \
		-- sh -c 'dd if=/dev/zero of=/dev/shm/held bs=1M count=20 2>/dev/null
			until [ "$(awk "/^usage_usec/ {print \$2}" /sys/fs/cgroup/cpu.stat)" -gt 3000000 ]; do :; done; >/tmp/worked; while :; do :; done'
	ready busy
	for name in main idle; do
		started=$(date +%s -d "$(asked busy ".status.containerStatuses[] | select(.name == \"$name\").state.running.startedAt")")
		before=$(date +%s)
		read -r usec least < <(used busy $name)
		read -r nano kib < <(figure busy $name)
		read -r most memory < <(used busy $name)
		after=$(date +%s)
		# It is told as an average: of no less than was used before, in the longest time that it may be, and the reverse.
		[ $((nano * (after + 1 - started))) -ge $((usec * 1000)) ] || fail "$name: $nano are less than $usec in $((after + 1 - started)) s"
		[ $((nano * (before - started - 1))) -le $((most * 1000)) ] || fail "$name: $nano are more than $most in $((before - started - 1)) s"
		[ $((kib - least)) -le 2048 ] && [ $((least - kib)) -le 2048 ] || fail "$name: $kib KiB, not $least"
	done
	status 0 kubectl top pod busy --containers --no-headers
	while read -r _ _ cpu memory; do
		sum=$((sum + ${memory%Mi}))
	done < <(out)
	[ $sum -ge 20 ] || fail "memory: $(out)"
	status 0 kubectl top pod busy --no-headers
	read -r _ cpu memory < <(out)
	[ $((${memory%Mi} - sum)) -le 2 ] && [ $((sum - ${memory%Mi})) -le 2 ] || fail "memory of the pod: $memory, not $sum"
	[ "${cpu%m}" -ge 100 ] || fail "processors: $cpu"
	is_clean
}

# Of a pod's pause container nothing runs in its VM, but where its PID namespace is shared.
test_pause_container() {
	local sandbox keeper
	create light "$(more other sleep 1000)" -- sleep 1000
	ready light
	sandbox=$(sandbox_of light) keeper=$(keeper_of light)
	is "$(on_node inspect "$sandbox" | jq -r .pod_host)" light
	is "$(ctr task ls | awk -v id="$sandbox" '$1 == id {print $2, $3}')" "$keeper RUNNING"
	has "$(ctr task metrics "$sandbox")" "pids.current"
	status 1 ctr task exec --exec-id x "$sandbox" /pause
	has "$(err)" "nothing of it runs in the virtual machine"
	status 1 on_node ps "$sandbox"
	has "$(err)" "does not exist"
	is "$(kubectl exec light -c main -- hostname),$(kubectl exec light -c other -- hostname)" light,light
	is "$(kubectl exec light -c main -- readlink /proc/1/ns/ipc)" "$(kubectl exec light -c other -- readlink /proc/1/ns/ipc)"
	kubectl exec light -c main -- sh -c 'echo words >/dev/shm/file'
	is "$(kubectl exec light -c other -- cat /dev/shm/file)" words
	create shared "$(more other sleep 2000) | .spec.shareProcessNamespace = true" -- sh -c 'until ps -o args | grep "sleep [2]000"; do sleep 0.1; done; exec sleep 1000'
	ready shared
	is "$(kubectl exec shared -c other -- sh -c 'tr -d "\0" </proc/1/cmdline')" /pause
	has "$(on_node ps "$(sandbox_of shared)")" /pause
	is_clean
}

test_restarts_are_counted() {
	create again ".spec.restartPolicy = \"Always\" | $READY_ONCE_UP" \
		-- sh -c 'trap "exit 5" TERM; echo >/up; while :; do sleep 0.1; done'
	ready again
	for times in 1 2; do
		kubectl exec again -- kill 1 || is $? 137
		becomes again '.status.containerStatuses[0].restartCount' $times
		ready again
	done
	has "$(on_node metrics)" "caisson_vm_container_restarts_total{root=\"/run/caisson/containerd/k8s.io\",vm=\"$(sandbox_of again)\",container=\"main\"} 2"
	is_clean
}

run_tests "$@"
