#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh PEER BUILDDIR - build interop.go against Debian's Go packages, then run it with PEER
set -eu

peer=$1
build=$2
src=$(dirname "$0")
gocode=/usr/share/gocode

for need in "$gocode/src/github.com/containerd/ttrpc" "$gocode/src/github.com/containerd/containerd"; do
	if [ ! -d "$need" ]; then
		echo "skipped: no $need"
		exit 77
	fi
done
if ! command -v go >/dev/null; then
	echo "skipped: no go"
	exit 77
fi

# Without modules: packages are found below $GOPATH/src and nothing is fetched.
export GO111MODULE=off GOPATH=$gocode GOCACHE="$build/go-cache" GOFLAGS=-trimpath
go build -o "$build/interop" "$src/interop.go"
"$build/interop" "$peer"
