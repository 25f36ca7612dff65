#!/bin/bash
# moto.sh build | start DIR [ZONE...] | stop DIR
#
# moto, an emulator of AWS that others wrote, as Route 53 with these hosted zones (default: example.test): a second opinion beside
# our own double, which is stricter. "build" prints the folder with the Python packages (CERTMGR_PEERS_DIR, default
# ~/.cache/certmgr; installed by pip once), or says why it cannot be had and fails. "start" takes that folder from CERTMGR_MOTO.
. "$(dirname "$0")/../lib.sh"

VERSION=5.2.5
command=${1:-}
dir=${2:-}

build() {
	local base python out
	base=$(peers_dir)
	if [ -n "${CERTMGR_MOTO:-}" ]; then say "$CERTMGR_MOTO"; return 0; fi
	python=$(find_python) || die 'there is no python3'
	out=$base/moto-$VERSION-$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
	if [ -d "$out" ] && [ -O "$out" ]; then say "$out"; return 0; fi
	"$python" -m venv "$out.venv.$$" >/dev/null 2>&1 || { rm -rf "$out.venv.$$"; die 'python3 cannot make a virtual environment (Debian: python3-venv)'; }
	# Not moto[server]: its other half is for services we do not ask.
	if ! timeout 240 "$out.venv.$$/bin/pip" install -q --disable-pip-version-check --no-input --retries 1 --timeout 15 --target "$out.$$" \
		"moto==$VERSION" 'flask>=3,<4' 'flask-cors>=4,<7' >&2; then
		rm -rf "$out.venv.$$" "$out.$$"
		die 'pip could not install moto: no package index is reached'
	fi
	rm -rf "$out.venv.$$"
	mv "$out.$$" "$out"
	say "$out"
}

# moto takes any keys, but reads which service is meant from the header's scope. A form's content type it answers with 404.
moto_curl() {
	curl -fsS -m 5 -H 'Authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/route53/aws4_request, SignedHeaders=host, Signature=x' -H 'Content-Type: text/xml' "$@"
}

start() {
	local port python zone
	[ -n "${CERTMGR_MOTO:-}" ] || die 'CERTMGR_MOTO is not set'
	python=$(find_python)
	private_dir "$dir"
	dir=$(cd "$dir" && pwd)
	server_stop "$dir"
	port=$(free_ports 1)
	python_copy "$python" "$dir"
	server_start "$dir" moto env PYTHONHOME="$("$python" -c 'import sys; print(sys.base_prefix)')" PYTHONPATH="$CERTMGR_MOTO" PYTHONDONTWRITEBYTECODE=1 \
		"$dir/python3" -c 'import sys; from moto.server import main; sys.exit(main())' -H 127.0.0.1 -p "$port"
	server_wait "$dir" moto 40 curl -fsS -m 2 "http://127.0.0.1:$port/moto-api/data.json"
	[ $# -gt 0 ] || set -- example.test
	for zone in "$@"; do
		# The answer has no final line end.
		say "$(moto_curl -d "<CreateHostedZoneRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Name>$zone.</Name><CallerReference>$zone</CallerReference></CreateHostedZoneRequest>" \
			"http://127.0.0.1:$port/2013-04-01/hostedzone" | sed -n "s#.*<Id>/hostedzone/\([A-Z0-9]*\)</Id>.*#ZONE_${zone//./_}=\1#p")"
	done
	say "API_URL=http://127.0.0.1:$port"
}

case $command in
	build) build ;;
	start) [ -n "$dir" ] || die 'which directory?'; shift 2; start "$@" ;;
	stop) [ -n "$dir" ] || die 'which directory?'; server_stop "$(cd "$dir" 2>/dev/null && pwd)" ;;
	*) die 'usage: moto.sh build | start DIR [ZONE...] | stop DIR' ;;
esac
