-- Templates: what may be said, what is stored, every error; issuing by them.
SET client_min_messages = warning;
SELECT certmgr.create_root_ca('tpl root', 'CN=Template Root', crl_url => 'http://crl.example.com/{ca}/{shard}.crl ldap://crl.example.com/x', ocsp_url => 'http://ocsp.example.com/',
	ca_issuers_url => 'http://ca.example.com/{issuer}.der') IS NOT NULL AS made;
SELECT certmgr.create_root_ca('tpl bad url', 'CN=x', crl_url => 'http://x/{nonsense}');
SELECT certmgr.create_template('tpl web', subject => '{"CN": {"required": true, "values": "**.example.com"}, "O": {"fixed": "Example, Inc."}, "OU": false}',
	sans => '{"dns": {"suffix": ["example.com"], "max": 3}, "ip": {"cidr": ["10.0.0.0/8", "2001:db8::/32"]}, "required": true}',
	key_algorithms => '{EC-P256,EC-P384}', lifetime => '30 days', max_lifetime => '60 days', min_lifetime => '1 hour', allowed_usages => '{digitalSignature,serverAuth,clientAuth,keyAgreement}',
	required_usages => '{serverAuth}', policies => '[{"oid": "1.2.3.4", "cps": "https://example.com/cps", "notice": "For tests"}]',
	extensions => '{"1.2.3.4.5": {"value": "0500"}, "1.2.3.4.6": {"from_request": true}, "1.3.6.1.5.5.7.1.24": {"from_request": true}}', cas => '{tpl root}') IS NOT NULL AS made;
SELECT name, subject, sans, usages, allowed_usages, required_usages, key_algorithms, lifetime, outlives_issuer, backdate, ca, no_rev_avail, publish, lint, check_function, allowed_roles, cas
  FROM certmgr.template WHERE name = 'tpl web' \gx

-- a subscriber by it: what was not said comes from the template
SELECT certmgr.create_subscriber('tpl sub', 'tpl root', sans => '{www.example.com,10.1.2.3}', template => 'tpl web') IS NOT NULL AS made;
SELECT subject, sans, usages, lifetime, key_algorithm FROM certmgr.subscriber WHERE name = 'tpl sub';
SELECT certmgr.issue('tpl sub') AS id \gset
SELECT c.subject, c.sans, c.usages, not_after - not_before AS validity, t.name AS template FROM certmgr.certificate c JOIN certmgr.template t ON t.id = c.template_id WHERE c.id = :id;
SELECT certmgr.create_subscriber('tpl x', 'tpl root', sans => '{www.example.org}', template => 'tpl web');
SELECT certmgr.create_subscriber('tpl x', 'tpl root', sans => '{*.example.com}', subject => 'CN=x.example.com', template => 'tpl web');
SELECT certmgr.create_subscriber('tpl x', 'tpl root', sans => '{11.0.0.1}', subject => 'CN=x.example.com', template => 'tpl web');
SELECT certmgr.create_subscriber('tpl x', 'tpl root', sans => '{email:joe@example.com}', subject => 'CN=x.example.com', template => 'tpl web');
SELECT certmgr.create_subscriber('tpl x', 'tpl root', sans => '{a.example.com,b.example.com,c.example.com,d.example.com}', template => 'tpl web');
SELECT certmgr.create_subscriber('tpl x', 'tpl root', subject => 'CN=x.example.com', template => 'tpl web');
SELECT certmgr.create_subscriber('tpl x', 'tpl root', sans => '{a.example.com}', subject => 'O=Example\, Inc.', template => 'tpl web');
SELECT certmgr.create_subscriber('tpl x', 'tpl root', sans => '{a.example.com}', subject => 'CN=a.example.com,O=Evil', template => 'tpl web');
SELECT certmgr.create_subscriber('tpl x', 'tpl root', sans => '{a.example.com}', subject => 'CN=a.example.com,OU=x', template => 'tpl web');
SELECT certmgr.create_subscriber('tpl x', 'tpl root', sans => '{a.example.com}', subject => 'CN=a.example.com,L=x', template => 'tpl web');
SELECT certmgr.create_subscriber('tpl x', 'tpl root', sans => '{a.example.com}', subject => 'CN=a.example.com,CN=b.example.com', template => 'tpl web');
SELECT certmgr.create_subscriber('tpl x', 'tpl root', sans => '{a.example.com}', key_algorithm => 'RSA-2048', template => 'tpl web');
SELECT certmgr.create_subscriber('tpl x', 'tpl root', sans => '{a.example.com}', usages => '{digitalSignature,codeSigning}', template => 'tpl web');
SELECT certmgr.create_subscriber('tpl x', 'tpl root', sans => '{a.example.com}', lifetime => '61 days', template => 'tpl web');
SELECT certmgr.create_subscriber('tpl x', 'tpl root', sans => '{a.example.com}', lifetime => '1 minute', template => 'tpl web');
SELECT certmgr.create_subscriber('tpl x', 'sub', sans => '{a.example.com}', template => 'tpl web');
SELECT certmgr.create_subscriber('tpl x', 'tpl root', sans => '{a.example.com}', template => 'nosuch');
-- usages that lack a required one are found when it is issued
SELECT certmgr.create_subscriber('tpl part', 'tpl root', sans => '{a.example.com}', usages => '{digitalSignature,clientAuth}', template => 'tpl web') IS NOT NULL AS made;
SELECT certmgr.issue('tpl part');
SELECT certmgr.drop_subscriber('tpl part');

-- without a subscriber: operators, and roles that it is granted to
SELECT certmgr.issue_from('tpl root', sans => '{api.example.com}', subject => 'CN=api.example.com', template => 'tpl web', lifetime => '60 days') AS id2 \gset
SELECT subject, usages, not_after - not_before + interval '1 second' AS validity FROM certmgr.certificate WHERE id = :id2;
-- Let's Encrypt, 2021: 90 days and a second. Both ends count
SELECT certmgr.issue_from('tpl root', sans => '{api.example.com}', subject => 'CN=api.example.com', template => 'tpl web', lifetime => '60 days 1 second');
SELECT certmgr.issue_from('tpl root', sans => '{api.example.com}', subject => 'CN=api.example.com', template => 'tpl web', lifetime => '59 minutes');
SELECT certmgr.issue_from('tpl root', sans => '{api.example.com}', subject => 'CN=api.example.com', template => 'tpl web', key_algorithm => 'Ed25519');
SELECT certmgr.issue_from('tpl root', sans => '{api.example.com}', subject => 'CN=api.example.com', template => 'tpl web', usages => '{digitalSignature,serverAuth,codeSigning}');
SELECT certmgr.issue_from('tpl root', sans => '{api.example.com}', subject => 'CN=api.example.com', template => 'tpl web', usages => '{digitalSignature,keyEncipherment,serverAuth}');
SELECT certmgr.issue_from('tpl root', sans => '{api.example.com}', subject => 'CN=api.example.com', template => 'tpl web', usages => '{serverAuth}');
SELECT certmgr.issue_from('sub', sans => '{api.example.com}', subject => 'CN=api.example.com', template => 'tpl web');
SELECT certmgr.issue_from('tpl root', sans => '{api.example.com}', template => 'nosuch');
CREATE ROLE tpl_app; CREATE ROLE tpl_other;
GRANT certmgr_requester TO tpl_app, tpl_other;
SET ROLE tpl_app;
SELECT count(*) FROM certmgr.template;
SELECT certmgr.issue_from('tpl root', sans => '{app.example.com}', subject => 'CN=app.example.com', template => 'tpl web');
SELECT certmgr.issue_from('tpl root', sans => '{app.example.com}');
SELECT certmgr.create_template('mine');
RESET ROLE;
SELECT certmgr.alter_template('tpl web', allowed_roles => '{tpl_app}');
SET ROLE tpl_app;
SELECT name FROM certmgr.template;
SELECT certmgr.issue_from('tpl root', sans => '{app.example.com}', subject => 'CN=app.example.com', template => 'tpl web') AS id3 \gset
SELECT certmgr.certificate_pem(:id3) IS NOT NULL AS pem, certmgr.private_key_pem(:id3) IS NOT NULL AS key;
SELECT sans, requested_by FROM certmgr.certificate;
SELECT certmgr.renew(:id3) > :id3 AS renewed;
SELECT certmgr.issue_from('sub', sans => '{app.example.com}', subject => 'CN=app.example.com', template => 'tpl web');
-- GHSA-7ccv-rp6m-rffr (OpenBao: renewal with somebody else's certificate)
\set VERBOSITY sqlstate
SELECT certmgr.renew(:id2);
SET ROLE tpl_other;
SELECT certmgr.renew(:id3);
SELECT certmgr.certificate_pem(:id3);
\set VERBOSITY default
SELECT count(*) FROM certmgr.certificate;
RESET ROLE;
-- the grant gone, no renewal
SELECT certmgr.alter_template('tpl web', allowed_roles => '{}');
SET ROLE tpl_app;
SELECT certmgr.renew(:id3);
RESET ROLE;
SELECT certmgr.alter_template('tpl web', allowed_roles => '{tpl_app}', cas => '{}');
SET ROLE tpl_app;
SELECT certmgr.issue_from('tpl root', sans => '{app.example.com}', subject => 'CN=app.example.com', template => 'tpl web');
RESET ROLE;
SELECT certmgr.alter_template('tpl web', cas => '{tpl root}');

-- step-ca: renewal did not look at the policy again. A changed template counts from the next certificate on
SELECT certmgr.alter_template('tpl web', sans => '{"dns": {"suffix": ["example.net"]}}');
SELECT certmgr.renew(:id);
\set VERBOSITY sqlstate
SELECT certmgr.renew(:id2, 'reuse');
\set VERBOSITY default
SELECT certmgr.issue('tpl sub');
SELECT certmgr.alter_template('tpl web', sans => '{"dns": {"suffix": ["example.com"]}, "ip": {"cidr": "10.0.0.0/8"}}');
SELECT certmgr.renew(:id) > :id AS renewed;

-- a template that is not for the subscriber's CA any more
SELECT certmgr.alter_template('tpl web', cas => '{sub}');
SELECT certmgr.issue('tpl sub');
SELECT rule, verdict, detail FROM certmgr.explain_request('tpl sub') WHERE verdict = 'refused';
SELECT certmgr.alter_template('tpl web', cas => '{tpl root}');

-- longer than the issuer: refuse or clamp
SELECT certmgr.create_template('tpl long', subject => '{"CN": true}', usages => '{digitalSignature,clientAuth}', lifetime => '20 years') IS NOT NULL AS made;
\set VERBOSITY terse
SELECT certmgr.issue_from('tpl root', 'CN=joe', template => 'tpl long');
SELECT certmgr.alter_template('tpl long', outlives_issuer => 'clamp');
SELECT certmgr.issue_from('tpl root', 'CN=joe', template => 'tpl long') AS id4 \gset
SELECT c.not_after = r.not_after AS clamped FROM certmgr.certificate c, certmgr.certificate r WHERE c.id = :id4 AND r.id = c.issuer_id;
\set VERBOSITY default

-- short lives need no revocation (RFC 9608), unless the template says so
SELECT certmgr.create_template('tpl short', subject => '{"CN": true}', sans => '{}', usages => '{digitalSignature,clientAuth}', lifetime => '24 hours') IS NOT NULL AS made;
SELECT certmgr.issue_from('tpl root', 'CN=joe', template => 'tpl short') AS id5 \gset
SELECT certmgr.issue_from('tpl root', 'CN=joe', template => 'tpl short', lifetime => '24 hours 1 second') AS id6 \gset
SELECT certmgr.alter_template('tpl short', no_rev_avail => 'never');
SELECT certmgr.issue_from('tpl root', 'CN=joe', template => 'tpl short') AS id7 \gset
SELECT certificate_id = :id5 AS short, position('\x551d3804020500'::bytea IN der) > 0 AS no_rev_avail, position('\x0603551d1f'::bytea IN der) > 0 AS crl,
	position('http://ocsp'::bytea IN der) > 0 AS ocsp, position('http://crl.example.com/tpl%20root/0.crl'::bytea IN der) > 0 AS expanded, position('ldap://crl'::bytea IN der) > 0 AS second
  FROM certmgr.certificate_body WHERE certificate_id IN (:id5, :id6, :id7) ORDER BY certificate_id;

-- a function has the last word, and runs as its owner
CREATE FUNCTION public.tpl_check(request jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF request->>'subject' = 'CN=boom' THEN RAISE EXCEPTION 'broken as %', current_user; END IF;
	IF request->>'subject' = 'CN=who' THEN RETURN current_user || ' ' || current_setting('search_path') || ' ' || (request->>'template') || ' ' || (request->>'key_algorithm'); END IF;
	IF request->>'subject' = 'CN=slow' THEN PERFORM pg_sleep(600); END IF;
	IF request->'sans' ? 'DNS:evil.example.com' THEN RETURN 'Evil is not allowed.'; END IF;
	RETURN NULL;
END $$;
CREATE ROLE tpl_checker;
GRANT CREATE ON SCHEMA public TO tpl_checker;
ALTER FUNCTION public.tpl_check(jsonb) OWNER TO tpl_checker;
SELECT certmgr.create_template('tpl fn', subject => '{"*": true}', sans => '{"dns": true}', usages => '{digitalSignature,clientAuth}', check_function => 'public.tpl_check(jsonb)') IS NOT NULL AS made;
SELECT check_function, check_function_owner FROM certmgr.template WHERE name = 'tpl fn';
SELECT certmgr.issue_from('tpl root', 'CN=fine', template => 'tpl fn') IS NOT NULL AS issued;
SELECT certmgr.issue_from('tpl root', 'CN=who', template => 'tpl fn');
SELECT certmgr.issue_from('tpl root', 'CN=boom', template => 'tpl fn');
SELECT certmgr.issue_from('tpl root', 'CN=slow', template => 'tpl fn');
SELECT certmgr.issue_from('tpl root', sans => '{evil.example.com}', template => 'tpl fn');
SELECT current_user = session_user AS still_me, current_setting('search_path');
ALTER FUNCTION public.tpl_check(jsonb) OWNER TO tpl_app;
SELECT certmgr.issue_from('tpl root', 'CN=fine', template => 'tpl fn');
ALTER FUNCTION public.tpl_check(jsonb) OWNER TO tpl_checker;
SELECT certmgr.alter_template('tpl fn', check_function => 'pg_catalog.jsonb_pretty(jsonb)');
SELECT certmgr.alter_template('tpl fn', check_function => 'pg_catalog.lower(text)');
GRANT certmgr_admin TO tpl_other;
SET ROLE tpl_other;
SELECT certmgr.alter_template('tpl fn', check_function => 'public.tpl_check(jsonb)');
RESET ROLE;
-- what a changed function would refuse now
CREATE OR REPLACE FUNCTION public.tpl_check(request jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF request->>'ca' = 'tpl root' THEN RETURN format('%s by %s, %s, csr %s: not any more.', request->>'subject', request->>'ca', request->'usages', request->'csr'); END IF;
	RETURN NULL;
END $$;
SELECT subject, rule, detail FROM certmgr.policy_impact('tpl fn');
CREATE OR REPLACE FUNCTION public.tpl_check(request jsonb) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken as %', current_user; END $$;
SELECT subject, rule, detail FROM certmgr.policy_impact('tpl fn');
SELECT certmgr.alter_template('tpl fn', check_function => 0);
SELECT count(*) FROM certmgr.policy_impact('tpl fn');
SELECT check_function IS NULL AS gone FROM certmgr.template WHERE name = 'tpl fn';
SELECT certmgr.issue_from('tpl root', 'CN=boom', template => 'tpl fn') IS NOT NULL AS issued;

-- errors of create_template: the message names the key
SELECT certmgr.create_template(NULL);
SELECT certmgr.create_template('');
SELECT certmgr.create_template('tpl web');
SELECT certmgr.create_template('x', subject => NULL);
SELECT certmgr.create_template('x', subject => '[]');
SELECT certmgr.create_template('x', subject => '{"nonsense": true}');
SELECT certmgr.create_template('x', subject => '{"CN": 1}');
SELECT certmgr.create_template('x', subject => '{"CN": {"require": true}}');
SELECT certmgr.create_template('x', subject => '{"CN": {"required": 1}}');
SELECT certmgr.create_template('x', subject => '{"CN": {"max": 1.5}}');
SELECT certmgr.create_template('x', subject => '{"CN": {"max": 0}}');
SELECT certmgr.create_template('x', subject => '{"CN": {"values": []}}');
SELECT certmgr.create_template('x', subject => '{"CN": {"values": [1]}}');
SELECT certmgr.create_template('x', subject => '{"C": {"fixed": "Germany"}}');
SELECT certmgr.create_template('x', subject => '{"CN": {"denied": true, "required": true}}');
SELECT certmgr.create_template('x', subject => '{"CN": {"fixed": "a", "values": "b"}}');
SELECT certmgr.create_template('x', subject => '{"CN": true, "commonName": true}');
SELECT certmgr.create_template('x', subject => '{"*": 1}');
SELECT certmgr.create_template('x', sans => '{"DNS": true}');
SELECT certmgr.create_template('x', sans => '{"dns": {"suffix": "bad_name"}}');
SELECT certmgr.create_template('x', sans => '{"dns": {"cidr": "10.0.0.0/8"}}');
SELECT certmgr.create_template('x', sans => '{"ip": {"cidr": "10.0.0.1/8"}}');
SELECT certmgr.create_template('x', sans => '{"ip": {"suffix": "10"}}');
SELECT certmgr.create_template('x', sans => '{"ip": {"wildcard": true}}');
SELECT certmgr.create_template('x', sans => '{"dns": {"regex": "("}}');
SELECT certmgr.create_template('x', sans => '{"dns": {"regex": "(a)\\1"}}');
SELECT certmgr.create_template('x', sans => '{"dns": {"min": 3, "max": 2}}');
SELECT certmgr.create_template('x', sans => '{"min": 3, "max": 2}');
SELECT certmgr.create_template('x', usages => '{}');
SELECT certmgr.create_template('x', usages => '{nonsense}');
SELECT certmgr.create_template('x', usages => '{digitalSignature,codeSigning}', allowed_usages => '{digitalSignature,serverAuth}');
SELECT certmgr.create_template('x', usages => '{keyCertSign}');
SELECT certmgr.create_template('x', usages => '{digitalSignature}', critical_usages => true);
SELECT certmgr.create_template('x', key_algorithms => '{RSA-1024}');
SELECT certmgr.create_template('x', lifetime => '0');
SELECT certmgr.create_template('x', lifetime => '200 years');
SELECT certmgr.create_template('x', lifetime => '2 days', max_lifetime => '1 day');
SELECT certmgr.create_template('x', lifetime => '2 days', min_lifetime => '3 days');
SELECT certmgr.create_template('x', backdate => '-1 day');
SELECT certmgr.create_template('x', outlives_issuer => 'allow');
SELECT certmgr.create_template('x', path_length => 1);
SELECT certmgr.create_template('x', ca => true, path_length => 300);
SELECT certmgr.create_template('x', ca => true, usages => '{cRLSign}');
SELECT certmgr.create_template('x', ca => true, no_rev_avail => 'always');
SELECT certmgr.create_template('x', extensions => '{"1.2": {"value": "0500"}, "x": {}}');
SELECT certmgr.create_template('x', extensions => '{"1.2.3": {}}');
SELECT certmgr.create_template('x', extensions => '{"1.2.3": {"value": "05"}}');
SELECT certmgr.create_template('x', extensions => '{"1.2.3": {"value": "xy"}}');
SELECT certmgr.create_template('x', extensions => '{"1.2.3": {"value": "0500", "from_request": true}}');
SELECT certmgr.create_template('x', extensions => '{"1.2.3": {"text": "x"}}');
SELECT certmgr.create_template('x', extensions => '{"2.5.29.17": {"from_request": true}}');
SELECT certmgr.create_template('x', extensions => '{"1.3.6.1.5.5.7.1.24": {"value": "3003020105"}}');
SELECT certmgr.create_template('x', policies => '{}');
SELECT certmgr.create_template('x', policies => '["x"]');
SELECT certmgr.create_template('x', policies => '[{"cps": "http://x/"}]');
SELECT certmgr.create_template('x', policies => '[{"oid": "1.2.3", "text": "x"}]');
SELECT certmgr.create_template('x', policies => '["1.2.3", "1.2.3"]');
SELECT certmgr.create_template('x', name_constraints => '{"permitted": ["DNS:example.com"]}');
SELECT certmgr.create_template('x', ca => true, name_constraints => '{"permit": ["DNS:example.com"]}');
SELECT certmgr.create_template('x', ca => true, name_constraints => '{"permitted": ["example.com"]}');
SELECT certmgr.create_template('x', must_staple => true, no_rev_avail => 'always');
SELECT certmgr.create_template('x', no_rev_avail => 'perhaps');
SELECT certmgr.create_template('x', lint => 'loud');
SELECT certmgr.create_template('x', allowed_roles => '{nosuchrole}');
SELECT certmgr.create_template('x', allowed_roles => '{NULL}');
-- errors of alter and drop
SELECT certmgr.alter_template(NULL);
SELECT certmgr.alter_template('nosuch');
SELECT certmgr.alter_template('tpl web', lifetime => '1000 days');
SELECT certmgr.alter_template('tpl web', sans => '{"dns": 1}');
SELECT certmgr.drop_template(NULL);
SELECT certmgr.drop_template('nosuch');
SELECT certmgr.drop_template('tpl web');
SELECT certmgr.alter_template('tpl web', key_algorithms => '{}', min_lifetime => '0', max_lifetime => '0', allowed_usages => '{}');
SELECT key_algorithms IS NULL AND min_lifetime IS NULL AND max_lifetime IS NULL AND allowed_usages IS NULL AS taken_away FROM certmgr.template WHERE name = 'tpl web';
SELECT certmgr.alter_subscriber('tpl sub', template => '');
SELECT template_id IS NULL AS none FROM certmgr.subscriber WHERE name = 'tpl sub';
SELECT certmgr.alter_subscriber('tpl sub', template => 'tpl web');
SELECT certmgr.drop_subscriber('tpl sub');
SELECT certmgr.drop_template('tpl web');
SELECT action, detail->>'name' AS name FROM certmgr.audit_event WHERE object_type = 'template' AND detail->>'name' = 'tpl web' ORDER BY id;
REVOKE certmgr_admin FROM tpl_other;
SELECT certmgr.drop_template('tpl fn');
DROP FUNCTION public.tpl_check(jsonb);
REVOKE CREATE ON SCHEMA public FROM tpl_checker;
DROP ROLE tpl_app, tpl_other, tpl_checker;
