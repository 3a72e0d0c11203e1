#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `caisson image init-config`: what it puts into images; what boots of that is standalone.py's.
. "$(dirname "$0")/../lib/lib.sh"

VMINITD=$TOP/build/libexec/caisson/vminitd

config() { caisson image init-config "$@"; }

# tree DIR: a root file system as distributions have it
tree() {
	mkdir -p "$1/etc" "$1/usr/sbin" "$1/usr/lib/systemd"
	ln -s usr/sbin "$1/sbin"
	ln -s usr/lib "$1/lib"
	ln -s /lib/systemd/systemd "$1/usr/sbin/init"
	echo systemd >"$1/usr/lib/systemd/systemd"
}

ext4() {
	tree "$WORK/for-ext4"
	mke2fs -q -F -t ext4 -d "$WORK/for-ext4" "$1" 8M
	rm -r "$WORK/for-ext4"
}

# inside IMAGE COMMAND: what debugfs says
inside() { debugfs -R "$2" "$1" 2>&1; }

WANTED='hostname = box
user = learner
workspace = /workspace
env = A=1
command = node "two words"'

test_folder() {
	tree "$WORK/tree"
	status 0 config -u learner --hostname box --workspace /workspace -e A=1 "$WORK/tree" node "two words"
	is "$(out)$(err)" ""
	is "$(cat "$WORK/tree/etc/caisson/init.conf")" "$WANTED"
	is "$(readlink "$WORK/tree/usr/sbin/init")" /lib/systemd/systemd
	status 1 config --install "$WORK/tree" other
	one_sentence
	has "$(err)" "has a /sbin/init already: --force replaces it"
	is "$(cat "$WORK/tree/etc/caisson/init.conf")" "$WANTED"
	(
		umask 077
		status 0 config --install --force "$WORK/tree" other
	)
	is "$(cat "$WORK/tree/etc/caisson/init.conf")" "command = other"
	cmp "$VMINITD" "$WORK/tree/usr/sbin/init"
	is "$(stat -c %a "$WORK/tree/usr/sbin/init" "$WORK/tree/etc/caisson/init.conf" | tr '\n' ' ')" "755 644 "
	is "$(cat "$WORK/tree/usr/lib/systemd/systemd")" systemd
	is "$(find "$WORK/tree" -name '.*' -o -name '*.tmp')" ""
}

test_refused() {
	status 1 config / true
	one_sentence
	has "$(err)" "is the root of this machine"
	mkdir "$WORK/refused"
	status 1 config "$WORK/refused" --install ls
	one_sentence
	has "$(err)" "options come before the image"
	is "$(find "$WORK/refused" -mindepth 1)" ""
}

test_empty_folder() {
	mkdir "$WORK/empty"
	status 0 config --install "$WORK/empty" true
	is "$(cd "$WORK/empty" && find . | sort | tr '\n' ' ')" ". ./etc ./etc/caisson ./etc/caisson/init.conf ./sbin ./sbin/init "
}

# Links of the image lead to nothing of the host's.
test_links_stay_inside() {
	mkdir -p "$WORK/host" "$WORK/links/$WORK/host"
	ln -s "$WORK/host" "$WORK/links/etc"
	ln -s ../../../../../../../.."$WORK/host" "$WORK/links/sbin"
	status 0 config --install "$WORK/links" true
	is "$(ls "$WORK/host")" ""
	cmp "$VMINITD" "$WORK/links/$WORK/host/init"
	is "$(cat "$WORK/links/$WORK/host/caisson/init.conf")" "command = true"
	mkdir "$WORK/dangling"
	ln -s nowhere "$WORK/dangling/etc"
	status 1 config "$WORK/dangling" true
	one_sentence
}

test_ext4() {
	ext4 "$WORK/img"
	status 0 config -u learner --hostname box --workspace /workspace -e A=1 "$WORK/img" node "two words"
	is "$(out)$(err)" ""
	is "$(debugfs -R "cat /etc/caisson/init.conf" "$WORK/img" 2>/dev/null)" "$WANTED"
	status 1 config --install "$WORK/img" other
	one_sentence
	has "$(err)" "has a /sbin/init already"
	# Not by root, and nothing is mounted.
	chmod 755 "$WORK"
	chown nobody "$WORK/img"
	status 0 setpriv --reuid nobody --clear-groups "$TOP/build/bin/caisson" image init-config --install --force "$WORK/img" other
	debugfs -R "dump /usr/sbin/init $WORK/copy" "$WORK/img" 2>/dev/null
	cmp "$VMINITD" "$WORK/copy"
	has "$(inside "$WORK/img" "stat /sbin/init")" "Mode:  0755"
	has "$(inside "$WORK/img" "stat /etc/caisson/init.conf")" "Mode:  0644"
	is "$(debugfs -R "cat /lib/systemd/systemd" "$WORK/img" 2>/dev/null)" systemd
	e2fsck -fn "$WORK/img" >/dev/null 2>&1
}

test_ext4_that_cannot_take_it() {
	ext4 "$WORK/odd"
	debugfs -w -R "symlink /etc/caisson /nowhere" "$WORK/odd" >/dev/null 2>&1
	status 1 config "$WORK/odd" true
	one_sentence
	has "$(err)" "/etc/caisson is no folder, and cannot be made one"
	ext4 "$WORK/small"
	head -c 6604800 /dev/urandom >"$WORK/filler"
	debugfs -w -R "write $WORK/filler filler" "$WORK/small" >/dev/null 2>&1
	status 1 config --install --force "$WORK/small" true
	one_sentence
	has "$(err)" "cannot write /sbin/init into $WORK/small: "
	ext4 "$WORK/full"
	head -c 8M /dev/urandom >"$WORK/filler"
	debugfs -w -R "write $WORK/filler filler" "$WORK/full" >/dev/null 2>&1
	status 1 config "$WORK/full" true
	one_sentence
	is "$(err)" "caisson: cannot make /etc/caisson in $WORK/full: no space is left there"
	ext4 "$WORK/dirty"
	debugfs -w -R "feature needs_recovery" "$WORK/dirty" >/dev/null 2>&1
	status 1 config "$WORK/dirty" true
	one_sentence
	has "$(err)" "is in use, or was not unmounted"
	# As one without a journal is while it is mounted.
	mke2fs -q -F -t ext2 "$WORK/mounted" 8M
	debugfs -w -R "set_super_value state 0" "$WORK/mounted" >/dev/null 2>&1
	before=$(sha256sum <"$WORK/mounted")
	status 1 config "$WORK/mounted" true
	one_sentence
	has "$(err)" "is in use, or was not unmounted"
	is "$(sha256sum <"$WORK/mounted")" "$before"
	ext4 "$WORK/odd name?offset=1"
	status 0 config "$WORK/odd name?offset=1" true
}

test_without_debugfs() {
	ext4 "$WORK/tool"
	unshare -m true || skip "no mount namespace can be made here"
	mkdir "$WORK/sbin"
	status 1 unshare -m sh -c "mount --bind '$WORK/sbin' /usr/sbin && mount --bind '$WORK/sbin' /sbin &&
		exec '$TOP/build/bin/caisson' image init-config '$WORK/tool' true"
	one_sentence
	has "$(err)" "debugfs is needed for ext4 images: install e2fsprogs"
}

# one_at_a_time TARGET: several at once change it one after the other. The debugfs that they find says
# for whom it works.
one_at_a_time() {
	local jobs=() n
	mkdir -p "$WORK/telling"
	cat >"$WORK/telling/debugfs" <<-END
		#!/bin/sh
		echo \$PPID >>"$WORK/workers"
		exec $(command -v debugfs) "\$@"
	END
	chmod +x "$WORK/telling/debugfs"
	: >"$WORK/workers"
	for n in 1 2 3 4 5 6; do
		PATH="$WORK/telling:$PATH" timeout 120 caisson image init-config --install --force \
			--hostname "box$n" "$1" command "$n" 2>"$WORK/worker.$n" &
		jobs+=($!)
	done
	for n in 1 2 3 4 5 6; do
		wait "${jobs[n - 1]}" || fail "number $n: $(cat "$WORK/worker.$n")"
	done
	is "$(uniq "$WORK/workers" | sort | uniq -d)" "" "those who were interrupted"
}

test_two_at_once() {
	ext4 "$WORK/shared"
	one_at_a_time "$WORK/shared"
	is "$(uniq "$WORK/workers" | wc -l)" 6 "workers"
	e2fsck -fn "$WORK/shared" >"$WORK/fsck" 2>&1 || fail "$(cat "$WORK/fsck")"
	# One's hostname and the same one's command.
	conf=$(inside "$WORK/shared" "cat /etc/caisson/init.conf")
	n=$(sed -n 's/^hostname = box//p' <<<"$conf")
	has "$conf" "command = command $n"
	tree "$WORK/shared-folder"
	one_at_a_time "$WORK/shared-folder"
	cmp "$VMINITD" "$WORK/shared-folder/usr/sbin/init"
}

# Whoever has the image has it until it is done.
test_a_locked_image_is_waited_for() {
	ext4 "$WORK/locked"
	before=$(sha256sum <"$WORK/locked")
	exec 3<>"$WORK/locked"
	flock -n 3
	timeout 60 caisson image init-config "$WORK/locked" waited 3>&- &
	job=$!
	# It has the image open: then it changes it, or waits, and that the kernel tells.
	until grep -qs "^[0-9]*: -> FLOCK .*:$(stat -c %i "$WORK/locked") " /proc/locks; do
		kill -0 $job || fail "it did not wait"
	done
	is "$(sha256sum <"$WORK/locked")" "$before"
	exec 3>&-
	wait $job
	has "$(inside "$WORK/locked" "cat /etc/caisson/init.conf")" "command = waited"
}

test_wrong_targets() {
	echo text >"$WORK/text"
	status 1 config "$WORK/text" true
	one_sentence
	has "$(err)" "is neither a folder nor an ext4 image"
	status 1 config /dev/null true
	one_sentence
	status 1 config "$WORK/nowhere" true
	one_sentence
	status 1 config "$WORK"
	one_sentence
	status 1 config
	one_sentence
	status 1 caisson image
	one_sentence
	has "$(err)" "image what?"
	status 1 caisson image lost
	one_sentence
	has "$(err)" 'unknown command "image lost"'
}

# Before any work: neither root nor debootstrap is needed for it.
test_example_refuses_a_target() {
	mkdir "$WORK/target"
	ln -s nowhere "$WORK/link"
	mkfifo "$WORK/fifo"
	for target in "$WORK/target" "$WORK/link" "$WORK/fifo"; do
		status 1 "$TOP/examples/workspace/build.sh" "$target"
		has "$(err)" "$target is there, and is no regular file"
		[ -e "$target" ] || [ -L "$target" ] || fail "$target is gone"
	done
	status 1 "$TOP/examples/workspace/build.sh" "$WORK/nowhere/image"
	has "$(err)" "$WORK/nowhere is no folder"
}

test_wrong_values() {
	mkdir "$WORK/values"
	for words in "--hostname a_b/" "--dns 1.2.3" "--workspace relative" "--workspace /" "--on-exit never" \
		"--on-exit shell" "--force" "--owner x" "--env =x" "--shell sh" "--user" "--colour red"; do
		# shellcheck disable=SC2086 # several words
		status 1 config $words "$WORK/values" true
		one_sentence
	done
	status 1 config "$WORK/values" "$(printf 'a\nshell = /bin/sh')"
	one_sentence
	has "$(err)" "line break"
	status 1 config -e "$(printf 'A=a\nshell = /bin/sh')" "$WORK/values" true
	one_sentence
	is "$(ls -A "$WORK/values")" ""
}

run_tests "$@"
