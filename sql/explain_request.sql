-- What a request would meet, and what a changed template would refuse.
SET client_min_messages = warning;
SELECT certmgr.create_root_ca('why root', 'CN=Why Root') IS NOT NULL AS made;
SELECT certmgr.create_template('exp web', subject => '{"CN": {"required": true}, "O": {"fixed": "Example"}}', sans => '{"dns": {"suffix": "example.com", "max": 2}}', key_algorithms => '{EC-P256}',
	max_lifetime => '90 days', policies => '["1.2.3.4"]', cas => '{why root}') IS NOT NULL AS made;
SELECT certmgr.create_subscriber('exp sub', 'why root', sans => '{www.example.com}', template => 'exp web') IS NOT NULL AS made;
SELECT * FROM certmgr.explain_request('exp sub');
SELECT * FROM certmgr.explain_request(ca => 'why root', template => 'exp web', subject => 'CN=x y,OU=y', sans => '{a.example.com,b.example.org,*.example.com,10.0.0.1}', lifetime => '91 days',
	key_algorithm => 'EC-P384', usages => '{digitalSignature,codeSigning}') WHERE verdict = 'refused';
-- nothing was issued, nothing written
SELECT count(*) FROM certmgr.certificate c JOIN certmgr.template t ON t.id = c.template_id WHERE t.name = 'exp web';
-- without a template only what holds for all
SELECT * FROM certmgr.explain_request(ca => 'why root', sans => '{a.example.com}');
-- what would be an error is a row
SELECT * FROM certmgr.explain_request('exp sub', csr => 'rubbish');
SELECT * FROM certmgr.explain_request(ca => 'nosuch', sans => '{a.example.com}');
SELECT rule, verdict FROM certmgr.explain_request(ca => 'why root', subject => 'CN=x', lifetime => '50 years') WHERE verdict = 'refused';
SELECT * FROM certmgr.explain_request(ca => 'why root', sans => '{bad_name!}');
SELECT certmgr.disable_ca('why root');
SELECT rule, verdict, detail FROM certmgr.explain_request('exp sub');
SELECT certmgr.enable_ca('why root');
-- the function of the template is asked, too
CREATE FUNCTION public.exp_check(request jsonb) RETURNS text LANGUAGE sql AS $$ SELECT 'No ' || (request->>'subject') || ' today.' $$;
SELECT certmgr.alter_template('exp web', check_function => 'public.exp_check(jsonb)');
SELECT * FROM certmgr.explain_request('exp sub') WHERE rule = 'check_function';
SELECT certmgr.alter_template('exp web', check_function => 0);
DROP FUNCTION public.exp_check(jsonb);
-- errors
SELECT * FROM certmgr.explain_request();
SELECT * FROM certmgr.explain_request('exp sub', ca => 'why root');
SELECT * FROM certmgr.explain_request('nosuch');
SELECT * FROM certmgr.explain_request(ca => 'why root', template => 'nosuch');
SELECT * FROM certmgr.explain_request(ca => 'why root', sans => '{NULL}');

-- impact: what would be refused now
SELECT certmgr.issue('exp sub') AS id \gset
SELECT certmgr.issue_from('why root', 'CN=two.example.com', '{two.example.com}', template => 'exp web', key_algorithm => 'EC-P256') AS id2 \gset
SELECT certmgr.issue_from('why root', 'CN=three.example.com', '{three.example.com}', template => 'exp web') AS id3 \gset
SELECT certmgr.revoke(:id3) IS NOT NULL AS revoked;
SELECT * FROM certmgr.policy_impact('exp web');
SELECT certmgr.alter_template('exp web', sans => '{"dns": {"exact": "two.example.com"}}', max_lifetime => '100 days', policies => '[]', required_usages => '{digitalSignature}');
SELECT certificate = :id AS first, subscriber, subject, rule, detail FROM certmgr.policy_impact('exp web') ORDER BY certificate, rule;
SELECT * FROM certmgr.policy_impact(NULL);
SELECT * FROM certmgr.policy_impact('nosuch');
CREATE ROLE exp_app;
GRANT certmgr_requester TO exp_app;
SET ROLE exp_app;
SELECT * FROM certmgr.policy_impact('exp web');
SELECT * FROM certmgr.explain_request('exp sub');
SELECT * FROM certmgr.explain_request(ca => 'why root', sans => '{a.example.com}');
SELECT * FROM certmgr.explain_request(ca => 'why root', sans => '{a.example.com}', template => 'exp web');
RESET ROLE;
DROP ROLE exp_app;

-- the standard templates: each issues what it is for
SELECT certmgr.install_standard_templates() AS made;
SELECT certmgr.install_standard_templates() AS made_again;
SELECT t.name, certmgr.issue_from('why root', t.subject, t.sans::text[], template => t.name, lifetime => '1 day 1 hour') IS NOT NULL AS issued FROM (VALUES
	('tls-server', NULL, '{www.example.com,192.0.2.1}'), ('tls-client', 'CN=joe', '{}'), ('tls-server-client', NULL, '{www.example.com,URI:spiffe://td/app}'),
	('device', 'serialNumber=0815', '{permanentIdentifier:1.2.3;0815,hardwareModuleName:1.2.3;0815}'), ('code-signing', 'CN=Build,O=Example', '{}'),
	('smime', 'CN=Joe,emailAddress=joe@example.com', '{email:joe@example.com}'), ('time-stamping', 'CN=TSA', '{}'), ('smartcard-logon', 'CN=joe', '{UPN:joe@corp}'),
	('ocsp-signing', 'CN=OCSP', '{}'), ('ipsec', 'CN=gw', '{gw.example.com,email:joe@example.com}'), ('document-signing', 'CN=Joe,title=Dr.,organizationIdentifier=VATDE-1', '{}')) AS t(name, subject, sans);
SELECT rule, detail FROM certmgr.explain_request(ca => 'why root', template => 'tls-server', subject => 'CN=x', usages => '{digitalSignature,clientAuth}') WHERE verdict = 'refused';
SELECT rule, detail FROM certmgr.explain_request(ca => 'why root', template => 'smartcard-logon', subject => 'CN=x') WHERE verdict = 'refused';
SELECT rule, detail FROM certmgr.explain_request(ca => 'why root', template => 'intermediate-ca', subject => 'CN=x') WHERE verdict = 'refused';
SELECT encode(substring(der FROM position('\x0603551d25'::bytea IN der) FOR 25), 'hex') AS critical_eku FROM certmgr.certificate c JOIN certmgr.certificate_body b ON b.certificate_id = c.id
  WHERE c.subject = 'CN=TSA';
SELECT position('\x06092b060105050730010504020500'::bytea IN der) > 0 AS nocheck FROM certmgr.certificate c JOIN certmgr.certificate_body b ON b.certificate_id = c.id WHERE c.subject = 'CN=OCSP';
