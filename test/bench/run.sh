#!/bin/bash
# run.sh: speed of the private path on a durable scratch cluster (fsync on), pgbench on the same cores. A line a figure:
# "figure NAME VALUE UNIT RATIO", the ratio to a plain INSERT of the same three rows, measured in the same run.
# BENCH_SECONDS (default 10): how long each figure is measured. Machines are noisy: compare ratios.
. "$(dirname "$0")/../lib.sh"

seconds=${BENCH_SECONDS:-10}
bash "$CM_ROOT/test/packages.sh" bench
use_pg
build_and_install
scratch_make bench
trap 'cluster_stop; scratch_remove "$CM_TMP"' EXIT
cluster_start "shared_preload_libraries = 'certmgr'" "certmgr.master_key_file = '$CM_TMP/master.key'" 'shared_buffers = 1GB' 'max_wal_size = 8GB'
sql -c 'CREATE EXTENSION certmgr' -c "SELECT certmgr.create_master_key('$CM_TMP/master.key')" >/dev/null 2>&1
sql -f "$CM_ROOT/test/bench/setup.sql" >/dev/null

openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=www.example.com 2>/dev/null >"$CM_TMP/csr.pem"
echo "SELECT certmgr.issue('web');" >"$CM_TMP/issue.sql"
echo "SELECT count(certmgr.issue('web')) FROM generate_series(1, 100);" >"$CM_TMP/issue_100.sql"
echo "SELECT certmgr.issue('web', '$(cat "$CM_TMP/csr.pem")');" >"$CM_TMP/csr.sql"
sed "s/'web'/'web by template'/" "$CM_TMP/issue.sql" >"$CM_TMP/template.sql"
sed "s/'web'/'web by template'/" "$CM_TMP/issue_100.sql" >"$CM_TMP/template_100.sql"
sed "s/'web'/'web by template'/" "$CM_TMP/csr.sql" >"$CM_TMP/template_csr.sql"
echo "SELECT bench.plain();" >"$CM_TMP/plain.sql"
echo "SELECT count(bench.plain()) FROM generate_series(1, 100);" >"$CM_TMP/plain_100.sql"

# tps CLIENTS FILE: transactions a second.
tps() { "$PG_BIN/pgbench" -n -M prepared -c "$1" -j 2 -T "$seconds" -f "$CM_TMP/$2.sql" 2>/dev/null | sed -n 's/^tps = \([0-9.]*\).*/\1/p'; }
figure() { awk -v n="$1" -v v="$2" -v u="$3" -v b="${4:-0}" 'BEGIN { printf "figure %s %.0f %s %s\n", n, v, u, (b > 0 ? sprintf("%.2f", v / b) : "-") }'; }
times() { awk -v a="$1" -v b="$2" 'BEGIN { print a * b }'; }

plain=$(tps 8 plain)
figure plain_insert_three_rows "$plain" rows_sets/s
figure issue_key_made_here_8_clients "$(tps 8 issue)" certificates/s "$plain"
figure issue_from_csr_8_clients "$(tps 8 csr)" certificates/s "$plain"
figure issue_by_template_8_clients "$(tps 8 template)" certificates/s "$plain"
figure issue_by_template_from_csr_8_clients "$(tps 8 template_csr)" certificates/s "$plain"
plain=$(times "$(tps 2 plain_100)" 100)
figure plain_insert_by_100 "$plain" rows_sets/s
figure issue_key_made_here_by_100 "$(times "$(tps 2 issue_100)" 100)" certificates/s "$plain"
figure issue_by_template_by_100 "$(times "$(tps 2 template_100)" 100)" certificates/s "$plain"
figure unsigned_certificates "$(sql -At -c "SELECT count(*) FROM certmgr.certificate c LEFT JOIN certmgr.certificate_body b ON b.certificate_id = c.id WHERE b.der IS NULL")" rows
. "$CM_ROOT/test/bench/revocation.sh"

# The ACME client, on a cluster of its own.
BENCH_BUILT=1 "$CM_ROOT/test/bench/acme.sh"

# Issuing among ten thousand certificates and among ten million, on a cluster of its own.
BENCH_BUILT=1 "$CM_ROOT/test/bench/size.sh"
