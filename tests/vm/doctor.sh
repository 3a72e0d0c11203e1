#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `caisson doctor`: what it says of a machine of which one thing is broken, in a mount namespace.
. "$(dirname "$0")/../lib/lib.sh"

# Programs of others, for a PATH in which one can be missing.
mkdir -p "$WORK/bin"
for name in qemu-system-x86_64 crun skopeo passt; do
	path=$(command -v $name) && ln -s "$path" "$WORK/bin/$name"
done
: >"$WORK/empty"
SETPRIV=$(command -v setpriv)

# As the last line has it; with --kubernetes these are pods.
WHAT=container

# on LINE: `caisson doctor` where a shell has run the line, with tools as they are, as root unless $AS says how
on() {
	local line=$1
	shift
	# shellcheck disable=SC2016,SC2086 # for the inner shell; words
	WORK=$WORK LINE=$line PATH=$PATH unshare --mount ${APART:-} --propagation private sh -ec '
		eval "$LINE"
		PATH=$WORK/bin exec '"${AS:-}"' "$0" doctor "$@"' "$TOP/build/bin/caisson" "$@"
}

# says STATUS LEVEL CHECK TEXT MEND LINE: the check says so, and how to mend it
says() {
	local line
	# shellcheck disable=SC2086 # words
	status "$1" on "$6" ${OPTIONS:-}
	line=$(grep -A1 "^$2  *$3 " "$WORK/out") || {
		out
		fail "$3 is not $2"
	}
	has "$(echo "$line" | tr -s ' ')" "$4"
	[ -z "$5" ] || has "$line" "-> "
	has "$line" "$5"
	case $1 in
	0) is "$(out | tail -n 1)" "${WHAT^}s can be run." ;;
	*) is "$(out | tail -n 1)" "No $WHAT can be run." ;;
	esac
	is "$(find "$CAISSON_ROOT" -maxdepth 1 -name 'doctor*' 2>/dev/null)" "" "what is left"
}

hide() { printf "mount --bind %q %q" "$WORK/empty" "$1"; }

# /dev with nothing in it but what follows
dev() {
	# shellcheck disable=SC2016 # for the inner shell
	echo 'mkdir -p $WORK/dev; mount --rbind /dev $WORK/dev; mount -t tmpfs none /dev; for d in null zero urandom '"$*"'; do
		mkdir -p /dev/$(dirname $d); : >/dev/$d; mount --bind $WORK/dev/$d /dev/$d; done'
}

test_this_machine() {
	status 0 on :
	for check in system user config folders programs memory overlay qemu vsock tun redirect localhost; do
		out | grep -q "^ok  *$check " || fail "$check is not there: $(out)"
	done
	out | grep -qE "^(ok|lacks)  *kernel " || fail "kernel: $(out)"
	is "$(err)" ""
}

test_as_json() {
	status 0 on : --json
	is "$(python3 -c 'import json, sys
told = json.load(sys.stdin)
print(told["usable"], *{tuple(sorted(x)) for x in told["checks"]}, [x["level"] for x in told["checks"] if x["check"] == "qemu"])' \
		<"$WORK/out")" "True ('check', 'level', 'mend', 'text') ['ok']"
	status 1 on 'rm $WORK/bin/qemu-system-x86_64' --json
	has "$(out)" '"usable":false'
	ln -s "$(command -v qemu-system-x86_64)" "$WORK/bin/"
}

test_programs() {
	for name in qemu-system-x86_64 crun skopeo passt; do
		mv "$WORK/bin/$name" "$WORK/hidden"
		case $name in
		qemu*) says 1 fails qemu "there is no qemu-system-x86_64: it runs the VMs" "install qemu-system-x86" : ;;
		crun) says 0 lacks crun "there is no crun: bundles" "install crun" "$(hide /usr/bin/crun)" ;;
		skopeo) says 0 lacks skopeo "there is no skopeo: no image is fetched" "install skopeo" : ;;
		passt) says 0 lacks passt "there is no passt: \`caisson run\` has no network" "install passt" : ;;
		esac
		mv "$WORK/hidden" "$WORK/bin/$name"
	done
	# shellcheck disable=SC2016 # for the inner shell
	says 0 lacks virtiofsd "there is no virtiofsd: images are disks" "install qemu-system-common" \
		'for f in /usr/lib/qemu/virtiofsd /usr/libexec/virtiofsd /usr/lib/virtiofsd; do
			[ ! -e $f ] || mount --bind $WORK/empty $f; done'
	for name in caisson-9pd vminitd standin/libsystemd.so.0; do
		says 1 fails programs "there is no $TOP/build/bin/../libexec/caisson/$name" "install caisson again" \
			"$(hide "$TOP/build/libexec/caisson/$name")"
	done
	ln -s "$TOP/tests/firecracker/firecracker" "$WORK/bin/"
	says 0 lacks firecracker "there is no jailer, by which root starts" "set firecracker.jailer = false" :
	rm "$WORK/bin/firecracker"
	for what in "1.3 is not known here:echo Firecracker v1.3.3" "is no Firecracker:echo hello" "without a version:exit 3" "it does not end:exec /bin/sleep 1000"; do
		printf '#!/bin/sh\n%s\n' "${what#*:}" >"$WORK/bin/firecracker"
		chmod +x "$WORK/bin/firecracker"
		says 0 lacks firecracker "${what%%:*}" "from 1.4 on, before 2.0" :
	done
	rm "$WORK/bin/firecracker"
	printf '#!/bin/sh\necho QEMU emulator version 5.2.0\n' >"$WORK/old"
	chmod +x "$WORK/old"
	says 0 lacks qemu "version 5.2.0" "take QEMU 7.2 or later" "mount --bind $WORK/old $(realpath "$WORK/bin/qemu-system-x86_64")"
}

test_devices() {
	says 0 lacks kvm "VMs are emulated, and slower: /dev/kvm: No such file" "modprobe kvm_intel" "$(dev net/tun)"
	says 0 lacks tun "/dev/net/tun: No such file or directory: containers with a network" "modprobe tun" "$(dev)"
	says 0 lacks redirect "containers with a network do not run: cannot open /dev/net/tun" "act_mirred" "$(dev)"
	if [ -e /dev/kvm ]; then
		says 0 lacks kvm "/dev/kvm is not KVM's" "virtualization" "$(hide /dev/kvm)"
	fi
	out | grep -q "^ok  *vsock " || fail "vsock: $(out)"
}

test_kernels() {
	export CAISSON_CACHE=$WORK/cache
	says 1 fails kernel "there is no kernel for guests" "caisson kernel build" "mount -t tmpfs none /boot"
	unset CAISSON_CACHE
	caisson kernel list | grep -q distro || skip "there is no kernel of the distribution's"
	echo 'vm.kernel = "distro"' >"$CAISSON_CONFIG"
	says 0 lacks kernel "not tuned: /boot/vmlinuz" "caisson kernel build" :
	: >"$CAISSON_CONFIG"
}

test_what_is_configured() {
	echo 'vm.memory = "1T"' >"$CAISSON_CONFIG"
	says 0 lacks memory "a VM has 1048576M unless it is told" "set vm.memory in $CAISSON_CONFIG" :
	echo 'vm.memory = "little"' >"$CAISSON_CONFIG"
	says 1 fails config "$CAISSON_CONFIG, line 1: vm.memory: must be a size" "mend that" :
	: >"$CAISSON_CONFIG"
	CAISSON_RUN=here says 1 fails folders 'CAISSON_RUN is "here": give an absolute path' "set the variable" :
}

test_rights() {
	chmod 755 "$WORK"
	install -d -o 65534 "$WORK/of-nobody" "$WORK/of-nobody/run"
	export CAISSON_ROOT=$WORK/of-nobody CAISSON_RUN=$WORK/of-nobody/run CAISSON_CACHE=$WORK/of-nobody/cache
	AS="$SETPRIV --reuid=65534 --regid=65534 --clear-groups"
	says 0 note user "not root, but user 65534: images are disks" "" :
	says 0 lacks userns "volumes have files of one owner" "install uidmap" "$(hide /etc/subuid)"
	has "$(out)" "without root networks are passt's"
	CAISSON_ROOT=$WORK/of-root says 1 fails folders "$WORK/of-root and $CAISSON_RUN cannot be written to" "set \$CAISSON_ROOT" :
	# shellcheck disable=SC2016 # for the inner shell
	says 0 ok userns "owners in volumes are 65534 and the 1000 numbers from 500000 on" "" \
		'echo nobody:500000:1000 >$WORK/subid; for f in subuid subgid; do mount --bind $WORK/subid /etc/$f; done
		ln -sf /usr/bin/newuidmap /usr/bin/newgidmap $WORK/bin'
	export CAISSON_ROOT="$WORK/root" CAISSON_RUN="$WORK/run"
	unset CAISSON_CACHE AS
	says 0 ok userns "root needs none" "" :
	AS="$SETPRIV --bounding-set=-net_admin" says 0 lacks redirect "containers with a network do not run" "be root" :
	AS="$SETPRIV --bounding-set=-sys_admin" says 0 lacks localhost "no port-forward to a container's localhost: " "Linux 5.9" :
	AS="$SETPRIV --bounding-set=-sys_admin" says 0 lacks overlay "overlays cannot be mounted: " "rootfs.mode = \"image\"" :
}

test_engines() {
	mkdir -p "$WORK/etc/docker" "$WORK/etc/containers" "$WORK/etc/containerd"
	etc="mount -t overlay -o lowerdir=$WORK/etc:/etc none /etc"
	for name in dockerd podman containerd; do
		ln -sf /bin/true "$WORK/bin/$name"
	done
	echo '{"runtimes": {"boxes": {"path": "/nowhere/caisson"}}}' >"$WORK/etc/docker/daemon.json"
	says 0 lacks docker "/nowhere/caisson is the runtime boxes in /etc/docker/daemon.json" "put caisson's path there" "$etc"
	echo "{\"runtimes\": {\"x\": 1, \"boxes\": {\"path\": \"$TOP/build/bin/caisson\"}}}" >"$WORK/etc/docker/daemon.json"
	says 0 ok docker "caisson is the runtime boxes in" "" "$etc"
	echo '{"runtimes": {"caisson": {"path": "/nowhere/cason"}}}' >"$WORK/etc/docker/daemon.json"
	says 0 lacks docker "/nowhere/cason is the runtime caisson" "put caisson's path there" "$etc"
	echo '[' >"$WORK/etc/docker/daemon.json"
	says 0 lacks docker "/etc/docker/daemon.json is no JSON" "correct it" "$etc"
	echo '{}' >"$WORK/etc/docker/daemon.json"
	says 0 note docker "Docker does not know caisson" '{"runtimes": {"caisson": {"path": "' "$etc"
	printf '[engine.runtimes]\n# caisson\n' >"$WORK/etc/containers/containers.conf"
	says 0 note podman "Podman does not know caisson" 'caisson = ["' "$etc"
	printf 'runtime_supports_json = ["caisson"]\n' >"$WORK/etc/containers/containers.conf"
	says 0 note podman "Podman does not know caisson" 'caisson = ["' "$etc"
	printf '[engine.runtimes]\ncaisson = ["/nowhere/caisson"]\n' >>"$WORK/etc/containers/containers.conf"
	says 0 lacks podman 'says caisson = ["/nowhere/caisson"]' "put caisson's path there" "$etc"
	own=$TOP/build/bin/caisson
	sed -i "s,/nowhere/caisson,$own," "$WORK/etc/containers/containers.conf"
	says 0 ok podman "/etc/containers/containers.conf says caisson = [\"$own\"]" "" "$etc"
	printf 'version = 2\n  BinaryName = "%s"\n' "$own" >"$WORK/etc/containerd/config.toml"
	says 0 ok containerd "/etc/containerd/config.toml says BinaryName = \"$own\"" "" "$etc"
	printf '[plugins."cri".containerd.runtimes.boxes]\n  runtime_type = "io.containerd.caisson.v2"\n' >"$WORK/etc/containerd/config.toml"
	says 0 ok containerd "/etc/containerd/config.toml has a runtime boxes of type io.containerd.caisson.v2" "" "$etc"
	rm "$WORK"/bin/dockerd "$WORK"/bin/podman "$WORK"/bin/containerd "$WORK/etc/docker/daemon.json"
	says 0 note podman "Podman is not here" "" "$etc"
	says 0 note docker "Docker is not here" "" :
}

# a_node: a file system of a node where all is well, below $WORK/etc and so on; its mounts are $node. What else runs on this
# machine is not seen there.
a_node() {
	rm -rf "${WORK:?}"/{etc,var,cni}
	mkdir -p "$WORK"/etc/{containerd/conf.d,cni/net.d} "$WORK"/var/lib/kubelet "$WORK/cni"
	printf '#!/bin/sh\necho containerd github.com/containerd/containerd v1.7.2 0cae528\n' >"$WORK/bin/containerd"
	printf '#!/bin/sh\necho containerd-shim-caisson-v2 0.1.0\n' >"$WORK/bin/containerd-shim-caisson-v2"
	chmod +x "$WORK/bin/containerd" "$WORK/bin/containerd-shim-caisson-v2"
	cat >"$WORK/etc/containerd/config.toml" <<-EOF
		version = 2
		[plugins."io.containerd.grpc.v1.cri".cni]
		  bin_dir = "$WORK/cni"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.boxes]
		  runtime_type = "io.containerd.caisson.v2"
	EOF
	echo '{"plugins": [{"type": "bridge", "ipam": {"type": "host-local"}}]}' >"$WORK/etc/cni/net.d/10-net.conflist"
	for name in bridge host-local; do
		install -m 755 /bin/true "$WORK/cni/$name"
	done
	node="mount -t overlay -o lowerdir=$WORK/etc:/etc none /etc; mount -t overlay -o lowerdir=$WORK/var/lib:/var/lib none /var/lib"
	OPTIONS=--kubernetes WHAT=pod APART="--pid --fork --mount-proc"
}

no_node() {
	rm "$WORK/bin/containerd" "$WORK/bin/containerd-shim-caisson-v2"
	rm -r "${WORK:?}"/{etc,var,cni}
}

test_nodes() {
	local config=$WORK/etc/containerd/config.toml
	a_node
	says 0 ok cri 'v1.7.2 0cae528: the handler "boxes" of runtime classes is in /etc/containerd/config.toml' "" "$node"
	for check in shim cni; do
		out | grep -q "^ok  *$check " || fail "$check: $(out)"
	done
	has "$(out)" "CRI-O is not here"
	has "$(out)" "kubelet is not here"
	sed -i 's/v1.7.2/1.5.9/' "$WORK/bin/containerd"
	says 1 fails cri "too old for pods" "take containerd 1.6" "$node"
	sed -i 's/1.5.9/v2.1.0/' "$WORK/bin/containerd"
	sed -i '/runtime_type/d' "$config"
	says 1 fails cri "no runtime of type io.containerd.caisson.v2" " install --from " "$node"
	printf "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.caisson]\nruntime_type = 'io.containerd.caisson.v2'\n" \
		>"$WORK/etc/containerd/conf.d/caisson.toml"
	says 0 ok cri 'the handler "caisson" of runtime classes is in /etc/containerd/conf.d/caisson.toml' "" "$node"
	mkdir -p "$WORK/etc/crio/crio.conf.d"
	printf '[crio.runtime.runtimes.x]\nruntime_path = "/usr/bin/crun"\n' >"$WORK/etc/crio/crio.conf.d/10-x.conf"
	says 0 lacks cri-o "CRI-O does not know caisson" " install --from " "$node"
	# One of the two is to have it.
	mv "$WORK/etc/containerd/conf.d/caisson.toml" "$WORK/hidden"
	says 1 fails cri-o "CRI-O does not know caisson" " install --from " "$node"
	printf '[crio.runtime.runtimes.vm]\nruntime_path = "%s"\n' "$WORK/bin/containerd-shim-caisson-v2" \
		>"$WORK/etc/crio/crio.conf.d/50-caisson.conf"
	says 0 lacks cri "no runtime of type io.containerd.caisson.v2" " install --from " "$node"
	sed -i 's,/bin/,/gone/,' "$WORK/etc/crio/crio.conf.d/50-caisson.conf"
	says 1 fails cri-o "$WORK/gone/containerd-shim-caisson-v2, which is no program" " install --from " "$node"
	mv "$WORK/hidden" "$WORK/etc/containerd/conf.d/caisson.toml"
	says 0 lacks cri-o "which is no program" " install --from " "$node"
	sed -i 's,/gone/,/bin/,' "$WORK/etc/crio/crio.conf.d/50-caisson.conf"
	says 0 ok cri-o '"vm" of runtime classes is in /etc/crio/crio.conf.d/50-caisson.conf' "" "$node"
	mv "$WORK/bin/containerd" "$WORK/hidden"
	says 0 note cri "containerd is not here" "" "$node"
	mv "$WORK/bin/containerd-shim-caisson-v2" "$WORK/elsewhere-shim"
	sed -i "s,\"/.*\",\"$WORK/other/containerd-shim-caisson-v2\"," "$WORK/etc/crio/crio.conf.d/50-caisson.conf"
	mkdir -p "$WORK/other"
	mv "$WORK/elsewhere-shim" "$WORK/other/containerd-shim-caisson-v2"
	says 0 note shim "containerd, which would look for it, is not here" "" "$node"
	mv "$WORK/other/containerd-shim-caisson-v2" "$WORK/bin/"
	rm -r "$WORK/etc/crio"
	says 1 fails cri "neither containerd nor CRI-O is here" "install containerd" "$node"
	mv "$WORK/hidden" "$WORK/bin/containerd"
	no_node
}

# What is in the files that no pod runs with, though a runtime is there.
test_broken_files_of_nodes() {
	local config=$WORK/etc/containerd/config.toml
	a_node
	cp "$config" "$WORK/good"
	for plugin in cri io.containerd.grpc.v1.cri io.containerd.cri.v1.runtime; do
		printf 'disabled_plugins = [\n  "%s"]\n' $plugin | cat - "$WORK/good" >"$config"
		says 1 fails cri "$plugin is in disabled_plugins of /etc/containerd/config.toml" "take it out there" "$node"
	done
	printf '[plugins."io.containerd.grpc.v1.cri".cni]\n' >>"$WORK/etc/containerd/config.toml"
	sed -i 's/^disabled_plugins.*/x = [/' "$config"
	says 1 fails cri "config.toml cannot be read as TOML, line $(wc -l <"$config"): this is defined twice" "correct it" "$node"
	echo 'no toml' >"$config"
	says 1 fails cri "config.toml cannot be read as TOML, line 1: there is no =" "correct it" "$node"
	(echo 'imports = ["/etc/containerd/conf.d/*.toml"]' && cat "$WORK/good") >"$config"
	echo '[' >"$WORK/etc/containerd/conf.d/10-x.toml"
	says 1 fails cri "/etc/containerd/conf.d/10-x.toml cannot be read as TOML, line 1" "correct it" "$node"
	mv "$WORK/etc/containerd/conf.d/10-x.toml" "$WORK/etc/containerd/conf.d/README"
	says 0 ok cri "boxes" "" "$node"
	cp "$WORK/good" "$config"
	says 0 ok cri "boxes" "" "$node"
	no_node
}

# What is to be pasted works, from wherever this runs.
test_advice_works() {
	local path="$WORK/some where/build"
	a_node
	mkdir -p "$path" "$WORK/some where/deploy"
	cp -a "$TOP/build/bin" "$TOP/build/libexec" "$path"
	cp "$TOP/deploy/node.sh" "$WORK/some where/deploy/"
	printf 'version = 2\n' >"$WORK/etc/containerd/config.toml"
	TOP="$WORK/some where" says 1 fails cri "no runtime of type" \
		"run \`'$WORK/some where/deploy/node.sh' install --from '$path'\`" "$node"
	has "$(out)" "add a runtime of type io.containerd.caisson.v2"
	has "$(out)" "--runc-binary '$path/bin/caisson'"
	mkdir -p "$WORK/root/etc/crio"
	status 0 sh -c "$(grep -A1 '^fails  *cri ' "$WORK/out" | sed -n 's/.*run `\(.*\)`, or.*/\1/p') --root $WORK/root"
	[ -x "$WORK/root/opt/caisson/bin/caisson" ] || fail "that is not installed"
	rm -r "$WORK/some where" "$WORK/root"
	no_node
}

test_shims_of_nodes() {
	a_node
	mkdir -p "$WORK/elsewhere"
	mv "$WORK/bin/containerd-shim-caisson-v2" "$WORK/elsewhere/"
	says 1 fails shim "where containerd looks" "make a link to" "$node"
	# Where the one that runs looks counts.
	cp /bin/sleep "$WORK/elsewhere/containerd"
	says 0 ok shim "$WORK/elsewhere/containerd-shim-caisson-v2: containerd-shim-caisson-v2 0.1.0" "" \
		"$node; PATH=$WORK/elsewhere $WORK/elsewhere/containerd 1000 </dev/null >/dev/null 2>&1 &
			until [ \"\$(cat /proc/\$!/comm)\" = containerd ]; do :; done"
	mv "$WORK/elsewhere/containerd-shim-caisson-v2" "$WORK/bin/"
	no_node
}

test_networks_of_nodes() {
	a_node
	rm "$WORK/cni/host-local"
	says 1 fails cni "10-net.conflist wants $WORK/cni/host-local" "containernetworking-plugins" "$node"
	echo '{' >"$WORK/etc/cni/net.d/10-net.conflist"
	says 1 fails cni "names no plugin" "correct it" "$node"
	rm "$WORK/etc/cni/net.d/10-net.conflist"
	says 1 fails cni "no configuration in /etc/cni/net.d" "install the cluster's network" "$node; mount -t tmpfs none /etc/cni"
	echo '{"type": "bridge"}' >"$WORK/etc/cni/net.d/20-net.conf"
	says 0 ok cni "20-net.conf" "" "$node"
	no_node
}

test_kubelet() {
	local kubelet=$WORK/var/lib/kubelet/config.yaml
	a_node
	printf 'kind: KubeletConfiguration\ncgroupDriver: cgroupfs\n' >"$kubelet"
	says 0 ok kubelet "its control groups are cgroupfs's" "" "$node"
	sed -i 's/cgroupfs/systemd/' "$kubelet"
	says 1 fails kubelet "systemd's, which does not run here" "cgroupDriver: cgroupfs" "$node; mount -t tmpfs none /run"
	says 0 lacks kubelet "systemd's, and those of runc" "SystemdCgroup = true" \
		"$node; mount -t tmpfs none /run; mkdir -p /run/systemd/system"
	echo '  SystemdCgroup = true' >>"$WORK/etc/containerd/config.toml"
	says 0 ok kubelet "its control groups are systemd's" "" "$node; mount -t tmpfs none /run; mkdir -p /run/systemd/system"
	no_node
}

test_kernels_of_nodes() {
	a_node
	echo 1 >"$WORK/on"
	echo 0 >"$WORK/off"
	says 0 lacks forwarding "net.ipv4.ip_forward is off" "sysctl -w" "$node; mount --bind $WORK/off /proc/sys/net/ipv4/ip_forward"
	# Where there is no bridge there is no such file.
	[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ] ||
		says 0 lacks forwarding "bridge-nf-call-iptables is not on" "modprobe br_netfilter" \
			"$node; mount --bind $WORK/on /proc/sys/net/ipv4/ip_forward"
	says 0 note hugepages "this kernel has none" "" "$node; mount -t tmpfs none /sys"
	says 0 ok hugepages "2048M are free" "" "$node; mount -t tmpfs none /sys/kernel
		mkdir -p /sys/kernel/mm/hugepages/hugepages-1048576kB
		echo 2 >/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages"
	no_node
}

run_tests "$@"
