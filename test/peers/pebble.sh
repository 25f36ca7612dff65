#!/bin/bash
# pebble.sh build | start DIR [VAR=VALUE...] | stop DIR
#
# Pebble, the ACME server for tests, on free ports of 127.0.0.1. DNS_SERVER (address:port, as bind.sh prints it) is where it
# looks names up, so DNS-01 is really validated. Prints VAR=value lines. Log: DIR/pebble.log.
#
# Which Pebble: CERTMGR_PEBBLE (a program), else our own main on Pebble's packages (pebble-serial/, needs Go 1.24; built once
# into CERTMGR_PEERS_DIR, default ~/.cache/certmgr), else Debian's package. Only the first kind is safe under parallel orders:
# the released program can hang for good. PEBBLE_KIND in the output says which it is.
#
# Knobs: Pebble's own (PEBBLE_VA_ALWAYS_VALID, PEBBLE_WFE_NONCEREJECT, PEBBLE_AUTHZREUSE, PEBBLE_CHAIN_LENGTH, PEBBLE_ALTERNATE_ROOTS ...),
# from the environment or as arguments, and ours: EAB=1 (key "kid-1"), RETRY_AFTER (seconds), PEBBLE_VALIDITY (seconds), PEBBLE_SHORTLIVED=1
# (offers a second profile; Pebble then picks one at random for a client that names none), PEBBLE_STRICT=1.
. "$(dirname "$0")/../lib.sh"

here=$(cd "$(dirname "$0")" && pwd)
EAB_KEY=zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W

# Path of the program; builds it if need be.
program() {
	if [ -n "${CERTMGR_PEBBLE:-}" ]; then say "$CERTMGR_PEBBLE"; return 0; fi
	# 300 s: the modules are fetched as well.
	go_program pebble-serial "$here/pebble-serial" . 300 && return 0
	command -v pebble || die 'no Pebble: neither Go 1.24 with its modules nor the Debian package "pebble"'
}

config() {
	local shortlived=
	if [ "${PEBBLE_SHORTLIVED:-0}" = 1 ]; then shortlived=', "shortlived": {"description": "6 days", "validityPeriod": 518400}'; fi
	cat <<-J
	{"pebble": {
	  "listenAddress": "127.0.0.1:$1", "managementListenAddress": "127.0.0.1:$2", "httpPort": $3, "tlsPort": $4,
	  "certificate": "$dir/tls.pem", "privateKey": "$dir/tls.key", "ocspResponderURL": "", "keyAlgorithm": "ecdsa",
	  "externalAccountBindingRequired": $([ "${EAB:-0}" = 1 ] && echo true || echo false),
	  "externalAccountMACKeys": {"kid-1": "$EAB_KEY"},
	  "retryAfter": {"authz": ${RETRY_AFTER:-1}, "order": ${RETRY_AFTER:-1}},
	  "domainBlocklist": ["blocked.test"],
	  "certificateValidityPeriod": ${PEBBLE_VALIDITY:-7776000},
	  "profiles": {"default": {"description": "90 days", "validityPeriod": ${PEBBLE_VALIDITY:-7776000}}$shortlived}}}
	J
}

# The listener's certificate, its own trust anchor.
tls_certificate() {
	as_user openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=Pebble listener' \
		-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -addext 'basicConstraints=critical,CA:TRUE' \
		-addext 'keyUsage=critical,digitalSignature,keyCertSign' -keyout "$dir/tls.key" -out "$dir/tls.pem" 2>/dev/null
}

start() {
	local binary kind=serial ports arg strict=()
	[ -n "${DNS_SERVER:-}" ] || die 'DNS_SERVER is not set (address:port of the name server that Pebble asks)'
	binary=$(program)
	case $binary in */pebble) kind=release ;; esac
	private_dir "$dir"
	dir=$(cd "$dir" && pwd)
	server_stop "$dir"
	for arg in "$@"; do [[ $arg == *=* ]] || die "not VAR=VALUE: $arg"; export "${arg?}"; done
	export PEBBLE_VA_NOSLEEP=${PEBBLE_VA_NOSLEEP-1} PEBBLE_WFE_NONCEREJECT=${PEBBLE_WFE_NONCEREJECT-0} PEBBLE_AUTHZREUSE=${PEBBLE_AUTHZREUSE-0}
	if [ "${PEBBLE_STRICT:-0}" = 1 ]; then strict=(-strict); fi
	mapfile -t ports < <(free_ports 4)
	as_user test -f "$dir/tls.pem" || tls_certificate
	config "${ports[@]}" | as_user tee "$dir/pebble.json" >/dev/null
	# Copied: the cache may lie in a home that the unprivileged user cannot enter.
	rm -f "$dir/pebble"
	install -m 755 "$binary" "$dir/pebble"
	server_start "$dir" pebble "$dir/pebble" -config "$dir/pebble.json" -dnsserver "$DNS_SERVER" "${strict[@]}"
	server_wait "$dir" pebble 20 curl -fsS -m 2 --cacert "$dir/tls.pem" "https://127.0.0.1:${ports[0]}/dir"
	server_wait "$dir" pebble 20 curl -fsS -m 2 --cacert "$dir/tls.pem" "https://127.0.0.1:${ports[1]}/roots/0"
	curl -fsS -m 5 --cacert "$dir/tls.pem" "https://127.0.0.1:${ports[1]}/roots/0" | as_user tee "$dir/root.pem" >/dev/null
	cat <<-E
	ACME_DIRECTORY=https://127.0.0.1:${ports[0]}/dir
	ACME_TLS_CA=$dir/tls.pem
	ACME_ROOT=$dir/root.pem
	ACME_EAB_KID=kid-1
	ACME_EAB_KEY=$EAB_KEY
	PEBBLE_MANAGEMENT=https://127.0.0.1:${ports[1]}
	PEBBLE_KIND=$kind
	PEBBLE_LOG=$dir/pebble.log
	HTTP01_PORT=${ports[2]}
	TLSALPN01_PORT=${ports[3]}
	E
}

command=${1:-}
dir=${2:-}
case $command in
	build) program ;;
	start) [ -n "$dir" ] || die 'which directory?'; shift 2; start "$@" ;;
	stop) [ -n "$dir" ] || die 'which directory?'; server_stop "$(cd "$dir" 2>/dev/null && pwd)" ;;
	*) die 'usage: pebble.sh build | start DIR [VAR=VALUE...] | stop DIR' ;;
esac
