-- Certificates that begin later: of private CAs, and what external ones are asked for. Rolled back, so that the worker never sees it, but for the last part.
SET client_min_messages = warning;
\set VERBOSITY default
BEGIN;
-- no day has another length
SET LOCAL timezone = 'UTC';
SELECT certmgr.create_root_ca('nb root', 'CN=NB Root', lifetime => '60 days') IS NOT NULL AS made;
SELECT certmgr.create_subscriber('nb sub', 'nb root', sans => '{a.example.test}', lifetime => '9 days') IS NOT NULL AS made;
SELECT certmgr.create_template('nb template', lifetime => '9 days', max_lifetime => '9 days', backdate => '1 hour') IS NOT NULL AS made;
SELECT certmgr.issue('nb sub', not_before => now() + interval '10 days') AS id \gset
SELECT state, not_before - now() <= interval '10 days' AND not_before - now() > interval '10 days -1 second' AS begins, not_after - not_before AS lifetime,
	renew_at BETWEEN not_before + interval '5 days' AND not_before + interval '6 days' AS renews FROM certmgr.certificate WHERE id = :id;
-- now() is not in the past, and is not made earlier
SELECT certmgr.issue('nb sub', not_before => now()) AS id \gset
SELECT not_before >= date_trunc('second', now()) AS begins FROM certmgr.certificate WHERE id = :id;
-- by a template both ends count, and its backdate does not
SELECT certmgr.issue_from('nb root', sans => '{b.example.test}', template => 'nb template', not_before => now() + interval '10 days') AS id \gset
SELECT not_before - now() > interval '10 days -1 second' AS begins, not_after - not_before AS lifetime FROM certmgr.certificate WHERE id = :id;
-- shortened to what is left of the CA, when nobody said how long
SELECT certmgr.issue_from('nb root', sans => '{b.example.test}', not_before => now() + interval '50 days') AS id \gset
SELECT c.not_after = i.not_after AS ends FROM certmgr.certificate c JOIN certmgr.certificate i ON i.id = c.issuer_id WHERE c.id = :id;
-- a renewal begins now
SELECT certmgr.renew(:id) AS id \gset
SELECT not_before <= now() AS begins FROM certmgr.certificate WHERE id = :id;
-- external CAs that take it
SELECT certmgr.create_acme_ca('nb plain', 'https://ca.example.test/directory', terms_of_service_agreed => true) IS NOT NULL AS made;
SELECT certmgr.create_acme_ca('nb timed', 'https://ca.example.test/other', terms_of_service_agreed => true, quirks => '{"validity": true}') IS NOT NULL AS made;
SELECT certmgr.issue_from('nb timed', sans => '{c.example.test}', not_before => now() + interval '2 days') AS id \gset
SELECT not_before - now() AS later, lifetime FROM certmgr.acme_order WHERE certificate_id = :id;
-- explained
SELECT * FROM certmgr.explain_request('nb sub', not_before => now() + interval '10 days');
SELECT rule, verdict FROM certmgr.explain_request('nb sub', not_before => now() + interval '60 days 1 hour') WHERE verdict <> 'ok';
SELECT rule, verdict FROM certmgr.explain_request(ca => 'nb root', sans => '{b.example.test}', lifetime => '20 days', not_before => now() + interval '50 days') WHERE verdict <> 'ok';
SELECT * FROM certmgr.explain_request('nb sub', not_before => '2001-01-01 00:00:00+00');
SELECT * FROM certmgr.explain_request(ca => 'nb root', sans => '{b.example.test}', not_before => '2001-01-01 00:00:00+00');
SELECT * FROM certmgr.explain_request(ca => 'nb timed', sans => '{c.example.test}', not_before => now() + interval '2 days');
SELECT * FROM certmgr.explain_request(ca => 'nb plain', sans => '{c.example.test}', not_before => now() + interval '2 days');
SELECT * FROM certmgr.explain_request(ca => 'nb plain', sans => '{c.example.test}', lifetime => '2 days');
SELECT * FROM certmgr.explain_request(ca => 'nb plain', sans => '{email:joe@example.test}');
-- errors
\set ON_ERROR_ROLLBACK on
SELECT certmgr.issue_from('nb plain', sans => '{c.example.test}', not_before => now() + interval '2 days');
SELECT certmgr.issue('nb sub', not_before => '2001-01-01 00:00:00+00');
SELECT certmgr.issue('nb sub', not_before => '9999-01-01 00:00:00+00');
SELECT certmgr.issue('nb sub', not_before => 'infinity');
\set VERBOSITY terse
SELECT certmgr.issue('nb sub', not_before => now() + interval '60 days 1 hour');
SELECT certmgr.issue_from('nb root', sans => '{b.example.test}', lifetime => '20 days', not_before => now() + interval '50 days');
ROLLBACK;
-- issue_now() commits
SELECT certmgr.create_root_ca('nb now', 'CN=NB Now') IS NOT NULL AS made;
SELECT certmgr.create_subscriber('nb now', 'nb now', sans => '{a.example.test}') IS NOT NULL AS made;
\unset ON_ERROR_ROLLBACK
CALL certmgr.issue_now('nb now', not_before => now() + interval '10 days') \gset
SELECT certificate = :'certificate' AS same, not_before - now() > interval '9 days 23 hours' AS begins FROM (SELECT certmgr.certificate_pem(:id) AS certificate, not_before FROM certmgr.certificate WHERE id = :id) c;
CALL certmgr.issue_now('nb now', not_before => '2001-01-01 00:00:00+00');
SELECT count(*) FROM certmgr.certificate c JOIN certmgr.subscriber s ON s.id = c.subscriber_id WHERE s.name = 'nb now';
SELECT certmgr.drop_subscriber('nb now');
