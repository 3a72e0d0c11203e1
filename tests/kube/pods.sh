#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a pod's containers are started with, what they share, and when they are started again.
. "$(dirname "$0")/kube-lib.sh"

test_run() {
	create one -- sh -c 'echo out; echo err >&2; exit 7'
	ended one Failed
	is "$(kubectl logs one | sort)" "$(printf 'err\nout')"
	is "$(asked one '.status.containerStatuses[0].state.terminated | .exitCode, .reason')" "$(printf '7\nError')"
	create two -- true
	ended two Succeeded
	status 0 kubectl get pods
	has "$(out)" "two    0/1     Completed   0"
	is_clean
}

# printed POD: each argument that its container got, in JSON
printed() { kubectl logs "$1" | listed; }
listed() { jq -R -s -c 'rtrimstr("\u0000") | split("\u0000")'; }

# Nothing between kubectl and the program changes a word.
test_command_and_args() {
	local long
	long=$(head -c 100000 /dev/zero | tr '\0' x)
	status 0 create none '.spec.containers[0] |= (del(.args) | .command = ["uname"])' --
	ended none Succeeded
	is "$(kubectl logs none)" Linux
	create odd -- printf '%s\0' ' two  blanks ' "it's \"quoted\"" $'a\nnewline\n' '$HOME' '$$(B) $(C) $(A)' '' \
		$'\u00fcber \u6f22\u5b57 \U1f40b' '\n' '*' '-n' $'\ttab'
	ended odd Succeeded
	is "$(printed odd)" "$(printf '%s\0' ' two  blanks ' "it's \"quoted\"" $'a\nnewline\n' '$HOME' '$(B) $(C) $(A)' '' \
		$'\u00fcber \u6f22\u5b57 \U1f40b' '\n' '*' '-n' $'\ttab' | listed)"
	# What the pod itself has of variables.
	create expanded '.spec.containers[0] += {command: ["printf"], env: [{name: "A", value: "x  y"}]}' \
		-- '%s\0' '$(A)' 'a$(A)b' '$$(A)' '$$$(A)' '$(NONE)' '$(A' '$A' '$$'
	ended expanded Succeeded
	is "$(printed expanded)" "$(printf '%s\0' 'x  y' 'ax  yb' '$(A)' '$x  y' '$(NONE)' '$(A' '$A' '$' | listed)"
	# shellcheck disable=SC2046 # numbers
	create hundred -- printf '%s\0' $(seq 100)
	ended hundred Succeeded
	is "$(printed hundred | jq -c 'length, .[99]')" "$(printf '100\n"100"')"
	create long -- sh -c 'echo ${#0}' "$long"
	ended long Succeeded
	is "$(kubectl logs long)" 100000
	is_clean
}

test_environment() {
	configured ConfigMap words one 1 two 2
	configured Secret hidden word $'a\nb'
	create env '.metadata.labels.app = "web" | .spec.containers[0] += {
		workingDir: "/tmp", envFrom: [{prefix: "W_", configMapRef: {name: "words"}}], env: [
			{name: "A", value: "$(W_one) $$(W_one) $(NONE)"}, {name: "B", value: "  b  "},
			{name: "SECRET", valueFrom: {secretKeyRef: {name: "hidden", key: "word"}}},
			{name: "NAME", valueFrom: {fieldRef: {fieldPath: "metadata.name"}}},
			{name: "APP", valueFrom: {fieldRef: {fieldPath: "metadata.labels['"'app'"']"}}},
			{name: "IP", valueFrom: {fieldRef: {fieldPath: "status.podIP"}}},
			{name: "LIMIT", valueFrom: {resourceFieldRef: {resource: "limits.memory", divisor: "1Mi"}}}],
		resources: {limits: {memory: "64Mi"}}}' \
		-- sh -c 'pwd; echo "$A|$B|$SECRET|$NAME|$APP|$LIMIT|$W_two|$HOSTNAME"; cat /etc/hostname; test "$(hostname -i)" = "$IP"'
	ended env Succeeded
	is "$(kubectl logs env)" "$(printf '/tmp\n1 $(W_one) $(NONE)|  b  |a\nb|env|web|64|2|env\nenv')"
	kubectl delete configmap words >/dev/null
	kubectl delete secret hidden >/dev/null
	is_clean
}

test_init_containers() {
	create inits '.spec |= (.volumes = [{name: "v", emptyDir: {}}] | .containers[0].volumeMounts = [{name: "v", mountPath: "/v"}]
		| .initContainers = [["first", "side", "last"][] as $n | {name: $n, image: $image, volumeMounts: .containers[0].volumeMounts,
			args: ["sh", "-c", "test $1 != last || until test -e /v/up; do sleep 0.1; done; echo $1 >>/v/order", "sh", $n]}]
		| .initContainers[1] |= (.restartPolicy = "Always" | .args[2] = "echo side >>/v/order; touch /v/up; exec sleep 1000"))' \
		-- cat /v/order
	ended inits Succeeded
	is "$(kubectl logs inits)" "$(printf 'first\nside\nlast')"
	# It ends with the others.
	is "$(asked inits '.status.initContainerStatuses[1].state | keys[0]')" terminated
	create bad '.spec.initContainers = [{name: "fails", image: $image, args: ["sh", "-c", "exit 3"]}]' -- true
	ended bad Failed
	is "$(asked bad '.status | .initContainerStatuses[0].state.terminated.exitCode, (.containerStatuses[0].state | keys[0])')" \
		"$(printf '3\nwaiting')"
	is_clean
}

# What is shared: network, IPC and volumes; not file systems, nor processes but on demand.
test_several_containers() {
	local ns
	create pair "$(more other sh -c 'echo from-other >/v/file; nc -l -p 80 -e echo served & exec sleep 1000') |
		.spec |= (.volumes = [{name: \"v\", emptyDir: {}}] | .containers[].volumeMounts = [{name: \"v\", mountPath: \"/v\"}])" \
		-- sleep 1000
	ready pair
	status 0 kubectl exec pair -c main -- sh -c 'until test -s /v/file; do sleep 0.1; done; cat /v/file; until nc 127.0.0.1 80; do sleep 0.1; done; hostname; ps -o args'
	is "$(out | head -n 3)" "$(printf 'from-other\nserved\npair')"
	is "$(out | grep -c sleep)" 2 "its own and the shell's"
	# Where they are in memory is by chance, as anywhere: of what is created, and of what is executed.
	is "$(kubectl exec pair -c main -- cat /proc/1/personality /proc/self/personality | sort -u)" 00000000 "personality"
	for ns in ipc net uts; do
		is "$(kubectl exec pair -c main -- readlink /proc/1/ns/$ns)" "$(kubectl exec pair -c other -- readlink /proc/1/ns/$ns)"
		has "$(kubectl exec pair -c main -- readlink /proc/1/ns/$ns)" "$ns:["
	done
	create shared "$(more other sleep 2000) | .spec.shareProcessNamespace = true" -- sleep 1000
	ready shared
	status 0 kubectl exec shared -c main -- ps -o args
	has "$(out)" "sleep 2000"
	is_clean
}

# One is started again, the other does not notice.
test_restart() {
	local before
	create again "$(more other sleep 1000) | .spec.restartPolicy = \"Always\" | $READY_ONCE_UP" \
		-- sh -c 'echo run; trap "exit 5" TERM; echo >/up; while :; do sleep 0.1; done'
	ready again
	before=$(asked again '.status.containerStatuses[] | select(.name == "other") | .containerID')
	for times in 1 2; do
		# Its program may be killed with the container.
		kubectl exec again -c main -- kill 1 || is $? 137
		becomes again '.status.containerStatuses[?(@.name=="main")].restartCount' $times
		ready again
	done
	is "$(asked again '.status.containerStatuses[] | select(.name == "main") | .lastState.terminated.exitCode')" 5
	is "$(asked again '.status.containerStatuses[] | select(.name == "other") | .containerID, .restartCount')" "$(printf '%s\n0' "$before")"
	is "$(kubectl logs again -c main --previous)" run
	is_clean
}

test_termination_message() {
	create says -- sh -c 'printf "the reason" >/dev/termination-log; exit 1'
	create logs '.spec.containers[0] += {terminationMessagePolicy: "FallbackToLogsOnError"}' -- sh -c 'echo last words; exit 1'
	ended says Failed
	ended logs Failed
	is "$(asked says '.status.containerStatuses[0].state.terminated.message')" "the reason"
	is "$(asked logs '.status.containerStatuses[0].state.terminated.message')" "last words"
	is_clean
}

test_out_of_memory() {
	create big '.spec.containers[0].resources.limits.memory = "32Mi"' -- sh -c 'x=$(head -c 200m /dev/zero | tr "\0" x)'
	ended big Failed
	is "$(asked big '.status.containerStatuses[0].state.terminated | .reason, .exitCode')" "$(printf 'OOMKilled\n137')"
	is_clean
}

test_what_cannot_be_executed() {
	create none -- nonesuch
	ended none Failed
	has "$(asked none '.status.containerStatuses[0].state.terminated | .reason, .message')" 'exec: "nonesuch": executable file not found in $PATH'
	is_clean
}

run_tests "$@"
