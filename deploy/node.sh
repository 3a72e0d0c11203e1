#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes caisson a runtime of a Kubernetes node, or takes it away again.
#
#   node.sh install   [--root DIR] [--from DIR] [--label]
#   node.sh uninstall [--root DIR] [--label]
#
# --root DIR   the node's file system (/)
# --from DIR   an installation, which is copied to /opt/caisson: what ./setup has built is in build; and config.toml, if it
#              is there, which becomes /etc/caisson/config.toml where there is none (/opt/caisson)
# --label      the node $NODE_NAME gets the label io.caisson/runtime=true by the API server, or loses it; for pods with
#              a service account
#
# Both may be repeated: what is as it should be is left as it is, and containerd and CRI-O are restarted only when
# their configuration has changed.
set -eu
umask 022
# Or systemctl would do nothing in a chroot, and say that all is well.
export SYSTEMD_IGNORE_CHROOT=1

root=/ from=/opt/caisson label=
home=opt/caisson
links=usr/local/bin
shim="containerd-shim-caisson-v2"
# What an installation is, wherever it is: in a folder that has more than that, too.
parts="bin/caisson bin/$shim libexec/caisson share/caisson share/man/man1/caisson* deploy/node.sh config.toml"
config=etc/caisson/config.toml
containerd=etc/containerd/config.toml
containerd_dropin=etc/containerd/conf.d/caisson.toml
crio=etc/crio
crio_dropin=$crio/crio.conf.d/50-caisson.conf
account=/var/run/secrets/kubernetes.io/serviceaccount
# Somebody could not be restarted.
unfinished=
# Around what is ours in a file of somebody else's.
begin='# caisson: begin'
begin_unended='# caisson: begin, the line above had no end'
end='# caisson: end'

say() { echo "caisson: $*" >&2; }

die() {
	say "$*"
	exit 1
}

usage() {
	sed -n '/^#   node/,/^set /s/^# \{0,1\}//p' "$0"
}

parse() {
	case ${1:-} in
	install | uninstall) action=$1 ;;
	-h | --help) usage && exit ;;
	*) die "install or uninstall? \"$0 --help\" says more" ;;
	esac
	shift
	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help) usage && exit ;;
		--label) label=1 ;;
		--root | --from)
			[ -n "${2:-}" ] || die "$1 needs a folder: \"$0 --help\" says which"
			[ -d "$2" ] || die "$1 $2: there is no such folder"
			[ "$1" = --root ] && root=$2 || from=$2
			shift
			;;
		*) die "unknown argument \"$1\": \"$0 --help\" says which there are" ;;
		esac
		shift
	done
	root=$(readlink -f "$root")
	root=${root%/}
}

# Two at once would find each other's halves. The lock is the folder's own: nothing is left of it.
lock() {
	exec 9<"$root/"
	flock -n 9 || die "another node.sh is at work on ${root:-/}: let it end first"
}

# Links on a node lead to its own places. Those here, of the same names, are not to be written to.
check_inside() {
	[ -n "$root" ] || return 0
	for dir in $home $links $(dirname $containerd_dropin) $(dirname $crio_dropin) $(dirname $config) \
		run/caisson var/lib/caisson var/cache/caisson; do
		case $(readlink -m "$root/$dir") in
		"$root"/*) ;;
		*) die "/$dir leads out of $root by a link: run this with chroot in there, without --root" ;;
		esac
	done
}

# --- files of the node, by their names without the first slash ---

# make_dir DIR: it and those above it; what was not there is in the list before it is there, for whenever this ends
make_dir() {
	[ ! -d "$root/$1" ] || return 0
	make_dir "$(dirname "$1")"
	echo "$1" >>"$root/$home/.made"
	mkdir "$root/$1"
}

# The folder that has the list comes with it, and /opt, where there is none, with both.
make_home() {
	[ ! -d "$root/$home" ] || return 0
	if [ -d "$root/$(dirname $home)" ]; then
		mkdir "$root/$home.new"
		: >"$root/$home.new/.made"
		mv "$root/$home.new" "$root/$home"
	else
		mkdir -p "$root/opt.caisson/$(basename $home)"
		dirname $home >"$root/opt.caisson/$(basename $home)/.made"
		mv "$root/opt.caisson" "$root/$(dirname $home)"
	fi
}

# What an installation leaves that is not finished.
remove_rest() {
	[ -e "$root/$home" ] || [ ! -e "$root/$home.old" ] || mv "$root/$home.old" "$root/$home"
	rm -rf "$root/$home.new" "$root/$home.old" "$root/opt.caisson"
	for file in $containerd $containerd_dropin $crio_dropin $config; do
		rm -f "$root/$file.caisson-"*
	done
}

# put FILE: stdin becomes its content; who owns it and who may read it stays. True: it has changed.
put() {
	make_dir "$(dirname "$1")"
	[ ! -e "$root/$1" ] || cp -p "$root/$1" "$root/$1.caisson-new"
	cat >"$root/$1.caisson-new"
	if cmp -s "$root/$1.caisson-new" "$root/$1"; then
		rm "$root/$1.caisson-new"
		return 1
	fi
	mv "$root/$1.caisson-new" "$root/$1"
}

# drop FILE: it goes. True: it was there.
drop() {
	[ -e "$root/$1" ] || [ -L "$root/$1" ] || return 1
	rm "$root/$1"
}

# The node's own programs.
on_node() {
	if [ -n "$root" ]; then
		chroot "$root" "$@"
	else
		"$@"
	fi
}

# is_root FOLDER: whether that is the node's file system, from wherever it is seen
is_root() { [ "$(stat -Lc %d:%i "$1/" 2>/dev/null)" = "$(stat -Lc %d:%i "$root/")" ]; }

# running NAME: the node's processes of that name, each with when it began
running() {
	for process in /proc/[0-9]*; do
		{ read -r comm <"$process/comm"; } 2>/dev/null && [ "$comm" = "$1" ] && is_root "$process/root" || continue
		echo "${process#/proc/} $(sed 's/.*) //' "$process/stat" | cut -d ' ' -f 20)"
	done
}

# restart UNIT. A file system that is no machine's yet has nobody who would have to.
restart() {
	if said=$(on_node systemctl restart "$1" 2>&1); then
		say "restarted $1"
	elif [ -z "$label" ] && ! is_root /proc/1/root; then
		say "restart $1 now, if it runs: its configuration has changed"
	else
		say "$1 does not know its changed configuration, for it could not be restarted: restart it, and run this again:" \
			"$(echo "$said" | head -n 1)"
		unfinished=1
		return
	fi
	rm -f "$root/$home/.restart-$1"
}

# change UNIT HOW: HOW is true if it has changed something. That UNIT is to restart is noted until it has, by whomever.
change() {
	note=$root/$home/.restart-$1 pending=
	if [ ! -e "$note" ]; then
		running "$1" >"$note"
	elif [ "$(cat "$note")" = "$(running "$1")" ]; then
		pending=1
	fi
	if "$2" || [ -n "$pending" ]; then
		restart "$1"
	else
		rm "$note"
	fi
}

# --- our own files ---

# stage DIR: the installation, with all of it root's
stage() {
	mkdir "$1"
	(
		cd "$from"
		for part in $parts; do
			[ ! -e "$part" ] || cp -a --no-preserve=ownership --parents "$part" "$1"
		done
	)
}

# What came with the programs, or with those before, if this ended before it followed them (.config)
is_our_config() {
	cmp -s "$root/$config" "$root/$home/config.toml" || cmp -s "$root/$config" "$root/$home/.config"
}

# What is noted is beside them.
copy_programs() {
	new=$root/$home.new
	rm -rf "$new"
	stage "$new"
	if diff -r --no-dereference --exclude '.*' "$new" "$root/$home" >/dev/null 2>&1; then
		rm -rf "$new"
		return
	fi
	cp "$root/$home"/.[a-z]* "$new"
	! is_our_config || cp "$root/$config" "$new/.config"
	# What runs keeps the files that it has.
	mv "$root/$home" "$root/$home.old"
	mv "$new" "$root/$home"
	rm -rf "$root/$home.old"
	say "copied $from to /$home"
}

# An administrator's own stays.
copy_config() {
	[ -e "$from/config.toml" ] || return 0
	if [ ! -e "$root/$config" ] || is_our_config; then
		put $config <"$from/config.toml" || true
	fi
	rm -f "$root/$home/.config"
}

check_links() {
	for name in $shim caisson; do
		[ "$(readlink "$root/$links/$name")" = "/$home/bin/$name" ] ||
			{ [ ! -e "$root/$links/$name" ] && [ ! -L "$root/$links/$name" ]; } ||
			die "/$links/$name is somebody else's: remove it, for a link to /$home/bin/$name"
	done
}

link_programs() {
	make_dir $links
	for name in $shim caisson; do
		[ "$(readlink "$root/$links/$name")" = "/$home/bin/$name" ] ||
			ln -sfn "/$home/bin/$name" "$root/$links/$name"
	done
}

unlink_programs() {
	for name in $shim caisson; do
		[ "$(readlink "$root/$links/$name")" != "/$home/bin/$name" ] || rm "$root/$links/$name"
	done
}

# rmdir_made LIST: those that nobody has anything in, the deepest first
rmdir_made() {
	echo "$1" | sort -ru | while read -r dir; do
		[ -z "$dir" ] || rmdir "$root/$dir" 2>/dev/null || true
	done
}

remove_programs() {
	made=$(cat "$root/$home/.made" 2>/dev/null) || true
	rmdir_made "$made"
	(cd "$root/" && rm -rf "$home")
	rmdir_made "$made"
}

# What has come of running pods can be made again; what people have made with `caisson run` is theirs.
remove_state() {
	for theirs in "$root"/var/lib/caisson/containers/* "$root"/var/lib/caisson/volumes/*; do
		[ -e "$theirs" ] || continue
		say "left /var/lib/caisson, which has containers or volumes of \`caisson run\`"
		return
	done
	rm -rf "$root/run/caisson" "$root/var/cache/caisson" "$root/var/lib/caisson"
}

# is_ours PROGRAM: of the node's, as the kernel names it: that of a mount namespace of its own without what is above it
is_ours() {
	case $1 in
	"$root/$home/libexec/"* | "$root/$home.old/libexec/"*) return 0 ;;
	"/$home/libexec/"* | "/$home.old/libexec/"*) is_root /proc/1/root ;;
	*) return 1 ;;
	esac
}

# Whoever has started them: CRI-O, Docker and people have no records where containerd's are.
check_unused() {
	for pod in "$root"/run/caisson/containerd/*/containers/*; do
		[ ! -e "$pod" ] || die "pods run with it: drain the node first, or delete them"
	done
	for process in /proc/[0-9]*; do
		! is_ours "$(readlink "$process/exe" 2>/dev/null)" ||
			die "containers run with it, process ${process#/proc/}: drain the node first, or delete them"
	done
}

# --- containerd ---

# The version of a configuration on stdin: what stands before all tables.
version_of() {
	sed -n '/^[[:blank:]]*\[/q; s/^[[:blank:]]*version[[:blank:]]*=[[:blank:]]*\([0-9]*\).*/\1/p'
}

# default_version HOW...: that which a containerd without one has, if HOW runs the program
default_version() {
	case $("$@" containerd --version 2>/dev/null) in
	*[\ v]1.*) echo 2 ;;
	*[\ v]2.*) echo 3 ;;
	esac
}

# runtime VERSION: our table, in a configuration of that version
runtime() {
	case $1 in
	2) echo '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.caisson]' ;;
	3) echo "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.caisson]" ;;
	esac
	cat <<-END
		  runtime_type = "io.containerd.caisson.v2"
		  privileged_without_host_devices = true
		  pod_annotations = ["io.caisson.*", "io.spin.extras.*"]
		  container_annotations = ["io.caisson.*", "io.spin.extras.*"]
	END
}

has_block() { grep -qsF "$begin" "$root/$containerd"; }

# The configuration without what is between our marks, to the byte.
without_block() {
	has_block || {
		cat "$root/$containerd" 2>/dev/null || true
		return
	}
	awk -v begin="$begin" -v unended="$begin_unended" -v end="$end" '
		$0 == begin || $0 == unended { inside = 1; cut = $0 == unended; next }
		inside { inside = $0 != end; next }
		{ printf "%s%s", n++ ? "\n" : "", $0; after = cut }
		END { if (n && (!cut || after)) print "" }' "$root/$containerd"
}

# with_block VERSION. Where nothing is anybody else's, its version is ours, too.
with_block() {
	without_block >"$root/$containerd.caisson-without"
	cat "$root/$containerd.caisson-without"
	if [ -z "$(tail -c 1 "$root/$containerd.caisson-without")" ]; then
		echo "$begin"
	else
		echo
		echo "$begin_unended"
	fi
	[ -s "$root/$containerd.caisson-without" ] || echo "version = $1"
	rm "$root/$containerd.caisson-without"
	runtime "$1"
	echo "$end"
}

# A file is imported as a whole by 2.x; before, one that has a table of CRI's plugin would replace all tables of that.
imports_folder() {
	grep -Eqs '^[[:blank:]]*imports[[:blank:]]*=.*["'\'']/etc/containerd/conf\.d/\*\.toml["'\'']' "$root/$containerd"
}

uses_dropin() { [ "$version" = 3 ] && imports_folder; }

# What containerd would read
trial() {
	if uses_dropin; then
		printf 'version = 3\nimports = ["/%s"]\n' $containerd
		runtime 3
	else
		with_block "$version"
	fi
}

imports_any() { grep -E '^[[:blank:]]*imports[[:blank:]]*=' "$root/$containerd" | grep -Evq '=[[:blank:]]*\[[[:blank:]]*\]'; }

# The node's own containerd is asked what it makes of that; else the one here, if it is of its kind, and need not look for
# more files, which would be those here. The file is beside the real one, as what it imports may be.
try_containerd() {
	if [ -n "$(default_version on_node)" ]; then
		asked=on_node below=/
	elif [ "$(default_version env)" = "$version" ] && ! imports_any; then
		asked=env below=$root/
	else
		return 0
	fi
	trial >"$root/$containerd.caisson-trial"
	failed=0
	said=$($asked containerd -c "$below$containerd.caisson-trial" config dump 2>&1 >/dev/null) || failed=1
	rm "$root/$containerd.caisson-trial"
	said=$(echo "$said" | tail -n 1 | sed 's/\.caisson-trial//')
	[ $failed = 0 ] ||
		die "containerd cannot read /$containerd with the runtime caisson in it, correct it, nothing is changed: $said"
}

# look_at FILE: of its TOML, "LINE WHAT" of what is in our table's way: "has" a runtime of that name, an "inline" table it cannot
# be added to, CRI's plugin "disabled"
look_at() {
	awk -v begin="$begin" -v unended="$begin_unended" -v end="$end" '
		$0 == begin || $0 == unended { inside = 1 }
		inside { inside = $0 != end; next }
		# A key without blanks and quotes, as it would be in full.
		function plain(text) { gsub(/[[:blank:]"\047]/, "", text); return text }
		function note(what) { print NR, what }
		BEGIN { above = "^plugins[.]io[.]containerd[.](grpc[.]v1[.]cri|cri[.]v1[.]runtime)" }
		/^[[:blank:]]*#/ { next }
		/^[[:blank:]]*\[/ && !list {
			table = $0
			sub(/^[[:blank:]]*\[+/, "", table)
			sub(/\].*/, "", table)
			table = plain(table)
			key = table
			value = ""
		}
		!/^[[:blank:]]*\[/ && !list {
			at = index($0, "=")
			if (!at) next
			key = plain((table == "" ? "" : table ".") substr($0, 1, at - 1))
			value = substr($0, at + 1)
		}
		list { value = $0 }
		key == "disabled_plugins" {
			list = value !~ /\]/
			if (value ~ /["\047](cri|io[.]containerd[.](grpc[.]v1[.]cri|cri[.]v1[.](runtime|images)))["\047]/) note("disabled")
			next
		}
		key ~ (above "[.]containerd[.]runtimes[.]caisson([.]|$)") { note("has"); next }
		value ~ /^[[:blank:]]*\{/ && key ~ (above "([.]containerd([.]runtimes)?)?$") { note("inline") }' "$root/$1"
}

# check_look FILE: of the node's
check_look() {
	found=$(look_at "$1" | head -n 1)
	case $found in
	*has) die "/$1, line ${found% *}, has a runtime caisson already: take it out, this program writes one of its own" ;;
	*inline) die "/$1, line ${found% *}, has an inline table, to which no runtime can be added: write it as tables, with [ and ]" ;;
	*disabled) die "/$1, line ${found% *}, has CRI's plugin disabled: take it out of disabled_plugins" ;;
	esac
}

# What is renamed to a link's name is there in its stead.
check_no_link() {
	[ ! -L "$root/$containerd" ] ||
		die "/$containerd is a link to $(readlink "$root/$containerd"): put the file itself there"
}

check_containerd() {
	check_no_link
	version=$(version_of <"$root/$containerd")
	case $version in
	2 | 3) ;;
	*) die "/$containerd is of version ${version:-1}: caisson needs 2 (containerd 1.6 and 1.7) or 3 (2.x)" ;;
	esac
	check_look $containerd
	! uses_dropin || for file in "$root/$(dirname $containerd_dropin)"/*.toml; do
		[ "$file" = "$root/$containerd_dropin" ] || [ ! -e "$file" ] || check_look "${file#"$root/"}"
	done
	try_containerd
}

# Return: whether there is a containerd. $version: its configuration's
find_containerd() {
	if [ -e "$root/$containerd" ]; then
		check_containerd
	else
		version=$(default_version on_node)
		[ -n "$version" ]
	fi
}

# True: it has changed.
configure_containerd() {
	if uses_dropin; then
		put $containerd_dropin <<-END
			version = 3
			$(runtime 3)
		END
	else
		make_dir "$(dirname $containerd)"
		with_block "$version" >"$root/$containerd.caisson-with"
		put $containerd <"$root/$containerd.caisson-with" && changed=0 || changed=1
		rm "$root/$containerd.caisson-with"
		return $changed
	fi
}

unconfigure_containerd() {
	changed=1
	! drop $containerd_dropin || changed=0
	if has_block; then
		changed=0
		without_block >"$root/$containerd.caisson-without"
		put $containerd <"$root/$containerd.caisson-without" || true
		rm "$root/$containerd.caisson-without"
		[ -s "$root/$containerd" ] || rm "$root/$containerd"
	fi
	return $changed
}

# --- CRI-O ---

find_crio() { [ -d "$root/$crio" ]; }

configure_crio() {
	put $crio_dropin <<-END
		[crio.runtime.runtimes.caisson]
		  runtime_path = "/$links/$shim"
		  runtime_type = "vm"
		  runtime_root = "/run/caisson/crio"
		  privileged_without_host_devices = true
		  allowed_annotations = ["io.caisson.*", "io.spin.extras.*"]
	END
}

# --- the node's label ---

# set_label VALUE: of JSON
set_label() {
	[ -n "${NODE_NAME:-}" ] || die "--label: NODE_NAME says which node this is, and is not set"
	host=${KUBERNETES_SERVICE_HOST:?--label: this is no pod}
	case $host in *:*) host="[$host]" ;; esac
	# Others on the node can read what is on a command line.
	sed 's/^/Authorization: Bearer /' "$account/token" |
		curl -fsS -o /dev/null --cacert "$account/ca.crt" -H @- -H 'Content-Type: application/merge-patch+json' \
			-X PATCH --data "{\"metadata\":{\"labels\":{\"io.caisson/runtime\":$1}}}" \
			"https://$host:${KUBERNETES_SERVICE_PORT:-443}/api/v1/nodes/$NODE_NAME"
}

install() {
	has_containerd='' has_crio=''
	! find_containerd || has_containerd=1
	! find_crio || has_crio=1
	[ -n "$has_containerd$has_crio" ] || die "there is neither containerd nor CRI-O on this node"
	[ -x "$from/bin/$shim" ] || die "there is no $from/bin/$shim: --from is no installation of caisson"
	check_links
	remove_rest
	make_home
	copy_programs
	copy_config
	link_programs
	[ -z "$has_containerd" ] || change containerd configure_containerd
	[ -z "$has_crio" ] || change crio configure_crio
	[ -z "$unfinished" ] || exit 1
	# Now pods may come.
	[ -z "$label" ] || set_label '"true"'
}

uninstall() {
	! has_block || check_no_link
	# And now none may any more.
	[ -z "$label" ] || set_label null
	check_unused
	remove_rest
	! unconfigure_containerd || restart containerd
	! drop $crio_dropin || restart crio
	! is_our_config || drop $config
	unlink_programs
	remove_programs
	remove_state
	[ -z "$unfinished" ] || exit 1
}

parse "$@"
check_inside
lock
"$action"
