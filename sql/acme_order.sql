-- Orders without their server: names, what explain_order() says, every error. Rolled back, so that the worker never sees them.
SET client_min_messages = warning;
\set VERBOSITY default
BEGIN;
SELECT certmgr.create_acme_ca('ao', 'https://ca.example.test/directory', terms_of_service_agreed => true) IS NOT NULL AS made;
-- U-labels in, A-labels out; names that a wildcard covers are left out and said
SELECT certmgr.create_subscriber('ao names', 'ao', sans => '{*.example.test,www.example.test,a.b.example.test,example.test,bücher.example,*.straße.example}') IS NOT NULL AS made;
SELECT sans FROM certmgr.subscriber WHERE name = 'ao names';
SELECT certmgr.issue('ao names') AS id \gset
SELECT sans, status_message FROM certmgr.certificate WHERE id = :id;
SELECT identifiers FROM certmgr.acme_order WHERE certificate_id = :id;
SELECT regexp_replace(event, ':id|\d+', 'N', 'g') AS event FROM certmgr.explain_order(:id);
-- what it says of requests, problems and renewal information
INSERT INTO certmgr.acme_exchange (order_id, account_id, at, method, kind, status, problem, ms)
	SELECT id, account_id, now() + interval '1 s', 'POST', 'newOrder', 429, 'rateLimited', 12 FROM certmgr.acme_order WHERE certificate_id = :id;
INSERT INTO certmgr.acme_exchange (order_id, account_id, at, method, kind) SELECT id, account_id, now() + interval '2 s', 'POST', 'newOrder' FROM certmgr.acme_order WHERE certificate_id = :id;
INSERT INTO certmgr.acme_authorization (order_id, url, identifier, posted_at, problem)
	SELECT id, 'https://ca.example.test/z', 'example.test', now() + interval '3 s', '{"type": "urn:ietf:params:acme:error:dns", "detail": "no such name"}' FROM certmgr.acme_order WHERE certificate_id = :id;
INSERT INTO certmgr.acme_renewal_info (certificate_id, issued_at, fetched_at, status_message) VALUES (:id, now(), now(), 'the CA suggests to renew now');
SELECT regexp_replace(event, 'order \d+', 'order N') AS event FROM certmgr.explain_order(:id) WHERE event ~ 'newOrder|no such name|suggests' ;
-- whose certificate it is reads it, with all the tables it may not read; for another it does not exist
CREATE ROLE regress_ao_owner IN ROLE certmgr_requester;
CREATE ROLE regress_ao_other IN ROLE certmgr_requester;
SELECT certmgr.alter_subscriber('ao names', owner => 'regress_ao_owner');
SET ROLE regress_ao_owner;
SELECT count(*) > 6 AS told FROM certmgr.explain_order(:id);
SAVEPOINT s;
SELECT count(*) FROM certmgr.acme_order;
ROLLBACK TO s;
SET ROLE regress_ao_other;
\set VERBOSITY sqlstate
SELECT * FROM certmgr.explain_order(:id);
\set VERBOSITY default
ROLLBACK;
SELECT certmgr.explain_order(NULL);
SELECT certmgr.explain_order(0);
SELECT certmgr.explain_order((SELECT min(id) FROM certmgr.certificate));
SELECT certmgr.create_subscriber('ao bad', (SELECT name FROM certmgr.ca WHERE state = 'active' ORDER BY id LIMIT 1), sans => '{a‍b.example}');
SELECT certmgr.create_subscriber('ao bad', (SELECT name FROM certmgr.ca WHERE state = 'active' ORDER BY id LIMIT 1), sans => ARRAY[repeat('ü', 64) || '.example']);
SET ROLE certmgr_approver;
SELECT certmgr.explain_order(1);
SET ROLE certmgr_requester;
SELECT count(*) FROM certmgr.acme_exchange;
SELECT count(*) FROM certmgr.acme_renewal_info;
RESET ROLE;
