#!/bin/bash
# step-ca.sh build | start DIR | stop DIR
#
# smallstep's CA as an ACME server on a free port of 127.0.0.1, with a root and an intermediate of this run and a store on disk.
# DNS_SERVER (address:port, as bind.sh prints it) is where it looks names up. Prints VAR=value lines. Log: DIR/step-ca.log.
#
# "build" prints the path of the program (acme-servers/step-ca, our own main on its packages; needs Go 1.26; built once into
# CERTMGR_PEERS_DIR, default ~/.cache/certmgr), or says why it cannot be had and fails. "start" takes CERTMGR_STEP_CA if it is set.
. "$(dirname "$0")/../lib.sh"

here=$(cd "$(dirname "$0")" && pwd)
command=${1:-}
dir=${2:-}

program() {
	if [ -n "${CERTMGR_STEP_CA:-}" ]; then say "$CERTMGR_STEP_CA"; return 0; fi
	# 400 s: some 60 s on an idle machine of two cores, and the modules have to be fetched.
	go_program step-ca "$here/acme-servers" step-ca 400
}

# A root, and an intermediate that signs the certificates.
make_ca() {
	as_user openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj '/CN=step-ca root' \
		-addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign' -keyout "$dir/root.key" -out "$dir/root.pem" 2>/dev/null
	as_user openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=step-ca intermediate' -keyout "$dir/ca.key" -out "$dir/ca.csr" 2>/dev/null
	say $'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid' |
		as_user tee "$dir/ca.ext" >/dev/null
	as_user openssl x509 -req -in "$dir/ca.csr" -CA "$dir/root.pem" -CAkey "$dir/root.key" -CAcreateserial -days 3000 -extfile "$dir/ca.ext" -out "$dir/ca.pem" 2>/dev/null
}

start() {
	local binary port
	[ -n "${DNS_SERVER:-}" ] || die 'DNS_SERVER is not set (address:port of the name server that step-ca asks)'
	binary=$(program)
	private_dir "$dir"
	dir=$(cd "$dir" && pwd)
	server_stop "$dir"
	port=$(free_ports 1)
	as_user test -f "$dir/ca.pem" || make_ca
	as_user tee "$dir/ca.json" >/dev/null <<-J
	{"root": "$dir/root.pem", "crt": "$dir/ca.pem", "key": "$dir/ca.key", "address": "127.0.0.1:$port", "dnsNames": ["localhost", "127.0.0.1"],
	 "logger": {"format": "text"}, "db": {"type": "badgerv2", "dataSource": "$dir/db"},
	 "authority": {"provisioners": [{"type": "ACME", "name": "acme"}]}}
	J
	# A copy where it cannot be a link: the cache may lie in a home that the unprivileged user cannot enter.
	rm -f "$dir/step-ca"
	as_user ln "$binary" "$dir/step-ca" 2>/dev/null || install -m 755 "$binary" "$dir/step-ca"
	server_start "$dir" step-ca "$dir/step-ca" -config "$dir/ca.json" -resolver "$DNS_SERVER"
	server_wait "$dir" step-ca 30 curl -fsS -m 2 --cacert "$dir/root.pem" "https://127.0.0.1:$port/health"
	cat <<-E
	ACME_DIRECTORY=https://127.0.0.1:$port/acme/acme/directory
	ACME_TLS_CA=$dir/root.pem
	ACME_ROOT=$dir/root.pem
	ACME_LOG=$dir/step-ca.log
	E
}

case $command in
	build) program ;;
	start) [ -n "$dir" ] || die 'which directory?'; start ;;
	stop) [ -n "$dir" ] || die 'which directory?'; server_stop "$(cd "$dir" 2>/dev/null && pwd)" ;;
	*) die 'usage: step-ca.sh build | start DIR | stop DIR' ;;
esac
