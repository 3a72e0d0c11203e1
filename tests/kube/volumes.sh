#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Volumes of all kinds, and what a container may do with them.
. "$(dirname "$0")/kube-lib.sh"

# A volume "v" at /v of all containers, of this source, with more for its mounts: volume SOURCE [MOUNT]
volume() { echo ".spec |= (.volumes = [{name: \"v\"} + $1] | .containers[].volumeMounts = [{name: \"v\", mountPath: \"/v\"} + ${2:-{\}}])"; }

# refused PATTERN: caisson cannot do it, and says so; others can: POD has Succeeded
refused() {
	if [ "$RUNTIME" = caisson ]; then happens "$2"; else ended "$1" Succeeded; fi
}

# Memory of the host's, which all containers have in common, and is not more than that.
test_empty_dir() {
	create mem "$(volume '{emptyDir: {medium: "Memory", sizeLimit: "8Mi"}}') | .spec.securityContext = {fsGroup: 77, runAsUser: 5}" \
		-- sh -c 'stat -f -c "%b %S" /v; touch /v/x; stat -c "%u %g" /v/x; id -G'
	ended mem Succeeded
	is "$(kubectl logs mem)" "$(printf '2048 4096\n5 77\n0 77')"
	create full "$(more other sh -c 'until test -e /v/there; do sleep 0.1; done; dd if=/dev/zero of=/v/b bs=1000000 count=5') | $(
		volume '{emptyDir: {medium: "Memory", sizeLimit: "8Mi"}}')" -- sh -c 'head -c 5000000 /dev/zero >/v/a; touch /v/there'
	ended full Failed
	has "$(kubectl logs full -c other)" "No space left on device"
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
	status 0 kubectl exec reads -- sh -c 'cd /v; until test -e three && test ! -L one; do sleep 0.1; done; cat two three; ls'
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

# The folders that are missing are made; what is something else is none.
test_host_path_types() {
	local volumes
	mkdir -p "$WORK/host/folder"
	touch "$WORK/host/file"
	volumes='[["a", "Directory", "folder"], ["b", "DirectoryOrCreate", "new/folder"], ["c", "File", "file"],
		["d", "FileOrCreate", "new-file"], ["e", "", "folder"]]'
	create types ".spec |= (.volumes = [${volumes}[] | {name: .[0], hostPath: {type: .[1], path: \"$WORK/host/\(.[2])\"}}]
		| .containers[0].volumeMounts = [${volumes}[] | {name: .[0], mountPath: \"/v/\(.[0])\"}])" \
		-- sh -c 'cd /v; stat -c "%n %F" *; echo words >d; touch b/inner'
	ended types Succeeded
	is "$(kubectl logs types)" "$(printf '%s\n' 'a directory' 'b directory' 'c regular empty file' 'd regular empty file' 'e directory')"
	is "$(cat "$WORK/host/new-file")" words
	[ -e "$WORK/host/new/folder/inner" ] || fail "nothing was made there"
	create wrong "$(volume "{hostPath: {path: \"$WORK/host/file\", type: \"Directory\"}}")" -- true
	happens "/host/file is no Directory"
	rm -r "$WORK/host"
	is_clean
}

# Of these a VM has none of the host's.
test_host_path_of_the_kernel() {
	mkdir "$WORK/host"
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$WORK/host/socket"
	mknod "$WORK/host/block" b 7 99
	create socket "$(volume "{hostPath: {path: \"$WORK/host/socket\", type: \"Socket\"}}")" -- test -S /v
	refused socket "/host/socket, for /v, is a socket of the host, which only the first container of a VM can have"
	create char "$(volume '{hostPath: {path: "/dev/null", type: "CharDevice"}}')" -- test -c /v
	refused char "/dev/null, for /v, is a device of the host"
	create block "$(volume "{hostPath: {path: \"$WORK/host/block\", type: \"BlockDevice\"}}")" -- test -b /v
	refused block "/host/block, for /v, is a block device of the host"
	kubectl delete pods --all --force --grace-period=0 >/dev/null 2>&1
	kubectl get --raw /standin/settled >/dev/null
	rm -r "$WORK/host"
	is_clean
}

# Each container has a mount of its own of that on the host, and one folder is still one.
test_sub_path() {
	create sub "$(more other sh -c 'until test -p /v/pipe; do sleep 0.1; done; echo words >/v/pipe') |
		$(volume '{emptyDir: {}}' '{subPath: "a/b"}') | .spec.containers[0] |= (.env = [{name: \"WHERE\", value: \"b\"}] |
			.volumeMounts[0] |= (del(.subPath) | .subPathExpr = \"a/\$(WHERE)\"))" -- sh -c 'mkfifo /v/pipe; cat /v/pipe'
	ended sub Succeeded
	is "$(kubectl logs sub -c main)" words
	configured ConfigMap single file old
	create file "$(volume '{configMap: {name: "single"}}' '{subPath: "file"}')" -- sleep 1000
	ready file
	is "$(kubectl exec file -- cat /v)" old
	create out "$(volume '{emptyDir: {}}' '{subPath: "../out"}')" -- true
	happens 'subPath "../out" must be below the volume'
	kubectl delete configmap single >/dev/null
	is_clean
}

# What is mounted on the host later shows where that was asked for.
test_propagation() {
	local mounts='[{name: "v", mountPath: "/v", mountPropagation: "HostToContainer"}]'
	mkdir -p "$WORK/host/below"
	create follows "$(more other sleep 1000) | $(volume "{hostPath: {path: \"$WORK/host\"}}") |
		.spec.containers[0].volumeMounts = $mounts" -- sleep 1000
	ready follows
	kubectl exec follows -c main -- ls /v/below
	mount -t tmpfs tmpfs "$WORK/host/below"
	echo later >"$WORK/host/below/file"
	is "$(kubectl exec follows -c main -- cat /v/below/file)" later
	status 1 kubectl exec follows -c other -- cat /v/below/file
	# Whoever serves the volume knows it still.
	umount -l "$WORK/host/below"
	status 1 kubectl exec follows -c main -- cat /v/below/file
	create both "$(volume "{hostPath: {path: \"$WORK/host\"}}" '{mountPropagation: "Bidirectional"}') |
		.spec.containers[0].securityContext.privileged = true" -- true
	refused both '"rshared" cannot be had'
	kubectl delete pods --all --force --grace-period=0 >/dev/null 2>&1
	kubectl get --raw /standin/settled >/dev/null
	rm -r "$WORK/host"
	is_clean
}

# Files that kubelet and containerd make for it.
test_own_files() {
	create own '.spec.containers[0].terminationMessagePath = "/tmp/message"' -- sleep 1000
	ready own
	status 0 kubectl exec own -- sh -c 'cat /etc/hostname; tail -n 1 /etc/hosts; stat -c %F /etc/resolv.conf; echo said >/tmp/message'
	is "$(out)" "$(printf 'own\n%s\town\nregular file' "$(asked own .status.podIP)")"
	echo "10.0.0.1 added" >>"$WORK/kubelet/pods/$(asked own .metadata.uid)/etc-hosts"
	is "$(kubectl exec own -- tail -n 1 /etc/hosts)" "10.0.0.1 added"
	kubectl delete pod own --wait=false >/dev/null
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

# The device itself, in containers one after the other; what was written is on the host.
test_block_claim() {
	local loop
	head -c 1M /dev/urandom >"$WORK/blocks"
	loop=$(losetup --find --show "$WORK/blocks")
	kubectl create -f - >/dev/null <<-EOF
		{"apiVersion": "v1", "kind": "List", "items": [
			{"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "blocks"}, "spec": {"volumeMode": "Block",
				"capacity": {"storage": "1Mi"}, "accessModes": ["ReadWriteOnce"], "local": {"path": "$loop"}}},
			{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "its"}, "spec": {"volumeMode": "Block",
				"volumeName": "blocks", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}]}
	EOF
	create raw '.metadata.annotations["io.caisson.placeholders"] = "1" |
		.spec |= (.restartPolicy = "OnFailure" | .volumes = [{name: "v", persistentVolumeClaim: {claimName: "its"}}]) |
		.spec.containers[0].volumeDevices = [{name: "v", devicePath: "/dev/xvda"}]' -- sh -c '
		test "$(dd if=/dev/xvda count=1 2>/dev/null | head -n 1)" = words && exec sha256sum /dev/xvda
		echo words | dd of=/dev/xvda conv=fsync; exit 1'
	ended raw Succeeded
	is "$(kubectl logs raw)" "$(sha256sum <"$WORK/blocks" | cut -d ' ' -f 1)  /dev/xvda"
	is "$(asked raw '.status.containerStatuses[0].restartCount')" 1 "times it was started again"
	is_clean
	losetup --detach "$loop"
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
