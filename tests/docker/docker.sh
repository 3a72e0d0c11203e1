#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `docker run --runtime caisson`, and all that is done with a container: as with runc.
. "$(dirname "$0")/docker-lib.sh"

test_run() {
	status 0 docker run --rm $IMAGE sh -c 'echo out; echo err >&2'
	is "$(out)" out
	is "$(err)" err
	status 7 docker run --rm --runtime caisson $IMAGE sh -c 'exit 7'
	status 0 docker run --rm -i $IMAGE cat <<<typed
	is "$(out)" typed
	status 0 docker run --rm -u 5:6 --group-add 9 -w /tmp -e A=b --hostname box --add-host other:1.2.3.4 \
		--dns 9.9.9.9 --init $IMAGE \
		sh -c 'id; pwd; echo $A; hostname; grep other /etc/hosts; cat /etc/resolv.conf; head -n 1 /proc/1/comm'
	is "$(out)" "$(printf '%s\n' 'uid=5 gid=6 groups=6,9' /tmp b box $'1.2.3.4\tother' \
		'nameserver 9.9.9.9' docker-init)"
	is_clean
}

test_what_cannot_be_executed() { what_cannot_be_executed; }

# What limits the container holds in the guest.
test_limits() {
	status 0 docker run --rm --read-only --tmpfs /a:size=1m --tmpfs /b --shm-size 12m --ulimit nofile=100:200 \
		--cap-drop ALL --cap-add chown --security-opt no-new-privileges -m 100m --pids-limit 50 \
		--sysctl net.ipv4.ip_forward=1 --sysctl kernel.shmmax=1000000 $IMAGE sh -c '
			touch /x 2>/dev/null || echo read-only
			touch /a/x /b/x
			df -k /a /dev/shm | awk "NR > 1 {print \$2}"
			ulimit -n; ulimit -Hn
			grep -E "^(CapBnd|NoNewPrivs|Seccomp):" /proc/self/status
			cd /sys/fs/cgroup; cat memory.max pids.max
			cd /proc/sys; cat net/ipv4/ip_forward kernel/shmmax'
	is "$(out)" "$(printf '%s\n' read-only 1024 12288 100 200 $'CapBnd:\t0000000000000001' $'NoNewPrivs:\t1' \
		$'Seccomp:\t2' 104857600 50 1 1000000)"
	status 0 docker run --rm --security-opt seccomp=unconfined $IMAGE grep Seccomp: /proc/self/status
	is "$(out)" $'Seccomp:\t0'
	is_clean
}

# The guest's, never the host's.
test_devices() {
	status 0 docker run --rm --privileged $IMAGE sh -c '
		grep CapBnd /proc/self/status; ls /dev; : <>/dev/fuse && mount -t tmpfs none /tmp'
	has "$(out)" $'CapBnd:\t0000003fffffffff'
	status 0 docker run --rm --device /dev/fuse $IMAGE test -c /dev/fuse
	status 125 docker run --rm --device /dev/loop0:/dev/sda $IMAGE true
	has "$(err)" "/dev/sda is a device of the host, which cannot be passed on"
	is_clean
}

# They outlast their containers where volumes have them, or they are devices, which only the engine gives.
test_disks() {
	# A file of an overlay cannot be given to Firecracker's user.
	local own=/two
	[ $HYPERVISOR = qemu ] || own=/disks/two
	status 0 docker run --rm -v disks:/disks -e RUNCVM_DISKS="/disks/one,/one,ext4,16M;$own,/two.d,32M" $IMAGE sh -c '
		grep -c " /one ext4 \| /two.d ext4 " /proc/mounts; echo kept >/one/file'
	is "$(out)" 2
	status 0 docker run --rm -v disks:/disks -e RUNCVM_DISKS=/disks/one,/one,ro $IMAGE cat /one/file
	is "$(out)" kept
	status 125 docker run --rm -e RUNCVM_DISKS=/etc/passwd,/one,16M $IMAGE true
	has "$(err)" "there is something on /etc/passwd that is no ext4 file system: it is left as it is"
	truncate -s 32M "$WORK/block"
	loop=$(losetup -f --show "$WORK/block" 2>/dev/null) || skip "there are no loop devices here"
	trap 'losetup -d "$loop"' EXIT
	status 0 docker run --rm --device "$loop:/dev/xvda" -e RUNCVM_DISKS=/dev/xvda,/d $IMAGE sh -c 'echo block >/d/file'
	status 0 docker run --rm --device "$loop:/dev/xvda" -e RUNCVM_DISKS=/dev/xvda,/d $IMAGE cat /d/file
	is "$(out)" block
	is_clean
}

# A container chooses for itself: the words on its kernel's command line are not the same.
test_hypervisor() {
	status 0 docker run --rm -e RUNCVM_HYPERVISOR=qemu $IMAGE cat /proc/cmdline
	has "$(out)" " reboot=t "
	if [ $HYPERVISOR = firecracker ]; then
		status 0 docker run --rm $IMAGE cat /proc/cmdline
		has "$(out)" " reboot=k "
		status 0 docker run --rm -e RUNCVM_HYPERVISOR=firecracker -v "$WORK:/v:ro" $IMAGE ls /v/daemon.json
		limited_network
	fi
	status 125 docker run --rm -e RUNCVM_HYPERVISOR=xen $IMAGE true
	has "$(err)" "RUNCVM_HYPERVISOR"
	is_clean
}

# Which only Firecracker can; what it says itself of all of its interfaces, those in reserve too.
limited_network() {
	local socket
	status 0 docker run -d --name rated -e RUNCVM_NET_RATE=1M $IMAGE sleep 1000
	socket=$(caisson --root "$WORK/exec/runtime-runc/moby" inspect "$(docker inspect -f '{{.Id}}' rated)" | jq -r .firecracker_socket)
	# As a whole it is too long for the address of a socket.
	is "$(cd "${socket%/*}" && curl -sf --unix-socket "${socket##*/}" http://localhost/vm/config | jq -c '[."network-interfaces"[] |
		.rx_rate_limiter.bandwidth.size, .tx_rate_limiter.bandwidth.size] | unique')" "[1048576]"
	status 0 docker rm -f rated
}

test_terminal() {
	script -qec "docker run --rm -it $IMAGE sh -c 'tty; stty size; exit 5'" /dev/null </dev/null >"$WORK/seen" || is $? 5
	has "$(cat "$WORK/seen")" /dev/pts/0
	status 0 docker run -d --name shell $IMAGE sleep 1000
	script -qec "docker exec -it shell sh -c 'tty; exit 6'" /dev/null </dev/null >"$WORK/seen" || is $? 6
	has "$(cat "$WORK/seen")" /dev/pts/
	status 0 docker rm -f shell
	is_clean
}

test_life() {
	mkdir -p "$WORK/vol"
	echo here >"$WORK/vol/file"
	status 0 docker run -d --name box -v "$WORK/vol:/vol" -v "$WORK/vol/file:/ro:ro" -v named:/named $IMAGE \
		sh -c 'trap "echo term; exit 3" TERM; echo up; touch /up; while :; do sleep 0.1; done'
	status 0 docker exec box sh -c 'until [ -e /up ]; do sleep 0.1; done
		cat /vol/file; echo there >/vol/new; touch /named/x; echo no >/ro || cat /ro'
	is "$(out)" "$(printf 'here\nhere')"
	is "$(cat "$WORK/vol/new")" there
	status 0 docker exec -i -u 8 -w /tmp -e A=b box sh -c 'cat; id -u; pwd; echo $A' <<<typed
	is "$(out)" "$(printf 'typed\n8\n/tmp\nb')"
	status 9 docker exec box sh -c 'exit 9'
	status 126 docker exec box nonesuch
	has "$(out)" 'exec: "nonesuch": executable file not found in $PATH'
	status 0 docker exec -d box sh -c 'echo made >/vol/made'
	status 0 docker rename box boxed
	status 0 docker pause boxed
	status 1 docker exec boxed true
	status 0 docker inspect -f '{{.State.Status}}' boxed
	is "$(out)" paused
	status 0 docker unpause boxed
	status 0 docker stop -t 60 boxed
	status 0 docker wait boxed
	is "$(out)" 3
	status 0 docker logs boxed
	is "$(out)" "$(printf 'up\nterm')"
	status 0 docker start boxed
	status 0 docker exec boxed ls /named
	is "$(out)" x
	status 0 docker restart -t 1 boxed
	status 0 docker kill boxed
	status 0 docker inspect -f '{{.State.ExitCode}} {{.State.Running}}' boxed
	is "$(out)" "137 false"
	status 0 docker rm boxed
	is_clean
}

# As they are written, whoever waits for them.
test_attach_and_logs() {
	mkfifo "$WORK/typed" "$WORK/followed"
	status 0 docker run -d -i --name talks $IMAGE \
		sh -c 'while read -r line && [ "$line" != end ]; do echo "got $line"; done; exit 4'
	docker logs -f talks >"$WORK/followed" &
	follower=$!
	docker attach talks <"$WORK/typed" >"$WORK/attached" &
	attached=$!
	exec 8>"$WORK/typed" 9<"$WORK/followed"
	echo one >&8
	is "$(head -n 1 <&9)" "got one"
	echo end >&8
	exec 8>&-
	wait $attached || is $? 4
	wait $follower
	exec 9<&-
	is "$(cat "$WORK/attached")" "got one"
	status 0 docker rm talks
	is_clean
}

# What is in a tmpfs has no place on the host.
test_volume_in_a_tmpfs() {
	mkdir -p "$WORK/inner"
	echo inner >"$WORK/inner/file"
	status 0 docker run --rm --tmpfs /t -v "$WORK/inner:/t/a/folder" -v "$WORK/inner/file:/t/file:ro" $IMAGE \
		sh -c 'cat /t/file; echo more >>/t/a/folder/file; stat -f -c %T /t'
	is "$(out)" "$(printf 'inner\ntmpfs')"
	is "$(cat "$WORK/inner/file")" "$(printf 'inner\nmore')"
	is_clean
}

test_files() {
	status 0 docker run -d --name files $IMAGE sleep 1000
	echo copied >"$WORK/one"
	mkdir -p "$WORK/folder/below"
	echo deep >"$WORK/folder/below/file"
	status 0 docker cp "$WORK/one" files:/two
	status 0 docker cp "$WORK/folder" files:/srv
	status 0 docker exec files sh -c 'cat /two /srv/below/file; echo more >/srv/own; chown 5:6 /srv/own'
	is "$(out)" "$(printf 'copied\ndeep')"
	status 0 docker diff files
	has "$(out)" "A /two"
	for state in running stopped; do
		docker cp files:/srv - | tar -tvf - --numeric-owner >"$WORK/list"
		has "$(cat "$WORK/list")" "5/6"
		[ $state = stopped ] || status 0 docker kill files
	done
	status 0 docker cp "$WORK/one" files:/three
	status 0 docker commit files made
	status 0 docker run --rm made cat /two /three /srv/own
	is "$(out)" "$(printf 'copied\ncopied\nmore')"
	status 0 docker rm files
	status 0 docker rmi made
	is_clean
}

# happened N NAME EVENT: waits until it has, since the beginning, that often; prints them
happened() {
	exec 6< <(exec docker events --filter "container=$2" --filter "event=$3" --since 0)
	head -n "$1" <&6
	kill $!
	exec 6<&-
}

test_restart_policy() {
	status 0 docker run -d --name again --restart on-failure:2 $IMAGE sh -c 'echo run; exit 1'
	happened 3 again start
	status 0 docker wait again
	is "$(out)" 1
	status 0 docker logs again
	is "$(out)" "$(printf 'run\nrun\nrun')"
	status 0 docker rm -f again
	is_clean
}

test_healthcheck() {
	status 0 docker run -d --name well --health-cmd 'test -e /well' --health-interval 1s --health-retries 60 $IMAGE \
		sh -c 'touch /well; sleep 1000'
	has "$(happened 1 well health_status)" "health_status: healthy"
	status 0 docker rm -f well
	is_clean
}

# bytes SIZE: as `docker stats` writes it
bytes() {
	case $1 in
	*KiB) awk "BEGIN {print int(${1%KiB} * 1024)}" ;;
	*MiB) awk "BEGIN {print int(${1%MiB} * 1048576)}" ;;
	*GiB) awk "BEGIN {print int(${1%GiB} * 1073741824)}" ;;
	esac
}

memory() {
	status 0 docker stats --no-stream --format '{{.MemUsage}}' "$1"
	bytes "$(out | cut -d ' ' -f 1)"
}

test_stats_and_top() {
	local before after
	status 0 docker run -d --name holds -m 200m $IMAGE sleep 1000
	before=$(memory holds)
	status 0 docker exec holds dd if=/dev/zero of=/dev/shm/held bs=1M count=50
	after=$(memory holds)
	# Some of it may be memory that the guest has touched before.
	[ $((after - before)) -ge $((40 << 20)) ] || fail "$before, and with 50 MiB more $after"
	# What the host has of it; who wants what is inside asks caisson.
	status 0 docker inspect -f '{{.State.Pid}} {{.Id}}' holds
	read -r pid id < <(out)
	status 0 docker top holds -o pid,comm
	is "$(out | awk 'NR > 1 {print $1, $2}')" "$pid caisson-shim"
	status 0 env -u CAISSON_ROOT -u CAISSON_RUN caisson --root "$WORK/exec/runtime-runc/moby" ps "$id"
	has "$(out)" "sleep 1000"
	status 0 docker rm -f holds
	is_clean
}

test_update() {
	status 0 docker run -d --name box -m 100m $IMAGE sleep 1000
	status 0 docker update --memory 64m --memory-swap 64m --cpus 0.5 --pids-limit 60 box
	status 0 docker exec box sh -c 'cd /sys/fs/cgroup; cat memory.max cpu.max pids.max'
	is "$(out)" "$(printf '67108864\n50000 100000\n60')"
	status 0 docker update --restart always box
	status 1 docker update --memory 4g --memory-swap 4g box
	has "$(err)" "which cannot grow while it runs"
	status 0 docker rm -f box
	is_clean
}

# As runc's: nothing is answered by the container, all else is done with it.
test_paused() {
	local state
	status 0 docker run -d --name box $IMAGE sh -c 'trap "exit 9" TERM; touch /up; while :; do sleep 0.1; done'
	until docker exec box test -e /up; do :; done
	status 0 docker pause box
	status 1 docker exec box true
	has "$(err)" "is paused"
	status 0 docker top box
	status 0 docker stats --no-stream box
	echo copied >"$WORK/one"
	status 0 docker cp "$WORK/one" box:/two
	status 0 docker cp box:/two "$WORK/three"
	is "$(cat "$WORK/three")" copied
	status 0 docker diff box
	has "$(out)" "A /two"
	status 0 docker commit box made
	status 0 docker inspect -f '{{.State.Status}}' box
	is "$(out)" paused
	# Which resumes it.
	status 0 docker stop -t 60 box
	status 0 docker inspect -f '{{.State.ExitCode}}' box
	is "$(out)" 9
	for state in kill 'rm -f'; do
		status 0 docker start box
		status 0 docker pause box
		# shellcheck disable=SC2086 # two words
		status 0 docker $state box
	done
	status 0 docker rmi made
	is_clean
}

# Nobody but the kernel tells Docker.
test_killed() { each_part_killed; }

# A daemon that was killed finds its containers as they were.
test_dockerd_killed() {
	status 0 docker run -d --name stays $IMAGE sh -c 'trap "exit 8" TERM; touch /up; while :; do sleep 0.1; done'
	exec 7<"/proc/$(cat "$WORK/docker.pid")/ns/net"
	stop_dockerd KILL
	start_dockerd nsenter --net=/proc/self/fd/7
	status 0 docker exec stays sh -c 'until [ -e /up ]; do sleep 0.1; done; echo here'
	is "$(out)" here
	status 0 docker stop -t 60 stays
	status 0 docker wait stays
	is "$(out)" 8
	status 0 docker rm stays
	is_clean
}

# The VM's own is not the host's.
test_name_that_nobody_chose() {
	status 0 docker run --rm --uts host $IMAGE hostname
	is "$(out)" localhost
	is_clean
}

# Whoever waits for an exec hears of its end.
test_exec_of_one_that_ends() {
	local how
	for how in rm exit; do
		status 0 docker run -d --name box -v "$WORK:/v" $IMAGE sh -c "until [ -e /v/$how ]; do sleep 0.1; done; exit 5"
		docker exec box sh -c "touch /v/in-$how; sleep 1000; true" &
		until [ -e "$WORK/in-$how" ]; do kill -0 $!; done
		[ $how = exit ] && touch "$WORK/exit" || status 0 docker rm -f box
		timeout 60 tail --pid=$! -f /dev/null || fail "$how: the exec goes on"
		! wait $! || fail "$how: the exec ended well"
		docker rm -f box >/dev/null 2>&1 || true
	done
	is_clean
}

# What can be seen at the start only is an end like any other: Docker removes what was created.
test_start_that_fails() {
	local before pid
	before=$(containerd_shims)
	status 125 docker run --rm --sysctl net.core.nosuch=1 $IMAGE true
	has "$(err)" "net.core.nosuch"
	is "$(docker ps -aq)" ""
	is_clean
	for pid in $(containerd_shims | grep -vxF "$before"); do
		"$TOP/tests/lib/await-end" 30 "$pid" || fail "containerd's shim is still there: $(ps -o pid=,etime=,args= -p "$pid")"
	done
}

run_tests "$@"
