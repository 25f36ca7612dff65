-- External CAs without their servers: presets, quirks, arguments, every error. CAs are made in transactions that are rolled back, so
-- that the worker of this cluster never sees them.
SET client_min_messages = warning;
\set VERBOSITY terse

-- presets and quirks that come with the extension
SELECT name, directory_url, retired FROM certmgr.acme_preset WHERE name IN ('letsencrypt', 'zerossl', 'buypass', 'step-ca') ORDER BY name;
SELECT count(*) FILTER (WHERE NOT shipped) AS own, count(*) > 10 AS many FROM certmgr.acme_preset;
INSERT INTO certmgr.acme_quirk (preset, key, value) VALUES ('zerossl', 'no_such_quirk', '1');
INSERT INTO certmgr.acme_quirk (preset, key, value) VALUES ('zerossl', 'in_flight', '"many"');

-- by the directory's URL
BEGIN;
SELECT certmgr.create_acme_ca('aq step', 'https://ca.example.test:9000/acme/acme/directory') IS NOT NULL AS made;
SELECT certmgr.create_acme_ca('aq caddy', 'https://ca.example.test/acme/local/directory') IS NOT NULL AS made;
SELECT certmgr.create_acme_ca('aq staging', 'https://acme-staging-v02.api.letsencrypt.org/directory') IS NOT NULL AS made;
SELECT certmgr.create_acme_ca('aq other', 'https://ca.example.test/directory') IS NOT NULL AS made;
SELECT ca, preset, key, value, source FROM certmgr.acme_ca_quirk WHERE ca LIKE 'aq %' ORDER BY ca, key;
-- a row of ours wins over a shipped one
INSERT INTO certmgr.acme_quirk (preset, key, value) VALUES ('letsencrypt', 'order_reuse', 'false');
SELECT key, value, source FROM certmgr.acme_ca_quirk WHERE ca = 'aq staging' AND key = 'order_reuse';
ROLLBACK;

-- presets: a name instead of a URL; all of it is rolled back, an error does not end the transaction
BEGIN;
\set ON_ERROR_ROLLBACK on
SELECT certmgr.create_acme_ca('ap le', preset => 'letsencrypt', contacts => '{a@example.com}', profile => 'shortlived', profile_policy => 'preferred', preferred_chain => 'ISRG Root X1') IS NOT NULL AS made;
SELECT certmgr.create_acme_ca('ap step', 'https://ca.example.test/x/directory', preset => 'step-ca', quirks => '{"in_flight": 2}') IS NOT NULL AS made;
SELECT certmgr.create_acme_ca('ap eab', preset => 'google', eab_kid => 'kid', eab_hmac_key => 'c2VjcmV0+/8=', eab_algorithm => 'HS512', account_key_algorithm => 'RSA-2048') IS NOT NULL AS made;
SELECT name, state, config FROM certmgr.ca WHERE name LIKE 'ap %' ORDER BY name;
SELECT c.name, a.state, a.step, a.active, a.contacts, a.terms_of_service_agreed, a.eab_kid, a.eab_algorithm, a.eab_secret_id IS NOT NULL AS sealed, k.algorithm
  FROM certmgr.acme_account a JOIN certmgr.ca c ON c.id = a.ca_id JOIN certmgr_private.key k ON k.id = a.key_id WHERE c.name LIKE 'ap %' ORDER BY c.name;
SELECT key, value, source FROM certmgr.acme_ca_quirk WHERE ca = 'ap step' AND key = 'in_flight';
\set VERBOSITY default
SELECT certmgr.create_acme_ca('x');
SELECT certmgr.create_acme_ca(NULL, preset => 'letsencrypt');
SELECT certmgr.create_acme_ca('x', preset => 'buypass');
SELECT certmgr.create_acme_ca('x', preset => 'no such');
SELECT certmgr.create_acme_ca('x', preset => 'vault');
SELECT certmgr.create_acme_ca('x', 'http://ca.example.test/directory');
SELECT certmgr.create_acme_ca('ap le', preset => 'letsencrypt');
\set VERBOSITY terse
SELECT certmgr.create_acme_ca('x', preset => 'letsencrypt', contacts => '{"a b"}');
SELECT certmgr.create_acme_ca('x', preset => 'letsencrypt', contacts => array_fill('a@example.com'::text, '{17}'));
SELECT certmgr.create_acme_ca('x', preset => 'letsencrypt', dns_provider => 'no such');
SELECT certmgr.create_acme_ca('x', preset => 'letsencrypt', trust_anchors => 'no pem');
SELECT certmgr.create_acme_ca('x', preset => 'google', eab_kid => 'kid');
SELECT certmgr.create_acme_ca('x', preset => 'google', eab_kid => 'kid', eab_hmac_key => '!!!');
SELECT certmgr.create_acme_ca('x', preset => 'google', eab_kid => 'kid', eab_hmac_key => 'c2VjcmV0', eab_algorithm => 'none');
SELECT certmgr.create_acme_ca('x', preset => 'letsencrypt', quirks => '{"no_such": 1}');
SELECT certmgr.create_acme_ca('x', preset => 'letsencrypt', quirks => '[]');
SELECT certmgr.create_acme_ca('x', preset => 'letsencrypt', profile_policy => 'maybe');
SELECT certmgr.create_acme_ca('x', preset => 'letsencrypt', account_key_algorithm => 'DSA');
SELECT count(*) FROM certmgr.ca WHERE name = 'x';

-- alter: what is NULL stays, an empty text takes away; the CA is told of contacts only when it knows the account
SELECT certmgr.alter_acme_ca('ap le', contacts => '{b@example.com,mailto:c@example.com}', profile => '', quirks => '{"polls": [500]}');
SELECT config FROM certmgr.ca WHERE name = 'ap le';
-- quirks: one by one, null is the preset's again
SELECT certmgr.alter_acme_ca('ap le', quirks => '{"in_flight": 7, "names_max": 3}');
SELECT certmgr.alter_acme_ca('ap le', quirks => '{"polls": null, "in_flight": 8}');
SELECT config->'quirks' AS quirks FROM certmgr.ca WHERE name = 'ap le';
SELECT key, value, source FROM certmgr.acme_ca_quirk WHERE ca = 'ap le' AND key IN ('polls', 'in_flight', 'names_max') ORDER BY 1;
SELECT certmgr.alter_acme_ca('ap le', quirks => '{"names_max": null, "in_flight": null, "ari": null}');
SELECT config ? 'quirks' AS quirks FROM certmgr.ca WHERE name = 'ap le';
SELECT certmgr.alter_acme_ca('ap le', quirks => '{"names_max": 3, "ari": false}');
SELECT certmgr.alter_acme_ca('ap le', quirks => '{}');
SELECT config ? 'quirks' AS quirks FROM certmgr.ca WHERE name = 'ap le';
SELECT certmgr.alter_acme_ca('ap le', quirks => '{"no_such": null}');
SELECT certmgr.alter_acme_ca('ap le', quirks => '[]');
SELECT contacts, update_wanted FROM certmgr.acme_account a JOIN certmgr.ca c ON c.id = a.ca_id WHERE c.name = 'ap le';
UPDATE certmgr.acme_account SET state = 'valid', url = 'https://ca.example.test/acct/1' WHERE ca_id = (SELECT id FROM certmgr.ca WHERE name = 'ap le');
SELECT certmgr.alter_acme_ca('ap le', contacts => '{}');
SELECT contacts, update_wanted FROM certmgr.acme_account a JOIN certmgr.ca c ON c.id = a.ca_id WHERE c.name = 'ap le';
SELECT certmgr.alter_acme_ca('ap le', eab_kid => 'k2', eab_hmac_key => 'c2VjcmV0', eab_algorithm => 'HS384');
SELECT eab_kid, eab_algorithm, eab_secret_id IS NOT NULL AS sealed FROM certmgr.acme_account a JOIN certmgr.ca c ON c.id = a.ca_id WHERE c.name = 'ap le';
SELECT certmgr.alter_acme_ca(NULL);
SELECT certmgr.alter_acme_ca('no such');
SELECT certmgr.create_root_ca('ap private', 'CN=Private') IS NOT NULL AS made;
SELECT certmgr.alter_acme_ca('ap private', contacts => '{}');
SELECT certmgr.alter_acme_ca('ap le', dns_provider => 'no such');
SELECT certmgr.alter_acme_ca('ap le', quirks => '{"in_flight": -1}');

-- agree
SELECT certmgr.agree_terms_of_service('ap step');
SELECT terms_of_service_agreed, update_wanted FROM certmgr.acme_account a JOIN certmgr.ca c ON c.id = a.ca_id WHERE c.name = 'ap step';
SELECT certmgr.agree_terms_of_service(NULL);
SELECT certmgr.agree_terms_of_service('ap private');

-- another key
SELECT certmgr.rollover_acme_account_key('ap step');
SELECT certmgr.rollover_acme_account_key('ap eab');
SELECT certmgr.rollover_acme_account_key('ap le', 'DSA');
SELECT certmgr.rollover_acme_account_key('ap le', 'EC-P384');
SELECT a.rollover, k.algorithm FROM certmgr.acme_account a JOIN certmgr.ca c ON c.id = a.ca_id JOIN certmgr_private.key k ON k.id = a.candidate_key_id WHERE c.name = 'ap le';
SELECT certmgr.rollover_acme_account_key('ap le');
SELECT certmgr.deactivate_acme_account('ap le');
SELECT certmgr.create_acme_account('ap le');
UPDATE certmgr.acme_account SET state = 'valid', url = 'https://ca.example.test/acct/2' WHERE ca_id = (SELECT id FROM certmgr.ca WHERE name = 'ap step');
SELECT certmgr.rollover_acme_account_key('ap step');

-- given up, and another one: the former stays, the key for external account binding goes over
SELECT certmgr.deactivate_acme_account('ap eab');
SELECT certmgr.deactivate_acme_account('ap eab');
SELECT certmgr.agree_terms_of_service('ap eab');
SELECT certmgr.create_acme_account('ap eab', contacts => '{new@example.com}', key_algorithm => 'EC-P384') IS NOT NULL AS made;
SELECT a.active, a.state, a.contacts, a.eab_kid, a.eab_secret_id IS NOT NULL AS sealed FROM certmgr.acme_account a JOIN certmgr.ca c ON c.id = a.ca_id WHERE c.name = 'ap eab' ORDER BY a.id;
SELECT certmgr.create_acme_account('ap eab', eab_kid => 'x');
SELECT action, object_type, count(*) FROM certmgr.audit_event WHERE object_type = 'acme_account' GROUP BY 1, 2 ORDER BY 1;

-- only administrators
CREATE ROLE regress_acme_ca;
GRANT USAGE ON SCHEMA certmgr TO regress_acme_ca;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA certmgr TO regress_acme_ca;
SET ROLE regress_acme_ca;
SELECT certmgr.create_acme_ca('x', preset => 'letsencrypt');
SELECT certmgr.alter_acme_ca('ap le', contacts => '{}');
SELECT certmgr.agree_terms_of_service('ap le');
SELECT certmgr.create_acme_account('ap le');
SELECT certmgr.deactivate_acme_account('ap le');
SELECT certmgr.rollover_acme_account_key('ap le');
SELECT count(*) FROM certmgr.acme_quirk;
RESET ROLE;
SELECT certmgr.drop_ca('ap eab');
SELECT count(*) FROM certmgr.ca WHERE name = 'ap eab';
ROLLBACK;
\set ON_ERROR_ROLLBACK off
