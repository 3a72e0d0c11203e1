#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# caisson as a user who is not root: whom nobody knows, with one of the host's groups, and with a home.
. "$(dirname "$0")/../lib/lib.sh"

"$TOP/tests/lib/make-image" busybox "docker-archive:$WORK/busybox.tar"
IMAGE=docker-archive:$WORK/busybox.tar
OWNER=64001 STRANGER=64002 GROUP=64003
HOME_DIR=$WORK/home
CAISSON_ROOT=$HOME_DIR/.local/share/caisson
CAISSON_RUN=$WORK/user/caisson
chmod 755 "$WORK"
install -d -o $OWNER -g $OWNER -m 755 "$HOME_DIR" "$HOME_DIR/.local" "$HOME_DIR/.local/share" "$HOME_DIR/v" "$HOME_DIR/www"
install -d -o $OWNER -g $OWNER -m 711 "$WORK/user"

# as_user UID PROGRAM...: with the folders that it has by itself
as_user() {
	local uid=$1
	shift
	setpriv --reuid "$uid" --regid "$uid" --groups "$uid,$GROUP" env -i "PATH=$PATH" "HOME=$HOME_DIR" \
		"XDG_RUNTIME_DIR=$WORK/user" "CAISSON_CONFIG=$CAISSON_CONFIG" "$@"
}
caisson() { as_user $OWNER "$TOP/build/bin/caisson" "$@"; }
# With numbers of others, as most users have them: $RANGE of them from 700000 on.
with_range() {
	# shellcheck disable=SC2016 # for the inner shell
	DIR=$WORK/etc unshare --mount --propagation private bash -ec '
		for file in passwd subuid subgid; do mount --bind "$DIR/$file" /etc/$file; done
		exec "$@"' - setpriv --reuid $OWNER --regid $OWNER --groups "$OWNER,$GROUP" env -i "PATH=$PATH" "HOME=$HOME_DIR" \
		"XDG_RUNTIME_DIR=$WORK/user" "CAISSON_CONFIG=$CAISSON_CONFIG" "$TOP/build/bin/caisson" "$@"
}
# What this file defines, as text for another shell.
definitions() {
	declare -p WORK TOP OWNER GROUP HOME_DIR CAISSON_CONFIG PATH IMAGE
	declare -f as_user caisson with_range
}
processes() { grep -lsz "^HOME=$HOME_DIR$" /proc/[0-9]*/environ | cut -d / -f 3; }
mkdir "$WORK/etc"
echo "$OWNER:700000:65536" | tee "$WORK/etc/subuid" >"$WORK/etc/subgid"
(cat /etc/passwd && echo "owner:x:$OWNER:$OWNER::$HOME_DIR:/bin/sh") >"$WORK/etc/passwd"

test_files_are_the_users_own() {
	status 0 caisson run --rm "$IMAGE" sh -c 'id -u; stat -c %u:%g /home/user; touch /x; chown 1234:5 /x; stat -c %u:%g /x'
	is "$(out | tr '\n' ' ')" "0 1000:1000 1234:5 "
	is "$(find "$HOME_DIR" "$WORK/user" ! -user $OWNER)" "" "of somebody else"
	status 0 caisson run -d --name mine "$IMAGE" sleep 1000
	for dir in "$CAISSON_ROOT" "$CAISSON_RUN" "$HOME_DIR/.cache/caisson"; do
		is "$(stat -c '%U %a' "$dir")" "UNKNOWN 700" "$dir"
		status 2 as_user $STRANGER ls "$dir"
		has "$(err)" "Permission denied"
	done
	for pid in $(processes); do
		is "$(stat -c %u "/proc/$pid")" $OWNER "user of $(cat "/proc/$pid/comm")"
	done
	# Somebody else's, with the same folders, is not let in.
	status 1 as_user $STRANGER "$TOP/build/bin/caisson" list
	status 125 as_user $STRANGER "$TOP/build/bin/caisson" exec mine true
	has "$(err)" "Permission denied"
	# Root has containers of its own.
	status 0 env "CAISSON_ROOT=$WORK/roots" "$TOP/build/bin/caisson" list -q
	is "$(out)" ""
	status 0 caisson delete -f mine
	is_clean
}

test_life() {
	status 0 caisson image import "$IMAGE"
	id=$(out)
	status 0 caisson run -d --name box "$IMAGE" sh -c 'echo words; cat >/dev/null; sleep 1000'
	status 0 caisson list -q
	is "$(out)" box
	status 7 caisson exec -e A=b -w /etc -u user box sh -c 'echo $A $PWD $(id -u); exit 7'
	is "$(out)" "b /etc 1000"
	definitions >"$WORK/definitions"
	status 0 script -qec "bash -c '. \"\$0\"; caisson exec -it box tty' '$WORK/definitions'" /dev/null
	has "$(out)" "/dev/pts/"
	status 0 caisson logs box
	is "$(out)" words
	echo from >"$HOME_DIR/from"
	status 0 caisson cp "$HOME_DIR/from" box:/to
	status 0 caisson cp box:/to "$HOME_DIR/back"
	is "$(stat -c %u "$HOME_DIR/back") $(cat "$HOME_DIR/back")" "$OWNER from"
	status 0 caisson ps box
	has "$(out)" "sleep 1000"
	status 0 caisson update --pids-limit 100 box
	status 0 caisson events --stats box
	has "$(out)" '"limit":100'
	status 0 caisson pause box
	status 0 caisson resume box
	status 0 caisson kill -s KILL box
	status 0 caisson wait box
	is "$(out)" 137
	status 0 caisson diff box
	is "$(out)" "A /to"
	status 0 caisson commit box saved:1
	status 0 caisson run --rm saved:1 cat /to
	is "$(out)" from
	status 1 caisson image rm "$id"
	has "$(err)" box
	status 0 caisson delete box
	status 0 caisson image rm saved:1 "$id"
	is "$(caisson image list -q)" ""
	status 0 caisson run --rm --executor oci "$IMAGE" id -u
	is "$(out)" 0
	is_clean
}

# Of whoever is nobody but himself, root of the container's are his; others there can make none.
test_volumes() {
	echo one >"$HOME_DIR/v/one"
	chown $OWNER:$OWNER "$HOME_DIR/v/one"
	echo alone >"$WORK/alone"
	status 0 caisson run --rm -v "$HOME_DIR/v:/v" -v "$HOME_DIR/v:/ro:ro" -v "$WORK/alone:/alone" -v "kept:/kept" "$IMAGE" sh -c '
		grep -o " /v '$SHARED_BY' " /proc/mounts; cat /v/one /alone; stat -c %u:%g /v/one /alone; echo new >/v/new
		(echo x >/ro/x) 2>/dev/null || echo refused; (echo x >>/alone) 2>/dev/null || echo refused
		chmod 777 /v; su user -s /bin/sh -c "echo x >/v/x" 2>/dev/null || echo refused; chmod 755 /v
		echo y >/kept/y; mkdir /kept/d'
	# The other one is root's, so nobody's there.
	is "$(out | tr '\n' ' ')" " /v $SHARED_BY  one alone 0:0 65534:65534 refused refused refused "
	is "$(stat -c %u "$HOME_DIR/v/new")" $OWNER
	is "$(ls "$HOME_DIR/v" | tr '\n' ' ')" "new one "
	status 0 caisson run -d --name live -v "$HOME_DIR/v:/v" "$IMAGE" sh -c 'until [ -e /v/there ]; do :; done; cat /v/there >/v/answer; sleep 1000'
	echo question >"$HOME_DIR/v/there"
	timeout 60 sh -c "until [ -s '$HOME_DIR/v/answer' ]; do :; done"
	is "$(cat "$HOME_DIR/v/answer")" question
	is "$(grep -c "$WORK" /proc/self/mountinfo)" 0 "mounts"
	# Who shares it, too, ends with its shim.
	for pid in $(processes); do
		# The second one may have ended with the first.
		case $(cat "/proc/$pid/comm") in caisson-shim*) kill -9 "$pid" || true ;; esac
	done
	processes_end 30
	status 0 caisson delete -f live
	status 0 caisson volume rm kept
	is "$(find "$HOME_DIR/.local" "$WORK/user" ! -user $OWNER)" "" "of somebody else"
	is_clean
}

# Who has numbers of others gives the container's users these.
test_volumes_with_subids() {
	status 0 with_range run --rm -v many:/m "$IMAGE" sh -c '
		mkdir -m 777 /m/d; su user -s /bin/sh -c "mkdir -p /m/d/e; echo x >/m/d/e/x"; echo y >/m/y; stat -c %u:%g /m/d/e/x
		chown 70000 /m/y 2>/dev/null || echo refused'
	is "$(out | tr '\n' ' ')" "1000:1000 refused "
	is "$(stat -c %u:%g "$CAISSON_ROOT/volumes/many/d/e/x" "$CAISSON_ROOT/volumes/many/y" | tr '\n' ' ')" "700999:700999 $OWNER:$OWNER "
	status 1 caisson volume rm many
	has "$(err)" "Permission denied"
	status 0 with_range volume rm many
	is "$(ls "$CAISSON_ROOT/volumes")" ""
	# A program that is not what it should be.
	cp -p "$(command -v newuidmap)" "$WORK/newuidmap"
	chmod u-s "$WORK/newuidmap"
	status 125 unshare --mount --propagation private bash -c "mount --bind $WORK/newuidmap $(command -v newuidmap)
		$(definitions); with_range run --rm -v many:/m $IMAGE true"
	has "$(err)" "newuidmap and newgidmap do not give this user what /etc/subuid and /etc/subgid say"
	status 0 caisson volume rm many
	is_clean
}

test_ports() {
	command -v passt >/dev/null || skip "there is no passt"
	NET=caisson-rootless-$$
	ip netns add $NET
	trap 'ip netns del $NET' EXIT
	in_net() { nsenter --net=/run/netns/$NET "$@"; }
	in_net sh -c 'ip link set lo up; ip link add d0 type veth peer name d1; ip addr add 10.9.0.1/24 dev d0; ip link set d0 up; ip link set d1 up
		ip route add default via 10.9.0.254'
	definitions >"$WORK/definitions"
	status 0 in_net bash -c '. "$0"; caisson run -d --name web -p 8080:80 -v "$HOME_DIR/www:/www:ro" "$IMAGE" httpd -f -p 80 -h /www' "$WORK/definitions"
	echo hello >"$HOME_DIR/www/index.html"
	in_net timeout 60 sh -c 'until curl -sf -m 5 http://127.0.0.1:8080/ >/dev/null; do :; done'
	is "$(in_net curl -sf -m 30 http://127.0.0.1:8080/)" hello
	is "$(in_net curl -sf -m 30 http://10.9.0.1:8080/)" hello
	status 0 caisson delete -f web
	is "$(in_net ss -Hltnu)" "" "sockets"
	status 125 in_net bash -c '. "$0"; caisson run --rm -p 80:80 "$IMAGE" true' "$WORK/definitions"
	has "$(err)" "passt ended"
	is_clean
}

test_what_needs_root() {
	status 125 caisson run --rm --rootfs-mode virtiofs "$IMAGE" true
	one_sentence
	has "$(err)" "--rootfs-mode virtiofs needs root, as files are shared with all their owners: try sudo, or --rootfs-mode image"
	status 125 caisson run -b "$WORK" box
	one_sentence
	has "$(err)" "--bundle needs root"
	status 1 caisson create box
	one_sentence
	has "$(err)" "\`caisson create\` needs root, as a bundle's files are shared as they are, with all their owners: try sudo"
	mkdir -p "$WORK/hidden"
	chmod 700 "$WORK/hidden"
	status 125 caisson run --rm -v "$WORK/hidden/x:/x" "$IMAGE" true
	one_sentence
	has "$(err)" "Permission denied"
	is_clean
}

run_tests "$@"
