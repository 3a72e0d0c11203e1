#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# generate.sh PROTOC-C OUTDIR PROTO... - C messages from .proto files of other packages and our own
#
# What is done to each file before protoc-c sees it:
# * Options and imports of gogoproto and of containerd's fieldpath plugin are dropped: they do not
#   change the wire, and would draw in descriptor.proto.
# * Files are put into one folder under the names that flat_name() gives, so that the generated
#   headers include each other without containerd's long paths.
# * Fields called stdin, stdout, stderr get a trailing underscore: in musl these names are macros
#   that expand to a parenthesised name, which breaks `message->stdin`. The wire has numbers only.
set -eu

protoc_c=$1
out=$2
shift 2

flat_name() {
	case $1 in
	*/api/types/task/task.proto) echo task_types.proto ;;
	*/task/shim.proto) echo task.proto ;;
	*/api/events/task.proto) echo events.proto ;;
	*/ttrpc/events/v1/events.proto) echo forward.proto ;;
	*/stats/v1/metrics.proto) echo metrics_v1.proto ;;
	*/v2/stats/metrics.proto) echo metrics_v2.proto ;;
	*/runc/options/oci.proto) echo runc_options.proto ;;
	*/runtimeoptions/v1/api.proto) echo runtimeoptions.proto ;;
	*) basename "$1" ;;
	esac
}

names=
for file in "$@"; do
	name=$(flat_name "$file")
	sed -E \
		-e '/^[[:space:]]*import.*(gogoproto\/gogo|plugin\/fieldpath)\.proto"/d' \
		-e '/^[[:space:]]*option[[:space:]]+\(?(go_package|gogoproto|containerd\.plugin)/d' \
		-e 's/[[:space:]]*\[\(gogoproto\.[^]]*\]//g' \
		-e 's/^import(.*)"[^"]*\/api\/types\/task\/task\.proto"/import\1"task_types.proto"/' \
		-e 's/^import(.*)"[^"]*\/([^"/]+)"/import\1"\2"/' \
		-e 's/(string|bool)([[:space:]]+)(stdin|stdout|stderr)([[:space:]]*=)/\1\2\3_\4/' \
		"$file" >"$out/$name"
	names="$names $name"
done

# shellcheck disable=SC2086 # the names come from flat_name()
cd "$out" && "$protoc_c" --proto_path=. --c_out=. $names
