#!/bin/bash
# caddy.sh build | start DIR | stop DIR
#
# Caddy's acme_server over its own CA "local", on a free port of 127.0.0.1. DNS_SERVER (address:port, as bind.sh prints it) is where it
# looks names up. Prints VAR=value lines. Log: DIR/caddy.log.
#
# "build" prints the path of the program (acme-servers/caddy, our own main on its packages; needs Go 1.26; built once into
# CERTMGR_PEERS_DIR, default ~/.cache/certmgr), or says why it cannot be had and fails. "start" takes CERTMGR_CADDY if it is set.
# Debian's package is of no use: 2.6 asks the machine's own resolver only.
. "$(dirname "$0")/../lib.sh"

here=$(cd "$(dirname "$0")" && pwd)
command=${1:-}
dir=${2:-}

program() {
	if [ -n "${CERTMGR_CADDY:-}" ]; then say "$CERTMGR_CADDY"; return 0; fi
	# 400 s: some 60 s on an idle machine of two cores, and the modules have to be fetched.
	go_program caddy "$here/acme-servers" caddy 400
}

start() {
	local binary port root
	[ -n "${DNS_SERVER:-}" ] || die 'DNS_SERVER is not set (address:port of the name server that Caddy asks)'
	binary=$(program)
	private_dir "$dir"
	dir=$(cd "$dir" && pwd)
	server_stop "$dir"
	port=$(free_ports 1)
	root=$dir/data/caddy/pki/authorities/local/root.crt
	# The listener's certificate is one of the CA "local" as well.
	as_user tee "$dir/caddy.json" >/dev/null <<-J
	{"admin": {"disabled": true},
	 "storage": {"module": "file_system", "root": "$dir/data/caddy"},
	 "apps": {
	  "pki": {"certificate_authorities": {"local": {"name": "Caddy test", "install_trust": false}}},
	  "tls": {"certificates": {"automate": ["127.0.0.1"]},
	   "automation": {"policies": [{"subjects": ["127.0.0.1"], "issuers": [{"module": "internal"}]}]}},
	  "http": {"servers": {"acme": {"listen": ["127.0.0.1:$port"], "protocols": ["h1", "h2"],
	   "automatic_https": {"disable": true}, "tls_connection_policies": [{"default_sni": "127.0.0.1"}],
	   "routes": [{"handle": [{"handler": "acme_server", "ca": "local", "lifetime": "24h", "resolvers": ["udp/$DNS_SERVER"]}]}]}}}}}
	J
	# A copy where it cannot be a link: the cache may lie in a home that the unprivileged user cannot enter.
	rm -f "$dir/caddy"
	as_user ln "$binary" "$dir/caddy" 2>/dev/null || install -m 755 "$binary" "$dir/caddy"
	server_start "$dir" caddy env XDG_DATA_HOME="$dir/data" XDG_CONFIG_HOME="$dir/config" HOME="$dir" "$dir/caddy" -config "$dir/caddy.json"
	server_wait "$dir" caddy 30 test -f "$root"
	server_wait "$dir" caddy 30 curl -fsS -m 2 --cacert "$root" "https://127.0.0.1:$port/acme/local/directory"
	cat <<-E
	ACME_DIRECTORY=https://127.0.0.1:$port/acme/local/directory
	ACME_TLS_CA=$root
	ACME_ROOT=$root
	ACME_LOG=$dir/caddy.log
	E
}

case $command in
	build) program ;;
	start) [ -n "$dir" ] || die 'which directory?'; start ;;
	stop) [ -n "$dir" ] || die 'which directory?'; server_stop "$(cd "$dir" 2>/dev/null && pwd)" ;;
	*) die 'usage: caddy.sh build | start DIR | stop DIR' ;;
esac
