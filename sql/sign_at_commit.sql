-- Signed at commit (DESIGN 5): every way a transaction can go.
CREATE VIEW unsigned AS SELECT c.id FROM certmgr.certificate c LEFT JOIN certmgr.certificate_body b ON b.certificate_id = c.id WHERE b.der IS NULL AND c.state = 'issued';
CREATE TABLE before_test AS SELECT count(*) AS n FROM certmgr.certificate;
\set made 'SELECT count(*) - (SELECT n FROM before_test) AS made, (SELECT count(*) FROM unsigned) AS unsigned FROM certmgr.certificate'
SELECT pg_sequence_last_value('certmgr.certificate_id_seq') IS NOT NULL AS ok;
-- a rolled back transaction, savepoint, released savepoint
BEGIN; SELECT certmgr.issue('web') IS NOT NULL AS ok; ROLLBACK;
:made;
BEGIN;
SAVEPOINT a; SELECT certmgr.issue('web') IS NOT NULL AS ok; ROLLBACK TO a;
SAVEPOINT b; SELECT certmgr.issue('web') IS NOT NULL AS ok; SAVEPOINT c; SELECT certmgr.issue('web') IS NOT NULL AS ok; RELEASE c; ROLLBACK TO b;
SELECT certmgr.issue('web') IS NOT NULL AS ok;
SAVEPOINT d; SELECT certmgr.issue('web') IS NOT NULL AS ok; RELEASE d;
COMMIT;
:made;
-- two-phase commit
BEGIN; SELECT certmgr.issue('web') IS NOT NULL AS ok; PREPARE TRANSACTION 'certmgr_1'; COMMIT PREPARED 'certmgr_1';
BEGIN; SELECT certmgr.issue('web') IS NOT NULL AS ok; PREPARE TRANSACTION 'certmgr_2'; ROLLBACK PREPARED 'certmgr_2';
:made;
-- a caught exception
DO $$ BEGIN PERFORM certmgr.issue('web'); RAISE EXCEPTION 'x'; EXCEPTION WHEN raise_exception THEN PERFORM certmgr.issue('web'); END $$;
:made;
-- a procedure that commits between
CREATE PROCEDURE two() LANGUAGE plpgsql AS $$ BEGIN PERFORM certmgr.issue('web'); COMMIT; PERFORM certmgr.issue('web'); ROLLBACK; PERFORM certmgr.issue('web'); END $$;
CALL two();
:made;
-- WITH HOLD cursor: its query runs while the transaction commits
BEGIN; DECLARE held CURSOR WITH HOLD FOR SELECT certmgr.issue('web') IS NOT NULL AS ok FROM generate_series(1, 3); COMMIT;
FETCH ALL held; CLOSE held;
:made;
-- isolation levels, parallel query, deferred triggers
BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT certmgr.issue('web') IS NOT NULL AS ok; COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT certmgr.issue('web') IS NOT NULL AS ok; COMMIT;
-- its name since PostgreSQL 16 is debug_parallel_query
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT certmgr.issue('web') IS NOT NULL AS ok;
SELECT set_config(name, 'off', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
CREATE TABLE app (id int PRIMARY KEY, certificate bigint);
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM certmgr.issue('web'); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON app DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
INSERT INTO app VALUES (1, certmgr.issue('web'));
:made;
BEGIN READ ONLY; SELECT certmgr.issue('web'); ROLLBACK;
-- inside the transaction the bytes are not there yet
BEGIN; SELECT certmgr.issue('web') AS id \gset
\set VERBOSITY sqlstate
SELECT certmgr.certificate_pem(:id);
ROLLBACK;
\set VERBOSITY default
-- issue_now
CREATE TABLE got (id bigint, pem text);
DO $$ DECLARE i bigint; p text; BEGIN CALL certmgr.issue_now('web', NULL, i, p); INSERT INTO got VALUES (i, p); END $$;
SELECT id IS NOT NULL AS id, pem LIKE '-----BEGIN CERTIFICATE-----%' AS pem FROM got;
BEGIN; CALL certmgr.issue_now('web'); ROLLBACK;
-- a changed subscriber, and a disabled CA, are seen at once
SELECT certmgr.alter_subscriber('web', sans => '{new.example.com}');
SELECT certmgr.issue('web') > 0 AS ok;
SELECT sans FROM certmgr.certificate ORDER BY id DESC LIMIT 1;
SELECT certmgr.alter_subscriber('web', sans => '{www.example.com}');
DROP TABLE app, got, before_test; DROP VIEW unsigned; DROP PROCEDURE two(); DROP FUNCTION late();
