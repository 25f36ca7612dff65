#!/bin/bash
# bind.sh start DIR [ZONE...] | stop DIR
#
# BIND 9 on a free port of 127.0.0.1, primary for the zones (default: example.test sub.example.test other.test), which take TXT
# updates (RFC 2136) signed with a TSIG key of this run; a second key, certmgr-setup. with the same secret, may write records of any
# type, for what a test wants to be in a zone. Prints VAR=value lines. Log: DIR/named.log. Zone transfers are open to
# this machine, so that a test can see what is left in a zone: dig @127.0.0.1 -p PORT example.test AXFR
#
# Environment: ZONE_EXTRA is more lines for the first zone's file; RECURSION=yes follows CNAMEs from one zone into another.
. "$(dirname "$0")/../lib.sh"

command=${1:-}
dir=${2:-}
[ -n "$dir" ] || die 'usage: bind.sh start DIR [ZONE...] | stop DIR'

# zone_file ZONE: its records. A zone that lies below another one of ours is delegated there.
zone_file() {
	local zone=$1 other
	# shellcheck disable=SC2016	# $TTL is the zone file's
	printf '%s\n' '$TTL 1' '@ SOA ns hostmaster 1 60 60 3600 1' '@ NS ns' 'ns A 127.0.0.1' '@ A 127.0.0.1' '* A 127.0.0.1'
	for other in "${zones[@]}"; do
		if [[ $other == *."$zone" ]]; then printf '%s. NS ns.%s.\nns.%s. A 127.0.0.1\n' "$other" "$other" "$other"; fi
	done
	if [ "$zone" = "${zones[0]}" ] && [ -n "${ZONE_EXTRA:-}" ]; then say "$ZONE_EXTRA"; fi
}

start() {
	local port secret zone
	zones=("$@")
	[ ${#zones[@]} -gt 0 ] || zones=(example.test sub.example.test other.test)
	private_dir "$dir"
	dir=$(cd "$dir" && pwd)
	server_stop "$dir"
	rm -f "$dir"/*.jnl "$dir"/*.zone
	port=$(free_ports 1)
	secret=${TSIG_SECRET:-$(openssl rand -base64 32)}
	{
		cat <<-C
		key "certmgr-test." { algorithm hmac-sha256; secret "$secret"; };
		key "certmgr-setup." { algorithm hmac-sha256; secret "$secret"; };
		options {
			directory "$dir"; pid-file none; session-keyfile "$dir/session.key";
			listen-on port $port { 127.0.0.1; }; listen-on-v6 { none; };
			recursion ${RECURSION:-no}; dnssec-validation no; notify no; allow-transfer { 127.0.0.1; };
			# Pebble asks by TCP, a connection a query: with the default of ten that may wait, a hundred orders at once lose some.
			tcp-listen-queue 1024; tcp-clients 1024;
		};
		controls { };
		C
		for zone in "${zones[@]}"; do
			say "zone \"$zone\" { type primary; file \"$dir/$zone.zone\"; update-policy { grant \"certmgr-test.\" zonesub TXT; grant \"certmgr-setup.\" zonesub ANY; }; };"
		done
	} | as_user tee "$dir/named.conf" >/dev/null
	for zone in "${zones[@]}"; do zone_file "$zone" | as_user tee "$dir/$zone.zone" >/dev/null; done
	# A copy: AppArmor ties /usr/sbin/named to /etc/bind and /var/cache/bind.
	as_user cp "$(command -v named)" "$dir/named"
	server_start "$dir" named "$dir/named" -g -n 1 -c "$dir/named.conf"
	server_wait "$dir" named 20 sh -c "dig +short +tries=1 +time=1 @127.0.0.1 -p $port ${zones[-1]} SOA | grep -q hostmaster"
	cat <<-E
	DNS_SERVER=127.0.0.1:$port
	DNS_PORT=$port
	DNS_ZONES='${zones[*]}'
	DNS_LOG=$dir/named.log
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
