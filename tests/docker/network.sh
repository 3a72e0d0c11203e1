#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Networks that Docker makes, all in dockerd's own network namespace.
. "$(dirname "$0")/docker-lib.sh"

SERVE='mkdir /w; echo page >/w/index.html; exec httpd -f -p 80 -h /w'

# web NETWORK [OPTION...]: a container of that name that serves a page, which is asked for until it is there
web() {
	status 0 docker run -d --network "$1" --name web "${@:2}" $IMAGE sh -c "$SERVE"
	status 0 docker exec web sh -c 'until wget -qO /dev/null http://127.0.0.1/; do sleep 0.1; done'
}

# What a test leaves that failed is none of the next one's.
afresh() {
	# shellcheck disable=SC2046 # names have no blanks
	docker rm -f $(docker ps -aq) >/dev/null 2>&1 || true
	docker network prune -f >/dev/null
}

in_network() {
	nsenter --net="/proc/$(cat "$WORK/docker.pid")/ns/net" "$@"
}

test_the_default_one() {
	afresh
	web bridge -p 8080:80 -p 9090:80/tcp
	for port in 8080 9090; do
		status 0 in_network curl -s "http://127.0.0.1:$port/"
		is "$(out)" page
	done
	status 0 docker inspect -f '{{.NetworkSettings.MacAddress}} {{.NetworkSettings.IPAddress}}' web
	read -r mac ip <<<"$(out)"
	status 0 docker exec web sh -c 'ls /sys/class/net; ip -o link | wc -l'
	is "$(out)" "$(printf 'eth0\nlo\n2')" "interfaces"
	status 0 docker exec web ip addr show eth0
	has "$(out)" "link/ether $mac"
	has "$(out)" "inet $ip/16"
	status 0 docker run --rm --link web:alias $IMAGE wget -qO- http://alias/
	is "$(out)" page
	status 0 docker rm -f web
	is_clean
}

test_names_and_addresses() {
	afresh
	status 0 docker network create --subnet 10.77.0.0/24 --ipv6 --subnet fd77::/64 \
		-o com.docker.network.driver.mtu=1300 net
	web net --network-alias page --ip 10.77.0.9 --ip6 fd77::9
	status 0 docker run --rm --network net $IMAGE sh -c '
		cat /sys/class/net/eth0/mtu; wget -qO- http://web/; wget -qO- http://page/; wget -qO- http://[fd77::9]/
		nslookup web; nslookup 10.77.0.9'
	has "$(out)" $'1300\npage\npage\npage\n'
	has "$(out)" 'Server:		127.0.0.11'
	has "$(out)" 'Address: 10.77.0.9'
	has "$(out)" 'Address: fd77::9'
	has "$(out)" '9.0.77.10.in-addr.arpa	name = web.net'
	# A query of the address of "web", with its length before it.
	status 0 docker run --rm --network net $IMAGE sh -c '
		printf "\0\25\1\2\1\0\0\1\0\0\0\0\0\0\3web\0\0\1\0\1" | nc 127.0.0.11 53 | tail -c 4 | od -An -tu1'
	is "$(out)" "  10  77   0   9"
	status 0 docker rm -f web
	status 0 docker network rm net
	is_clean
}

# The container may have a server of its own on the port that Docker's seems to be on.
test_a_server_of_the_containers() {
	afresh
	status 0 docker network create net
	web net
	status 0 docker run --rm --network net $IMAGE sh -c '
		nc -l -p 53 -e echo mine & until nc 127.0.0.1 53 2>/dev/null; do :; done; wget -qO- http://web/'
	is "$(out)" $'mine\npage'
	status 0 docker rm -f web
	status 0 docker network rm net
	is_clean
}

# Connected to the first network of users while it runs: the server comes with that.
test_connect() {
	afresh
	status 0 docker network create net
	status 0 docker run -d --name box $IMAGE sleep 1000
	web net
	status 1 docker exec box nslookup web 127.0.0.11
	status 0 docker network connect net box
	status 0 docker inspect -f '{{.NetworkSettings.Networks.net.IPAddress}}' box
	ip=$(out)
	status 0 docker exec box sh -c "until ip addr show eth1 | grep -q 'inet $ip/'; do sleep 0.1; done"
	status 0 docker exec box wget -qO- http://web/
	is "$(out)" page
	status 0 docker network disconnect net box
	status 0 docker exec box sh -c 'while [ -e /sys/class/net/eth1 ]; do sleep 0.1; done; ip addr show eth0'
	has "$(out)" 'inet '
	status 0 docker rm -f web box
	status 0 docker network rm net
	is_clean
}

test_none_and_host() {
	afresh
	status 0 docker run --rm --network none $IMAGE sh -c 'ip -o addr | grep -vw lo || echo nothing'
	is "$(out)" nothing
	status 125 docker run --rm --network host $IMAGE true
	has "$(err)" "the host's own network"
	is_clean
}

# They would have to be in one VM.
test_of_another_container() {
	afresh
	web bridge
	status 0 docker inspect -f '{{.NetworkSettings.IPAddress}}' web
	ip=$(out)
	status 125 docker run --rm --network container:web $IMAGE true
	has "$(err)" "the network interface eth0 is another VM's"
	status 0 in_network curl -s "http://$ip/"
	is "$(out)" page
	status 0 docker rm -f web
	is_clean
}

run_tests "$@"
