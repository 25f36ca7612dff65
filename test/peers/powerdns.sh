#!/bin/bash
# powerdns.sh start DIR [ZONE...] | stop DIR
#
# PowerDNS with SQLite on free ports of 127.0.0.1, primary for the zones (default: example.test sub.example.test other.test), with its
# HTTP API and with dynamic updates (RFC 2136) signed with a TSIG key of this run. Its caches are off, lest new records show late.
# Prints VAR=value lines. Log: DIR/powerdns.log. Zone transfers are open to this machine.
. "$(dirname "$0")/../lib.sh"

command=${1:-}
dir=${2:-}
[ -n "$dir" ] || die 'usage: powerdns.sh start DIR [ZONE...] | stop DIR'

# api METHOD PATH [JSON]
api() {
	curl -fsS -m 10 -o /dev/null -X "$1" -H "X-API-Key: $key" ${3:+-H 'Content-Type: application/json' -d "$3"} "http://127.0.0.1:${ports[1]}/api/v1/servers/localhost$2"
}

rrset() { printf '{"name": "%s.", "type": "%s", "ttl": 1, "records": [{"content": "%s", "disabled": false}]}' "$1" "$2" "$3"; }

# A zone that lies below another one of ours is delegated there.
make_zone() {
	local zone=$1 other sets
	sets="$(rrset "$zone" SOA "ns.$zone. hostmaster.$zone. 1 60 60 3600 1"), $(rrset "$zone" NS "ns.$zone."), $(rrset "ns.$zone" A 127.0.0.1), $(rrset "*.$zone" A 127.0.0.1)"
	for other in "${zones[@]}"; do
		if [[ $other == *."$zone" ]]; then sets+=", $(rrset "$other" NS "ns.$other."), $(rrset "ns.$other" A 127.0.0.1)"; fi
	done
	api POST /zones "{\"name\": \"$zone.\", \"kind\": \"Native\", \"nameservers\": [], \"rrsets\": [$sets]}"
	api POST "/zones/$zone./metadata" '{"kind": "TSIG-ALLOW-DNSUPDATE", "metadata": ["certmgr-test."]}'
	api POST "/zones/$zone./metadata" '{"kind": "ALLOW-AXFR-FROM", "metadata": ["127.0.0.1/32"]}'
}

start() {
	local zone secret schema=/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql
	zones=("$@")
	[ ${#zones[@]} -gt 0 ] || zones=(example.test sub.example.test other.test)
	private_dir "$dir"
	dir=$(cd "$dir" && pwd)
	server_stop "$dir"
	rm -f "$dir"/pdns.db*
	mapfile -t ports < <(free_ports 2)
	key=$(openssl rand -hex 16)
	secret=${TSIG_SECRET:-$(openssl rand -base64 32)}
	[ -f $schema ] || schema=/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql
	as_user python3 -c 'import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(open(sys.argv[2]).read())' "$dir/pdns.db" "$schema"
	# A copy: server_stop trusts only programs of the directory.
	as_user cp "$(command -v pdns_server)" "$dir/pdns_server"
	as_user tee "$dir/pdns.conf" >/dev/null <<-C
	daemon=no
	guardian=no
	disable-syslog=yes
	socket-dir=$dir
	setuid=
	setgid=
	launch=gsqlite3
	gsqlite3-database=$dir/pdns.db
	local-address=127.0.0.1
	local-port=${ports[0]}
	api=yes
	api-key=$key
	webserver=yes
	webserver-address=127.0.0.1
	webserver-port=${ports[1]}
	webserver-allow-from=127.0.0.1
	dnsupdate=yes
	allow-dnsupdate-from=127.0.0.1/32
	cache-ttl=0
	query-cache-ttl=0
	negquery-cache-ttl=0
	zone-cache-refresh-interval=0
	C
	server_start "$dir" powerdns "$dir/pdns_server" --config-dir="$dir"
	server_wait "$dir" powerdns 20 curl -fsS -m 2 -H "X-API-Key: $key" "http://127.0.0.1:${ports[1]}/api/v1/servers/localhost"
	api POST /tsigkeys "{\"name\": \"certmgr-test\", \"algorithm\": \"hmac-sha256\", \"key\": \"$secret\"}"
	for zone in "${zones[@]}"; do make_zone "$zone"; done
	server_wait "$dir" powerdns 20 sh -c "dig +short +tries=1 +time=1 @127.0.0.1 -p ${ports[0]} ${zones[-1]} SOA | grep -q hostmaster"
	cat <<-E
	DNS_SERVER=127.0.0.1:${ports[0]}
	DNS_PORT=${ports[0]}
	DNS_ZONES='${zones[*]}'
	API_URL=http://127.0.0.1:${ports[1]}
	API_KEY=$key
	TSIG_KEY=certmgr-test.
	TSIG_ALGORITHM=hmac-sha256
	TSIG_SECRET=$secret
	E
}

case $command in
	start) shift 2; start "$@" ;;
	stop) server_stop "$(cd "$dir" 2>/dev/null && pwd)" ;;
	*) die "unknown command: $command" ;;
esac
