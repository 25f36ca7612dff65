#!/bin/bash
# demo.sh start | stop: the main job, for a person to watch, on real parts: a scratch cluster of PostgreSQL, a BIND name server
# and Pebble, an ACME certificate authority. All of it lies in one directory under /tmp and listens on this machine only. It goes
# on running until "stop", which removes it; what else remains is the installed extension, and Pebble's build in ~/.cache/certmgr.
. "$(dirname "$0")/../lib.sh"

here=$(cd "$(dirname "$0")" && pwd)
note=$CM_ROOT/build/demo	# holds the directory of the demo that runs
began=$SECONDS

step() { printf '\n[%2d s] %s\n' $((SECONDS - began)) "$*"; }
indent() { sed 's/^/    /'; }
# show FILE [psql arguments]: runs it and shows statements and answers.
show() { local file=$1; shift; sql -a -P footer=off "$@" -f "$here/$file" 2>&1 | indent; }
pem() { sql -At -c "SELECT certmgr.$1"; }

stop() {
	local dir
	if [ ! -f "$note" ]; then say 'no demo is running'; return 0; fi
	dir=$(cat "$note")
	"$CM_ROOT/test/peers/pebble.sh" stop "$dir/pebble" 2>/dev/null || true
	"$CM_ROOT/test/peers/bind.sh" stop "$dir/bind" 2>/dev/null || true
	if [ -d "$dir/data" ]; then
		use_pg
		CM_TMP=$dir cluster_stop
	fi
	scratch_remove "$dir"
	rm -f "$note"
	say "stopped, and removed $dir"
}

# On an error: what the servers said, then everything away.
failed() {
	local status=$?
	trap - EXIT
	if [ $status != 0 ]; then
		say
		say "The demo failed. The end of the logs in $CM_TMP:"
		tail -n 25 "$CM_TMP/server.log" "$CM_TMP"/*/*.log 2>/dev/null || true
		stop
	fi
	exit $status
}

# verify NAME ROOT CERTIFICATE: by openssl, with the chain that certmgr hands out.
verify() {
	local base=$CM_TMP/pem/$1 id=$3
	cp "$2" "$base-root.pem"
	pem "certificate_pem($id)" >"$base.pem"
	pem "chain_pem($id)" >"$base-chain.pem"
	{
		openssl x509 -in "$base.pem" -noout -subject -issuer -ext subjectAltName
		openssl verify -CAfile "$base-root.pem" -untrusted "$base-chain.pem" "$base.pem"
	} 2>&1 | indent
}

# renewed SUBSCRIBER SECONDS: until its certificate has a successor that was issued.
renewed() {
	poll_sql "$2" "SELECT count(*) > 1 FROM certmgr.certificate c JOIN certmgr.subscriber s ON s.id = c.subscriber_id
		WHERE s.name = '$1' AND c.state = 'issued'" || {
			sql -c 'SELECT id, state, not_after, renew_at, status_message FROM certmgr.certificate ORDER BY id' -c 'SELECT * FROM certmgr.health' | indent
			die "the certificate of $1 was not renewed"
		}
}

inventory() {
	sql -P footer=off -c "SELECT c.id, a.name AS ca, s.name AS subscriber, c.state, c.subject, c.sans, c.not_after::timestamptz(0), c.renewed_from
		FROM certmgr.certificate c LEFT JOIN certmgr.ca a ON a.id = c.ca_id LEFT JOIN certmgr.subscriber s ON s.id = c.subscriber_id ORDER BY c.id" | indent
}

start() {
	local vars
	bash "$CM_ROOT/test/packages.sh" demo
	use_pg
	if [ -f "$note" ]; then stop; fi
	step "Build and install certmgr for $("$PG_CONFIG" --version)"
	# shellcheck disable=SC2119
	build_and_install | indent
	"$CM_ROOT/test/peers/pebble.sh" build | sed 's/^/    Pebble: /'
	scratch_make demo
	mkdir -p "$CM_ROOT/build" "$CM_TMP/pem"
	say "$CM_TMP" >"$note"
	trap failed EXIT
	trap 'exit 130' INT TERM
	began=$SECONDS

	step "Start PostgreSQL, BIND and Pebble as user $CM_USER in $CM_TMP"
	vars=$("$CM_ROOT/test/peers/bind.sh" start "$CM_TMP/bind" example.test)
	set -a; eval "$vars"; set +a
	vars=$("$CM_ROOT/test/peers/pebble.sh" start "$CM_TMP/pebble")
	set -a; eval "$vars"; set +a
	cluster_start "shared_preload_libraries = 'certmgr'" "certmgr.master_key_file = '$CM_TMP/master.key'" \
		"certmgr.allowed_networks = '127.0.0.0/8'" 'fsync = off'
	sql -c 'CREATE DATABASE demo'
	export PGDATABASE=demo
	say "    PostgreSQL $PGHOST:$PGPORT, BIND $DNS_SERVER, Pebble $ACME_DIRECTORY"

	step 'The extension, and a master key that seals every private key and password'
	sql -c 'CREATE EXTENSION certmgr' -c "SELECT certmgr.create_master_key('$CM_TMP/master.key')" >/dev/null
	# shellcheck disable=SC2012	# one file of ours
	ls -l "$CM_TMP/master.key" | indent

	step 'A private CA, and a certificate issued in the transaction of an application row'
	show private.sql

	step 'An ACME CA: the background worker proves example.test and *.example.test and fetches the certificate'
	show acme.sql -v dns_server="$DNS_SERVER" -v tsig_key="$TSIG_KEY" -v tsig_secret="$TSIG_SECRET" \
		-v acme_directory="$ACME_DIRECTORY" -v acme_tls_ca="$(cat "$ACME_TLS_CA")"

	step 'Both chains, checked by OpenSSL'
	pem "ca_pem('Demo Root')" >"$CM_TMP/pem/root.pem"
	verify intranet "$CM_TMP/pem/root.pem" "(SELECT certificate FROM service WHERE name = 'intranet')"
	verify website "$ACME_ROOT" "(SELECT min(c.id) FROM certmgr.certificate c JOIN certmgr.subscriber s ON s.id = c.subscriber_id WHERE s.name = 'website' AND c.state = 'issued')"

	step 'The inventory is a table'
	inventory

	step 'Nobody does anything now: both are renewed by the worker'
	renewed website 30
	say '    website: renewed'
	renewed intranet 40
	say '    intranet: renewed'
	sql -f "$here/end.sql" >/dev/null
	inventory

	step 'Nothing is wrong, and no TXT record is left in the zone'
	poll_sql 10 "SELECT NOT EXISTS (SELECT FROM certmgr.dns_record WHERE state <> 'removed')" || true
	sql -c 'SELECT * FROM certmgr.health' | indent
	printf '    TXT records in example.test: %s\n' "$(dig @127.0.0.1 -p "$DNS_PORT" example.test AXFR +noall +answer | grep -c '[[:space:]]TXT[[:space:]]' || true)"

	trap - EXIT INT TERM
	step 'Done. To go on playing:'
	say "    $PG_BIN/psql -h $PGHOST -p $PGPORT -U postgres demo"
	say 'To stop it and remove everything:'
	say '    make demo-stop'
}

case ${1:-start} in
	start) start ;;
	stop) stop ;;
	*) die 'usage: demo.sh start | stop' ;;
esac
