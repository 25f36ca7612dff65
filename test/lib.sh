# shellcheck shell=bash
# lib.sh - what the test, demo and bench scripts share: sourced, not run.
#
# A script that was started as root does its work as an unprivileged user
# (PostgreSQL refuses root): "as_user" is the way down. Everything lies in one
# scratch directory, which scratch_remove takes away together with the
# processes that live in it; nothing outside is touched.

set -euo pipefail

CM_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C.UTF-8

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# ---- users ----

CM_UID=$(id -u)
CM_USER=$(id -un)
if [ "$CM_UID" = 0 ]; then
	if id postgres >/dev/null 2>&1; then CM_USER=postgres; else CM_USER=nobody; fi
fi

# Sets the array DOWN to what goes before a command to run it as the unprivileged user, in the scratch directory (the checkout
# may be under /root). All of it execs.
way_down() {
	local at=${CM_TMP:-/}
	DOWN=(env -C "$at")
	if [ "$CM_UID" = 0 ]; then
		DOWN=(setpriv "--reuid=$CM_USER" "--regid=$(id -gn "$CM_USER")" --init-groups --inh-caps=-all
			env -C "$at" "HOME=$at" "USER=$CM_USER" "LOGNAME=$CM_USER")
	fi
}
# An EXIT trap calls some of these: there, "return" without a number returns what failed before the trap. Hence "return 0".
as_user() { way_down; "${DOWN[@]}" "$@"; }

# as_root COMMAND...: as we are when root, else through sudo without a password.
as_root() {
	if [ "$CM_UID" = 0 ]; then "$@"; else sudo -n -- "$@"; fi
}
can_root() { [ "$CM_UID" = 0 ] || sudo -n true 2>/dev/null; }

# ---- which PostgreSQL ----

# pg_config of the newest PostgreSQL with a server, or nothing. PG_CONFIG overrides.
find_pg_config() {
	local f
	if [ -n "${PG_CONFIG:-}" ] && [ -x "$("$PG_CONFIG" --bindir 2>/dev/null)/postgres" ]; then command -v "$PG_CONFIG"; return 0; fi
	while read -r f; do
		if [ -x "${f%/*}/postgres" ]; then say "$f"; return 0; fi
	done < <(find /usr/lib/postgresql -mindepth 3 -maxdepth 3 -path '*/bin/pg_config' 2>/dev/null | sort -rV)
	f=$(command -v pg_config || true)
	if [ -n "$f" ] && [ -x "$("$f" --bindir)/postgres" ]; then say "$f"; fi
}

# Sets PG_CONFIG, PG_BIN, PG_PGXS.
use_pg() {
	PG_CONFIG=$(find_pg_config)
	[ -n "$PG_CONFIG" ] || die 'no PostgreSQL server found: run test/packages.sh or set PG_CONFIG'
	PG_BIN=$("$PG_CONFIG" --bindir)
	PG_PGXS=$(dirname "$("$PG_CONFIG" --pgxs)")/../..
	export PG_CONFIG PG_BIN PG_PGXS
}

# Builds and installs the extension; VAR=VALUE... go to make.
build_and_install() {
	local so installed
	make -s -C "$CM_ROOT" -j"$(nproc)" PG_CONFIG="$PG_CONFIG" "$@" all >&2
	so=$("$PG_CONFIG" --pkglibdir)/certmgr.so
	installed="$so and $("$PG_CONFIG" --sharedir)/extension/certmgr*"
	if [ -w "$("$PG_CONFIG" --pkglibdir)" ]; then
		make -s -C "$CM_ROOT" PG_CONFIG="$PG_CONFIG" install >/dev/null
	elif can_root; then
		as_root make -s -C "$CM_ROOT" PG_CONFIG="$PG_CONFIG" install >/dev/null
	else
		die "cannot write $so: run \"make install\" as root first, or this script with root's rights"
	fi
	say "installed $installed"
}

# ---- scratch directory ----

# scratch_make NAME: sets CM_TMP. Sockets lie in it, and a socket's path may have 107 bytes.
scratch_make() {
	local base=${TMPDIR:-/tmp}
	if [ ${#base} -gt 60 ] || ! CM_TMP=/ as_user test -x "$base"; then base=/tmp; fi
	CM_TMP=$(mktemp -d "$base/certmgr-$1.XXXXXX")
	chmod 755 "$CM_TMP"
	if [ "$CM_UID" = 0 ]; then chown "$CM_USER" "$CM_TMP"; fi
	export CM_TMP
}

# Ids of the processes that work in DIR or run a program from it, this shell and its parents not.
processes_in() {
	local p w x
	for p in /proc/[0-9]*; do
		w=$(readlink "$p/cwd" 2>/dev/null) || continue
		x=$(readlink "$p/exe" 2>/dev/null) || x=
		case "$w/:$x" in
			"$1"/*|*:"$1"/*) if [ "${p#/proc/}" != $$ ] && [ "${p#/proc/}" != "$BASHPID" ]; then say "${p#/proc/}"; fi ;;
		esac
	done
}

# Ends what runs in DIR and removes it. The name is checked: this is an rm -rf.
scratch_remove() {
	local dir=$1 p n
	[[ $dir == /*/certmgr-*.?????? && -d $dir ]] || return 0
	for p in $(processes_in "$dir"); do kill -TERM "$p" 2>/dev/null || true; done
	for n in $(seq 50); do
		[ -n "$(processes_in "$dir")" ] || break
		if [ "$n" = 30 ]; then for p in $(processes_in "$dir"); do kill -KILL "$p" 2>/dev/null || true; done; fi
		sleep 0.1
	done
	rm -rf "$dir"
}

# ---- ports and waiting ----

# free_ports N: N ports of 127.0.0.1 where nobody listens, TCP or UDP. Below 32768: the kernel takes ports for
# outgoing connections from there on, and one of those could be in the way a moment later.
free_ports() {
	perl -MSocket -e '
		my ($n, %got) = (shift);
		for (1 .. 5000) {
			my $port = 20000 + int rand 12000;
			next if $got{$port};
			my $at = sockaddr_in($port, INADDR_LOOPBACK);
			my ($t, $u);
			socket($t, PF_INET, SOCK_STREAM, 0) && bind($t, $at) or next;
			socket($u, PF_INET, SOCK_DGRAM, 0) && bind($u, $at) or next;
			$got{$port} = 1;
			print "$port\n";
			exit 0 if keys %got == $n;
		}
		die "no free port\n"' "$1"
}

# wait_for SECONDS COMMAND...: until the command succeeds; false when the time is over.
wait_for() {
	local until=$((SECONDS + $1)); shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $until ] || return 1
		sleep 0.05
	done
}

# ---- servers besides PostgreSQL: one directory each, with pid and log files ----

# server_start DIR NAME COMMAND...: in the background, output to DIR/NAME.log.
server_start() {
	local dir=$1 name=$2; shift 2
	CM_TMP=$dir way_down
	# exec: the pid file must name the program, not a shell that waits for it.
	( exec "${DOWN[@]}" setsid "$@" ) >>"$dir/$name.log" 2>&1 </dev/null &
	say $! >"$dir/$name.pid"
}

# server_wait DIR NAME SECONDS COMMAND...: until the command succeeds; shows the log when the server ends or the time is over.
server_wait() {
	local dir=$1 name=$2 until=$((SECONDS + $3)) pid; shift 3
	pid=$(cat "$dir/$name.pid")
	until "$@" >/dev/null 2>&1; do
		if [ $SECONDS -ge $until ] || ! kill -0 "$pid" 2>/dev/null; then
			say "$name does not answer; the end of $dir/$name.log:" >&2
			tail -n 20 "$dir/$name.log" >&2
			return 1
		fi
		sleep 0.05
	done
}

# server_stop DIR: every server of DIR. A pid is trusted only while it runs a program that lies in DIR.
server_stop() {
	local dir=$1 f pid
	for f in "$dir"/*.pid; do
		[ -f "$f" ] || continue
		pid=$(cat "$f")
		if [[ $(readlink "/proc/$pid/exe" 2>/dev/null) == "$dir"/* ]]; then
			kill "$pid" 2>/dev/null || true
			wait_for 5 not kill -0 "$pid" || kill -9 "$pid" 2>/dev/null || true
		fi
		rm -f "$f"
	done
}
not() { ! "$@"; }

# private_dir DIR: made if need be, and the unprivileged user's.
private_dir() {
	mkdir -p "$1"
	if [ "$CM_UID" = 0 ]; then chown "$CM_USER" "$1"; fi
}

# ---- scratch cluster: CM_TMP/data, socket in CM_TMP, superuser "postgres" ----

# cluster_start [SETTING...]: postgresql.conf lines. Sets PGHOST, PGPORT, PGUSER. Only the socket listens, and its directory is
# the user's own.
cluster_start() {
	local port line
	port=$(free_ports 1)
	private_dir "$CM_TMP/socket"
	chmod 700 "$CM_TMP/socket"
	as_user "$PG_BIN/initdb" -D "$CM_TMP/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-instructions >"$CM_TMP/initdb.log" 2>&1 ||
		{ cat "$CM_TMP/initdb.log" >&2; die 'initdb failed'; }
	{
		say "listen_addresses = ''"
		say "unix_socket_directories = '$CM_TMP/socket'"
		say "port = $port"
		say "log_line_prefix = '%m [%p] %b %q%u@%d '"
		for line in "$@"; do say "$line"; done
	} | as_user tee -a "$CM_TMP/data/postgresql.conf" >/dev/null
	as_user "$PG_BIN/pg_ctl" -D "$CM_TMP/data" -l "$CM_TMP/server.log" -w -t 60 start >"$CM_TMP/pg_ctl.log" 2>&1 ||
		{ cat "$CM_TMP/pg_ctl.log" >&2; tail -n 30 "$CM_TMP/server.log" >&2; die 'the scratch cluster does not start'; }
	export PGHOST=$CM_TMP/socket PGPORT=$port PGUSER=postgres PGDATABASE=postgres
	unset PGSERVICE PGOPTIONS PGHOSTADDR
}

cluster_stop() {
	as_user "$PG_BIN/pg_ctl" -D "$CM_TMP/data" -m fast -w -t 30 stop >/dev/null 2>&1 || true
}

# sql [psql arguments]: quiet, stops at the first error.
sql() { "$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 "$@"; }

# poll_sql SECONDS QUERY: until the query answers t; false when the time is over.
poll_sql() {
	local until=$((SECONDS + $1))
	until [ "$(sql -At -c "$2" 2>&1 | tail -n 1)" = t ]; do
		[ $SECONDS -lt $until ] || return 1
		sleep 0.2
	done
}

# ---- Python, for doubles of APIs ----

# Debian's own before anything of the same name that the user's tools put in front.
find_python() {
	if [ -x /usr/bin/python3 ]; then say /usr/bin/python3; else command -v python3; fi
}

# python_copy PYTHON DIR: as DIR/python3, because server_stop trusts only programs of the directory. Needs PYTHONHOME when run.
python_copy() { install -m 755 "$(readlink -f "$("$1" -c 'import sys; print(sys.executable)')")" "$2/python3"; }

# ---- programs of others that the tests build or fetch once, outside the checkout ----

# Where they are kept: CERTMGR_PEERS_DIR, default ~/.cache/certmgr.
peers_dir() { say "${CERTMGR_PEERS_DIR:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/certmgr}"; }

# find_go: a go of version 1.24 or newer (what Pebble 2.10 asks for), or nothing.
find_go() {
	local g v
	for g in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go-1.*/bin/go; do
		if [ -z "$g" ] || [ ! -x "$g" ]; then continue; fi
		v=$(GOTOOLCHAIN=local "$g" env GOVERSION 2>/dev/null)
		v=${v#go1.}; v=${v%%[!0-9]*}
		if [ "${v:-0}" -ge 24 ]; then say "$g"; return 0; fi
	done
}

# go_program NAME MODULE PACKAGE SECONDS: the path of the program that this package of a module of ours makes; builds it when it is not
# there yet. False when it cannot be had: then the last line of stderr says why.
go_program() {
	local name=$1 module=$2 package=$3 go out sum
	go=$(find_go)
	[ -n "$go" ] || { say "no Go 1.24 or newer" >&2; return 1; }
	sum=$(cat "$module/$package"/*.go "$module"/go.mod "$module"/go.sum | sha256sum)
	out=$(peers_dir)/$name-${sum:0:12}
	if [ -x "$out" ] && [ -O "$out" ]; then say "$out"; return 0; fi
	mkdir -p "$(peers_dir)"
	say "building $name (once)" >&2
	if (cd "$module" && GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS='-mod=readonly -buildvcs=false' \
		timeout "$4" "$go" build -ldflags='-s -w' -o "$out.$$" "./$package" && mv "$out.$$" "$out") >&2; then
		say "$out"; return 0
	fi
	rm -f "$out.$$"
	say "$name does not build here within $4 seconds with $("$go" env GOVERSION)" >&2
	return 1
}
