#!/bin/bash
# run.sh [layers|unit|regress|isolation|tap|asan]...: builds (warnings are errors), installs and runs the tests; all of them, in
# this order, when none is named. Each runner's own closing lines are shown, then one line that sums them up.
#
# pg_regress, pg_isolation_regress and prove start servers of their own in a scratch directory, as an unprivileged user when we
# are root. What remains: the installed extension, build products here, and in build/ the results of tests that failed.
# CERTMGR_KEEP=1 keeps the scratch directory. CERTMGR_REGRESS, CERTMGR_ISOLATION, CERTMGR_TAP: only these tests (names, files).
. "$(dirname "$0")/lib.sh"

passed=0
failed=0
# add PASSED FAILED: to the sum, and remembers for show_end whether a section was clean.
add() { passed=$((passed + $1)); failed=$((failed + $2)); }
section() { printf '\n== %s\n' "$*"; }
count() { grep -cE "$@" || true; }

# Longest time a section may take, in seconds: a hanging server must not hang CI.
LIMIT=${CERTMGR_LIMIT:-1500}

finish() {
	if [ -n "${CERTMGR_KEEP:-}" ]; then say "kept $CM_TMP"; else scratch_remove "$CM_TMP"; fi
}

run_layers() {
	section layers
	local out
	out=$("$CM_ROOT/test/layers.sh") || true
	say "$out"
	# At least the closing line must be there.
	if [[ $out =~ layers:\ ([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then add "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"; else add 0 1; fi
}

run_unit() {
	local test name log code ok bad
	section unit
	make -s -C "$CM_ROOT" -j"$(nproc)" WERROR=1 PG_CONFIG="$PG_CONFIG" unit-build || { add 0 1; return; }
	# What is palloc'ed belongs to a memory context, which a program without a server does not have.
	printf 'leak:%s\n' palloc repalloc pstrdup psprintf >"$CM_TMP/lsan"
	for test in "$CM_ROOT"/test/unit/test_*.c; do
		[ -f "$test" ] || { say 'no unit tests yet'; break; }
		name=$(basename "$test" .c)
		log=$CM_TMP/$name.log
		code=0
		UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=detect_leaks=1 LSAN_OPTIONS="suppressions=$CM_TMP/lsan:print_suppressions=0" timeout -k 5 300 "$CM_ROOT/build/unit/$name" >"$log" 2>&1 || code=$?
		ok=$(sed -n 's/^\[  PASSED  \].* \([0-9]*\) test(s).*/\1/p' "$log" | awk '{n += $1} END {print n + 0}')
		bad=$(sed -n 's/^\[  FAILED  \].* \([0-9]*\) test(s).*/\1/p' "$log" | awk '{n += $1} END {print n + 0}')
		# It crashed, leaked, or ran nothing.
		if [ "$bad" = 0 ] && { [ $code != 0 ] || [ "$ok" = 0 ]; }; then bad=1; fi
		add "$ok" "$bad"
		if [ "$bad" = 0 ]; then
			printf '%-28s %s\n' "$name" "$(grep '^\[  PASSED  \]' "$log" | tail -n 1)"
		else
			say "$name failed (exit code $code):"
			grep -v '^\[ RUN \|^\[       OK' "$log" | tail -n 60
		fi
	done
}

# regress_run WHAT PROGRAM DIR ARGS...: runs pg_regress or its isolation twin over DIR (a copy), counts and shows what failed.
regress_run() {
	local what=$1 program=$2 dir=$3 log=$CM_TMP/$1.log code=0 ok bad; shift 3
	sed "s|@DIR@|$dir|g" "$CM_ROOT/test/regress.conf" >"$dir/server.conf"
	chmod -R a+rX "$dir"
	if [ "$CM_UID" = 0 ]; then chown -R "$CM_USER" "$dir"; fi
	# Time zone and user of the person at the keyboard have no say.
	CM_TMP=$dir as_user env -u PGHOST -u PGPORT -u PGUSER -u PGDATABASE -u PGOPTIONS -u PGTZ CERTMGR_TEST_DIR="$dir" \
		timeout -k 10 "$LIMIT" "$program" --bindir="${CERTMGR_SERVER_BIN:-$PG_BIN}" --temp-instance="$dir/instance" --temp-config="$dir/server.conf" \
		--inputdir="$dir" --outputdir="$dir" --dbname="certmgr_$what" --encoding=UTF8 --no-locale "$@" >"$log" 2>&1 || code=$?
	cat "$log"
	ok=$(count '^(test | {4,}).* \.\.\. ok|^ok [0-9]' "$log")
	bad=$(count '^(test | {4,}).* \.\.\. FAILED|^not ok [0-9]' "$log")
	if [ $code != 0 ] && [ "$bad" = 0 ]; then bad=1; fi
	add "$ok" "$bad"
	mkdir -p "$CM_ROOT/build/$what"
	rm -rf "$CM_ROOT/build/$what/results"
	if [ -d "$dir/results" ]; then cp -r "$dir/results" "$CM_ROOT/build/$what/"; fi
	if [ "$bad" != 0 ]; then
		if [ -s "$dir/regression.diffs" ]; then
			section "$what: differences (the results are in build/$what/results)"
			head -n 600 "$dir/regression.diffs"
		fi
		for log in "$dir"/log/initdb.log "$dir"/log/postmaster.log; do
			if [ ! -f "$log" ] || { [[ $log == *initdb.log ]] && [ -f "$dir/log/postmaster.log" ]; }; then continue; fi
			section "$what: the end of $(basename "$log")"
			tail -n 40 "$log"
		done
	fi
}

run_regress() {
	local dir=$CM_TMP/regress f name listed tests=()
	section regress
	mkdir -p "$dir"
	listed=$(sed -n 's/^test://p' "$CM_ROOT/test/regress.schedule")
	for f in "$CM_ROOT"/sql/*.sql; do
		[ -f "$f" ] || continue
		name=$(basename "$f" .sql)
		if [[ " $(tr '\n' ' ' <<<"$listed") " != *" $name "* ]]; then say "sql/$name.sql is not in test/regress.schedule"; add 0 1; fi
	done
	if [ -z "${listed// }" ]; then say 'no regression tests yet'; return; fi
	cp -r "$CM_ROOT/sql" "$CM_ROOT/expected" "$CM_ROOT/test/regress.schedule" "$dir/"
	if [ -n "${CERTMGR_REGRESS:-}" ]; then read -ra tests <<<"$CERTMGR_REGRESS"; else tests=("--schedule=$dir/regress.schedule"); fi
	regress_run regress "$PG_PGXS/src/test/regress/pg_regress" "$dir" "${tests[@]}"
}

run_isolation() {
	local dir=$CM_TMP/isolation f tests=()
	section isolation
	for f in "$CM_ROOT"/test/isolation/specs/*.spec; do
		if [ -f "$f" ]; then tests+=("$(basename "$f" .spec)"); fi
	done
	if [ ${#tests[@]} = 0 ]; then say 'no isolation tests yet'; return; fi
	if [ -n "${CERTMGR_ISOLATION:-}" ]; then read -ra tests <<<"$CERTMGR_ISOLATION"; fi
	mkdir -p "$dir"
	cp -r "$CM_ROOT/test/isolation/." "$dir/"
	regress_run isolation "$PG_PGXS/src/test/isolation/pg_isolation_regress" "$dir" --load-extension=certmgr "${tests[@]}"
}

run_tap() {
	local dir=$CM_TMP/tap dump=$CM_TMP/tap/raw code=0 ok bad f files=() pebble server moto= zlint=
	section tap
	for f in "$CM_ROOT"/test/tap/*.pl; do
		if [ -f "$f" ]; then files+=("test/tap/$(basename "$f")"); fi
	done
	if [ ${#files[@]} = 0 ]; then say 'no TAP tests yet'; return; fi
	if [ -n "${CERTMGR_TAP:-}" ]; then read -ra files <<<"$CERTMGR_TAP"; fi
	mkdir -p "$dir" "$dump"
	cp -r "$CM_ROOT/test" "$dir/"
	pebble=$("$CM_ROOT/test/peers/pebble.sh" build)
	# Under its own name: pebble.sh knows by it which kind it is.
	install -m 755 "$pebble" "$dir/$(basename "$pebble")"
	if [[ " ${files[*]} " == *moto* ]] && moto=$("$CM_ROOT/test/peers/moto.sh" build 2>"$dir/moto.log"); then
		# Copied: the cache may lie in a home that the unprivileged user cannot enter.
		cp -r "$moto" "$dir/moto"
		moto=$dir/moto
	fi
	if [[ " ${files[*]} " == *conformance* ]] && zlint=$("$CM_ROOT/test/peers/zlint.sh" build 2>"$dir/zlint.log"); then
		install -m 755 "$zlint" "$dir/zlint"
		zlint=$dir/zlint
	fi
	for f in step-ca caddy openbao; do
		if [[ " ${files[*]} " == *acme_servers* ]] && server=$("$CM_ROOT/test/peers/$f.sh" build 2>"$dir/$f.log"); then
			install -m 755 "$server" "$dir/peer-$f"
		fi
	done
	if [ "$CM_UID" = 0 ]; then chown -R "$CM_USER" "$dir"; fi
	CM_TMP=$dir as_user env -u PGHOST -u PGPORT -u PGUSER -u PGDATABASE -u PGOPTIONS \
		PATH="$PG_BIN:$PATH" TMPDIR="$dir" PG_REGRESS="$PG_PGXS/src/test/regress/pg_regress" top_builddir="$dir" PG_TEST_PORT_DIR="$dir/portlock" \
		TESTDIR="$dir" TESTDATADIR="$dir/tmp_check" TESTLOGDIR="$dir/tmp_check/log" PERL_TEST_HARNESS_DUMP_TAP="$dump" \
		CERTMGR_PEBBLE="$dir/$(basename "$pebble")" CERTMGR_MOTO="${moto:-}" CERTMGR_ZLINT="${zlint:-}" CERTMGR_TEST_DIR="$dir" \
		CERTMGR_STEP_CA="$dir/peer-step-ca" CERTMGR_CADDY="$dir/peer-caddy" CERTMGR_OPENBAO="$dir/peer-openbao" \
		timeout -k 20 "$LIMIT" prove --timer -j "${CERTMGR_JOBS:-2}" -I "$PG_PGXS/src/test/perl" -I "$dir/test/tap/lib" "${files[@]}" 2>&1 || code=$?
	ok=$(find "$dump" -type f -exec cat {} + | count '^ok ')
	bad=$(find "$dump" -type f -exec cat {} + | sed '/# *TODO/d' | count '^not ok ')
	# A file that died, or another count than planned, fails without a failing test.
	if [ $code != 0 ] && [ "$bad" = 0 ]; then bad=1; fi
	add "$ok" "$bad"
	if [ "$bad" != 0 ]; then
		mkdir -p "$CM_ROOT/build/tap"
		rm -rf "$CM_ROOT/build/tap/log"
		cp -r "$dir/tmp_check/log" "$CM_ROOT/build/tap/log" 2>/dev/null || true
		for f in "$dir"/tmp_check/log/*; do
			[ -f "$f" ] || continue
			# Only what belongs to a file with a failing test.
			if grep -lqE '^not ok |^Bailout' "$dump/test/tap/$(basename "$f" | sed 's/^regress_log_//; s/_[^_]*\.log$//')"*  2>/dev/null || [[ $f == */regress_log_* ]]; then
				section "tap: the end of $(basename "$f") (whole in build/tap/log)"
				tail -n 40 "$f"
			fi
		done
	fi
}

# A directory of the server's programs in which "postgres" has the sanitizers in the process before everything else. Nothing but
# the server gets them: initdb hangs with them.
sanitized_bin() {
	local dir=$CM_TMP/asan-bin f
	mkdir -p "$dir"
	for f in "$PG_BIN"/*; do ln -sf "$f" "$dir/"; done
	rm "$dir/postgres"
	printf '%s\n' '#!/bin/sh' "LD_PRELOAD='$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)' exec '$PG_BIN/postgres' \"\$@\"" >"$dir/postgres"
	chmod 755 "$dir" "$dir/postgres"
	say "$dir"
}

# The server with the module under AddressSanitizer and UBSan.
run_asan() {
	section 'asan: build'
	make -s -C "$CM_ROOT" PG_CONFIG="$PG_CONFIG" clean
	build_and_install COPT='-fsanitize=address,undefined -fno-sanitize-recover=undefined -O1'
	# PostgreSQL frees nothing at exit, and measures its stack by addresses of variables.
	export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1
	CERTMGR_SERVER_BIN=$(sanitized_bin)
	# With Debian 12's gcc and PostgreSQL the server waits for ever for a lock of bindtextdomain(); with Debian 13's it does not.
	if ! timeout 20 "$CERTMGR_SERVER_BIN/postgres" --version >/dev/null; then
		say 'this PostgreSQL does not start with AddressSanitizer; Debian 13'"'"'s does'
		add 0 1
		return
	fi
	run_regress
	run_isolation
	CERTMGR_SERVER_BIN=
	make -s -C "$CM_ROOT" PG_CONFIG="$PG_CONFIG" clean
	build_and_install WERROR=1
}

bash "$CM_ROOT/test/packages.sh" test
use_pg
scratch_make test
trap finish EXIT
trap 'exit 130' INT TERM

[ $# -gt 0 ] || set -- layers unit regress isolation tap
case " $* " in
	*' regress '*|*' isolation '*|*' tap '*)
		section "build for $("$PG_CONFIG" --version)"
		build_and_install WERROR=1 ;;
esac
for what in "$@"; do
	case $what in
		layers|unit|regress|isolation|tap|asan) "run_$what" ;;
		*) die "unknown: $what" ;;
	esac
done

printf '\n%d passed, %d failed\n' $passed $failed
[ $failed = 0 ] && [ $passed -gt 0 ]
