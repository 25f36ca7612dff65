-- CRLs. The worker may sign one at any time: only what holds then too is shown.
SET client_min_messages = warning;
SELECT certmgr.create_root_ca('crl root', 'CN=CRL Root', crl_lifetime => '3 days') IS NOT NULL AS made;
-- Not while a snapshot of REPEATABLE READ is held below: that it would be signed by two at once is a serialization failure.
SELECT certmgr.alter_crl('crl root', delay => '1 day');
SELECT certmgr.create_subscriber('crl web', 'crl root', sans => '{crl.example.com}') IS NOT NULL AS made;
CREATE ROLE crl_requester;
GRANT certmgr_requester TO crl_requester;

SELECT certmgr.crl('no such ca');
SELECT certmgr.refresh_crl('no such ca');
SELECT certmgr.create_intermediate_ca('crl waiting', NULL, 'CN=CRL Waiting') IS NOT NULL AS made;
SELECT certmgr.crl('crl waiting');
GRANT USAGE ON SCHEMA certmgr TO crl_requester;
GRANT EXECUTE ON FUNCTION certmgr.refresh_crl(text) TO crl_requester;
SET ROLE crl_requester;
SELECT certmgr.refresh_crl('crl root');
-- anybody with the role may read it; the first one is signed for who asks
SELECT get_byte(certmgr.crl('crl root'), 0) = 48 AS sequence;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION certmgr.refresh_crl(text) FROM crl_requester;
REVOKE USAGE ON SCHEMA certmgr FROM crl_requester;
DROP ROLE crl_requester;

-- crl() gives the same one until there is a newer one, numbers only rise
SELECT certmgr.refresh_crl('crl root') AS first \gset
SELECT certmgr.refresh_crl('crl root') > :first AS rises;
SELECT certmgr.crl('crl root') = (SELECT l.der FROM certmgr.crl l JOIN certmgr.ca a ON a.id = l.ca_id WHERE a.name = 'crl root' ORDER BY number DESC LIMIT 1) AS newest;
SELECT entries, next_update - this_update AS lifetime, extract(microseconds FROM this_update) % 1000000 AS fraction
  FROM certmgr.crl_status WHERE ca = 'crl root';

-- three are kept
SELECT count(certmgr.refresh_crl('crl root')) FROM generate_series(1, 5);
SELECT count(*) <= 3 AS pruned FROM certmgr.crl l JOIN certmgr.ca a ON a.id = l.ca_id WHERE a.name = 'crl root';

-- entries, with reasons; a rolled back revocation is none
SELECT certmgr.issue('crl web') AS one, certmgr.issue('crl web') AS two, certmgr.issue('crl web') AS three \gset
SELECT certmgr.revoke(:one, 'keyCompromise') IS NOT NULL AS revoked, certmgr.revoke(:two) IS NOT NULL AS revoked;
BEGIN;
SELECT certmgr.revoke(:three) IS NOT NULL AS revoked;
SELECT certmgr.refresh_crl('crl root') IS NOT NULL AS signed;
SELECT entries FROM certmgr.crl_status WHERE ca = 'crl root';
ROLLBACK;
SELECT certmgr.refresh_crl('crl root') IS NOT NULL AS signed;
SELECT entries FROM certmgr.crl_status WHERE ca = 'crl root';
SELECT position(c.serial IN certmgr.crl('crl root')) > 0 AS listed FROM certmgr.certificate c WHERE c.id IN (:one, :two, :three) ORDER BY c.id;

-- a snapshot that is older than a revocation does not hide it
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT certmgr.refresh_crl('crl root') IS NOT NULL AS signed;
COMMIT;
SELECT entries FROM certmgr.crl_status WHERE ca = 'crl root';

-- an expired one is on one CRL more, then gone
BEGIN;
SELECT FROM certmgr.ca WHERE name = 'crl root' FOR UPDATE;
DELETE FROM certmgr.crl WHERE ca_id = (SELECT id FROM certmgr.ca WHERE name = 'crl root');
UPDATE certmgr.certificate SET not_after = now() - interval '1 day' WHERE id = :one;
SELECT certmgr.refresh_crl('crl root') IS NOT NULL AS signed;
SELECT entries FROM certmgr.crl_status WHERE ca = 'crl root';
SELECT certmgr.refresh_crl('crl root') IS NOT NULL AS signed;
SELECT entries FROM certmgr.crl_status WHERE ca = 'crl root';
ROLLBACK;

-- a disabled CA goes on; the next signature is on the worker's list
SELECT certmgr.disable_ca('crl root');
SELECT certmgr.refresh_crl('crl root') IS NOT NULL AS signed;
SELECT certmgr.enable_ca('crl root');
SELECT count(*) FROM certmgr_private.job j JOIN certmgr.ca a ON a.id = j.target_id WHERE j.kind = 'crl' AND a.name = 'crl root';
SELECT DISTINCT actor = current_user AS me FROM certmgr.audit_event e JOIN certmgr.ca a ON a.id = e.object_id
 WHERE e.action = 'sign-crl' AND a.name = 'crl root' AND actor NOT IN ('worker', 'crl_requester');
SELECT certmgr.drop_subscriber('crl web');
