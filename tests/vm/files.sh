#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Folders of the host's in a VM: programs find there what they would find anywhere, and the host does as it likes with
# them meanwhile.
. "$(dirname "$0")/../lib/lib.sh"

IMAGE=$(busybox_image)
mkdir "$WORK/tools"
gcc -static -Wall -o "$WORK/tools/files" "$TOP/tests/vm/guests/files.c"

eval "lib_$(declare -f clean_up)"
clean_up() {
	grep -o " ${WORK}[^ ]*" /proc/self/mountinfo | xargs -r umount -l
	lib_clean_up
}

# Of all users, by memory, with locks, names that go and come.
test_programs() {
	for how in direct oci; do
		mkdir "$WORK/programs"
		status 0 caisson run --rm --executor $how -v "$WORK/tools:/tools:ro" -v "$WORK/programs:/v" "$IMAGE" sh -c '
			grep " /v " /proc/mounts | cut -d " " -f 3; /tools/files /v'
		is "$(head -n 1 "$WORK/out")" "$SHARED_BY" "$how: type"
		is "$(tail -n +2 "$WORK/out" | grep -vc ': as it should be$')" 0 "$how: $(out)"
		rmdir "$WORK/programs"
	done
	is_clean
}

# What the host has made with owners and modes the guest's tools read and copy, and the other way round.
test_trees() {
	local i
	mkdir -p "$WORK/tree/a/deep/er" "$WORK/copies"
	for i in $(seq 300); do
		echo "$i" >"$WORK/tree/a/deep/$i"
	done
	head -c 3000000 /dev/urandom >"$WORK/tree/large"
	truncate -s 10M "$WORK/tree/sparse"
	ln -s a/deep/1 "$WORK/tree/link"
	ln "$WORK/tree/large" "$WORK/tree/a/second"
	chown 1000:1001 "$WORK/tree/a/deep/2"
	chmod 4750 "$WORK/tree/a/deep/2"
	chmod 1777 "$WORK/tree/a/deep/er"
	status 0 caisson run --rm -v "$WORK/tree:/tree:ro" -v "$WORK/copies:/copies" "$IMAGE" sh -c '
		find /tree | wc -l; find /tree -type f -size +1000 | wc -l
		tar -cf - -C /tree . | tar -xf - -C /copies && diff -r /tree /copies && stat -c "%u:%g %a" /copies/a/deep/2'
	is "$(out | tr '\n' ' ')" "308 3 1000:1001 4750 "
	tree_of() { (cd "$1" && find . -printf '%p %y %m %U:%G %n %l\n' | sort && find . -type f -exec cat {} + | cksum); }
	diff <(tree_of "$WORK/tree") <(tree_of "$WORK/copies") || fail "the copies"
	is_clean
}

# As kubelet changes a ConfigMap, and as editors write files. What has the old one open keeps that.
test_replaced() {
	mkdir -p "$WORK/map/..one" "$WORK/map/..two"
	echo one >"$WORK/map/..one/key"
	echo two >"$WORK/map/..two/key"
	ln -s ..one "$WORK/map/..data"
	ln -s ..data/key "$WORK/map/key"
	status 0 caisson run -d --name map -v "$WORK/map:/map:ro" "$IMAGE" sleep 1000
	for next in two one two; do
		ln -s "..$next" "$WORK/map/..tmp"
		mv -T "$WORK/map/..tmp" "$WORK/map/..data"
		status 0 caisson exec map sh -c 'cat /map/key; readlink /map/..data'
		is "$(out | tr '\n' ' ')" "$next ..$next "
	done
	echo first >"$WORK/map/file"
	mkfifo "$WORK/said" "$WORK/go"
	caisson exec -i map sh -c 'exec 5</map/file; echo open; read -r _; cat <&5' <"$WORK/go" >"$WORK/said" &
	exec 4>"$WORK/go" 3<"$WORK/said"
	read -r line <&3
	is "$line" open
	rm "$WORK/map/file"
	echo >&4
	read -r line <&3
	is "$line" first
	exec 4>&-
	wait $!
	exec 3<&-
	echo second >"$WORK/map/file"
	status 0 caisson exec map cat /map/file
	is "$(out)" second
	status 0 caisson delete -f map
	is_clean
}

# Whatever becomes of the folder's name on the host, the VM has the folder itself, and the other volumes.
test_folder_that_goes() {
	mkdir -p "$WORK/gone" "$WORK/moved" "$WORK/mounted" "$WORK/elsewhere"
	mount -t tmpfs none "$WORK/mounted"
	echo here | tee "$WORK/gone/file" "$WORK/moved/file" >"$WORK/mounted/file"
	echo other >"$WORK/elsewhere/file"
	status 0 caisson run -d --name goes -v "$WORK/gone:/gone" -v "$WORK/moved:/moved" -v "$WORK/mounted:/mounted" \
		-v "$WORK/elsewhere:/other" "$IMAGE" sleep 1000
	rm -r "$WORK/gone"
	mv "$WORK/moved" "$WORK/kept"
	ln -s elsewhere "$WORK/moved"
	umount -l "$WORK/mounted"
	status 0 timeout 60 caisson exec goes sh -c '
		ls /gone; cat /gone/file 2>/dev/null || echo none; (echo x >/gone/new) 2>/dev/null || echo refused
		cat /moved/file /mounted/file /other/file; echo new >/moved/new; echo new >/mounted/new'
	is "$(out | tr '\n' ' ')" "none refused here here other "
	is "$(find "$WORK/mounted" "$WORK/elsewhere" -type f)" "$WORK/elsewhere/file"
	is "$(cat "$WORK/kept/new")" new
	status 0 caisson delete -f goes
	is_clean
}

test_full_disk() {
	mkdir "$WORK/full"
	mount -t tmpfs -o size=1m none "$WORK/full"
	status 0 caisson run -d --name full -v "$WORK/full:/full" -v "$WORK/tools:/tools:ro" "$IMAGE" sleep 1000
	status 1 caisson exec full dd if=/dev/zero of=/full/file bs=64k count=100
	has "$(err)" "No space left on device"
	status 0 caisson exec full sh -c 'rm /full/file; echo again >/full/file; cat /full/file'
	is "$(out)" again
	status 0 caisson delete -f full
	umount "$WORK/full"
	is_clean
}

run_tests "$@"
