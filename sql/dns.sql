-- DNS providers without any DNS: zones, functions that write records, kinds of challenges, standing records, every error. What must
-- not be seen by this cluster's worker is rolled back.
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE ROLE regress_certmgr_dns;
CREATE ROLE regress_certmgr_dns_admin;
GRANT certmgr_admin TO regress_certmgr_dns_admin;
GRANT certmgr_requester TO regress_certmgr_dns;
CREATE SCHEMA dns_test AUTHORIZATION regress_certmgr_dns;
CREATE FUNCTION dns_test.super(action text, zone text, name text, value text) RETURNS text LANGUAGE sql RETURN NULL;
CREATE FUNCTION dns_test.number(action text, zone text, name text, value text) RETURNS int LANGUAGE sql RETURN 1;
CREATE FUNCTION dns_test.many(action text, zone text, name text, value text) RETURNS SETOF text LANGUAGE sql AS 'SELECT 1::text';
SET ROLE regress_certmgr_dns;
CREATE FUNCTION dns_test.write(action text, zone text, name text, value text) RETURNS text LANGUAGE sql RETURN NULL;
REVOKE EXECUTE ON FUNCTION dns_test.write(text, text, text, text) FROM PUBLIC;
GRANT USAGE ON SCHEMA dns_test TO regress_certmgr_dns_admin;
RESET ROLE;

-- functions
SELECT certmgr.create_dns_provider('d', 'sql');
SELECT certmgr.create_dns_provider('d', 'sql', '{"function": "write"}');
SELECT certmgr.create_dns_provider('d', 'sql', '{"function": 7}');
SELECT certmgr.create_dns_provider('d', 'sql', '{"function": "dns_test.write", "timeout": 61}');
SELECT certmgr.create_dns_provider('d', 'sql', '{"function": "dns_test.write", "server": "x"}');
SELECT certmgr.create_dns_provider('d', 'sql', '{"function": "dns_test.write"}', 'secret');
SELECT certmgr.create_dns_provider('d', 'sql', '{"function": "dns_test.nothing"}');
SELECT certmgr.create_dns_provider('d', 'sql', '{"function": "dns_test.number"}');
SELECT certmgr.create_dns_provider('d', 'sql', '{"function": "dns_test.many"}');
SELECT certmgr.create_dns_provider('d', 'sql', '{"function": "dns_test.super"}');
SELECT certmgr.create_dns_provider('d', 'sql', '{"function": "dns_test.write", "follow_cname": "no"}');
SET ROLE regress_certmgr_dns_admin;
SELECT certmgr.create_dns_provider('d', 'sql', '{"function": "dns_test.write"}');
RESET ROLE;
SELECT certmgr.create_dns_provider('d', 'sql', '{"function": "dns_test.write", "zone": "example.com"}') > 0 AS made;
SELECT certmgr.create_dns_provider('m', 'manual', '{}', 'secret');
SELECT certmgr.create_dns_provider('m', 'manual', '{"zone": ["a..b"]}');
SELECT certmgr.create_dns_provider('m', 'manual') > 0 AS made;
SELECT certmgr.create_dns_provider('m', 'no such type');

-- zones
SELECT certmgr.set_dns_zone('Example.COM.', 'd');
SELECT certmgr.set_dns_zone('sub.example.com', 'd');
SELECT certmgr.set_dns_zone('sub.example.com', 'm');
SELECT z.zone, p.name FROM certmgr.dns_zone z JOIN certmgr.dns_provider p ON p.id = z.dns_provider_id ORDER BY 1;
SELECT certmgr.set_dns_zone('example.net', 'nobody');
SELECT certmgr.set_dns_zone('a..b', 'd');
SELECT certmgr.set_dns_zone(NULL, 'd');
SET ROLE regress_certmgr_dns;
SELECT certmgr.set_dns_zone('example.net', 'd');
RESET ROLE;
SELECT certmgr.drop_dns_provider('d');
SELECT certmgr.set_dns_zone('sub.example.com', NULL), certmgr.set_dns_zone('sub.example.com', NULL), certmgr.set_dns_zone('example.com', NULL);
SELECT zone FROM certmgr.dns_zone;

-- leftovers
SELECT certmgr.sweep_dns(), certmgr.sweep_dns('d');
SELECT certmgr.sweep_dns('nobody');
SET ROLE regress_certmgr_dns;
SELECT certmgr.sweep_dns();
RESET ROLE;

-- kinds of challenges, standing records
BEGIN;
SELECT certmgr.create_acme_ca('d ca', 'https://ca.example.test/directory') > 0 AS made;
SELECT certmgr.set_challenge_type('d ca', 'dns-persist-01');
SELECT config ->> 'challenge_type' AS type FROM certmgr.ca WHERE name = 'd ca';
SAVEPOINT s;
SELECT certmgr.set_challenge_type('d ca', 'dns-02');
ROLLBACK TO s;
SELECT certmgr.set_challenge_type('d ca', NULL);
ROLLBACK TO s;
SELECT certmgr.set_challenge_type('root', 'dns-01');
ROLLBACK TO s;
SELECT certmgr.dns_persist_record('d ca', 'www.example.com');
ROLLBACK TO s;
SELECT certmgr.dns_persist_record('d ca', 'www.example.com', issuer => 'ca.example.net');
ROLLBACK TO s;
SELECT certmgr.dns_persist_record('d ca', 'www example.com');
ROLLBACK TO s;
SELECT certmgr.dns_persist_record('d ca', 'www.example.com', 'infinity', 'ca.example.net');
ROLLBACK TO s;
UPDATE certmgr.acme_account SET state = 'valid', url = 'https://ca.example.test/account/1' WHERE ca_id = (SELECT id FROM certmgr.ca WHERE name = 'd ca');
SELECT certmgr.set_caa_identities('d ca', '{CA.example.net,other.example.net}');
SELECT config -> 'caa_identities' AS identities FROM certmgr.ca WHERE name = 'd ca';
SAVEPOINT s;
SELECT certmgr.set_caa_identities('d ca', '{a b}');
ROLLBACK TO s;
SELECT certmgr.set_caa_identities('d ca', '{a,b,c,d,e,f,g,h,i}');
ROLLBACK TO s;
SELECT certmgr.set_caa_identities('root', NULL);
ROLLBACK TO s;
SELECT * FROM certmgr.dns_persist_record('d ca', 'WWW.Example.com');
SELECT * FROM certmgr.dns_persist_record('d ca', '*.example.com', '2027-01-01 00:00:00+00', 'other.example.net');
SELECT certmgr.set_caa_identities('d ca', '{}');
SELECT caa_identities FROM certmgr.acme_ca_status WHERE ca = 'd ca';
SELECT certmgr.set_caa_identities('d ca', NULL);
-- what the directory says, as long as nobody says otherwise
UPDATE certmgr.acme_account SET caa_identities = '{dir.example.net}' WHERE ca_id = (SELECT id FROM certmgr.ca WHERE name = 'd ca');
SELECT caa_identities FROM certmgr.acme_ca_status WHERE ca = 'd ca';
SELECT record_value FROM certmgr.dns_persist_record('d ca', 'www.example.com');
SELECT config -> 'caa_identities' AS identities FROM certmgr.ca WHERE name = 'd ca';
SET ROLE regress_certmgr_dns;
SELECT certmgr.set_challenge_type('d ca', 'dns-01');
ROLLBACK;

-- checks, as far as they need no worker
CALL certmgr.check_dns_provider('nobody', 'example.com');
CALL certmgr.check_dns_provider('m', 'example.com');
CALL certmgr.check_dns_provider('d', 'a..b');
CALL certmgr.check_dns_provider(NULL, 'example.com');
CALL certmgr.check_dns_provider('d', NULL);
CALL certmgr.check_dns_provider('d', 'example.com', NULL);
BEGIN;
CALL certmgr.check_dns_provider('d', 'example.com');
ROLLBACK;
SET ROLE regress_certmgr_dns;
CALL certmgr.check_dns_provider('d', 'example.com');
RESET ROLE;
SELECT dns_provider, step FROM certmgr.dns_provider_check;

-- another configuration; who gives it must know the credential
SELECT certmgr.alter_dns_provider('m', '{"resolvers": ["192.0.2.53"]}');
SELECT name, config FROM certmgr.dns_provider WHERE name = 'm';
\set VERBOSITY default
SELECT certmgr.create_dns_provider('r', 'rfc2136', '{"server": "192.0.2.53", "key_name": "k"}', 'c2VjcmV0') > 0 AS made;
SELECT certmgr.create_dns_provider('r', 'manual');
SELECT certmgr.alter_dns_provider('r', '{"server": "192.0.2.54", "key_name": "k"}');
SELECT certmgr.alter_dns_provider('r', '{"key_name": "k"}', 'c2VjcmV0');
SELECT certmgr.alter_dns_provider('r', '{"server": "192.0.2.54", "key_name": "k"}', 'c2VjcmV0');
SELECT config ->> 'server' AS server FROM certmgr.dns_provider WHERE name = 'r';
SELECT certmgr.alter_dns_provider('nobody', '{}');
SELECT certmgr.alter_dns_provider(NULL, '{}');
SELECT certmgr.alter_dns_provider('m', NULL);
-- a provider's secret has a longer name
BEGIN;
SELECT certmgr.set_secret('r', 'c2VjcmV0');
ROLLBACK;
SELECT certmgr.set_dns_zone('example.com', 'r');
SELECT certmgr.drop_dns_provider('r');
SELECT certmgr.set_dns_zone('example.com', NULL);
SELECT certmgr.drop_dns_provider('r');
SET ROLE regress_certmgr_dns;
SELECT certmgr.alter_dns_provider('m', '{}');
RESET ROLE;
SELECT certmgr.drop_dns_provider('d'), certmgr.drop_dns_provider('m');
DROP SCHEMA dns_test CASCADE;
DROP ROLE regress_certmgr_dns, regress_certmgr_dns_admin;
