# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Programs that go on, of a file of tests. What sources this has sourced lib.sh.

# started NAME LINE COMMAND...: it runs, and has said something in which LINE is; its output goes on to a log. Its
# number is in $WORK/NAME.pid. Its processes are not those of a test.
started() {
	local name=$1 awaited=$2 line
	shift 2
	mkfifo "$WORK/says"
	env -u CAISSON_RUN -u CAISSON_ROOT "$@" >"$WORK/says" 2>&1 &
	echo $! >"$WORK/$name.pid"
	disown
	exec 4<"$WORK/says"
	rm "$WORK/says"
	while read -r line <&4; do
		echo "$line" >>"$WORK/$name.log"
		[[ $line != *"$awaited"* ]] || break
	done
	env -u CAISSON_RUN cat <&4 >>"$WORK/$name.log" &
	echo $! >"$WORK/$name-log.pid"
	exec 4<&-
	[[ $line == *"$awaited"* ]] || fail "$name: $(tail -n 3 "$WORK/$name.log")"
}

# has_said NAME TEXT: waits until the log of its output has that
has_said() {
	exec 5< <(exec tail -n +1 -f "$WORK/$1.log")
	grep -q -m 1 -F -e "$2" <&5 || fail "$1 has not said: $2"
	kill $!
	exec 5<&-
}

# stopped NAME SIGNAL
stopped() {
	local pid
	pid=$(cat "$WORK/$1.pid")
	kill "-$2" "$pid"
	"$TOP/tests/lib/await-end" 60 "$pid"
}
