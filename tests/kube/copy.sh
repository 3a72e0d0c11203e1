#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kubectl cp, both ways: from images without tar, while others work, byte for byte; and clients that vanish.
export BARE_PROGRAMS="cat id ls readlink sleep stat"
. "$(dirname "$0")/kube-lib.sh"

# With runc, an image without tar has none.
# shellcheck disable=SC2034 # lib.sh has it
CAISSONS="test_image_without_tar test_tar_that_is_lent test_image_without_tar_confined"

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

# listeners [COMMAND...]: what can be connected to, here or where that command enters
listeners() { "$@" ss -Hltun | awk '{print $1, $5}' | sort; }

# The namespace of all pods' VMs, containerd and kubectl, and one pod's own.
is_closed() {
	local pid own
	is "$(listeners)" "$1" "listeners"
	pid=$(ctr task ls | awk 'NR == 2 {print $2}')
	own=$(listeners nsenter --net="/proc/$pid/ns/net" | grep -v "^tcp \(\[::ffff:127.0.0.1\]\|127.0.0.1\):" || true)
	is "$own" "" "listeners of the pod"
}

# A round: one file goes there while the one before comes back. Ten execs say what they are told meanwhile, and nobody
# listens anywhere for all that.
test_hundred_rounds() {
	local i round size listening told busy=() talk=() last=""
	listening=$(listeners)
	create files -- sleep 1000
	ready files
	for i in 0 1 2 3 4 5 6 7 8 9; do
		mkfifo "$WORK/told"
		kubectl exec -i files -- cat <"$WORK/told" >"$WORK/said$i" &
		busy+=($!)
		exec {told}>"$WORK/told"
		talk+=("$told")
		rm "$WORK/told"
	done
	for round in $(seq 100); do
		size=$((round % 20 == 7 ? 10000000 : round % 3 == 0 ? RANDOM * 3 : round % 3 - 1))
		head -c $size /dev/urandom >"$WORK/sent $round"
		for i in "${talk[@]}"; do
			echo "round $round" >&"$i"
		done
		[ -z "$last" ] || kubectl cp "files:/sent $last" "$WORK/returned $last" &
		kubectl cp "$WORK/sent $round" "files:/sent $round"
		wait $!
		[ -z "$last" ] || cmp "$WORK/sent $last" "$WORK/returned $last"
		rm -f "$WORK/sent $last" "$WORK/returned $last"
		last=$round
		[ "$round" != 50 ] || is_closed "$listening"
	done
	for told in "${talk[@]}"; do
		exec {told}>&-
	done
	wait "${busy[@]}"
	for i in 0 1 2 3 4 5 6 7 8 9; do
		is "$(sha256sum <"$WORK/said$i")" "$(seq -f 'round %g' 100 | sha256sum)"
	done
	rm "$WORK"/said* "$WORK/sent 100"
	is_clean
}

# Whose client is killed in the middle: what works for it ends. A tar that comes out stays with runc, as containerd 1.6
# neither reads on nor ends it.
test_client_vanishes() {
	create files -- sleep 1000
	ready files
	# One goes out for as long as somebody takes it.
	if [ "$RUNTIME" = caisson ]; then
		# More than there is in buffers on the way.
		kubectl exec files -- truncate -s 300M /large
		mkfifo "$WORK/taken"
		exec 6<>"$WORK/taken"
		kubectl cp files:/large "$WORK/taken" &
		head -c 1000000 <&6 | cmp -n 1000000 - /dev/zero
		kill -KILL $!
		exec 6<&-
		timeout 240 kubectl exec files -- sh -c 'while ps -o comm | grep -qx tar; do sleep 0.1; done'
		rm "$WORK/taken"
	fi
	# One comes in, and is told of the end: by something that says so.
	kubectl exec -i files -- sh -c 'mkfifo /said; cat >/bin/new; chmod 755 /bin/new; mv /bin/new /bin/tar; echo' <<-"EOF"
		#!/bin/sh
		head -c 100000 >/dev/null
		echo begun >/said
		cat >/dev/null
		echo ended >/said
	EOF
	head -c 30000000 /dev/zero >"$WORK/large"
	kubectl cp "$WORK/large" files:/srv &
	is "$(kubectl exec files -- cat /said)" begun
	kill -KILL $!
	is "$(kubectl exec files -- cat /said)" ended
	rm "$WORK/large"
	is_clean
}

run_tests "$@"
