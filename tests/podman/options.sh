#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What can be asked for with `podman run` and later, each as under any other runtime.
. "$(dirname "$0")/podman-lib.sh"

# shows WANT OPTION... -- COMMAND...: a container that is run with these options prints that
shows() {
	local want=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	status 0 podman run --rm "${options[@]}" $IMAGE "$@"
	is "$(out)" "$want" "output with ${options[*]}"
}

test_files() {
	shows "$(printf 'touch: /x: Read-only file system\ntmpfs 1024\ntmpfs')" \
		--read-only --tmpfs /a:size=1m --tmpfs /b -- \
		sh -c '(touch /x) 2>&1; touch /a/x /b/x; df /a | awk "NR > 1 {print \$1, \$2}"; df /b | awk "NR > 1 {print \$1}"'
	shows "shm 5120" --shm-size 5m -- sh -c 'df /dev/shm | awk "NR > 1 {print \$1, \$2}"'
	is_clean
}

test_whose_and_what() {
	shows "uid=1000(user) gid=1000(user) groups=10(wheel),1000(user)" -u user -- id
	shows "$(printf '7\n8\n8 9')" -u 7:8 --group-add 9 -- sh -c 'id -u; id -g; id -G'
	shows 0000000000002000 --cap-drop all --cap-add NET_RAW -- sed -n 's/CapEff:.//p' /proc/self/status
	shows 1 --security-opt no-new-privileges -- sed -n 's/NoNewPrivs:.//p' /proc/self/status
	shows "$(printf '1000\n2000\n100')" --ulimit nofile=1000:2000 --ulimit nproc=100 -- \
		sh -c 'ulimit -Sn; ulimit -Hn; ulimit -Su'
	shows "$(printf '1\n1')" --sysctl net.ipv4.ip_forward=1 --sysctl kernel.shm_rmid_forced=1 -- \
		cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced
	is_clean
}

test_ids() {
	shows "$(printf '0 100000 1000\n0')" --uidmap 0:100000:1000 --ulimit nproc=100 -- \
		sh -c 'awk "{print \$1, \$2, \$3}" /proc/self/uid_map; touch /tmp/x; stat -c %u /tmp/x'
	is_clean
}

test_names() {
	shows box --hostname box -- hostname
	shows "10.1.2.3 a.b" --add-host a.b:10.1.2.3 -- awk '$2 == "a.b" {print $1, $2}' /etc/hosts
	is_clean
}

test_init() {
	shows "$(printf '1 /run/podman-init\n2 ps')" --init -- ps -o pid,args | sed 's/^ *//; /PID/d'
	is_clean
}

test_restart() {
	status 0 podman run -d --restart on-failure:2 --name again $IMAGE sh -c 'echo run; exit 3'
	# It is the third that ends for good.
	podman logs -f again | grep -c run >"$WORK/runs" || true
	until [ "$(podman inspect -f '{{.RestartCount}} {{.State.Status}}' again)" = "2 exited" ]; do
		podman wait again >/dev/null
	done
	status 0 podman logs again
	is "$(out)" "$(printf 'run\nrun\nrun')"
	status 0 podman rm again
	is_clean
}

test_health() {
	status 0 podman run -d --name sick --health-cmd 'test -e /ok' --health-interval disable $IMAGE sleep 1000
	status 1 podman healthcheck run sick
	status 0 podman exec sick touch /ok
	status 0 podman healthcheck run sick
	status 0 podman inspect -f '{{.State.Healthcheck.Status}}' sick
	is "$(out)" healthy
	status 0 podman rm -f -t 0 sick
	is_clean
}

test_update_and_top() {
	status 0 podman run -d --name box --memory 64m $IMAGE sleep 1000
	status 0 podman exec box sh -c 'cat /sys/fs/cgroup/memory.max'
	is "$(out)" 67108864
	status 0 podman update --memory 96m box
	status 0 podman exec box sh -c 'cat /sys/fs/cgroup/memory.max'
	is "$(out)" 100663296
	# Without words that only ps knows podman looks into the host's /proc, where nothing of it is.
	status 0 podman top box -o pid,args
	has "$(out)" "1 sleep 1000"
	status 0 podman inspect -f '{{.Id}}' box
	status 0 env -u CAISSON_ROOT -u CAISSON_RUN caisson ps "$(out)"
	has "$(out)" "sleep 1000"
	status 0 podman rm -f -t 0 box
	is_clean
}

# Both ways, on one that runs, and on one that has ended.
test_cp() {
	mkdir -p "$WORK/in/sub"
	echo text >"$WORK/in/sub/file"
	status 0 podman run -d --name box $IMAGE sleep 1000
	for _ in running ended; do
		status 0 podman cp "$WORK/in" box:/root
		rm -rf "$WORK/back"
		status 0 podman cp box:/root/in "$WORK/back"
		is "$(cat "$WORK/back/sub/file")" text
		status 0 podman stop -t 0 box
	done
	status 0 podman rm box
	is_clean
}

run_tests "$@"
