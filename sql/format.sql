-- Files for other programs, and certificates from elsewhere. test/tap/055_format.pl opens the files with OpenSSL, keytool and GnuTLS.
\set VERBOSITY default
SET timezone = 'UTC';
SELECT '-----BEGIN CERTIFICATE-----
MIIBpTCCAUugAwIBAgIIESIzRFVmd4gwCgYIKoZIzj0EAwIwLTESMBAGA1UECgwJ
RWxzZXdoZXJlMRcwFQYDVQQDDA5FbHNld2hlcmUgUm9vdDAgFw0yNjExMjQxNTA1
MzdaGA8yMDgxMDgyNzE1MDUzN1owLTESMBAGA1UECgwJRWxzZXdoZXJlMRcwFQYD
VQQDDA5FbHNld2hlcmUgUm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABB+Z
a2slcMXgkfvARq4QqBFfRg+647zVvWlOSuX9Jf/MUkD23KHjcgazivnuj9Za8zsG
dwi6xUplivgVbtxAZWmjUzBRMB0GA1UdDgQWBBQsugfPdXV9QeSCd/e6xc8+E5sM
NjAfBgNVHSMEGDAWgBQsugfPdXV9QeSCd/e6xc8+E5sMNjAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIFgYa8hxdVtAhteDMTi5WQmvoHfuj3m1mbN+
40UJLB9yAiEA5pzAPHLk/NP9hNcEnXlWrqRI45kpbxdQOuFaJWxreCQ=
-----END CERTIFICATE-----' AS root \gset
SELECT '-----BEGIN CERTIFICATE-----
MIIB1jCCAX2gAwIBAgIICgsMDQ4PEBEwCgYIKoZIzj0EAwIwLTESMBAGA1UECgwJ
RWxzZXdoZXJlMRcwFQYDVQQDDA5FbHNld2hlcmUgUm9vdDAgFw0yNjExMjQxNTA1
MzdaGA8yMDc4MTIwMTE1MDUzN1owGjEYMBYGA1UEAwwPb2xkLmV4YW1wbGUuY29t
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEcwTpj3fACHReHdIGu+tO3s/ivTRn
RH+uEfjotXBCDyrAg9zpwO0RCXhPBppxk9cRksoSkMEpOXfjH5Zh73CTSqOBlzCB
lDAtBgNVHREEJjAkgg9vbGQuZXhhbXBsZS5jb22CESoub2xkLmV4YW1wbGUuY29t
MBMGA1UdJQQMMAoGCCsGAQUFBwMBMA4GA1UdDwEB/wQEAwIHgDAdBgNVHQ4EFgQU
khNB0x4655c+A1qKnTq5gBHwm8kwHwYDVR0jBBgwFoAULLoHz3V1fUHkgnf3usXP
PhObDDYwCgYIKoZIzj0EAwIDRwAwRAIgefvqBRpwa3tyl0pmGVvbrC/EsX+VelF2
h4swMlg0tLsCIFyYemTttwoJ8X05bveq449Haet+qU0LH8PvJc1fbEqX
-----END CERTIFICATE-----' AS leaf \gset
SELECT '-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgo5voOer/U8hse7Fo
KyEIgaDBmPUi56OVFzzDWvtmIbmhRANCAARzBOmPd8AIdF4d0ga7607ez+K9NGdE
f64R+Oi1cEIPKsCD3OnA7REJeE8GmnGT1xGSyhKQwSk5d+MflmHvcJNK
-----END PRIVATE KEY-----' AS key \gset
SELECT '-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjdT7aWeugMgAICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEIHqxC5OG0CytAcJPLeJpqgEgZDq
GD7r8pLA7w7KOq5L4xVwk3zIxsCNcwDbDjCXmTTqzzLY7JTzQaESx+rhDXXJZNow
iXsuJM4rY6+7QG3A+rqE8HCsJATkraFozqZkGxjkxNKujZb3LvpJmS1PVyCnqzaJ
DIXZjfP5F0iWXurOkMvkqyYeoVwOc0CriouBcHi7LRGjDPbVv0F12k9eojIM8Lc=
-----END ENCRYPTED PRIVATE KEY-----' AS enc \gset
SELECT '-----BEGIN CERTIFICATE REQUEST-----
MIHTMHwCAQAwGjEYMBYGA1UEAwwPb2xkLmV4YW1wbGUuY29tMFkwEwYHKoZIzj0C
AQYIKoZIzj0DAQcDQgAEcwTpj3fACHReHdIGu+tO3s/ivTRnRH+uEfjotXBCDyrA
g9zpwO0RCXhPBppxk9cRksoSkMEpOXfjH5Zh73CTSqAAMAoGCCqGSM49BAMCA0cA
MEQCIHsD6I2dT2IKcv5x79ryDVJpyvElFqYA981GaDinySxxAiAxWIjOVsjSu9VX
YP16o1FfdFuNh9mkP+69bu9ahjuRqA==
-----END CERTIFICATE REQUEST-----' AS csr \gset
SELECT jsonb_pretty(certmgr.describe(:'leaf'));
SELECT jsonb_pretty(certmgr.describe(:'csr'));
SELECT jsonb_array_length(certmgr.describe(:'leaf' || E'\n' || :'root')), certmgr.describe(:'root') ->> 'self_issued' AS self_issued;
SELECT certmgr.describe('nothing');
SELECT certmgr.describe(NULL) IS NULL AS is_null;
SELECT encode(certmgr.fingerprint(:'leaf'), 'hex') AS sha256, length(certmgr.fingerprint(:'leaf', 'SHA512')) AS sha512;
SELECT certmgr.fingerprint(:'leaf', 'md5');
SELECT length(certmgr.jwk_thumbprint(:'leaf')) AS thumbprint;

-- import
SELECT certmgr.import_certificate(:'leaf' || E'\n' || :'root', private_key => :'key', metadata => '{"host": "web1"}') AS imported \gset
SELECT state, source, subject, sans, usages, key_algorithm, encode(serial, 'hex') AS serial, metadata, ca_id IS NULL AS foreign_ca FROM certmgr.certificate WHERE id = :imported;
SELECT certmgr.chain_pem(:imported) = '' AS chain_without_root, certmgr.certificate_pem(:imported) = :'leaf' || E'\n' AS same_bytes;
-- the second time it is the same row
SELECT certmgr.import_certificate(:'leaf') = :imported AS same;
SELECT array_length(array_agg(id), 1) AS bundle, count(*) FILTER (WHERE id = :imported) AS known FROM certmgr.import_bundle(:'leaf' || E'\n' || :'root') id;
SELECT certmgr.private_key_pem(:imported) LIKE '-----BEGIN PRIVATE KEY-----%' AS key_is_here;
SELECT action, object_type FROM certmgr.audit_event WHERE object_id = :imported AND action IN ('import', 'read-key') ORDER BY id;
SELECT certmgr.import_certificate(:'root', private_key => :'key');
SELECT certmgr.import_certificate(:'leaf', private_key => 'no key');
SELECT certmgr.import_certificate(:'leaf', private_key => :'enc');
SELECT certmgr.import_certificate(:'leaf', private_key => :'enc', password => 'wrong');
SELECT certmgr.import_certificate(:'leaf', private_key => :'enc', password => 'opensesame') = :imported AS same;
SELECT certmgr.import_certificate(NULL);
SELECT certmgr.import_certificate('nothing');
SELECT certmgr.import_certificate(:'leaf', subscriber => 'nobody');
SELECT count(*) FROM certmgr.import_bundle('');
-- one of our own, from its PEM: known already
SELECT certmgr.create_root_ca('format root', 'CN=Format Root') > 0 AS made;
SELECT certmgr.create_subscriber('format', 'format root', sans => '{format.example.com,*.format.example.com}') > 0 AS made;
SELECT certmgr.issue('format') AS id \gset
SELECT certmgr.import_certificate(certmgr.certificate_pem(:id)) = :id AS same;

-- files
SELECT substr(certmgr.certificate_der(:id), 1, 1) AS der, substr(certmgr.pkcs7(:id), 1, 1) AS p7, length(certmgr.pkcs7(:id, true)) > length(certmgr.pkcs7(:id)) AS root_too;
SELECT substr(certmgr.pkcs12(:id, 'correct horse'), 1, 1) AS p12, substr(certmgr.pkcs12(:id, 'correct horse', 'legacy', 'me'), 1, 1) AS old;
SELECT certmgr.private_key_pem(:id, 'correct horse') LIKE '-----BEGIN ENCRYPTED PRIVATE KEY-----%' AS encrypted;
SELECT certmgr.pkcs12(:id, 'short');
SELECT certmgr.pkcs12(:id, NULL);
SELECT certmgr.pkcs12(NULL, 'correct horse');
SELECT certmgr.pkcs12(:id, 'correct horse', 'old');
SELECT certmgr.private_key_pem(:id, '1234567');
\set VERBOSITY sqlstate
SELECT certmgr.pkcs12(0, 'correct horse');
SELECT certmgr.certificate_der(0);
SELECT certmgr.pkcs7(0);
\set VERBOSITY default

-- DNS
SELECT regexp_replace(r, '[0-9a-f]{64}$', 'DIGEST') FROM certmgr.tlsa_record(:id) r;
SELECT regexp_replace(r, '[0-9a-f]{128}$', 'DIGEST') FROM certmgr.tlsa_record(:id, 25, usage => 1, selector => 0, matching_type => 2, host => 'MX.example.com.') r;
SELECT certmgr.tlsa_record(:id, 70000);
SELECT certmgr.tlsa_record(:id, protocol => 'icmp');
SELECT certmgr.tlsa_record(:id, usage => 2);
SELECT certmgr.tlsa_record(NULL);
SELECT certmgr.tlsa_record(:id, host => 'not a host');
SELECT regexp_replace(r, '[0-9a-f]{64}$', 'DIGEST') FROM certmgr.sshfp_record(:id) r;

-- who may
CREATE ROLE regress_certmgr_format;
GRANT certmgr_requester TO regress_certmgr_format;
SET ROLE regress_certmgr_format;
SELECT certmgr.import_bundle('x');
SELECT certmgr.describe(:'root') ->> 'subject' AS anybody_reads_what_it_has;
\set VERBOSITY sqlstate
SELECT certmgr.pkcs12(:id, 'correct horse');
RESET ROLE;
DROP ROLE regress_certmgr_format;
