#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a VM may do with its disks in a second: it takes as long as it must at least.
. "$(dirname "$0")/../lib/lib.sh"

IMAGE=$(busybox_image)
[ $HYPERVISOR = firecracker ] || echo 'rootfs.mode = "image"' >>"$CAISSON_CONFIG"
caisson run --rm "$IMAGE" true 2>/dev/null

# slower_than MS COMMAND...: it takes that long, or longer; a machine that is busy is no reason to fail
slower_than() {
	local least=$1 begin end
	shift
	begin=$(date +%s%3N)
	"$@" || fail "exit status $? of $*"
	end=$(date +%s%3N)
	[ $((end - begin)) -ge "$least" ] || fail "$((end - begin)) ms, not $least at least, for: $*"
}

# write_mib NAME N: to the disk itself, not to the guest's memory
write_mib() { caisson exec "$1" dd if=/dev/zero of=/much bs=1M count="$2" conv=fsync 2>"$WORK/dd"; }

test_start() {
	status 0 caisson run -d --name slow --disk-rate 4M "$IMAGE" sleep 1000
	# A part of a second's worth may have been saved up.
	slower_than 3000 write_mib slow 16
	is "$(caisson inspect slow | jq -c '[.disk_rate, .disk_iops, .net_rate]')" "[4194304,0,0]"
	status 0 caisson delete -f slow
	status 0 caisson run -d --name few --disk-iops 50 -e RUNCVM_DISK_RATE=1G "$IMAGE" sleep 1000
	# What is written directly is a request each.
	slower_than 3000 caisson exec few dd if=/dev/zero of=/much bs=4k count=200 oflag=direct 2>"$WORK/dd"
	status 0 caisson delete -f few
	is_clean
}

# What the VMM itself says of its disks.
rates_of() {
	local socket
	socket=$(caisson inspect "$1" | jq -r .firecracker_socket)
	[ "$socket" = null ] || curl -sf --unix-socket "$socket" http://localhost/vm/config |
		jq -c '[.drives[].rate_limiter | [.bandwidth.size, .bandwidth.refill_time, .ops.size]] | unique'
}

test_update() {
	status 0 caisson run -d --name box --disk-iops 1000 "$IMAGE" sleep 1000
	status 0 caisson update --disk-rate 4M box
	is "$(caisson inspect box | jq -c '[.disk_rate, .disk_iops]')" "[4194304,1000]"
	slower_than 3000 write_mib box 16
	if [ $HYPERVISOR = firecracker ]; then
		is "$(rates_of box)" "[[4194304,1000,1000]]"
	fi
	status 0 caisson pause box
	status 0 caisson update --disk-rate=-1 --disk-iops=-1 --pids-limit 50 box
	is "$(caisson inspect box | jq -c '[.disk_rate, .disk_iops]')" "[0,0]"
	status 0 caisson resume box
	if [ $HYPERVISOR = firecracker ]; then
		is "$(rates_of box)" "[[null,null,null]]"
	fi
	status 0 caisson exec box cat /sys/fs/cgroup/pids.max
	is "$(out)" 50
	status 1 caisson update --disk-rate 0 box
	one_sentence
	has "$(err)" "--disk-rate of '0' is no size from 64K to 1T"
	status 1 caisson update --net-rate 1M box
	one_sentence
	has "$(err)" "network interfaces"
	status 0 caisson delete -f box
	is_clean
}

# One that takes no orders.
test_update_without_api() {
	[ $HYPERVISOR = firecracker ] || return 0
	use_firecracker
	echo 'firecracker.api = false' >>"$CAISSON_CONFIG"
	status 0 caisson run -d --name mute --disk-rate 4M "$IMAGE" sleep 1000
	slower_than 3000 write_mib mute 16
	status 1 caisson update --disk-rate 8M mute
	one_sentence
	has "$(err)" "Firecracker takes no orders (firecracker.api)"
	status 0 caisson delete -f mute
	use_firecracker
	is_clean
}

test_refused() {
	local option
	for option in "--disk-rate 0" "--disk-rate 1000" "--disk-rate 99999999999T" "--disk-iops 0" "--disk-iops 1000001" \
		"--net-rate -5" "--net-rate fast"; do
		# shellcheck disable=SC2086 # two words
		status 125 caisson run --rm $option "$IMAGE" true
		has "$(head -n 1 "$WORK/err")" "${option% *}"
	done
	run_refused "RUNCVM_DISK_RATE of 'fast' is no size from 64K to 1T" -e RUNCVM_DISK_RATE=fast
	run_refused "io.caisson.disk_iops of '0' is no number from 1 to 1000000" --annotation io.caisson.disk_iops=0
	if [ $HYPERVISOR = qemu ]; then
		run_refused "QEMU limits no network interfaces (--net-rate)" --net-rate 1M
		caisson run --rm --rootfs-mode virtiofs "$IMAGE" true 2>/dev/null
		run_refused "there is a rate for disks, and this VM has none" --rootfs-mode virtiofs --disk-rate 1M
	else
		run_refused "there is a rate for network interfaces, and this VM has none" --net-rate 1M
	fi
	is_clean
}

run_tests "$@"
