#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# build.sh IMAGE: makes an ext4 file that boots by itself: Debian 12 with Node.js, the server beside this
# script, and vminitd as /sbin/init. Needs root, for debootstrap; nothing is mounted on the host.
#
# What comes from Debian is made once, and kept in $CAISSON_CACHE by what it is made of.
set -eu

SUITE=bookworm
PACKAGES=nodejs
# The one that this machine takes its own packages from.
MIRROR=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)}
CACHE=${CAISSON_CACHE:-/var/cache/caisson}/trees

here=$(cd "$(dirname "$0")" && pwd)
caisson=$here/../../build/bin/caisson
[ -x "$caisson" ] || caisson=caisson

die() {
	echo "build.sh: $*" >&2
	exit 1
}

# What makes the tree what it is; a change of any of this is another tree.
make_tree() {
	debootstrap --variant=minbase --include="$PACKAGES" "$SUITE" "$1" "$MIRROR" >"$1.log" 2>&1 || {
		tail -n 5 "$1.log" >&2
		die "debootstrap failed: see above"
	}
	chroot "$1" useradd --create-home --uid 1000 --shell /bin/bash learner
	# Of the machine that made it, and what apt can fetch again.
	rm -rf "$1/etc/resolv.conf" "$1/etc/hostname" "$1/var/cache/apt" "$1/var/lib/apt/lists" "$1/var/log"
	mkdir -p "$1/var/cache/apt/archives/partial" "$1/var/lib/apt/lists/partial" "$1/var/log"
}

usage() {
	echo "usage: build.sh IMAGE"
	exit "$1"
}

key_of_tree() {
	{
		echo "$SUITE $PACKAGES"
		sed -n '/^make_tree/,/^}/p' "$here/build.sh"
	} | sha256sum | cut -d ' ' -f 1
}

case ${1:-} in
-h | --help) usage 0 ;;
-* | "") usage 2 >&2 ;;
esac
[ $# -eq 1 ] || usage 2 >&2
[ ! -e "$1" ] && [ ! -L "$1" ] || { [ -f "$1" ] && [ ! -L "$1" ]; } ||
	die "$1 is there, and is no regular file"
[ -d "$(dirname -- "$1")" ] || die "$(dirname -- "$1") is no folder"
[ "$(id -u)" -eq 0 ] || die "debootstrap needs root: try sudo"
for program in debootstrap mke2fs; do
	command -v "$program" >/dev/null || die "$program is not installed: apt-get install debootstrap e2fsprogs"
done

mkdir -p "$CACHE"
work_image=
work=$(mktemp -d "$CACHE/.work.XXXXXX")
trap 'rm -rf "$work" "$work_image"' EXIT
trap 'exit 1' INT TERM
base=$CACHE/$(key_of_tree)
if [ ! -d "$base" ]; then
	mkdir "$work/base"
	make_tree "$work/base"
	# Two at a time make the same: the first one counts.
	mv -T "$work/base" "$base" 2>/dev/null || [ -d "$base" ]
fi

# Links instead of copies: what is added are new files, and those of the base are not written.
cp -al "$base" "$work/tree"
mkdir -p "$work/tree/home/learner/server/dist" "$work/tree/workspace"
cp "$here/server/dist/index.js" "$work/tree/home/learner/server/dist/"
cp "$here/welcome.md" "$work/tree/workspace/"
chown -R 1000:1000 "$work/tree/home/learner/server"
"$caisson" image init-config --install \
	--hostname workspace --user learner --workspace /workspace \
	--workdir /home/learner/server --require /home/learner/server/dist/index.js \
	--env NODE_ENV=production --env AUTH_DISABLED=true \
	"$work/tree" node dist/index.js

# Half as much again, for what is written in there.
size=$(($(du -sm "$work/tree" | cut -f 1) * 3 / 2))
# Whoever has the earlier one open keeps it; whoever looks finds a whole one.
work_image=$(mktemp "$1.XXXXXX")
chmod 644 "$work_image"
mke2fs -q -F -t ext4 -L workspace -d "$work/tree" "$work_image" "${size}M"
mv -fT "$work_image" "$1"
