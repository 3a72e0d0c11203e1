#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Disks besides the root: `caisson run --disk`, RUNCVM_DISKS and io.caisson.disks, of images and bundles.
. "$(dirname "$0")/../lib/lib.sh"

IMAGE=$(busybox_image)
# Or the first one of the tests would hear that it is unpacked, or made a disk.
for mode in virtiofs image; do
	caisson run --rm --rootfs-mode $mode "$IMAGE" true 2>/dev/null
done

# What is written is there for the next container, in whatever way its root gets into the VM.
test_of_the_host() {
	(cd "$WORK" && status 0 caisson run --rm --disk ./data.img,/data,ext4,64M "$IMAGE" sh -c '
		grep -c " /data ext4 rw" /proc/mounts; df -k /data | tail -1; echo hello >/data/file; ls /data')
	is "$(out | sed -n 1p)" 1
	size=$(out | sed -n 2p | awk '{ print $2 }')
	[ "$size" -gt 45000 ] && [ "$size" -le 65536 ] || fail "$size KiB"
	has "$(out)" file
	is "$(stat -c '%s %a' "$WORK/data.img")" "67108864 600"
	[ "$(du -k "$WORK/data.img" | cut -f 1)" -lt 16384 ] || fail "it is not sparse"
	for how in virtiofs,direct image,direct copy,direct virtiofs,oci image,oci; do
		status 0 caisson run --rm --rootfs-mode "${how%,*}" --executor "${how#*,}" --disk "$WORK/data.img,/made/data" \
			--tmpfs /made/data/t "$IMAGE" sh -c 'cat /made/data/file; echo "$0" >/made/data/file
			grep -c " /made/data/t tmpfs" /proc/mounts' "$how"
		is "$(out)" "${before:-hello}
1" "$how"
		before=$how
	done
	e2fsck -fn "$WORK/data.img" >/dev/null || fail "the file system is damaged"
	is_clean
}

test_read_only_and_growing() {
	status 0 caisson run --rm --disk "$WORK/ro.img,/d,32M" "$IMAGE" sh -c 'echo kept >/d/file'
	sum=$(cksum <"$WORK/ro.img")
	status 0 caisson run --rm --disk "$WORK/ro.img,/d,ro" "$IMAGE" sh -c 'cat /d/file; echo x 2>/dev/null >/d/file || echo refused'
	is "$(out | tr '\n' ' ')" "kept refused "
	is "$(cksum <"$WORK/ro.img")" "$sum"
	status 0 caisson run --rm --disk "$WORK/ro.img,/d,128M" "$IMAGE" sh -c 'cat /d/file; df -k /d | tail -1'
	has "$(out)" kept
	[ "$(out | awk 'END { print $2 }')" -gt 100000 ] || fail "it has not grown: $(out)"
	run_refused "does not shrink to 32M" --disk "$WORK/ro.img,/d,32M"
	is_clean
}

# What is written is on it when it goes; others follow in its place, of other sizes, and each is seen as it is.
test_come_and_go() {
	local i
	status 0 caisson run -d --name box --placeholders 1 "$IMAGE" sleep 1000
	for i in 1 2 3; do
		status 0 caisson disk attach box "$WORK/come$i.img,/data,$((i * 16))M"
		status 0 caisson exec box sh -c 'echo "$0" >/data/file; cat /sys/block/*/size' $i
		has "$(out)" $((i * 32768))
		status 0 caisson disk detach box /data
		e2fsck -fn "$WORK/come$i.img" >/dev/null || fail "the file system is damaged"
		is "$(debugfs -R 'cat /file' "$WORK/come$i.img" 2>/dev/null)" $i
	done
	status 1 caisson disk attach box "$WORK/come1.img,/data,ro"
	has "$(err)" "QEMU has no placeholders for disks that are read only: try --hypervisor firecracker"
	status 0 caisson disk attach box "$WORK/come1.img,/data"
	status 0 caisson exec box cat /data/file
	is "$(out)" 1
	status 0 caisson delete -f box
	rm "$WORK"/*.img
	is_clean
}

test_what_is_refused() {
	mkdir -p "$WORK/folder"
	echo text >"$WORK/text"
	cp "$WORK/text" "$WORK/text.before"
	run_refused "the disk $WORK/none is not there: with a size" --disk "$WORK/none,/d"
	run_refused "'$WORK/none' is no disk: say" --disk "$WORK/none"
	run_refused "the disk $WORK/folder is a folder" --disk "$WORK/folder,/d,1G"
	run_refused "there is something on $WORK/text that is no ext4 file system: it is left as it is" --disk "$WORK/text,/d,1G"
	cmp "$WORK/text" "$WORK/text.before"
	run_refused "'xfs' is neither a size nor ro nor ext4" --disk "$WORK/none,/d,xfs,1G"
	run_refused "two are to be mounted on /d" --disk "$WORK/none,/d,1G" --tmpfs /d
	run_refused "is in the root file system, which is a disk itself" --rootfs-mode image -e RUNCVM_DISKS=/disk1,/d,1G
	run_refused "is in /t, which is no folder of the host's" --tmpfs /t -e RUNCVM_DISKS=/t/disk1,/d,1G
	echo 'limit.rootfs_size = "100M"' >"$CAISSON_CONFIG"
	run_refused "200M of disk, on /d, are more than limit.rootfs_size" -e RUNCVM_DISKS=/disk1,/d,200M
	echo 'settings.deny = ["disks"]' >"$CAISSON_CONFIG"
	run_refused "RUNCVM_DISKS is not a container's to set on this machine" -e RUNCVM_DISKS=/disk1,/d,10M
	: >"$CAISSON_CONFIG"
	[ ! -e "$WORK/none" ] || fail "it was made"
	is_clean
}

test_in_use() {
	status 0 caisson run -d --name holder --disk "$WORK/held.img,/d,16M" "$IMAGE" sleep 1000
	run_refused "the disk $WORK/held.img is in use by another container" --disk "$WORK/held.img,/d"
	run_refused "the disk $WORK/held.img is in use by another container" --disk "$WORK/held.img,/d,ro"
	status 0 caisson inspect holder
	has "$(out)" "disk:16777216:$WORK/held.img"
	status 0 caisson delete -f holder
	status 0 caisson run -d --name reader --disk "$WORK/held.img,/d,ro" "$IMAGE" sleep 1000
	status 0 caisson run --rm --disk "$WORK/held.img,/d,ro" "$IMAGE" ls /d
	status 0 caisson delete -f reader
	is_clean
}

# Paths are the container's: in its root, or in a volume, and nowhere else, whatever links there are.
test_settings() {
	mkdir -p "$WORK/v"
	ln -s /etc/passwd "$WORK/v/link"
	status 0 caisson run --name own -e RUNCVM_DISKS='/disk1,/one,ext4,16M;/v/disk2,/two,ext4,32M' -v "$WORK/v:/v" "$IMAGE" sh -c '
		ls -l /disk1 /v/disk2; echo in >/two/file; grep -c " /one ext4\| /two ext4" /proc/mounts'
	is "$(out | tail -1)" 2
	is "$(stat -c %s "$WORK/v/disk2" "$CAISSON_ROOT/containers/own/upper/disk1" | tr '\n' ' ')" "33554432 16777216 "
	status 0 caisson delete own
	status 0 caisson run --rm -e RUNCVM_DISKS=/ignored,/no,1G --annotation io.caisson.disks=/v/disk2,/again -v "$WORK/v:/v" "$IMAGE" \
		sh -c 'cat /again/file; [ ! -e /no ] && [ ! -e /ignored ]'
	is "$(out)" in
	run_refused "the disk /v/link is not there" -e RUNCVM_DISKS=/v/link,/d -v "$WORK/v:/v"
	run_refused "cannot make the disk /v/new: Read-only file system" -e RUNCVM_DISKS=/v/new,/d,16M -v "$WORK/v:/v:ro"
	status 0 caisson run --rm -e RUNCVM_DISKS=/img,/d -v "$WORK/v/disk2:/img" "$IMAGE" cat /d/file
	is "$(out)" in
	is_clean
}

bundle() {
	mkdir -p "$WORK/b/rootfs/bin"
	cp /bin/busybox "$WORK/b/rootfs/bin/busybox"
	ln -sf busybox "$WORK/b/rootfs/bin/sh"
	(cd "$WORK/b" && rm -f config.json && crun spec)
	python3 - "$WORK/b/config.json" "$@" <<-'END'
		import json, sys
		path, command, disks, *device = sys.argv[1:]
		c = json.load(open(path))
		c["process"].update(terminal=False, args=["sh", "-c", command])
		c["annotations"] = {"io.caisson.disks": disks} if disks else {}
		if device:
		    name, major, minor = device
		    c["linux"]["devices"] = [dict(path=name, type="b", major=int(major), minor=int(minor))]
		json.dump(c, open(path, "w"))
	END
}

test_bundles() {
	command -v crun >/dev/null || skip "there is no crun"
	bundle 'busybox grep -c " /data ext4 rw" /proc/mounts; echo x >/data/x' /../disk1,/data,16M
	status 0 caisson run --rm -b "$WORK/b" one
	is "$(out)" 1
	bundle 'busybox ls /data' /disk1,/data,ro
	status 0 caisson run --rm -b "$WORK/b" two
	has "$(out)" x
	is_clean
}

# The engine's --device names it, as it is called inside.
test_block_devices() {
	truncate -s 64M "$WORK/block"
	loop=$(losetup -f --show "$WORK/block" 2>/dev/null) || skip "there are no loop devices here"
	trap 'losetup -d "$loop"' EXIT
	status 0 caisson run --rm --disk "$loop,/d" "$IMAGE" sh -c 'echo block >/d/file; grep -c " /d ext4" /proc/mounts'
	is "$(out)" 1
	run_refused "the disk $loop is a device, whose size is not to be chosen" --disk "$loop,/d,1G"
	mkdir "$WORK/mnt"
	mount "$loop" "$WORK/mnt"
	is "$(cat "$WORK/mnt/file")" block
	run_refused "the disk $loop is in use on the host" --disk "$loop,/d"
	umount "$WORK/mnt"
	if command -v crun >/dev/null; then
		# shellcheck disable=SC2046 # two numbers
		bundle 'busybox cat /d/file' /dev/xvda,/d /dev/xvda $(stat -c '%Hr %Lr' "$loop")
		status 0 caisson run --rm -b "$WORK/b" three
		is "$(out)" block
		# shellcheck disable=SC2046 # two numbers
		bundle true '' /dev/xvda $(stat -c '%Hr %Lr' "$loop")
		status 125 caisson run --rm -b "$WORK/b" four
		has "$(err)" "linux.devices: /dev/xvda is a device of the host, which cannot be passed on, unless RUNCVM_DISKS"
	fi
	# Whatever is on it, and not ext4, stays.
	dd if=/dev/zero of="$loop" bs=1M count=64 2>/dev/null
	mkswap "$loop" >/dev/null
	run_refused "there is something on $loop that is no ext4 file system" --disk "$loop,/d"
	blkid -p "$loop" | grep -q swap || fail "the swap space is gone"
	is_clean
}

run_tests "$@"
