-- Messages of states that functions never leave behind, set up by hand as superuser, and of settings of the server.
\set VERBOSITY default
SET client_min_messages = warning;
SET timezone = 'UTC';
\pset format unaligned
\pset tuples_only on
SELECT certmgr.create_root_ca('state root', 'CN=State Root') > 0;
SELECT certmgr.create_intermediate_ca('state sub', 'state root', 'CN=State Sub') > 0;
SELECT certmgr.create_dns_provider('state dns', 'manual') > 0;
SELECT certmgr.create_acme_ca('state acme', 'https://127.0.0.1:1/dir', dns_provider => 'state dns', terms_of_service_agreed => true) > 0;
SELECT certmgr.create_subscriber('state', 'state root', sans => '{state.example.com}') > 0;
SELECT certmgr.create_subscriber('state acme', 'state acme', sans => '{state.example.com}') > 0;
-- The notices and log lines below have ids in them: these do not depend on the tests before.
SELECT setval(pg_get_serial_sequence('certmgr.certificate', 'id'), 700000) > 0;
SELECT certmgr.issue('state') AS one;
SELECT certmgr.issue('state') AS two;
SELECT certmgr.create_intermediate_ca('state held', 'state root', 'CN=State Held') > 0;

-- private keys that leave are logged
SET client_min_messages = log;
SELECT certmgr.private_key_pem(700001) LIKE '-----BEGIN PRIVATE KEY-----%';
SET client_min_messages = notice;
CALL certmgr.issue_now('state acme');
SELECT certmgr.cancel(700004);

-- released from hold: a CA's, and one that an external CA is said to have revoked
SELECT certificate_id AS sub FROM certmgr.ca WHERE name = 'state held' \gset
SELECT certmgr.revoke(:sub, 'certificateHold') IS NOT NULL;
SELECT certmgr.unhold(:sub);
BEGIN;
SELECT certmgr.revoke(700002, 'certificateHold') IS NOT NULL;
UPDATE certmgr.certificate SET ca_id = (SELECT id FROM certmgr.ca WHERE name = 'state acme') WHERE id = 700002;
SELECT attempt('SELECT certmgr.unhold(700002)');
ROLLBACK;

-- serial numbers that are read in two ways
BEGIN;
UPDATE certmgr.certificate SET serial = decode(CASE id WHEN 700001 THEN '10' ELSE '0a' END, 'hex') WHERE id IN (700001, 700002);
SELECT attempt('SELECT certmgr.revoke_serial(''state root'', ''10'')');
SELECT certmgr.revoke_serial('state root', '0x10');
ROLLBACK;

-- rows that are not there
BEGIN;
DELETE FROM certmgr.certificate_body WHERE certificate_id = (SELECT certificate_id FROM certmgr.ca WHERE name = 'state root');
SELECT attempt('SELECT certmgr.chain_pem(700001)');
ROLLBACK;
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE certmgr.certificate SET subscriber_id = 999999999 WHERE id = 700001;
SELECT attempt('SELECT certmgr.renew(700001)');
ROLLBACK;
SELECT attempt(format('SELECT certmgr.issue(%L)', repeat('s', 900)));
BEGIN;
UPDATE certmgr_private.key SET sealed = NULL, provider = 'none' WHERE id = (SELECT key_id FROM certmgr.ca WHERE name = 'state sub');
SELECT attempt('SELECT certmgr.issue_from(''state sub'', ''CN=x'')');
ROLLBACK;

-- tables of another version: certificates are signed and their bytes written at commit
BEGIN;
ALTER TABLE certmgr.certificate_body ADD COLUMN later integer;
SELECT certmgr.issue('state') > 0;
COMMIT;
BEGIN;
SELECT certmgr.issue('state') > 0;
ALTER TABLE certmgr.certificate_body RENAME TO body_of_certificate;
COMMIT;

-- a trigger's function that is none's
CREATE FUNCTION pg_temp.invalidate() RETURNS integer LANGUAGE c AS '$libdir/certmgr', 'certmgr_invalidate';
SELECT pg_temp.invalidate();

-- names that an order cannot have
SELECT attempt('SELECT certmgr.issue_from(''state acme'', sans => (SELECT array_agg(''n'' || i || ''.example.com'') FROM generate_series(1, 101) i))');

-- a check that has no time
\set VERBOSITY terse
SELECT certmgr.create_dns_provider('state update', 'rfc2136', '{"server": "127.0.0.1:1"}') > 0;
CALL certmgr.check_dns_provider('state update', 'example.com', '0 s');
\set VERBOSITY default

-- settings
ALTER SYSTEM SET certmgr.allowed_networks = '10.0.0.0/8, 10.0.0.1/8';
ALTER SYSTEM SET certmgr.allowed_networks = '10.0.0.0/33';
ALTER SYSTEM SET certmgr.allowed_networks = 'a.example';
ALTER SYSTEM SET certmgr.allowed_networks = '1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1111:2222/64';
SELECT rtrim(repeat('::1,', 65), ',') AS many \gset
ALTER SYSTEM SET certmgr.allowed_networks = :'many';
ALTER SYSTEM SET certmgr.http_challenge_listen = 'localhost:80';

-- quirks of another version, as a restored dump may bring them
SET client_min_messages = log;
BEGIN;
UPDATE certmgr.ca SET config = jsonb_set(config, '{quirks}', '{"of_later": true, "account_key": 1}') WHERE name = 'state acme';
SELECT certmgr.issue('state acme') > 0;
ROLLBACK;

SET client_min_messages = warning;
SELECT certmgr.drop_subscriber('state');
SELECT certmgr.drop_subscriber('state acme');
