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
