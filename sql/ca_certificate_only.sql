-- A CA that is known by its certificates alone: renewed where its key is, its new certificates are further issuers of the same CA.
\set VERBOSITY default
SET client_min_messages = warning;
-- made in a transaction that never was: what stays of it are the certificates
BEGIN;
SELECT certmgr.create_root_ca('away', 'CN=Away Root') > 0 AS made;
SELECT certmgr.create_intermediate_ca('away sub', 'away', 'CN=Away Sub', path_length => 1) > 0 AS made;
SELECT certmgr.create_intermediate_ca('away ' || n, 'away sub', 'CN=' || n, lifetime => '1 year') > 0 AS made FROM unnest('{early,early2}'::text[]) n;
SELECT certmgr.renew_ca('away', lifetime => '12 years') AS same_key \gset
SELECT certmgr.renew_ca('away sub') AS sub_same_key \gset
SELECT certificate AS first FROM certmgr.ca_issuers WHERE ca = 'away' ORDER BY certificate LIMIT 1 \gset
SELECT certificate AS sub_first FROM certmgr.ca_issuers WHERE ca = 'away sub' ORDER BY certificate LIMIT 1 \gset
SELECT certmgr.renew_ca('away', new_key => true, lifetime => '15 years') AS new_key \gset
SELECT certmgr.renew_ca('away sub', new_key => true, lifetime => '1 year') AS sub_new_key \gset
SELECT certmgr.create_intermediate_ca('away late', 'away sub', 'CN=late', lifetime => '6 months') > 0 AS made;
SELECT certmgr.create_root_ca('away other', 'CN=Away Other') > 0 AS made;
SELECT certmgr.certificate_pem(:first) AS first, certmgr.certificate_pem(:same_key) AS same_key, certmgr.certificate_pem(:new_key) AS new_key, certmgr.certificate_pem(:sub_first) AS sub_first,
	   certmgr.certificate_pem(:sub_same_key) AS sub_same_key, certmgr.certificate_pem(:sub_new_key) AS sub_new_key, certmgr.ca_pem('away early') AS early, certmgr.ca_pem('away early2') AS early2, certmgr.ca_pem('away late') AS late,
	   certmgr.ca_pem('away other') AS other \gset
ROLLBACK;
CREATE FUNCTION pg_temp.is_named(pem text) RETURNS text LANGUAGE sql AS $$
	SELECT COALESCE((SELECT a.name || ' ' || (SELECT count(*) FROM certmgr.issuer x WHERE x.ca_id = i.ca_id AND x.certificate_id <= i.certificate_id)
	  FROM certmgr.certificate_body b JOIN certmgr.issuer i ON i.certificate_id = b.certificate_id JOIN certmgr.ca a ON a.id = i.ca_id WHERE b.fingerprint = certmgr.fingerprint(pem)), '?') $$;
CREATE FUNCTION pg_temp.chain(id bigint) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(pg_temp.is_named(m.pem[1]), ', ' ORDER BY m.n)
	  FROM regexp_matches(certmgr.chain_pem(id), '-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----', 'g') WITH ORDINALITY AS m (pem, n) $$;
SELECT certmgr.import_ca('away', :'first') > 0 AS imported;
SELECT certmgr.import_ca('away sub', :'sub_first', chain => :'first') > 0 AS imported;
SELECT certmgr.import_certificate(:'early') AS early_id \gset
SELECT a.name FROM certmgr.certificate c JOIN certmgr.ca a ON a.id = c.ca_id WHERE c.id = :early_id;
SELECT pg_temp.chain(:early_id);
-- of the same key: takes the place of the first; a second call changes nothing
SELECT certmgr.install_ca_certificate('away', :'same_key') AS same_key_id \gset
SELECT certmgr.install_ca_certificate('away', :'same_key') = :same_key_id AS again;
SELECT certmgr.install_ca_certificate('away sub', :'sub_same_key', activate => false) > 0 AS installed;
SELECT ca, state, issued_by, has_key FROM certmgr.ca_issuers WHERE ca LIKE 'away%' ORDER BY ca, certificate;
SELECT pg_temp.chain(:early_id);
SELECT certmgr.activate_ca_issuer('away sub', (SELECT max(certificate) FROM certmgr.ca_issuers WHERE ca = 'away sub'));
SELECT pg_temp.chain(:early_id);
-- of a new key: what the old one signed keeps its issuers, what the new one signed is known as its own
SELECT certmgr.install_ca_certificate('away', :'new_key') > 0 AS installed;
SELECT certmgr.install_ca_certificate('away sub', :'sub_new_key', :'new_key') > 0 AS installed;
SELECT ca, state, issued_by, has_key FROM certmgr.ca_issuers WHERE ca LIKE 'away%' ORDER BY ca, certificate;
SELECT pg_temp.chain(:early_id);
SELECT certmgr.import_certificate(:'late') AS late_id, certmgr.import_certificate(:'early2') AS early2_id \gset
SELECT c.subject, a.name FROM certmgr.certificate c JOIN certmgr.ca a ON a.id = c.ca_id WHERE c.id IN (:late_id, :early2_id) ORDER BY c.subject;
SELECT pg_temp.chain(:late_id), pg_temp.chain(:early2_id);
SELECT certmgr.fingerprint(certmgr.ca_pem('away')) = certmgr.fingerprint(:'new_key') AS newest;
-- what an administrator says counts
SELECT certmgr.set_chain('away sub', :'sub_first', (SELECT min(certificate) FROM certmgr.ca_issuers WHERE ca = 'away sub'));
SELECT pg_temp.chain(:early_id);
SELECT certmgr.set_chain('away sub', NULL, (SELECT min(certificate) FROM certmgr.ca_issuers WHERE ca = 'away sub'));
-- errors
SELECT certmgr.install_ca_certificate('away', :'other');
SELECT certmgr.install_ca_certificate('away', :'early');
SELECT certmgr.import_ca('away twice', :'same_key');
SELECT certmgr.import_ca('away other', :'other') > 0 AS imported;
SELECT certmgr.install_ca_certificate('away other', :'new_key');
SELECT certmgr.renew_ca('away');
SELECT certmgr.issue_from('away', 'CN=x');
SELECT certmgr.crl('away');
-- what it issued is revoked where its key is
DO $$
DECLARE said text; detail text; hint text;
BEGIN
	PERFORM certmgr.revoke(max(id)) FROM certmgr.certificate WHERE subject = 'CN=early2';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RAISE WARNING '% % %', regexp_replace(said, '\d+', 'N'), detail, hint;
END $$;
\set VERBOSITY sqlstate
SELECT certmgr.revoke(ARRAY[:early2_id]);
SELECT certmgr.activate_ca_issuer('away', (SELECT certificate_id FROM certmgr.ca WHERE name = 'away other'));
SELECT certmgr.cross_sign('away other', 'away', by_certificate => (SELECT min(certificate) FROM certmgr.ca_issuers WHERE ca = 'away'));
\set VERBOSITY default
-- no OCSP issuer, no CRL, no job comes of it; it goes with its keys
SELECT count(*) FROM certmgr.issuer_hash h JOIN certmgr.ca a ON a.id = h.ca_id WHERE a.name LIKE 'away%';
SELECT count(*) FROM certmgr.crl_scope s JOIN certmgr.ca a ON a.id = s.ca_id WHERE a.name LIKE 'away%';
SELECT count(*) FROM certmgr_private.job j JOIN certmgr.ca a ON a.id = j.target_id WHERE j.kind IN ('crl', 'ocsp') AND a.name LIKE 'away%';
SELECT count(*) AS keys FROM certmgr_private.key WHERE provider = 'none' \gset
SELECT certmgr.drop_ca('away other');
SELECT :keys - count(*) AS gone FROM certmgr_private.key WHERE provider = 'none';
