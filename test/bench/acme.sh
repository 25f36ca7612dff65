#!/bin/bash
# acme.sh: speed of the ACME client against Pebble (its handlers one at a time; DNS-01 really validated by BIND) on a durable
# scratch cluster. A line a figure: "figure NAME VALUE UNIT RATIO". The ratio is to lego, which like certbot is measured in the
# same run (LEGO, CERTBOT: programs; default: from the PATH, where packages.sh puts them). Everything shares the cores.
# BENCH_ORDERS (default 600): orders of one name in flight at once. BENCH_BUILT=1: do not build again (run.sh has).
. "$(dirname "$0")/../lib.sh"

orders=${BENCH_ORDERS:-600}
lego=${LEGO:-$(command -v lego || true)}
certbot=${CERTBOT:-$(command -v certbot || true)}
peers=$CM_ROOT/test/peers
use_pg
if [ "${BENCH_BUILT:-0}" != 1 ]; then
	bash "$CM_ROOT/test/packages.sh" bench
	build_and_install >/dev/null
fi
scratch_make bench
end() {
	local dir
	for dir in "$CM_TMP"/pebble*; do "$peers/pebble.sh" stop "$dir" || true; done
	"$peers/bind.sh" stop "$CM_TMP/bind" || true
	cluster_stop
	scratch_remove "$CM_TMP"
}
trap end EXIT
trap 'exit 130' INT TERM

# peer SCRIPT DIR ARGS...: starts it and takes its variables.
peer() {
	local script=$1 out; shift
	out=$("$peers/$script" start "$@")
	eval "$out"
}
figure() { awk -v n="$1" -v v="$2" -v u="$3" -v b="${4:-0}" 'BEGIN { printf "figure %s %.*f %s %s\n", n, (v < 10 ? 3 : 1), v, u, (b > 0 ? sprintf("%.1f", v / b) : "-") }'; }
one() { sql -At -c "$1"; }
worker() { one "SELECT pid FROM pg_stat_activity WHERE backend_type = 'certmgr worker' OR application_name = 'certmgr worker' LIMIT 1"; }
# CPU milliseconds of a process so far.
cpu_ms() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/^.*\) /, ""); print ($12 + $13) * 1000 / hz }' "/proc/$1/stat"; }
rss_mib() { awk '/^VmHWM/ { h = $2 } /^RssShmem/ { s = $2 } END { print (h - s) / 1024 }' "/proc/$1/status"; }

# Also "test": certmgr looks for CAA records up to the top, where a resolver of a site would answer from memory.
peer bind.sh "$CM_TMP/bind" example.test test
export DNS_SERVER
peer pebble.sh "$CM_TMP/pebble"
[ "$PEBBLE_KIND" = serial ] || say 'this Pebble can hang under parallel orders: figures may be missing' >&2
cluster_start "shared_preload_libraries = 'certmgr'" "certmgr.master_key_file = '$CM_TMP/master.key'" "certmgr.allowed_networks = '127.0.0.0/8'" \
	'max_files_per_process = 4000' 'certmgr.max_orders_in_flight = 1000' 'shared_buffers = 256MB' 'max_wal_size = 4GB'
sql >/dev/null 2>&1 <<S
CREATE EXTENSION certmgr;
SELECT certmgr.create_master_key('$CM_TMP/master.key');
SELECT certmgr.create_dns_provider('bind', 'rfc2136', '{"server": "$DNS_SERVER", "key_name": "$TSIG_KEY", "nameservers": ["$DNS_SERVER"], "resolvers": ["$DNS_SERVER"]}', '$TSIG_SECRET');
SELECT certmgr.create_acme_ca('pebble', '$ACME_DIRECTORY', dns_provider => 'bind', terms_of_service_agreed => true, trust_anchors => \$\$$(cat "$ACME_TLS_CA")\$\$);
S
poll_sql 30 "SELECT state = 'active' FROM certmgr.ca WHERE name = 'pebble'" || die 'no account at Pebble'

# order PREFIX COUNT NAMES: that many orders in one transaction; waits until all are over. Sets SECONDS_TAKEN.
order() {
	local start ids
	start=$(date +%s.%N)
	ids=$(one "SELECT count(certmgr.issue_from('pebble', sans => (SELECT array_agg('$1' || i || '-' || n || '.example.test') FROM generate_series(1, $3) n)))
		FROM generate_series(1, $2) i")
	[ "$ids" = "$2" ] || die 'not all orders were placed'
	until [ "$(one "SELECT count(*) FROM certmgr.certificate WHERE state = 'pending'")" = 0 ]; do
		[ "$(awk -v s="$start" -v n="$(date +%s.%N)" 'BEGIN { print (n - s > 300) }')" = 0 ] || die 'orders are not through after 300 s'
		sleep 0.05
	done
	SECONDS_TAKEN=$(awk -v s="$start" -v n="$(date +%s.%N)" 'BEGIN { print n - s }')
}
failed() { one "SELECT count(*) FROM certmgr.certificate WHERE state <> 'issued'"; }
# quantile P WHERE: of the time from issue() to the stored certificate, in milliseconds.
quantile() { one "SELECT 1000 * percentile_cont($1) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - created_at)) FROM certmgr.acme_order WHERE $2"; }

# requests WHERE: that an order took, on average.
requests() { one "SELECT count(*)::numeric / count(DISTINCT order_id) FROM certmgr.acme_exchange WHERE $1"; }

# ---- rivals: eight processes side by side, each with an account of its own, one order after the other ----
rival_processes=8
rival_orders=3
# The order of number $2 of process $1.
lego_order() {
	RFC2136_NAMESERVER=$DNS_SERVER RFC2136_TSIG_ALGORITHM=hmac-sha256. RFC2136_TSIG_KEY=$TSIG_KEY RFC2136_TSIG_SECRET=$TSIG_SECRET RFC2136_POLLING_INTERVAL=1 \
		LEGO_CA_CERTIFICATES=$ACME_TLS_CA "$lego" --accept-tos --email bench@example.test --server "$ACME_DIRECTORY" --path "$CM_TMP/lego/$1" --dns rfc2136 \
		--dns.disable-cp --domains "lego$1-$2.example.test" run
}
certbot_order() {
	REQUESTS_CA_BUNDLE=$ACME_TLS_CA "$certbot" certonly -n --agree-tos -m bench@example.test --server "$ACME_DIRECTORY" --config-dir "$CM_TMP/certbot/$1" \
		--work-dir "$CM_TMP/certbot/$1" --logs-dir "$CM_TMP/certbot/$1" --dns-rfc2136 --dns-rfc2136-propagation-seconds 1 \
		--dns-rfc2136-credentials "$CM_TMP/certbot.ini" -d "certbot$1-$2.example.test"
}
rival_process() {
	local i
	for i in $(seq $rival_orders); do "$1_order" "$2" "$i" || return 1; done
}
# rival NAME: orders a second of all processes together in RIVAL_RATE, 0 when one failed.
rival() {
	local start pids=() pid i failed=0
	as_user mkdir -p "$CM_TMP/$1"
	start=$(date +%s.%N)
	for i in $(seq $rival_processes); do rival_process "$1" "$i" >"$CM_TMP/$1.$i.log" 2>&1 & pids+=($!); done
	for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
	[ $failed = 0 ] || tail -n 3 "$CM_TMP/$1".*.log >&2
	RIVAL_RATE=$(awk -v s="$start" -v e="$(date +%s.%N)" -v n="$((rival_processes * rival_orders * (1 - failed)))" 'BEGIN { print n / (e - s) }')
	figure "acme_$1_orders" "$RIVAL_RATE" orders/s
}

rival_rate=0
if [ -n "$lego" ]; then
	rival lego
	rival_rate=$RIVAL_RATE
else
	say 'figure acme_lego_orders - orders/s -'
fi
if [ -n "$certbot" ] && "$certbot" plugins 2>/dev/null | grep -qw rfc2136; then
	install -m 600 /dev/stdin "$CM_TMP/certbot.ini" <<-C
	dns_rfc2136_server = ${DNS_SERVER%:*}
	dns_rfc2136_port = ${DNS_SERVER#*:}
	dns_rfc2136_name = $TSIG_KEY
	dns_rfc2136_secret = $TSIG_SECRET
	dns_rfc2136_algorithm = HMAC-SHA256
	C
	rival certbot
else
	say 'figure acme_certbot_orders - orders/s -'
fi

# ---- certmgr ----
order warm 20 1
pid=$(worker)
before=$(cpu_ms "$pid")
last=$(one 'SELECT max(id) FROM certmgr.acme_order')
order a "$orders" 1
cpu=$(awk -v a="$before" -v b="$(cpu_ms "$pid")" -v n="$orders" 'BEGIN { print (b - a) / n }')
figure acme_orders_one_name "$(awk -v n="$orders" -v s="$SECONDS_TAKEN" 'BEGIN { print n / s }')" orders/s "$rival_rate"
figure acme_worker_cpu "$cpu" ms/order
figure acme_requests_one_name "$(requests "order_id > $last")" requests/order

# Eight clients, each waiting for its certificate before it asks for the next.
last=$(one 'SELECT max(id) FROM certmgr.acme_order')
cat >"$CM_TMP/one.sql" <<'S'
SELECT certmgr.issue('bench' || :client_id) AS id \gset
CALL certmgr.wait(:id);
S
one "SELECT count(certmgr.create_subscriber('bench' || i, 'pebble', sans => ARRAY['b' || i || '.example.test'], auto_renew => false)) FROM generate_series(0, 7) i" >/dev/null
"$PG_BIN/pgbench" -n -c 1 -t 40 -f "$CM_TMP/one.sql" >/dev/null 2>"$CM_TMP/pgbench.log" || cat "$CM_TMP/pgbench.log" >&2
figure acme_latency_p50_1_client "$(quantile 0.5 "id > $last")" ms
figure acme_latency_p99_1_client "$(quantile 0.99 "id > $last")" ms
last=$(one 'SELECT max(id) FROM certmgr.acme_order')
"$PG_BIN/pgbench" -n -c 8 -t 25 -f "$CM_TMP/one.sql" >/dev/null 2>"$CM_TMP/pgbench.log" || cat "$CM_TMP/pgbench.log" >&2
figure acme_latency_p50_8_clients "$(quantile 0.5 "id > $last")" ms
figure acme_latency_p99_8_clients "$(quantile 0.99 "id > $last")" ms
last=$(one 'SELECT max(id) FROM certmgr.acme_order')
for i in 1 2 3 4 5; do order "ten$i" 1 10; done
figure acme_latency_10_names "$(quantile 0.5 "id > $last")" ms
figure acme_requests_10_names "$(requests "order_id > $last")" requests/order
last=$(one 'SELECT max(id) FROM certmgr.acme_order')
order many 1000 1
figure acme_orders_1000_in_flight "$(awk -v s="$SECONDS_TAKEN" 'BEGIN { print 1000 / s }')" orders/s "$rival_rate"
figure acme_worker_memory "$(rss_mib "$(worker)")" MiB
figure acme_failed_orders "$(failed)" orders
