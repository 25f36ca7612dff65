-- Every function with NULL for each of its arguments in turn, the others something of their type, and with NULL for all of them: what it
-- says. None may crash, none may take a NULL for something else. What a call did is undone. (STRICT functions return NULL; said once.)
SET client_min_messages = error;
SET timezone = 'UTC';
CREATE FUNCTION pg_temp.value_of(type regtype, name text) RETURNS text LANGUAGE sql AS $$
	SELECT format('%L::%s', CASE name WHEN 'reason' THEN 'superseded' WHEN 'password' THEN 'long enough' WHEN 'key_algorithm' THEN 'EC-P256' WHEN 'covers' THEN 'all' ELSE CASE type::text WHEN 'text' THEN 'x' WHEN 'text[]' THEN '{x}' WHEN 'jsonb' THEN '{}' WHEN 'boolean' THEN 'true' WHEN 'interval' THEN '1 day'
		WHEN 'timestamp with time zone' THEN '2020-01-01' WHEN 'bytea' THEN '\x00' WHEN 'bigint[]' THEN '{0}' ELSE '0' END END, type) $$;
-- NULL at that place; 0: everywhere; -1: nowhere.
CREATE FUNCTION pg_temp.call(function oid, null_at int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	arguments text;
	result text;
BEGIN
	SELECT string_agg(CASE WHEN null_at IN (0, n) THEN format('NULL::%s', type::regtype) ELSE pg_temp.value_of(type::regtype, proargnames[n]) END, ', ' ORDER BY n) INTO arguments
	  FROM pg_proc p, unnest(p.proargtypes) WITH ORDINALITY a (type, n) WHERE p.oid = function;
	BEGIN
		EXECUTE format('SELECT string_agg(r::text, '','') FROM certmgr.%I(%s) r', (SELECT proname FROM pg_proc p WHERE p.oid = function), arguments) INTO result;
		RAISE SQLSTATE 'XXUND' USING MESSAGE = CASE WHEN result IS NULL THEN 'null' ELSE 'a result' END;
	EXCEPTION WHEN OTHERS THEN
		RETURN CASE WHEN SQLSTATE = 'XXUND' THEN SQLERRM ELSE SQLSTATE || ' ' || SQLERRM END;
	END;
END
$$;
\pset format unaligned
\pset tuples_only on
CREATE TEMP VIEW functions AS
SELECT p.oid, p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' AS signature, p.proisstrict, p.pronargs, p.proargnames
  FROM pg_proc p WHERE p.pronamespace = 'certmgr'::regnamespace AND p.prokind = 'f' AND p.prorettype <> 'trigger'::regtype;
-- a NULL gives NULL
SELECT signature FROM functions WHERE proisstrict AND pronargs > 0 ORDER BY signature COLLATE "C";
-- arguments that must not be NULL, and say so; the others have a default, take NULL for "as it is", or belong to the STRICT ones above
CREATE TEMP TABLE called AS
	SELECT split_part(signature, '(', 1) || '/' || pronargs AS function, n, CASE WHEN n > 0 THEN proargnames[n] END AS argument, pg_temp.call(oid, n) AS said
	  FROM functions, generate_series(0, pronargs) n WHERE NOT proisstrict AND pronargs > 0;
SELECT split_part(function, '/', 1) || ': ' || string_agg(DISTINCT argument, ', ' ORDER BY argument) FROM called
 WHERE said = format('22004 "%s" must not be null', argument) GROUP BY function ORDER BY function COLLATE "C";
-- NULL for all
SELECT split_part(function, '/', 1) || ': ' || said FROM called WHERE n = 0 ORDER BY function COLLATE "C", said;
-- those that did something although one was NULL
SELECT split_part(function, '/', 1) || '(' || argument || '): ' || said FROM called WHERE said IN ('null', 'a result') AND n > 0 ORDER BY function COLLATE "C", n;
-- never an internal error, never a word about another type or NULL of the server's own
SELECT * FROM called WHERE said ~ '^(XX|42883|42804|23502|0B|F0|P0)' ORDER BY function, n;
-- Whoever may run a function by a grant of somebody's is still asked who he is, or shown nothing that is not his. (Those that any requester
-- may call, for what he owns or brings along, say here that there is no such thing.)
BEGIN;
CREATE ROLE regress_null_nobody;
GRANT USAGE ON SCHEMA certmgr TO regress_null_nobody;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA certmgr TO regress_null_nobody;
GRANT SELECT ON functions TO regress_null_nobody;
SET LOCAL ROLE regress_null_nobody;
SELECT split_part(signature, '(', 1) || ': ' || pg_temp.call(oid, -1) FROM functions ORDER BY signature COLLATE "C";
ROLLBACK;
-- procedures
CALL certmgr.wait(NULL);
CALL certmgr.wait(0, NULL);
CALL certmgr.wait(0);
CALL certmgr.wait(0, '-1 s');
CALL certmgr.work(NULL);
CALL certmgr.work('-1 s');
CALL certmgr.issue_now(NULL);
CALL certmgr.issue_now('x');
BEGIN;
CALL certmgr.wait(0);
ROLLBACK;
BEGIN;
CALL certmgr.work();
ROLLBACK;
-- what the server is doing
SELECT preloaded, launcher_pid IS NOT NULL AS launcher, master_key, adopted FROM certmgr.server_status();
SELECT coalesce(bool_and(failures = 0), true) AS well FROM certmgr.worker_slots();
SELECT certmgr.adopt();
SELECT certmgr.adopt();
