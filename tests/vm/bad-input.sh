#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whatever is wrong: one sentence, the documented exit status, nothing left behind.
. "$(dirname "$0")/../lib/lib.sh"

IMAGE=$(busybox_image)

# refused STATUS PART COMMAND...
refused() {
	local want=$1 part=$2
	shift 2
	status "$want" "$@"
	is "$(out)" ""
	has "$(err)" "$part"
	case $(err) in
	"caisson: "*) ;;
	*) fail "no message of caisson's: $(err)" ;;
	esac
	is_clean
}

test_wrong_calls() {
	refused 125 "which image" caisson run
	refused 125 "unknown option --no-such" caisson run --no-such "$IMAGE"
	refused 125 "unknown option -x" caisson run -ix "$IMAGE"
	refused 125 "--memory needs a value" caisson run --memory
	refused 125 "--memory lots: not a size" caisson run --memory lots "$IMAGE"
	refused 125 "must be from 64M to 1T" caisson run --memory 16M "$IMAGE"
	refused 125 "must be from 64K to 1T" caisson run --disk-rate 1 "$IMAGE"
	refused 125 "did you mean 256M?" caisson run --memory 256 "$IMAGE"
	refused 125 "--rm takes no value" caisson run --rm=true "$IMAGE"
	refused 125 "--cpus 0: must be from 1" caisson run --cpus 0 "$IMAGE"
	refused 125 "--accel magic: must be one of" caisson run --accel magic "$IMAGE"
	refused 125 "--hypervisor xen: must be one of qemu" caisson run --hypervisor xen "$IMAGE"
	refused 125 "--name a/b" caisson run --name a/b "$IMAGE"
	refused 125 "--name ../x" caisson run --name ../x "$IMAGE"
	refused 125 "--workdir tmp: must be an absolute path" caisson run -w tmp "$IMAGE"
	refused 125 "--env =x: a variable needs a name" caisson run -e =x "$IMAGE"
	refused 125 "needs a terminal" caisson run -it "$IMAGE"
	refused 125 "unknown command" caisson rum
	status 125 caisson
	is "$(err | head -n 1)" "caisson: which command?"
	has "$(err)" "Usage: caisson [OPTIONS] COMMAND"
	# A value that was left out: the command is taken for it.
	refused 125 "which command? \"list\" was taken for the value of --root: see" caisson --root list
	one_sentence
	refused 125 "which command? \"ps\" was taken for the value of --log: see" caisson --debug --log ps
	refused 125 "which command? See \`caisson --help\`" caisson --root=list
	one_sentence
	refused 125 "which command? See \`caisson --help\`" caisson --debug
	refused 125 "unknown command" caisson help rum
	refused 1 "unknown option" caisson list --all
	refused 1 "unknown option" caisson logs web --nonsense
	for words in "diff a" "export a" "state a" "logs a" "commit a b" "cp a:b c" "image convert a" list images; do
		# shellcheck disable=SC2086 # several words
		refused 1 '"more" is one word too many' caisson $words more
	done
	for words in diff export state logs commit wait kill delete "inspect"; do
		refused 1 "which container" caisson "$words"
	done
	refused 1 "copied where" caisson cp a:b
}

# What people type who come from elsewhere, or in a hurry.
test_words_that_are_no_commands() {
	while IFS='|' read -r words here; do
		# shellcheck disable=SC2086 # several words
		refused 125 "unknown command \"$words\": did you mean \`caisson $here\`?" caisson $words
	done <<-END
		rm|delete
		rmi|image rm
		pull|image pull
		import|image import
		build|image build
		stop|kill
		container ls|list
		container exec|exec
		exce|exec
		imgaes|images
	END
	refused 125 "unknown command \"zzz\": see \`caisson --help\`" caisson zzz
	refused 125 "unknown option --roto: see \`caisson --help\`" caisson --roto x list
	refused 1 "unknown command \"volume ls\": did you mean \`caisson volume list\`?" caisson volume ls
	refused 1 "unknown command \"image ls\": did you mean \`caisson image list\`?" caisson image ls
	refused 1 "unknown command \"image zzz\": see \`caisson image --help\`" caisson image zzz
	status 0 caisson help image build
	has "$(out)" "Usage: caisson image build"
	status 0 caisson help kernel use
	has "$(out)" "Usage: caisson kernel"
}

test_no_such_image() {
	refused 125 "nowhere.tar" caisson run --rm "docker-archive:$WORK/nowhere.tar" true
	refused 125 "nowhere" caisson run --rm "oci:$WORK/nowhere" true
	refused 125 "nowhere" caisson run --rm "dir:$WORK/nowhere" true
	refused 125 "" caisson run --rm "no such image!" true
}

# A file's name alone is a registry's as well: it is not asked for what is a file here.
test_files_without_a_word_before_them() {
	local at="$WORK/a folder"
	mkdir -p "$at/127.0.0.1:1/x" "$at/layout" "$at/Rootfs"
	cd "$at" || exit
	cp "$IMAGES/busybox.tar" app.tar
	: >layout/oci-layout
	truncate -s 1M disk.img
	mke2fs -q -t ext4 disk.img
	refused 125 "for the file here write docker-archive:app.tar, oci-archive:app.tar, or tar:app.tar" caisson run app.tar
	refused 1 "for the file here write docker-archive:app.tar" caisson image build -o x.ext4 app.tar
	refused 1 "for the file here write docker-archive:app.tar" caisson image pull app.tar
	refused 1 "for the file here write docker-archive:app.tar" caisson image import app.tar
	refused 125 "for the file here write docker-archive:./app.tar" caisson run ./app.tar
	refused 125 "for the file system here write ext4:disk.img" caisson run disk.img
	refused 125 "for the OCI layout here write oci:$at/layout" caisson run "$at/layout"
	refused 125 "for the folder here write dir:Rootfs" caisson run Rootfs
	refused 125 "there is no file or folder './none'" caisson run ./none
	# A folder may have the name of an image, and is spoken of when that is not there.
	status 125 caisson run 127.0.0.1:1/x
	has "$(err)" "cannot fetch 127.0.0.1:1/x"
	has "$(err)" "; for the folder here write dir:127.0.0.1:1/x"
	# Port 1 refuses.
	status 125 caisson run 127.0.0.1:1/y.tar
	has "$(err)" "; there is no file of that name here either"
	cd "$OLDPWD" || exit
}

test_damaged_images() {
	head -c 300000 "$IMAGES/busybox.tar" >"$IMAGES/cut.tar"
	refused 125 "cut.tar" caisson run --rm "docker-archive:$IMAGES/cut.tar" true
	head -c 100000 /dev/urandom >"$IMAGES/noise.tar"
	refused 125 "noise.tar" caisson run --rm "docker-archive:$IMAGES/noise.tar" true
	: >"$IMAGES/empty.tar"
	refused 125 "empty.tar" caisson run --rm "docker-archive:$IMAGES/empty.tar" true
}

test_image_without_a_command() {
	mkdir -p "$WORK/bare"
	refused 125 "names no command" caisson run --rm "dir:$WORK/bare"
	refused 127 "sh" caisson run --rm "dir:$WORK/bare" sh
}

test_bad_kernels() {
	refused 125 "no-such-kernel" caisson run --rm --kernel "$WORK/no-such-kernel" "$IMAGE" true
	echo "this is not a kernel" >"$WORK/text"
	refused 125 "$WORK/text" caisson run --rm --kernel "$WORK/text" "$IMAGE" true
	cp /bin/busybox "$WORK/elf"
	refused 125 "$WORK/elf" caisson run --rm --kernel "$WORK/elf" "$IMAGE" true
	truncate -s 5T "$WORK/elf"
	refused 125 "larger than 1 GiB" caisson run --rm --kernel "$WORK/elf" "$IMAGE" true
}

test_kernel_calls() {
	local file
	for words in build check use list; do
		status 0 caisson kernel $words --help
		has "$(out)" "check FILE"
	done
	for file in /nope /etc/passwd /tmp; do
		refused 1 "$file" caisson kernel check "$file"
		one_sentence
	done
	refused 1 "must be one of qemu|firecracker" caisson kernel check --for xen /etc/passwd
	refused 1 "must be one of x86_64|aarch64" caisson kernel build --arch mips
	refused 1 "--arch is for kernel build" caisson kernel list --arch aarch64
	refused 1 "--for is for kernel check" caisson kernel list --for qemu
	refused 1 "caisson kernel list" caisson kernel use /boot/vmlinuz-0
}

test_memory_too_small_for_the_kernel() {
	refused 125 "is too little for this kernel: give at least" \
		caisson run --rm --kernel distro --memory 64M "$IMAGE" true
	one_sentence
	least=$(err | sed 's/.*at least //')
	status 0 caisson run --rm --kernel distro --memory "$least" "$IMAGE" true
}

test_long_run_folder() {
	long=$(printf '%s/%080d' "$WORK" 0 | head -c 80)
	# The longest socket's path, beside these and a slash, has 16 bytes of the 107 (unix(7)).
	status 0 env "CAISSON_RUN=$long" caisson run --rm --name 1234567890 "$IMAGE" true
	refused 125 "choose a shorter name, or a shorter folder with \$CAISSON_RUN: $long/1" \
		env "CAISSON_RUN=$long" caisson run --rm --name 12345678901 "$IMAGE" true
	one_sentence
	rmdir "$long"
}

# A kernel of our own making that comes up and does the wrong thing.
tiny_kernel() {
	"$TOP/tests/vm/tiny-kernel.py" "$1" "$2"
}

test_kernel_that_gives_up() {
	tiny_kernel reset "$WORK/reset"
	refused 125 "gave up" caisson run --rm --accel tcg --kernel "$WORK/reset" "$IMAGE" true
	has "$(err)" "tiny kernel says hello"
}

test_guest_that_never_gets_ready() {
	tiny_kernel hang "$WORK/hang"
	refused 125 "did not get ready within 10 s" \
		caisson run --rm --accel tcg --boot-timeout 10 --kernel "$WORK/hang" "$IMAGE" true
	has "$(err)" "tiny kernel says hello"
}

test_no_qemu() {
	mkdir -p "$WORK/path"
	for program in sh env skopeo; do ln -sf "$(command -v $program)" "$WORK/path/$program"; done
	refused 125 "qemu" env "PATH=$WORK/path" "$TOP/build/bin/caisson" run --rm --accel tcg "$IMAGE" true
}

# Its descriptor 3 is where QMP is spoken; it has stopped to be told to end.
test_qemu_that_is_another_program() {
	mkdir "$WORK/another"
	printf '#!/bin/sh\necho hello >&3\nkill -STOP $$\n' >"$WORK/another/qemu-system-x86_64"
	chmod 755 "$WORK/another/qemu-system-x86_64"
	PATH=$WORK/another:$PATH refused 125 "caisson: what QEMU answered is not QMP" caisson run --rm "$IMAGE" true
}

test_accel_kvm_that_does_not_work() {
	caisson run --rm --accel kvm "$IMAGE" true >"$WORK/kvm" 2>&1 && skip "KVM works here"
	refused 125 "KVM" caisson run --rm --accel kvm "$IMAGE" true
}

test_disk_full() {
	# A file system of its own for the containers, in a mount namespace of this test's.
	mkdir -p "$WORK/small"
	status 125 unshare -m bash -c "
		mount -t tmpfs -o size=600k none '$WORK/small' &&
		CAISSON_ROOT='$WORK/small' exec '$TOP/build/bin/caisson' run --rm '$IMAGE' true"
	has "$(err)" "not enough space"
	is_clean
}

# What nobody can read is no success.
test_output_that_is_lost() {
	local words
	for words in --help --version "help run" "list --help" list "list --format json" "kernel list"; do
		code=0
		# shellcheck disable=SC2086 # several words
		caisson $words >/dev/full 2>"$WORK/err" || code=$?
		is $code 1 "status of $words"
		one_sentence
		has "$(err)" "cannot write to stdout: No space left on device"
	done
	code=0
	caisson run --help >/dev/full 2>"$WORK/err" || code=$?
	is $code 125
	status 0 bash -c "set -o pipefail; caisson help | true"
	is "$(err)" ""
}

# A user who can see the program, but is nobody.
as_nobody() {
	setpriv --reuid 65534 --regid 65534 --clear-groups env "HOME=$WORK/nobody" CAISSON_ROOT= CAISSON_RUN= \
		CAISSON_CACHE= "$TOP/build/bin/caisson" "$@"
}

# Without containers, and folders for any.
test_user_is_not_root() {
	chmod 755 "$WORK"
	install -d -o 65534 "$WORK/nobody"
	# shellcheck disable=SC2086 # several words
	for words in help --version "run --help" "kernel list" "list" "list -q"; do
		status 0 as_nobody $words
	done
	# shellcheck disable=SC2086 # several words
	for words in "125 exec box true" "1 logs box" "1 kill box" "1 wait box" "1 delete box"; do
		status ${words%% *} as_nobody ${words#* }
		one_sentence
		has "$(err)" "does not exist"
	done
	[ ! -e "$WORK/nobody/.local" ] || fail "made: $(find "$WORK/nobody/.local")"
	install -d -m 0 -o 65534 "$WORK/nobody/.local/share/caisson"
	status 1 as_nobody list
	one_sentence
	has "$(err)" "Permission denied"
	status 1 as_nobody create --bundle "$WORK" box
	one_sentence
	has "$(err)" "needs root, as a bundle's files are shared as they are"
}

run_tests "$@"
