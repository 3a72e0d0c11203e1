#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What people do with pods that run: logs, exec, attach, cp, port-forward, top, describe, debug.
. "$(dirname "$0")/kube-lib.sh"

# One that says what it is told by `say POD WORD`.
talker() { create "$1" "${2:-.}" -- sh -c 'mkfifo /said; echo up; while :; do read -r word </said && echo "$word"; done'; }
say() { kubectl exec "$1" -- sh -c 'echo "$0" >/said' "$2"; }

test_logs() {
	create lines -- sh -c 'echo one; echo two; printf "a long line %070000d\n" 7; printf unfinished'
	ended lines Succeeded
	is "$(kubectl logs lines | grep -cE '^(one|two|a long line 0*7|unfinished)$')" 4
	is "$(kubectl logs lines --tail 2 | cut -c 1-11)" "$(printf 'a long line\nunfinished' | cut -c 1-11)"
	has "$(kubectl logs lines --timestamps | head -n 1)" "$(date +%Y-)"
	is "$(kubectl logs lines --limit-bytes 2 | wc -c)" 2
	talker follow
	ready follow
	exec 6< <(exec kubectl logs -f follow)
	is "$(head -n 1 <&6)" up
	say follow first
	read -r line <&6
	is "$line" first
	kubectl exec follow -- sh -c 'kill 1; kill -9 1' || true
	kubectl delete pod follow >/dev/null
	is "$(cat <&6)" ""
	exec 6<&-
	is_clean
}

test_exec() {
	create shell -- sleep 1000
	ready shell
	status 7 kubectl exec shell -- sh -c 'echo out; echo err >&2; exit 7'
	is "$(out)" out
	has "$(err)" "err"
	echo typed | status 0 kubectl exec -i shell -- cat
	is "$(out)" typed
	# The end of what is typed is seen, and what is said after that.
	printf 'a\nb\n' | status 3 kubectl exec -i shell -- sh -c 'wc -l; exit 3'
	is "$(out | tr -d ' ')" 2
	status 0 kubectl exec shell -- printf '%s|' 'two  blanks' '' '$HOME' $'new\nline'
	is "$(out)" $'two  blanks||$HOME|new\nline|'
	head -c 3000000 /dev/urandom >"$WORK/random"
	status 0 kubectl exec -i shell -- cat <"$WORK/random"
	cmp "$WORK/out" "$WORK/random"
	status 1 kubectl exec shell -- nonesuch
	has "$(err)" 'exec: "nonesuch": executable file not found in $PATH'
	is_clean
}

on_terminal() { "$KUBE/on-terminal" "$@" >"$WORK/seen"; }

# Before a program says so itself it may not be in the foreground yet.
test_terminal() {
	create shell -- sleep 1000
	ready shell
	status 5 on_terminal size:24x80 'expect:# ' 'send:tty\r' expect:/dev/pts/ \
		'send:until [ "$(stty size)" = "24 80" ]; do sleep 0.1; done; echo si""zed\r' 'expect:sized' \
		'send:until [ "$(stty size)" = "30 100" ]; do sleep 0.1; done; echo re""sized\r' size:30x100 'expect:resized' \
		'send:sh -c "echo be${x}gun; exec sleep 1000"\r' expect:begun 'send:\x03' 'expect:# ' 'send:echo sta""tus $?\r' 'expect:status 130' \
		'send:exit 5\r' -- kubectl exec -it shell -- sh
	is_clean
}

test_attach() {
	create talks '.spec.containers[0] += {stdin: true, stdinOnce: true}' \
		-- sh -c 'while read -r line; do echo "got $line"; done; echo end; exit 4'
	ready talks
	printf 'one\ntwo\n' | status 0 kubectl attach -i talks
	is "$(out)" "$(printf 'got one\ngot two\nend')"
	ended talks Failed
	create typed '.spec.containers[0] += {stdin: true, tty: true}' -- sh
	ready typed
	status 0 on_terminal size:24x80 'send:\r' 'expect:# ' 'send:echo he""re; exit 6\r' expect:here \
		-- kubectl attach -it typed
	ended typed Failed
	is "$(asked typed '.status.containerStatuses[0].state.terminated.exitCode')" 6
	is_clean
}

# One that lives as long as somebody looks.
test_run() {
	status 3 on_terminal 'send:\r' 'expect:# ' 'send:exit 3\r' -- kubectl run -it --rm --restart=Never short --image=$IMAGE -- sh
	kubectl wait pod short --for=delete --timeout=240s >/dev/null
	is_clean
}

# What is given again changes what is there.
test_apply() {
	local image
	for image in $IMAGE docker.io/library/nonesuch $IMAGE; do
		jq -n --arg image "$image" '{apiVersion: "v1", kind: "List", items: [
			{apiVersion: "v1", kind: "ConfigMap", metadata: {name: "c"}, data: {image: $image}},
			{apiVersion: "v1", kind: "Pod", metadata: {name: "p", labels: {image: ($image | split("/")[2] | split(":")[0])}},
				spec: {containers: [{name: "main", image: "'$IMAGE'", args: ["sleep", "1000"]}]}}]}' | kubectl apply -f - >/dev/null
		is "$(kubectl get configmap c -o jsonpath='{.data.image}')" "$image"
	done
	ready p
	is "$(kubectl get pods -l image=busybox -o name)" pod/p
	kubectl label pod p image=other --overwrite >/dev/null
	is "$(kubectl get pods -l image=busybox -o name)" ""
	kubectl delete configmap c >/dev/null
	is_clean
}

# Both ways, byte for byte, whatever else goes on.
test_cp() {
	local busy i
	create files -- sleep 1000
	ready files
	mkdir -p "$WORK/tree/a folder/below"
	printf x >"$WORK/tree/one"
	head -c 10000000 /dev/urandom >"$WORK/tree/a folder/ten  million"
	: >"$WORK/tree/a folder/below/empty"
	chmod 640 "$WORK/tree/one"
	for i in 1 2 3; do
		kubectl exec -i files -- sh -c 'cat; for i in $(seq 100); do echo $i; done' <"$WORK/tree/one" >"$WORK/busy$i" &
		busy+=" $!"
	done
	status 0 kubectl cp "$WORK/tree" files:/srv
	status 0 kubectl cp "$WORK/tree/one" "files:/srv/another one"
	status 0 kubectl cp files:/srv "$WORK/back"
	is "$(cat "$WORK/back/another one")" x
	rm "$WORK/back/another one"
	diff -r "$WORK/tree" "$WORK/back"
	is "$(kubectl exec files -- stat -c %a /srv/one)" 640
	status 0 kubectl cp "files:/srv/a folder/ten  million" "$WORK/million"
	cmp "$WORK/million" "$WORK/tree/a folder/ten  million"
	ln -s one "$WORK/tree/link"
	status 0 kubectl cp "$WORK/tree/link" files:/linked
	status 0 kubectl cp "$WORK/tree" files:/tree
	is "$(kubectl exec files -- readlink /tree/link)" one
	# What tar says of that it prints if there is time before tar's end, and ends well in any case.
	kubectl cp files:/nonesuch "$WORK/nonesuch" || true
	[ ! -e "$WORK/nonesuch" ] || fail "something came of nothing"
	# shellcheck disable=SC2086 # numbers
	wait $busy
	for i in 1 2 3; do
		is "$(wc -l <"$WORK/busy$i")" 100
	done
	rm -r "$WORK/tree" "$WORK/back" "$WORK/million"
	is_clean
}

# forwarded POD PORT: by $forwarder, from $port of this host
forwarded() {
	exec 6< <(exec kubectl port-forward "pod/$1" ":$2" 2>"$WORK/forward.err")
	forwarder=$!
	read -r port <&6
	port=${port##*127.0.0.1:} port=${port%% *}
}

test_port_forward() {
	create web '.spec.containers[0].readinessProbe = {tcpSocket: {port: 80}, periodSeconds: 1}' \
		-- sh -c 'mkdir /www; seq 100000 >/www/numbers; exec httpd -f -p 80 -h /www'
	ready web
	forwarded web 80
	seq 100000 >"$WORK/numbers"
	curl -s "http://127.0.0.1:$port/numbers" | cmp - "$WORK/numbers"
	# One waits, the other is served; then the first.
	exec 7<>"/dev/tcp/127.0.0.1/$port" 8<>"/dev/tcp/127.0.0.1/$port"
	for i in 8 7; do
		printf 'GET /numbers HTTP/1.0\r\n\r\n' >&$i
		is "$(tail -n 1 <&$i)" 100000
	done
	exec 7<&- 8<&-
	kill $forwarder
	exec 6<&-
	forwarded web 81
	curl -s "http://127.0.0.1:$port/" && fail "somebody listens"
	exec 7< <(tail -n +1 -f --pid=$forwarder "$WORK/forward.err")
	# A connection is there before a guest is asked.
	if [ "$RUNTIME" = caisson ]; then
		grep -m 1 -q "connection reset by peer" <&7
	else
		grep -m 1 -q "connection refused" <&7
	fi
	kill $forwarder 2>/dev/null || true
	exec 6<&- 7<&-
	is_clean
}

test_top() {
	local cpu memory
	create busy '.spec.containers[0].readinessProbe = {exec: {command: ["test", "-e", "/dev/shm/held"]}, periodSeconds: 1}' \
		-- sh -c 'dd if=/dev/zero of=/dev/shm/some bs=1M count=20 2>/dev/null; mv /dev/shm/some /dev/shm/held; while :; do :; done'
	ready busy
	status 0 kubectl top pod busy --containers --no-headers
	read -r _ _ cpu memory < <(out)
	[ "${memory%Mi}" -ge 20 ] || fail "memory: $memory"
	[ "${cpu%m}" -ge 10 ] || fail "processor: $cpu"
	is_clean
}

test_describe() {
	create told '.metadata.labels.app = "told"' -- sleep 1000
	ready told
	described=$(kubectl describe pod told | tr -s ' ')
	for part in "Labels: app=told" "Status: Running" "State: Running" "Successfully assigned default/told" \
		"Created container main" "Started container main" "QoS Class: BestEffort"; do
		has "$described" "$part"
	done
	is "$(kubectl get pods -l app=told -o name)" pod/told
	create lacks '.spec.containers[0].image = "docker.io/library/nonesuch"' -- true
	becomes lacks '.status.containerStatuses[0].state.waiting.reason' ErrImageNeverPull
	has "$(kubectl get events)" 'Container image "docker.io/library/nonesuch" is not present'
	is_clean
}

# One more container, which sees the processes of another.
test_debug() {
	create sick -- sleep 1000
	ready sick
	status 0 on_terminal 'send:\r' 'expect:# ' 'send:ps -o args\r' 'expect:sleep 1000' 'send:exit\r' \
		-- kubectl debug -it sick --image=$IMAGE --target=main -c look -- sh
	is "$(asked sick '.status.ephemeralContainerStatuses[0].name')" look
	is_clean
}

run_tests "$@"
