#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# How pods are looked after: probes, deletion with grace, resources, and what is lost.
. "$(dirname "$0")/kube-lib.sh"

# probed NAME KIND PROBE WORD...: a pod with that probe each second
probed() {
	create "$1" ".spec.restartPolicy = \"Always\" | .spec.containers[0].$2Probe = ({periodSeconds: 1} + $3)" -- "${@:4}"
}

test_exec_probe() {
	probed asked readiness '{exec: {command: ["sh", "-c", "echo looked >>/tmp/log; test -e /tmp/well"]}}' sleep 1000
	becomes asked '.status.phase' Running
	is "$(asked asked '.status.containerStatuses[0].ready')" false
	kubectl exec asked -- touch /tmp/well
	ready asked
	kubectl exec asked -- rm /tmp/well
	kubectl wait pod asked --for=condition=Ready=false --timeout=240s >/dev/null
	is "$(asked asked '.status.containerStatuses[0].restartCount')" 0
	has "$(kubectl describe pod asked)" "Readiness probe failed"
	is_clean
}

test_network_probes() {
	probed web readiness '{httpGet: {path: "/well", port: 80}}' sh -c 'mkdir /www; echo yes >/www/well; exec httpd -f -p 80 -h /www'
	probed tcp readiness '{tcpSocket: {port: 80}}' httpd -f -p 80
	ready web tcp
	kubectl exec web -- rm /www/well
	kubectl wait pod web --for=condition=Ready=false --timeout=240s >/dev/null
	has "$(kubectl describe pod web)" "HTTP probe failed with statuscode: 404"
	is_clean
}

# Whose container is started again.
test_liveness_and_startup() {
	create sick '.spec.restartPolicy = "Always" | .spec.containers[0] += {
		startupProbe: {exec: {command: ["test", "-e", "/tmp/up"]}, periodSeconds: 1, failureThreshold: 60},
		livenessProbe: {exec: {command: ["test", "-e", "/tmp/alive"]}, periodSeconds: 1, failureThreshold: 1}}' \
		-- sh -c 'touch /tmp/alive; sleep 0.1; touch /tmp/up; exec sleep 1000'
	ready sick
	# It may be killed with the container.
	kubectl exec sick -- rm /tmp/alive || is $? 137
	becomes sick '.status.containerStatuses[0].restartCount' 1
	ready sick
	has "$(kubectl describe pod sick)" "failed liveness probe, will be restarted"
	is_clean
}

test_grace() {
	create slow '.spec.terminationGracePeriodSeconds = 60 | .spec.containers[0] += {tty: false,
		lifecycle: {preStop: {exec: {command: ["sh", "-c", "echo pre >>/v/order"]}}}}
		| .spec.volumes = [{name: "v", hostPath: {path: $dir}}]
		| .spec.containers[0].volumeMounts = [{name: "v", mountPath: "/v"}]' --arg dir "$WORK" \
		-- sh -c 'trap "echo term >>/v/order; exit" TERM; touch /v/up; while :; do sleep 0.1; done'
	ready slow
	kubectl exec slow -- sh -c 'until test -e /v/up; do sleep 0.1; done'
	status 0 kubectl delete pod slow
	is "$(cat "$WORK/order")" "$(printf 'pre\nterm')"
	rm "$WORK/order" "$WORK/up"
	create stubborn -- sh -c 'trap "" TERM; while :; do sleep 0.1; done'
	ready stubborn
	status 0 kubectl delete pod stubborn
	create forced -- sleep 1000
	ready forced
	status 0 kubectl delete pod forced --force --grace-period=0
	is_clean
}

# annotation POD NAME: which containerd gives to its sandbox
annotation() {
	ctr container info "$(sandbox_of "$1")" |
		jq -r --arg name "io.kubernetes.cri.$2" '.Spec.annotations[$name]'
}

test_resources() {
	create sized "$(more other sleep 1000) | .spec.containers[].resources = {
		requests: {cpu: \"250m\"}, limits: {cpu: \"500m\", memory: \"64Mi\"}}" -- sleep 1000
	ready sized
	is "$(annotation sized sandbox-memory) $(annotation sized sandbox-cpu-quota) $(annotation sized sandbox-cpu-shares)" \
		"134217728 100000 512"
	# All of it, and what the guest takes itself.
	[ "$RUNTIME" != caisson ] || is "$(kubectl exec sized -c main -- awk '/MemTotal/ {print ($2 > 131072 && $2 < 196608)}' /proc/meminfo)" 1
	is "$(asked sized .status.qosClass)" Burstable
	is_clean
}

test_runtime_class() {
	kubectl create -f - >/dev/null <<-EOF
		{"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "chosen"}, "handler": "$RUNTIME",
			"overhead": {"podFixed": {"memory": "40Mi"}}}
	EOF
	create classed '.spec.runtimeClassName = "chosen"' -- sleep 1000
	ready classed
	is "$(asked classed .spec.overhead.memory)" 40Mi
	status 1 create unknown '.spec.runtimeClassName = "unknown"' -- sleep 1000
	kubectl delete runtimeclass chosen >/dev/null
	is_clean
}

# The process that stands for it is killed: all begins anew.
test_sandbox_lost() {
	local lost
	create lost '.spec.restartPolicy = "Always"' -- sleep 1000
	ready lost
	lost=$(sandbox_of lost)
	ctr task kill -s KILL "$lost"
	becomes lost '.status.containerStatuses[0].restartCount' 1
	ready lost
	has "$(kubectl describe pod lost)" SandboxChanged
	is "$(ctr container ls -q | grep -c "$lost")" 0
	is_clean
}

run_tests "$@"
