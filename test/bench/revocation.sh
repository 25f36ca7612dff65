# shellcheck shell=bash
# revocation.sh: part of run.sh, which sources it: a CRL of a million entries (time and peak of private memory), revocations one by one and
# many at once, OCSP answers signed anew (with a nonce) and kept, each for a certificate chosen by chance.

sql -v entries=1000000 -v live=600000 -f "$CM_ROOT/test/bench/revocation.sql" >/dev/null

# The memory of the backend that signs, sampled while it does: VmHWM would count every page of shared buffers that it read.
cat >"$CM_TMP/crl.sql" <<END
\\o $CM_TMP/crl.pid
SELECT pg_backend_pid();
\\o
SELECT pg_sleep(0.5);
\\timing on
SELECT certmgr.refresh_crl('bench crl');
END
rm -f "$CM_TMP/crl.pid"
"$PG_BIN/psql" -X -At -f "$CM_TMP/crl.sql" >"$CM_TMP/crl.out" &
psql_pid=$!
peak=0
while kill -0 "$psql_pid" 2>/dev/null; do
	pid=$(cat "$CM_TMP/crl.pid" 2>/dev/null || true)
	now=$([ -n "$pid" ] && sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status" 2>/dev/null || true)
	if [ "${now:-0}" -gt "$peak" ]; then peak=$now; fi
	sleep 0.01
done
wait "$psql_pid"
figure crl_of_1000000_entries "$(sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' "$CM_TMP/crl.out" | tail -n 1)" ms
figure crl_of_1000000_peak_memory $((peak / 1024)) MiB
figure crl_of_1000000_size "$(sql -At -c "SELECT length(certmgr.crl('bench crl')) / 1048576")" MiB

echo "SELECT certmgr.revoke(nextval('bench.victim'), 'superseded');" >"$CM_TMP/revoke.sql"
figure revoke_8_clients "$(tps 8 revoke)" certificates/s
first=$(sql -At -c "SELECT max(id) - 60000 FROM certmgr.certificate")
time_of() { sql -At -c '\timing on' -c "$1" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -n 1; }
ms=$(time_of "SELECT certmgr.revoke(array_agg(id), 'superseded') FROM certmgr.certificate WHERE id > $first AND id <= $first + 50000")
figure revoke_by_50000 "$(awk -v ms="$ms" 'BEGIN { print 50000 / (ms / 1000) }')" certificates/s

poll_sql 60 "SELECT count(*) > 0 FROM certmgr.ocsp_signer"
head=$(sql -At -c 'SELECT bench.ocsp_head(0)')
printf '%s\n' '\set n random(1, 20000)' "SELECT certmgr.ocsp_response('\\x$head'::bytea || int8send(:n::bigint));" >"$CM_TMP/ocsp_kept.sql"
nonce=a21f301d301b06092b0601050507300102040e040c000102030405060708090a0b
head=$(sql -At -c "SELECT bench.ocsp_head($((${#nonce} / 2)))")
printf '%s\n' '\set n random(1, 100000)' "SELECT certmgr.ocsp_response('\\x$head'::bytea || int8send(:n::bigint) || '\\x$nonce'::bytea);" >"$CM_TMP/ocsp_signed.sql"
echo 'SELECT 1;' >"$CM_TMP/nothing.sql"
nothing=$(tps 4 nothing)
figure ocsp_answers_signed "$(tps 4 ocsp_signed)" answers/s "$nothing"
# One transaction each: one alone keeps few.
echo "SELECT format('SELECT length(certmgr.ocsp_response(%L::bytea || int8send(%s)))', '\\x' || bench.ocsp_head(0), n) FROM generate_series(1, 20000) n \\gexec" | sql >/dev/null
figure ocsp_answers_kept "$(tps 4 ocsp_kept)" answers/s "$nothing"
