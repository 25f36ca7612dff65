-- The extension and, without a master key, what it says; the key is made last.
CREATE EXTENSION certmgr;
\set VERBOSITY terse
SELECT certmgr.create_master_key(NULL);
SELECT certmgr.create_master_key('relative/path');
SELECT certmgr.create_master_key(current_setting('data_directory') || '/kek');
SET client_min_messages = warning;
SELECT certmgr.create_master_key(current_setting('certmgr.master_key_file'));
RESET client_min_messages;
\set VERBOSITY sqlstate
SELECT certmgr.create_master_key(current_setting('certmgr.master_key_file'));
-- a session may not point the extension elsewhere
\set VERBOSITY terse
SET certmgr.master_key_file = '/tmp/other';
SET certmgr.allowed_networks = '0.0.0.0/0';
-- every object of the extension has a comment and belongs to certmgr_owner
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname LIKE 'certmgr%' AND (obj_description(p.oid, 'pg_proc') IS NULL OR p.proowner <> 'certmgr_owner'::regrole);
SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname LIKE 'certmgr%' AND c.relkind IN ('r', 'v') AND (obj_description(c.oid, 'pg_class') IS NULL OR c.relowner <> 'certmgr_owner'::regrole);
-- every table and sequence is dumped, but those that a crash empties
SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname LIKE 'certmgr%' AND c.relkind IN ('r', 'S')
   AND c.relpersistence = 'p'
   AND c.oid <> ALL ((SELECT extconfig FROM pg_extension WHERE extname = 'certmgr')::oid[]);
-- for the tests of messages: runs a statement, and says on one line what became of it; ids are shown as N
CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
	words text;
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	words := concat_ws(' | ', SQLSTATE, SQLERRM, nullif(detail, ''), nullif(hint, ''));
	words := regexp_replace(words, '([Cc]ertificate|key|serial number) \d+', '\1 N', 'g');
	RETURN regexp_replace(regexp_replace(words, '\(\d+\)', '(N)', 'g'), '/tmp/[^"'']*', 'PATH', 'g');
END
$$;
