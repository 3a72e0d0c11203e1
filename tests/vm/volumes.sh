#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `caisson run --volume`, --mount, --tmpfs, --read-only: with every way a root file system gets into a VM.
. "$(dirname "$0")/../lib/lib.sh"

"$TOP/tests/lib/make-image" busybox "docker-archive:$WORK/busybox.tar"
IMAGE=docker-archive:$WORK/busybox.tar
err_has() { has "$(err)" "$1"; }
MODES="virtiofs image copy virtiofs,oci image,oci"
# MODE or MODE,EXECUTOR
run_as() {
	local how=$1 executor=
	shift
	case $how in *,*) executor=${how#*,} ;; esac
	caisson run --rootfs-mode "${how%,*}" ${executor:+--executor "$executor"} "$@"
}

# Neighbours of a file are not shown; what is nested is where it belongs, in whatever order it is given.
test_folders_and_files() {
	for how in $MODES; do
		rm -rf "$WORK/v"
		mkdir -p "$WORK/v/in"
		echo one >"$WORK/v/one"
		echo two >"$WORK/v/in/two"
		echo alone >"$WORK/alone"
		status 0 run_as "$how" --rm -v "$WORK/v/in:/made/deep/nested:ro" -v "$WORK/v:/made/deep" \
			-v "$WORK/alone:/etc/alone" --tmpfs /made/deep/t:size=1m "$IMAGE" sh -c '
			cat /made/deep/one /made/deep/nested/two /etc/alone
			(echo x >/made/deep/nested/x) 2>/dev/null || echo refused
			echo changed >/etc/alone; echo new >/made/deep/new; echo lost >/made/deep/t/lost
			grep -o " /made/deep/t .*size=1024k" /proc/mounts | cut -d " " -f 2'
		is "$(out | tr '\n' ' ')" "one two alone refused /made/deep/t " "$how"
		is "$(cat "$WORK/alone" "$WORK/v/new" | tr '\n' ' ')" "changed new " "$how"
		is "$(ls "$WORK/v/in" "$WORK/v/t")" "$WORK/v/in:
two

$WORK/v/t:" "$how"
	done
	is_clean
}

test_read_only() {
	for how in $MODES; do
		status 0 run_as "$how" --rm --read-only -v data:/data --tmpfs /tmp "$IMAGE" sh -c '
			(echo x >/etc/x) 2>/dev/null || echo refused
			echo "$(date +%s)" >/data/x && echo y >/tmp/y && cat /tmp/y'
		is "$(out | tr '\n' ' ')" "refused y " "$how"
	done
	# Named ones stay.
	status 0 caisson run --rm -v data:/a:ro "$IMAGE" ls /a
	is "$(out)" x
	is "$(ls "$CAISSON_ROOT/volumes")" data
	status 0 caisson run --name holder -v data:/a -v other:/b "$IMAGE" true
	status 0 caisson volume list
	is "$(out | tr '\n' ' ')" "data other "
	status 1 caisson volume rm data
	err_has "the volume \"data\" is in use by holder: \`caisson delete\` removes containers"
	status 0 caisson delete holder
	status 0 caisson volume rm data other
	status 1 caisson volume rm ../images
	err_has "there is no volume \"../images\""
	is "$(ls "$CAISSON_ROOT/volumes")" ""
	is_clean
}

# As in any file system: but for root, who writes keeps no bits that are not his; whoever gives away loses them.
test_setuid_bits() {
	mkdir -m 777 "$WORK/bits"
	for how in virtiofs image; do
		status 0 run_as "$how" --rm -v "$WORK/bits:/v" "$IMAGE" sh -c '
			for dir in /v /tmp; do cd $dir; for f in written cut roots given; do echo x >$f; chmod 6777 $f; done
			su user -s /bin/sh -c "echo y >>written; : >cut"; echo y >>roots; chown 7:7 given
			stat -c %a written cut roots given; rm -f written cut roots given; done'
		is "$(out | tr '\n' ' ')" "777 777 6777 777 777 777 6777 777 " "$how"
	done
	is_clean
}

# capability FILE [GIVEN]: its file capability, or give it CAP_NET_BIND_SERVICE
capability() {
	python3 - "$@" <<-'EOF'
		import os, struct, sys
		name = "security.capability"
		if len(sys.argv) > 2:
		    os.setxattr(sys.argv[1], name, struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))
		print(name if name in os.listxattr(sys.argv[1]) else "none")
	EOF
}

# They count when a program is executed, and who writes to it takes them away.
test_file_capabilities() {
	mkdir "$WORK/able"
	for how in virtiofs image; do
		cp /bin/busybox "$WORK/able/grep"
		cp /bin/busybox "$WORK/able/written"
		is "$(capability "$WORK/able/grep" given && capability "$WORK/able/written" given)" "security.capability
security.capability"
		status 0 run_as "$how" --rm -v "$WORK/able:/v" "$IMAGE" sh -c '
			su user -s /bin/sh -c "/v/grep CapEff: /proc/self/status"; echo x >>/v/written'
		is "$(out)" "CapEff:	0000000000000400" "$how"
		is "$(capability "$WORK/able/grep")" security.capability
		is "$(capability "$WORK/able/written")" none
	done
	is_clean
}

# The host enforces it: not even who has taken over all of the guest, and who shares it, writes there.
test_read_only_holds_on_the_host() {
	mkdir -p "$WORK/held"
	status 0 caisson run -d --name held --rootfs-mode virtiofs -v "$WORK/held:/held:ro" -v "$WORK/held:/rw" "$IMAGE" sleep 1000
	for pid in $(processes); do
		case $(tr '\0' ' ' <"/proc/$pid/cmdline") in *"$SHARER"*) daemon=$pid ;; esac
	done
	status 1 nsenter -t "$daemon" -m /rootfs/bin/touch /volumes/0/x
	err_has "Read-only file system"
	status 0 nsenter -t "$daemon" -m /rootfs/bin/touch /volumes/1/x
	# Beside them nothing is written.
	for place in /x /volumes/x; do
		status 1 nsenter -t "$daemon" -m /rootfs/bin/touch "$place"
		err_has "Read-only file system"
	done
	status 0 caisson delete -f held
	is_clean
}

# What the source or the target is, and is not.
test_what_there_is_not() {
	status 0 caisson run --rm -v "$WORK/made/by/us:/a" "$IMAGE" touch /a/x
	[ -e "$WORK/made/by/us/x" ] || fail "the folder was not made"
	status 125 caisson run --rm --mount "type=bind,source=$WORK/missing,target=/a" "$IMAGE" true
	err_has "cannot bind $WORK/missing to /a: No such file or directory"
	[ ! -e "$WORK/missing" ] || fail "the folder was made"
	status 125 caisson run --rm -v /dev/null:/a "$IMAGE" true
	err_has "/dev/null, for /a, is a device of the host"
	status 125 caisson run --rm -v "$WORK:/a:rslave" "$IMAGE" true
	err_has "--volume: \"rslave\" cannot be had: what is mounted on a host is not seen in a VM"
	status 125 caisson run --rm -v "$WORK:/etc/passwd" "$IMAGE" true
	err_has "cannot mount on /etc/passwd: not a directory"
	status 125 caisson run -b "$WORK" -v "$WORK:/a" name
	err_has "--bundle does not go with --volume: config.json says that"
	is_clean
}

# Both ways; inotify tells of changes that are made inside.
test_live() {
	mkdir -p "$WORK/live"
	echo before >"$WORK/live/file"
	status 0 caisson run -d --name live -v "$WORK/live:/live" "$IMAGE" sleep 1000
	status 0 caisson exec live cat /live/file
	echo "now it is longer" >"$WORK/live/file"
	status 0 timeout 60 caisson exec live sh -c 'until grep -q longer /live/file; do :; done; cat /live/file'
	is "$(out)" "now it is longer"
	echo more >"$WORK/live/second"
	status 0 caisson exec live sh -c 'cat /live/second; rm /live/second; echo inside >/live/file'
	is "$(out)" more
	is "$(cat "$WORK/live/"*)" inside
	musl-gcc -static -o "$WORK/live/inotify" "$TOP/tests/vm/guests/inotify.c"
	mkfifo "$WORK/seen"
	caisson exec live /live/inotify /live >"$WORK/seen" &
	exec 3<"$WORK/seen"
	read -r line <&3
	is "$line" watching
	status 0 caisson exec live touch /live/third
	read -r line <&3
	is "$line" third
	wait $!
	status 0 caisson inspect live
	has "$(out)" "rw:$WORK/live"
	has "$(out)" '"/live"'
	status 0 caisson delete -f live
	is_clean
}

# A server of the host's: it sends back what it gets, until that ends.
server() {
	cat >"$WORK/server.py" <<-'END'
		import os, socket, sys, threading
		server = socket.socket(socket.AF_UNIX)
		server.bind(sys.argv[1])
		os.chmod(sys.argv[1], 0o660)
		server.listen(200)
		print("up", flush=True)
		def serve(conn):
		    with conn:
		        while (piece := conn.recv(65536)):
		            conn.sendall(piece)
		while True:
		    threading.Thread(target=serve, args=[server.accept()[0]], daemon=True).start()
	END
	exec python3 "$WORK/server.py" "$1"
}

# Half-closes go through, and bytes in bulk; whoever has all of the guest reaches no other port.
test_sockets() {
	mkdir -p "$WORK/tools"
	musl-gcc -static -isystem /usr/include -isystem /usr/include/x86_64-linux-gnu -o "$WORK/tools/client" \
		"$TOP/tests/vm/guests/unix-client.c" 2>"$WORK/err" ||
		gcc -static -o "$WORK/tools/client" "$TOP/tests/vm/guests/unix-client.c"
	coproc SERVER { server "$WORK/sock"; }
	read -r line <&"${SERVER[0]}"
	is "$line" up
	for how in $MODES; do
		status 0 run_as "$how" --rm -v "$WORK/sock:/var/run/docker.sock" -v "$WORK/tools:/tools" --tmpfs /t "$IMAGE" sh -c '
			stat -c "%a %u %F" /var/run/docker.sock; echo hello | /tools/client /var/run/docker.sock
			head -c 5000000 /dev/urandom >/t/a; /tools/client /var/run/docker.sock </t/a | cmp - /t/a && echo same'
		is "$(out | tr '\n' ' ')" "660 0 socket hello same " "$how"
	done
	status 0 timeout 100 caisson run --rm -v "$WORK/sock:/s" -v "$WORK/tools:/tools" "$IMAGE" sh -c '
		/tools/client /s 60; echo direct | /tools/client vsock:2048
		for port in 1024 1025 1026 1027 1028 2047 2049 2050; do /tools/client vsock:$port </dev/null; echo $?; done' 2>&1
	is "$(out | tr '\n' ' ')" "60 direct 1 1 1 1 1 1 1 1 "
	kill "$SERVER_PID"
	wait "$SERVER_PID" 2>/dev/null || true
	# Nobody is there any more, and then somebody is again.
	status 0 caisson run -d --name later -v "$WORK/sock:/s" -v "$WORK/tools:/tools" "$IMAGE" sleep 1000
	status 0 caisson exec later /tools/client /s </dev/null
	is "$(out)" ""
	rm "$WORK/sock"
	coproc SERVER { server "$WORK/sock"; }
	read -r line <&"${SERVER[0]}"
	status 0 caisson exec -i later /tools/client /s <"$CAISSON_CONFIG"
	status 0 sh -c 'echo again | caisson exec -i later /tools/client /s'
	is "$(out)" again
	kill "$SERVER_PID"
	wait "$SERVER_PID" 2>/dev/null || true
	status 0 caisson delete -f later
	is_clean
}

# Who may write where a socket is leads to no other one by it: nor who swaps a volume before the start.
test_swapped() {
	mkdir -p "$WORK/tools" "$WORK/swapped" "$WORK/kept"
	[ -e "$WORK/tools/client" ] || gcc -static -o "$WORK/tools/client" "$TOP/tests/vm/guests/unix-client.c"
	coproc SERVER { server "$WORK/kept/secret"; }
	read -r line <&"${SERVER[0]}"
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$WORK/swapped/s"
	status 0 caisson run -d --name swapper -v "$WORK/swapped:/v" -v "$WORK/swapped/s:/s" \
		-v "$WORK/tools:/tools" "$IMAGE" sleep 1000
	status 0 caisson exec swapper ln -sf "$WORK/kept/secret" /v/s
	[ -h "$WORK/swapped/s" ] || fail "it was not swapped"
	status 0 sh -c 'echo stolen | caisson exec -i swapper /tools/client /s'
	is "$(out)" ""
	kill "$SERVER_PID"
	wait "$SERVER_PID" 2>/dev/null || true
	status 0 caisson delete -f swapper
	is_clean
}

# What is mounted is none of the layer's; and it is there when a container is visited that has ended.
test_visits() {
	mkdir -p "$WORK/visit"
	for how in virtiofs image; do
		echo mounted >"$WORK/visit/file"
		status 0 run_as "$how" --name "visit-$how" -v "$WORK/visit:/v" "$IMAGE" sh -c 'echo own >/own'
		status 0 caisson diff "visit-$how"
		is "$(out)" "A /own
A /v" "$how"
		status 0 caisson export -o "$WORK/visit.tar" "visit-$how"
		is "$(tar -tf "$WORK/visit.tar" | sed 's,^\./,,' | grep -E '^(v/|own)' | sort | tr '\n' ' ')" "own v/ " "$how"
		status 0 caisson commit "visit-$how" "visited-$how"
		status 0 caisson run --rm "visited-$how" sh -c 'cat /own; ls /v'
		is "$(out)" own "$how"
		status 0 caisson cp "visit-$how:/v/file" -
		is "$(tar -xOf "$WORK/out")" mounted "$how"
		status 0 caisson delete "visit-$how"
	done
	is_clean
}

run_tests "$@"
