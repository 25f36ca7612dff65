#!/bin/bash
# knot.sh start DIR [ZONE...] | stop DIR
#
# Knot DNS on a free port of 127.0.0.1, primary for the zones (default: example.test sub.example.test other.test), which take updates
# (RFC 2136) signed with a TSIG key of this run. Prints VAR=value lines. Log: DIR/knot.log. Zone transfers are open to this machine.
. "$(dirname "$0")/../lib.sh"

command=${1:-}
dir=${2:-}
[ -n "$dir" ] || die 'usage: knot.sh start DIR [ZONE...] | stop DIR'

# A zone that lies below another one of ours is delegated there.
zone_file() {
	local zone=$1 other
	# shellcheck disable=SC2016	# $TTL is the zone file's
	printf '%s\n' '$TTL 1' '@ SOA ns hostmaster 1 60 60 3600 1' '@ NS ns' 'ns A 127.0.0.1' '@ A 127.0.0.1' '* A 127.0.0.1'
	for other in "${zones[@]}"; do
		if [[ $other == *."$zone" ]]; then printf '%s. NS ns.%s.\nns.%s. A 127.0.0.1\n' "$other" "$other" "$other"; fi
	done
}

start() {
	local port secret zone
	zones=("$@")
	[ ${#zones[@]} -gt 0 ] || zones=(example.test sub.example.test other.test)
	private_dir "$dir"
	dir=$(cd "$dir" && pwd)
	server_stop "$dir"
	rm -rf "$dir"/db "$dir"/*.zone
	port=$(free_ports 1)
	secret=${TSIG_SECRET:-$(openssl rand -base64 32)}
	as_user mkdir "$dir/db"
	{
		cat <<-C
		server:
		    rundir: "$dir"
		    listen: 127.0.0.1@$port
		    udp-workers: 1
		    tcp-workers: 1
		    background-workers: 1
		log:
		  - target: stderr
		    any: info
		database:
		    storage: "$dir/db"
		key:
		  - id: certmgr-test.
		    algorithm: hmac-sha256
		    secret: $secret
		acl:
		  - id: update
		    key: certmgr-test.
		    action: update
		  - id: transfer
		    address: 127.0.0.1
		    action: transfer
		template:
		  - id: default
		    storage: "$dir"
		    zonefile-sync: -1
		    zonefile-load: whole
		    journal-content: all
		    acl: [update, transfer]
		zone:
		C
		for zone in "${zones[@]}"; do printf '  - domain: %s\n    file: %s.zone\n' "$zone" "$zone"; done
	} | as_user tee "$dir/knot.conf" >/dev/null
	for zone in "${zones[@]}"; do zone_file "$zone" | as_user tee "$dir/$zone.zone" >/dev/null; done
	# A copy: server_stop trusts only programs of the directory.
	as_user cp "$(command -v knotd)" "$dir/knotd"
	server_start "$dir" knot "$dir/knotd" -c "$dir/knot.conf"
	server_wait "$dir" knot 20 sh -c "dig +short +tries=1 +time=1 @127.0.0.1 -p $port ${zones[-1]} SOA | grep -q hostmaster"
	cat <<-E
	DNS_SERVER=127.0.0.1:$port
	DNS_PORT=$port
	DNS_ZONES='${zones[*]}'
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
