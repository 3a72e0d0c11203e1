#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Say what a kernel lacks to be a caisson guest.
#
#   check.sh [--for qemu|firecracker] FILE
#
# FILE is a kernel configuration (gzipped too), an ELF kernel, a bzImage or an arm64 Image. A kernel's configuration
# is the file config-VERSION beside vmlinuz-VERSION, or the one that CONFIG_IKCONFIG put into it.
#
# Exit status: 0 nothing is lacking, 1 something is, 2 FILE cannot be used.

set -euo pipefail
export LC_ALL=C

# No configuration is near this; a file made to unpack into more is cut off here.
readonly MAX_CONFIG=$((4 << 20))
readonly MAX_KERNEL=$((256 << 20))

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
readonly HERE

work=
vmm=qemu

die() {
	printf 'kernel/check.sh: %s\n' "$*" >&2
	exit 2
}

usage() {
	die 'usage: check.sh [--for qemu|firecracker] CONFIG|VMLINUX|BZIMAGE|IMAGE'
}

cleanup() {
	[ -z "$work" ] || rm -rf -- "$work"
}

# The first COUNT bytes of FILE from OFFSET on, as hexadecimal digits.
bytes() {
	od -An -v -tx1 -j "$2" -N "$3" -- "$1" 2>/dev/null | tr -d ' \n'
}

# A little-endian number of four bytes.
number() {
	local hex

	hex=$(bytes "$1" "$2" 4)
	[ "${#hex}" = 8 ] || { echo 0; return; }
	echo $((16#${hex:6:2}${hex:4:2}${hex:2:2}${hex:0:2}))
}

# The offset of the first occurrence of a word in a file; nothing if there is none.
offset_of() {
	grep -abo -m 1 -- "$2" "$1" | head -n 1 | cut -d : -f 1 || :
}

is_config() {
	grep -aq '^CONFIG_[A-Z0-9_]*=' -- "$1"
}

# Unpacks a stream by the four bytes it starts with; the caller looks at what came out.
unpack() {
	local magic

	magic=$(bytes "$1" 0 4)
	case $magic in
	1f8b*) gzip -dcq ;;
	fd377a58) xz -dcq ;;
	28b52ffd) zstd -dcq ;;
	02214c18) lz4 -dcq ;;
	425a68*) bzip2 -dcq ;;
	*) cat ;;
	esac <"$1" 2>/dev/null || :
}

# config_in KERNEL OUT: the configuration between IKCONFIG's two marks.
config_in() {
	local start end

	start=$(offset_of "$1" IKCFG_ST)
	end=$(offset_of "$1" IKCFG_ED)
	[ -n "$start" ] && [ -n "$end" ] && [ "$end" -gt $((start + 8)) ] || return 1
	tail -c +$((start + 9)) -- "$1" | head -c $((end - start - 8)) >"$work/gz" || :
	unpack "$work/gz" | head -c "$MAX_CONFIG" >"$2" || :
	is_config "$2"
}

# payload_of BZIMAGE OUT: the kernel in it, where the header says (x86 boot protocol 2.08: setup_sects,
# payload_offset, payload_length).
payload_of() {
	local sects offset length

	sects=$((16#$(bytes "$1" 497 1)))
	[ "$sects" != 0 ] || sects=4
	offset=$(((sects + 1) * 512 + $(number "$1" 584)))
	length=$(number "$1" 588)
	[ "$length" -gt 4 ] || return 1
	tail -c +$((offset + 1)) -- "$1" | head -c "$length" >"$work/payload" || :
	unpack "$work/payload" | head -c "$MAX_KERNEL" >"$2" || :
}

# ELF by its first bytes, an arm64 Image by those at 56 (Documentation/arm64/booting.rst).
is_plain_kernel() {
	[ "$(bytes "$1" 0 4)" = 7f454c46 ] || [ "$(bytes "$1" 56 4)" = 41524d64 ]
}

# find_config FILE OUT
find_config() {
	local file=$1 out=$2 name=${1##*/}

	if is_plain_kernel "$file"; then
		config_in "$file" "$out" || die "$file holds no configuration (CONFIG_IKCONFIG): give its config file"
		return
	fi
	if [ "$(bytes "$file" 0 2)" = 1f8b ]; then
		unpack "$file" | head -c "$MAX_CONFIG" >"$out" || :
		is_config "$out" || die "$file is not a kernel configuration"
		return
	fi
	if [ "$(bytes "$file" 514 4)" = 48647253 ]; then
		local beside=${file%"$name"}config-${name#*-}

		if [ "$beside" != "$file" ] && [ -r "$beside" ]; then
			cp -- "$beside" "$out"
		elif ! payload_of "$file" "$work/kernel" || ! config_in "$work/kernel" "$out"; then
			die "$file holds no configuration, and there is no $beside"
		fi
		return
	fi
	is_config "$file" || die "$file is neither a kernel configuration nor a kernel"
	head -c "$MAX_CONFIG" -- "$file" >"$out" || :
}

# compare CONFIG: one line for each thing lacking, then a summary; fails if a needed one is.
compare() {
	awk -F '|' -v vmm="$vmm" '
		function trim(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
		# Does a row count: of any architecture and VMM, or of those?
		function counts(n, word,  i) {
			for (i = 2; i <= n; i++) {
				if (word[i] == "x86_64" || word[i] == "arm64") {
					if (!(toupper(word[i]) in has)) return 0
				} else if (word[i] != vmm) return 0
			}
			return 1
		}
		FNR == NR {
			if ($0 ~ /^CONFIG_[A-Za-z0-9_]+=[ym]$/)
				has[substr($0, 8, length($0) - 9)] = substr($0, length($0))
			next
		}
		/^#/ || NF < 4 { next }
		{
			n = split(trim($2), level, " ")
			if (!counts(n, level)) next
			n = split(trim($1), any, "/")
			found = ""
			for (i = 1; i <= n; i++) {
				value = has[any[i]]
				if (value == "y" || (value == "m" && level[1] != "y")) {
					found = value
					name = any[i]
					break
				}
			}
			if (found == "m") { modules = modules " " name; next }
			if (found == "y") next
			names = "CONFIG_" any[1]
			for (i = 2; i <= n; i++) names = names " or CONFIG_" any[i]
			if (has[any[1]] == "m") names = names "=y (it is a module, which comes too late)"
			if (level[1] == "wish") {
				printf "could use %s: %s; without: %s\n", names, trim($3), trim($4)
				next
			}
			printf "lacks %s: %s; without: %s\n", names, trim($3), trim($4)
			lacking++
		}
		END {
			if (modules != "") print "modules, which travel in the initramfs:" modules
			if (lacking) print "not a caisson guest under " vmm ": " lacking " lacking"
			else print "complete"
			exit lacking ? 1 : 0
		}
	' "$1" "$HERE/required.list"
}

main() {
	if [ "${1:-}" = --for ]; then
		vmm=${2:-}
		[ "$vmm" = qemu ] || [ "$vmm" = firecracker ] || usage
		shift 2
	fi
	[ $# = 1 ] || usage
	[ -f "$1" ] || die "$1 is not a file"
	[ -r "$1" ] || die "cannot read $1"
	[ -r "$HERE/required.list" ] || die "cannot read $HERE/required.list"
	trap cleanup EXIT
	work=$(mktemp -d)
	find_config "$1" "$work/config"
	compare "$work/config"
}

main "$@"
