-- Certificates that are in the inventory before the CA that issued them: they become its own when it is imported.
\set VERBOSITY default
SET client_min_messages = warning;
-- made in a transaction that never was: what stays of it are the certificates
BEGIN;
SELECT certmgr.create_root_ca('kin root', 'CN=Kin Root') > 0 AS made;
SELECT certmgr.create_intermediate_ca('kin mid', 'kin root', 'CN=Kin Mid', path_length => 2) > 0 AS made;
SELECT certmgr.create_intermediate_ca('kin sub', 'kin mid', 'CN=Kin Sub', path_length => 1) > 0 AS made;
SELECT certmgr.create_intermediate_ca('kin ' || n, 'kin sub', 'CN=Kin ' || n) > 0 AS made FROM unnest('{one,two}'::text[]) n;
-- of the same name, and another key
SELECT certmgr.create_intermediate_ca('kin twin', 'kin root', 'CN=Kin Sub', path_length => 1) > 0 AS made;
SELECT certmgr.create_intermediate_ca('kin stranger', 'kin twin', 'CN=Kin stranger') > 0 AS made;
SELECT certmgr.ca_pem('kin root') AS root, certmgr.ca_pem('kin mid') AS mid, certmgr.ca_pem('kin sub') AS sub, certmgr.ca_pem('kin one') AS one, certmgr.ca_pem('kin two') AS two, certmgr.ca_pem('kin twin') AS twin, certmgr.ca_pem('kin stranger') AS stranger \gset
ROLLBACK;
SELECT certmgr.import_certificate(:'one' || :'sub' || :'mid' || :'root') AS one_id, certmgr.import_certificate(:'two') AS two_id, certmgr.import_certificate(:'stranger') AS stranger_id \gset
-- shown: certificates in the chain; kept: has a chain of its own
CREATE FUNCTION pg_temp.kin() RETURNS TABLE (subject text, source text, ca text, issuer text, shown bigint, kept boolean) LANGUAGE sql AS $$
	SELECT c.subject, c.source, a.name, i.subject, (SELECT count(*) FROM regexp_matches(certmgr.chain_pem(c.id), 'BEGIN', 'g')), b.chain IS NOT NULL
	  FROM certmgr.certificate c JOIN certmgr.certificate_body b ON b.certificate_id = c.id LEFT JOIN certmgr.ca a ON a.id = c.ca_id LEFT JOIN certmgr.certificate i ON i.id = c.issuer_id
	 WHERE c.subject LIKE 'CN=Kin %' ORDER BY c.id $$;
SELECT * FROM pg_temp.kin();
-- two of one serial number: one of them
BEGIN;
UPDATE certmgr.certificate SET serial = (SELECT serial FROM certmgr.certificate WHERE id = :one_id) WHERE id = :two_id;
SELECT certmgr.import_ca('kin sub', :'sub') > 0 AS imported;
SELECT subject, ca FROM pg_temp.kin();
SELECT detail - 'issuer' AS detail FROM certmgr.audit_event WHERE action = 'adopt-certificates' ORDER BY id DESC LIMIT 1;
ROLLBACK;
-- the CA alone: the way up from it came with a certificate below
SELECT certmgr.import_ca('kin sub', :'sub') > 0 AS imported;
SELECT * FROM pg_temp.kin();
SELECT actor = current_user AS by_us, detail - 'issuer' AS detail FROM certmgr.audit_event WHERE action = 'adopt-certificates' ORDER BY id DESC LIMIT 1;
-- and what is above it
SELECT certmgr.import_ca('kin root', :'root') > 0 AS imported;
SELECT certmgr.import_ca('kin mid', :'mid') > 0 AS imported;
SELECT certmgr.import_ca('kin twin', :'twin') > 0 AS imported;
SELECT * FROM pg_temp.kin();
-- a certificate that comes later finds its issuer as before; one that is there stays as it is
SELECT certmgr.import_certificate(:'two') = :two_id AS same;
SELECT count(*) FROM certmgr.audit_event WHERE action = 'adopt-certificates' AND object_type = 'ca' AND object_id IN (SELECT id FROM certmgr.ca WHERE name LIKE 'kin %');
-- certificates of other CAs are as they were
SELECT count(*) FROM certmgr.certificate c JOIN certmgr.ca a ON a.id = c.ca_id WHERE a.name LIKE 'kin %' AND c.subject NOT LIKE 'CN=Kin %';
