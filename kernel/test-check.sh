#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Tests of check.sh and of what build.sh does without building. Prints TAP.

set -uo pipefail
export LC_ALL=C

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
readonly HERE

count=0
failed=0
dir=$(mktemp -d)
trap 'rm -rf -- "$dir"' EXIT
# All of it in a folder whose name has a space.
dir="$dir/a b"
mkdir -- "$dir"

# expect STATUS PATTERN NAME COMMAND...: the status, and a pattern that one line of its output must match.
expect() {
	local status=$1 pattern=$2 name=$3 got=0

	shift 3
	"$@" >"$dir/out" 2>&1 || got=$?
	count=$((count + 1))
	if [ "$got" = "$status" ] && grep -Eq -- "$pattern" "$dir/out"; then
		echo "ok $count - $name"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $count - $name"
	echo "# status $got, expected $status; no line matches: $pattern"
	sed 's/^/# /' "$dir/out"
}

refuse_line() {
	count=$((count + 1))
	if grep -Eq -- "$1" "$dir/out"; then
		failed=$((failed + 1))
		echo "not ok $count - $2"
	else
		echo "ok $count - $2"
	fi
}

# config VALUE-OF-MODULES [SED-SCRIPT]: a configuration that holds all that the list names, by its first row.
config() {
	awk -F '|' -v module="$1" '
		BEGIN { print "CONFIG_X86_64=y" }
		/^#/ || NF < 4 { next }
		{
			split($2, level, " ")
			gsub(/[ \t]/, "", $1)
			n = split($1, any, "/")
			for (i = 1; i <= n; i++)
				if (!seen[any[i]]++)
					print "CONFIG_" any[i] "=" (level[1] == "y" ? "y" : module)
		}
	' "$HERE/required.list" | sed "${2:-}"
}

# elf OUT CONFIG: what of an ELF kernel check.sh looks at.
elf() {
	{
		printf '\177ELF'
		head -c 5000 /dev/zero
		printf IKCFG_ST
		gzip -n -c -- "$2"
		printf 'IKCFG_ED and more'
	} >"$1"
}

# image OUT CONFIG: what of an arm64 Image it looks at.
image() {
	{
		head -c 56 /dev/zero
		printf 'ARM\144'
		head -c 5000 /dev/zero
		printf IKCFG_ST
		gzip -n -c -- "$2"
		printf 'IKCFG_ED and more'
	} >"$1"
}

# bzimage OUT PAYLOAD: a boot sector, one sector of setup, and the payload 16 bytes behind it.
bzimage() {
	local size

	size=$(stat -c %s -- "$2")
	{
		head -c 497 /dev/zero
		printf '\1'
		head -c 16 /dev/zero
		printf 'HdrS'
		head -c 66 /dev/zero
		printf '\20\0\0\0'
		printf '%b' "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' \
			$((size & 255)) $((size >> 8 & 255)) $((size >> 16 & 255)) $((size >> 24)))"
		head -c 432 /dev/zero
		head -c 16 /dev/zero
		cat -- "$2"
	} >"$1"
}

check=$HERE/check.sh
config y >"$dir/full"
config m >"$dir/modular"

expect 0 '^complete$' 'everything built in' "$check" "$dir/full"
refuse_line modules 'no word of modules where there are none'
expect 0 '^modules.*VIRTIO_MMIO.*OVERLAY_FS' 'modules count, and are named' "$check" "$dir/modular"

config y '/CONFIG_VIRTIO_FS=/d' >"$dir/config"
expect 1 '^lacks CONFIG_VIRTIO_FS: .*; without: ' 'an option that is not there' "$check" "$dir/config"
config y 's/^CONFIG_PID_NS=y/# CONFIG_PID_NS is not set/' >"$dir/config"
expect 1 '^lacks CONFIG_PID_NS: ' 'an option that is off' "$check" "$dir/config"
config y 's/^CONFIG_VSOCKETS=y/CONFIG_VSOCKETS=n/;s/^CONFIG_MEMCG=y/CONFIG_MEMCG_KMEM=y/' >"$dir/config"
expect 1 ' 2 lacking$' 'the number lacking; a longer name is not the option' "$check" "$dir/config"
config y 's/^CONFIG_UNIX=y/CONFIG_UNIX=m/' >"$dir/config"
expect 1 '^lacks CONFIG_UNIX=y .*too late' 'a module where it must be built in' "$check" "$dir/config"
config y '/CONFIG_VIRTIO_BALLOON=/d' >"$dir/config"
expect 0 '^could use CONFIG_VIRTIO_BALLOON: ' 'a wish does not fail' "$check" "$dir/config"
config y '/CONFIG_ACPI=/d;/CONFIG_OF=/d' >"$dir/config"
expect 0 '^complete$' 'one of several will do' "$check" "$dir/config"
config y '/CONFIG_ACPI=/d;/CONFIG_OF=/d;/CONFIG_VIRTIO_MMIO_CMDLINE/d' >"$dir/config"
expect 1 '^lacks CONFIG_ACPI or CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES' 'none of several' "$check" "$dir/config"
config y '/CONFIG_SERIAL_AMBA/d' >"$dir/config"
expect 0 '^complete$' 'options of another architecture do not count' "$check" "$dir/config"
config y '/CONFIG_PVH=/d' >"$dir/config"
expect 1 '^lacks CONFIG_PVH' 'options of this architecture count' "$check" "$dir/config"
config y '/CONFIG_PVH=/d;/CONFIG_SERIAL_8250/d;s/X86_64/ARM64/' >"$dir/config"
expect 0 '^complete$' 'another architecture needs its own' "$check" "$dir/config"

expect 0 '^complete$' 'everything, for Firecracker' "$check" --for firecracker "$dir/full"
expect 0 '^modules.*VIRTIO_BLK.*NET_9P_FD' 'modules count under Firecracker, too' \
	"$check" --for firecracker "$dir/modular"
config y '/CONFIG_KVM_GUEST=/d' >"$dir/config"
expect 1 '^lacks CONFIG_KVM_GUEST: ' 'what Firecracker alone needs' "$check" --for firecracker "$dir/config"
expect 0 '^complete$' 'and QEMU does not' "$check" --for qemu "$dir/config"
config y '/CONFIG_VIRTIO_FS=/d;/CONFIG_PVH=/d' >"$dir/config"
expect 0 '^complete$' 'what QEMU alone needs' "$check" --for firecracker "$dir/config"
expect 1 '^not a caisson guest under qemu: 2 lacking$' 'and QEMU is meant unless said' "$check" "$dir/config"
config y '/CONFIG_9P_FS=/d' >"$dir/config"
expect 1 '^lacks CONFIG_9P_FS: ' 'a wish for one is needed for the other' "$check" --for firecracker "$dir/config"
expect 0 '^could use CONFIG_9P_FS: ' 'and only a wish for the first' "$check" "$dir/config"
config y '/CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES=/d' >"$dir/config"
expect 0 'before 1\.8$' 'a kernel for newer Firecrackers' "$check" --for firecracker "$dir/config"
config y '/CONFIG_SERIAL_OF_PLATFORM=/d;/CONFIG_KVM_GUEST=/d;s/X86_64/ARM64/' >"$dir/config"
expect 1 '^lacks CONFIG_SERIAL_OF_PLATFORM: ' 'arm64 under Firecracker' "$check" --for firecracker "$dir/config"
refuse_line KVM_GUEST 'what only x86_64 needs there does not count'
expect 0 '^complete$' 'arm64 under QEMU' "$check" "$dir/config"
config m 's/X86_64/ARM64/' >"$dir/config"
expect 1 '^lacks CONFIG_VIRTIO_MMIO=y ' 'a module where arm64 needs it built in' \
	"$check" --for firecracker "$dir/config"
expect 2 usage 'for a VMM that there is not' "$check" --for xen "$dir/full"
expect 2 usage '--for without a VMM' "$check" --for
expect 2 usage '--for without a file' "$check" --for firecracker

gzip -n -c "$dir/full" >"$dir/config.gz"
expect 0 '^complete$' 'a gzipped configuration' "$check" "$dir/config.gz"
elf "$dir/vmlinux" "$dir/full"
expect 0 '^complete$' 'the configuration in an ELF kernel' "$check" "$dir/vmlinux"
config y '/CONFIG_FUSE_FS=/d' >"$dir/config"
elf "$dir/vmlinux" "$dir/config"
expect 1 '^lacks CONFIG_FUSE_FS' 'the configuration in an ELF kernel, lacking' "$check" "$dir/vmlinux"
image "$dir/Image" "$dir/config"
expect 1 '^lacks CONFIG_FUSE_FS' 'the configuration in an Image' "$check" "$dir/Image"
gzip -n -c "$dir/vmlinux" >"$dir/payload"
bzimage "$dir/vmlinuz-1.2-x" "$dir/payload"
expect 1 '^lacks CONFIG_FUSE_FS' 'the configuration in a bzImage' "$check" "$dir/vmlinuz-1.2-x"
cp "$dir/full" "$dir/config-1.2-x"
expect 0 '^complete$' 'the configuration beside a bzImage comes first' "$check" "$dir/vmlinuz-1.2-x"

expect 2 'is not a file' 'no such file' "$check" "$dir/nothing"
expect 2 'is not a file' 'a folder' "$check" "$dir"
expect 2 usage 'no argument' "$check"
: >"$dir/empty"
expect 2 'neither' 'an empty file' "$check" "$dir/empty"
head -c 3000 /dev/zero >"$dir/zero"
expect 2 'neither' 'a file of zeros' "$check" "$dir/zero"
printf '\177ELF and no more' >"$dir/elf"
expect 2 'holds no configuration' 'an ELF file without configuration' "$check" "$dir/elf"
tail -c +20 -- "$dir/config.gz" >"$dir/rest"
{ printf '\177ELFIKCFG_ST'; cat "$dir/rest"; printf IKCFG_ED; } >"$dir/elf"
expect 2 'holds no configuration' 'an ELF file with a broken configuration' "$check" "$dir/elf"
printf '\177ELFIKCFG_EDIKCFG_ST' >"$dir/elf"
expect 2 'holds no configuration' 'an ELF file with its marks the wrong way round' "$check" "$dir/elf"
head -c 600 "$dir/vmlinuz-1.2-x" >"$dir/vmlinuz-short"
expect 2 'holds no configuration' 'a bzImage cut off' "$check" "$dir/vmlinuz-short"

build=$HERE/build.sh
export CAISSON_CACHE=$dir/cache
expect 1 usage 'build.sh without argument' "$build"
expect 1 usage 'build.sh with an option it does not know' "$build" --help-me
expect 1 usage 'build.sh --arch without an architecture' "$build" --arch
expect 1 usage 'build.sh --arch without anything to do' "$build" --arch aarch64
expect 1 'only for x86_64 and aarch64' 'an architecture that there is no kernel for' "$build" --arch mips --key
expect 1 'install the Debian package linux-source' 'no kernel source' \
	env CAISSON_LINUX_SOURCE="$dir/none.tar.xz" "$build" "$dir/kernel"
printf 'not a tarball' >"$dir/linux.tar.xz"
export CAISSON_LINUX_SOURCE=$dir/linux.tar.xz
expect 0 '^[0-9a-f]{64}$' 'a key' "$build" --key
first=$(cat -- "$dir/out")
expect 0 "^$first\$" 'the same key again' "$build" --key
printf 'another tarball' >"$dir/linux.tar.xz"
expect 0 '^[0-9a-f]{64}$' 'a key for another source' "$build" --key
refuse_line "^$first\$" 'another source has another key'
mkdir -- "$dir/tmp"
expect 1 'without spaces' 'a build folder whose name has a space' env TMPDIR="$dir/tmp" "$build" "$dir/kernel"
expect 1 'cannot make the folder' 'a place for the result that cannot be' "$build" "$dir/linux.tar.xz/kernel"
expect 1 'is not a folder' 'a file where the result is to be' "$build" "$dir/linux.tar.xz"
tmp=$(mktemp -d)
expect 1 'unpacking failed' 'a broken tarball' env TMPDIR="$tmp" "$build" "$dir/kernel"
expect 0 '^0$' 'nothing is left of a build that failed' sh -c "ls -A '$tmp' | wc -l; test ! -e '$dir/kernel'"
rmdir -- "$tmp"
expect 0 'xz' 'the log of a build that failed is kept' cat -- "$CAISSON_CACHE/kernel-build.log"
mkdir -- "$dir/bin"
for tool in bash sh cat env id stat sha256sum paste sed uname dirname sort find head; do
	ln -s -- "$(command -v "$tool")" "$dir/bin/$tool"
done
expect 1 'flex \(package flex\).*make \(package make\)' 'missing tools are named with their packages' \
	env PATH="$dir/bin" "$build" "$dir/kernel"
other=aarch64
[ "$(uname -m)" != aarch64 ] || other=x86_64
expect 1 "$other-linux-gnu-gcc \\(package gcc-.*$other-linux-gnu-ld \\(package binutils-" \
	'and those for another architecture' env PATH="$dir/bin" "$build" --arch "$other" "$dir/kernel"

echo "1..$count"
[ "$failed" = 0 ]
