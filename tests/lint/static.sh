#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cppcheck over all of our own code; anything it is sure of is an error.
# With one job it looks across files as well, and mistakes results for arguments: never with one.
set -eu
cd "$(dirname "$0")/../.."
if cppcheck --quiet --enable=warning,portability --inline-suppr --error-exitcode=1 --std=c11 \
	--suppress=missingInclude --suppress=unknownMacro -D_GNU_SOURCE -I src -I include \
	-j 2 --template='  | {file}:{line}: {id}: {message}' \
	--suppress=nullPointerOutOfMemory --suppress=comparePointers src 2>&1; then
	echo "ok static: cppcheck"
else
	echo "not ok static: cppcheck"
	exit 1
fi
