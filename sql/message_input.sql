-- What functions say of arguments that cannot be used: one message each, of those that no other test shows. Ids are shown as N.
\set VERBOSITY default
SET client_min_messages = warning;
SET timezone = 'UTC';
-- One line a case: the provider's configuration and secret that are refused.
CREATE FUNCTION pg_temp.provider(type text, config jsonb, secret text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT attempt(format('SELECT certmgr.create_dns_provider(''message input'', %L, %L, %L)', type, config, secret)) $$;
\pset format unaligned
\pset tuples_only on

-- DNS providers
SELECT pg_temp.provider('acme-dns', '{"endpoint": "https://auth.example.com"}', repeat('x', 1100000));
SELECT pg_temp.provider('acme-dns', '{"endpoint": "https://auth.example.com", "fulldomain": "a.auth.example.com", "username": "u"}', repeat('x', 300));
SELECT pg_temp.provider('acme-dns', jsonb_build_object('endpoint', 'https://auth.example.com', 'fulldomain', 'a.auth.example.com', 'username', 'u', 'subdomain', repeat('x', 300)), 'x');
SELECT pg_temp.provider('acme-dns', jsonb_build_object('endpoint', 'https://' || repeat('x', 2000)), 'x');
SELECT pg_temp.provider('webhook', '{"endpoint": "https://hook.example.com", "format": "httpreq", "username": "a:b"}', 'x');
SELECT pg_temp.provider('webhook', jsonb_build_object('endpoint', 'https://hook.example.com', 'format', 'httpreq', 'username', repeat('u', 10000)), repeat('p', 10000));
SELECT pg_temp.provider('route53', '{"role_arn": "arn:aws:iam::123456789012:role/certmgr", "external_id": "x", "credentials": "instance"}');
SELECT pg_temp.provider('cloudflare', '{}', 'Bearer token');
SELECT pg_temp.provider('cloudflare', '{}', repeat('t', 9000));
SELECT pg_temp.provider('cloudflare', jsonb_build_object('comment', repeat('c', 101)), 'token');
SELECT pg_temp.provider('cloudflare', '{"account_id": "x"}', 'token');
SELECT pg_temp.provider('rfc2136', '{"server": "192.0.2.53", "key_name": "k"}');
SELECT pg_temp.provider('rfc2136', '{"server": "192.0.2.53", "key_name": "k"}', 'no base64!');
SELECT pg_temp.provider('rfc2136', '{"server": [1]}');
SELECT pg_temp.provider('rfc2136', jsonb_build_object('server', (SELECT array_agg('192.0.2.' || i) FROM generate_series(1, 40) i)));
SELECT pg_temp.provider('manual', jsonb_build_object('zone', (SELECT array_agg('z' || i || '.example.com') FROM generate_series(1, 200) i)));
SELECT attempt('SELECT certmgr.set_secret(''x'', '''')');

-- ACME CAs
SELECT certmgr.create_dns_provider('message input', 'manual') > 0;
CREATE FUNCTION pg_temp.acme(arguments text) RETURNS text LANGUAGE sql AS $$
	SELECT attempt('SELECT certmgr.create_acme_ca(''input refused'', ''https://127.0.0.1:1/dir'', dns_provider => ''message input'', ' || arguments || ')') $$;
SELECT pg_temp.acme('quirks => ''{"polls": []}''');
SELECT pg_temp.acme('quirks => ''{"account_key": 1}''');
SELECT pg_temp.acme('quirks => ''{"eab_algorithm": "MD5"}''');
SELECT pg_temp.acme('contacts => ''{a b@example.com}''');
SELECT certmgr.create_acme_ca('input acme', 'https://127.0.0.1:1/dir', dns_provider => 'message input', terms_of_service_agreed => true) > 0;
SELECT attempt('SELECT certmgr.install_ca_certificate(''input acme'', ''x'')');
SET client_min_messages = notice;
SELECT certmgr.set_secret('message input', 'x');
SET client_min_messages = warning;

-- subscribers, fallback, issuing
SELECT certmgr.create_root_ca('input root', 'CN=Input Root') > 0;
SELECT certmgr.create_subscriber('input', 'input root', sans => '{input.example.com}') > 0;
SELECT certmgr.create_subscriber('input acme', 'input acme', sans => '{input.example.com}') > 0;
SELECT attempt('SELECT certmgr.set_fallback(''input acme'', ''{input acme}'')');
SELECT attempt('SELECT certmgr.set_fallback(''input acme'', ''{a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r}'')');
SELECT attempt('SELECT certmgr.set_fallback(''input acme'', ''{}'', ''0'')');
SELECT attempt('SELECT certmgr.set_fallback(''input'', ''{input acme}'')');
SELECT attempt('SELECT certmgr.set_fallback(''input'', NULL)');
SELECT attempt('SELECT certmgr.set_fallback(NULL, ''{}'')');
SELECT attempt('SELECT certmgr.set_fallback(''input'', ''{}'', NULL)');
SELECT certmgr.create_template('input ca', ca => true, path_length => 0, usages => '{keyCertSign,cRLSign}', subject => '{"CN": true}') > 0;
SELECT attempt('SELECT certmgr.create_subscriber(''input sub'', ''input root'', ''CN=x'', template => ''input ca'')');
SELECT attempt('SELECT certmgr.create_subscriber(''input nameless'', ''input acme'', ''CN=x'')');
SELECT attempt(format('SELECT certmgr.issue(%L)', repeat('s', 250)));
SELECT attempt('SELECT certmgr.issue_from(''input root'', ''CN=x'', lifetime => ''1 microsecond'')');
SELECT attempt('SELECT certmgr.create_template(''input policy'', policies => ''[{"oid": "1.2.3", "cps": "http://a.example.com/ http://b.example.com/"}]'')');
SELECT attempt('SELECT certmgr.create_template(''input policy'', policies => ''[{"oid": "1.2.3", "notice": ""}]'')');

-- PEM
SELECT attempt(format('SELECT certmgr.describe(%L)', text)) FROM (VALUES
	(E'-----BEGIN CERTIFICATE-----\nMIIB\n-----END X-----\n'), (E'-----BEGIN CERTIFICATE-----\nMIIBx\n-----END CERTIFICATE-----\n'),
	(E'-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\nMIIB\n-----END CERTIFICATE-----\n'), (E'-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n'),
	(E'-----BEGIN CERTIFICATE-----\nMIIB\n'), (E'-----BEGIN CERTIFICATE----\nMIIB\n-----END CERTIFICATE-----\n'),
	(E'-----BEGIN ' || repeat('A', 100) || E'-----\nMIIB\n-----END A-----\n'), (E'-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n')) v (text);
SELECT attempt(format('SELECT certmgr.import_bundle(%L)', repeat(certmgr.ca_pem('input root'), 1001)));
SELECT attempt(format('SELECT certmgr.import_certificate(%L, private_key => %L)', certmgr.ca_pem('input root'), E'-----BEGIN PRIVATE KEY-----\nMAAA\n-----END PRIVATE KEY-----\n'));

-- files of the server
SELECT attempt(format('SELECT certmgr.create_master_key(%L)', current_setting('certmgr.master_key_file')));
SELECT attempt('SELECT certmgr.create_master_key(''/nonexistent/certmgr/master.key'')');

-- reading, renewing and revoking
SELECT certmgr.issue('input') AS id \gset
SELECT certificate_id AS root FROM certmgr.ca WHERE name = 'input root' \gset
CREATE ROLE regress_message_input;
GRANT certmgr_operator TO regress_message_input;
SET ROLE regress_message_input;
SELECT attempt(format('SELECT certmgr.private_key_pem(%s)', :id));
SELECT attempt(format('SELECT certmgr.revoke(array[%s::bigint])', :root));
RESET ROLE;
SELECT certmgr.import_certificate('-----BEGIN CERTIFICATE-----
MIIBpTCCAUugAwIBAgIIESIzRFVmd4gwCgYIKoZIzj0EAwIwLTESMBAGA1UECgwJ
RWxzZXdoZXJlMRcwFQYDVQQDDA5FbHNld2hlcmUgUm9vdDAgFw0yNjExMjQxNTA1
MzdaGA8yMDgxMDgyNzE1MDUzN1owLTESMBAGA1UECgwJRWxzZXdoZXJlMRcwFQYD
VQQDDA5FbHNld2hlcmUgUm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABB+Z
a2slcMXgkfvARq4QqBFfRg+647zVvWlOSuX9Jf/MUkD23KHjcgazivnuj9Za8zsG
dwi6xUplivgVbtxAZWmjUzBRMB0GA1UdDgQWBBQsugfPdXV9QeSCd/e6xc8+E5sM
NjAfBgNVHSMEGDAWgBQsugfPdXV9QeSCd/e6xc8+E5sMNjAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIFgYa8hxdVtAhteDMTi5WQmvoHfuj3m1mbN+
40UJLB9yAiEA5pzAPHLk/NP9hNcEnXlWrqRI45kpbxdQOuFaJWxreCQ=
-----END CERTIFICATE-----') AS elsewhere \gset
SELECT attempt(format('SELECT certmgr.revoke(%s)', :elsewhere));
SELECT attempt(format('SELECT certmgr.renew(%s)', :elsewhere));
BEGIN;
UPDATE certmgr.certificate SET not_before = now() - interval '2 days', not_after = now() - interval '1 day' WHERE id = :id;
SELECT split_part(attempt(format('SELECT certmgr.revoke(%s)', :id)), ' | ', 2);
ROLLBACK;
SELECT certmgr.create_intermediate_ca('input sub', 'input root', 'CN=Input Sub') > 0;
SELECT certificate_id AS sub FROM certmgr.ca WHERE name = 'input sub' \gset
SELECT certmgr.revoke(:sub) IS NOT NULL;
SELECT attempt('SELECT certmgr.issue_from(''input sub'', ''CN=x'')');
UPDATE certmgr.ca SET state = 'active' WHERE name = 'input sub' RETURNING name;
SELECT attempt('SELECT certmgr.issue_from(''input sub'', ''CN=x'')');
SELECT certmgr.disable_ca('input sub');
SELECT attempt(format('SELECT certmgr.activate_ca_issuer(''input sub'', %s)', :sub));
DROP ROLE regress_message_input;
SELECT certmgr.drop_subscriber('input');
SELECT certmgr.drop_subscriber('input acme');

-- a CA whose chain forbids it: made in a transaction that never was
BEGIN;
SELECT certmgr.create_root_ca('input path root', 'CN=Input Path Root') > 0;
SELECT certmgr.create_root_ca('input path other', 'CN=Input Path Other') > 0;
SELECT certmgr.create_intermediate_ca('input path mid', 'input path root', 'CN=Input Path Mid', path_length => 1) > 0;
SELECT certmgr.create_intermediate_ca('input path sub', 'input path mid', 'CN=Input Path Sub') > 0;
SELECT certmgr.certificate_pem(certmgr.cross_sign('input path mid', 'input path other', path_length => 0)) AS mid, certmgr.ca_pem('input path sub') AS sub, certmgr.ca_pem('input path other') AS other \gset
ROLLBACK;
SELECT attempt(format('SELECT certmgr.import_ca(''input path sub'', %L, chain => %L)', :'sub', :'mid' || :'other'));
