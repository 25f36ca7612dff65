-- hold and release; revoking by what people know of a certificate; many at once
SET client_min_messages = warning;
-- the worker is not to sign the CAs' first CRLs at some time in between
BEGIN;
SELECT certmgr.create_root_ca('hold root', 'CN=Hold Root') IS NOT NULL AS made;
SELECT certmgr.create_intermediate_ca('hold sub', 'hold root', 'CN=Hold Sub') IS NOT NULL AS made;
SELECT certmgr.alter_crl('hold sub', url => 'http://crl.example/all.crl', delta_url => 'http://crl.example/all.delta', delta_lifetime => '1 hour', delay => '1 hour');
DELETE FROM certmgr_private.job j USING certmgr.ca a WHERE j.kind = 'crl' AND j.target_id = a.id AND a.name LIKE 'hold %';
COMMIT;
CREATE ROLE hold_owner;
CREATE ROLE hold_other;
CREATE ROLE hold_operator;
GRANT certmgr_requester TO hold_owner, hold_other;
GRANT certmgr_operator TO hold_operator;
SELECT certmgr.create_subscriber('hold web', 'hold sub', sans => '{hold.example.com}', owner => 'hold_owner') IS NOT NULL AS made;
SELECT certmgr.issue('hold web') AS one, certmgr.issue('hold web') AS two, certmgr.issue('hold web') AS three \gset

-- a hold is taken back: removed from the CRL, and told so by the delta
SELECT certmgr.unhold(:one);
SELECT certmgr.revoke(:one, 'certificateHold') AS at \gset
SELECT certmgr.revoke(:one, 'certificateHold') = :'at' AS same;
SELECT certmgr.refresh_crl('hold sub') IS NOT NULL AS signed;
SELECT position(c.serial IN certmgr.crl('hold sub')) > 0 AS listed FROM certmgr.certificate c WHERE id = :one;
SET ROLE hold_other;
\set VERBOSITY sqlstate
SELECT certmgr.unhold(:one);
\set VERBOSITY default
SET ROLE hold_owner;
SELECT certmgr.unhold(:one);
SELECT certmgr.unhold(:one);
RESET ROLE;
SELECT state, revoked_at, revocation_reason, renew_at < not_after AS renewed_in_time FROM certmgr.certificate WHERE id = :one;
SELECT certmgr.refresh_crl('hold sub') IS NOT NULL AS signed;
SELECT position(c.serial IN certmgr.crl('hold sub')) > 0 AS listed,
	   position(c.serial IN certmgr.crl('hold sub', delta => true)) > 0 AS told, position('\x0603551d1504030a0108'::bytea IN certmgr.crl('hold sub', delta => true)) > 0 AS remove_from_crl
  FROM certmgr.certificate c WHERE id = :one;
-- held again, then for good: the time of the hold stays
SELECT certmgr.revoke(:one, 'certificateHold') AS at \gset
SELECT certmgr.revoke(:one, 'keyCompromise', now() - interval '1 day') = :'at' AS same;
SELECT revocation_reason, revoked_at = :'at' AS same, invalid_since < revoked_at AS earlier FROM certmgr.certificate WHERE id = :one;
\set VERBOSITY sqlstate
SELECT certmgr.unhold(:one);
\set VERBOSITY default
SELECT certmgr.unhold(9223372036854775807);
SELECT certmgr.unhold(NULL);
BEGIN;
UPDATE certmgr.certificate SET state = 'failed' WHERE id = :two;
\set VERBOSITY sqlstate
SELECT certmgr.unhold(:two);
\set VERBOSITY default
ROLLBACK;
-- invalidity date
SELECT certmgr.revoke(:two, invalidity_date => now() + interval '1 hour');
SELECT certmgr.revoke(:two, invalidity_date => 'infinity');
SELECT certmgr.revoke(:two, invalidity_date => '2026-01-02 03:04:05Z') IS NOT NULL AS revoked;
SELECT certmgr.refresh_crl('hold sub') IS NOT NULL AS signed;
SELECT position('20260102030405Z'::bytea IN certmgr.crl('hold sub')) > 0 AS listed;
-- a CA on hold stays disabled when it is released
SELECT certificate_id AS sub FROM certmgr.ca WHERE name = 'hold sub' \gset
SELECT certmgr.revoke(:sub, 'certificateHold') IS NOT NULL AS revoked;
\set VERBOSITY terse
SELECT certmgr.enable_ca('hold sub');
\set VERBOSITY default
SELECT certmgr.unhold(:sub);
SELECT state FROM certmgr.ca WHERE name = 'hold sub';
SELECT certmgr.enable_ca('hold sub');

-- by serial number
UPDATE certmgr.certificate SET serial = '\x1f0a' WHERE id = :three;
SELECT certmgr.revoke_serial(NULL, '1');
SELECT certmgr.revoke_serial('hold sub', NULL);
SELECT certmgr.revoke_serial('no such ca', '1');
SELECT certmgr.revoke_serial('hold sub', 'zzz');
SELECT certmgr.revoke_serial('hold sub', '1f0b');
SELECT certmgr.revoke_serial('hold sub', '1f0a', 'boredom');
SET ROLE hold_other;
\set VERBOSITY sqlstate
SELECT certmgr.revoke_serial('hold sub', '1f0a');
\set VERBOSITY default
RESET ROLE;
BEGIN;
SELECT certmgr.revoke_serial('hold sub', '1F:0A', 'superseded') = :three AS this_one;
SELECT certmgr.revoke_serial('hold sub', '0x1f0a') = :three AS this_one;
SELECT certmgr.revoke_serial('hold sub', '7946') = :three AS this_one;
SELECT revocation_reason FROM certmgr.certificate WHERE id = :three;
ROLLBACK;
BEGIN;
UPDATE certmgr.certificate SET serial = '\x7946' WHERE id = :one;
\set VERBOSITY sqlstate
SELECT certmgr.revoke_serial('hold sub', '7946');
\set VERBOSITY default
ROLLBACK;

-- by itself
SELECT certmgr.issue('hold web') AS four \gset
SELECT certmgr.certificate_pem(:four) AS pem \gset
SELECT certmgr.revoke_pem(NULL);
SELECT certmgr.revoke_pem('nothing');
BEGIN;
UPDATE certmgr.certificate_body SET der = der || '\x00' WHERE certificate_id = :four;
SELECT certmgr.revoke_pem(:'pem');
ROLLBACK;
SET ROLE hold_owner;
SELECT certmgr.revoke_pem(:'pem', 'superseded') = :four AS this_one;
RESET ROLE;
SELECT state FROM certmgr.certificate WHERE id = :four;

-- by its key: what a proof must be (the rest is in test/tap)
SELECT certmgr.revoke_by_key(NULL, '');
SELECT certmgr.revoke_by_key(:'pem', NULL);
SELECT certmgr.revoke_by_key(:'pem', 'nothing');
SELECT certmgr.revoke_by_key(:'pem', certmgr.ca_csr('hold root'));

-- many
SELECT array_agg(certmgr.issue('hold web')) AS some FROM generate_series(1, 5) \gset
SELECT certmgr.revoke(NULL::bigint[]);
SELECT certmgr.revoke(ARRAY[1, NULL]::bigint[]);
SELECT certmgr.revoke('{}'::bigint[]);
SELECT certmgr.revoke(:'some'::bigint[], 'boredom');
SELECT certmgr.revoke(ARRAY[9223372036854775807]);
SET ROLE hold_other;
\set VERBOSITY sqlstate
SELECT certmgr.revoke(:'some'::bigint[]);
SET ROLE hold_operator;
SELECT certmgr.revoke(ARRAY[:sub]);
RESET ROLE;
BEGIN;
UPDATE certmgr.certificate SET state = 'failed' WHERE id = (:'some'::bigint[])[3];
SELECT certmgr.revoke(:'some'::bigint[]);
ROLLBACK;
BEGIN;
UPDATE certmgr.certificate SET source = 'imported', ca_id = NULL WHERE id = (:'some'::bigint[])[3];
SELECT certmgr.revoke(:'some'::bigint[]);
ROLLBACK;
\set VERBOSITY default
SET ROLE hold_owner;
SELECT certmgr.revoke((:'some'::bigint[])[1:2], 'cessationOfOperation');
SELECT certmgr.revoke(:'some'::bigint[] || :'some'::bigint[], 'superseded');
SELECT certmgr.revoke(:'some'::bigint[]);
RESET ROLE;
SELECT revocation_reason, count(*), count(revoked_at), bool_and(renew_at IS NULL) AS not_renewed FROM certmgr.certificate WHERE id = ANY (:'some'::bigint[]) GROUP BY 1 ORDER BY 1;
SELECT count(*), min(actor) FROM certmgr.audit_event WHERE action = 'revoke' AND object_type = 'certificate' AND object_id = ANY (:'some'::bigint[]);
SELECT certmgr.refresh_crl('hold sub') IS NOT NULL AS signed;
SELECT count(*) FILTER (WHERE position(serial IN certmgr.crl('hold sub')) > 0) FROM certmgr.certificate WHERE id = ANY (:'some'::bigint[]);
-- a CA among them is disabled
SELECT certmgr.revoke(ARRAY[:sub]);
SELECT state FROM certmgr.ca WHERE name = 'hold sub';
SELECT certmgr.drop_subscriber('hold web');
DROP ROLE hold_owner, hold_other, hold_operator;
