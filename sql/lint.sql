-- Lint: of any certificate, of what a template lets through, of what would be issued.
SET client_min_messages = warning;
SELECT count(*) > 80 AS many, count(DISTINCT rule) = count(*) AS named_once, bool_and(source <> '' AND message <> '') AS explained FROM certmgr.lint_rules();
SELECT level, count(*) > 5 AS some FROM certmgr.lint_rules() GROUP BY level ORDER BY level;
SELECT * FROM certmgr.lint_rules() WHERE rule IN ('serial_zero', 'san_dns_underscore', 'no_rev_avail_ca') ORDER BY rule;

-- a certificate of another origin, made by OpenSSL
SELECT '-----BEGIN CERTIFICATE-----
MIIBbjCCAROgAwIBAgIBBTAKBggqhkjOPQQDAjATMREwDwYDVQQDDAhCYWQgUm9v
dDAeFw0yNjExMjQxNTI0MzFaFw0zNzExMDYxNTI0MzFaMBMxETAPBgNVBAMMCEJh
ZCBSb290MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEtGucjDRrMwpil4BH/0nM
GP0mjgxCPqZSY9RhN7n/pDcKJqw1HkeSFK2dLc2uUQGkDZU67bd0LoJa8ggG+NSD
k6NYMFYwDAYDVR0TBAUwAwEB/zALBgNVHQ8EBAMCB4AwGgYDVR0RBBMwEYIPYV9i
LmV4YW1wbGUuY29tMB0GA1UdDgQWBBQU3NikEQDr33YllUxhaw4bcgsInDAKBggq
hkjOPQQDAgNJADBGAiEA4/ZUz7u1rIbXDBjl63w7+wWjEY2o/2wb3S9vA44YXAAC
IQCHyYH1XrUloUFkwjGnimMmuATz3Gu7LyEfCcj1FXGSTQ==
-----END CERTIFICATE-----' AS bad \gset
SELECT * FROM certmgr.lint(:'bad');
SELECT * FROM certmgr.lint(NULL);
SELECT * FROM certmgr.lint('rubbish');
SELECT * FROM certmgr.lint(:'bad' || E'\n' || :'bad');
SELECT * FROM certmgr.lint(E'-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----');
-- our own CA breaks none of level error or warning
SELECT certmgr.create_root_ca('lint root', 'CN=Lint Root', crl_url => 'http://crl.example.com/{ca}.crl') IS NOT NULL AS made;
SELECT * FROM certmgr.lint(certmgr.ca_pem('lint root')) WHERE level <> 'notice';

-- off: nothing is looked at. warn: errors and warnings are on the row
SELECT certmgr.create_template('lint tpl', subject => '{"CN": true, "O": true}', sans => '{"dns": {}}', allowed_usages => '{digitalSignature,keyEncipherment,serverAuth,clientAuth}', cas => '{lint root}', lint => 'off') IS NOT NULL AS made;
SELECT certmgr.issue_from('lint root', 'O=.', '{a.example.com}', template => 'lint tpl', usages => '{digitalSignature,keyEncipherment,serverAuth}') AS id \gset
SELECT state, status_message FROM certmgr.certificate WHERE id = :id;
SELECT rule, verdict, detail FROM certmgr.explain_request(ca => 'lint root', subject => 'O=.', sans => '{a.example.com}', template => 'lint tpl', usages => '{digitalSignature,keyEncipherment,serverAuth}') WHERE rule = 'lint';
SELECT certmgr.alter_template('lint tpl', lint => 'warn');
SELECT certmgr.issue_from('lint root', 'O=.', '{a.example.com}', template => 'lint tpl', usages => '{digitalSignature,keyEncipherment,serverAuth}') AS id \gset
SELECT state, status_message FROM certmgr.certificate WHERE id = :id;
SELECT rule, level FROM certmgr.lint(certmgr.certificate_pem(:id));
SELECT rule, verdict, detail FROM certmgr.explain_request(ca => 'lint root', subject => 'O=.', sans => '{a.example.com}', template => 'lint tpl', usages => '{digitalSignature,keyEncipherment,serverAuth}') WHERE rule = 'lint';
SELECT certmgr.issue_from('lint root', NULL, '{www.example.com}', template => 'lint tpl') AS id \gset
SELECT state, status_message FROM certmgr.certificate WHERE id = :id;
SELECT rule, verdict, detail FROM certmgr.explain_request(ca => 'lint root', sans => '{www.example.com}', template => 'lint tpl', lifetime => '400 days') WHERE rule = 'lint';

-- refuse: what breaks a MUST is not issued; warnings stay warnings
SELECT certmgr.alter_template('lint tpl', lint => 'refuse');
SELECT certmgr.issue_from('lint root', 'O=.', '{a.example.com}', template => 'lint tpl', usages => '{digitalSignature,keyEncipherment,serverAuth}');
SELECT rule, verdict, detail FROM certmgr.explain_request(ca => 'lint root', subject => 'O=.', sans => '{a.example.com}', template => 'lint tpl', usages => '{digitalSignature,keyEncipherment,serverAuth}') WHERE rule = 'lint';
SELECT certmgr.issue_from('lint root', 'O=.', '{a.example.com}', template => 'lint tpl') AS id \gset
SELECT state, status_message FROM certmgr.certificate WHERE id = :id;
SELECT certmgr.create_subscriber('lint sub', 'lint root', sans => '{a.example.com}', usages => '{digitalSignature,keyEncipherment,serverAuth}', template => 'lint tpl') IS NOT NULL AS made;
SELECT certmgr.issue('lint sub');
SELECT certmgr.alter_subscriber('lint sub', key_algorithm => 'RSA-2048');
SELECT certmgr.issue('lint sub') AS id \gset
SELECT state, status_message FROM certmgr.certificate WHERE id = :id;
-- renewals go the same way
SELECT certmgr.renew(:id) IS NOT NULL AS renewed;
SELECT certmgr.alter_template('lint tpl', lint => 'nonsense');

-- who may ask
CREATE ROLE lint_app; CREATE ROLE lint_nobody;
GRANT certmgr_requester TO lint_app;
GRANT USAGE ON SCHEMA certmgr TO lint_nobody;
SET ROLE lint_app;
SELECT rule FROM certmgr.lint(:'bad') WHERE level = 'error';
SET ROLE lint_nobody;
SELECT * FROM certmgr.lint(:'bad');
SELECT * FROM certmgr.lint_rules();
RESET ROLE;
REVOKE USAGE ON SCHEMA certmgr FROM lint_nobody;
DROP ROLE lint_app; DROP ROLE lint_nobody;
SELECT certmgr.drop_subscriber('lint sub');
SELECT certmgr.drop_template('lint tpl');
