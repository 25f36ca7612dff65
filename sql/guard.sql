-- What a caller could do to us, and a function of somebody else to a caller; what views cost when the inventory is large.
SET client_min_messages = warning;
SELECT certmgr.create_root_ca('guard root', 'CN=Guard Root') IS NOT NULL AS made;
SELECT certmgr.create_subscriber('guard sub', 'guard root', sans => '{guard.example.com}') IS NOT NULL AS made;
SELECT certmgr.issue('guard sub') AS id \gset
CREATE ROLE guard_app;
GRANT certmgr_requester TO guard_app;
CREATE ROLE guard_admin;
GRANT certmgr_admin TO guard_admin;
CREATE ROLE guard_owner;
CREATE SCHEMA guard AUTHORIZATION guard_owner;
GRANT USAGE ON SCHEMA guard TO PUBLIC;

-- settings that a check function changes are the function's, not those of who asks for a certificate
SET ROLE guard_owner;
CREATE FUNCTION guard.check(request jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('search_path', 'guard, pg_catalog', false);
	PERFORM set_config('DateStyle', 'German', true);
	RETURN NULL;
END $$;
RESET ROLE;
SELECT certmgr.create_template('guard fn', subject => '{"*": true}', usages => '{digitalSignature,clientAuth}', check_function => 'guard.check(jsonb)') IS NOT NULL AS made;
BEGIN;
SELECT certmgr.issue_from('guard root', 'CN=fine', template => 'guard fn') IS NOT NULL AS issued;
SELECT current_setting('search_path'), current_setting('DateStyle');
COMMIT;
SELECT current_setting('search_path');

-- a function that writes TXT records runs as its owner: only who is a member of that role may name it
SET ROLE guard_owner;
CREATE FUNCTION guard.write(action text, zone text, name text, value text) RETURNS text LANGUAGE sql AS 'SELECT NULL::text';
SET ROLE guard_admin;
SELECT certmgr.create_dns_provider('guard dns', 'sql', '{"function": "guard.write", "zone": "example.com"}');
RESET ROLE;
GRANT guard_owner TO guard_admin;
SET ROLE guard_admin;
SELECT certmgr.create_dns_provider('guard dns', 'sql', '{"function": "guard.write", "zone": "example.com"}') IS NOT NULL AS made;
SELECT certmgr.drop_dns_provider('guard dns');

-- types of the caller's temporary schema are not used to find out what its roles are
SET ROLE guard_app;
CREATE TYPE pg_temp.text AS ENUM ('certmgr_operator');
\set VERBOSITY sqlstate
SELECT certmgr.revoke(ARRAY[:id]::bigint[]);
DROP TYPE pg_temp.text;
-- a certificate that one may not see does not exist
SELECT certmgr.renew(:id);
SELECT certmgr.renew(:id, key => 'reuse');
\set VERBOSITY default
-- to ask for a list that there never will be signs nothing
RESET ROLE;
SELECT length(certmgr.crl('guard root')) > 0 AS there;
SELECT last_value AS lists FROM certmgr.crl_id_seq \gset
SET ROLE guard_app;
SELECT certmgr.crl('guard root', shard => 4711);
SELECT certmgr.crl('guard root', issuer => 4711);
RESET ROLE;
SELECT last_value - :lists AS signed FROM certmgr.crl_id_seq;

-- certmgr.health looks at what is wrong, not at everything there is
CREATE FUNCTION guard.pages(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ' || query INTO plan;
	RETURN (plan->0->'Plan'->>'Shared Hit Blocks')::bigint + (plan->0->'Plan'->>'Shared Read Blocks')::bigint;
END $$;
BEGIN;
SET LOCAL session_replication_role = replica;
INSERT INTO certmgr.certificate (state, source, subject, sans, usages, key_algorithm, not_before, not_after, created_at, requested_by, renew_at)
	SELECT 'issued', 'issued', 'CN=guard', '{}', '{}', 'EC-P256', now(), now() + interval '90 days', now(), 'guard', now() + interval '60 days' + n * interval '1 second'
	  FROM generate_series(1, 20000) n;
INSERT INTO certmgr.certificate (state, source, subject, sans, usages, key_algorithm, created_at, requested_by)
	SELECT 'failed', 'issued', 'CN=guard', '{}', '{}', 'EC-P256', now() - interval '1 year', 'guard' FROM generate_series(1, 20000) n;
INSERT INTO certmgr.dns_record (dns_provider_id, order_id, challenge_name, name, value, state, created_at, changed_at)
	SELECT -1, -n, 'a', 'a', 'b', 'removed', now(), now() FROM generate_series(1, 20000) n;
ANALYZE certmgr.certificate, certmgr.dns_record;
SELECT pages < 1000 AS cheap, CASE WHEN pages >= 1000 THEN pages END AS pages FROM guard.pages('SELECT * FROM certmgr.health') AS pages;
SELECT pages < 1000 AS cheap, CASE WHEN pages >= 1000 THEN pages END AS pages FROM guard.pages('SELECT * FROM certmgr.crl_status') AS pages;
SELECT pages < 1000 AS cheap, CASE WHEN pages >= 1000 THEN pages END AS pages FROM guard.pages('SELECT * FROM certmgr.expiring_certificate') AS pages;
ROLLBACK;
ANALYZE certmgr.certificate, certmgr.dns_record;

SELECT certmgr.drop_subscriber('guard sub');
DROP SCHEMA guard CASCADE;
DROP ROLE guard_app, guard_admin, guard_owner;
