#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each layer includes only itself, layers below it (docs/architecture.md), and the libraries it is meant
# to use. include/abi is below everything, as is what musl, the compiler and the kernel have; generated
# headers, and the library they need, are the layer "proto".
set -eu
cd "$(dirname "$0")/../.."
musl=/usr/include/$(uname -m)-linux-musl

# layer: what it may include
rules='
base:
loop: base
overlay: base
tar: base overlay archive
ttrpc: base loop
rpc: base loop proto ttrpc
oci: base json-c
cgroup: base
image: base overlay tar json-c archive openssl ext2fs
vmm: base loop json-c archive openssl ext2fs http
net: base loop libmnl json-c
vsockd: base loop
p9: base
sandbox: base loop cgroup oci proto ttrpc rpc vmm net json-c seccomp image/ext4/ext4.h image/superblock.h
shim: base loop cgroup proto ttrpc rpc oci vmm sandbox image/digest.h net/test-netns.h
cmd: base loop cgroup oci overlay tar proto ttrpc rpc vmm image sandbox shim/lifeline.h guest/init/entrypoint.h guest/init/init-conf.h json-c net http
guest: base loop overlay tar proto ttrpc rpc
'

# Which layer or library a header belongs to; "system" for those of the C library and the kernel.
owner() {
	case $1 in
	*.pb-c.h\" | \<protobuf-c/*) echo proto ;;
	\"*/*) header=${1#\"} && echo "${header%%/*}" ;;
	\<linux/* | \<cpuid.h\> | \<stdatomic.h\> | \<x86intrin.h\>) echo system ;;
	\<*) header=${1#<} && header=${header%>} && if [ -e "$musl/$header" ]; then
		echo system
	else
		header=${header%%/*} && header=${header%.h} && echo "${header%%_*}"
	fi ;;
	*) echo nobody ;;
	esac
}

status=0
[ -e "$musl/stdio.h" ] || {
	echo "not ok layers: there is no $musl"
	exit 1
}
for dir in src/*/; do
	layer=$(basename "$dir")
	allowed=$(printf '%s' "$rules" | sed -n "s/^$layer: *//p")
	printf '%s' "$rules" | grep -q "^$layer:" || {
		echo "not ok layers: $layer is not in the list of $0"
		status=1
		continue
	}
	found=$(grep -rhoE '^[[:blank:]]*#[[:blank:]]*include.*' "$dir" --include='*.[ch]' | sort -u)
	bad=$(printf '%s\n' "$found" | while IFS= read -r line; do
		header=$(printf '%s' "$line" | sed -n 's/.*include[[:blank:]]*\([<"][^>"]*[>"]\).*/\1/p')
		name=$(owner "$header")
		for ok in system "$layer" abi $allowed; do
			[ "$name" = "$ok" ] && continue 2
			[ "$header" = "\"$ok\"" ] && continue 2
		done
		grep -rnF "$line" "$dir" --include='*.[ch]'
	done)
	if [ -n "$bad" ]; then
		echo "not ok layers: $layer includes what it may not"
		printf '%s\n' "$bad" | sed 's/^/  | /'
		status=1
	else
		echo "ok layers: $layer"
	fi
done
exit $status
