#!/bin/bash
# size.sh: how fast certificates are issued among ten thousand and among ten million of them (BENCH_ROWS), with a key made here.
# A line a figure, as run.sh prints; the last one's ratio is to the first. It takes some ten minutes and 15 GB of disk.
. "$(dirname "$0")/../lib.sh"

seconds=${BENCH_SECONDS:-10}
rows=${BENCH_ROWS:-10000000}
use_pg
if [ "${BENCH_BUILT:-0}" != 1 ]; then
	bash "$CM_ROOT/test/packages.sh" bench
	build_and_install >/dev/null
fi
scratch_make bench
trap 'cluster_stop; scratch_remove "$CM_TMP"' EXIT
cluster_start "shared_preload_libraries = 'certmgr'" "certmgr.master_key_file = '$CM_TMP/master.key'" 'shared_buffers = 2GB' 'max_wal_size = 16GB' \
	'checkpoint_timeout = 1h' 'maintenance_work_mem = 1GB'
# Two databases, measured in turns, so that both meet the same noise of the machine.
for name in few many; do
	sql -c "CREATE DATABASE $name"
	export PGDATABASE=$name
	sql -c 'CREATE EXTENSION certmgr' >/dev/null
	if [ $name = few ]; then sql -c "SELECT certmgr.create_master_key('$CM_TMP/master.key')" >/dev/null 2>&1; fi
	sql -f "$CM_ROOT/test/bench/setup.sql" -f "$CM_ROOT/test/bench/size.sql" >/dev/null
	sql -c "SELECT bench.fill($([ $name = few ] && say 10000 || say "$rows"))" -c VACUUM -c ANALYZE >/dev/null
done
sql -c CHECKPOINT

echo "SELECT certmgr.issue('web');" >"$CM_TMP/issue.sql"
issue_rate() { PGDATABASE=$1 "$PG_BIN/pgbench" -n -M prepared -c 8 -j 2 -T "$seconds" -f "$CM_TMP/issue.sql" 2>/dev/null | sed -n 's/^tps = \([0-9.]*\).*/\1/p'; }
figure() { awk -v n="$1" -v v="$2" -v b="${3:-0}" 'BEGIN { printf "figure %s %.0f certificates/s %s\n", n, v, (b > 0 ? sprintf("%.2f", v / b) : "-") }'; }
few=0
many=0
for _ in 1 2 3 4 5; do
	few=$(awk -v a="$few" -v b="$(issue_rate few)" 'BEGIN { print a + b / 5 }')
	many=$(awk -v a="$many" -v b="$(issue_rate many)" 'BEGIN { print a + b / 5 }')
done
figure issue_among_10000_rows "$few"
figure "issue_among_${rows}_rows" "$many" "$few"
