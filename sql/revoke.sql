-- revoke and cancel
SET client_min_messages = warning;
SELECT certmgr.create_root_ca('rev root', 'CN=Revocation Root') IS NOT NULL AS made;
SELECT certmgr.create_intermediate_ca('rev sub', 'rev root', 'CN=Revocation Sub') IS NOT NULL AS made;
CREATE ROLE rev_owner;
CREATE ROLE rev_other;
CREATE ROLE rev_operator;
CREATE ROLE rev_auditor;
GRANT certmgr_requester TO rev_owner, rev_other;
GRANT certmgr_operator TO rev_operator;
GRANT certmgr_auditor TO rev_auditor;
SELECT certmgr.create_subscriber('rev web', 'rev sub', sans => '{rev.example.com}', owner => 'rev_owner') IS NOT NULL AS made;
SELECT certmgr.issue('rev web') AS one, certmgr.issue('rev web') AS two, certmgr.issue('rev web') AS three \gset

-- errors
SELECT certmgr.revoke(NULL::bigint);
SELECT certmgr.revoke(9223372036854775807);
SELECT certmgr.revoke(:one, 'boredom');
SELECT certmgr.revoke(:one, 'removeFromCRL');
-- a stranger's question is answered as if there were none
SET ROLE rev_other;
\set VERBOSITY sqlstate
SELECT certmgr.revoke(:one);
SELECT certmgr.cancel(:one);
\set VERBOSITY default
RESET ROLE;
-- CA certificates: administrators only; nobody above a root
SELECT certificate_id AS root FROM certmgr.ca WHERE name = 'rev root' \gset
SELECT certificate_id AS sub FROM certmgr.ca WHERE name = 'rev sub' \gset
SET ROLE rev_operator;
\set VERBOSITY sqlstate
SELECT certmgr.revoke(:sub);
RESET ROLE;
SELECT certmgr.revoke(:root);
SELECT certmgr.cancel(:one);
\set VERBOSITY default

-- rolled back: nothing happened
BEGIN;
SELECT certmgr.revoke(:one, 'keycompromise') IS NOT NULL AS revoked;
ROLLBACK;
SELECT state, revoked_at, revocation_reason FROM certmgr.certificate WHERE id = :one;

-- by its owner; a second call changes nothing
SET ROLE rev_owner;
SELECT certmgr.revoke(:one, 'keycompromise') AS at \gset
SELECT certmgr.revoke(:one, 'superseded') = :'at' AS same;
RESET ROLE;
SELECT state, revoked_at = :'at' AS same, revocation_reason, renew_at FROM certmgr.certificate WHERE id = :one;
-- by an operator, without a reason; on hold is a reason
SET ROLE rev_operator;
SELECT certmgr.revoke(:two) IS NOT NULL AS revoked;
SELECT certmgr.revoke(:three, 'certificateHold') IS NOT NULL AS revoked;
RESET ROLE;
SELECT state, revocation_reason FROM certmgr.certificate WHERE id IN (:two, :three) ORDER BY id;
-- before it is signed: issued and revoked in one transaction
BEGIN;
SELECT certmgr.issue('rev web') AS four \gset
SELECT certmgr.revoke(:four) IS NOT NULL AS revoked;
COMMIT;
SELECT c.state, b.der IS NOT NULL AS signed FROM certmgr.certificate c LEFT JOIN certmgr.certificate_body b ON b.certificate_id = c.id WHERE c.id = :four;
SELECT actor, detail->>'reason' AS reason FROM certmgr.audit_event
 WHERE action = 'revoke' AND object_id IN (:one, :three) ORDER BY id;

-- states that cannot be revoked, or cancelled
\set VERBOSITY sqlstate
SELECT certmgr.issue('rev web') AS five \gset
BEGIN;
UPDATE certmgr.certificate SET state = 'pending' WHERE id = :five;
SELECT certmgr.revoke(:five);
ROLLBACK;
BEGIN;
UPDATE certmgr.certificate SET state = 'failed' WHERE id = :five;
SELECT certmgr.revoke(:five);
ROLLBACK;
BEGIN;
UPDATE certmgr.certificate SET not_after = now() - interval '1 day' WHERE id = :five;
SELECT certmgr.revoke(:five);
ROLLBACK;
BEGIN;
UPDATE certmgr.certificate SET ca_id = NULL, source = 'imported' WHERE id = :five;
SELECT certmgr.revoke(:five);
ROLLBACK;
\set VERBOSITY default
BEGIN;
UPDATE certmgr.certificate SET state = 'pending' WHERE id = :five;
SELECT certmgr.cancel(:five);
SELECT certmgr.cancel(:five);
SELECT state, status_message FROM certmgr.certificate WHERE id = :five;
ROLLBACK;

-- a CA whose certificate is revoked issues nothing any more
SELECT certmgr.revoke(:sub, 'cACompromise') IS NOT NULL AS revoked;
SELECT state, status_message FROM certmgr.ca WHERE name = 'rev sub';
\set VERBOSITY sqlstate
SELECT certmgr.issue('rev web');
\set VERBOSITY default
SELECT certmgr.drop_subscriber('rev web');
DROP ROLE rev_owner, rev_other, rev_operator, rev_auditor;
