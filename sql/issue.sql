-- Subscribers and issuing, with a key made here and for a CSR.
SELECT certmgr.create_subscriber('web', 'sub', sans => '{www.example.com,DNS:example.com,192.0.2.1}') > 0 AS made;
SELECT certmgr.issue('web') AS id \gset
SELECT state, source, subject, sans, usages, key_algorithm, length(serial) AS serial, not_after - not_before AS validity, renew_at < not_after AS renews, requested_by = current_user AS mine
  FROM certmgr.certificate WHERE id = :id;
SELECT der IS NOT NULL AS der, length(fingerprint) AS fingerprint, csr IS NULL AS csr, sealed_key IS NOT NULL AS key FROM certmgr.certificate_body WHERE certificate_id = :id;
SELECT action, actor = current_user AS mine FROM certmgr.audit_event WHERE object_type = 'certificate' AND object_id = :id ORDER BY id;
-- errors
SELECT certmgr.issue(NULL);
SELECT certmgr.issue('nosuch');
SELECT certmgr.issue('web', 'rubbish');
SELECT certmgr.issue('web', certmgr.ca_csr('far'));
-- without a subscriber
SELECT certmgr.issue_from('sub', 'CN=direct', '{direct.example.com}', lifetime => '1 day') AS id2 \gset
SELECT subject, sans, not_after - not_before AS validity, renew_at FROM certmgr.certificate WHERE id = :id2;
SELECT certmgr.issue_from('sub');
\set VERBOSITY terse
SELECT certmgr.issue_from('sub', 'CN=x', lifetime => '20 years');
\set VERBOSITY default
SELECT certmgr.issue_from('sub', 'CN=x', usages => '{keyCertSign}');
SELECT certmgr.issue_from('sub', 'CN=x', usages => '{nonsense}');
SELECT certmgr.issue_from('sub', 'CN=x', '{bad_name!}');
SELECT certmgr.issue_from('sub', 'CN=x', ARRAY[NULL]::text[]);
SELECT certmgr.issue_from('nosuch', 'CN=x');
-- renewal: new key, same key
SELECT certmgr.renew(:id) AS id3 \gset
SELECT certmgr.renew(:id3, 'reuse') AS id4 \gset
SELECT n.sans = o.sans AND n.usages = o.usages AND n.subject = o.subject AS same, n.renewed_from = o.id AS successor, o.renew_at IS NULL AS old_rests
  FROM certmgr.certificate n, certmgr.certificate o WHERE n.id = :id3 AND o.id = :id;
SELECT certmgr.private_key_pem(:id3) = certmgr.private_key_pem(:id) AS same_as_first, certmgr.private_key_pem(:id4) = certmgr.private_key_pem(:id3) AS reused;
SELECT certmgr.renew(:id, 'nonsense');
SELECT certmgr.renew(0);
-- a sealed key that was moved to another row does not open
UPDATE certmgr.certificate_body SET sealed_key = (SELECT sealed_key FROM certmgr.certificate_body WHERE certificate_id = :id) WHERE certificate_id = :id3;
SELECT certmgr.private_key_pem(:id3);
