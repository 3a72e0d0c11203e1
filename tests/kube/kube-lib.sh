# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A real containerd with its CRI plugin and CNI's plugins, a real kubectl, and a stand-in for what is between them
# in a cluster (kube-standin), all in a network namespace and a mount namespace of the file's own. What runs pods is $RUNTIME: caisson,
# or runc, with which the same tests show that they ask for the right things.
[ -n "${CAISSON_TEST_NETNS:-}" ] || CAISSON_TEST_NETNS=1 exec unshare --net --mount "$0" "$@"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/lib.sh"
. "$TOP/tests/lib/shims.sh"

RUNTIME=${CAISSON_TEST_RUNTIME:-caisson}
KUBE=$TOP/tests/kube
for program in containerd ctr kubectl /usr/lib/cni/bridge; do
	command -v $program >/dev/null || {
		echo "ok kube # SKIP there is no $program"
		exit $SKIPPED
	}
done

export CONTAINERD_ADDRESS=$WORK/containerd.sock CONTAINERD_NAMESPACE=k8s.io
export KUBECONFIG=$WORK/kubeconfig KUBECACHEDIR=$WORK/kube-cache
IMAGE=docker.io/library/busybox:latest
# One that has these programs alone, if the test file names any.
BARE_IMAGE=docker.io/library/glibc:latest
: "${BARE_PROGRAMS:=}"
NODE=10.88.0.1
# More options of kube-standin.
STANDIN=${CAISSON_TEST_STANDIN:-}
CGROUP=/caisson-test-${WORK##*.}

# containerd's namespace is the same for all pods of a machine: these are nobody else's.
mkdir -p /run/caisson /run/containerd
mount -t tmpfs caisson /run/caisson
mount -t tmpfs containerd /run/containerd

# Mounts made in it are seen by mount namespaces made before, as on any host with systemd.
mount --bind "$WORK" "$WORK"
mount --make-shared "$WORK"
mkdir -p "$WORK/cni"
cat >"$WORK/cni/10-test.conflist" <<-EOF
	{
		"cniVersion": "0.4.0", "name": "caisson-test",
		"plugins": [{
			"type": "bridge", "bridge": "caisson0", "isGateway": true, "forceAddress": true, "hairpinMode": true,
			"ipam": {
				"type": "host-local", "dataDir": "$WORK/addresses",
				"ranges": [[{"subnet": "10.88.0.0/24", "gateway": "$NODE"}]], "routes": [{"dst": "0.0.0.0/0"}]
			}
		}]
	}
EOF

sed "s|@WORK@|$WORK|; s|@RUNTIME@|$RUNTIME|" "$KUBE/containerd.toml" >"$WORK/containerd.toml"

. "$TOP/tests/lib/daemons.sh"

# It serves CRI once it can stream.
start_containerd() { started containerd "Start streaming server" containerd -c "$WORK/containerd.toml"; }

# shellcheck disable=SC2086 # words
start_standin() {
	started standin "serving on" "$KUBE/kube-standin" --containerd "$CONTAINERD_ADDRESS" --root "$WORK/kubelet" \
		--cgroup "$CGROUP" --address "$NODE" --backoff 0.5 --kubeconfig "$KUBECONFIG" $STANDIN
}

# CRI sees those only that were there when it began, or a moment later.
import_images() {
	local name
	for name in busybox pause ${BARE_PROGRAMS:+glibc}; do
		# shellcheck disable=SC2086 # one word a program
		"$TOP/tests/lib/make-image" $name "docker-archive:$WORK/$name.tar" $BARE_PROGRAMS
		ctr image import "$WORK/$name.tar" >/dev/null
		rm "$WORK/$name.tar"
	done
}

# What the stand-in has to say is seldom heard.
delete_all() {
	sed 's/^/  | /' "$WORK/standin.log"
	kubectl delete pods,configmaps,secrets --all --grace-period=1 >/dev/null 2>&1
}

clean_up() {
	stopped standin TERM
	stopped containerd TERM
	umount "$WORK"
	rm -rf "$WORK"
	# Where CNI keeps notes, whoever uses it.
	rmdir /var/lib/cni/results /var/lib/cni 2>/dev/null
}
trap clean_up EXIT

# Where caisson has what it knows of pods: those of other tests, too.
RECORDS=/run/caisson/containerd/k8s.io

# Of caisson's, in folders that are those of all: records that name this file's folder, and sockets of what containerd has ever
# spoken of.
caissons_left() {
	grep -lrsF "$WORK/" $RECORDS/containers
	python3 - "$CONTAINERD_ADDRESS/k8s.io/" "$WORK/containerd.log" <<-'EOF'
		import hashlib, os, re, sys
		with open(sys.argv[2], encoding="utf-8", errors="replace") as log:
		    names = set(re.findall(r"\b[0-9a-f]{64}\b", log.read()))
		for name in names:
		    path = "/run/containerd/s/" + hashlib.sha256((sys.argv[1] + name).encode()).hexdigest()
		    if os.path.exists(path):
		        print(path)
	EOF
}

# Nothing is left of any pod.
is_clean() {
	status 0 kubectl delete pods --all --force --grace-period=0
	status 0 kubectl get --raw /standin/settled
	is "$(ctr task ls -q)$(ctr container ls -q)" "" "containers"
	shims_end
	is "$(caissons_left)" "" "what caisson has left"
	is "$(ls "$WORK/state/io.containerd.runtime.v2.task/k8s.io" 2>/dev/null)" "" "bundles"
	is "$(ls "$WORK/runc/k8s.io" 2>/dev/null)" "" "runc's records"
	is "$(grep -o " $WORK/[^ ]*" /proc/self/mountinfo)" "" "mounts"
	is "$(ls "$WORK/kubelet/pods" 2>/dev/null)" "" "folders of pods"
	is "$(ip -o link show master caisson0 2>/dev/null)" "" "interfaces"
	is "$(find /sys/fs/cgroup -path "*$CGROUP/*/pod*" -prune -print)" "" "cgroups"
}

# create NAME [FILTER [OPTION...]] -- WORD...: a pod with one container that has those arguments, as a filter of
# jq's changes it.
create() {
	local name=$1 filter=.
	local -a options=()
	shift
	[ "$1" = -- ] || { filter=$1 && shift; }
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	jq -n --arg name "$name" --arg image $IMAGE "${options[@]}" \
		"{apiVersion: \"v1\", kind: \"Pod\", metadata: {name: \$name}, spec: {
			restartPolicy: \"Never\", terminationGracePeriodSeconds: 1,
			containers: [{name: \"main\", image: \$image, args: \$ARGS.positional}]}} | $filter" \
		--args -- "$@" >"$WORK/pod.json"
	kubectl create -f "$WORK/pod.json" >/dev/null
}

# A filter that adds a container: more NAME WORD...
more() {
	jq -n -r --arg name "$1" --arg image $IMAGE '
		".spec.containers += [\({name: $name, image: $image, args: $ARGS.positional[1:]})]"' --args -- "$@"
}

# configured KIND NAME [KEY VALUE]...: a ConfigMap or Secret with these
configured() {
	jq -n --arg kind "$1" --arg name "$2" '$ARGS.positional as $words | {
		apiVersion: "v1", kind: $kind, metadata: {name: $name}, (if $kind == "Secret" then "stringData" else "data" end):
			[range(0; $words | length; 2) | {key: $words[.], value: $words[. + 1]}] | from_entries}' \
		--args -- "${@:3}" | kubectl create -f - >/dev/null
}

# runtime_class NAME: by which pods name that runtime
runtime_class() {
	jq -n --arg name "$1" '{apiVersion: "node.k8s.io/v1", kind: "RuntimeClass", metadata: {name: $name}, handler: $name}' |
		kubectl create -f - >/dev/null
}

# becomes POD PATH PATTERN: waits until what is at that path of it is so; prints it. Of an object that it is given by name
# kubectl prints no change between its asking for it and its watching.
becomes() {
	exec 5< <(exec kubectl get pods --field-selector "metadata.name=$1" --watch -o "jsonpath={$2}{\"\n\"}")
	grep -m 1 -xE "$3" <&5
	kill $!
	exec 5<&-
}

# happens PATTERN: waits for an event that says so, as "POD REASON MESSAGE"; prints it
happens() {
	exec 5< <(exec kubectl get events --watch -o 'jsonpath={.involvedObject.name} {.reason} {.message}{"\n"}')
	grep -m 1 -E "$1" <&5
	kill $!
	exec 5<&-
}

# A filter: the first container is ready once it has made /up. A first process hears no signal before it has said
# what is to become of it, so it makes that then.
export READY_ONCE_UP='.spec.containers[0].readinessProbe = {exec: {command: ["test", "-e", "/up"]}, periodSeconds: 1}'

ready() { kubectl wait pod "$@" --for=condition=Ready --timeout=240s >/dev/null; }
ended() { is "$(becomes "$1" .status.phase 'Succeeded|Failed')" "$2" "what became of $1"; }

# sandbox_of POD: the name of what stands for it
sandbox_of() { ctr container ls -q "labels.\"io.kubernetes.pod.name\"==$1,labels.\"io.cri-containerd.kind\"==sandbox"; }

# keeper_of POD, shim_of POD: the two halves of its shim, of which the second one has the VM
keeper_of() { pgrep -o -f "caisson-shim --id $(sandbox_of "$1") "; }
shim_of() { ps -o ppid= -p "$(pgrep -P "$(pgrep -d , -P "$(keeper_of "$1")")" qemu-system)" | tr -d ' '; }

# asked POD JQ: of what kubectl says of it
asked() { kubectl get pod "$1" -o json | jq -r "$2"; }

# container_of POD NAME: its id
container_of() { asked "$1" ".status.containerStatuses[] | select(.name == \"$2\").containerID" | sed 's,.*//,,'; }

ip link set lo up
start_containerd
import_images
stopped containerd TERM
ip link set lo up
start_containerd
start_standin
