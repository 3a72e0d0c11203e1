#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `caisson run --network passt` and --publish, in a network namespace with one neighbour.
. "$(dirname "$0")/../lib/lib.sh"

command -v passt >/dev/null || { echo "ok # SKIP there is no passt"; exit 0; }
"$TOP/tests/lib/make-image" busybox "docker-archive:$WORK/busybox.tar"
IMAGE=docker-archive:$WORK/busybox.tar
# The host's, in which everything here is: its processes, its addresses 10.9.0.1 and 127.0.0.1.
NET=caisson-passt-$$
in_net() { nsenter --net="/run/netns/$NET" "$@"; }
from_far() { nsenter --net="/run/netns/$NET-far" "$@"; }
make_net() {
	ip netns add "$NET"
	ip netns add "$NET-far"
	in_net ip link set lo up
	in_net ip link add v0 type veth peer name v1 netns "$NET-far"
	in_net ip addr add 10.9.0.1/24 dev v0
	in_net ip link set v0 up
	from_far ip addr add 10.9.0.254/24 dev v1
	from_far ip link set v1 up
	in_net ip route add default via 10.9.0.254
}
remove_net() {
	ip netns del "$NET"
	ip netns del "$NET-far"
}
running_passt() {
	for pid in $(processes); do
		case $(cat "/proc/$pid/comm") in passt*) echo "$pid" ;; esac
	done
}
# A name server that knows one name, and a server of files.
host_servers() {
	cd "$WORK/files" || exit
	exec nsenter --net="/run/netns/$NET" python3 -c '
import http.server, socket, threading
dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
dns.bind(("10.9.0.1", 53))
web = http.server.ThreadingHTTPServer(("10.9.0.1", 7), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=web.serve_forever, daemon=True).start()
print("up", flush=True)
while True:
    query, sender = dns.recvfrom(512)
    a = query[-4:] == b"\0\1\0\1"
    answer = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x0a\x09\0\1" if a else b""
    dns.sendto(query[:2] + b"\x81\x80\0\1\0" + (b"\1" if a else b"\0") + b"\0\0\0\0" + query[12:] + answer, sender)
'
}

# Nobody inside has sent anything before.
test_published_ports() {
	musl-gcc -static -o "$WORK/udp-echo" "$TOP/tests/vm/guests/udp-echo.c"
	for how in virtiofs image "virtiofs --executor oci"; do
		# shellcheck disable=SC2086 # several words
		status 0 in_net caisson run -d --name web --rootfs-mode $how -p 8080:80 -p 127.0.0.1:81:80 -p 5353:53/udp \
			-v "$WORK/udp-echo:/udp-echo" "$IMAGE" sh -c 'mkdir /www; echo hello >/www/index.html; httpd -p 80 -h /www; /udp-echo 53'
		in_net timeout 60 sh -c 'until curl -sf -m 5 http://10.9.0.1:8080/ >/dev/null; do :; done'
		is "$(in_net curl -sf -m 30 http://127.0.0.1:8080/)" hello "$how"
		is "$(in_net curl -sf -m 30 http://127.0.0.1:81/)" hello "$how"
		in_net curl -sf -m 5 http://10.9.0.1:81/ && fail "$how: not bound to one address"
		is "$(from_far curl -sf -m 30 http://10.9.0.1:8080/)" hello "$how"
		is "$(from_far python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
for _ in range(60):
    s.sendto(b"ping", ("10.9.0.1", 5353))
    try:
        print(s.recv(100).decode())
        break
    except (TimeoutError, ConnectionError):
        pass')" ping "$how"
		status 0 caisson inspect web
		has "$(out)" '"127.0.0.1:81:80/tcp"'
		status 0 caisson delete -f web
		is "$(in_net ss -Hltnu)" "" "$how: sockets"
	done
	is_clean
}

# To servers of the host's, by name and in bulk; but not to those that listen on its loopback only.
test_outwards() {
	echo "nameserver 10.9.0.1" >"$WORK/resolv.conf"
	mkdir "$WORK/files"
	head -c 20000000 /dev/urandom >"$WORK/files/big"
	coproc SERVER { host_servers 2>/dev/null; }
	read -r line <&"${SERVER[0]}"
	is "$line" up
	nsenter --net="/run/netns/$NET" python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 99)); s.accept()' &
	status 0 in_net timeout 100 unshare -m sh -c "mount --bind $WORK/resolv.conf /etc/resolv.conf && exec caisson run --rm \
		--network passt $IMAGE sh -c 'wget -q -O - http://some.name:7/big | md5sum
			(timeout 5 nc 10.0.2.2 99 </dev/null && echo reached) 2>/dev/null; cat /etc/resolv.conf; echo x >/etc/resolv.conf'"
	kill $!
	is "$(out | tr '\n' ' ')" "$(md5sum <"$WORK/files/big") nameserver 10.0.2.3 "
	kill "$SERVER_PID"
	wait "$SERVER_PID" 2>/dev/null || true
	status 0 in_net caisson run --rm "$IMAGE" sh -c 'ls /sys/class/net; ip route'
	case $(out) in *eth0*) fail "there is a network: $(out)" ;; esac
	is_clean
}

# To look at its files takes no port, which somebody else may have.
test_a_visit_needs_no_network() {
	status 0 in_net caisson run --name visited --rootfs-mode image -p 80:80 "$IMAGE" touch /made
	nsenter --net="/run/netns/$NET" python3 -c '
import signal, socket
s = socket.create_server(("", 80))
print("up", flush=True)
signal.pause()' >"$WORK/up" &
	until [ -s "$WORK/up" ]; do :; done
	status 0 in_net caisson diff visited
	is "$(out | tr "\n" " ")" "C /etc A /etc/resolv.conf A /made "
	status 0 in_net caisson export -o "$WORK/visited.tar" visited
	kill $!
	rm "$WORK/up"
	status 0 caisson delete visited
	is_clean
}

# Whoever ends first.
test_one_ends_the_other() {
	status 0 in_net caisson run -d --name one --network passt "$IMAGE" sleep 1000
	is "$(running_passt | wc -l)" 1
	kill -9 "$(running_passt)"
	processes_end 30
	status 0 caisson wait one
	is "$(out)" 137
	status 0 caisson delete one
	status 0 in_net caisson run -d --name two --network passt "$IMAGE" sleep 1000
	for pid in $(processes); do
		# The second one may have ended with the first.
		case $(cat "/proc/$pid/comm") in caisson-shim*) kill -9 "$pid" || true ;; esac
	done
	processes_end 30
	is "$(running_passt)" ""
	status 0 caisson delete -f two
	is_clean
}

test_refused() {
	status 125 caisson run -p 80 "$IMAGE" true
	has "$(err)" "--publish 80: say HOSTPORT:PORT"
	status 125 caisson run --network none -p 80:80 "$IMAGE" true
	has "$(err)" "--publish goes with --network passt only"
	status 125 in_net caisson run -p 80:80 -p 80:81 "$IMAGE" true
	has "$(err)" "passt ended (status 1)"
	nsenter --net="/run/netns/$NET" python3 -c '
import signal, socket
s = socket.create_server(("", 80))
print("up", flush=True)
signal.pause()' >"$WORK/up" &
	until [ -s "$WORK/up" ]; do :; done
	status 125 in_net caisson run -p 80:80 "$IMAGE" true
	has "$(err)" "passt ended (status 1)"
	kill $!
	status 125 env PATH="$TOP/build/bin:$WORK" caisson run --network passt "$IMAGE" true
	has "$(err)" "there is no passt on this machine"
	is_clean
}

make_net
trap remove_net EXIT
(run_tests "$@")
