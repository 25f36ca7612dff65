-- The corpus of 140_conformance.pl: certificates of every standard template, algorithm of CA and leaf, kind of name and extension, and CRLs of
-- every sort. psql variables: rsa_2048, rsa_3072, ec: requests (PEM) with an empty subject.
SET client_min_messages = warning;
CREATE TABLE alg (name text, elsewhere boolean);
INSERT INTO alg VALUES ('EC-P256', false), ('EC-P384', false), ('EC-P521', false), ('Ed25519', false), ('Ed448', false), ('RSA-2048', true), ('RSA-3072', true);
-- Where libcrypto has them; it says so itself where not.
DO $$
DECLARE a text;
BEGIN
	FOREACH a IN ARRAY ARRAY['ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'] LOOP
		BEGIN
			PERFORM certmgr.create_root_ca('try', 'CN=Try', a);
			RAISE EXCEPTION USING ERRCODE = 'PK999';
		EXCEPTION WHEN SQLSTATE 'PK999' THEN
			INSERT INTO alg VALUES (a, false);
		WHEN OTHERS THEN
			NULL;
		END;
	END LOOP;
END $$;

SELECT certmgr.install_standard_templates();
-- A root and an issuing CA of each; every other one has addresses, and ends after 2050.
SELECT certmgr.create_root_ca('root ' || name, 'CN=Root ' || name || ',O=Conformance,C=DE', name, lifetime => CASE WHEN n % 2 = 1 THEN '60 years' ELSE '15 years' END::interval,
	crl_url => CASE WHEN n % 2 = 1 THEN 'http://crl.example.com/root.crl' END) FROM (SELECT name, row_number() OVER () AS n FROM alg) a;
SELECT certmgr.create_intermediate_ca(name, 'root ' || name, 'CN=Issuing ' || name || ',OU=Tests\, all,O=Conformance,C=DE', name, path_length => 1, lifetime => CASE WHEN n % 2 = 1 THEN '50 years' ELSE '12 years' END::interval,
	crl_url => CASE WHEN n % 2 = 1 THEN 'http://crl.example.com/{ca}/{shard}.crl ldap://ldap.example.com/cn=x?certificateRevocationList' END,
	ocsp_url => CASE WHEN n % 3 = 1 THEN 'http://ocsp.example.com/' END, ca_issuers_url => CASE WHEN n % 2 = 1 THEN 'http://ca.example.com/{issuer}.cer' END)
  FROM (SELECT name, row_number() OVER () AS n FROM alg) a;

CREATE TABLE corpus (name text PRIMARY KEY, id bigint NOT NULL, ca text NOT NULL);
-- Every standard template, from every CA, for every key.
CREATE TABLE kind (template text, subject text, sans text[]);
INSERT INTO kind VALUES
	('tls-server', NULL, '{www.example.com,192.0.2.1,2001:db8::1}'), ('tls-client', 'CN=joe,UID=joe', '{email:joe@example.com}'),
	('tls-server-client', 'CN=www.example.com,O=Example,L=Köln,ST=NRW,C=DE', '{www.example.com,api.example.com,URI:spiffe://td.example.com/app}'),
	('device', 'serialNumber=0815,CN=sensor', '{permanentIdentifier:1.2.3;0815,hardwareModuleName:1.2.3.4;00ff}'),
	('code-signing', 'CN=Build,O=Example,organizationIdentifier=VATDE-1', '{}'), ('smime', 'CN=Joe,emailAddress=joe@example.com', '{email:joe@example.com}'),
	('time-stamping', 'CN=TSA', '{}'), ('smartcard-logon', 'CN=joe,DC=corp,DC=example,DC=com', '{UPN:joe@corp.example.com}'), ('ocsp-signing', 'CN=OCSP', '{}'),
	('ipsec', 'CN=gw', '{gw.example.com,192.0.2.7}'), ('document-signing', 'CN=Joe,title=Dr.,serialNumber=1', '{}');
INSERT INTO corpus SELECT format('%s/%s/%s', ca.name, k.template, leaf.name), certmgr.issue_from(ca.name, k.subject, k.sans, template => k.template,
	csr => CASE leaf.name WHEN 'RSA-2048' THEN :'rsa_2048' WHEN 'RSA-3072' THEN :'rsa_3072' END, key_algorithm => CASE WHEN NOT leaf.elsewhere THEN leaf.name END), ca.name
  FROM alg ca, kind k, alg leaf;

-- Every kind of name, alone and together, with a subject and without.
SELECT certmgr.create_template('every name', subject => '{"*": true}', sans => '{"dns": {"wildcard": true}, "ip": {}, "email": {}, "uri": {}, "dirName": {}, "registeredID": {}, "upn": {}, "srv": {}, "permanentIdentifier": {}, "hardwareModuleName": {}, "otherName": {}}',
	usages => '{digitalSignature,clientAuth}', lifetime => '30 days');
CREATE TABLE san (n serial, sans text[]);
INSERT INTO san (sans) VALUES ('{www.example.com}'), ('{*.example.com}'), ('{xn--kln-sna.example}'), ('{localhost}'), ('{192.0.2.1}'), ('{2001:db8::1}'), ('{email:joe@example.com}'), ('{URI:https://example.com/a?b=c}'), ('{URI:spiffe://td.example.com/app}'),
	('{URI:urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66}'), ('{"dirName:CN=Joe,O=Example"}'), ('{RID:1.2.3.4}'), ('{UPN:joe@corp.example.com}'), ('{SRV:_imaps.example.com}'), ('{permanentIdentifier:1.2.3;0815}'), ('{permanentIdentifier:0815}'),
	('{hardwareModuleName:1.2.3.4;00ff}'), ('{otherName:1.2.3.4;UTF8:text}'), ('{"otherName:1.2.3.4;#0500"}'),
	('{www.example.com,192.0.2.1,email:joe@example.com,URI:https://example.com/,"dirName:CN=Joe",RID:1.2.3,UPN:joe@corp.example.com,SRV:_imaps.example.com}');
INSERT INTO san (sans) SELECT array_agg('host' || i || '.example.com') FROM generate_series(1, 100) i;
INSERT INTO corpus SELECT format('names %s %s', n, s IS NOT NULL), certmgr.issue_from('EC-P256', s, sans, template => 'every name'), 'EC-P256'
  FROM san, (VALUES (NULL), ('CN=Joe,O=Example')) AS v(s);
INSERT INTO corpus SELECT 'subject ' || n, certmgr.issue_from('EC-P384', s, '{}', template => 'every name'), 'EC-P384' FROM unnest(ARRAY[
	'CN=Žluťoučký kůň', 'CN=日本,C=JP', 'CN=a\, b\+c,O=\"quoted\"', 'CN=a+O=b,C=DE', 'emailAddress=joe@example.com', 'DC=example,DC=com', 'serialNumber=1,dnQualifier=2,CN=x',
	'CN=' || repeat('x', 64), 'O=' || repeat('ö', 64), 'STREET=Main Street 1,postalCode=12345,L=Town,ST=State,C=US,CN=x', 'givenName=Joe,surname=Doe,initials=JD,generationQualifier=Jr.,pseudonym=jd,title=Dr.,CN=x',
	'UID=joe,CN=x', 'businessCategory=Private Organization,organizationIdentifier=VATDE-1,O=x']) WITH ORDINALITY AS u(s, n);

-- Policies, must-staple, extensions of one's own, lifetimes of every length, backdated and clamped.
SELECT certmgr.create_template('rich', subject => '{"*": true}', sans => '{"dns": {}}', policies => '["1.2.3.4", {"oid": "1.2.3.5", "cps": "https://example.com/cps", "notice": "Für Tests"}, {"oid": "2.5.29.32.0", "notice": "any"}]',
	extensions => '{"1.3.6.1.4.1.99999.1": {"value": "0c026869"}, "1.3.6.1.4.1.99999.2": {"value": "0500"}}', must_staple => true, usages => '{digitalSignature,serverAuth,clientAuth}', lifetime => '30 days', outlives_issuer => 'clamp', no_rev_avail => 'never');
INSERT INTO corpus SELECT 'rich ' || ca.name, certmgr.issue_from(ca.name, 'CN=www.example.com', '{www.example.com}', template => 'rich'), ca.name FROM alg ca;
INSERT INTO corpus SELECT format('lifetime %s %s', ca.name, l), certmgr.issue_from(ca.name, 'CN=www.example.com', '{www.example.com}', template => 'rich', lifetime => l::interval), ca.name
  FROM alg ca, unnest(ARRAY['10 minutes', '1 hour', '7 days', '398 days', '10 years', '30 years', '100 years']) AS u(l);
SELECT certmgr.create_template('short', subject => '{"CN": true}', sans => '{"dns": {}}', lifetime => '1 hour', no_rev_avail => 'auto');
SELECT certmgr.create_template('no revocation', subject => '{"CN": true}', sans => '{"dns": {}}', lifetime => '90 days', no_rev_avail => 'always', backdate => '1 day');
INSERT INTO corpus SELECT format('%s %s', t, ca.name), certmgr.issue_from(ca.name, NULL, '{www.example.com}', template => t), ca.name FROM alg ca, unnest(ARRAY['short', 'no revocation']) AS u(t);
-- No template, no usages but what there must be.
INSERT INTO corpus SELECT 'bare ' || ca.name, certmgr.issue_from(ca.name, sans => '{www.example.com}'), ca.name FROM alg ca;

-- RSA-PSS, and hashes other than the usual ones.
CREATE TABLE told (name text, key text, signature text);
INSERT INTO told VALUES ('pss256', 'RSA-2048', 'RSA-PSS-SHA256'), ('pss512', 'RSA-3072', 'RSA-PSS-SHA512'), ('rsa384', 'RSA-2048', 'RSA-SHA384'), ('ecdsa512', 'EC-P256', 'ECDSA-SHA512');
SELECT certmgr.create_root_ca('root ' || name, 'CN=Root ' || name, key, signature_algorithm => signature), certmgr.create_intermediate_ca(name, 'root ' || name, 'CN=Issuing ' || name, key, signature_algorithm => signature) FROM told;
INSERT INTO corpus SELECT format('%s/%s', ca.name, k.template), certmgr.issue_from(ca.name, k.subject, k.sans, template => k.template), ca.name FROM told ca, kind k;
SELECT certmgr.revoke(certmgr.issue_from(ca.name, sans => '{revoked.example.com}'), 'keyCompromise') FROM told ca;
SELECT certmgr.refresh_crl(name), certmgr.refresh_crl('root ' || name) FROM told;

-- Certificates of CAs elsewhere: path length, name constraints of every kind, policies.
INSERT INTO corpus SELECT 'sub ' || ca.name, certmgr.issue_from(ca.name, 'CN=Sub,O=Conformance', csr => :'ec', template => 'intermediate-ca'), ca.name FROM alg ca;
SELECT certmgr.create_template('constrained', subject => '{"CN": true}', sans => '{}', ca => true, path_length => 0, lifetime => '1 year', policies => '["1.2.3.4"]', name_constraints =>
	'{"permitted": ["DNS:example.com", "IP:10.0.0.0/8", "IP:2001:db8::/32", "email:example.com", "URI:example.com", "dirName:O=Conformance"], "excluded": ["DNS:secret.example.com", "IP:10.1.0.0/16", "email:boss@example.com"]}');
INSERT INTO corpus SELECT 'constrained ' || ca.name, certmgr.issue_from(ca.name, 'CN=Constrained', csr => :'ec', template => 'constrained'), ca.name FROM alg ca;

-- CRLs: empty ones (roots), every reason, holds, dates of invalidity; shards with deltas.
CREATE TABLE reason (n serial, reason text, invalid timestamptz);
INSERT INTO reason (reason, invalid) VALUES ('unspecified', NULL), ('keyCompromise', now() - interval '1 day'), ('cACompromise', NULL), ('affiliationChanged', NULL), ('superseded', NULL),
	('cessationOfOperation', now() - interval '1 hour'), ('certificateHold', NULL), ('privilegeWithdrawn', NULL), ('aACompromise', NULL);
SELECT certmgr.revoke(certmgr.issue_from(ca.name, sans => '{revoked.example.com}'), reason, invalid) FROM alg ca, reason;
SELECT certmgr.alter_crl(name, url => 'http://crl.example.com/{ca}/{shard}.crl', shards => 3, delta_url => 'http://crl.example.com/{ca}/{shard}.delta', delta_lifetime => '1 hour', delay => '0')
  FROM alg WHERE name IN ('EC-P384', 'Ed25519', 'RSA-2048');
-- CA certificates apart from end entities: with shards, and without but with a delta.
SELECT certmgr.alter_crl(name, ca_url => 'http://crl.example.com/{ca}/ca.crl') FROM alg WHERE name = 'Ed25519';
SELECT certmgr.alter_crl(name, url => 'http://crl.example.com/{ca}/user.crl', ca_url => 'http://crl.example.com/{ca}/ca.crl', delta_url => 'http://crl.example.com/{ca}/user.delta', delta_lifetime => '1 hour', delay => '0')
  FROM alg WHERE name IN ('EC-P521', 'RSA-3072');
SELECT certmgr.revoke(certmgr.issue_from(name, 'CN=Lost Sub,O=Conformance', csr => :'ec', template => 'intermediate-ca'), 'cACompromise') FROM alg WHERE name IN ('Ed25519', 'EC-P521', 'RSA-3072');
CREATE TABLE held AS SELECT certmgr.issue_from(name, sans => '{held.example.com}') AS id FROM alg, generate_series(1, 12) WHERE name IN ('EC-P384', 'Ed25519', 'RSA-2048');
SELECT certmgr.revoke(id, 'certificateHold') FROM held;
SELECT certmgr.refresh_crl(name) FROM alg;
-- Released ones are removed by deltas; what is revoked afterwards is on deltas only.
SELECT certmgr.unhold(id) FROM held WHERE id % 2 = 0;
INSERT INTO corpus SELECT 'revoked ' || n || ' ' || name, certmgr.issue_from(name, sans => '{revoked.example.com}'), name FROM alg, generate_series(1, 4) n WHERE name IN ('EC-P384', 'Ed25519', 'RSA-2048');
SELECT certmgr.revoke(id, 'superseded') FROM corpus WHERE name LIKE 'revoked %';
CALL certmgr.work('20 s');
