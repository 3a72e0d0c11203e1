#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The validation suite of the OCI's runtime-tools against caisson, and what is known of each of its cases.
#
#   validation.sh SUITE [CASE...]   run them; SUITE: the folder of runtime-tools, built as its README says
#                                   (runtimetest, validation/CASE/CASE.t)
#   validation.sh --check           compare docs/conformance.md with validation.list
#   validation.sh --table           print the table that is in it
#
# A case that fails and should not fails the run; so does one that passes and should not, or that is not in
# the list. Those of control groups have one name for theirs on the host, so they run one after the other.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
list=$here/validation.list
page=$top/docs/conformance.md

# rows: CASE RESULT WORDS REASON, with a bar between them
rows() { grep -v '^\(#\|$\)' "$list"; }

table() {
	echo "| case | result | why |"
	echo "|---|---|---|"
	rows | while IFS='|' read -r name result _ why; do
		echo "| \`$name\` | $result | $why |"
	done
}

check() {
	local seen
	rows | cut -d '|' -f 1 | LC_ALL=C sort -c -u || {
		echo "validation.list: not sorted, or a case is there twice"
		return 1
	}
	seen=$(rows | awk -F '|' 'NF != 4 || $2 !~ /^(pass|fail|timing)$/ || ($2 == "pass") != ($3 $4 == "") ||
		($2 == "fail" && ($3 == "" || $4 == ""))')
	[ -z "$seen" ] || {
		echo "validation.list: no good row: $seen"
		return 1
	}
	diff <(sed -n '/^| case/,/^$/p' "$page" | sed '/^$/d') <(table) || {
		echo "docs/conformance.md: not what \`tests/oci/validation.sh --table\` prints"
		return 1
	}
	echo "docs/conformance.md: $(rows | wc -l) cases"
}

# passes STATUS OUTPUT: some cases say what is wrong without a line for it
passes() {
	[ "$1" = 0 ] && ! grep -q '^not ok' "$2" && { grep -q '^ok' "$2" || ! grep -q '"error"' "$2"; }
}

# verdict CASE STATUS OUTPUT ERRORS: a line for it
verdict() {
	local row result words why have=fail
	row=$(rows | grep "^$1|") || {
		echo "not ok $1: it is not in validation.list"
		return
	}
	IFS='|' read -r _ result words why <<<"$row"
	! passes "$2" "$3" || have=pass
	if [ "$result" = timing ] || [ "$result $have" = "pass pass" ]; then
		echo "ok $1"
	elif [ "$result $have" = "fail fail" ] && cat "$3" "$4" | grep -qF -- "$words"; then
		echo "ok $1 # fails: $why"
	else
		echo "not ok $1: $have, not $result (exit status $2)"
		grep -h -e '^not ok' -e '"error"' "$3" | sed 's/^/  | /' || true
		sed 's/^/  | /' "$4"
	fi
}

# Every case has folders of its own.
run_case() {
	local name=$1 status=0 work id
	work=$(mktemp -d "${TMPDIR:-/tmp}/caisson-test.XXXXXX")
	export CAISSON_ROOT=$work/root CAISSON_RUN=$work/run CAISSON_CONFIG=$work/conf TMPDIR=$work
	: >"$work/conf"
	(cd "$SUITE" && RUNTIME=$top/build/bin/caisson timeout 500 "validation/$name/$name.t") \
		>"$work/out" 2>"$work/err" </dev/null || status=$?
	# What the suite has left there, as it does where a case fails.
	for id in $("$RUNTIME" list -q); do
		"$RUNTIME" delete -f "$id" >/dev/null 2>&1 || true
	done
	verdict "$name" "$status" "$work/out" "$work/err"
	rm -rf "$work"
}

case ${1:-} in
--check)
	check
	exit
	;;
--table)
	table
	exit
	;;
--case)
	run_case "$2"
	exit
	;;
'' | -*)
	sed -n 's/^# \?//; 3,9p' "$0"
	exit 2
	;;
esac

# All that there are, and all that are in the list, if none is named.
cases() {
	[ $# -eq 0 ] || {
		printf '%s\n' "$@"
		return
	}
	find "$SUITE/validation" -name '*.t' -printf '%f\n' | sed 's/\.t$//'
	rows | cut -d '|' -f 1
}

SUITE=$(cd "$1" && pwd)
RUNTIME=$top/build/bin/caisson
export SUITE RUNTIME
shift
[ -x "$SUITE/runtimetest" ] || {
	echo "validation.sh: there is no $SUITE/runtimetest: build the suite first"
	exit 2
}
said=$(mktemp)
trap 'rm -f "$said"' EXIT
for group in -v -e; do
	cases "$@" | sort -u | grep $group '^delete_resources$\|_cgroups_' |
		xargs -r -n 1 -P "$([ $group = -e ] && echo 1 || nproc)" "$0" --case || true
done | tee "$said"
! grep '^not ok' "$said" >/dev/null
