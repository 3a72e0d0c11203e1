#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `caisson run --bundle`: OCI bundles that somebody else has made, here `crun spec`.
. "$(dirname "$0")/../lib/lib.sh"

command -v crun >/dev/null || {
	echo "ok bundle # SKIP there is no crun"
	exit $SKIPPED
}

# edit BUNDLE PYTHON: change its config.json, which is c
edit() {
	python3 - "$1/config.json" "$2" <<-'EOF'
		import json, sys
		path, change = sys.argv[1:]
		c = json.load(open(path))
		exec(change)
		json.dump(c, open(path, "w"))
	EOF
}

# bundle NAME SCRIPT [PYTHON]: make one in $WORK/NAME
bundle() {
	mkdir -p "$WORK/$1/rootfs/bin" "$WORK/$1/rootfs/tmp"
	cp /bin/busybox "$WORK/$1/rootfs/bin/busybox"
	for name in sh cat id ls sleep grep; do
		ln -sf busybox "$WORK/$1/rootfs/bin/$name"
	done
	(cd "$WORK/$1" && rm -f config.json && crun spec)
	SCRIPT=$2 edit "$WORK/$1" \
		'import os; p = c["process"]; p["terminal"] = False; p["args"] = ["sh", "-c", os.environ["SCRIPT"]]'
	edit "$WORK/$1" "p = c['process']; l = c['linux']; ${3:-}"
}

test_runs() {
	bundle plain 'echo "$A $PWD $(id -u):$(id -g):$(id -G)"; cat; grep -E "CapBnd|NoNewPrivs|Seccomp:" /proc/self/status
		ulimit -n; (echo x >/here) 2>&1; ls -a /sys/firmware; cat /proc/sys/kernel/hostname; exit 7' \
		'p["env"].append("A=1"); p["cwd"] = "/tmp"; p["user"] = {"uid": 5, "gid": 6, "additionalGids": [7]}
p["apparmorProfile"] = "docker-default"; p["selinuxLabel"] = "a:b:c"; l["mountLabel"] = "a:b:c"
l["cgroupsPath"] = "/caisson-test-x"; c["hooks"] = {"prestart": []}; c["hostname"] = "theirs"
l["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"]}'
	(cd "$WORK" && echo typed | status 7 caisson run --rm -b plain one)
	cat >"$WORK/expected" <<-'EOF'
		1 /tmp 5:6:6 7
		typed
		CapBnd:	0000000020000420
		NoNewPrivs:	1
		Seccomp:	2
		1024
		sh: can't create /here: Read-only file system
		.
		..
		theirs
	EOF
	diff "$WORK/expected" "$WORK/out" || fail "what it saw"
	is "$(err)" ""
	is_clean
}

test_detached_and_execs() {
	bundle box 'echo up; exec sleep 1000' \
		'p["user"] = {"uid": 5, "gid": 6, "additionalGids": [7]}; c["root"]["readonly"] = False
p["apparmorProfile"] = "docker-default"; p["selinuxLabel"] = "a:b:c"; l["mountLabel"] = "a:b:c"'
	status 0 caisson run --detach --pid-file "$WORK/pid" --bundle "$WORK/box" box
	is "$(out)" box
	status 0 caisson state box
	has "$(out)" "\"pid\": $(cat "$WORK/pid"),"
	has "$(out)" "\"bundle\": \"$WORK/box\""
	# What the guest got has no labels.
	! grep -qi label "$CAISSON_ROOT/containers/box/config.json" || fail "there are labels"
	! grep -q apparmor "$CAISSON_ROOT/containers/box/config.json" || fail "there is a profile"
	status 0 caisson exec box sh -c 'id -u; id -G; grep -E "CapBnd|NoNewPrivs" /proc/self/status'
	is "$(out)" "$(printf '5\n6 7\nCapBnd:\t0000000020000420\nNoNewPrivs:\t1')"
	status 0 caisson exec -u 8:9 box sh -c 'id -u; id -G; grep NoNewPrivs /proc/self/status'
	is "$(out)" "$(printf '8\n9\nNoNewPrivs:\t1')"
	# The name is taken, and what has it is not touched.
	status 125 caisson run -b "$WORK/box" box
	one_sentence
	has "$(err)" 'the name "box" is taken'
	status 0 caisson exec box sh -c 'exit 0'
	status 0 caisson delete -f box
	is_clean
}

# All that was written is on the host, by memory too, and by one that goes on when the container's process ends: with
# it, or, where it sees the VM's processes, with the VM.
test_what_was_written_stays() {
	local name mode
	bundle written 'mapped /tmp/first /v/first
		while [ $# -lt 30 ]; do set -- "$@" /tmp/other$#; done; mapped stay "$@" >/tmp/said &
		until [ -s /tmp/said ]; do :; done; exit 3' \
		'c["root"]["readonly"] = False
c["mounts"].append({"destination": "/v", "type": "bind", "source": "'"$WORK"'/kept", "options": ["rbind"]})'
	mkdir "$WORK/kept" "$WORK/written/rootfs/v"
	gcc -static -o "$WORK/written/rootfs/bin/mapped" "$TOP/tests/vm/guests/mapped.c"
	head -c 1048576 /dev/zero | tr '\0' x >"$WORK/wanted"
	for mode in own shared; do
		[ $mode = own ] || edit "$WORK/written" 'l = c["linux"]["namespaces"]; l[:] = [n for n in l if n["type"] != "pid"]'
		rm -f "$WORK/kept/"* "$WORK/written/rootfs/tmp/"*
		status 0 caisson create -b "$WORK/written" "written-$mode" </dev/null
		status 0 caisson start "written-$mode"
		status 3 sh -c "exit \$(timeout 60 caisson wait written-$mode)"
		# It waits for the VM.
		status 0 caisson delete "written-$mode"
		for name in "$WORK/kept/first" "$WORK/written/rootfs/tmp/first"; do
			cmp "$name" "$WORK/wanted" || fail "$mode: $name"
		done
		is "$(cat "$WORK/written/rootfs/tmp/other"* | tr -d '\0' | wc -c)" $((30 * 4096)) "$mode: bytes"
	done
	is_clean
}

# What the root has below a tmpfs is of no use to anybody.
test_volumes_in_a_tmpfs() {
	echo inside >"$WORK/file"
	bundle inner 'cat /tmp/folder /tmp/loop /tmp/none' '
c["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"})
for name in "folder", "loop", "none":
    c["mounts"].append({"destination": "/tmp/" + name, "type": "bind", "source": "'"$WORK"'/file", "options": ["bind"]})'
	mkdir "$WORK/inner/rootfs/tmp/folder"
	ln -s loop "$WORK/inner/rootfs/tmp/loop"
	caisson create -b "$WORK/inner" inner </dev/null >"$WORK/seen" 2>&1 || fail "$(cat "$WORK/seen")"
	status 0 caisson start inner
	status 0 caisson wait inner
	status 0 caisson delete inner
	is "$(cat "$WORK/seen")" "$(printf 'inside\ninside\ninside')"
	is_clean
}

# The terminal is asked for in config.json; the root may be elsewhere, and is what the container changes.
test_terminal_and_root() {
	bundle tty 'echo x >/new; test -t 0 -a -t 1 -a -t 2 && echo all' \
		"p['terminal'] = True; c['root'] = {'path': '$WORK/tty/moved', 'readonly': False}"
	mv "$WORK/tty/rootfs" "$WORK/tty/moved"
	status 125 caisson run -b "$WORK/tty" tty </dev/null
	one_sentence
	has "$(err)" "wants a terminal"
	script -qec "caisson run --rm -b $WORK/tty tty" /dev/null </dev/null >"$WORK/seen"
	has "$(tr -d '\r' <"$WORK/seen")" all
	is "$(cat "$WORK/tty/moved/new")" x
	is_clean
}

# refused WHY PYTHON: a bundle with this change
refused() {
	bundle bad 'exit 0' "$2"
	status 125 caisson run -b "$WORK/bad" bad
	one_sentence
	has "$(err)" "$WORK/bad/config.json: $1"
}

test_bad_bundles() {
	refused 'hooks.startContainer: it is to run in the container' 'c["hooks"] = {"startContainer": [{"path": "/bin/true"}]}'
	refused 'mounts: /dev/null, for /mnt, is a device of the host' \
		'c["mounts"].append({"destination": "/mnt", "source": "/dev/null", "type": "none", "options": ["bind"]})'
	refused 'linux.namespaces: the ipc namespace /proc/1/ns/ipc of the host' \
		'l["namespaces"] = [{"type": "ipc", "path": "/proc/1/ns/ipc"}]'
	refused 'linux.devices: ' 'l["devices"] = [{"path": "/dev/sda", "type": "b", "major": 8, "minor": 0}]'
	refused 'linux.intelRdt: ' 'l["intelRdt"] = {"closID": "x"}'
	refused 'process.args names no command' 'p["args"] = []'
	bundle bad 'exit 0'
	rm -r "$WORK/bad/rootfs"
	status 125 caisson run -b "$WORK/bad" bad
	one_sentence
	has "$(err)" "cannot use the bundle's root file system $WORK/bad/rootfs: No such file or directory"
	echo '{"linux": ' >"$WORK/bad/config.json"
	status 125 caisson run -b "$WORK/bad" bad
	one_sentence
	has "$(err)" "config.json: it is no JSON object"
	rm "$WORK/bad/config.json"
	status 125 caisson run -b "$WORK/bad" bad
	one_sentence
	has "$(err)" "cannot read $WORK/bad/config.json: No such file or directory"
	mkfifo "$WORK/bad/config.json"
	status 125 timeout 60 caisson run -b "$WORK/bad" bad
	one_sentence
	has "$(err)" "$WORK/bad/config.json is no regular file"
	status 125 caisson run -b "$WORK/nowhere" bad
	one_sentence
	has "$(err)" "cannot use the bundle $WORK/nowhere: No such file or directory"
	is "$(ls "$CAISSON_ROOT/containers" 2>/dev/null)" "" "containers"
	is_clean
}

test_wrong_calls() {
	bundle plain 'exit 0'
	status 125 caisson run -b "$WORK/plain"
	one_sentence
	has "$(err)" "which name shall the container have?"
	for words in "a b" "../x" "-e A=1 x" "-w / x" "-u 1 x" "-t x" "-i x" "--name y x" "--entrypoint y x" \
		"--executor direct x"; do
		# shellcheck disable=SC2086 # several words
		status 125 caisson run -b "$WORK/plain" $words
		one_sentence
	done
	is_clean
}

run_tests "$@"
