#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each layer includes only itself and layers below it (docs/architecture.md). Generated headers count
# as the layer "proto", include/abi as below everything.
set -eu
cd "$(dirname "$0")/../.."

# layer: what it may include
rules='
base:
loop: base
ttrpc: base loop
rpc: base loop ttrpc
image: base
vmm: base loop
vsockd: base loop
sandbox: base loop ttrpc rpc vmm
shim: base loop ttrpc rpc vmm sandbox
cmd: base loop ttrpc rpc vmm image sandbox shim/lifeline.h
guest: base loop ttrpc rpc
'

status=0
for dir in src/*/; do
	layer=$(basename "$dir")
	allowed=$(printf '%s' "$rules" | sed -n "s/^$layer: *//p")
	printf '%s' "$rules" | grep -q "^$layer:" || {
		echo "not ok layers: $layer is not in the list of $0"
		status=1
		continue
	}
	bad=$(grep -rnE '^#include "[a-z]+/' "$dir" --include='*.[ch]' | while IFS= read -r line; do
		header=$(printf '%s' "$line" | sed 's/.*#include "\([^"]*\)".*/\1/')
		for ok in "$layer" abi $allowed; do
			[ "${header%%/*}" = "$ok" ] && continue 2
			[ "$header" = "$ok" ] && continue 2
		done
		printf '%s\n' "$line"
	done)
	if [ -n "$bad" ]; then
		echo "not ok layers: $layer looks upwards or sideways"
		printf '%s\n' "$bad" | sed 's/^/  | /'
		status=1
	else
		echo "ok layers: $layer"
	fi
done
exit $status
