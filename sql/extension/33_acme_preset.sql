-- ACME servers that are known by name, and in what they differ: data, so that
-- no code asks which CA it is. Rows that came with the extension are shipped;
-- a row of the same key that is not shipped wins over it.
CREATE FUNCTION certmgr_private.check_acme_quirk(key text, value jsonb) RETURNS boolean LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'certmgr_check_acme_quirk';
COMMENT ON FUNCTION certmgr_private.check_acme_quirk(text, jsonb) IS 'true, or an error that says what is wrong with this quirk';

CREATE TABLE certmgr.acme_preset (
	name text NOT NULL CONSTRAINT acme_preset_name_check CHECK (name <> ''),
	shipped boolean NOT NULL DEFAULT false,
	title text NOT NULL,
	like_preset text,
	directory_url text,
	directory_pattern text,
	pattern_order int NOT NULL DEFAULT 1,
	eab_url text,
	retired text,
	note text,
	PRIMARY KEY (name, shipped)
);
COMMENT ON TABLE certmgr.acme_preset IS 'ACME servers by name, for create_acme_ca(preset => ...), and by the URL of their directory';
COMMENT ON COLUMN certmgr.acme_preset.shipped IS 'came with the extension; a row of your own with the same name wins';
COMMENT ON COLUMN certmgr.acme_preset.like_preset IS 'its quirks are those of this preset, but for what it says itself';
COMMENT ON COLUMN certmgr.acme_preset.directory_url IS 'null: every installation has its own, create_acme_ca(directory_url => ...) says it';
COMMENT ON COLUMN certmgr.acme_preset.directory_pattern IS 'LIKE pattern: a CA without preset whose directory_url matches is treated as this one';
COMMENT ON COLUMN certmgr.acme_preset.pattern_order IS 'where several patterns match the lowest counts';
COMMENT ON COLUMN certmgr.acme_preset.eab_url IS 'where a key for external account binding is had for a mail address (POST email=)';
COMMENT ON COLUMN certmgr.acme_preset.retired IS 'why it is of no use any more';

CREATE TABLE certmgr.acme_quirk (
	preset text NOT NULL,
	key text NOT NULL,
	shipped boolean NOT NULL DEFAULT false,
	value jsonb NOT NULL,
	note text,
	PRIMARY KEY (preset, key, shipped),
	CONSTRAINT acme_quirk_value_check CHECK (certmgr_private.check_acme_quirk(key, value))
);
COMMENT ON TABLE certmgr.acme_quirk IS 'in what an ACME server differs from what the RFCs say; the "quirks" of a CA''s configuration win over these';
COMMENT ON COLUMN certmgr.acme_quirk.shipped IS 'came with the extension; a row of your own with the same preset and key wins';

INSERT INTO certmgr.acme_preset (shipped, name, title, like_preset, directory_url, directory_pattern, pattern_order, eab_url, retired, note) VALUES
	(true, 'letsencrypt', 'Let''s Encrypt', NULL, 'https://acme-v02.api.letsencrypt.org/directory', 'https://acme-v02.api.letsencrypt.org/%', 1, NULL, NULL, NULL),
	(true, 'letsencrypt-staging', 'Let''s Encrypt (staging)', 'letsencrypt', 'https://acme-staging-v02.api.letsencrypt.org/directory', 'https://acme-staging-v02.api.letsencrypt.org/%', 1, NULL, NULL,
	 'certificates that nobody trusts, limits a hundred times as high'),
	(true, 'zerossl', 'ZeroSSL', NULL, 'https://acme.zerossl.com/v2/DV90', 'https://acme.zerossl.com/%', 1, 'https://api.zerossl.com/acme/eab-credentials-email', NULL, 'CAA name: sectigo.com'),
	(true, 'google', 'Google Trust Services', NULL, 'https://dv.acme-v02.api.pki.goog/directory', 'https://dv.acme-v02.api.pki.goog/%', 1, NULL, NULL,
	 'external account binding: gcloud publicca external-account-keys create; a key serves once, within 7 days'),
	(true, 'google-staging', 'Google Trust Services (staging)', 'google', 'https://dv.acme-v02.test-api.pki.goog/directory', 'https://dv.acme-v02.test-api.pki.goog/%', 1, NULL, NULL, NULL),
	(true, 'sslcom', 'SSL.com (RSA)', NULL, 'https://acme.ssl.com/sslcom-dv-rsa', 'https://acme.ssl.com/%', 1, NULL, NULL,
	 'a free certificate has one name and its www; with money in the account a certificate of a year is charged'),
	(true, 'sslcom-ecc', 'SSL.com (ECC)', 'sslcom', 'https://acme.ssl.com/sslcom-dv-ecc', 'https://acme.ssl.com/sslcom-dv-ecc%', 0, NULL, NULL, NULL),
	(true, 'sectigo', 'Sectigo (DV)', NULL, 'https://acme.sectigo.com/v2/DV', 'https://acme.sectigo.com/%', 1, NULL, NULL, 'external account binding from Sectigo Certificate Manager'),
	(true, 'sectigo-enterprise', 'Sectigo Enterprise', 'sectigo', NULL, 'https://acme.enterprise.sectigo.com/%', 1, NULL, NULL, NULL),
	(true, 'digicert', 'DigiCert', NULL, 'https://one.digicert.com/mpki/api/v1/acme/v2/directory', 'https://%.digicert.com/%', 1, NULL, NULL, 'what is behind the ? of the directory''s URL belongs to it'),
	(true, 'aws', 'AWS Certificate Manager', NULL, NULL, 'https://acm-acme-enroll.%.api.aws/%', 1, NULL, NULL, 'names are authorized beforehand: orders are ready at once'),
	(true, 'globalsign', 'GlobalSign Atlas', NULL, 'https://emea.acme.atlas.globalsign.com/directory', 'https://%.acme.atlas.globalsign.com/%', 1, NULL, NULL, NULL),
	(true, 'actalis', 'Actalis', NULL, 'https://acme-api.actalis.com/acme/directory', 'https://acme-api.actalis.com/%', 1, NULL, NULL, NULL),
	(true, 'vault', 'HashiCorp Vault, OpenBao', NULL, NULL, 'https://%/v1/%/acme/directory', 2, NULL, NULL, 'the mount must pass the headers Replay-Nonce, Location and Link'),
	(true, 'step-ca', 'step-ca', NULL, NULL, 'https://%/acme/%/directory', 3, NULL, NULL, NULL),
	(true, 'caddy', 'Caddy''s acme_server', 'step-ca', NULL, 'https://%/acme/local/directory', 2, NULL, NULL, NULL),
	(true, 'pebble', 'Pebble', NULL, NULL, 'https://%/dir', 3, NULL, NULL, 'a server for tests'),
	(true, 'buypass', 'Buypass Go SSL', NULL, NULL, 'https://api.buypass.com/%', 1, NULL, 'Buypass ended its ACME service on 2025-10-31', NULL);

INSERT INTO certmgr.acme_quirk (shipped, preset, key, value, note) VALUES
	(true, 'letsencrypt', 'order_reuse', 'true', 'the same open order for the same account, names and profile'),
	(true, 'letsencrypt', 'polls', '[800, 1200, 2000, 3000, 5000, 8000, 13000, 15000]', 'validation from several places takes a second'),
	(true, 'letsencrypt', 'ip', 'true', 'with profile shortlived'),
	(true, 'letsencrypt', 'request_rate', '100', 'the edge refuses 250 a second and above'),
	(true, 'letsencrypt', 'request_burst', '50', NULL),
	(true, 'letsencrypt', 'nonce_rate', '15', 'new-nonce: the edge lets 20 a second and a burst of 10 pass'),
	(true, 'letsencrypt', 'nonce_burst', '8', NULL),
	(true, 'zerossl', 'eab_required', 'true', NULL),
	(true, 'zerossl', 'retry_after_cap', '30000', 'says a day, is ready in minutes'),
	(true, 'zerossl', 'polls', '[3000, 5000, 8000, 15000, 30000, 60000]', 'seven requests a second are too many'),
	(true, 'zerossl', 'request_rate', '5', 'seven a second are answered with 429'),
	(true, 'zerossl', 'request_burst', '5', NULL),
	(true, 'zerossl', 'processing_max', '168', 'processing has been seen for days'),
	(true, 'zerossl', 'key_change', 'false', 'answers 500'),
	(true, 'google', 'eab_required', 'true', NULL),
	(true, 'google', 'eab_single_use', 'true', 'a key serves for one account'),
	(true, 'google', 'validity', 'true', '1 to 90 days by notAfter'),
	(true, 'google', 'idn', 'false', NULL),
	(true, 'google', 'request_rate', '10', 'harsh 429'),
	(true, 'google', 'request_burst', '10', NULL),
	(true, 'google', 'polls', '[1000, 2000, 3000, 5000, 8000, 15000]', NULL),
	(true, 'sslcom', 'eab_required', 'true', 'its directory says no'),
	(true, 'sslcom', 'contact_required', 'true', 'without: badCSR at finalize'),
	(true, 'sslcom', 'key_change', 'false', 'broken'),
	(true, 'sslcom', 'names_max', '2', 'the free product: a name and its www'),
	(true, 'sslcom', 'wildcards', 'false', 'the free product'),
	(true, 'sslcom', 'polls', '[2000, 3000, 5000, 8000, 15000]', NULL),
	(true, 'sectigo', 'eab_required', 'true', NULL),
	(true, 'sectigo', 'finalize_timeout', '180000', 'signs while we wait, 30 to 45 s and more'),
	(true, 'sectigo', 'processing_max', '168', NULL),
	(true, 'digicert', 'eab_required', 'true', 'one a profile'),
	(true, 'digicert', 'processing_max', '168', 'organisation checks take days'),
	(true, 'aws', 'eab_required', 'true', NULL),
	(true, 'globalsign', 'eab_required', 'true', NULL),
	(true, 'actalis', 'eab_required', 'true', NULL),
	(true, 'vault', 'ari', 'false', NULL),
	(true, 'vault', 'profiles', 'false', NULL),
	(true, 'vault', 'ip', 'true', NULL),
	(true, 'vault', 'key_change', 'false', 'answers 404, though its directory has the URL'),
	(true, 'vault', 'eab_single_use', 'true', 'a key of acme/new-eab serves for one account'),
	(true, 'step-ca', 'in_flight', '1', 'answers 500 to two orders of one account at a time'),
	(true, 'step-ca', 'challenge_repost', 'true', 'a challenge stays pending with an error until it is answered again'),
	(true, 'step-ca', 'optimistic_finalize', 'true', 'validates within the request'),
	(true, 'step-ca', 'key_change', 'false', 'answers 501, though its directory has the URL'),
	(true, 'step-ca', 'validity', 'true', NULL),
	(true, 'step-ca', 'ip', 'true', NULL),
	(true, 'step-ca', 'ari', 'false', NULL),
	(true, 'step-ca', 'profiles', 'false', NULL),
	(true, 'pebble', 'validity', 'true', NULL),
	(true, 'pebble', 'ip', 'true', NULL);

-- What applies to a CA with this configuration: its own quirks, then those of its preset, then those of the preset that one is like.
CREATE FUNCTION certmgr_private.acme_preset_of(config jsonb) RETURNS text LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp AS $$
	SELECT COALESCE(config->>'preset',
		(SELECT p.name FROM certmgr.acme_preset p WHERE config->>'directory_url' LIKE p.directory_pattern ORDER BY p.pattern_order, p.shipped, p.name LIMIT 1))
$$;
COMMENT ON FUNCTION certmgr_private.acme_preset_of(jsonb) IS 'the preset of a CA: what its configuration says, or the one whose directory it has';

CREATE FUNCTION certmgr_private.acme_presets_of(config jsonb, OUT name text, OUT depth int) RETURNS SETOF record LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp AS $$
	WITH RECURSIVE chain AS (
		SELECT certmgr_private.acme_preset_of(config) AS name, 0 AS depth
		UNION ALL
		SELECT (SELECT p.like_preset FROM certmgr.acme_preset p WHERE p.name = chain.name ORDER BY p.shipped LIMIT 1), chain.depth + 1
		  FROM chain WHERE chain.name IS NOT NULL AND chain.depth < 4)
	SELECT chain.name, chain.depth FROM chain WHERE chain.name IS NOT NULL
$$;
COMMENT ON FUNCTION certmgr_private.acme_presets_of(jsonb) IS 'the preset of a CA, and those that it is like';

CREATE FUNCTION certmgr_private.acme_quirks(config jsonb, OUT key text, OUT value jsonb, OUT source text) RETURNS SETOF record LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp AS $$
	SELECT DISTINCT ON (x.key) x.key, x.value, x.source FROM (
		SELECT q.key, q.value, 'ca' AS source, -1 AS depth, false AS shipped
		  FROM jsonb_each(CASE jsonb_typeof(config->'quirks') WHEN 'object' THEN config->'quirks' ELSE '{}' END) q
		UNION ALL
		SELECT q.key, q.value, 'preset ' || q.preset, p.depth, q.shipped FROM certmgr_private.acme_presets_of(config) p JOIN certmgr.acme_quirk q ON q.preset = p.name) x
	 ORDER BY x.key, x.depth, x.shipped
$$;
COMMENT ON FUNCTION certmgr_private.acme_quirks(jsonb) IS 'the quirks of a CA with this configuration, and where they come from';

CREATE VIEW certmgr.acme_ca_quirk WITH (security_barrier) AS
SELECT a.name AS ca, certmgr_private.acme_preset_of(a.config) AS preset, q.key, q.value, q.source
  FROM certmgr.ca a CROSS JOIN LATERAL certmgr_private.acme_quirks(a.config) q
 WHERE a.type = 'acme';
COMMENT ON VIEW certmgr.acme_ca_quirk IS 'quirks of each ACME CA as the worker uses them, and where they come from; SELECT certmgr.alter_acme_ca(name, quirks => ...) sets own ones';
