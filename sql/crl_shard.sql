-- Shards and deltas of CRLs. The worker may sign one at any time: only what holds then too is shown.
SET client_min_messages = warning;
SELECT certmgr.create_root_ca('shard root', 'CN=Shard Root') IS NOT NULL AS made;
-- errors of alter_crl
SELECT certmgr.alter_crl(NULL);
SELECT certmgr.alter_crl('no such ca');
SELECT certmgr.alter_crl('shard root', lifetime => '1 second');
SELECT certmgr.alter_crl('shard root', delta_lifetime => '1 second');
SELECT certmgr.alter_crl('shard root', delay => '-1 second');
SELECT certmgr.alter_crl('shard root', shards => -1);
SELECT certmgr.alter_crl('shard root', shards => 1001);
SELECT certmgr.alter_crl('shard root', shards => 2);
SELECT certmgr.alter_crl('shard root', url => 'http://crl.example/{shard}.crl', shards => 0);
SELECT certmgr.alter_crl('shard root', url => 'http://crl.example/{serial}.crl');
SELECT certmgr.alter_crl('shard root', url => 'http://crl.example/{nothing}.crl');
SELECT certmgr.alter_crl('shard root', delta_lifetime => '1 hour');
SELECT certmgr.alter_crl('shard root', delta_lifetime => '1 hour', delta_url => 'http://crl.example/{shard}.delta');
CREATE ROLE shard_operator;
GRANT certmgr_operator TO shard_operator;
GRANT USAGE ON SCHEMA certmgr TO shard_operator;
GRANT EXECUTE ON FUNCTION certmgr.alter_crl(text, interval, text, int, interval, interval, text, boolean, text) TO shard_operator;
SET ROLE shard_operator;
SELECT certmgr.alter_crl('shard root', shards => 2);
RESET ROLE;
REVOKE EXECUTE ON FUNCTION certmgr.alter_crl(text, interval, text, int, interval, interval, text, boolean, text) FROM shard_operator;
REVOKE USAGE ON SCHEMA certmgr FROM shard_operator;
DROP ROLE shard_operator;
-- errors of crl
SELECT certmgr.crl(NULL);
SELECT certmgr.crl('shard root', shard => -1);
SELECT certmgr.crl('shard root', shard => 0);
SELECT certmgr.crl('shard root', delta => NULL);
SELECT certmgr.crl('shard root', delta => true);
SELECT certmgr.crl('shard root', format => 'xml');
SELECT certmgr.crl('shard root', issuer => 9223372036854775807);

-- a certificate from before: on the list of everything
SELECT certmgr.create_subscriber('shard web', 'shard root', sans => '{shard.example.com}') IS NOT NULL AS made;
SELECT certmgr.issue('shard web') AS before \gset
SELECT certmgr.alter_crl('shard root', url => 'http://crl.example/{shard}.crl', shards => 3, delta_url => 'http://crl.example/{shard}.delta', delta_lifetime => '1 hour', lifetime => '2 days', delay => '1 hour');
SELECT shard, url, open FROM certmgr.crl_scope s JOIN certmgr.ca a ON a.id = s.ca_id WHERE a.name = 'shard root' ORDER BY shard NULLS FIRST;
-- all shards are used, and the certificate names its own
SELECT count(certmgr.issue('shard web')) FROM generate_series(1, 60);
SELECT shard IS NULL AS of_all, count(DISTINCT shard) FROM certmgr.certificate c JOIN certmgr.ca a ON a.id = c.ca_id
 WHERE a.name = 'shard root' AND c.source = 'issued' GROUP BY 1 ORDER BY 1;
SELECT count(*) FILTER (WHERE position(convert_to('http://crl.example/' || c.shard || '.crl', 'UTF8') IN b.der) > 0
	AND position(convert_to('http://crl.example/' || c.shard || '.delta', 'UTF8') IN b.der) > 0) = count(*) AS named
  FROM certmgr.certificate c JOIN certmgr.certificate_body b ON b.certificate_id = c.id JOIN certmgr.ca a ON a.id = c.ca_id
 WHERE a.name = 'shard root' AND c.shard IS NOT NULL;
-- the lists name themselves; a list of everything has all of them, a shard its own
SELECT id AS one, shard AS one_shard FROM certmgr.certificate WHERE subject = (SELECT subject FROM certmgr.certificate WHERE id = :before) AND shard = 1 ORDER BY id LIMIT 1 \gset
SELECT certmgr.refresh_crl('shard root') IS NOT NULL AS signed;
BEGIN;
SELECT certmgr.revoke(:one, 'keyCompromise') IS NOT NULL AS revoked, certmgr.revoke(:before) IS NOT NULL AS revoked;
SELECT changed_since IS NOT NULL AS waits FROM certmgr.crl_status WHERE ca = 'shard root' AND shard = 1 AND delta;
COMMIT;
SELECT certmgr.refresh_crl('shard root') IS NOT NULL AS signed;
SELECT shard, delta, entries, next_update - this_update AS lifetime, open, active_key, changed_since FROM certmgr.crl_status WHERE ca = 'shard root' ORDER BY shard NULLS FIRST, delta;
SELECT position('http://crl.example/1.crl'::bytea IN certmgr.crl('shard root', 1)) > 0 AS complete, position('http://crl.example/1.crl'::bytea IN certmgr.crl('shard root', 1, true)) > 0 AS delta,
	   position('http://crl.example/1.delta'::bytea IN certmgr.crl('shard root', 1)) > 0 AS freshest;
SELECT shard, position(c.serial IN certmgr.crl('shard root', s.n)) > 0 AS listed, s.n FROM certmgr.certificate c, generate_series(0, 2) AS s (n) WHERE c.id = :one ORDER BY s.n;
SELECT position(c.serial IN certmgr.crl('shard root')) > 0 AS listed FROM certmgr.certificate c WHERE c.id IN (:one, :before) ORDER BY c.id;
SELECT left(certmgr.crl_pem('shard root', 1), 24), convert_from(certmgr.crl('shard root', 1, format => 'PEM'), 'UTF8') = certmgr.crl_pem('shard root', 1) AS same;
SELECT certmgr.crl('shard root', issuer => (SELECT certificate_id FROM certmgr.ca WHERE name = 'shard root')) = certmgr.crl('shard root') AS same;
-- numbers: of a round, one for all; complete and delta the same
SELECT count(DISTINCT number) FROM certmgr.crl_status WHERE ca = 'shard root';

-- fewer shards, another address: old ones go on
SELECT certmgr.alter_crl('shard root', shards => 2);
SELECT certmgr.alter_crl('shard root', url => 'http://other.example/{shard}', delta_url => 'http://other.example/{shard}d', shards => 4);
SELECT shard, url, open FROM certmgr.crl_scope s JOIN certmgr.ca a ON a.id = s.ca_id WHERE a.name = 'shard root' ORDER BY shard NULLS FIRST;
SELECT count(certmgr.issue('shard web')) FROM generate_series(1, 100);
SELECT certmgr.refresh_crl('shard root') IS NOT NULL AS signed;
SELECT position(c.serial IN certmgr.crl('shard root', 1)) > 0 AS listed FROM certmgr.certificate c WHERE c.id = :one;
SELECT min(shard), max(shard) FROM certmgr.certificate WHERE id > :one AND subject = (SELECT subject FROM certmgr.certificate WHERE id = :one) AND shard > 2;
-- a closed shard ends when its last certificate has expired and was listed once more
BEGIN;
SELECT FROM certmgr.ca WHERE name = 'shard root' FOR UPDATE;
UPDATE certmgr.certificate SET not_after = now() - interval '1 day' WHERE shard = 2 AND ca_id = (SELECT id FROM certmgr.ca WHERE name = 'shard root');
SELECT certmgr.refresh_crl('shard root') IS NOT NULL AS signed;
SELECT shard FROM certmgr.crl_scope s JOIN certmgr.ca a ON a.id = s.ca_id WHERE a.name = 'shard root' AND finished_at IS NOT NULL;
ROLLBACK;

-- no shards any more, no deltas; and no list of everything
SELECT certmgr.alter_crl('shard root', url => '', shards => 0, delta_lifetime => '0', delta_url => '');
SELECT shard FROM certmgr.crl_scope s JOIN certmgr.ca a ON a.id = s.ca_id WHERE a.name = 'shard root' AND open;
SELECT certmgr.issue('shard web') AS after \gset
SELECT shard FROM certmgr.certificate WHERE id = :after;
SELECT certmgr.alter_crl('shard root', complete => false);
SELECT count(*) FROM certmgr.crl_status WHERE ca = 'shard root' AND shard IS NULL AND number IS NOT NULL;
SELECT certmgr.alter_crl('shard root', complete => true);
SELECT config - 'subject' AS config FROM certmgr.ca WHERE name = 'shard root';

-- deltas of the list of everything
SELECT certmgr.alter_crl('shard root', url => 'http://crl.example/all.crl', delta_url => 'http://crl.example/all.delta', delta_lifetime => '1 hour');
SELECT certmgr.refresh_crl('shard root') IS NOT NULL AS signed;
SELECT certmgr.revoke(:after, 'superseded') IS NOT NULL AS revoked;
SELECT certmgr.refresh_crl('shard root') IS NOT NULL AS signed;
SELECT position(c.serial IN certmgr.crl('shard root', delta => true)) > 0 AS listed, position(c.serial IN certmgr.crl('shard root')) > 0 AS listed FROM certmgr.certificate c WHERE c.id = :after;
SELECT position(c.serial IN certmgr.crl('shard root', delta => true)) > 0 AS listed FROM certmgr.certificate c WHERE c.id = :one;
SELECT action, count(*) > 3 AS many FROM certmgr.audit_event e JOIN certmgr.ca a ON a.id = e.object_id AND e.object_type = 'ca' WHERE a.name = 'shard root' AND action LIKE '%crl' GROUP BY 1 ORDER BY 1;
SELECT certmgr.drop_subscriber('shard web');
-- the worker signs after a revocation, once the delay is over
SELECT certmgr.create_root_ca('shard soon', 'CN=Shard Soon') IS NOT NULL AS made;
SELECT certmgr.alter_crl('shard soon', delay => '0');
SELECT certmgr.issue_from('shard soon', 'CN=soon') AS soon \gset
SELECT certmgr.revoke(:soon) IS NOT NULL AS revoked;
DO $$
BEGIN
	FOR i IN 1 .. 600 LOOP
		EXIT WHEN EXISTS (SELECT FROM certmgr.crl_status WHERE ca = 'shard soon' AND entries = 1 AND changed_since IS NULL);
		PERFORM pg_sleep(0.05);
	END LOOP;
END $$;
SELECT entries, changed_since FROM certmgr.crl_status WHERE ca = 'shard soon';
