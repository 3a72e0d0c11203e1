#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sanitized.sh CAISSON SHIM VSOCKD: a container's life, with these programs, built with sanitizers. What
# a sanitizer finds it writes beside the test, or, as vsockd has no files, it ends the container.
programs=("$@")
. "$(dirname "$0")/../lib/lib.sh"

# They find each other in the folder they are in.
mkdir "$WORK/bin"
cp "${programs[@]}" "$TOP/build/libexec/caisson/vminitd" "$WORK/bin"
export PATH="$WORK/bin:$PATH"
export ASAN_OPTIONS="log_path=$WORK/report" UBSAN_OPTIONS="log_path=$WORK/report"
IMAGE=$(busybox_image)

nothing_found() {
	# Their last words come with their end.
	is_clean
	! compgen -G "$WORK/report.*" >/dev/null || fail "$(cat "$WORK"/report.*)"
}

test_it_is_sanitized() {
	for program in "${programs[@]}"; do
		nm "$program" | grep -q __asan_init || fail "$program is not"
	done
	is "$(command -v caisson)" "$WORK/bin/caisson"
}

test_run() {
	status 0 caisson run --rm "$IMAGE" sh -c 'echo out; echo err >&2'
	is "$(out)" out
	is "$(err)" err
	status 3 caisson run --rm "$IMAGE" sh -c 'exit 3'
	head -c 1000000 /dev/urandom >"$WORK/random"
	caisson run --rm -i "$IMAGE" cat <"$WORK/random" >"$WORK/copy"
	cmp "$WORK/random" "$WORK/copy"
	nothing_found
}

test_detached() {
	status 0 caisson run -d --name life "$IMAGE" sh -c 'trap "exit 9" TERM; echo up; while :; do sleep 0.1; done'
	status 0 caisson exec life echo inside
	is "$(out)" inside
	status 7 caisson exec -i life sh -c 'cat >/dev/null; exit 7' <"$IMAGES/busybox.tar"
	status 127 caisson exec life no-such-command
	read -r _ < <(caisson logs -f life)
	status 0 caisson list
	status 0 caisson kill life
	status 0 caisson wait life
	is "$(out)" 9
	status 0 caisson logs life
	status 0 caisson delete life
	nothing_found
}

test_ends() {
	status 127 caisson run --rm "$IMAGE" no-such-command
	status 125 caisson run --rm --kernel "$IMAGES/busybox.tar" "$IMAGE" true
	status 0 caisson run -d --name end "$IMAGE" sleep 1000
	status 0 caisson delete -f end
	nothing_found
}

run_tests
