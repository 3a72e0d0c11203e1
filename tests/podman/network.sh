#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Networks that podman makes, all in a network namespace of the test's own.
. "$(dirname "$0")/podman-lib.sh"

SERVE='mkdir /w; echo page >/w/index.html; exec httpd -f -p 80 -h /w'

test_bridge() {
	status 0 podman network create --ipv6 net
	status 0 podman run -d --network net --name web -p 8080:80 $IMAGE sh -c "$SERVE"
	status 0 podman exec web sh -c 'until wget -qO /dev/null http://127.0.0.1/; do sleep 0.1; done'
	# By a port of the host, and by its name from another container, of both families.
	status 0 curl -s http://127.0.0.1:8080/
	is "$(out)" page
	status 0 podman run --rm --network net $IMAGE sh -c 'wget -qO- http://web/; nslookup web'
	has "$(out)" page
	status 0 podman inspect -f '{{.NetworkSettings.Networks.net.GlobalIPv6Address}}' web
	address=$(out)
	status 0 podman run --rm --network net $IMAGE wget -qO- "http://[$address]/"
	is "$(out)" page
	# What the engine made is what the guest has.
	status 0 podman inspect -f '{{with .NetworkSettings.Networks.net}}{{.MacAddress}} {{.IPAddress}}{{end}}' web
	read -r mac ip <<<"$(out)"
	status 0 podman exec web ip addr show eth0
	has "$(out)" "link/ether $mac"
	has "$(out)" "inet $ip/24"
	status 0 podman rm -f -t 0 web
	status 0 podman network rm net
	is_clean
}

test_a_network_more_while_it_runs() {
	status 0 podman network create one
	status 0 podman network create two
	status 0 podman run -d --network one --name box $IMAGE sleep 1000
	status 0 podman network connect two box
	status 0 podman inspect -f '{{.NetworkSettings.Networks.two.IPAddress}}' box
	ip=$(out)
	status 0 podman exec box sh -c "until ip addr show eth1 | grep -q 'inet $ip/24'; do sleep 0.1; done"
	status 0 podman network disconnect two box
	status 0 podman exec box sh -c 'while ip addr show eth1 | grep "inet "; do sleep 0.1; done'
	status 0 podman exec box ip addr show eth0
	has "$(out)" "inet "
	status 0 podman rm -f -t 0 box
	status 0 podman network rm one two
	is_clean
}

test_what_there_is_without_one() {
	status 0 podman run --rm --network none $IMAGE sh -c 'ip -o addr | grep -vw lo || echo nothing'
	is "$(out)" nothing
	status 126 podman run --rm --network host $IMAGE true
	has "$(err)" "the host's own network"
	is_clean
}

run_tests "$@"
