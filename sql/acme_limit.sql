-- Rate limits of ACME CAs: what is shipped, own ones, forecasts. CAs are made in a transaction that is rolled back: no worker sees them.
SET client_min_messages = warning;
\set VERBOSITY terse
SELECT preset, scope, burst, period, renewals_exempt FROM certmgr.acme_limit ORDER BY preset, scope;
BEGIN;
\set ON_ERROR_ROLLBACK on
SELECT certmgr.create_acme_ca('al le', preset => 'letsencrypt') IS NOT NULL AS made;
SELECT certmgr.create_acme_ca('al own', 'https://ca.example.test/x') IS NOT NULL AS made;
-- 300 orders at once, then one each 36 s
SELECT scope, wanted, round(extract(epoch FROM ready_at - now())) AS seconds FROM certmgr.forecast('al le');
SELECT scope, wanted, round(extract(epoch FROM ready_at - now())) AS seconds FROM certmgr.forecast('al le', 300);
SELECT scope, wanted, round(extract(epoch FROM ready_at - now())) AS seconds FROM certmgr.forecast('al le', 400);
-- 60 names below one registered domain: 50 at once, then one each 201.6 minutes; two in another; the same set thrice
SELECT scope, CASE scope WHEN 'domain_certificates' THEN key END AS domain, wanted, round(extract(epoch FROM max(ready_at) - now()) / 60) AS minutes, count(*)
  FROM certmgr.forecast('al le', names => (SELECT array_agg(ARRAY['h' || i || '.example.co.uk']) FROM generate_series(1, 60) i) || '{{a.example.org},{b.example.org},{b.example.org},{b.example.org}}')
 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT scope, CASE scope WHEN 'domain_certificates' THEN key END AS domain, wanted FROM certmgr.forecast('al le', names => '{{EXAMPLE.com,*.example.com},{www.example.com,NULL}}') ORDER BY 1, 2, 3;
SELECT count(*) FROM certmgr.forecast('al le', names => '{}');
-- nothing is known of this CA, so nothing stands in the way
SELECT * FROM certmgr.forecast('al own', 1000);
SELECT certmgr.set_acme_limit('al own', 'account_orders', 10, '1 minute');
SELECT scope, wanted, round(extract(epoch FROM ready_at - now())) AS seconds FROM certmgr.forecast('al own', 20);
INSERT INTO certmgr.acme_limit_state (ca_id, scope, key, tat, parked_until, parked_message)
	SELECT ca_id, 'account_orders', id::text, now(), now() + interval '1 hour', 'too many' FROM certmgr.acme_account WHERE ca_id = (SELECT id FROM certmgr.ca WHERE name = 'al own');
SELECT scope, wanted, round(extract(epoch FROM ready_at - now())) AS seconds FROM certmgr.forecast('al own', 1);
SELECT ca, preset, account, breaker, parked FROM certmgr.acme_ca_status WHERE ca LIKE 'al %' ORDER BY ca;
SELECT certmgr.set_acme_limit('al own', 'account_orders', NULL, NULL);
SELECT count(*) FROM certmgr.acme_limit WHERE ca_id IS NOT NULL;
-- a fleet: a second
SET LOCAL statement_timeout = '30 s';
SELECT scope, count(*), max(wanted) FROM certmgr.forecast('al le', names => (SELECT array_agg(ARRAY['h' || i || '.d' || i || '.com']) FROM generate_series(1, 20000) i)) GROUP BY 1 ORDER BY 1;
SET LOCAL statement_timeout = 0;
-- errors
SELECT certmgr.set_acme_limit('al own', 'no such', 1, '1 s');
SELECT certmgr.set_acme_limit('al own', 'account_orders', 0, '1 s');
SELECT certmgr.set_acme_limit('al own', 'account_orders', 1, NULL);
SELECT certmgr.set_acme_limit('al own', 'account_orders', 1, '1 month');
SELECT certmgr.set_acme_limit('no such', 'account_orders', 1, '1 s');
SELECT certmgr.set_acme_limit(NULL, 'account_orders', 1, '1 s');
SELECT certmgr.forecast(NULL);
SELECT certmgr.forecast('no such');
SELECT certmgr.forecast('al le', 0);
SELECT certmgr.forecast('al le', names => '{{"not a name"}}');
SELECT certmgr.forecast('al le', names => '{{{a.example.com}}}');
CREATE ROLE regress_acme_limit;
GRANT USAGE ON SCHEMA certmgr TO regress_acme_limit;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA certmgr TO regress_acme_limit;
SET ROLE regress_acme_limit;
SELECT certmgr.set_acme_limit('al own', 'account_orders', 1, '1 s');
SELECT certmgr.forecast('al le');
RESET ROLE;
ROLLBACK;
\set ON_ERROR_ROLLBACK off
