#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `caisson run --machine q35` and RUNCVM_MACHINE=q35: a PC with PCI, a display by VNC, USB, and an EFI.
. "$(dirname "$0")/../lib/lib.sh"

ls /boot/vmlinuz-* >/dev/null 2>&1 || {
	echo "ok pc # SKIP there is no kernel of a distribution in /boot"
	exit 0
}
IMAGE=$(busybox_image)
# Or the first one of the tests would hear that it is unpacked.
caisson run --rm "$IMAGE" true 2>/dev/null

# The greeting of a VNC server at unix:PATH or HOST:PORT (RFC 6143, 7.1.1).
greeting() {
	timeout 60 python3 - "$1" <<-'END'
		import socket, sys
		where = sys.argv[1]
		if where.startswith("unix:"):
		    s = socket.socket(socket.AF_UNIX)
		    s.connect(where[5:])
		else:
		    host, port = where.split(":")
		    s = socket.create_connection((host, int(port)))
		print(s.recv(12).decode().strip())
	END
}

display_at() {
	caisson inspect "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin).get("display_at"))'
}

test_devices_and_display() {
	status 0 caisson run -d --name pc --machine q35 --disk "$WORK/disk.img,/d,16M" "$IMAGE" sleep 1000
	is "$(display_at pc)" "unix:$CAISSON_RUN/pc/vnc.sock"
	is "$(greeting "$(display_at pc)")" "RFB 003.008"
	# The guest finds out what is at its USB while programs run already.
	status 0 caisson exec pc sh -c 'until grep -q Tablet /sys/bus/usb/devices/*/product && grep -q Keyboard /sys/bus/usb/devices/*/product; do sleep 0.05; done'
	status 0 caisson exec pc sh -c 'cat /sys/bus/usb/devices/*/product; cat /sys/bus/pci/devices/*/class; grep -c " /d ext4" /proc/mounts'
	has "$(out)" "QEMU USB Tablet"
	has "$(out)" "QEMU USB Keyboard"
	has "$(out)" 0x030000
	is "$(out | tail -1)" 1
	status 0 caisson delete -f pc
	is_clean
}

test_without() {
	status 0 caisson run --rm -e RUNCVM_MACHINE=q35 -e RUNCVM_DISPLAY_MODE=headless -e RUNCVM_QEMU_USB=0 \
		-e RUNCVM_QEMU_VGA=none "$IMAGE" sh -c 'ls /sys/bus/usb/devices; grep -l 0x03 /sys/bus/pci/devices/*/class; ls /sys/bus/pci/devices'
	has "$(out)" 0000:00:00.0
	case $(out) in *usb* | *class*) fail "$(out)" ;; esac
	is_clean
}

# Only where the administrator lets a container have a port of the host's.
test_tcp() {
	port=$(python3 - <<-'END'
		import socket
		for port in range(5900, 6000):
		    with socket.socket() as s:
		        try:
		            s.bind(("127.0.0.1", port))
		        except OSError:
		            continue
		    print(port)
		    break
	END
	)
	run_refused "RUNCVM_QEMU_VNC_DISPLAY is not a container's to set, unless" --machine q35 -e "RUNCVM_QEMU_VNC_DISPLAY=:$((port - 5900))"
	echo 'settings.allow = ["qemu_vnc_display"]' >"$CAISSON_CONFIG"
	run_refused "is no display from :0 to :99, which is one of 127.0.0.1's" --machine q35 -e RUNCVM_QEMU_VNC_DISPLAY=0.0.0.0:1
	status 0 caisson run -d --name tcp --machine q35 -e "RUNCVM_QEMU_VNC_DISPLAY=:$((port - 5900))" "$IMAGE" sleep 1000
	is "$(display_at tcp)" "127.0.0.1:$port"
	is "$(greeting "127.0.0.1:$port")" "RFB 003.008"
	status 0 caisson delete -f tcp
	: >"$CAISSON_CONFIG"
	is_clean
}

test_what_is_refused() {
	run_refused "RUNCVM_BIOS=efi goes with the machine q35 only" -e RUNCVM_BIOS=EFI
	run_refused "RUNCVM_DISPLAY_MODE=vnc goes with the machine q35 only" -e RUNCVM_DISPLAY_MODE=vnc
	run_refused "RUNCVM_QEMU_VGA of 'vga' is not one of std|" --machine q35 -e RUNCVM_QEMU_VGA=vga
	run_refused "RUNCVM_MACHINE of 'pc' is not one of microvm|q35" -e RUNCVM_MACHINE=pc
	run_refused "RUNCVM_BIOS of 'coreboot' is not EFI" --machine q35 -e RUNCVM_BIOS=coreboot
	tuned=$(caisson kernel list | awk '/-caisson / { print ($1 == "*") ? $2 : $1; exit }')
	[ -z "$tuned" ] || run_refused "has no PCI, which the machine q35 needs: --kernel distro has" --machine q35 --kernel "$tuned"
	# As on a machine that has no EFI.
	status 125 unshare -m sh -c 'for d in ovmf qemu edk2; do [ ! -d /usr/share/$d ] || mount -t tmpfs none /usr/share/$d; done
		exec "$@"' sh caisson run --rm --machine q35 -e RUNCVM_BIOS=EFI "$IMAGE" true
	one_sentence
	has "$(err)" "there is no EFI on this machine: install ovmf"
	is_clean
}

# By a bundle's annotations, as engines have them.
test_efi_of_a_bundle() {
	command -v crun >/dev/null || skip "there is no crun"
	[ -e /usr/share/ovmf/OVMF.fd ] || skip "there is no ovmf"
	mkdir -p "$WORK/b/rootfs/bin"
	cp /bin/busybox "$WORK/b/rootfs/bin/busybox"
	ln -sf busybox "$WORK/b/rootfs/bin/sh"
	(cd "$WORK/b" && crun spec)
	python3 - "$WORK/b/config.json" <<-'END'
		import json, sys
		c = json.load(open(sys.argv[1]))
		c["process"].update(terminal=False, args=["sh", "-c", "busybox ls /sys/firmware/efi; until busybox grep -q Tablet /sys/bus/usb/devices/*/product; do busybox sleep 0.05; done; busybox cat /sys/bus/usb/devices/*/product"])
		c["linux"]["maskedPaths"].remove("/sys/firmware")
		c["annotations"] = {"io.caisson.machine": "q35", "io.caisson.bios": "EFI"}
		json.dump(c, open(sys.argv[1], "w"))
	END
	status 0 caisson run --rm -b "$WORK/b" one
	has "$(out)" systab
	has "$(out)" "QEMU USB Tablet"
	is_clean
}

run_tests "$@"
