-- HTTP-01 and TLS-ALPN-01 as far as they need neither a CA nor a listener. Orders that this cluster's worker must not see are rolled back.
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE ROLE regress_certmgr_front;
CREATE ROLE regress_certmgr_challenge;
GRANT certmgr_responder TO regress_certmgr_front;
GRANT certmgr_requester TO regress_certmgr_challenge;

-- off by default
SHOW certmgr.http_challenge_listen;
SHOW certmgr.tls_alpn_challenge_listen;
SELECT * FROM certmgr.listener_status();
SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'certmgr listener';
SELECT count(*) FROM certmgr.health WHERE object LIKE 'listener%';

-- settings
SET certmgr.http_challenge_listen = '*:80';
\set VERBOSITY default
ALTER SYSTEM SET certmgr.http_challenge_listen = 'localhost:80';
\set VERBOSITY terse
ALTER SYSTEM SET certmgr.tls_alpn_challenge_listen = '*';
ALTER SYSTEM SET certmgr.tls_alpn_challenge_listen = '127.0.0.1:0';
ALTER SYSTEM SET certmgr.tls_alpn_challenge_listen = '*:1,*:2,*:3,*:4,*:5';

-- answers
SELECT certmgr.http_challenge('nothing'), certmgr.http_challenge(NULL), certmgr.http_challenge('');
BEGIN;
SELECT certmgr.create_acme_ca('c ca', 'https://ca.example.test/directory', quirks => '{"ip": true}') > 0 AS made;
SELECT certmgr.set_challenge_type('c ca', 'http-01');
SELECT certmgr.create_subscriber('c 1', 'c ca', sans => '{www.example.com,192.0.2.1,2001:DB8:0::1}', auto_renew => false) > 0 AS made;
SELECT certmgr.issue('c 1') AS id \gset
SELECT identifiers FROM certmgr.acme_order WHERE certificate_id = :id;
INSERT INTO certmgr.acme_challenge (order_id, challenge_type, identifier, token, key_authorization, created_at)
SELECT o.id, t.type, 'www.example.com', t.type || '-token', t.type || '-token.thumb', now() FROM certmgr.acme_order o, (VALUES ('http-01'), ('tls-alpn-01')) t(type) WHERE o.certificate_id = :id;
SELECT certmgr.http_challenge('http-01-token'), certmgr.http_challenge('http-01-toke'), certmgr.http_challenge('tls-alpn-01-token');
SET ROLE regress_certmgr_front;
SELECT certmgr.http_challenge('http-01-token');
SAVEPOINT s;
SELECT * FROM certmgr.acme_challenge;
ROLLBACK TO s;
SELECT * FROM certmgr.listener_status();
ROLLBACK TO s;
SET ROLE regress_certmgr_challenge;
SELECT certmgr.http_challenge('http-01-token');
ROLLBACK TO s;
RESET ROLE;
-- one answer for a name in a handshake
INSERT INTO certmgr.acme_challenge (order_id, challenge_type, identifier, token, key_authorization, created_at)
SELECT id, 'tls-alpn-01', 'www.example.com', 'other', 'other.thumb', now() FROM certmgr.acme_order WHERE certificate_id = :id;
ROLLBACK;

-- what can be proven how
BEGIN;
SELECT certmgr.create_acme_ca('c ca', 'https://ca.example.test/directory', quirks => '{"ip": true}') > 0 AS made;
SELECT certmgr.create_subscriber('c wild', 'c ca', sans => '{*.example.com}', auto_renew => false) > 0 AS made;
SAVEPOINT s;
\set VERBOSITY default
SELECT certmgr.create_subscriber('c ip', 'c ca', sans => '{192.0.2.1}');
ROLLBACK TO s;
SELECT certmgr.set_challenge_type('c ca', 'http-01');
SELECT certmgr.create_subscriber('c ip', 'c ca', sans => '{2001:db8::1}', auto_renew => false) > 0 AS made;
SAVEPOINT s;
SELECT certmgr.issue('c wild');
ROLLBACK TO s;
SELECT certmgr.create_subscriber('c mail', 'c ca', sans => '{email:a@example.com}');
ROLLBACK TO s;
\set VERBOSITY terse
SELECT certmgr.set_challenge_type('c ca', 'tls-alpn-01');
SAVEPOINT s;
SELECT certmgr.create_subscriber('c wild 2', 'c ca', sans => '{*.example.com}');
ROLLBACK TO s;
SELECT certmgr.issue('c ip') > 0 AS made;
SELECT certmgr.set_challenge_type('c ca', 'dns-01');
SELECT certmgr.issue('c ip');
ROLLBACK;

DROP ROLE regress_certmgr_front, regress_certmgr_challenge;
