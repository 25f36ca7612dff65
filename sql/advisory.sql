-- Named negative tests: what went wrong elsewhere is refused here, on the finished TBS. Requests were made by OpenSSL:
-- ip_smuggle: DNS:www.example.com, IP:192.0.2.66; wild: O=Example, DNS:*.example.com; unknown_ext: 1.3.6.1.4.1.99999.1; listed: 1.2.3.4.6 (critical) and must-staple;
-- ca: CA:TRUE; empty_eku: an extKeyUsage of no purpose; eku: clientAuth; eku_code: codeSigning; upn: otherName; x400: a name of a kind that nobody knows.
SET client_min_messages = warning;
CREATE TEMP TABLE csr (name text, pem text);
\set ECHO errors
INSERT INTO csr VALUES
	('ip_smuggle', '-----BEGIN CERTIFICATE REQUEST-----
MIIBCTCBrwIBADAaMRgwFgYDVQQDDA93d3cuZXhhbXBsZS5jb20wWTATBgcqhkjO
PQIBBggqhkjOPQMBBwNCAASyqIyHRi0+AaXp3xYFh4M6t5zcpJ0MdszSxgZLJzYc
VOM4q8h9cHbyXvRWcRNIIxCrmkP9WRT1htBi3+2hDbjhoDMwMQYJKoZIhvcNAQkO
MSQwIjAgBgNVHREEGTAXgg93d3cuZXhhbXBsZS5jb22HBMAAAkIwCgYIKoZIzj0E
AwIDSQAwRgIhAPqUZ3pBC1knH0fXXOYuQFnBJ1qYqdy/ESbPfPNZ1DZnAiEAr+Ya
WILl4i0FTRN9AIoDvoQrQM0FszA4IT7Uki3VpVg=
-----END CERTIFICATE REQUEST-----'),
	('wild', '-----BEGIN CERTIFICATE REQUEST-----
MIH3MIGfAgEAMBIxEDAOBgNVBAoMB0V4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASHtpXhz9w/4KjYmdtO4vYkiWS1nI/TznFaiKnuYDJsoU4u+iVzzHns
8O0uCUmh7jQHb+YV0GiSLEXbupYXey8ooCswKQYJKoZIhvcNAQkOMRwwGjAYBgNV
HREEETAPgg0qLmV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0cAMEQCIFOevW7ocaCq
FqgOD+iDdJ6xpobCmpBZarmVKR4Gxm5HAiBh1GoZ0pMXJgCIQw/8BNkvBXF0ZSTa
ZNlmtN7SMLnC1g==
-----END CERTIFICATE REQUEST-----'),
	('unknown_ext', '-----BEGIN CERTIFICATE REQUEST-----
MIIBEjCBugIBADAaMRgwFgYDVQQDDA93d3cuZXhhbXBsZS5jb20wWTATBgcqhkjO
PQIBBggqhkjOPQMBBwNCAAReGQ1l8QNkoSO6YZgHCbn5Gd1wmLbpeBrtkllVx+M2
bZjYxd/lTEKZKqORWJB+hxlHudcfzBbRGxgHhEebARMeoD4wPAYJKoZIhvcNAQkO
MS8wLTAaBgNVHREEEzARgg93d3cuZXhhbXBsZS5jb20wDwYJKwYBBAGGjR8BBAIF
ADAKBggqhkjOPQQDAgNHADBEAiBaKMzAtgg58uZ82rD2nd2AEYhdYBq4IXJdt5UI
txjRJwIgQJ0aQV8xaO+YeZApVG7hbAPO51shVeFMHzHDmGMUkic=
-----END CERTIFICATE REQUEST-----'),
	('listed', '-----BEGIN CERTIFICATE REQUEST-----
MIIBJjCBzQIBADAaMRgwFgYDVQQDDA93d3cuZXhhbXBsZS5jb20wWTATBgcqhkjO
PQIBBggqhkjOPQMBBwNCAAT8uSnAuppvKkZTlcfD3Hi57x28ToqJ0p6MRDdFLaBj
oT55kD3cFF3KknmdUQ8G7qY48G953+V8FyVsC8VluNx2oFEwTwYJKoZIhvcNAQkO
MUIwQDAaBgNVHREEEzARgg93d3cuZXhhbXBsZS5jb20wDwYEKgMEBgEB/wQEDAJo
aTARBggrBgEFBQcBGAQFMAMCAQUwCgYIKoZIzj0EAwIDSAAwRQIhAMaIB5GI1VAM
ronWCyh8uLdZcVZijF3ngLJYZgaCzKXIAiB1ccy4QH5W6kFmM5RKi2WPzX2wJC9M
l/P1jPnCwVztqw==
-----END CERTIFICATE REQUEST-----'),
	('ca', '-----BEGIN CERTIFICATE REQUEST-----
MIH7MIGiAgEAMA4xDDAKBgNVBAMMA1N1YjBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABFdvqlHS3RkTIwJvhvAn9zVkofUmFoQKBKIXhYLpQGp9zP8rjrNyywh94dUk
y1L3W8LMDEr31488a+cZ6P4kkM2gMjAwBgkqhkiG9w0BCQ4xIzAhMA8GA1UdEwEB
/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMAoGCCqGSM49BAMCA0gAMEUCIQCU2CN1
nGRnVKLUa2dOiSHk130AxwJX+1abMuF5Dbdq5QIgeBiLdwoIT++tae5lyPSCgi7f
lScpzmNVCWc++Ztn4SE=
-----END CERTIFICATE REQUEST-----'),
	('empty_eku', '-----BEGIN CERTIFICATE REQUEST-----
MIIBDTCBtAIBADAaMRgwFgYDVQQDDA93d3cuZXhhbXBsZS5jb20wWTATBgcqhkjO
PQIBBggqhkjOPQMBBwNCAASnkI3i3I83RNY5SzfW97Pt4yqrTuZhBbllD8zjPjDk
9WPI1y/8hNJRVayQcRPIyDIvoeb1EurxC/JygP+vyNgCoDgwNgYJKoZIhvcNAQkO
MSkwJzAaBgNVHREEEzARgg93d3cuZXhhbXBsZS5jb20wCQYDVR0lBAIwADAKBggq
hkjOPQQDAgNIADBFAiEA8ZWFTeSRJv33aGubF20gKb26SDQJ0Rm5hYQpea2bxyIC
IAZLXWm+7zGyBYZ9LODYttE5vwnQ8x5D4iyKwmrwZsG/
-----END CERTIFICATE REQUEST-----'),
	('eku', '-----BEGIN CERTIFICATE REQUEST-----
MIIBIzCBywIBADAaMRgwFgYDVQQDDA93d3cuZXhhbXBsZS5jb20wWTATBgcqhkjO
PQIBBggqhkjOPQMBBwNCAARh2D0/PoPT5NjWrz5EUl6VSYGmuqAQCRgEpNaipiYN
gjJyic9dSvbXPuwajzl8JNxr62zc2Z9oTod/yfW6nkWUoE8wTQYJKoZIhvcNAQkO
MUAwPjAaBgNVHREEEzARgg93d3cuZXhhbXBsZS5jb20wEwYDVR0lBAwwCgYIKwYB
BQUHAwIwCwYDVR0PBAQDAgeAMAoGCCqGSM49BAMCA0cAMEQCIDsHAsZ5w8D5R3IH
ytWsvQ9Hm4JFp1y+8/9Evw+6GT1GAiBHHkSwF+m3OJ6Ll7/DZZ6o+AoeAfdJMOFH
WH1YbVosKA==
-----END CERTIFICATE REQUEST-----'),
	('eku_code', '-----BEGIN CERTIFICATE REQUEST-----
MIIBFzCBvgIBADAaMRgwFgYDVQQDDA93d3cuZXhhbXBsZS5jb20wWTATBgcqhkjO
PQIBBggqhkjOPQMBBwNCAAQDiHLGKts63TfbAqgGKJWNY5WoW6lh3L/73rsI4edm
fnNHhkDO6Y1YXyC/PA/RpDwAe8YXVUDef3zGI5EdCQEaoEIwQAYJKoZIhvcNAQkO
MTMwMTAaBgNVHREEEzARgg93d3cuZXhhbXBsZS5jb20wEwYDVR0lBAwwCgYIKwYB
BQUHAwMwCgYIKoZIzj0EAwIDSAAwRQIhAJVTmyhu4E/3XsA2/Cswegf9C8knvSbg
B61N4AtPyAz1AiAK1k4W0PMfjeqdDFyNh648sSBNnhxeb7gnFyIv5PWcnw==
-----END CERTIFICATE REQUEST-----'),
	('upn', '-----BEGIN CERTIFICATE REQUEST-----
MIIBCzCBsgIBADAOMQwwCgYDVQQDDANqb2UwWTATBgcqhkjOPQIBBggqhkjOPQMB
BwNCAAThN5/Njtu7kofLylt0ebIMtdMjpZh8BoOwiNi82HyZCSHDN86w0GglR/We
OGJ6DP5Set363FmWT3+sQxypNkayoEIwQAYJKoZIhvcNAQkOMTMwMTAvBgNVHREE
KDAmoCQGCisGAQQBgjcUAgOgFgwUam9lQGNvcnAuZXhhbXBsZS5jb20wCgYIKoZI
zj0EAwIDSAAwRQIhAMYfNohna83powaqh6J4Me7fn7eg4rQTt5WhYD3wjpJPAiBy
on9rbjJL8QLFUQO1pQI6eNUnMGkNMZebimLTx2yEjA==
-----END CERTIFICATE REQUEST-----'),
	('x400', '-----BEGIN CERTIFICATE REQUEST-----
MIH1MIGcAgEAMBoxGDAWBgNVBAMMD3d3dy5leGFtcGxlLmNvbTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABD7yJ1qsFO5CQ5h6f1XlwfFZVfDJzII9KEx/OPSlz1s7
LneP0n7g5nVcqwMOxUZYZcvTDOqm+eMvvZou/AJnPB6gIDAeBgkqhkiG9w0BCQ4x
ETAPMA0GA1UdEQQGMASjAgUAMAoGCCqGSM49BAMCA0gAMEUCIBOgPd2+J2QryEZF
uvtUBIWM17eD3Fc2Q7GJbudsG8BoAiEAgjHz2BEdEk003LOEj+BArsBb0wJf3r8l
rp606cz0XBc=
-----END CERTIFICATE REQUEST-----');
\set ECHO all
CREATE FUNCTION pg_temp.csr(text) RETURNS text LANGUAGE sql AS 'SELECT pem FROM csr WHERE name = $1';
SELECT certmgr.create_root_ca('adv root', 'CN=Advisory Root', path_length => 1) IS NOT NULL AS made;
SELECT certmgr.create_template('adv web', subject => '{"CN": {"values": "**.example.com"}, "O": true}', sans => '{"dns": {"suffix": "example.com"}, "ip": {"cidr": "10.0.0.0/8"}}',
	extensions => '{"1.2.3.4.6": {"from_request": true, "critical": false}, "1.3.6.1.5.5.7.1.24": {"from_request": true}}') IS NOT NULL AS made;

-- GHSA-g892-p242-8g86 (OpenBao): an address of the request escaped the rule about addresses
SELECT certmgr.issue_from('adv root', csr => pg_temp.csr('ip_smuggle'), template => 'adv web');
SELECT certmgr.issue_from('adv root', sans => '{www.example.com}', csr => pg_temp.csr('ip_smuggle'), template => 'adv web');
-- GHSA-59w7-v8rr-pr4p (OpenBao): "*" passed through a template of identities
SELECT certmgr.issue_from('adv root', csr => pg_temp.csr('wild'), template => 'adv web');
SELECT certmgr.alter_template('adv web', sans => '{"dns": {"glob": "**", "exact": "ok.example.com"}}');
SELECT certmgr.issue_from('adv root', csr => pg_temp.csr('wild'), template => 'adv web');
SELECT certmgr.issue_from('adv root', sans => '{*}', template => 'adv web');
SELECT certmgr.alter_template('adv web', sans => '{"dns": {"exact": "*.example.com"}}');
SELECT certmgr.issue_from('adv root', sans => '{*.example.com}', subject => 'CN=*.example.com', template => 'adv web') IS NOT NULL AS named_exactly;
SELECT certmgr.alter_template('adv web', sans => '{"dns": {"suffix": "example.com", "wildcard": true}}');
-- a host in the common name that is not among the names
SELECT certmgr.issue_from('adv root', 'CN=other.example.com', '{www.example.com}', template => 'adv web');
SELECT certmgr.issue_from('adv root', csr => pg_temp.csr('wild'), template => 'adv web') IS NOT NULL AS allowed;
-- CVE-2026-30836 (step-ca): what was not known skipped the authorization. Unknown extension, unknown kind of name: refused
SELECT certmgr.issue_from('adv root', csr => pg_temp.csr('unknown_ext'), template => 'adv web');
SELECT certmgr.issue_from('adv root', csr => pg_temp.csr('x400'), template => 'adv web');
SELECT rule, detail FROM certmgr.explain_request(ca => 'adv root', csr => pg_temp.csr('upn'), template => 'adv web') WHERE verdict = 'refused';
-- CVE-2026-40097 (step-ca): an empty extKeyUsage was a crash
SELECT certmgr.issue_from('adv root', csr => pg_temp.csr('empty_eku'), template => 'adv web');
-- OpenBao #201: basicConstraints of the request went through
SELECT certmgr.issue_from('adv root', csr => pg_temp.csr('ca'), template => 'adv web');
SELECT certmgr.issue_from('adv root', csr => pg_temp.csr('ca'));
-- usages that were not asked for by the template
SELECT certmgr.issue_from('adv root', csr => pg_temp.csr('eku_code'), template => 'adv web');
SELECT certmgr.issue_from('adv root', csr => pg_temp.csr('eku'), template => 'adv web') AS id \gset
SELECT usages FROM certmgr.certificate WHERE id = :id;
-- what the template lists comes from the request, with the template's criticality
SELECT certmgr.issue_from('adv root', csr => pg_temp.csr('listed'), template => 'adv web') AS id \gset
SELECT position('\x06042a03040604040c026869'::bytea IN der) > 0 AS listed, position('\x06082b06010505070118040530030201'::bytea IN der) > 0 AS must_staple
  FROM certmgr.certificate_body WHERE certificate_id = :id;
SELECT certmgr.alter_template('adv web', must_staple => true);
SELECT certmgr.issue_from('adv root', csr => pg_temp.csr('listed'), template => 'adv web') AS id \gset
SELECT position('\x06082b06010505070118040530030201'::bytea IN der) > 0 AS must_staple FROM certmgr.certificate_body WHERE certificate_id = :id;
-- the issuer's own name constraints
SELECT certmgr.create_template('adv sub', subject => '{"CN": true}', sans => '{}', ca => true, path_length => 0, name_constraints => '{"permitted": ["DNS:example.com"], "excluded": ["DNS:secret.example.com"]}') IS NOT NULL AS made;
SELECT certmgr.issue_from('adv root', subject => 'CN=Sub', template => 'adv sub');
SELECT certmgr.create_intermediate_ca('adv inter', NULL, 'CN=Constrained') IS NOT NULL AS made;
SELECT certmgr.issue_from('adv root', csr => certmgr.ca_csr('adv inter'), template => 'adv sub') AS sub \gset
SELECT certmgr.install_ca_certificate('adv inter', certmgr.certificate_pem(:sub), certmgr.ca_pem('adv root')) IS NOT NULL AS installed;
SELECT certmgr.issue_from('adv inter', sans => '{www.example.com}') IS NOT NULL AS issued;
SELECT certmgr.issue_from('adv inter', sans => '{www.example.org}');
SELECT certmgr.issue_from('adv inter', sans => '{x.secret.example.com}');
SELECT certmgr.issue_from('adv inter', csr => pg_temp.csr('ca'), template => 'adv sub', lifetime => '1 day');
-- a CA certificate is for administrators
CREATE ROLE adv_operator;
GRANT certmgr_operator TO adv_operator;
SET ROLE adv_operator;
SELECT certmgr.issue_from('adv root', csr => 'x', template => 'adv sub');
RESET ROLE;
DROP ROLE adv_operator;
