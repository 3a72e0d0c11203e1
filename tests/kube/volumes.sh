#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Volumes of all kinds, and what a container may do with them.
. "$(dirname "$0")/kube-lib.sh"

# A volume "v" at /v of all containers, of this source, with more for its mounts: volume SOURCE [MOUNT]
volume() { echo ".spec |= (.volumes = [{name: \"v\"} + $1] | .containers[].volumeMounts = [{name: \"v\", mountPath: \"/v\"} + ${2:-{\}}])"; }

test_empty_dir() {
	create mem "$(volume '{emptyDir: {medium: "Memory", sizeLimit: "8Mi"}}') | .spec.securityContext = {fsGroup: 77, runAsUser: 5}" \
		-- sh -c 'df -k /v | awk "NR > 1 {print \$2}"; touch /v/x; stat -c "%u %g" /v/x; id -G'
	ended mem Succeeded
	is "$(kubectl logs mem)" "$(printf '8192\n5 77\n0 77')"
	is_clean
}

# What one container puts there the others can open: named pipes too.
test_shared_empty_dir() {
	create pair "$(more other sh -c 'until test -p /v/pipe; do sleep 0.1; done; read -r word </v/pipe; echo "$word" >/v/read') | $(
		volume '{emptyDir: {}}')" -- sh -c 'mkfifo /v/pipe; echo word >/v/pipe; until test -s /v/read; do sleep 0.1; done; cat /v/read'
	ended pair Succeeded
	is "$(kubectl logs pair -c main)" word
	uid=$(asked pair .metadata.uid)
	is "$(cat "$WORK/kubelet/pods/$uid/volumes/v/read")" word "what the host sees"
	is_clean
}

# All names of a ConfigMap change at once, in a container that runs.
test_config_map_and_secret() {
	configured ConfigMap words one 1 two 2
	configured Secret hidden word secret
	create reads "$(volume '{projected: {sources: [{configMap: {name: "words"}}, {secret: {name: "hidden"}},
		{downwardAPI: {items: [{path: "me", fieldRef: {fieldPath: "metadata.name"}}]}}]}}' '{readOnly: true}')" -- sleep 1000
	ready reads
	status 1 kubectl exec reads -- sh -c 'cd /v; cat one two word me; readlink one; touch x'
	is "$(out)" "12secretreads..data/one"
	has "$(err)" "touch: x: Read-only file system"
	kubectl patch configmap words -p '{"data": {"one": null, "two": "zwei", "three": "drei"}}' >/dev/null
	status 0 kubectl exec reads -- sh -c 'cd /v; until test -e three; do sleep 0.1; done; cat two three; ls'
	is "$(out)" "$(printf 'zweidreime\nthree\ntwo\nword')"
	is_clean
}

test_service_account() {
	create token -- sh -c 'cd /var/run/secrets/kubernetes.io/serviceaccount; cat token; echo; cat namespace'
	ended token Succeeded
	is "$(kubectl logs token)" "$(printf 'token of default\ndefault')"
	is_clean
}

test_host_path() {
	mkdir -p "$WORK/host/below"
	echo here >"$WORK/host/below/file"
	create path "$(volume "{hostPath: {path: \"$WORK/host\", type: \"Directory\"}}")" -- sh -c 'cat /v/below/file; echo there >/v/new'
	ended path Succeeded
	is "$(kubectl logs path)" here
	is "$(cat "$WORK/host/new")" there
	create below "$(volume "{hostPath: {path: \"$WORK/host\"}}" '{subPath: "below/file", readOnly: true}')" \
		-- sh -c 'cat /v; echo no >/v'
	ended below Failed
	is "$(kubectl logs below | sort)" "$(printf 'here\nsh: can'"'"'t create /v: Read-only file system')"
	rm -r "$WORK/host"
	is_clean
}

test_claim() {
	mkdir "$WORK/disk"
	kubectl create -f - >/dev/null <<-EOF
		{"apiVersion": "v1", "kind": "List", "items": [
			{"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "disk"},
				"spec": {"capacity": {"storage": "1Mi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "$WORK/disk"}}},
			{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "mine"},
				"spec": {"volumeName": "disk", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}]}
	EOF
	create writes "$(volume '{persistentVolumeClaim: {claimName: "mine"}}')" -- sh -c 'echo kept >/v/file'
	ended writes Succeeded
	is "$(cat "$WORK/disk/file")" kept
	rm -r "$WORK/disk"
	is_clean
}

test_security_context() {
	create bound '.spec.securityContext = {runAsUser: 5, runAsGroup: 6, supplementalGroups: [9]}
		| .spec.containers[0].securityContext = {readOnlyRootFilesystem: true, allowPrivilegeEscalation: false,
			capabilities: {drop: ["ALL"], add: ["NET_BIND_SERVICE"]}, seccompProfile: {type: "RuntimeDefault"}}' \
		-- sh -c 'id; touch /tmp/x 2>/dev/null || echo read-only; grep -E "^(CapBnd|NoNewPrivs|Seccomp):" /proc/self/status'
	ended bound Succeeded
	is "$(kubectl logs bound)" "$(printf '%s\n' 'uid=5 gid=6 groups=6,9' read-only $'CapBnd:\t0000000000000400' \
		$'NoNewPrivs:\t1' $'Seccomp:\t2')"
	is_clean
}

run_tests "$@"
