#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kubectl cp, both ways: from images without tar, while others work, byte for byte; and clients that vanish.
export BARE_PROGRAMS="cat id ls readlink sleep stat"
. "$(dirname "$0")/kube-lib.sh"

needs_caisson() { [ "$RUNTIME" = caisson ] || skip "an image without tar has none with $RUNTIME"; }

BARE=".spec.containers[0].image = \"$BARE_IMAGE\""

# A tree with all that goes both ways; no links, which kubectl does not bring back, nor modes.
make_tree() {
	local long
	long=$(printf '%0100d' 7)
	mkdir -p "$1/a folder/below" "$1/empty" "$1/$long/$long"
	printf x >"$1/one"
	: >"$1/a folder/below/nothing"
	head -c 10000000 /dev/urandom >"$1/a folder/ten  million"
	echo deep >"$1/$long/$long/$long"
	chmod 640 "$1/one"
	chmod 750 "$1/empty"
	touch -d '2020-02-02 02:02:02' "$1/one"
}

test_image_without_tar() {
	needs_caisson
	create bare "$BARE" -- sleep 1000
	ready bare
	make_tree "$WORK/tree"
	status 0 kubectl cp "$WORK/tree" bare:/srv
	is "$(err)" ""
	status 0 kubectl cp bare:/srv "$WORK/back"
	diff -r "$WORK/tree" "$WORK/back"
	is "$(kubectl exec bare -- stat -c '%a %u %F' /srv/one '/srv/a folder' /srv/empty)" \
		"$(printf '640 0 regular file\n755 0 directory\n750 0 directory')"
	ln -s one "$WORK/tree/link"
	status 0 kubectl cp "$WORK/tree" bare:/tree
	is "$(kubectl exec bare -- readlink /tree/link)" one
	# Where it shows: nowhere in the container's files.
	has "$(kubectl exec bare -- ls /usr/bin /proc/1/fd)" sleep
	[[ $(kubectl exec bare -- ls -R /usr/bin /run /dev /tmp) != *tar* ]] || fail "there is a tar"
	rm -r "$WORK/tree" "$WORK/back"
	is_clean
}

test_tar_that_is_lent() {
	needs_caisson
	create bare "$BARE" -- sleep 1000
	ready bare
	status 2 kubectl exec bare -- tar xzf -
	is "$(err | head -n 1)" "tar: -z: this tar, which caisson lends, has no such option"
	status 2 kubectl exec bare -- tar cf - /nonesuch
	has "$(err)" 'tar: cannot read "nonesuch": No such file or directory'
	status 2 kubectl exec bare -- tar xf - -C /nonesuch </dev/null
	has "$(err)" "tar: cannot enter /nonesuch: No such file or directory"
	# No other program is, and none that is not asked for by its name.
	status 1 kubectl exec bare -- /bin/tar --version
	has "$(err)" "no such file or directory"
	status 1 kubectl exec bare -- gzip
	has "$(err)" 'exec: "gzip": executable file not found in $PATH'
	create own -- sleep 1000
	ready own
	kubectl exec own -- sh -c 'rm -f /sbin/tar; printf "#!/bin/sh\necho \"mine: \$0 \$*\"; exit 7\n" >/sbin/tar; chmod 755 /sbin/tar'
	status 7 kubectl exec own -- tar cf - 'two  words' ''
	is "$(out)" "mine: /sbin/tar cf - two  words "
	is_clean
}

# The container's user and root file system are what they are for any other program.
test_image_without_tar_confined() {
	needs_caisson
	create bare "$BARE | .spec.containers[0].securityContext = {runAsUser: 1000, runAsGroup: 1000,
		readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [\"ALL\"]}} |
		.spec.containers[0].volumeMounts = [{name: \"v\", mountPath: \"/v\"}] |
		.spec.securityContext = {fsGroup: 1000} | .spec.volumes = [{name: \"v\", emptyDir: {}}]" -- sleep 1000
	ready bare
	printf x >"$WORK/one"
	chmod 4755 "$WORK/one"
	status 0 kubectl cp "$WORK/one" bare:/v/one
	is "$(kubectl exec bare -- stat -c '%a %u' /v/one)" "755 1000"
	status 0 kubectl cp bare:/v/one "$WORK/two"
	cmp "$WORK/one" "$WORK/two"
	status 2 kubectl cp "$WORK/one" bare:/one
	has "$(err)" "Read-only file system"
	status 2 kubectl exec bare -- tar cf - /etc/shadow /etc/hostname
	rm -f "$WORK/one" "$WORK/two"
	is_clean
}

run_tests "$@"
