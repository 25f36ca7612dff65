-- Life of private CAs: renewed, rekeyed, cross-signed, imported; what stays of the old issuers; which chain goes with a certificate.
\set VERBOSITY default
-- Shows a chain as subjects, nearest issuer first, and which certificates of ours they are.
CREATE FUNCTION pg_temp.chain(id bigint) RETURNS TABLE (subject text, ca text, state text) LANGUAGE sql AS $$
	SELECT d.j->>'subject', i.ca, i.state
	  FROM regexp_matches(certmgr.chain_pem(id), '-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----', 'g') WITH ORDINALITY AS m (pem, n)
	  CROSS JOIN LATERAL (SELECT certmgr.describe(m.pem[1]) AS j) d
	  LEFT JOIN certmgr.certificate_body b ON b.fingerprint = certmgr.fingerprint(m.pem[1]) LEFT JOIN certmgr.ca_issuers i ON i.certificate = b.certificate_id
	 ORDER BY m.n $$;
SELECT certmgr.create_root_ca('life root', 'CN=Life Root,O=Example', path_length => 3) > 0 AS made;
SELECT certmgr.create_intermediate_ca('life policy', 'life root', 'CN=Life Policy', path_length => 2) > 0 AS made;
SELECT certmgr.create_intermediate_ca('life issuing', 'life policy', 'CN=Life Issuing', path_length => 0) > 0 AS made;
SELECT certmgr.issue_from('life issuing', 'CN=before') AS before \gset
-- the same key again
SELECT certificate_id AS old_issuing FROM certmgr.ca WHERE name = 'life issuing' \gset
SELECT certmgr.renew_ca('life issuing') AS renewed \gset
SELECT a.certificate_id = :renewed AS active, c.renewed_from = :old_issuing AS from_old,
	   (SELECT count(DISTINCT key_id) FROM certmgr.issuer i WHERE i.ca_id = a.id) AS keys
  FROM certmgr.ca a JOIN certmgr.certificate c ON c.id = a.certificate_id WHERE a.name = 'life issuing';
SELECT certmgr.issue_from('life issuing', 'CN=after') AS after \gset
SELECT issuer_id = :renewed AS by_renewed FROM certmgr.certificate WHERE id = :after;
-- certificates of before take the renewed issuer, which lasts longer
SELECT * FROM pg_temp.chain(:before);
-- a new key, at first not used
SELECT certmgr.renew_ca('life issuing', new_key => true, activate => false) AS next \gset
SELECT ca, state, subject, issued_by, has_key FROM certmgr.ca_issuers WHERE ca = 'life issuing' ORDER BY certificate;
SELECT certmgr.activate_ca_issuer('life issuing', :next);
SELECT certmgr.activate_ca_issuer('life issuing', :next);
SELECT ca, state FROM certmgr.ca_issuers WHERE ca = 'life issuing' ORDER BY certificate;
SELECT certmgr.issue_from('life issuing', 'CN=rekeyed') AS rekeyed \gset
SELECT * FROM pg_temp.chain(:before);
SELECT * FROM pg_temp.chain(:rekeyed);
-- each key signs a CRL of what it issued
SELECT certmgr.revoke(:before) IS NOT NULL AS revoked;
SELECT certmgr.refresh_crl('life issuing') > 0 AS signed;
SELECT active_key, entries FROM certmgr.crl_status WHERE ca = 'life issuing' ORDER BY active_key;
-- another algorithm with the new key; the signature algorithm stays with the key
SELECT certmgr.renew_ca('life policy', new_key => true, key_algorithm => 'RSA-2048', signature_algorithm => 'RSA-PSS-SHA384') > 0 AS renewed;
SELECT state, key_algorithm, signature_algorithm FROM certmgr.ca_issuers WHERE ca = 'life policy' ORDER BY certificate;
SELECT certmgr.renew_ca('life policy', new_key => true) > 0 AS renewed;
SELECT state, key_algorithm, signature_algorithm FROM certmgr.ca_issuers WHERE ca = 'life policy' ORDER BY certificate;
SELECT certmgr.create_root_ca('life p384', 'CN=Life P384', 'EC-P384', signature_algorithm => 'ecdsa-sha512') > 0 AS made;
SELECT certmgr.describe(certmgr.ca_pem('life p384'))->>'signature_algorithm' AS signature;
SELECT certmgr.create_root_ca('x', 'CN=x', signature_algorithm => 'RSA-SHA256');
SELECT certmgr.renew_ca('life p384', signature_algorithm => 'MD5');
-- a root: the new one, and links between old and new
SELECT certificate_id AS old_root FROM certmgr.ca WHERE name = 'life root' \gset
SELECT certmgr.renew_ca('life root', new_key => true, lifetime => '12 years') AS new_root \gset
SELECT certmgr.cross_sign('life root', 'life root', by_certificate => :old_root) AS new_with_old \gset
SELECT certmgr.cross_sign('life root', 'life root', certificate => :old_root) AS old_with_new \gset
SELECT state, issued_by, issuer_certificate = :old_root AS by_old, issuer_certificate = :new_root AS by_new FROM certmgr.ca_issuers WHERE ca = 'life root' ORDER BY certificate;
SELECT * FROM pg_temp.chain(:rekeyed);
-- what was issued under the old root, for those who trust only the new one
SELECT certmgr.set_chain('life root', certmgr.certificate_pem(:old_with_new), :old_root);
SELECT * FROM pg_temp.chain(:rekeyed);
SELECT has_chain FROM certmgr.ca_issuers WHERE certificate = :old_root;
SELECT certmgr.set_chain('life root', NULL, :old_root);
SELECT count(*) FROM pg_temp.chain(:rekeyed);
-- two hierarchies certify each other: paths end
SELECT certmgr.create_root_ca('life other', 'CN=Life Other Root') > 0 AS made;
SELECT certmgr.cross_sign('life root', 'life other', lifetime => '2 years') AS cross_a \gset
SELECT certmgr.cross_sign('life other', 'life root') AS cross_b \gset
SELECT certmgr.create_intermediate_ca('life other issuing', 'life other', 'CN=Life Other Issuing') > 0 AS made;
SELECT certmgr.issue_from('life other issuing', 'CN=other') AS other \gset
SELECT * FROM pg_temp.chain(:other);
SELECT certmgr.activate_ca_issuer('life other', :cross_b);
SELECT * FROM pg_temp.chain(:other);
SELECT certmgr.activate_ca_issuer('life root', :cross_a);
SELECT * FROM pg_temp.chain(:other);
SELECT certmgr.revoke(:cross_b) IS NOT NULL AS revoked;
SELECT * FROM pg_temp.chain(:other);
SELECT state FROM certmgr.ca WHERE name = 'life other';
SELECT certmgr.renew_ca('life other');
\set VERBOSITY sqlstate
SELECT certmgr.activate_ca_issuer('life other', :cross_b);
\set VERBOSITY default
SELECT certificate AS self FROM certmgr.ca_issuers WHERE ca = 'life other' AND issuer_certificate IS NULL \gset
SELECT certmgr.activate_ca_issuer('life other', :self);
SELECT certmgr.enable_ca('life other');
SELECT certmgr.activate_ca_issuer('life root', :new_root);
-- path lengths
SELECT certmgr.cross_sign('life other issuing', 'life issuing');
SELECT certmgr.describe(certmgr.certificate_pem(certmgr.cross_sign('life other', 'life policy')))->'path_length' AS path_length;
-- signed elsewhere: here by the other CA through a template, as a stranger would
SELECT certmgr.create_template('life sub', ca => true, path_length => 0, usages => '{keyCertSign,cRLSign}', name_constraints => '{"permitted": ["DNS:example.com"]}', policies => '[{"oid": "1.2.3.4"}]', lifetime => '1 year', max_lifetime => '2 years', subject => '{"CN": true}') > 0 AS made;
SELECT certmgr.create_intermediate_ca('life far', NULL, 'CN=Life Far') > 0 AS made;
SELECT certmgr.issue_from('life other', template => 'life sub', csr => certmgr.ca_csr('life far')) AS far1 \gset
SELECT certmgr.install_ca_certificate('life far', certmgr.certificate_pem(:far1), activate => false) = :far1 AS taken;
SELECT certmgr.renew_ca('life far', new_key => true) > 0 AS renewed;
SELECT state, issued_by FROM certmgr.ca_issuers WHERE ca = 'life far' ORDER BY certificate;
-- constraints and policies of the present one go into the next
SELECT certmgr.issue_from('life far', 'CN=ok', '{ok.example.com}') > 0 AS issued;
SELECT certmgr.issue_from('life far', 'CN=bad', '{bad.example.org}');
-- truly elsewhere: its issuer has no key here
SELECT certmgr.create_root_ca('life foreign', 'CN=Life Foreign') > 0 AS made;
SELECT certmgr.create_intermediate_ca('life apart', NULL, 'CN=Life Apart') > 0 AS made;
SELECT certmgr.issue_from('life foreign', template => 'life sub', csr => certmgr.ca_csr('life apart')) AS apart1 \gset
SELECT certmgr.certificate_pem(:apart1) AS apart1_pem, certmgr.ca_pem('life foreign') AS foreign_pem \gset
SELECT certmgr.install_ca_certificate('life apart', :'apart1_pem', :'foreign_pem') > 0 AS installed;
SELECT certmgr.install_ca_certificate('life apart', certmgr.ca_pem('life foreign'));
SELECT certmgr.install_ca_certificate('life apart', :'apart1_pem', activate => NULL);
-- a CA by a template
SELECT certmgr.create_intermediate_ca('life bound', 'life other', 'CN=Life Bound', template => 'life sub', lifetime => '1 year') > 0 AS made;
SELECT certmgr.issue_from('life bound', 'CN=bad', '{bad.example.org}');
SELECT certmgr.create_intermediate_ca('life bound2', 'life other', 'CN=Life Bound,O=No', template => 'life sub');
SELECT certmgr.create_intermediate_ca('life bound2', NULL, 'CN=Life Bound', template => 'life sub');
SELECT certmgr.create_template('life leaf') > 0 AS made;
SELECT certmgr.create_intermediate_ca('life bound2', 'life other', 'CN=x', template => 'life leaf');
-- taken over from elsewhere; this key is known to everybody who reads this
SELECT '-----BEGIN CERTIFICATE-----
MIIBvjCCAWSgAwIBAgIURC0W2FKg76s01e+dCznLivdJViQwCgYIKoZIzj0EAwIw
KjEQMA4GA1UECgwHRXhhbXBsZTEWMBQGA1UEAwwNSW1wb3J0ZWQgUm9vdDAgFw0y
NjExMjQxNTM3MzhaGA8yMTI2MTAzMTE1MzczOFowKjEQMA4GA1UECgwHRXhhbXBs
ZTEWMBQGA1UEAwwNSW1wb3J0ZWQgUm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABDXc9tEuv4EyieG/pq2COXUPC+qh2rNf5HNwXPH7181ZpfPDZ0pBzFmBwK+l
MIanc3BO5Iw4w5SD55f9HZwmhgWjZjBkMB0GA1UdDgQWBBTxeFU5M07KyYOhmzWF
lDq4gwxokTAfBgNVHSMEGDAWgBTxeFU5M07KyYOhmzWFlDq4gwxokTASBgNVHRMB
Af8ECDAGAQH/AgECMA4GA1UdDwEB/wQEAwIBhjAKBggqhkjOPQQDAgNIADBFAiBj
HlGdcaKP+/J9HrDU94iO6egla9qubYqS2o1EMBoTpQIhAMazsFOLz9+xM/PDIb/O
jYeJBpbX/8ZPgiUT0ZZ/nPi1
-----END CERTIFICATE-----' AS imported_pem,
'-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhxL1UvVHQZQAICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEG3EWaZ02mdGt/z1Jd9NdAUEgZCg
LujsV59HmgKbLZ7xJZh5eMVQpboEnWrv0OuIZmAEH/D26x+kgmTxG1QtdQ7yfVAz
1oGkdugmmqf3Bo7+XqQHczGNEfUBtlTJM54E042GNHcbNToUtgauGXsYLKRoT/kl
9Bu28SoWvGW9r+HJCi3VCPRz7CIl6uy3ErNTWHO19hSJr0BeYU9yPwdWCt4BdW8=
-----END ENCRYPTED PRIVATE KEY-----' AS imported_key, '-----BEGIN CERTIFICATE-----
MIIBvjCCAWOgAwIBAgIUAxfsMOwjIbJyrVrNJwULOAUrS+YwCgYIKoZIzj0EAwIw
KjEQMA4GA1UECgwHRXhhbXBsZTEWMBQGA1UEAwwNSW1wb3J0ZWQgUm9vdDAgFw0y
NjExMjQxNTM3MzhaGA8yMTI1MDYxODE1MzczOFowKTEQMA4GA1UECgwHRXhhbXBs
ZTEVMBMGA1UEAwwMSW1wb3J0ZWQgU3ViMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD
QgAEcIBTuQJBvSFHe8NUj3gwoAUjtd2pOaWRC8mT/4X5PuDFISteYiVDHSVnN+K3
7QsiPP3mjawqzQhb5M/mkh7OUKNmMGQwEgYDVR0TAQH/BAgwBgEB/wIBADAOBgNV
HQ8BAf8EBAMCAQYwHQYDVR0OBBYEFBL20ySZskPV7qyTKjH42oohi4qrMB8GA1Ud
IwQYMBaAFPF4VTkzTsrJg6GbNYWUOriDDGiRMAoGCCqGSM49BAMCA0kAMEYCIQDe
OUmIfzn675EAngntLq+CZDpWnn2YCqvMA8tnigwCNAIhAPnY1hIQvEXbe1B3T/Kc
VcSx/rArQy7p5DrApcBBc1eW
-----END CERTIFICATE-----' AS sub_pem,
'-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgKad1I8VEobc111JV
BGOQdHHSTkAws0HaiB75RabUM4mhRANCAARwgFO5AkG9IUd7w1SPeDCgBSO13ak5
pZELyZP/hfk+4MUhK15iJUMdJWc34rftCyI8/eaNrCrNCFvkz+aSHs5Q
-----END PRIVATE KEY-----' AS sub_key, '-----BEGIN CERTIFICATE-----
MIIBkTCCATegAwIBAgIUEUQli0X9QsT+v+BOcmjOGIqZT/gwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKS25vd24gUm9vdDAgFw0yNjExMjQxNTM4NDdaGA8yMTI2MTAz
MTE1Mzg0N1owFTETMBEGA1UEAwwKS25vd24gUm9vdDBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABA+3L54lcFa90Rizy+leDfFnXsjG33BTWgh9diZICIlxJyVks01m
hb/eDzYbhIQi7aiDn2xl73ewt0VIUpjUW0GjYzBhMB0GA1UdDgQWBBTOgQ4PhSii
T0wdsidvuVbIMx/cjjAfBgNVHSMEGDAWgBTOgQ4PhSiiT0wdsidvuVbIMx/cjjAP
BgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIBBjAKBggqhkjOPQQDAgNIADBF
AiEA67Os+h1RfG1k1hWW97kDr/Sy463fDFr5YrqFa/R2pKMCIHEMDjDJ87zE3QaH
3ALkZcdTECbkHnf+ruCij2FE4TYK
-----END CERTIFICATE-----' AS known_pem \gset
SELECT certmgr.import_ca('life imported', :'imported_pem', :'imported_key', password => 'wrong');
SELECT certmgr.import_ca('life imported', :'imported_pem', :'imported_key');
SELECT certmgr.import_ca('life imported', :'sub_pem', :'imported_key', password => 'secret');
SELECT certmgr.import_ca('life known', :'known_pem', signature_algorithm => 'ECDSA-SHA256');
SELECT certmgr.import_ca('life known', :'known_pem') > 0 AS imported;
-- its issuer is not known yet: it is renewed elsewhere, and after that not any more
SELECT certmgr.import_ca('life imported sub', :'sub_pem', :'sub_key') > 0 AS imported;
SELECT certmgr.renew_ca('life imported sub');
SELECT certmgr.renew_ca('life imported sub', new_key => true);
SELECT state, status_message, next_key_id IS NOT NULL AS next_key FROM certmgr.ca WHERE name = 'life imported sub';
SELECT certmgr.describe(certmgr.ca_csr('life imported sub'))->>'subject' AS csr;
SELECT certmgr.install_ca_certificate('life imported sub', '-----BEGIN CERTIFICATE-----
MIIBpTCCAUqgAwIBAgIUUwcciPKf7xgqEtx0L8n2pKnMmgAwCgYIKoZIzj0EAwIw
KjEQMA4GA1UECgwHRXhhbXBsZTEWMBQGA1UEAwwNSW1wb3J0ZWQgUm9vdDAgFw0y
NjExMjQxNTQwMTBaGA8yMTI1MDYxODE1NDAxMFowEDEOMAwGA1UEAwwFT3RoZXIw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARwgFO5AkG9IUd7w1SPeDCgBSO13ak5
pZELyZP/hfk+4MUhK15iJUMdJWc34rftCyI8/eaNrCrNCFvkz+aSHs5Qo2YwZDAS
BgNVHRMBAf8ECDAGAQH/AgEAMA4GA1UdDwEB/wQEAwIBBjAdBgNVHQ4EFgQUEvbT
JJmyQ9XurJMqMfjaiiGLiqswHwYDVR0jBBgwFoAU8XhVOTNOysmDoZs1hZQ6uIMM
aJEwCgYIKoZIzj0EAwIDSQAwRgIhAOXYJEEVbBDlpHYvXRLqACXulKgvEl4s2dX8
DaD5fJN+AiEAsAlSzm0T4KSS7eG18KAkMWlGw25xcRT6xJXKtjCFMkg=
-----END CERTIFICATE-----');
SELECT certmgr.install_ca_certificate('life imported sub', :'sub_pem', activate => false) > 0 AS nothing_new;
SELECT certmgr.import_ca('life imported', :'imported_pem', :'imported_key', password => 'secret', crl_url => 'http://crl.example.com/{ca}/{issuer}.crl', signature_algorithm => 'ECDSA-SHA384') > 0 AS imported;
SELECT certmgr.import_ca('life imported', :'sub_pem', :'imported_key', password => 'secret');
SELECT certmgr.import_ca('life again', :'imported_pem');
SELECT ca, state, issued_by, has_key, signature_algorithm FROM certmgr.ca_issuers WHERE ca LIKE 'life imported%' OR ca = 'life known' ORDER BY certificate;
SELECT name, state, config FROM certmgr.ca WHERE name LIKE 'life imported%' ORDER BY name;
SELECT certmgr.issue_from('life known', 'CN=x');
SELECT certmgr.renew_ca('life known');
SELECT certmgr.ca_csr('life known');
SELECT certmgr.set_chain('life known', NULL);
SELECT certmgr.cross_sign('life known', 'life p384') > 0 AS crossed;
SELECT certmgr.renew_ca('life imported sub') > 0 AS renewed_here;
SELECT ca, state, issued_by FROM certmgr.ca_issuers WHERE ca = 'life imported sub' ORDER BY certificate;
SELECT certmgr.issue_from('life imported', 'CN=imported') AS imported \gset
SELECT d->>'issuer' AS issuer, d->>'signature_algorithm' AS signature FROM certmgr.describe(certmgr.certificate_pem(:imported)) d;
SELECT certmgr.renew_ca('life imported', new_key => true, lifetime => '5 years') > 0 AS renewed;
SELECT certmgr.refresh_crl('life imported') > 0 AS signed;
SELECT state, has_key FROM certmgr.ca_issuers WHERE ca = 'life imported' ORDER BY certificate;
-- errors
SELECT certmgr.renew_ca(NULL);
SELECT certmgr.renew_ca('nosuch');
SELECT certmgr.renew_ca('life root', new_key => NULL);
SELECT certmgr.renew_ca('life root', activate => NULL);
SELECT certmgr.renew_ca('life root', key_algorithm => 'RSA-2048');
SELECT certmgr.renew_ca('life root', lifetime => '-1 day');
SELECT certmgr.renew_ca('far');
SELECT certmgr.cross_sign(NULL, 'life root');
SELECT certmgr.cross_sign('life root', NULL);
SELECT certmgr.cross_sign('life root', 'nosuch');
SELECT certmgr.cross_sign('far', 'life root');
SELECT certmgr.cross_sign('life root', 'life root');
SELECT certmgr.cross_sign('life root', 'life other', certificate => 999999999);
SELECT certmgr.activate_ca_issuer('life root', NULL);
SELECT certmgr.activate_ca_issuer('life root', 0);
SELECT certmgr.set_chain(NULL, NULL);
SELECT certmgr.set_chain('life root', 'rubbish');
SELECT certmgr.set_chain('life root', certmgr.ca_pem('life other'));
SELECT certmgr.set_chain('life root', certmgr.ca_pem('life root') || certmgr.ca_pem('life other'));
SELECT certmgr.import_ca(NULL, 'x');
SELECT certmgr.import_ca('x', NULL);
SELECT certmgr.import_ca('x', 'rubbish');
SELECT certmgr.import_ca('x', certmgr.ca_pem('life root'));
SELECT certmgr.import_ca('x', certmgr.certificate_pem(:after));
SELECT certmgr.import_ca('x', certmgr.ca_pem('life root'), crl_lifetime => '1 s');
SET ROLE certmgr_operator;
SELECT certmgr.renew_ca('life root');
SELECT certmgr.cross_sign('life root', 'life other');
SELECT certmgr.activate_ca_issuer('life root', 1);
SELECT certmgr.import_ca('x', 'x');
SELECT certmgr.set_chain('life root', NULL);
SELECT count(*) > 10 AS seen FROM certmgr.ca_issuers;
RESET ROLE;
-- away: nothing valid may depend on it
SELECT certmgr.create_root_ca('life short', 'CN=Life Short') > 0 AS made;
SELECT certmgr.renew_ca('life short', new_key => true) > 0 AS renewed;
SELECT certmgr.issue_from('life short', 'CN=short') AS short \gset
\set VERBOSITY terse
SELECT certmgr.drop_ca('life short');
SELECT certmgr.revoke(:short) IS NOT NULL AS revoked;
SELECT count(*) AS keys FROM certmgr_private.key \gset
SELECT certmgr.drop_ca('life short');
SELECT :keys - count(*) AS gone FROM certmgr_private.key;
SELECT state FROM certmgr.certificate WHERE id = :short;
\set VERBOSITY default
SELECT action, count(*) FROM certmgr.audit_event WHERE action IN ('renew-ca', 'cross-sign', 'activate-ca-issuer', 'set-chain', 'import-ca') GROUP BY 1 ORDER BY 1;
