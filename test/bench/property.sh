#!/bin/bash
# property.sh [SEED]: 100,000 random requests under random templates (test/tap/lib/property.py, PROPERTY_COUNT: how many), issued on a scratch
# cluster and judged by Python on the issued bytes. Prints violations and figures.
. "$(dirname "$0")/../lib.sh"

count=${PROPERTY_COUNT:-100000}
seed=${1:-$RANDOM}
bash "$CM_ROOT/test/packages.sh" test
use_pg
build_and_install
scratch_make property
trap 'cluster_stop; scratch_remove "$CM_TMP"' EXIT
cluster_start "certmgr.master_key_file = '$CM_TMP/master.key'" 'max_wal_size = 8GB' 'synchronous_commit = off'
sql -c 'CREATE EXTENSION certmgr' -c "SELECT certmgr.create_master_key('$CM_TMP/master.key')" >/dev/null 2>&1
python=$(find_python)
private_dir "$CM_TMP/property"
cp "$CM_ROOT/test/tap/lib/property.py" "$CM_ROOT/test/tap/lib/property.sql" "$CM_TMP/"
as_user "$python" "$CM_TMP/property.py" generate "$seed" "$count" "$CM_TMP/property"
began=$(date +%s.%N)
as_user env PGHOST="$PGHOST" PGPORT="$PGPORT" PGUSER="$PGUSER" PGDATABASE="$PGDATABASE" "$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 -v dir="$CM_TMP/property" -f "$CM_TMP/property.sql" >/dev/null
ended=$(date +%s.%N)
said=$(as_user "$python" "$CM_TMP/property.py" check "$CM_TMP/property")
say "$said"
say "seed $seed"
awk -v s="$said" -v n="$count" -v a="$began" -v b="$ended" 'BEGIN {
	sub(/^.*accepted /, "", s); split(s, f, " ")
	printf "figure property_requests %d requests -\nfigure property_accepted %d certificates -\nfigure property_refused %d requests -\nfigure property_violations %d violations -\nfigure property_rate %.0f requests/s -\n", n, f[1], f[3], f[5], n / (b - a)
	exit f[5] != 0 }'
