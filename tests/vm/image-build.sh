#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `caisson image build`: the command. What is in the file systems is tests/image's.
. "$(dirname "$0")/../lib/lib.sh"

build() { caisson image build "$@"; }

folder() {
	mkdir -p "$1/bin"
	echo content >"$1/bin/file"
	chmod 4755 "$1/bin/file"
}

show() { debugfs -R "$1" "$WORK/made" 2>/dev/null; }

test_folder() {
	folder "$WORK/folder"
	status 0 build -o "$WORK/made" "dir:$WORK/folder"
	is "$(out)$(err)" ""
	e2fsck -fn "$WORK/made" >"$WORK/check" 2>&1 || fail "$(cat "$WORK/check")"
	is "$(show "cat /bin/file")" content
	has "$(show "stat /bin/file")" "Mode:  04755"
}

test_image() {
	"$TOP/tests/lib/make-image" busybox "docker-archive:$WORK/busybox.tar"
	status 0 build --output "$WORK/made" "docker-archive:$WORK/busybox.tar"
	e2fsck -fn "$WORK/made" >"$WORK/check" 2>&1 || fail "$(cat "$WORK/check")"
	cp "$WORK/made" "$WORK/first"
	status 0 build --output "$WORK/made" "docker-archive:$WORK/busybox.tar"
	cmp "$WORK/first" "$WORK/made" || fail "other bytes"
}

test_size_and_labels() {
	folder "$WORK/sized"
	status 0 build -o "$WORK/made" --size 3G --label a=b --label key=some=value "dir:$WORK/sized"
	is "$(stat -c %s "$WORK/made")" 3221225472
	has "$(show "ea_list /")" 'user.a (1) = "b"'
	has "$(show "ea_list /")" 'user.key (10) = "some=value"'
	status 0 build -o "$WORK/made" --extra 100M "dir:$WORK/sized"
	[ "$(stat -c %s "$WORK/made")" -gt 104857600 ] || fail "too small"
}

test_tar() {
	folder "$WORK/tarred"
	tar -C "$WORK/tarred" -c . >"$WORK/x.tar"
	status 0 build -o "$WORK/made" "tar:$WORK/x.tar"
	is "$(out)$(err)" ""
	cp "$WORK/made" "$WORK/first"
	gzip <"$WORK/x.tar" | caisson image build -o "$WORK/made" - || fail "status $?"
	cmp "$WORK/first" "$WORK/made" || fail "other bytes"
	is "$(show "cat /bin/file")" content
	status 125 caisson run "tar:$WORK/x.tar" true
	has "$(err)" "a tar alone is not run"
}

# Such an image would have the archive's parts for files, and nothing to run.
test_archive_as_tar() {
	for kind in docker-archive oci-archive; do
		"$TOP/tests/lib/make-image" busybox "$kind:$WORK/$kind.tar"
		for source in "tar:$WORK/$kind.tar" -; do
			status 1 build -o "$WORK/none" "$source" <"$WORK/$kind.tar"
			one_sentence
			has "$(err)" "it is an image's archive"
		done
	done
	[ ! -e "$WORK/none" ] || fail "something was written"
	mkdir "$WORK/web"
	touch "$WORK/web/manifest.json" "$WORK/web/index.html"
	tar -C "$WORK/web" -c . >"$WORK/web.tar"
	status 0 build -o "$WORK/made" "tar:$WORK/web.tar"
}

test_wrong_words() {
	folder "$WORK/wrong"
	for words in "dir:$WORK/wrong" "-o $WORK/none" "-o $WORK/none dir:$WORK/wrong x" "-o $WORK/none dir:/none" \
		"-o $WORK/none --size 1G --extra 1G dir:$WORK/wrong" "-o $WORK/none --size 1 dir:$WORK/wrong" \
		"-o $WORK/none --label x dir:$WORK/wrong" "-o $WORK/none --label =x dir:$WORK/wrong" \
		"-o $WORK/none tar:" "-o $WORK/none tar:$WORK/wrong" "-o $WORK/none -" \
		"-o $WORK/none --entrypoint-file dir:$WORK/wrong" "-o $WORK/none dir:$WORK/wrong -- x" \
		"-o $WORK/none --unknown dir:$WORK/wrong" "-o $WORK/none/none dir:$WORK/wrong"; do
		# shellcheck disable=SC2086 # several words
		status 1 build $words
		one_sentence
	done
	[ ! -e "$WORK/none" ] || fail "something was written"
	status 1 build -o "$WORK/none" sha256:0123
	one_sentence
	has "$(err)" "an ID is no name in a registry"
	status 1 build -o - "dir:$WORK/wrong"
	one_sentence
	has "$(err)" "'-' is stdout"
}

# What an image may unpack to is anybody's choice.
test_limit() {
	mkdir "$WORK/zeros"
	truncate -s 3000000 "$WORK/zeros/file"
	tar -C "$WORK/zeros" -c . >"$WORK/zeros.tar"
	gzip -k "$WORK/zeros.tar"
	for source in "tar:$WORK/zeros.tar" "tar:$WORK/zeros.tar.gz"; do
		status 1 env CAISSON_IMAGE_MAX=2M caisson image build -o "$WORK/none" "$source"
		one_sentence
		has "$(err)" "unpack to more than is allowed, 2097152 bytes: \$CAISSON_IMAGE_MAX may"
		status 0 env CAISSON_IMAGE_MAX=4M caisson image build -o "$WORK/made" "$source"
	done
	"$TOP/tests/lib/make-image" busybox "docker-archive:$WORK/limited.tar"
	status 1 env CAISSON_IMAGE_MAX=100k caisson image import "docker-archive:$WORK/limited.tar"
	has "$(err)" "more than is allowed"
	for value in 0 x 1.5G -1; do
		status 1 env "CAISSON_IMAGE_MAX=$value" caisson image build -o "$WORK/none" "tar:$WORK/zeros.tar"
		one_sentence
		has "$(err)" "CAISSON_IMAGE_MAX is no size"
	done
	[ ! -e "$WORK/none" ] || fail "something was written"
}

test_disk_full() {
	folder "$WORK/full"
	head -c 20000000 /dev/urandom >"$WORK/full/file"
	mkdir "$WORK/small"
	mount -t tmpfs -o size=4M none "$WORK/small"
	status 1 build -o "$WORK/small/out" "dir:$WORK/full"
	left=$(ls -A "$WORK/small")
	umount "$WORK/small"
	one_sentence
	has "$(err)" "not enough space"
	is "$left" ""
}

run_tests "$@"
