#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `caisson run --rootfs-mode image`: the image as a disk that is shared, and one for what is written.
. "$(dirname "$0")/../lib/lib.sh"

"$TOP/tests/lib/make-image" busybox "docker-archive:$WORK/busybox.tar"
IMAGE=docker-archive:$WORK/busybox.tar
run() { caisson run --rootfs-mode image "$@"; }
copy() { caisson run --rootfs-mode copy "$@"; }
# The files of the image, in a folder.
unpacked() {
	mkdir -p "$1" "$WORK/parts"
	tar -xf "$WORK/busybox.tar" -C "$WORK/parts"
	find "$WORK/parts" -name '*.tar' -exec tar -xpf {} -C "$1" \;
}
image_disk() { echo "$CAISSON_ROOT"/images/*/rootfs.ext4; }

test_writes_stay_the_container_s_own() {
	status 0 run -d --name one "$IMAGE" sleep 1000
	sum=$(sha256sum <"$(image_disk)")
	status 0 run -d --name two "$IMAGE" sleep 1000
	status 0 caisson exec one sh -c 'echo one >/bin/file; rm /bin/busybox.list 2>/dev/null; mkdir -p /new/folder; chmod 700 /'
	status 0 caisson exec one sh -c 'cat /bin/file; stat -c %a /; ls -d /new/folder'
	is "$(out | tr '\n' ' ')" "one 700 /new/folder "
	status 1 caisson exec two cat /bin/file
	status 0 caisson exec two stat -c '%a %u' /
	is "$(out)" "755 0"
	is "$(sha256sum <"$(image_disk)")" "$sum"
	status 0 caisson delete -f one two
}

# As on a folder, but that nothing of the host is shared.
test_as_with_a_folder() {
	status 0 run --rm "$IMAGE" sh -c 'cut -d " " -f 1 /proc/1/comm; id -u; cat /proc/mounts | grep -c virtiofs; df -P / | tail -n 1'
	has "$(out | sed -n 4p | tr -s " ")" "overlay 10321236"
	is "$(out | sed -n 1,3p | tr '\n' ' ')" "sh 0 0 "
	status 42 run --rm -u 1000 -w /tmp/made "$IMAGE" sh -c 'pwd; exit 42'
	is "$(out)" /tmp/made
	head -c 30000000 /dev/urandom >"$WORK/data"
	status 0 run --rm -i "$IMAGE" sh -c 'cat >/data; sync; md5sum </data' <"$WORK/data"
	is "$(out)" "$(md5sum <"$WORK/data")"
	for mode in virtiofs image; do
		status 0 caisson run -d --name shares --rootfs-mode $mode "$IMAGE" sleep 1000
		is "$mode: $(pgrep -f "virtiofsd.*$CAISSON_RUN" >/dev/null && echo one)" \
			"$([ $mode = image ] && echo 'image: ' || echo 'virtiofs: one')" "a virtiofsd"
		status 0 caisson delete -f shares
	done
	is_clean
}

# What does not fit on the host's disk is an error for whoever writes it, and not the end of all news of the VM.
test_the_host_has_no_room() {
	mkdir -p "$CAISSON_ROOT/containers"
	mount -t tmpfs -o size=24M full "$CAISSON_ROOT/containers"
	trap 'umount "$CAISSON_ROOT/containers"' EXIT
	for how in image copy; do
		status 0 timeout 100 caisson run --rm --rootfs-mode $how "$IMAGE" sh -c 'dd if=/dev/zero of=/much bs=1M count=64 conv=fsync 2>/dev/null || echo refused'
		is "$(out)" refused
	done
	umount "$CAISSON_ROOT/containers"
	trap - EXIT
	is_clean
}

# One image, and less than a megabyte each.
test_room() {
	for i in 1 2 3; do
		status 0 run -d --name "room$i" "$IMAGE" sleep 1000
	done
	for i in 1 2 3; do
		used=$(du -sk "$CAISSON_ROOT/containers/room$i" | cut -f 1)
		[ "$used" -lt 1000 ] || fail "room$i takes $used kB"
	done
	# The other form may be there as well, and nothing of a container's.
	is "$(ls -I rootfs -I rootfs.sums "$(dirname "$(image_disk)")" | tr '\n' ' ')" \
		"config.json rootfs.ext4 rootfs.ext4.sums "
	status 0 caisson delete -f room1 room2 room3
}

# The guest's kernel reads every file of Debian's packages as it was packed.
test_debian() {
	command -v debootstrap >/dev/null || skip "debootstrap is not installed"
	command -v umoci >/dev/null || skip "umoci is not installed"
	layout=$("$TOP/tests/lib/debian-image")
	status 0 run --rm "oci:$layout:nodejs" sh -c 'dpkg --verify && node -p 6*7'
	is "$(out)" 42
	# The others look at the one image of the store.
	status 0 caisson image rm "oci:$layout:nodejs"
	is_clean
}

# While a container has it; one bit, one byte less.
test_verify() {
	status 0 run -d --name reader "$IMAGE" sleep 1000
	id=$(basename "$(dirname "$(image_disk)")")
	status 0 caisson image verify
	is "$(out)" "${id:0:12}: ok"
	cp "$(image_disk)" "$WORK/whole"
	python3 - "$(image_disk)" <<-'END'
		import sys
		with open(sys.argv[1], "r+b") as file:
		    file.seek(700001)
		    bits = file.read(1)[0]
		    file.seek(700001)
		    file.write(bytes([bits ^ 128]))
	END
	status 1 caisson image verify
	one_sentence
	is "$(out)" "${id:0:12}: rootfs.ext4: 1 of its pieces of 65536 bytes differs, that at byte 655360"
	cat "$WORK/whole" >"$(image_disk)"
	status 0 caisson image verify -q
	status 0 caisson exec reader true
	status 0 caisson delete -f reader
	truncate -s -1 "$(image_disk)"
	status 1 caisson image verify
	has "$(out)" "rootfs.ext4: has $(($(stat -c %s "$WORK/whole") - 1)) bytes instead of"
	status 0 run --rm "$IMAGE" true
	has "$(err)" "was cut by somebody: it is made again"
	status 0 caisson image verify
	status 0 run --rm "$IMAGE" true
	is "$(err)" ""
}

test_image_in_use_stays() {
	status 0 run -d --name user "$IMAGE" sleep 1000
	status 1 caisson image rm "$(basename "$(dirname "$(image_disk)")")"
	one_sentence
	kill -KILL "$(vmm_of user)"
	# What it says depends on who was first; here it is only to have ended.
	caisson wait user >"$WORK/out" 2>&1 || true
	status 0 caisson delete user
	status 0 run --rm "$IMAGE" true
}

# In a mount namespace that has no virtiofsd any more; the record says what was chosen.
without_virtiofsd() {
	unshare -m sh -c 'for f in /usr/lib/qemu/virtiofsd /usr/libexec/virtiofsd /usr/lib/virtiofsd; do
		[ ! -e "$f" ] || mount --bind /dev/null "$f"
	done
	exec "$@"' sh "$@"
}

test_the_configuration_chooses() {
	export CAISSON_CONFIG=$WORK/modes.conf
	for mode in image copy virtiofs; do
		echo "rootfs.mode = $mode" >"$CAISSON_CONFIG"
		status 0 caisson run --rm "$IMAGE" grep ' / ' /proc/mounts
		case $mode in
		image) has "$(out)" overlay ;;
		copy) has "$(out)" ext4 ;;
		*) has "$(out)" virtiofs ;;
		esac
		status 0 caisson run --rm --rootfs-mode image "$IMAGE" grep -q '^overlay / ' /proc/mounts
	done
	echo "rootfs.mode = disk" >"$CAISSON_CONFIG"
	status 125 caisson run --rm "$IMAGE" true
	one_sentence
	has "$(err)" "must be one of virtiofs|image|copy"
}

test_where_there_is_no_virtiofsd() {
	mode() { caisson inspect "$1" | grep -o '"rootfs_mode": *"[a-z]*"' | tr -d '" '; }
	status 0 without_virtiofsd caisson run -d --name disks "$IMAGE" sleep 1000
	is "$(mode disks)" rootfs_mode:image
	status 0 caisson exec disks sh -c 'grep -c virtiofs /proc/mounts || true'
	is "$(out)" 0
	status 0 caisson delete -f disks
	status 125 without_virtiofsd caisson run --rm --rootfs-mode virtiofs "$IMAGE" true
	has "$(err)" "there is no virtiofsd on this machine"
	mkdir -p "$WORK/folder/bin"
	status 127 without_virtiofsd caisson run --rm "dir:$WORK/folder" true
	status 0 caisson run -d --name folder "$IMAGE" sleep 1000
	is "$(mode folder)" rootfs_mode:virtiofs
	status 0 caisson delete -f folder
	is_clean
}

test_size_of_the_own_disk() {
	status 1 run --name small --rootfs-size 16M "$IMAGE" sh -c 'dd if=/dev/zero of=/big bs=1M count=64 && echo done'
	has "$(err)" "No space left on device"
	is "$(stat -c %s "$CAISSON_ROOT/containers/small/upper.ext4")" 16777216
	used=$(du -k "$CAISSON_ROOT/containers/small/upper.ext4" | cut -f 1)
	[ "$used" -le 16384 ] || fail "it takes $used kB"
	status 0 caisson delete small
	# The variable; a good end of it; and the option beats it.
	status 0 run --rm -e RUNCVM_ROOTFS_SIZE=32M "$IMAGE" sh -c 'df -P -k / | tail -n 1'
	blocks=$(out | tr -s ' ' | cut -d ' ' -f 2)
	[ "$blocks" -gt 24000 ] && [ "$blocks" -le 32768 ] || fail "$blocks kB"
	status 0 run --name option -e RUNCVM_ROOTFS_SIZE=32M --rootfs-size 64M "$IMAGE" true
	is "$(stat -c %s "$CAISSON_ROOT/containers/option/upper.ext4")" 67108864
	status 0 caisson delete option
	status 125 run --rm -e RUNCVM_ROOTFS_SIZE=much "$IMAGE" true
	one_sentence
	has "$(err)" "RUNCVM_ROOTFS_SIZE of 'much' is no size"
	status 125 caisson run --rm --rootfs-mode virtiofs --rootfs-size 1G "$IMAGE" true
	one_sentence
	has "$(err)" "--rootfs-size goes with --rootfs-mode image or copy only"
	status 125 run --rm --rootfs-size 1k "$IMAGE" true
	one_sentence
	is_clean
}

# All of it is the container's: no overlay, nothing shared, and no more room than the image and what is written.
test_copy() {
	status 0 copy -d --name copy "$IMAGE" sleep 1000
	sum=$(sha256sum <"$(image_disk)")
	status 0 caisson exec copy sh -c 'grep " / " /proc/mounts; df -P / | tail -n 1; stat -c %a:%u /; echo x >/bin/file; sync; id -u'
	has "$(out | sed -n 1p)" " ext4 rw"
	[ "$(out | sed -n 2p | tr -s ' ' | cut -d ' ' -f 4)" -gt 9500000 ] || fail "$(out)"
	is "$(out | tail -n 2 | tr '\n' ' ')" "755:0 0 "
	is "$(sha256sum <"$(image_disk)")" "$sum"
	used=$(du -sk "$CAISSON_ROOT/containers/copy" | cut -f 1)
	[ "$used" -lt "$(($(du -sk "$(image_disk)" | cut -f 1) + 4000))" ] || fail "$used kB"
	status 0 caisson kill -s KILL copy
	status 0 caisson wait copy
	is "$(out)" 137
	status 0 e2fsck -fn "$CAISSON_ROOT/containers/copy/root.ext4"
	for words in "diff copy" "commit copy copied"; do
		# shellcheck disable=SC2086 # several words
		status 1 caisson $words
		one_sentence
		has "$(err)" "nothing tells what has changed"
	done
	status 0 caisson delete copy
	is_clean
}

# What is in the file only the guest reads.
test_ext4_file() {
	file=$WORK/made.ext4
	status 0 caisson image build -o "$file" --entrypoint-file "$IMAGE" -- sh -c 'echo "$0 $1 $PATH"; pwd; hostname; exit 3' 'a b' 'c'
	sum=$(sha256sum <"$file")
	status 3 caisson run --rm --name own "ext4:$file"
	is "$(out | sed -n 1p)" "a b c /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	is "$(out | tail -n 2 | tr '\n' ' ')" "/ own "
	status 0 caisson run --rm -e PATH=/bin:/x -w /tmp -u 1000 "ext4:$file" sh -c 'pwd; id -u; echo $PATH; echo x >/tmp/file 2>/dev/null; echo $HOSTNAME'
	has "$(out | tr '\n' ' ')" "/tmp 1000 /bin:/x "
	is "$(sha256sum <"$file")" "$sum"
	status 127 caisson run --rm "ext4:$file" nothing
	is_clean
}

# It never looks healthy.
test_ext4_without_entrypoint() {
	status 0 caisson image build -o "$WORK/bare.ext4" "$IMAGE"
	for how in --rm -d; do
		status 125 caisson run $how "ext4:$WORK/bare.ext4"
		one_sentence
		has "$(err)" "$WORK/bare.ext4: [VM-START] No entrypoint found in /.runcvm/entrypoint"
	done
	status 0 caisson list -q
	is "$(out)" ""
	status 0 caisson run --rm "ext4:$WORK/bare.ext4" true
	mkdir -p "$WORK/lie/.runcvm"
	printf "true\\n" >"$WORK/lie/.runcvm/entrypoint"
	printf "user = a:b:c\\n" >"$WORK/lie/.runcvm/config"
	status 0 caisson image build -o "$WORK/lie.ext4" "dir:$WORK/lie"
	status 125 caisson run --rm "ext4:$WORK/lie.ext4"
	one_sentence
	has "$(err)" "/.runcvm/config: line 1: user must be"
	is_clean
}

test_ext4_that_is_none() {
	file=$WORK/bad.ext4
	status 0 caisson image build -o "$file" "$IMAGE"
	truncate -s -4096 "$file"
	mkfifo "$WORK/fifo"
	echo text >"$WORK/text"
	for bad in "$file" "$WORK/fifo" "$WORK/text" "$WORK" "$WORK/none" ''; do
		status 125 caisson run --rm "ext4:$bad" true
		one_sentence
	done
	for how in "--rootfs-mode virtiofs" "--rootfs-mode image" "--executor oci"; do
		# shellcheck disable=SC2086 # words
		status 125 caisson run --rm $how "ext4:$file" true
		one_sentence
	done
	status 1 caisson image build -o "$WORK/again" "ext4:$file"
	status 1 caisson image import "ext4:$file"
	one_sentence
	is_clean
}

# crun's containers have the same root; names of users are the image's.
test_oci() {
	for mode in image copy; do
		status 0 caisson run -d --name oci --executor oci --rootfs-mode $mode -u user "$IMAGE" sleep 1000
		status 0 caisson exec oci sh -c 'id -u; grep " / " /proc/mounts | cut -d " " -f 1,3; grep -c virtiofs /proc/mounts || true; ls -d /layers 2>/dev/null || true'
		[ $mode = copy ] || is "$(out | tr '\n' ' ')" "1000 overlay overlay 0 "
		[ $mode = image ] || has "$(out | tr '\n' ' ')" " ext4 0 "
		status 0 caisson exec -u 0 oci sh -c 'echo own >/file; rm /etc/hosts; sync'
		status 0 caisson exec -u nobody oci sh -c 'id -u; cat /file'
		is "$(out | tr '\n' ' ')" "65534 own "
		status 0 caisson export -o "$WORK/oci.tar" oci
		is "$(tar -xOf "$WORK/oci.tar" ./file)" own
		is "$(tar -tf "$WORK/oci.tar" | grep -E '^\./(proc|sys|dev|etc/hosts)' | sort | tr '\n' ' ')" "./dev/ ./proc/ ./sys/ "
		[ $mode = copy ] || {
			status 0 caisson diff oci
			is "$(out | sort | tr '\n' ' ')" "A /file C /etc D /etc/hosts "
			status 0 caisson commit oci "oci:$WORK/oci-runs"
		}
		status 0 caisson kill -s KILL oci
		status 0 caisson wait oci
		is "$(out)" 137
		[ $mode = copy ] || {
			status 0 caisson diff oci
			is "$(out | sort | tr '\n' ' ')" "A /file C /etc D /etc/hosts "
			status 0 caisson commit oci "oci:$WORK/oci-ended"
			status 0 caisson export -o "$WORK/oci.tar" oci
			is "$(tar -xOf "$WORK/oci.tar" ./file)" own
		}
		status 0 caisson delete oci
	done
	status 125 run --rm --executor oci -u nobody-knows "$IMAGE" true
	has "$(err)" "no matching entries in passwd file"
	unpacked "$WORK/oci-root"
	status 3 run --rm --executor oci -u user "dir:$WORK/oci-root" sh -c 'id -u; exit 3'
	is "$(out)" 1000
	is_clean
}

# No byte of it is written again: it only grows.
test_copy_of_a_size() {
	status 0 copy --rm -e RUNCVM_ROOTFS_SIZE=300M "$IMAGE" df -P -m /
	got=$(out | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2)
	[ "$got" -gt 250 ] && [ "$got" -le 300 ] || fail "$(out)"
	status 0 copy --rm -e RUNCVM_ROOTFS_SIZE=300M "$IMAGE" sh -c 'head -c 200000000 /dev/zero >/big && ! head -c 200000000 /dev/zero >/more 2>/dev/null'
	is_clean
}

# Made for each container: the folder is another one each time.
test_folder() {
	root=$WORK/root
	unpacked "$root"
	before=$(ls "$CAISSON_ROOT/images" 2>/dev/null || true)
	for mode in image copy; do
		echo first >"$root/file"
		status 0 caisson run -d --name folder --rootfs-mode $mode "dir:$root" sleep 1000
		echo second >"$root/file"
		status 0 caisson run --rm --rootfs-mode $mode "dir:$root" sh -c 'cat /file; echo x >/file; grep -c virtiofs /proc/mounts || true'
		is "$(out | tr '\n' ' ')" "second 0 "
		status 0 caisson exec folder cat /file
		is "$(out)" first
		is "$(cat "$root/file")" second
		[ $mode = copy ] || status 0 caisson exec folder sh -c 'rm /file; sync'
		status 0 caisson kill -s KILL folder
		status 0 caisson wait folder
		[ $mode = copy ] || {
			status 0 caisson diff folder
			is "$(out)" "D /file"
			status 0 caisson commit folder "oci:$WORK/folder-layout"
		}
		status 0 caisson delete folder
	done
	is "$(ls "$CAISSON_ROOT/images" 2>/dev/null || true)" "$before"
	ln -s nowhere "$WORK/link"
	for bad in "$WORK/none" "$WORK/busybox.tar" "$WORK/link"; do
		status 125 run --rm "dir:$bad" true
		one_sentence
	done
	is_clean
}

# In a mount namespace with an overlay of these options, in which the words of $CHANGE have been executed:
# what a container of somebody else's has changed.
CHANGE=true
overlaid() {
	unshare -m sh -c 'mount -t overlay overlay -o "$1" "$2" && (cd "$2" && eval "$3") && shift 3 && exec "$@"' \
		sh "$1" "$WORK/merged" "$CHANGE" "${@:2}"
}
layers() {
	top='b: \c'
	rm -rf "$WORK/layers" "$WORK/merged"
	mkdir -p "$WORK/merged" "$WORK/layers/up/work" "$WORK/layers/up/upper" "$WORK/layers/$top/gone"
	unpacked "$WORK/layers/a"
	mkdir "$WORK/layers/a/gone" "$WORK/layers/a/hidden"
	touch "$WORK/layers/a/gone/old" "$WORK/layers/a/hidden/old" "$WORK/layers/a/two" "$WORK/layers/a/three"
	touch "$WORK/layers/$top/gone/new"
	setfattr -n trusted.overlay.opaque -v y "$WORK/layers/$top/gone"
	mknod "$WORK/layers/$top/two" c 0 0
	chmod 711 "$WORK/layers/up/upper"
	LOWER=lowerdir=$WORK'/layers/b\: \\c:'$WORK/layers/a
	LAYERS=$LOWER,upperdir=$WORK/layers/up/upper,workdir=$WORK/layers/up/work
}
# The others look at the one image of the store.
forget_layers() {
	images | while read -r config; do
		caisson image rm "$(basename "$(dirname "$config")")" || fail "it stays"
	done >/dev/null
}
images() { grep -l caisson.overlay "$CAISSON_ROOT"/images/*/config.json || true; }

# What is below becomes one disk, which they share; what is above is copied for each.
test_overlay() {
	layers
	CHANGE='rm -rf three hidden; mkdir hidden; touch hidden/new; mknod dev0 c 1 3; echo up >etc/hosts'
	status 0 overlaid "$LAYERS" caisson run --name first --rootfs-mode image "dir:$WORK/merged" \
		sh -c 'find /gone /hidden /two /three 2>/dev/null; cat /etc/hosts; stat -c %a /; ls -l /dev0 | cut -c 1; echo guest >/etc/hosts; rm /gone/new'
	is "$(out | tr '\n' ' ')" "/gone /gone/new /hidden /hidden/new up 711 c "
	is "$(cat "$WORK/layers/up/upper/etc/hosts")" up
	is "$(images | wc -l)" 1
	id=$(basename "$(dirname "$(images)")")
	status 0 caisson image verify -q
	status 0 e2fsck -fn "$CAISSON_ROOT/containers/first/upper.ext4"
	status 0 caisson diff first
	is "$(out | sort | tr '\n' ' ')" "A /dev0 A /hidden/new C /etc C /etc/hosts C /gone C /hidden D /gone/new D /hidden/old D /three "
	# The next one gets the same disk, and what is above as it is now.
	CHANGE='cat etc/hosts; echo second >etc/hosts'
	status 0 overlaid "$LAYERS" caisson run --rm --rootfs-mode image "dir:$WORK/merged" sh -c 'cat /etc/hosts; ls /gone'
	is "$(out | tr '\n' ' ')" "up second new "
	is "$(err)" ""
	# A copy of all of it; and a folder in it, which is no mount point.
	CHANGE=true
	status 0 overlaid "$LAYERS" caisson run --rm --rootfs-mode copy "dir:$WORK/merged" sh -c 'cat /etc/hosts; ls /gone'
	is "$(out | tr '\n' ' ')" "second new "
	status 127 overlaid "$LAYERS" caisson run --rm --rootfs-mode image "dir:$WORK/merged/etc" true
	is "$(images)" "$CAISSON_ROOT/images/$id/config.json"
	# A layer that was made again is another one.
	mv "$WORK/layers/a" "$WORK/layers/old"
	cp -a "$WORK/layers/old" "$WORK/layers/a"
	echo new >"$WORK/layers/a/three"
	status 0 overlaid "$LOWER" caisson run --rm --rootfs-mode image "dir:$WORK/merged" cat /three
	is "$(out)" new
	is "$(images | wc -l)" 2
	status 1 caisson image rm "$id"
	status 0 caisson delete first
	forget_layers
	is_clean
}

# As many as Docker has at most.
test_overlay_of_many() {
	layers
	many=
	for i in $(seq 110); do
		mkdir "$WORK/$i"
		echo "$i" >"$WORK/$i/n$i"
		many=$many$WORK/$i:
	done
	status 0 overlaid "lowerdir=$many$WORK/layers/a" caisson run --rm --rootfs-mode image "dir:$WORK/merged" cat /n1 /n77 /n110
	is "$(out | tr '\n' ' ')" "1 77 110 "
	cd "$WORK/layers" || exit
	status 125 overlaid "lowerdir=a:../1" caisson run --rm --rootfs-mode image "dir:$WORK/merged" true
	one_sentence
	has "$(err)" "the overlay's folder 'a' has a relative name"
	forget_layers
}

test_overlay_that_does_not_go() {
	layers
	CHANGE='mv gone away'
	status 125 overlaid "$LAYERS,redirect_dir=on" caisson run --rm --rootfs-mode image "dir:$WORK/merged" true
	is "$(err | wc -l)" 2
	has "$(err)" "'away': an overlay that has made use of 'trusted.overlay.redirect' is not taken"
	layers
	CHANGE='chmod 600 etc/hosts'
	status 125 overlaid "$LAYERS,metacopy=on" caisson run --rm --rootfs-mode image "dir:$WORK/merged" true
	is "$(err | wc -l)" 2
	has "$(err)" "trusted.overlay.metacopy"
	layers
	CHANGE="mv '$WORK/layers/up/upper' '$WORK/layers/up/moved'; mkdir '$WORK/layers/up/upper'"
	status 125 overlaid "$LAYERS" caisson run --rm --rootfs-mode image "dir:$WORK/merged" true
	one_sentence
	has "$(err)" "is not the one that the overlay is made of"
	layers
	CHANGE='dd if=/dev/urandom of=big bs=1M count=9 2>/dev/null'
	status 125 overlaid "$LAYERS" caisson run --rm --rootfs-mode image --rootfs-size 8M "dir:$WORK/merged" true
	is "$(err | wc -l)" 2
	has "$(err)" "what was changed takes"
	forget_layers
	is_clean
}

test_what_does_not_go() {
	mkdir -p "$WORK/bundle"
	for mode in image copy; do
		status 125 caisson run --rm --rootfs-mode $mode -b "$WORK/bundle" name
		one_sentence
		has "$(err)" "--rootfs-mode $mode does not go with --bundle"
	done
	status 125 caisson run --rm --rootfs-mode copies "$IMAGE" true
	one_sentence
	status 0 run --rm "$IMAGE" true
	for size in 1x -1 0 99999999T; do
		status 125 copy --rm -e "RUNCVM_ROOTFS_SIZE=$size" "$IMAGE" true
		one_sentence
		has "$(err)" "RUNCVM_ROOTFS_SIZE of '$size' is no size"
	done
	is_clean
}

run_tests "$@"
