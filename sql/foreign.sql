-- Certificates that others issued, into the inventory of a subscriber: what its template says of them, and keys that come later.
\set VERBOSITY default
SET timezone = 'UTC';
SELECT '-----BEGIN CERTIFICATE-----
MIICBzCCAa2gAwIBAgIUIWQ/gz3bMIxaenAGqgH5baYK96gwCgYIKoZIzj0EAwIw
HjEcMBoGA1UEAwwTZm9yZWlnbi5leGFtcGxlLmNvbTAgFw0yNjExMjQxODE2Mzda
GA8yMDgxMDgyNzE4MTYzN1owHjEcMBoGA1UEAwwTZm9yZWlnbi5leGFtcGxlLmNv
bTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABDOtwenb05Uv/miQQqde+FZ8DgjG
wEUMXcOxsbWNuSfa3FJj7t6CV3E+bEMn8APzQ63eZNXHk9MJUxHZbJF4wJGjgcYw
gcMwHQYDVR0OBBYEFFB0v3icAEjHiRxXYfl7l4Dm/tKmMB8GA1UdIwQYMBaAFFB0
v3icAEjHiRxXYfl7l4Dm/tKmMAwGA1UdEwEB/wQCMAAwDgYDVR0PAQH/BAQDAgWg
MB0GA1UdJQQWMBQGCCsGAQUFBwMBBggrBgEFBQcDBDAzBgNVHREELDAqghNmb3Jl
aWduLmV4YW1wbGUuY29tghNvdGhlcl94LmV4YW1wbGUuY29tMA8GCSsGAQQBho0f
AQQCBQAwCgYIKoZIzj0EAwIDSAAwRQIhANby7Nl2iD1uOClmLpn+7YMnEpD/I5x4
RkKj5gynk0RsAiA9+NLX2xTteqB2I4VQkCDyatpyh4FUJXA4bU23dmy4lQ==
-----END CERTIFICATE-----' AS leaf \gset
SELECT '-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgsvheYgTvJgLBpAtr
AgxH7CuDScvky33lpyO5y/C/ZK6hRANCAAQzrcHp29OVL/5okEKnXvhWfA4IxsBF
DF3DsbG1jbkn2txSY+7egldxPmxDJ/AD80Ot3mTVx5PTCVMR2WyReMCR
-----END PRIVATE KEY-----' AS key \gset
SELECT '-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgfzu+du53g0BWB1Vu
tBfaUkuizb6hbj0edoNwuxDYWY6hRANCAASMf1s3o4nir9SoJumTjTALJQY0w4ra
3W+mhZIHk0ZW7Cy7M4z+4de5wvMbFKnosQ6af2RpkbUYWYCxEGGO4vBd
-----END PRIVATE KEY-----' AS other_key \gset
SELECT '-----BEGIN CERTIFICATE-----
MIIBkTCCATegAwIBAgIULuio4+UnWJKL3f/VEvCuQY5lAJEwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKRm9yZWlnbiBDQTAgFw0yNjExMjQxODE1MjRaGA8yMDgxMDgy
NzE4MTUyNFowFTETMBEGA1UEAwwKRm9yZWlnbiBDQTBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABCULZOJjOqX3ai6A38PQu5IapXI3gZZEx6NW9PxYmqjxskmiPiau
DHCYUAATYxC5FvffEqrQLaXtQ+N1FiKZZvujYzBhMB0GA1UdDgQWBBRtmHHbH68O
tF01UvjMBdYYR2HflzAfBgNVHSMEGDAWgBRtmHHbH68OtF01UvjMBdYYR2HflzAP
BgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIBBjAKBggqhkjOPQQDAgNIADBF
AiEA77Hlm6aOTffpq6JBA3wUtEQDftnpyYWe9bBfMmou0PwCIC1/0Nu4Q7jVfx37
M91xD7y8SQyQ1Ng46h/q8VjhzbOO
-----END CERTIFICATE-----' AS ca \gset
SELECT '-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQghALgKNxzEx1ovPzI
tDWr10+qkcQLHvqe4WqW7I1T/4GhRANCAAQlC2TiYzql92ougN/D0LuSGqVyN4GW
RMejVvT8WJqo8bJJoj4mrgxwmFAAE2MQuRb33xKq0C2l7UPjdRYimWb7
-----END PRIVATE KEY-----' AS ca_key \gset
BEGIN;
SELECT certmgr.create_root_ca('fgn root', 'CN=Foreign Test Root') > 0 AS made;
SELECT certmgr.create_template('fgn tpl', max_lifetime => '90 days', external => 'maybe');
ROLLBACK;
BEGIN;
\set ON_ERROR_ROLLBACK on
SELECT certmgr.create_root_ca('fgn root', 'CN=Foreign Test Root') > 0 AS made;
SELECT certmgr.create_template('fgn tpl', max_lifetime => '90 days', allowed_usages => '{digitalSignature,keyEncipherment,serverAuth,clientAuth}', must_staple => true, lint => 'warn') > 0 AS made;
SELECT lint, external FROM certmgr.template WHERE name = 'fgn tpl';
SELECT certmgr.create_subscriber('fgn', 'fgn root', sans => '{foreign.example.com}', template => 'fgn tpl') > 0 AS made;
-- refuse: not in the inventory, and what to do
SELECT certmgr.alter_template('fgn tpl', external => 'refuse');
SELECT certmgr.import_certificate(:'leaf', subscriber => 'fgn');
SELECT certmgr.alter_template('fgn tpl', external => 'warn', lint => 'refuse');
SELECT certmgr.import_certificate(:'leaf', subscriber => 'fgn');
-- warn: a word on its row
SELECT certmgr.alter_template('fgn tpl', lint => 'warn');
SELECT certmgr.import_certificate(:'leaf', subscriber => 'fgn') AS id \gset
SELECT c.state, c.source, s.name AS subscriber, t.name AS template, c.status_message FROM certmgr.certificate c
	JOIN certmgr.subscriber s ON s.id = c.subscriber_id JOIN certmgr.template t ON t.id = c.template_id WHERE c.id = :id;
-- live certificates that the template would refuse: those of others only if it refuses them
SELECT rule, detail FROM certmgr.policy_impact('fgn tpl') WHERE certificate = :id ORDER BY rule;
SELECT certmgr.alter_template('fgn tpl', external => 'refuse');
SELECT rule, detail FROM certmgr.policy_impact('fgn tpl') WHERE certificate = :id ORDER BY rule;
-- a key that comes later is kept if it fits
SELECT sealed_key IS NULL AS without_key FROM certmgr.certificate_body WHERE certificate_id = :id;
SELECT certmgr.import_certificate(:'leaf', private_key => :'other_key');
SELECT certmgr.import_certificate(:'leaf', private_key => :'key') = :id AS same;
SELECT certmgr.import_certificate(:'leaf', private_key => :'key') = :id AS same_again;
SELECT certmgr.private_key_pem(:id) = :'key' || E'\n' AS the_key;
SELECT action FROM certmgr.audit_event WHERE object_type = 'certificate' AND object_id = :id ORDER BY id;
SELECT certmgr.import_ca('fgn imported', :'ca', :'ca_key') > 0 AS imported;
SELECT certmgr.import_certificate(:'ca', private_key => :'ca_key');
-- no template: nothing is judged
SELECT certmgr.alter_subscriber('fgn', template => '');
SELECT certmgr.import_certificate(:'leaf', subscriber => 'fgn') = :id AS same;
\set ON_ERROR_ROLLBACK off
ROLLBACK;
