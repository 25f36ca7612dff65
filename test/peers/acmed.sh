#!/bin/bash
# acmed.sh start DIR KEY=VALUE... | stop DIR
#
# The ACME server of hostile scenarios, test/doubles/acmed (acmed.py says which KEYs there are and how it is asked). Prints VAR=value
# lines. Log: DIR/acmed.log.
. "$(dirname "$0")/../lib.sh"

double=$(cd "$(dirname "$0")/../doubles/acmed" && pwd)
command=${1:-}
dir=${2:-}
[ -n "$dir" ] || die 'usage: acmed.sh start DIR KEY=VALUE... | stop DIR'

start() {
	local python home
	# Debian's own: python3-cryptography belongs to it.
	python=/usr/bin/python3
	[ -x $python ] || python=$(command -v python3)
	home=$("$python" -c 'import sys; print(sys.base_prefix)')
	private_dir "$dir"
	dir=$(cd "$dir" && pwd)
	server_stop "$dir"
	rm -f "$dir/vars"
	# Copies: server_stop trusts only programs of the directory, and the checkout may be closed to the unprivileged user.
	install -m 755 "$(readlink -f "$("$python" -c 'import sys; print(sys.executable)')")" "$dir/python3"
	install -m 644 "$double"/*.py "$dir/"
	server_start "$dir" acmed env PYTHONHOME="$home" PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONWARNINGS=ignore::DeprecationWarning "$dir/python3" "$dir/acmed.py" "$dir" "$@"
	server_wait "$dir" acmed 20 test -f "$dir/vars"
	cat "$dir/vars"
}

case $command in
	start) shift 2; start "$@" ;;
	stop) server_stop "$(cd "$dir" 2>/dev/null && pwd)" ;;
	*) die "unknown command: $command" ;;
esac
