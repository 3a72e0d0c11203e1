#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `caisson images` and what lists, gets and removes images. One of the tests boots a VM.
. "$(dirname "$0")/../lib/lib.sh"

image() { caisson image "$@"; }

# json EXPRESSION: its words, of the documents on stdin, which it calls d
json() {
	python3 -c 'import json, re, sys
text = re.sub(r"^}\s*^{", "},{", sys.stdin.read(), flags=re.M)
d = json.loads(text if text.startswith("[") else "[" + text + "]")
print(*eval(sys.argv[1]))' "$1"
}

STORE=$CAISSON_ROOT

# archive NAME: an image of its own. It has an ID, and is not the last one's.
archive() {
	[ -e "$WORK/layout/$1" ] || {
		mkdir -p "$WORK/layout"
		"$TOP/tests/lib/make-image" glibc "oci:$WORK/layout/$1" "$1"
	}
	echo "oci:$WORK/layout/$1"
}

import() { image import "$@" 2>"$WORK/progress" || fail "$(cat "$WORK/progress")"; }

# Each begins with an empty store.
empty() {
	rm -rf "$STORE/images" "$STORE/refs" "$STORE/index" "$STORE/tmp"
	is "$(caisson images -q)" ""
}

# One more name for an image: as if it had been pulled so.
tag() { echo "$2" >"$STORE/refs/${1//\//+}"; }

in_store() { ls "$STORE/images"; }

no_leftovers() { is "$(ls -A "$STORE/tmp")" "" "what is in tmp"; }

test_listing() {
	empty
	is "$(caisson images | tr -s ' ')" "NAME IMAGE ID CREATED LAST USED SIZE IN USE"
	is "$(caisson images --format json | tr -d '[:space:]')" "[]"
	id=$(import "$(archive true)")
	hex=${id#sha256:}
	is "$(caisson images -q)" "${hex:0:12}"
	is "$(caisson images -q --no-trunc)" "$id"
	is "$(image list -q)" "${hex:0:12}"
	caisson images --no-trunc >"$WORK/table"
	has "$(cat "$WORK/table")" "oci:$WORK/layout/true"
	has "$(cat "$WORK/table")" "$id"
	size=$(du -s --block-size=1 "$STORE/images/$hex" | cut -f 1)
	touch -d '2020-01-02 03:04:05 UTC' "$STORE/images/$hex"
	is "$(caisson images --format json | json 'd[0].values()')" \
		"$id ['oci:$WORK/layout/true'] None 2020-01-02T03:04:05Z $size False"
	is "$(image inspect "$id" | json '[d[0]["last_used"]]')" 2020-01-02T03:04:05Z
	touch -d '3 days ago' "$STORE/images/$hex"
	has "$(caisson images)" "N/A            3 days ago"
	import "$(archive true)" >/dev/null
	has "$(caisson images)" "seconds ago"
}

test_names() {
	empty
	id=$(import "$(archive true)")
	tag docker.io/library/deb:1 "$id"
	tag docker.io/some/one:x "$id"
	tag localhost:5000/deb:1 "$id"
	tag docker.io/library/lost:1 "sha256:$(printf %064d 0)"
	is "$(caisson images --format json | json 'd[0]["names"]')" \
		"deb:1 localhost:5000/deb:1 oci:$WORK/layout/true some/one:x"
	is "$(caisson images | wc -l)" 5
	for name in deb:1 docker.io/library/deb:1 docker://deb:1 some/one:x localhost:5000/deb:1 "oci:$WORK/layout/true" \
		"$id" "${id#sha256:}" "${id:0:12}" "${id:7:3}"; do
		is "$(image inspect "$name" | json '[d[0]["id"]]')" "$id" "ID of $name"
	done
}

# A name can come to mean another image: the first one has none, then.
test_name_that_moves() {
	empty
	cp -r "$WORK/layout/$(basename "$(archive true)")" "$WORK/moves"
	first=$(import "oci:$WORK/moves")
	rm -r "$WORK/moves"
	cp -r "$WORK/layout/$(basename "$(archive false)")" "$WORK/moves"
	second=$(import "oci:$WORK/moves")
	[ "$first" != "$second" ] || fail "the same image"
	has "$(caisson images | grep "${first:7:12}")" "<none>"
	has "$(caisson images --no-trunc | grep "$second")" "oci:$WORK/moves"
	status 0 image prune
	has "$(out)" "Deleted: $first"
	is "$(in_store)" "${second#sha256:}"
}

test_inspect() {
	empty
	id=$(import "$(archive true)")
	image inspect "${id:7:12}" "oci:$WORK/layout/true" >"$WORK/json"
	is "$(json '[len(d), d[0]["path"], d[0]["config"]["config"]["Cmd"], d[0]["containers"], d[0]["in_use"]]' \
		<"$WORK/json")" "2 $STORE/images/${id#sha256:} ['bash'] [] False"
}

test_import_is_found_by_run() {
	empty
	id=$(import "$(archive true)")
	is "$(import "$(archive true)")" "$id"
	is "$(cat "$WORK/progress")" "" "what it says when the image is there"
}

# What was wrong with one is nothing of the next, which is known here, and yet not there any more.
test_import_after_one_that_failed() {
	empty
	mkdir "$WORK/old"
	"$TOP/tests/lib/make-image" glibc "docker-archive:$WORK/old/x"
	mke2fs -q -t ext4 -d "$WORK/old" "$WORK/old.ext4" 64m
	debugfs -w -R "set_inode_field x ctime 20200101000000" "$WORK/old.ext4" 2>/dev/null
	mount -o loop "$WORK/old.ext4" "$WORK/old"
	id=$(import "docker-archive:$WORK/old/x")
	rm -r "$STORE/images/${id#sha256:}"
	status 1 caisson image import "oci:$WORK/missing" "docker-archive:$WORK/old/x"
	umount "$WORK/old"
	is "$(out)" "$id"
}

test_pull() {
	for program in docker-registry skopeo; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
	empty
	printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:0"}\n' \
		"$WORK/registry" >"$WORK/registry.yml"
	: >"$WORK/registry.log"
	docker-registry serve "$WORK/registry.yml" >>"$WORK/registry.log" 2>&1 &
	server=$!
	trap 'kill $server' EXIT
	port=$(tail -n +1 -f --pid=$server "$WORK/registry.log" | grep -om 1 'listening on 127.0.0.1:[0-9]*')
	port=${port##*:}
	push() { skopeo --insecure-policy copy -q --dest-tls-verify=false "$1" "docker://127.0.0.1:$port/x:1"; }
	push "$(archive true)"
	first=$(image pull "127.0.0.1:$port/x:1")
	again=$(image pull "127.0.0.1:$port/x:1")
	push "$(archive false)"
	second=$(image pull "docker://127.0.0.1:$port/x:1")
	status 1 image pull "127.0.0.1:$port/none" "127.0.0.1:$port/x:1"
	is "$again" "$first"
	is "$(out)" "$second" "what a pull prints after one that failed"
	[ "$first" != "$second" ] || fail "the same image"
	has "$(caisson images | grep "${second:7:12}")" "127.0.0.1:$port/x:1"
	has "$(caisson images | grep "${first:7:12}")" "<none>"
	status 0 image rm "127.0.0.1:$port/x:1"
	is "$(in_store)" "${first#sha256:}"
	is "$(ls "$STORE/refs")" ""
	no_leftovers
}

test_remove_names() {
	empty
	id=$(import "$(archive true)")
	tag docker.io/library/deb:1 "$id"
	status 0 image rm deb:1
	is "$(out)" "Untagged: deb:1"
	is "$(in_store)" "${id#sha256:}"
	status 0 image rm "oci:$WORK/layout/true"
	is "$(out)" "$(printf 'Untagged: %s\nDeleted: %s' "oci:$WORK/layout/true" "$id")"
	is "$(in_store)$(ls "$STORE/refs")" ""
	no_leftovers
}

test_remove_by_id() {
	empty
	id=$(import "$(archive true)")
	tag docker.io/library/deb:1 "$id"
	status 0 image rm "${id:7:5}"
	has "$(out)" "Untagged: deb:1"
	has "$(out)" "Deleted: $id"
	is "$(in_store)$(ls "$STORE/refs")" ""
	no_leftovers
}

test_remove_goes_on() {
	empty
	first=$(import "$(archive true)")
	second=$(import "$(archive false)")
	status 1 image rm "$first" none:such "$second"
	one_sentence
	has "$(err)" "no image \"none:such\""
	is "$(in_store)" ""
}

test_ambiguous() {
	empty
	for i in 1 2; do mkdir -p "$STORE/images/abc$(printf %061d $i)"; done
	status 1 image rm abc
	one_sentence
	has "$(err)" "the IDs of 2 images begin with \"abc\""
	is "$(in_store | wc -l)" 2
	tag docker.io/library/abc:latest "sha256:abc$(printf %061d 2)"
	status 0 image rm abc
	is "$(in_store)" "abc$(printf %061d 1)"
}

# Somebody has the lock: a run that has no record yet.
test_in_use() {
	empty
	id=$(import "$(archive true)")
	exec 9<"$STORE/images/${id#sha256:}"
	flock -s 9
	status 1 image rm "$id"
	one_sentence
	has "$(err)" "in use"
	status 0 image prune -a
	is "$(out)" "Total reclaimed space: 0B"
	is "$(caisson images --format json | json '[d[0]["in_use"]]')" True
	is "$(caisson images --format json | json 'd[0]["names"]')" "oci:$WORK/layout/true"
	exec 9<&-
	is "$(caisson images --format json | json '[d[0]["in_use"]]')" False
	status 0 image prune -a
	has "$(out)" "Deleted: $id"
	no_leftovers
}

test_containers() {
	empty
	busybox=$(busybox_image)
	caisson run --name ended "$busybox" true
	caisson run -d --name lives "$busybox" sleep 1000
	id=$(import "$busybox")
	status 1 image rm "$busybox"
	one_sentence
	has "$(err)" "in use by ended, lives"
	status 0 image prune -a
	is "$(out)" "Total reclaimed space: 0B"
	is "$(image inspect "$id" | json '[d[0]["in_use"], *d[0]["containers"]]')" \
		"True ended lives"
	caisson exec lives true
	caisson delete -f lives
	status 1 image rm "$busybox"
	has "$(err)" "in use by ended:"
	is "$(caisson images --format json | json '[d[0]["in_use"]]')" False
	caisson delete ended
	status 0 image rm "$busybox"
	is "$(in_store)" ""
}

test_prune() {
	empty
	named=$(import "$(archive true)")
	lost=$(import "$(archive false)")
	grep -l "$lost" "$STORE"/refs/* | xargs rm
	size=$(caisson images --format json | json "[i['size'] for i in d if i['id'] == '$lost']")
	status 0 image prune
	is "$(out | head -1)" "Deleted: $lost"
	has "$(out)" "Total reclaimed space: $(awk "BEGIN {printf \"%.2fMB\", $size / 1e6}")"
	is "$(in_store)" "${named#sha256:}"
	status 0 image prune --all
	is "$(in_store)" ""
	no_leftovers
}

# Whatever is in an image's folder goes with it, and counts.
test_other_contents() {
	empty
	id=$(import "$(archive true)")
	hex=${id#sha256:}
	head -c 3000000 /dev/zero >"$STORE/images/$hex/some.ext4"
	ln "$STORE/images/$hex/some.ext4" "$STORE/images/$hex/rootfs/other"
	is "$(image inspect "$id" | json '[d[0]["size"]]')" "$(du -s --block-size=1 "$STORE/images/$hex" | cut -f 1)"
	deep=$STORE/images/$hex/rootfs
	(cd "$deep" && for _ in $(seq 300); do mkdir a-long-name-of-a-folder && cd a-long-name-of-a-folder || exit; done)
	is "$(image inspect "$id" | json '[d[0]["size"]]')" "$(du -s --block-size=1 "$STORE/images/$hex" | cut -f 1)"
	status 0 image rm "$id"
	is "$(in_store)" ""
	no_leftovers
}

# verified STATUS LINE...: of all that the store holds
verified() {
	status "$1" image verify
	shift
	is "$(out)" "$(printf '%s\n' "$@")" "what verify says"
}

test_verify() {
	empty
	verified 0
	id=$(import "$(archive true)") hex=${id#sha256:} n=${hex:0:12}
	in=$STORE/images/$hex
	verified 0 "$n: ok"
	status 0 image verify -q "$n"
	is "$(out)" ""
	# Its time stays, and it may be that one bit only.
	touch -r "$in/rootfs/usr/bin/true" "$WORK/time"
	python3 - "$in/rootfs/usr/bin/true" <<-'END'
		import sys
		with open(sys.argv[1], "r+b") as file:
		    file.seek(10000)
		    bits = file.read(1)[0]
		    file.seek(10000)
		    file.write(bytes([bits ^ 4]))
	END
	touch -r "$WORK/time" "$in/rootfs/usr/bin/true"
	verified 1 "$n: rootfs/usr/bin/true: differs: content"
	one_sentence
	has "$(err)" "\`caisson image rm $n\`, and get it again"
	status 1 image verify -q "oci:$WORK/layout/true"
	is "$(out)" "$n: rootfs/usr/bin/true: differs: content"
	status 0 image rm "$n"
	import "$(archive true)" >/dev/null
	verified 0 "$n: ok"
}

# again: a new copy of the image of test_verify_metadata
again() {
	rm -rf "$in"
	cp -a "$WORK/whole" "$in"
	verified 0 "$n: ok"
}

# changes LINE...: what verify says, but for the times of folders
changes() {
	status 1 image verify
	is "$(out | sed "s/^$n: //" | grep -v '^rootfs[^:]*: differs: time$')" "$(printf '%s\n' "$@")" "what verify says"
}

test_verify_metadata() {
	empty
	id=$(import "$(archive true)") hex=${id#sha256:} n=${hex:0:12}
	in=$STORE/images/$hex
	file=usr/bin/true
	rm -rf "$WORK/whole"
	cp -a "$in" "$WORK/whole"
	again
	chown -h 7 "$in/rootfs/$file"
	changes "rootfs/$file: differs: owner"
	again
	chmod 4711 "$in/rootfs/$file"
	changes "rootfs/$file: differs: mode"
	again
	touch "$in/rootfs/$file"
	# This alone is what changes() leaves out.
	status 1 image verify
	is "$(out)" "$n: rootfs/$file: differs: time"
	again
	setfattr -n user.some -v thing "$in/rootfs/$file"
	changes "rootfs/$file: differs: extended attributes"
	again
	touch -r "$in/rootfs/$file" "$WORK/time"
	truncate -s 1000 "$in/rootfs/$file"
	touch -r "$WORK/time" "$in/rootfs/$file"
	changes "rootfs/$file: differs: size, content"
	again
	touch "$in/rootfs/usr/bin/new"
	changes "rootfs/usr/bin/new: added"
	again
	rm -r "$in/rootfs/home"
	changes "rootfs/home: missing" "rootfs/home/user: missing"
	again
	ln "$in/rootfs/$file" "$in/rootfs/new"
	changes "rootfs/new: added" "rootfs/$file: differs: number of names, names"
	again
	echo >>"$in/config.json"
	verified 1 "$n: config.json: differs: content"
	again
	sed -i "s/true/tree/" "$in/rootfs.sums"
	verified 1 "$n: rootfs.sums: differs: content"
	again
	rm -r "$in/rootfs"
	verified 1 "$n: rootfs: missing"
	again
	for i in $(seq 30); do touch "$in/rootfs/usr/bin/$i"; done
	status 1 image verify
	is "$(out | wc -l) $(out | tail -n 1)" "21 $n: and 11 more"
	again
	# As a version did that made none.
	rm "$in/rootfs.sums"
	verified 1
	one_sentence
	has "$(err)" "was stored without checksums: \`caisson image rm"
}

test_verify_names() {
	empty
	id=$(import "$(archive true)")
	tag docker.io/library/deb:1 "$id"
	verified 0 "${id:7:12}: ok"
	echo "${id%?}" >"$STORE/refs/bad"
	echo "garbage" >"$STORE/index/0-0-0-0"
	tag docker.io/library/lost:1 "sha256:$(printf %064d 0)"
	status 1 image verify -q
	one_sentence
	is "$(out | sort)" "$(printf '%s\n' "index/0-0-0-0: is not what it should be: remove it" \
		"refs/bad: is not what it should be: remove it" \
		"refs/docker.io+library+lost:1: means an image that is not there: remove it")"
}

# limit BYTES: of all images together
limit() {
	echo "images.limit = $1" >"$WORK/limit.conf"
	export CAISSON_CONFIG=$WORK/limit.conf
}

room_of() { du -s --block-size=1 "$STORE/images/${1#sha256:}" | cut -f 1; }

used() { touch -d "$2" "$STORE/images/${1#sha256:}"; }

# Runs in a subshell, as all tests do: the configuration is this one's.
test_limit() {
	empty
	a=$(import "$(archive true)") b=$(import "$(archive false)")
	used "$a" "3 days ago"
	used "$b" "2 days ago"
	limit $(($(room_of "$a") + $(room_of "$b") + 100000))
	# To be found is to be used.
	import "$(archive true)" >/dev/null
	[ "$(stat -c %Y "$STORE/images/${a#sha256:}")" -gt "$(stat -c %Y "$STORE/images/${b#sha256:}")" ] ||
		fail "the time of use is the old one"
	c=$(import "$(archive echo)")
	is "$(cat "$WORK/progress" | grep removed)" \
		"caisson: removed the image ${b:7:12}, unused for longest, since images.limit was reached"
	is "$(in_store | sort)" "$(printf '%s\n' "${a#sha256:}" "${c#sha256:}" | sort)"
	! caisson images --no-trunc | grep -q "oci:$WORK/layout/false" || fail "its name is still there"
	status 0 image verify -q
	no_leftovers
}

test_limit_spares_what_is_used() {
	empty
	a=$(import "$(archive true)") b=$(import "$(archive false)")
	used "$a" "3 days ago"
	used "$b" "2 days ago"
	limit $(($(room_of "$a") + $(room_of "$b") + 100000))
	exec 9<"$STORE/images/${a#sha256:}"
	flock -s 9
	c=$(import "$(archive echo)")
	is "$(in_store | sort)" "$(printf '%s\n' "${a#sha256:}" "${c#sha256:}" | sort)"
	exec 8<"$STORE/images/${c#sha256:}"
	flock -s 8
	status 1 image import "$(archive false)"
	has "$(err | tail -n 1)" "leave it less under images.limit of $WORK/limit.conf"
	is "$(in_store | sort)" "$(printf '%s\n' "${a#sha256:}" "${c#sha256:}" | sort)"
	no_leftovers
	limit 100k
	exec 8<&- 9<&-
	status 1 image import "$(archive false)"
	has "$(err | tail -n 1)" "more than images.limit of $WORK/limit.conf allows it for all, 102400"
	is "$(in_store | wc -l)" 2
	no_leftovers
	limit nothing
	status 1 image import "$(archive false)"
	one_sentence
}

# Nobody has it locked any more.
test_limit_spares_an_ended_container_s() {
	empty
	busybox=$(busybox_image)
	caisson run --name had "$busybox" true
	id=$(import "$busybox")
	limit $(($(room_of "$id") + 200000))
	status 1 image import "$(archive true)"
	has "$(err | tail -n 1)" "\`caisson delete\` containers, or raise that"
	is "$(in_store)" "${id#sha256:}"
	caisson delete had
	import "$(archive true)" >/dev/null
	has "$(cat "$WORK/progress")" "removed the image ${id:7:12}"
}

# Several at once stay below it, too. Who finds that others still have theirs may be refused.
test_limit_at_once() {
	empty
	a=$(import "$(archive true)")
	most=$(($(room_of "$a") * 5 / 2))
	limit "$most"
	for program in false echo id cat; do archive "$program" >/dev/null; done
	pids=()
	for program in false echo id cat true; do
		caisson image import "oci:$WORK/layout/$program" >"$WORK/at-once.$program" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}" || true
	for program in false echo id cat true; do
		tail -n 1 "$WORK/at-once.$program" | grep -q "^sha256:\|leave it less\|^caisson: removed" ||
			fail "$(cat "$WORK/at-once.$program")"
	done
	grep -q "^sha256:" "$WORK"/at-once.* || fail "none was got"
	used=$(du -s --block-size=1 "$STORE/images" | cut -f 1)
	[ "$used" -le $((most + 10000)) ] || fail "$used bytes, and $most are allowed"
	status 0 image verify -q
	no_leftovers
}

# Killed at any moment each image is there, whole, or not at all.
test_limit_killed() {
	command -v strace >/dev/null || skip "strace is not installed"
	empty
	for at in flock:2 flock:3 flock:4 renameat:1 fsync:1 unlinkat:3 unlinkat:9 syncfs:1 renameat:2; do
		unset CAISSON_CONFIG
		a=$(import "$(archive true)")
		limit $(($(room_of "$a") * 3 / 2))
		code=0
		strace -f -qq -o /dev/null -e "trace=${at%:*}" -e "inject=${at%:*}:signal=KILL:when=${at#*:}" \
			caisson image import "$(archive false)" >/dev/null 2>&1 || code=$?
		is "$code" 137 "status at $at"
		status 0 image verify -q
		import "$(archive false)" >/dev/null
		is "$(in_store | wc -l)" 1
		status 0 image verify -q
		no_leftovers
		status 0 image prune -a
	done
}

# Killed at any moment the image is there, whole, or not at all; the next one clears up.
test_killed() {
	command -v strace >/dev/null || skip "strace is not installed"
	empty
	id=$(import "$(archive true)")
	want=$(find "$STORE/images/${id#sha256:}" | sort)
	for at in fcntl:1 flock:1 mkdirat:1 flock:2 unlinkat:1 renameat:1 fsync:1 unlinkat:2 unlinkat:9 flock:3; do
		code=0
		strace -qq -o /dev/null -e "trace=${at%:*}" -e "inject=${at%:*}:signal=KILL:when=${at#*:}" \
			caisson image rm "$id" >/dev/null 2>&1 || code=$?
		is "$code" 137 "status at $at"
		have=$(find "$STORE/images/${id#sha256:}" 2>/dev/null | sort) || true
		[ -z "$have" ] || is "$have" "$want" "image at $at"
		is "$(import "$(archive true)")" "$id"
		is "$(find "$STORE/images/${id#sha256:}" | sort)" "$want" "image after $at"
		caisson image prune >/dev/null
		no_leftovers
	done
}

test_two_at_once() {
	empty
	for _ in 1 2 3 4 5; do
		id=$(import "$(archive true)")
		pids=()
		for _ in 1 2 3 4; do
			caisson image rm "$id" >>"$WORK/removed" 2>>"$WORK/refused" &
			pids+=($!)
		done
		caisson images >/dev/null || fail "listing failed"
		wait "${pids[@]}" || true
		is "$(in_store)" ""
	done
	is "$(grep -c Deleted: "$WORK/removed")" 5
	is "$(wc -l <"$WORK/refused")" 15
	has "$(cat "$WORK/refused")" "no image"
	! grep -v "no image\|gone already" "$WORK/refused" || fail "other errors"
	no_leftovers
}

test_not_root() {
	command -v setpriv >/dev/null || skip "setpriv is not installed"
	chmod 711 "$WORK"
	mkdir -m 777 "$WORK/user"
	user=(env "CAISSON_ROOT=$WORK/user/root" "CAISSON_RUN=$WORK/user/run" "CAISSON_CACHE=$WORK/user/cache"
		setpriv --reuid 65534 --regid 65534 --clear-groups "$(command -v caisson)")
	status 0 "${user[@]}" images
	status 0 "${user[@]}" image prune -a
	chmod -R go+rX "$WORK/layout"
	status 0 "${user[@]}" image import "$(archive true)"
	id=$(out)
	# As a disk, which needs no rights, whoever owns what is in it.
	is "$(find "$WORK/user/root/images" -name 'rootfs*' ! -name '*.sums' -printf '%f %U\n')" "rootfs.ext4 65534"
	status 0 "${user[@]}" image verify "$id"
	status 0 "${user[@]}" image rm "$id"
	status 1 env CAISSON_RUN="$WORK/user/run" CAISSON_CACHE="$WORK/user/cache" \
		setpriv --reuid 65534 --regid 65534 --clear-groups "$(command -v caisson)" images
	one_sentence
	has "$(err)" "Permission denied"
}

test_wrong_words() {
	empty
	for words in "images x" "images --format yaml" "images --unknown" "image list x" "image pull" "image pull oci:/" \
		"image pull dir:/" "image pull -x a" "image import" "image import busybox" "image import dir:/" "image import -" \
		"image import docker-archive:/none" "image import docker-archive:/dev/null" "image rm" "image rm none" \
		"image rm ../x" "image rm sha256:" "image rm -f x" "image prune x" "image inspect" "image inspect none" "image verify none" "image verify -x"; do
		# shellcheck disable=SC2086 # several words
		status 1 caisson $words
		one_sentence
		is "$(out)" ""
	done
	is "$(find "$STORE/images" "$STORE/refs" "$STORE/index" "$STORE/tmp" -mindepth 1)" ""
}

run_tests "$@"
