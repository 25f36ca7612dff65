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
