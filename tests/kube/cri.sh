#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What CRI promises, and no other of these tests asks for: docs/cri.md has the list. cri.py asks containerd, without kubelet.
. "$(dirname "$0")/kube-lib.sh"

# cases: a test for each of cri.py's
for name in $("$KUBE/cri.py"); do
	eval "test_$name() { \"\$KUBE/cri.py\" \"\$CONTAINERD_ADDRESS\" \"\$WORK/cri-$name\" \"\$RUNTIME\" $name; is_clean; }"
done

run_tests "$@"
