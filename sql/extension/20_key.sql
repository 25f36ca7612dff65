-- Long-lived key pairs and credentials. No CHECK on these rows and row
-- security forced, so that a failing statement cannot print them.
CREATE TABLE certmgr_private.key (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	algorithm text NOT NULL,
	spki bytea NOT NULL,
	provider text NOT NULL DEFAULT 'sealed',
	sealed bytea,
	signature_algorithm text,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE certmgr_private.key IS 'long-lived key pairs: CA keys and ACME account keys';
COMMENT ON COLUMN certmgr_private.key.spki IS 'public part: SubjectPublicKeyInfo, DER';
COMMENT ON COLUMN certmgr_private.key.provider IS 'sealed: the private part is here; none: it is elsewhere, of a CA that is known by its certificate';
COMMENT ON COLUMN certmgr_private.key.signature_algorithm IS 'what it signs with; null: what such a key signs with by default';
COMMENT ON COLUMN certmgr_private.key.sealed IS 'private part under its own data key, which the master key wraps';

CREATE TABLE certmgr_private.secret (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL UNIQUE,
	sealed bytea NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	updated_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE certmgr_private.secret IS 'credentials (DNS API tokens, TSIG secrets, EAB keys), sealed';

CREATE TABLE certmgr_private.instance (
	system_identifier bigint NOT NULL,
	database oid NOT NULL,
	adopted_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	PRIMARY KEY (system_identifier, database)
);
COMMENT ON TABLE certmgr_private.instance IS 'the cluster and database whose worker may act on these rows; a copy waits for certmgr.adopt()';

ALTER TABLE certmgr_private.key ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE certmgr_private.secret ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON certmgr_private.key TO certmgr_owner USING (true);
CREATE POLICY owner ON certmgr_private.secret TO certmgr_owner USING (true);
