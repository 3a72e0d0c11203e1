#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Build caisson's guest kernel from Debian's linux-source package.
#
#   build.sh [--arch ARCH] OUTDIR    build, and leave OUTDIR/{vmlinux,config,manifest}, complete or not at all
#   build.sh [--arch ARCH] --key     print what names the result: a digest of all that goes into it
#
# ARCH is x86_64 or aarch64, whose kernel is "Image" instead of "vmlinux" (default: this machine's). For another
# than this machine's it takes a compiler for that, gcc-ARCH-linux-gnu.
#
# Environment:
#   CAISSON_LINUX_SOURCE   the source tarball (default: the one of the package linux-source-6.1)
#   CAISSON_CACHE          where the tarball's digest is remembered, and the log of a build that failed
#                          (default: caisson's cache folder)
#   TMPDIR                 where the tree is unpacked and built (default: /var/tmp; 700 MB)
#
# The tree is unpacked, configured from nothing but the fragments (allnoconfig), checked against them,
# built and thrown away. Nothing of the machine goes into the result but the compiler.

set -euo pipefail
export LC_ALL=C
# What a caller's own make or build leaves in the environment must not reach the kernel's.
unset MAKEFLAGS MFLAGS MAKELEVEL CROSS_COMPILE CC CFLAGS CPPFLAGS LDFLAGS KCFLAGS KCPPFLAGS \
	KBUILD_OUTPUT KCONFIG_CONFIG LOCALVERSION C_INCLUDE_PATH CPATH GCC_EXEC_PREFIX

readonly TARBALL=${CAISSON_LINUX_SOURCE:-/usr/src/linux-source-6.1.tar.xz}
readonly NEED_MB=700

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
MACHINE=$(uname -m)
readonly HERE MACHINE

# What depends on the architecture, see set_arch().
arch=
kernel_arch=
image=
built=
cross=
# Steps that a build prints: only the progress shown depends on it.
steps_max=

work=
stage=
job=

die() {
	printf 'kernel/build.sh: %s\n' "$*" >&2
	exit 1
}

usage() {
	die 'usage: build.sh [--arch x86_64|aarch64] OUTDIR | build.sh [--arch x86_64|aarch64] --key'
}

set_arch() {
	arch=$1
	case $arch in
	x86_64) kernel_arch=x86_64 image=vmlinux built=vmlinux steps_max=2020 ;;
	aarch64) kernel_arch=arm64 image=Image built=arch/arm64/boot/Image steps_max=1680 ;;
	*) die "there is no kernel configuration for $arch, only for x86_64 and aarch64" ;;
	esac
	[ "$arch" = "$MACHINE" ] || cross=$arch-linux-gnu-
}

# Runs on every way out: ends the compilers, removes the tree and what was not finished.
cleanup() {
	local status=$?

	trap '' INT TERM HUP
	[ -z "$job" ] || stop_job
	[ -z "$stage" ] || rm -rf -- "$stage"
	if [ -n "$work" ]; then
		[ "$status" = 0 ] || say "removing $work"
		rm -rf -- "$work"
	fi
	exit "$status"
}

# A job runs in a process group of its own. What make started may outlive it for a moment, and would write
# into the tree while that is removed.
stop_job() {
	local tries=100

	kill -TERM -- "-$job" 2>/dev/null || :
	wait "$job" 2>/dev/null || :
	while kill -0 -- "-$job" 2>/dev/null && [ "$tries" -gt 0 ]; do
		sleep 0.05
		tries=$((tries - 1))
	done
	kill -KILL -- "-$job" 2>/dev/null || :
}

cache_dir() {
	if [ -n "${CAISSON_CACHE:-}" ]; then
		printf '%s\n' "$CAISSON_CACHE"
	elif [ "$(id -u)" = 0 ]; then
		echo /var/cache/caisson
	else
		printf '%s\n' "${XDG_CACHE_HOME:-$HOME/.cache}/caisson"
	fi
}

check_source() {
	[ -r "$TARBALL" ] ||
		die "there is no kernel source at $TARBALL: install the Debian package linux-source-6.1"
}

# One line for each tool or header that is missing, with the package that holds it.
missing_tools() {
	local tool

	for tool in bc:bc bison:bison flex:flex gcc:gcc ld:binutils make:make tar:tar xz:xz-utils; do
		command -v "${tool%%:*}" >/dev/null || echo "${tool%%:*} (package ${tool##*:})"
	done
	for tool in "${cross}gcc:gcc-${arch/_/-}-linux-gnu" "${cross}ld:binutils-${arch/_/-}-linux-gnu"; do
		[ -z "$cross" ] || command -v "${tool%%:*}" >/dev/null || echo "${tool%%:*} (package ${tool##*:})"
	done
	command -v gcc >/dev/null || return 0
	echo '#include <stdio.h>' | gcc -E - >/dev/null 2>&1 || echo 'stdio.h (package libc6-dev)'
	echo '#include <gelf.h>' | gcc -E - >/dev/null 2>&1 || echo 'gelf.h (package libelf-dev)'
}

check_tools() {
	local list

	list=$(missing_tools | paste -sd , | sed 's/,/, /g')
	[ -z "$list" ] || die "building the kernel needs $list"
}

# The digest of a file of 130 MB, remembered for as long as its size and time of change stay the same.
source_digest() {
	local cache stamp digest entry

	cache=$(cache_dir)/linux-source.digest
	stamp=$(stat -L -c '%s %Y' -- "$TARBALL")
	if [ -r "$cache" ]; then
		while read -r digest entry; do
			[ "$entry" != "$stamp $TARBALL" ] || { echo "$digest"; return; }
		done <"$cache"
	fi
	digest=$(sha256sum <"$TARBALL")
	digest=${digest%% *}
	if mkdir -p -- "${cache%/*}" 2>/dev/null && [ -w "${cache%/*}" ]; then
		printf '%s %s\n' "$digest" "$stamp $TARBALL" >"$cache.$$" && mv -f -- "$cache.$$" "$cache"
	fi
	echo "$digest"
}

fragments() {
	find "$HERE/fragments/common" "$HERE/fragments/$arch" -name '*.config' | sort
}

# Before the minutes are spent.
check_output() {
	local parent

	parent=$(dirname -- "$1")
	mkdir -p -- "$parent" 2>/dev/null || die "cannot make the folder $parent"
	[ -w "$parent/." ] || die "cannot write to $parent"
	[ ! -e "$1" ] || [ -d "$1" ] || die "$1 is not a folder"
}

# Everything that decides about the result, as text.
key_material() {
	local parts=(fragments/common "fragments/$arch" build.sh)

	[ ! -d "$HERE/source/$arch" ] || parts+=("source/$arch")
	echo "source $(source_digest)"
	"${cross}gcc" --version | head -n 1
	"${cross}ld" --version | head -n 1
	(cd -- "$HERE" && find "${parts[@]}" -type f |
		sort | while IFS= read -r file; do sha256sum -- "$file"; done)
}

key() {
	local sum

	sum=$(key_material | sha256sum)
	echo "${sum%% *}"
}

free_mb() {
	df -Pm -- "$1" | awk 'NR == 2 { print $4 }'
}

make_work_dir() {
	local base=${TMPDIR:-/var/tmp} free

	case $base in
	*[[:space:]:]*) die "the kernel's makefiles cannot work below \"$base\": set TMPDIR to a path without spaces and colons" ;;
	esac
	[ -w "$base/." ] || die "cannot write to $base: set TMPDIR to another folder"
	free=$(free_mb "$base")
	[ "$free" -ge "$NEED_MB" ] ||
		die "$base has $free MB left and the kernel's build needs $NEED_MB: set TMPDIR to another folder"
	work=$(mktemp -d -- "$base/caisson-kernel.XXXXXX")
	mkdir -- "$work/tree"
	# What a compiler that is killed leaves behind goes with the rest.
	export TMPDIR=$work
}

progress() {
	local done=$1 percent

	percent=$((done * 100 / steps_max))
	[ "$percent" -le 99 ] || percent=99
	if [ -t 2 ]; then
		printf '\r\033[Kkernel: %d of about %d steps (%d%%), %d s' "$done" "$steps_max" "$percent" "$SECONDS" >&2
	elif [ "$percent" -ge "$next_percent" ]; then
		printf 'kernel: %d%%, %d s\n' "$percent" "$SECONDS" >&2
		next_percent=$((percent / 10 * 10 + 10))
	fi
}

say() {
	[ ! -t 2 ] || printf '\r\033[K' >&2
	printf 'kernel: %s\n' "$*" >&2
}

# Runs a command into the log, in the background so that a signal need not wait for its end.
logged() {
	local status=0

	set -m
	"$@" >>"$work/log" 2>&1 &
	job=$!
	set +m
	wait "$job" || status=$?
	job=
	return "$status"
}

# Shows the end of the log, keeps the whole of it, and ends; the cause most people meet gets its sentence.
build_failed() {
	local what=$1 kept full=no

	[ ! -t 2 ] || printf '\n' >&2
	tail -n 20 -- "$work/log" >&2
	[ "$(free_mb "$work")" -gt 1 ] || full=yes
	kept=$(cache_dir)/kernel-build.log
	if mkdir -p -- "${kept%/*}" 2>/dev/null && cp -- "$work/log" "$kept" 2>/dev/null; then
		say "the whole log is $kept"
	fi
	[ "$full" = no ] || die "$what failed: the disk of ${work%/*} is full; set TMPDIR to another folder"
	die "$what failed; the last lines are above"
}

# Prints patterns of sources that no fragment asks for; their makefiles and Kconfig files stay. It is
# most of the tree, and of the time to unpack and to remove it.
unneeded() {
	local dir

	for dir in gpu media staging scsi usb misc iio infiniband video pinctrl crypto mtd soc platform \
		hwmon phy mfd s390 hid dma i2c spi regulator md net/ethernet net/wireless; do
		echo "*/drivers/$dir/*.[ch]"
	done
	case $arch in
	x86_64)
		echo '*/arch/[!x]*/*.[chS]'
		echo '*/drivers/clk/*.[ch]'
		echo '*/drivers/power/*.[ch]'
		echo '*/drivers/input/[!ks]*/*.[ch]'
		;;
	aarch64)
		echo '*/arch/[!a]*/*.[chS]'
		echo '*/arch/a[!r]*/*.[chS]'
		echo '*/arch/arm/mach-*/*.[chS]'
		echo '*/drivers/clk/*/*.[ch]'
		echo '*/drivers/input/*.[ch]'
		;;
	esac
	for dir in afs btrfs ceph cifs f2fs gfs2 ksmbd nfs nfsd ntfs3 ocfs2 reiserfs smb ubifs xfs; do
		echo "*/fs/$dir/*.[ch]"
	done
	echo '*/boot/dts/*'
	echo '*/sound/*.[ch]'
	echo '*/samples/*.[ch]'
	echo '*/Documentation/*/*'
	echo '*/tools/perf/*'
	echo '*/tools/testing/*'
}

unpack() {
	say "unpacking $TARBALL"
	unneeded >"$work/unneeded"
	logged tar -x -I 'xz -dT0' -f "$TARBALL" -C "$work/tree" --strip-components=1 \
		--exclude-from="$work/unneeded" || build_failed unpacking
	[ -f "$work/tree/Kbuild" ] || die "$TARBALL is not a kernel source tarball"
}

# Our own sources live in a folder of their own, and are seen by two files of the kernel (see there).
add_sources() {
	local x86=$work/tree/arch/x86

	[ "$arch" = x86_64 ] || return 0
	cp -r -- "$HERE/source/x86_64" "$x86/caisson"
	echo 'obj-y += caisson/' >>"$x86/Kbuild"
	# shellcheck disable=SC2016 # the variable is make's
	{
		echo 'CFLAGS_alternative.o += -include $(srctree)/arch/x86/caisson/alternative.h' >>"$x86/kernel/Makefile"
		echo 'CFLAGS_init.o += -include $(srctree)/arch/x86/caisson/initmem.h' >>"$x86/mm/Makefile"
	}
}

kernel_make() {
	make -C "$work/tree" ARCH="$kernel_arch" CROSS_COMPILE="$cross" KBUILD_BUILD_USER=caisson KBUILD_BUILD_HOST=caisson \
		KBUILD_BUILD_VERSION=1 KBUILD_BUILD_TIMESTAMP='1970-01-01 00:00:00 UTC' "$@"
}

# Prints the options that the fragments ask for and the configuration does not hold.
unmet_options() {
	awk '
		FNR == NR && /^CONFIG_/ { split($0, a, "="); have[a[1]] = $0; next }
		FNR == NR { next }
		/^CONFIG_/ { split($0, a, "="); if (have[a[1]] != $0) print $0 }
		/^# CONFIG_.* is not set$/ { if ($2 in have) print $2 "=n" }
	' "$work/tree/.config" "$work/wanted"
}

configure() {
	local file unmet

	fragments | while IFS= read -r file; do cat -- "$file"; done >"$work/wanted"
	logged kernel_make KCONFIG_ALLCONFIG="$work/wanted" allnoconfig || build_failed configuring
	unmet=$(unmet_options | paste -sd ' ')
	[ -z "$unmet" ] || die "this kernel source does not grant: $unmet"
}

compile() {
	local line steps=0 next_percent=0

	say "compiling with $(nproc) jobs"
	mkfifo -- "$work/steps"
	set -m
	kernel_make -j"$(nproc)" "$image" >"$work/steps" 2>&1 </dev/null &
	job=$!
	set +m
	while IFS= read -r line; do
		printf '%s\n' "$line" >>"$work/log" 2>/dev/null || :
		case $line in
		'  '[A-Z]*) steps=$((steps + 1)); progress "$steps" ;;
		esac
	done <"$work/steps"
	wait "$job" || { job=; build_failed compiling; }
	job=
}

# The 64-bit entry of an ELF file is a physical address in a segment that is loaded there.
has_64bit_entry() {
	local entry type phys size

	readelf -hW -- "$1" | grep -q 'Class: *ELF64' || return 1
	entry=$(readelf -hW -- "$1" | sed -n 's/.*Entry point address: *//p')
	while read -r type _ _ phys size _; do
		[ "$type" != LOAD ] || ((entry < phys || entry >= phys + size)) || return 0
	done < <(readelf -lW -- "$1")
	return 1
}

# What VMMs start it by. An ELF kernel: the PVH entry, note 18 of "Xen", by QEMU and by Firecracker from 1.12
# on; the 64-bit one by Firecracker before. An Image: its header (Documentation/arm64/booting.rst).
check_entry() {
	case $arch in
	x86_64)
		readelf -nW -- "$1" 2>/dev/null | grep -q 'Xen.*0x00000012' || die 'the kernel built has no PVH entry'
		has_64bit_entry "$1" || die 'the kernel built has no 64-bit entry'
		;;
	aarch64)
		[ "$(od -An -tx1 -j 56 -N 4 -- "$1" | tr -d ' ')" = 41524d64 ] || die 'the kernel built has no header'
		;;
	esac
}

write_manifest() {
	local sum

	sum=$(sha256sum <"$stage/$image")
	cat <<-EOF
		key=$1
		arch=$arch
		release=$(kernel_make -s kernelrelease)
		source=$(source_digest)
		compiler=$("${cross}gcc" --version | head -n 1)
		$image=${sum%% *}
	EOF
}

# install_result OUTDIR KEY: renames the finished folder into place, or its files where the folder is there already.
install_result() {
	local out=$1 file

	stage=$(mktemp -d -- "$out.XXXXXX")
	chmod 755 -- "$stage"
	if [ "$image" = vmlinux ]; then
		"${cross}strip" -s -o "$stage/vmlinux" -- "$work/tree/$built" || die "cannot write to $out"
	else
		cp -- "$work/tree/$built" "$stage/$image" || die "cannot write to $out"
	fi
	check_entry "$stage/$image"
	cp -- "$work/tree/.config" "$stage/config"
	write_manifest "$2" >"$stage/manifest"
	chmod 644 -- "$stage"/*
	if [ ! -d "$out" ]; then
		mv -T -- "$stage" "$out"
	else
		for file in "$image" config manifest; do
			mv -f -- "$stage/$file" "$out/$file"
		done
		rmdir -- "$stage"
	fi
	stage=
}

build() {
	local key

	check_tools
	check_output "$1"
	key=$(key)
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	trap 'exit 129' HUP
	make_work_dir
	unpack
	add_sources
	configure
	compile
	install_result "$1" "$key"
	say "built $1/$image in $SECONDS s"
}

main() {
	if [ "${1:-}" = --arch ]; then
		[ $# -ge 2 ] || usage
		set_arch "$2"
		shift 2
	else
		set_arch "$MACHINE"
	fi
	[ $# = 1 ] || usage
	case $1 in
	--key)
		check_source
		check_tools
		key
		;;
	'' | -*)
		usage
		;;
	*)
		check_source
		build "$1"
		;;
	esac
}

main "$@"
