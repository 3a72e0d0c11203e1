#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What containers choose of their VMs, within what the administrator's configuration allows.
. "$(dirname "$0")/../lib/lib.sh"

IMAGE=$(busybox_image)
# Or the first one of the tests would hear that it is unpacked.
caisson run --rm "$IMAGE" true 2>/dev/null

config() { printf '%s\n' "$@" >"$CAISSON_CONFIG"; }

# vm OPTION...: how much memory, whole 32 MiB, and how many CPUs a VM has
vm() {
	status 0 caisson run --rm "$@" "$IMAGE" sh -c \
		'nproc; read -r _ kb _ </proc/meminfo; echo $(((kb + 32767) / 32768 * 32))'
	out | tr '\n' ' '
}

test_who_counts_for_more() {
	config '[vm]' 'memory = "192M"' 'cpus = 2'
	is "$(vm)" "2 192 "
	is "$(vm -e RUNCVM_MEM_SIZE=160M -e RUNCVM_CPUS=1)" "1 160 "
	is "$(vm -e RUNCVM_MEM_SIZE=160M --annotation io.caisson.mem_size=224M)" "2 224 "
	is "$(vm -e RUNCVM_MEM_SIZE=160M --annotation io.caisson.cpus=1 -m 128M --cpus 3)" "3 128 "
	is_clean
}

test_the_image_says_it() {
	config
	status 0 caisson run --name old "$IMAGE" true
	status 0 caisson commit -c "ENV RUNCVM_MEM_SIZE=160M" old says:it
	caisson delete old
	status 0 caisson run --rm says:it sed -n 's/ kB$//; s/^MemTotal: *//p' /proc/meminfo
	[ "$(out)" -lt 163840 ] || fail "it has $(out) kB"
	is_clean
}

test_limits() {
	config '[limit]' 'memory = "256M"' 'cpus = 2' 'rootfs_size = "64M"'
	run_refused "limit.memory in $CAISSON_CONFIG" -m 257M
	run_refused "3 CPUs are more than limit.cpus" -e RUNCVM_CPUS=3
	status 0 caisson run --rm --rootfs-mode image "$IMAGE" sh -c 'df -P -k / | tail -n 1'
	blocks=$(out | tr -s ' ' | cut -d ' ' -f 2)
	[ "$blocks" -le 65536 ] || fail "$blocks kB"
	run_refused "limit.rootfs_size" --rootfs-mode image -e RUNCVM_ROOTFS_SIZE=65M
	# Less than anybody has by default.
	config 'limit.memory = "128M"'
	status 0 caisson run --rm "$IMAGE" sed -n 's/ kB$//; s/^MemTotal: *//p' /proc/meminfo
	[ "$(out)" -lt 131072 ] || fail "it has $(out) kB"
	is_clean
}

test_privileged_ones() {
	config
	run_refused "RUNCVM_KERNEL_APPEND is not a container's to set, unless settings.allow in $CAISSON_CONFIG" \
		-e RUNCVM_KERNEL_APPEND=x=y
	run_refused "RUNCVM_KERNEL of '/etc/passwd' is a path, and an image may have set it" -e RUNCVM_KERNEL=/etc/passwd
	config 'settings.allow = ["kernel_append"]' 'vm.kernel_append = "last=1"'
	status 0 caisson run --rm -e 'RUNCVM_KERNEL_APPEND=one=1  two=2' "$IMAGE" cat /proc/cmdline
	has "$(out)" " one=1 two=2 last=1"
	run_refused "not a word for the kernel's command line" -e 'RUNCVM_KERNEL_APPEND=a="b c"'
	run_refused "not a word for the kernel's command line: --" -e 'RUNCVM_KERNEL_APPEND=a -- b'
	kernel=$(caisson kernel list | sed -n 's/^\* *[^ ]* *[^ ]* *//p')
	config "kernel.allow = [\"$(dirname "$kernel")\"]"
	status 0 caisson run --rm -e "RUNCVM_KERNEL=$kernel" "$IMAGE" true
	config 'settings.deny = ["*"]'
	run_refused "RUNCVM_CPUS is not a container's to set on this machine: settings.deny" -e RUNCVM_CPUS=1
	is_clean
}

test_console() {
	config
	status 0 caisson run --name debug -e RUNCVM_LOG_LEVEL=DEBUG "$IMAGE" echo words
	is "$(out),$(err)" words,
	is "$(caisson logs debug)" words
	status 0 caisson logs --console debug
	is "$(out | grep -ao 'entrypoint [a-z]*:')" "$(printf 'entrypoint %s:\n' captured packed read executed)"
	caisson delete debug
	status 0 caisson run --name debug -e RUNCVM_KERNEL_DEBUG=1 "$IMAGE" true
	status 0 caisson logs --console debug
	has "$(out)" "Linux version"
	has "$(out)" "Run /init as init process"
	case $(out) in *entrypoint*) fail "stages are told that nobody asked for" ;; esac
	status 0 caisson run --name info --annotation io.caisson.log_level=info "$IMAGE" true
	status 0 caisson logs --console info
	case $(out) in *"Linux version"*) fail "the kernel was not quiet" ;; esac
	status 0 caisson run --name off -e RUNCVM_LOG_LEVEL=off "$IMAGE" true
	status 1 caisson logs --console off
	one_sentence
	has "$(err)" "the console is not kept"
	status 1 caisson logs --console --follow debug
	one_sentence
	caisson delete debug info off
	is_clean
}

test_what_is_refused() {
	config
	run_refused "RUNCVM_BREAK cannot be had: no shell" -e RUNCVM_BREAK=prenet
	run_refused "RUNCVM_MEMSIZE in the container's environment is no setting" -e RUNCVM_MEMSIZE=1G
	run_refused "caisson knows none of this name" --annotation io.caisson.memsize=1G
	status 0 caisson run --rm -e RUNCVM_GUEST=/x "$IMAGE" sh -c 'echo $RUNCVM_GUEST'
	is "$(out)" /x
	is_clean
}

# rss NAME: MiB of shared memory that its QEMU has touched
rss() {
	local pid
	# shellcheck disable=SC2046 # one word a process
	pid=$(ps -o pid=,args= -p $(processes | paste -sd ,) | sed -n "s/^ *\([0-9]*\) qemu-system[^ ]* -name $1 .*/\1/p")
	awk '/^RssShmem/ { print int($2 / 1024) }' "/proc/$pid/status"
}

test_memory() {
	config 'settings.allow = ["qemu_mem_prealloc", "hugetlb"]'
	status 0 caisson run -d --name some "$IMAGE" sleep 1000
	status 0 caisson run -d --name all -e RUNCVM_QEMU_MEM_PREALLOC=1 "$IMAGE" sleep 1000
	[ "$(rss some)" -lt 200 ] || fail "$(rss some) MiB are there"
	[ "$(rss all)" -ge 256 ] || fail "only $(rss all) MiB are there"
	caisson delete -f some all
	huge=$(sed -n 's/^HugePages_Free: *//p' /proc/meminfo)
	if [ "$huge" -gt 128 ]; then
		status 0 caisson run --rm -e RUNCVM_HUGETLB=1 "$IMAGE" true
	else
		status 125 caisson run --rm -e RUNCVM_HUGETLB=1 "$IMAGE" true
		has "$(err)" "Cannot allocate memory"
	fi
	is_clean
}

test_cache_of_shared_files() {
	config
	for how in none auto always; do
		status 0 caisson run -d --name cache -e RUNCVM_VIRTIOFSD_CACHE=$how "$IMAGE" sleep 1000
		# shellcheck disable=SC2046 # one word a process
		has "$(ps -o args= -p $(processes | paste -sd ,))" "-o cache=$how"
		caisson delete -f cache
	done
	is_clean
}

test_bundles() {
	command -v crun >/dev/null || skip "there is no crun"
	config
	mkdir -p "$WORK/b/rootfs/bin"
	cp /bin/busybox "$WORK/b/rootfs/bin/busybox"
	ln -s busybox "$WORK/b/rootfs/bin/sh"
	(cd "$WORK/b" && crun spec)
	python3 - "$WORK/b/config.json" <<-'END'
		import json, sys
		c = json.load(open(sys.argv[1]))
		c["process"].update(terminal=False, args=["sh", "-c", "busybox nproc"])
		c["process"]["env"] += ["RUNCVM_CPUS=3"]
		c["annotations"] = {"io.caisson.cpus": "2", "org.example": "x"}
		json.dump(c, open(sys.argv[1], "w"))
	END
	status 0 caisson run --rm -b "$WORK/b" one
	is "$(out)" 2
	status 0 caisson run --rm --annotation io.caisson.cpus=1 -b "$WORK/b" one
	is "$(out)" 1
	config 'limit.cpus = 1'
	status 125 caisson run --rm -b "$WORK/b" one
	one_sentence
	has "$(err)" "2 CPUs are more than limit.cpus"
	is_clean
}

test_config_is_shown() {
	config '# ours' '[vm]' 'memory = "1G"' '[extras]' 'allow = ["/a", "/b"]'
	status 0 caisson config
	has "$(out | tr -s ' ')" "vm.memory 1G $CAISSON_CONFIG:3"
	has "$(out)" "firecracker.placeholders_ro  0 "
	has "$(out | tr -s ' ')" "extras.allow /b $CAISSON_CONFIG:5"
	has "$(out | tr -s ' ')" "vm.cpus 1 default"
	has "$(out | tr -s ' ')" "CAISSON_ROOT $CAISSON_ROOT environment"
	status 0 caisson config --json
	is "$(python3 -c 'import json, sys
for x in json.load(sys.stdin):
    if x["key"] in ("vm.memory", "vm.kernel"):
        print(x["value"], x["source"], x["line"])' <"$WORK/out")" "$(printf 'None default None\n1G file 3')"
	for wrong in 'memory = "1G' 'memroy = "1G"' 'cpus = 0' 'accel = "fast"'; do
		config '[vm]' "$wrong"
		for command in config "run --rm $IMAGE true"; do
			# shellcheck disable=SC2086 # a command and its words
			caisson $command >"$WORK/out" 2>"$WORK/err" && fail "$wrong was taken"
			one_sentence
			has "$(err)" "$CAISSON_CONFIG, line 2: "
		done
	done
	is_clean
}

run_tests "$@"
