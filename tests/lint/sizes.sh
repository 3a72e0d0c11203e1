#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A file fits 800 lines; functions fit a screen: median at most 16 lines, 95 % at most 60, none over 90.
set -eu
cd "$(dirname "$0")/../.."
status=0

long=$(find src tests kernel -name '*.[ch]' -exec wc -l {} + | awk '$2 != "total" && $1 > 800 {print $2 ": " $1}')
if [ -n "$long" ]; then
	echo "not ok sizes: files over 800 lines"
	printf '%s\n' "$long" | sed 's/^/  | /'
	status=1
else
	echo "ok sizes: files"
fi

# shellcheck disable=SC2046 # our own file names
ctags -f - --languages=C --kinds-C=f --fields=+ne $(find src -name '*.c' ! -name 'test-*') |
	awk -F'\t' '{
		for (i = 4; i <= NF; i++) {
			if ($i ~ /^line:/) first = substr($i, 6)
			if ($i ~ /^end:/) last = substr($i, 5)
		}
		print last - first + 1, $2 ":" first, $1
	}' | sort -n >"${TMPDIR:-/tmp}/caisson-sizes.$$"
trap 'rm -f "${TMPDIR:-/tmp}/caisson-sizes.$$"' EXIT
awk -v limits='16 60 90' '
	{ n[NR] = $1; where[NR] = $2 " " $3 }
	END {
		split(limits, limit, " ")
		median = n[int((NR + 1) / 2)]; p95 = n[int(NR * 0.95)]; max = n[NR]
		bad = median > limit[1] || p95 > limit[2] || max > limit[3]
		printf "%s sizes: functions: median %d, 95 %% %d, longest %d (%s)\n",
			bad ? "not ok" : "ok", median, p95, max, where[NR]
		exit bad
	}' "${TMPDIR:-/tmp}/caisson-sizes.$$" || status=1
exit $status
