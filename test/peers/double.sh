#!/bin/bash
# double.sh start DIR NAME [KEY=VALUE...] | stop DIR
#
# A double of a web API: test/doubles/NAME.py, on free ports of 127.0.0.1, with a DNS server that serves what was written through
# the API. Prints VAR=value lines (API_URL, API_TLS_CA, CONTROL, DNS_SERVER ...; test/doubles/apiserver.py has them all, and how to
# order faults). Log: DIR/NAME.log.
. "$(dirname "$0")/../lib.sh"

doubles=$(cd "$(dirname "$0")/../doubles" && pwd)
command=${1:-}
dir=${2:-}
[ -n "$dir" ] || die 'usage: double.sh start DIR NAME [KEY=VALUE...] | stop DIR'

start() {
	local name=$1 python home f; shift
	python=$(find_python)
	home=$("$python" -c 'import sys; print(sys.base_prefix)')
	private_dir "$dir"
	dir=$(cd "$dir" && pwd)
	server_stop "$dir"
	rm -f "$dir/vars"
	# Copies: the checkout may be closed to the unprivileged user.
	python_copy "$python" "$dir"
	for f in "$doubles"/*.py; do install -m 644 "$f" "$dir/"; done
	server_start "$dir" "$name" env PYTHONHOME="$home" PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 "$dir/python3" "$dir/$name.py" "$dir" "$@"
	server_wait "$dir" "$name" 20 test -f "$dir/vars"
	cat "$dir/vars"
}

case $command in
	start) [ -n "${3:-}" ] || die 'which double?'; shift 2; start "$@" ;;
	stop) server_stop "$(cd "$dir" 2>/dev/null && pwd)" ;;
	*) die "unknown command: $command" ;;
esac
