#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kubectl-cp.sh FILE ROUNDS: copies a file by kubectl cp into a pod and out of it again.
#
# Each round does so with a pod of caisson's and with one of runc's, in turn. Of each copy a line is
# printed: the runtime, "into" or "out", and milliseconds.
set -u
usage() { sed -n '3,/^set /s/^# \?//p' "$0"; }
case ${1:-} in
-h | --help)
	usage
	exit 0
	;;
esac
if [ $# -ne 2 ] || [ ! -f "$1" ] || [[ ! $2 =~ ^[1-9][0-9]*$ ]]; then
	echo "kubectl-cp.sh: needs a FILE that is there, and how many ROUNDS: see kubectl-cp.sh --help" >&2
	exit 2
fi
. "$(dirname "$0")/../tests/kube/kube-lib.sh"
set -e

milliseconds() {
	local begin
	begin=$(date +%s%N)
	"$@" >/dev/null || exit 1
	echo $((($(date +%s%N) - begin) / 1000000))
}

for runtime in caisson runc; do
	runtime_class $runtime
	create $runtime ".spec.runtimeClassName = \"$runtime\"" -- sleep 1000000
done
ready caisson runc
for _ in $(seq "$2"); do
	# What an earlier round has left would hide that nothing came.
	for runtime in caisson runc; do
		kubectl exec $runtime -- rm -f /large
		taken=$(milliseconds kubectl cp "$1" $runtime:/large)
		echo "$runtime into $taken"
	done
	for runtime in caisson runc; do
		rm -f "$WORK/back"
		taken=$(milliseconds kubectl cp $runtime:/large "$WORK/back")
		echo "$runtime out $taken"
		cmp "$1" "$WORK/back"
	done
done
kubectl delete pods --all --force --grace-period=0 >/dev/null 2>&1
# For what cleans up.
set +e
exit 0
