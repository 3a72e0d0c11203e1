#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What no file of the tree may hold, and what every one must.
set -eu
cd "$(dirname "$0")/../.."
status=0

# verdict NAME FINDINGS
verdict() {
	if [ -n "$2" ]; then
		echo "not ok text: $1"
		printf '%s\n' "$2" | head -20 | sed 's/^/  | /'
		status=1
	else
		echo "ok text: $1"
	fi
}

# What git would commit, whether it is tracked yet or not. A copy without git is looked at as a whole.
files() {
	git ls-files -co --exclude-standard -- "$@" 2>/dev/null | while IFS= read -r f; do
		[ -f "$f" ] && printf '%s\n' "$f"
	done
}

all=$(files ':!tests/fuzz/corpus' ':!LICENSE' ':!tests/lint/text.sh')

verdict "unfinished work" "$(printf '%s\n' "$all" | xargs -d '\n' grep -nIE '\b(TODO|FIXME|XXX|HACK)\b' || true)"
# In C and Python, and in scripts outside of quotes: what runs in a container may sleep. The kernel's
# build waits for a process group, and that has no event.
clock() {
	files '*.c' '*.py' 'bench/run' | xargs -d '\n' grep -nE '\b(sleep|usleep|nanosleep) ?\('
	files '*.sh' setup demo test .ci/run tests/coverage tests/fuzz/run ':!kernel' ':!tests/lint/text.sh' |
		xargs -d '\n' grep -nE "^([^\"'#]*[;&|({]|[^\"'#]*\b(do|then|else|while|until|if|!))?[[:blank:]]*(sleep|read( -[a-z]+)* -[a-z]*t)\b"
}
verdict "waiting by the clock" "$(clock || true)"
verdict "descriptors without CLOEXEC" "$(files 'src/*.c' | grep -v 'test-' | xargs -d '\n' grep -nE '\b(epoll_create1|signalfd|eventfd|memfd_create|accept|pipe|dup|inotify_init)\(' | grep -vE 'CLOEXEC|^[^:]*:[0-9]+:\s*(/?\*|//)' || true)"
verdict "trailing blanks" "$(printf '%s\n' "$all" | xargs -d '\n' grep -nIE '[[:blank:]]+$' || true)"
verdict "licence in every source" "$(files '*.c' '*.h' '*.py' '*.sh' '*.proto' 'meson.build' '*/meson.build' ':!tests/fuzz/corpus' ':!kernel/source' | xargs -d '\n' grep -L "SPDX-License-Identifier: Apache-2.0" || true)"
verdict "binaries" "$(files ':!tests/fuzz/corpus' | grep -E '\.(o|a|so|img|ext4|cpio|bin|tar|gz|zst|xz)$' || true)"
verdict "spelling" "$(printf '%s\n' "$all" | xargs -d '\n' codespell --quiet-level 3 --ignore-words-list 'fo,te,ro,ser,nd,licence,unx,ba,mis,wit,creat,inh,passt' || true)"
verdict "shell scripts" "$(files '*.sh' setup demo test .ci/run 'bench/run' | xargs -d '\n' grep -lE '^#!/bin/(ba)?sh' | xargs -d '\n' shellcheck -x -S warning 2>&1 || true)"
exit $status
