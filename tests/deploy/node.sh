#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# deploy/node.sh: what it makes of a node's file system, twice, and that it leaves nothing of that.
[ -n "${CAISSON_TEST_NETNS:-}" ] || CAISSON_TEST_NETNS=1 exec unshare --net --mount --propagation private "$0" "$@"
. "$(dirname "$0")/../lib/lib.sh"

ip link set lo up
NODE=$TOP/deploy/node.sh
ROOT=$WORK/node
CONFIG=$ROOT/etc/containerd/config.toml
DROPIN=$ROOT/etc/containerd/conf.d/caisson.toml
CRIO=$ROOT/etc/crio/crio.conf.d/50-caisson.conf

# An installation, whose programs are none here.
mkdir -p "$WORK/from/bin" "$WORK/from/libexec/caisson" "$WORK/from/deploy"
for name in caisson containerd-shim-caisson-v2; do
	printf '#!/bin/sh\necho %s\n' $name >"$WORK/from/bin/$name"
done
chmod 755 "$WORK/from/bin/"*
echo shim >"$WORK/from/libexec/caisson/caisson-shim"

# a_node: a file system with a systemd that notes what it is told
a_node() {
	rm -rf "$ROOT"
	mkdir -p "$ROOT/bin" "$ROOT/etc" "$ROOT/usr/local/bin" "$ROOT/var"
	cp /bin/busybox "$ROOT/bin/sh"
	printf '#!/bin/sh\n[ "$SYSTEMD_IGNORE_CHROOT" != 1 ] || echo "$@" >>/restarts\n' >"$ROOT/bin/systemctl"
	chmod 755 "$ROOT/bin/systemctl"
	export PATH="$PATH:/bin"
}

# a_containerd VERSION: the program, which says so
a_containerd() {
	printf '#!/bin/sh\necho "containerd github.com/containerd/containerd %s abc"\n' "$1" >"$ROOT/bin/containerd"
	chmod 755 "$ROOT/bin/containerd"
}

# tree: all that there is, but for what systemd was told
tree() {
	(cd "$ROOT" && find . ! -name restarts -printf '%p %y %m %U %l\n' | sort &&
		find . -type f ! -name restarts -exec sha256sum {} + | sort)
}

restarts() { cat "$ROOT/restarts" 2>/dev/null || true; }

# comes_and_goes WHAT...: installed, with these restarts; once more, which changes nothing; and the tree is as before
comes_and_goes() {
	local want
	want=$(printf 'restart %s\n' "$@")
	tree >"$WORK/before"
	status 0 "$NODE" install --root "$ROOT" --from "$WORK/from"
	is "$(restarts)" "$want" "restarts"
	is "$(readlink "$ROOT/usr/local/bin/containerd-shim-caisson-v2")" /opt/caisson/bin/containerd-shim-caisson-v2
	cmp "$WORK/from/libexec/caisson/caisson-shim" "$ROOT/opt/caisson/libexec/caisson/caisson-shim"
	tree >"$WORK/installed"
	status 0 "$NODE" install --root "$ROOT" --from "$WORK/from"
	is "$(err)" "" "what is said of nothing"
	tree | diff "$WORK/installed" - || fail "the second time is not the first"
	is "$(restarts)" "$want" "restarts of nothing"
	cp "$CONFIG" "$WORK/config.toml" 2>/dev/null || rm -f "$WORK/config.toml"
	cp "$DROPIN" "$WORK/dropin.toml" 2>/dev/null || rm -f "$WORK/dropin.toml"
	cp "$CRIO" "$WORK/crio.conf" 2>/dev/null || rm -f "$WORK/crio.conf"
	# What pods leave, that can be made again.
	mkdir -p "$ROOT/var/cache/caisson/kernels" "$ROOT/run/caisson/containerd/k8s.io/containers"
	rm "$ROOT/restarts"
	status 0 "$NODE" uninstall --root "$ROOT"
	is "$(restarts)" "$want" "restarts at the end"
	rmdir "$ROOT/run" "$ROOT/var/cache"
	tree | diff "$WORK/before" - || fail "something is left"
	rm "$ROOT/restarts"
	status 0 "$NODE" uninstall --root "$ROOT"
	is "$(restarts)" "" "restarts of nothing"
	tree | diff "$WORK/before" - || fail "something is gone"
}

# runtime FILE PLUGIN: the type of the runtime in that file's tables of that plugin
runtime() {
	python3 -c '
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    print(tomllib.load(file)["plugins"][sys.argv[2]]["containerd"]["runtimes"]["caisson"]["runtime_type"])' "$@"
}

CRI1=io.containerd.grpc.v1.cri
CRI2=io.containerd.cri.v1.runtime

test_containerd_1() {
	a_node
	mkdir "$ROOT/etc/containerd"
	printf 'version = 2\n\n[plugins."%s"]\n  sandbox_image = "pause"\n' $CRI1 >"$CONFIG"
	chmod 640 "$CONFIG"
	comes_and_goes containerd
	is "$(runtime "$WORK/config.toml" $CRI1)" io.containerd.caisson.v2
	has "$(cat "$WORK/config.toml")" 'sandbox_image = "pause"'
}

test_a_file_whose_last_line_has_no_end() {
	a_node
	mkdir "$ROOT/etc/containerd"
	printf 'version = 2\n[plugins."%s"]\n  sandbox_image = "pause"' $CRI1 >"$CONFIG"
	comes_and_goes containerd
	is "$(runtime "$WORK/config.toml" $CRI1)" io.containerd.caisson.v2
	# What somebody has added meanwhile stays, with its ends.
	status 0 "$NODE" install --root "$ROOT" --from "$WORK/from"
	echo '# added' >>"$CONFIG"
	status 0 "$NODE" install --root "$ROOT" --from "$WORK/from"
	status 0 "$NODE" uninstall --root "$ROOT"
	is "$(tail -n 2 "$CONFIG")" "$(printf '  sandbox_image = "pause"\n# added')"
}

test_containerd_2() {
	a_node
	mkdir "$ROOT/etc/containerd"
	printf 'version = 3\nimports = ["/etc/containerd/conf.d/*.toml"]\n' >"$CONFIG"
	comes_and_goes containerd
	is "$(runtime "$WORK/dropin.toml" $CRI2)" io.containerd.caisson.v2
	is "$(head -n 1 "$WORK/dropin.toml")" "version = 3"
	is "$(grep -c caisson "$WORK/config.toml")" 0 "lines of ours in their file"
	# Without that there is no folder that it would look into.
	printf "version = 3\nimports = []\n" >"$CONFIG"
	comes_and_goes containerd
	is "$(runtime "$WORK/config.toml" $CRI2)" io.containerd.caisson.v2
	[ ! -e "$WORK/dropin.toml" ] || fail "a file that nobody reads"
}

test_no_configuration_of_containerds() {
	for version in 1.7.24 v2.1.0; do
		a_node
		a_containerd $version
		comes_and_goes containerd
		case $version in
		1*) is "$(runtime "$WORK/config.toml" $CRI1)" io.containerd.caisson.v2 ;;
		*) is "$(runtime "$WORK/config.toml" $CRI2)" io.containerd.caisson.v2 ;;
		esac
	done
}

test_crio() {
	a_node
	mkdir "$ROOT/etc/crio"
	comes_and_goes crio
	is "$(python3 -c '
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    o = tomllib.load(file)["crio"]["runtime"]["runtimes"]["caisson"]
print(o["runtime_type"], o["runtime_path"])' "$WORK/crio.conf")" "vm /usr/local/bin/containerd-shim-caisson-v2"
	mkdir -p "$ROOT/etc/containerd" "$ROOT/etc/crio/crio.conf.d"
	echo 'version = 2' >"$CONFIG"
	comes_and_goes containerd crio
}

test_upgrade() {
	a_node
	mkdir "$ROOT/etc/containerd"
	echo 'version = 2' >"$CONFIG"
	tree >"$WORK/before"
	cp -a "$WORK/from" "$WORK/newer"
	echo 'vm.memory = "256M"' >"$WORK/newer/config.toml"
	status 0 "$NODE" install --root "$ROOT" --from "$WORK/from"
	echo newer >"$WORK/newer/libexec/caisson/caisson-shim"
	rm "$ROOT/restarts"
	status 0 "$NODE" install --root "$ROOT" --from "$WORK/newer"
	is "$(cat "$ROOT/opt/caisson/libexec/caisson/caisson-shim" "$ROOT/etc/caisson/config.toml")" \
		"$(printf 'newer\nvm.memory = "256M"')"
	is "$(restarts)" "" "restarts for programs"
	# One that is not changed by hand follows.
	echo 'vm.memory = "512M"' >"$WORK/newer/config.toml"
	status 0 "$NODE" install --root "$ROOT" --from "$WORK/newer"
	is "$(cat "$ROOT/etc/caisson/config.toml")" 'vm.memory = "512M"'
	echo 'vm.memory = "1G"' >"$ROOT/etc/caisson/config.toml"
	status 0 "$NODE" install --root "$ROOT" --from "$WORK/newer"
	is "$(cat "$ROOT/etc/caisson/config.toml")" 'vm.memory = "1G"'
	status 0 "$NODE" uninstall --root "$ROOT"
	is "$(cat "$ROOT/etc/caisson/config.toml")" 'vm.memory = "1G"'
	rm -r "$ROOT/etc/caisson" "$ROOT/restarts"
	tree | diff "$WORK/before" - || fail "something is left"
}

# What is there of caisson's already, or in the way of it, is somebody's.
test_runtimes_of_others() {
	a_node
	mkdir -p "$ROOT/etc/containerd/conf.d"
	for file in "version = 2
[plugins.\"$CRI1\".containerd.runtimes.caisson]" "version = 2
[plugins]
  [ plugins.'$CRI1' . containerd.runtimes.\"caisson\".options]" "version = 3
plugins.'$CRI2'.containerd.runtimes.caisson = {}" "version = 3
[plugins.'$CRI2'.containerd]
  runtimes.caisson.runtime_type = 'io.containerd.caisson.v2'"; do
		echo "$file" >"$CONFIG"
		refused "/etc/containerd/config.toml, line $(grep -n caisson "$CONFIG" | cut -d: -f1), has a runtime caisson already"
	done
	for file in "containerd]
runtimes = { runc = {} }" "containerd]
'runtimes'={}" "containerd.runtimes.runc]
[plugins]
\"$CRI1\" = { }"; do
		printf 'version = 2\n[plugins."%s".%s\n' $CRI1 "$file" >"$CONFIG"
		refused "line $(wc -l <"$CONFIG"), has an inline table"
	done
	printf 'version = 3\nimports = ["/etc/containerd/conf.d/*.toml"]\n' >"$CONFIG"
	printf "[plugins.'%s'.containerd.runtimes.caisson]\n" $CRI2 >"$ROOT/etc/containerd/conf.d/50-mine.toml"
	refused "/etc/containerd/conf.d/50-mine.toml, line 1, has a runtime caisson already"
	# Others, and what says of it only, are in nobody's way.
	printf "[plugins.'%s'.containerd.runtimes.caissons]\n# caisson\n" $CRI2 >"$ROOT/etc/containerd/conf.d/50-mine.toml"
	printf 'version = 2\n[plugins."%s".containerd.runtimes.runc]\noptions = { BinaryName = "caisson" }\n' $CRI1 >"$CONFIG"
	comes_and_goes containerd
}

# What a containerd of the node's says of its file counts before that is changed, and where it imports something.
test_containerd_is_asked() {
	a_node
	mkdir -p "$ROOT/etc/containerd"
	a_containerd 1.7.2
	cat >>"$ROOT/bin/containerd" <<-'END'
		[ "$1" = -c ] || exit 0
		while read -r line; do
			case $line in *runtimes.caisson]) found=1 ;; bad) bad=1 ;; esac
		done <"$2"
		[ "$bad" != 1 ] || { echo "containerd: $2: (2, 1): bad" >&2; exit 1; }
		[ "$found" = 1 ] && [ "${2%/*}" = /etc/containerd ] || exit 2
	END
	printf 'version = 2\nbad\n' >"$CONFIG"
	refused "with the runtime caisson in it, correct it, nothing is changed: containerd: /etc/containerd/config.toml: (2, 1): bad"
	echo 'version = 2' >"$CONFIG"
	comes_and_goes containerd
	a_containerd v2.1.0
	cat >>"$ROOT/bin/containerd" <<-'END'
		[ "$1" = -c ] || exit 0
		read -r version <"$2"
		{ read -r version && read -r imports; } <"$2"
		echo "$version $imports" >&2
		exit 1
	END
	printf 'version = 3\nimports = ["/etc/containerd/conf.d/*.toml"]\n' >"$CONFIG"
	refused 'version = 3 imports = ["/etc/containerd/config.toml"]'
}

# Of a folder in which more than an installation is, as that of a build, no more than that comes; and it is root's.
test_what_is_copied() {
	local build=$WORK/a\ build
	a_node
	mkdir "$ROOT/etc/crio"
	cp -a "$WORK/from" "$build"
	mkdir -p "$build/host/src" "$build/share/caisson/kernel" "$build/share/man/man1" "$build/libexec/others"
	touch "$build/host/src/object.o" "$build/log" "$build/bin/other" "$build/libexec/others/program"
	touch "$build/share/caisson/kernel/build.sh" "$build/share/man/man1/"{caisson-run.1,ls.1} "$build/deploy/node.sh"
	chown -R 1000:1000 "$build"
	status 0 "$NODE" install --root "$ROOT" --from "$build"
	is "$(cd "$ROOT/opt/caisson" && find . -type f | sort | xargs)" "./.made ./bin/caisson \
./bin/containerd-shim-caisson-v2 ./deploy/node.sh ./libexec/caisson/caisson-shim ./share/caisson/kernel/build.sh \
./share/man/man1/caisson-run.1"
	is "$(find "$ROOT/opt/caisson" ! -uid 0 -o ! -gid 0)" "" "what is not root's"
	# What an earlier one has copied too much goes.
	mkdir "$ROOT/opt/caisson/host"
	status 0 "$NODE" install --root "$ROOT" --from "$build"
	[ ! -e "$ROOT/opt/caisson/host" ] || fail "there is more than an installation"
	# It may be its own source.
	tree >"$WORK/before"
	status 0 "$NODE" install --root "$ROOT" --from "$ROOT/opt/caisson"
	tree | diff "$WORK/before" - || fail "a copy of itself is another one"
	rm -r "$build"
}

# until_step N WORDS...: node.sh, which is killed before it changes something for the n-th time. False: there is no such time.
until_step() {
	local n=$1
	shift
	echo "$n" >"$WORK/left"
	PATH=$WORK/steps:$PATH setsid --wait "$NODE" "$@" >"$WORK/out" 2>"$WORK/err" || true
	# Its children end at their own time, and have its lock.
	flock "$ROOT" true
	[ "$(cat "$WORK/left")" -le 0 ]
}

test_ended_at_any_step() {
	local n=1 name
	mkdir -p "$WORK/steps"
	for name in mkdir mv cp rm ln; do
		cat >"$WORK/steps/$name" <<-END
			#!/bin/sh
			read -r left <"$WORK/left"
			echo \$((left - 1)) >"$WORK/left"
			[ \$left != 1 ] || kill -KILL 0
			exec $(command -v $name) "\$@"
		END
	done
	chmod 755 "$WORK/steps/"*
	cp -a "$WORK/from" "$WORK/settings"
	echo 'vm.memory = "256M"' >"$WORK/settings/config.toml"
	cp -a "$WORK/settings" "$WORK/newer"
	echo 'vm.memory = "512M"' >"$WORK/newer/config.toml"
	a_node
	mkdir -p "$ROOT/etc/containerd" "$ROOT/etc/crio"
	printf 'version = 2' >"$CONFIG"
	tree >"$WORK/before"
	while until_step $n install --root "$ROOT" --from "$WORK/settings"; do
		status 0 "$NODE" uninstall --root "$ROOT"
		tree | diff "$WORK/before" - || fail "something is left of step $n"
		n=$((n + 1))
	done
	[ $n -gt 20 ] || fail "only $n steps"
	# What is there already, and is to be another one.
	for ((n = 1; ; n++)); do
		status 0 "$NODE" install --root "$ROOT" --from "$WORK/settings"
		until_step $n install --root "$ROOT" --from "$WORK/newer" || break
		[ $((n % 2)) = 0 ] || status 0 "$NODE" install --root "$ROOT" --from "$WORK/newer"
		status 0 "$NODE" uninstall --root "$ROOT"
		tree | diff "$WORK/before" - || fail "something is left of step $n of another one"
	done
	[ $n -gt 5 ] || fail "only $n steps"
	rm -r "$WORK/steps" "$WORK/settings" "$WORK/newer"
}

test_two_at_once() {
	a_node
	mkdir "$ROOT/etc/crio"
	exec 5<"$ROOT"
	flock 5
	refused "another node.sh is at work on $ROOT"
	status 1 "$NODE" uninstall --root "$ROOT"
	one_sentence
	exec 5<&-
	comes_and_goes crio
}

# machine COMMANDS: where this machine's file system is another's, too, whose first process does that; with $WORK/from in it
machine() {
	mkdir "$WORK/layer"
	cp "$NODE" "$WORK/from/deploy"
	# shellcheck disable=SC2016 # for the inner shell
	status 0 unshare --mount --pid --fork --propagation private sh -ec '
		cd "$1"
		mount -t tmpfs none layer
		mkdir layer/upper layer/work layer/all
		mount -t overlay -o "lowerdir=/,upperdir=layer/upper,workdir=layer/work" none layer/all
		mkdir -p layer/all/etc/crio layer/all/etc/containerd layer/all/opt
		# What this machine has of all that.
		for dir in run opt etc/containerd; do
			mount -t tmpfs none layer/all/$dir
		done
		mount -t proc none layer/all/proc
		mount --bind /dev layer/all/dev
		cp -a from layer/all/from
		exec chroot layer/all sh -ec "$2"' sh "$WORK" "$1"
	rm "$WORK/from/deploy/node.sh"
	rmdir "$WORK/layer"
}

# Where --root is not given.
test_the_file_system_itself() {
	machine '
		ln -sf /bin/true /usr/local/sbin/systemctl
		/from/deploy/node.sh install --from /from
		cmp /from/bin/caisson /opt/caisson/bin/caisson
		/opt/caisson/deploy/node.sh uninstall
		[ ! -e /opt/caisson ]'
}

# Who cannot be restarted is to be, until he has been.
test_who_does_not_restart() {
	# shellcheck disable=SC2016 # for the inner shell
	machine '
		ln -sf /bin/false /usr/local/sbin/systemctl
		ln -sf /bin/false /usr/local/sbin/containerd
		cp /bin/sleep /crio
		for n in 1 2; do
			/crio 1000 &
			until [ "$(cat /proc/$!/comm)" = crio ]; do kill -0 $!; done
			[ $n = 1 ] || break
			! /from/deploy/node.sh install --from /from || exit 10
			! /from/deploy/node.sh install --from /from || exit 11
			kill $!
			wait $! || true
		done
		/from/deploy/node.sh install --from /from
		/from/deploy/node.sh install --from /from
		[ ! -e /opt/caisson/.restart-crio ]
		! /from/deploy/node.sh uninstall || exit 12
		[ ! -e /opt/caisson ]
		kill $!'
	is "$(grep -c "crio does not know its changed configuration" "$WORK/err")" 3 "lines that say so"
}

# refused PART: it says no, in one sentence, and has changed nothing
refused() {
	tree >"$WORK/before"
	status 1 "$NODE" install --root "$ROOT" --from "${2:-$WORK/from}"
	one_sentence
	has "$(err)" "$1"
	tree | diff "$WORK/before" - || fail "something has changed"
}

test_what_is_refused() {
	a_node
	refused "neither containerd nor CRI-O"
	mkdir "$ROOT/etc/containerd"
	echo '[plugins.cri]' >"$CONFIG"
	refused "of version 1: caisson needs 2"
	printf 'version = 2\ndisabled_plugins = ["cri"]\n' >"$CONFIG"
	refused "disabled"
	printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >"$CONFIG"
	refused "disabled"
	printf 'version = 2\ndisabled_plugins = [\n  "restart",\n  "cri",\n]\n' >"$CONFIG"
	refused "line 4, has CRI's plugin disabled"
	printf "version = 3\ndisabled_plugins = ['io.containerd.cri.v1.runtime']\n" >"$CONFIG"
	refused "line 2, has CRI's plugin disabled"
	echo 'version = 2' >"$WORK/elsewhere.toml"
	ln -sf "$WORK/elsewhere.toml" "$CONFIG"
	refused "is a link to $WORK/elsewhere.toml"
	rm "$CONFIG"
	echo 'version = 2' >"$CONFIG"
	ln -s "$WORK" "$ROOT/opt"
	refused "/opt/caisson leads out of $ROOT"
	rm "$ROOT/opt"
	refused "is no installation of caisson" "$WORK"
	echo mine >"$ROOT/usr/local/bin/caisson"
	refused "somebody else's"
	ln -sf /home/me/caisson "$ROOT/usr/local/bin/caisson"
	refused "somebody else's"
	rm "$ROOT/usr/local/bin/caisson"
	status 0 "$NODE" install --root "$ROOT" --from "$WORK/from"
	mkdir -p "$ROOT/run/caisson/containerd/k8s.io/containers/pod"
	status 1 "$NODE" uninstall --root "$ROOT"
	one_sentence
	has "$(err)" "drain the node"
	rmdir "$ROOT/run/caisson/containerd/k8s.io/containers/pod"
	mkdir -p "$ROOT/var/lib/caisson/volumes/data"
	status 0 "$NODE" uninstall --root "$ROOT"
	has "$(err)" "left /var/lib/caisson"
	[ -d "$ROOT/var/lib/caisson/volumes/data" ] || fail "a volume is gone"
}

test_words() {
	for line in "" "install --root" "uninstall --from" "install --root $WORK/nowhere" "remove" "install --force"; do
		# shellcheck disable=SC2086 # words
		status 1 "$NODE" $line
		one_sentence
		case $line in
		*nowhere) has "$(err)" "there is no such folder" ;;
		*root | *from) has "$(err)" "needs a folder" ;;
		*) has "$(err)" "--help" ;;
		esac
	done
	for line in --help "install --help" "uninstall --label -h"; do
		# shellcheck disable=SC2086 # words
		status 0 "$NODE" $line
		has "$(out)" "node.sh uninstall [--root DIR]"
		has "$(out)" "only when"
	done
}

# Of CRI-O's, Docker's or a person's containers there is no such record: their processes count, also of an installation before.
test_what_runs_stays() {
	local program pid
	a_node
	mkdir "$ROOT/etc/crio"
	install -m 755 /bin/sleep "$WORK/from/libexec/caisson/caisson-shim"
	for program in opt/caisson opt/caisson.old; do
		status 0 "$NODE" install --root "$ROOT" --from "$WORK/from"
		"$ROOT/opt/caisson/libexec/caisson/caisson-shim" 1000 &
		pid=$!
		until [[ $(readlink /proc/$pid/exe) == *caisson-shim ]]; do :; done
		if [ $program = opt/caisson.old ]; then
			echo newer >"$WORK/from/libexec/caisson/more"
			status 0 "$NODE" install --root "$ROOT" --from "$WORK/from"
		fi
		tree >"$WORK/before"
		status 1 "$NODE" uninstall --root "$ROOT"
		one_sentence
		has "$(err)" "containers run with it, process $pid: drain the node"
		tree | diff "$WORK/before" - || fail "something has changed"
		kill $pid
		wait $pid || true
		status 0 "$NODE" uninstall --root "$ROOT"
	done
	rm "$WORK/from/libexec/caisson/more"
	echo shim >"$WORK/from/libexec/caisson/caisson-shim"
}

test_without_systemd() {
	a_node
	rm "$ROOT/bin/systemctl"
	mkdir "$ROOT/etc/containerd"
	echo 'version = 2' >"$CONFIG"
	status 0 "$NODE" install --root "$ROOT" --from "$WORK/from"
	has "$(err)" "restart containerd now"
}

# serve_api: an API server that takes labels for who has the account's token; what it has been told is in $WORK/labels
serve_api() {
	mkdir -p /run/secrets/kubernetes.io/serviceaccount
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=api -addext subjectAltName=IP:127.0.0.1 \
		-keyout "$WORK/key" -out "$WORK/ca" 2>/dev/null
	cat "$WORK/key" "$WORK/ca" >"$WORK/certificate"
	cp "$WORK/ca" /run/secrets/kubernetes.io/serviceaccount/ca.crt
	printf secret >/run/secrets/kubernetes.io/serviceaccount/token
	mkfifo "$WORK/port"
	python3 -c '
import json, sys
sys.path.insert(0, sys.argv[1])
import api
def changed(labels):
    with open(sys.argv[3], "w") as file:
        json.dump(labels, file)
with api.Server(sys.argv[2], "secret", changed) as server:
    print(server.port, flush=True)
    sys.stdin.read()' "$TOP/tests/deploy" "$WORK/certificate" "$WORK/labels" <"$WORK/hold" >"$WORK/port" &
	exec 6>"$WORK/hold"
	read -r KUBERNETES_SERVICE_PORT <"$WORK/port"
	export KUBERNETES_SERVICE_PORT KUBERNETES_SERVICE_HOST=127.0.0.1
}

test_label() {
	a_node
	mkdir "$ROOT/etc/crio"
	mount -t tmpfs none /run
	mkfifo "$WORK/hold"
	serve_api
	status 1 "$NODE" install --root "$ROOT" --from "$WORK/from" --label
	has "$(err)" "NODE_NAME"
	export NODE_NAME=worker-1
	status 0 "$NODE" install --root "$ROOT" --from "$WORK/from" --label
	is "$(cat "$WORK/labels")" '{"worker-1": {"io.caisson/runtime": "true"}}'
	status 0 "$NODE" uninstall --root "$ROOT" --label
	is "$(cat "$WORK/labels")" '{"worker-1": {}}'
	# Where what is to run pods does not know of it there are to be none, until somebody has restarted it.
	rm "$ROOT/restarts"
	mv "$ROOT/bin/systemctl" "$WORK/systemctl"
	printf '#!/bin/sh\necho Job for crio.service failed. >&2\necho See... >&2\nexit 1\n' >"$ROOT/bin/systemctl"
	chmod 755 "$ROOT/bin/systemctl"
	for newer in 1 2; do
		status 1 "$NODE" install --root "$ROOT" --from "$WORK/from" --label
		has "$(err)" "restart it, and run this again: Job for crio.service failed."
		is "$(cat "$WORK/labels")" '{"worker-1": {}}'
		echo $newer >"$WORK/from/libexec/caisson/more"
	done
	mv "$WORK/systemctl" "$ROOT/bin/systemctl"
	status 0 "$NODE" install --root "$ROOT" --from "$WORK/from" --label
	is "$(restarts)" "restart crio"
	is "$(cat "$WORK/labels")" '{"worker-1": {"io.caisson/runtime": "true"}}'
	rm "$WORK/from/libexec/caisson/more" "$ROOT/restarts"
	# Who may not is told.
	printf other >/run/secrets/kubernetes.io/serviceaccount/token
	status 22 "$NODE" install --root "$ROOT" --from "$WORK/from" --label
	has "$(err)" 403
	exec 6>&-
	wait
	umount /run
}

# The programs find each other where they are then, by the links too.
test_what_is_installed_runs() {
	local image
	image=$(busybox_image)
	a_node
	mkdir "$ROOT/etc/crio" "$WORK/real"
	cp -a "$TOP/build/bin" "$TOP/build/libexec" "$WORK/real"
	status 0 "$NODE" install --root "$ROOT" --from "$WORK/real"
	mount -t tmpfs none /opt
	mkdir /opt/caisson
	mount --bind "$ROOT/opt/caisson" /opt/caisson
	status 0 "$ROOT/usr/local/bin/containerd-shim-caisson-v2" -v
	has "$(out)" "containerd-shim-caisson-v2"
	status 4 "$ROOT/usr/local/bin/caisson" run --rm "$image" sh -c 'exit 4'
	umount /opt/caisson /opt
	is_clean
}

# A real one takes what is made for it: here 1.6, with all that Debian's has in its default configuration.
test_a_real_containerd() {
	command -v containerd >/dev/null || skip "there is no containerd"
	[[ $(containerd --version) == *" 1."* ]] || skip "this containerd is of version 2 or later"
	a_node
	mkdir "$ROOT/etc/containerd"
	containerd config default | sed "s,/var/lib/containerd,$WORK/lib,; s,/run/containerd,$WORK/state," >"$CONFIG"
	status 0 "$NODE" install --root "$ROOT" --from "$WORK/from"
	status 0 containerd --config "$CONFIG" config dump
	cp "$WORK/out" "$WORK/dump.toml"
	is "$(runtime "$WORK/dump.toml" $CRI1)" io.containerd.caisson.v2
	# Here it is asked for a node that has none of its own.
	cp "$CONFIG" "$WORK/good"
	status 0 "$NODE" uninstall --root "$ROOT"
	printf '[plugins."%s"]\n' $CRI1 >>"$CONFIG"
	refused "duplicated tables"
	cp "$WORK/good" "$CONFIG"
	is "$(python3 -c '
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    print(*sorted(tomllib.load(file)["plugins"]["'$CRI1'"]["containerd"]["runtimes"]))' "$WORK/dump.toml")" \
		"caisson runc" "the runtimes"
	mkfifo "$WORK/says"
	containerd --config "$CONFIG" >"$WORK/says" 2>&1 &
	# It is not to die of what it says later.
	exec 4<"$WORK/says"
	while read -r line <&4; do
		[[ $line != *"successfully booted"* ]] || break
	done
	status 0 ctr --address "$WORK/state/containerd.sock" plugins ls
	kill -TERM $!
	wait $! || true
	[[ $(out) =~ io.containerd.grpc.v1\ +cri\ +[^[:space:]]+\ +ok ]] || fail "no CRI: $(out)"
}

run_tests "$@"
