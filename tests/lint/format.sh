#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sources are as clang-format makes them: `./tests/lint/format.sh --fix` does it.
set -eu
cd "$(dirname "$0")/../.."
list() { find src tests include -name '*.[ch]' -print0; }

if [ "${1:-}" = --fix ]; then
	list | xargs -0 clang-format -i
	exit 0
fi
bad=$(list | xargs -0 clang-format --dry-run 2>&1 | sed -n 's/:.*warning.*//p' | sort | uniq -c)
if [ -n "$bad" ]; then
	echo "not ok format: run tests/lint/format.sh --fix"
	printf '%s\n' "$bad" | sed 's/^/  | /'
	exit 1
fi
echo "ok format"
