#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kubectl-cp.sh FILE ROUNDS: by kubectl cp into a pod and out of it again; prints how many milliseconds each took. With
# $CAISSON_TEST_RUNTIME, as the tests of that rig.
. "$(dirname "$0")/../tests/kube/kube-lib.sh"
set -e

milliseconds() {
	local begin
	begin=$(date +%s%N)
	"$@" >/dev/null || exit 1
	echo $((($(date +%s%N) - begin) / 1000000))
}

create files -- sleep 1000000
ready files
for _ in $(seq "$2"); do
	# What an earlier round has left would hide that nothing came.
	kubectl exec files -- rm -f /large
	rm -f "$WORK/back"
	into=$(milliseconds kubectl cp "$1" files:/large)
	out=$(milliseconds kubectl cp files:/large "$WORK/back")
	printf 'into %s\nout %s\n' "$into" "$out"
	cmp "$1" "$WORK/back"
done
kubectl delete pods --all --force --grace-period=0 >/dev/null 2>&1
# For what cleans up.
set +e
exit 0
