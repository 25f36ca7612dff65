-- certificates, chains and keys as PEM
SET client_min_messages = warning;
SELECT certmgr.create_root_ca('exp root', 'CN=Export Root') IS NOT NULL AS made;
SELECT certmgr.create_intermediate_ca('exp sub', 'exp root', 'CN=Export Sub', path_length => 1) IS NOT NULL AS made;
SELECT certmgr.create_intermediate_ca('exp leaf', 'exp sub', 'CN=Export Leaf CA') IS NOT NULL AS made;
CREATE ROLE exp_owner;
CREATE ROLE exp_other;
CREATE ROLE exp_operator;
CREATE ROLE exp_auditor;
GRANT certmgr_requester TO exp_owner, exp_other;
GRANT certmgr_operator TO exp_operator;
GRANT certmgr_auditor TO exp_auditor;
SELECT certmgr.create_subscriber('exp web', 'exp leaf', sans => '{exp.example.com}', owner => 'exp_owner') IS NOT NULL AS made;
SELECT certmgr.issue('exp web') AS id \gset

CREATE FUNCTION pg_temp.blocks(pem text) RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM regexp_matches(pem, '-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/]{1,64}=*\n)+-----END CERTIFICATE-----\n', 'g') $$;
CREATE FUNCTION pg_temp.der(pem text) RETURNS bytea LANGUAGE sql AS $$ SELECT decode(regexp_replace(pem, '-----[A-Z ]+-----', '', 'g'), 'base64') $$;

-- leaf, issuers without the root, both
SELECT pg_temp.blocks(certmgr.certificate_pem(:id)) AS leaf, pg_temp.blocks(certmgr.chain_pem(:id)) AS chain, pg_temp.blocks(certmgr.bundle_pem(:id)) AS bundle;
SELECT pg_temp.der(certmgr.certificate_pem(:id)) = der AS same FROM certmgr.certificate_body WHERE certificate_id = :id;
SELECT certmgr.bundle_pem(:id) = certmgr.certificate_pem(:id) || certmgr.chain_pem(:id) AS leaf_first;
SELECT certmgr.chain_pem(:id) = certmgr.ca_pem('exp leaf') || certmgr.ca_pem('exp sub') AS nearest_first;
-- a root: no chain
SELECT certmgr.chain_pem(certificate_id) = '' AS empty, certmgr.certificate_pem(certificate_id) = certmgr.ca_pem('exp root') AS same FROM certmgr.ca WHERE name = 'exp root';

-- who may read: owner, operator, auditor; to others it does not exist
SET ROLE exp_owner;
SELECT pg_temp.blocks(certmgr.bundle_pem(:id));
SET ROLE exp_operator;
SELECT pg_temp.blocks(certmgr.bundle_pem(:id));
SET ROLE exp_auditor;
SELECT pg_temp.blocks(certmgr.bundle_pem(:id));
SET ROLE exp_other;
\set VERBOSITY sqlstate
SELECT certmgr.certificate_pem(:id);
SELECT certmgr.chain_pem(:id);
SELECT certmgr.bundle_pem(:id);
SELECT certmgr.private_key_pem(:id);
\set VERBOSITY default
SELECT certmgr.certificate_pem(9223372036854775807);
SELECT pg_temp.blocks(certmgr.ca_pem('exp leaf'));

-- the key: owner and administrators, audited
SET ROLE exp_owner;
SELECT certmgr.private_key_pem(:id) LIKE '-----BEGIN PRIVATE KEY-----%' AS key;
SET ROLE exp_operator;
\set VERBOSITY sqlstate
SELECT certmgr.private_key_pem(:id);
\set VERBOSITY default
RESET ROLE;
SELECT certmgr.private_key_pem(:id) LIKE '-----BEGIN PRIVATE KEY-----%' AS key;
SELECT actor = current_user AS me, actor = 'exp_owner' AS owner FROM certmgr.audit_event WHERE action = 'read-key' AND object_id = :id ORDER BY id;
-- a key that was moved from another row does not open
SELECT certmgr.issue('exp web') AS other \gset
BEGIN;
UPDATE certmgr.certificate_body SET sealed_key = (SELECT sealed_key FROM certmgr.certificate_body WHERE certificate_id = :other) WHERE certificate_id = :id;
\set VERBOSITY sqlstate
SELECT certmgr.private_key_pem(:id);
ROLLBACK;
-- keys of CAs never leave; nor is there one of a CSR
SELECT certmgr.private_key_pem(certificate_id) FROM certmgr.ca WHERE name = 'exp leaf';

-- within the issuing transaction
BEGIN;
SELECT certmgr.issue('exp web') AS now \gset
SAVEPOINT s;
SELECT certmgr.certificate_pem(:now);
ROLLBACK TO s;
SELECT certmgr.private_key_pem(:now);
ROLLBACK TO s;
COMMIT;
SELECT pg_temp.blocks(certmgr.certificate_pem(:now));
-- not issued yet, never issued
BEGIN;
DELETE FROM certmgr.certificate_body WHERE certificate_id = :now;
UPDATE certmgr.certificate SET state = 'pending' WHERE id = :now;
SAVEPOINT s;
SELECT certmgr.certificate_pem(:now);
ROLLBACK TO s;
UPDATE certmgr.certificate SET state = 'failed' WHERE id = :now;
SELECT certmgr.certificate_pem(:now);
ROLLBACK;
\set VERBOSITY default

-- CAs
SELECT certmgr.ca_pem('no such ca');
SELECT certmgr.create_intermediate_ca('exp waiting', NULL, 'CN=Export Waiting') IS NOT NULL AS made;
SELECT certmgr.ca_pem('exp waiting');
SELECT certmgr.drop_subscriber('exp web');
DROP ROLE exp_owner, exp_other, exp_operator, exp_auditor;
