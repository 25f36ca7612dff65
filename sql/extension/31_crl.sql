-- Issuers of a private CA: its certificates and the keys they certify. A CA that got a
-- new key goes on signing lists with the old one until what that signed is gone.
CREATE TABLE certmgr.issuer (
	certificate_id bigint PRIMARY KEY REFERENCES certmgr.certificate,
	ca_id bigint NOT NULL REFERENCES certmgr.ca,
	key_id bigint NOT NULL REFERENCES certmgr_private.key,
	chain bytea,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
CREATE INDEX issuer_ca_id_idx ON certmgr.issuer (ca_id, key_id);
CREATE INDEX issuer_key_id_idx ON certmgr.issuer (key_id);
COMMENT ON TABLE certmgr.issuer IS 'certificates under which a private CA issued, with their keys: who signs CRLs and OCSP answers for what; of a CA without its key (import_ca) the certificates that it is known by';
COMMENT ON COLUMN certmgr.issuer.chain IS 'what an administrator wants sent with certificates under this key (set_chain): DER one after the other, the CA''s own first; null: it is found';

CREATE TABLE certmgr.crl_scope (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	ca_id bigint NOT NULL REFERENCES certmgr.ca,
	key_id bigint NOT NULL REFERENCES certmgr_private.key,
	shard int CONSTRAINT crl_scope_shard_check CHECK (shard >= 0),
	covers text NOT NULL CONSTRAINT crl_scope_covers_check CHECK (covers IN ('all', 'ca', 'user')),
	url text,
	open boolean NOT NULL,
	finished_at timestamptz,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	UNIQUE (ca_id, shard)
);
CREATE UNIQUE INDEX crl_scope_full_key ON certmgr.crl_scope (ca_id, key_id, covers) WHERE shard IS NULL;
COMMENT ON TABLE certmgr.crl_scope IS 'what one series of CRLs covers: all certificates under a key of a CA, those of CAs or those of end entities alone, or one shard of them. A shard is never used again for another key or address, so certificates that name it stay covered';
COMMENT ON COLUMN certmgr.crl_scope.shard IS 'number within the CA; null: no shard';
COMMENT ON COLUMN certmgr.crl_scope.covers IS 'all, ca (onlyContainsCACerts) or user (onlyContainsUserCerts): which certificates the issuing distribution point says these CRLs are for';
COMMENT ON COLUMN certmgr.crl_scope.url IS 'address template that certificates of the shard and its CRLs (issuing distribution point) name';
COMMENT ON COLUMN certmgr.crl_scope.open IS 'new certificates are put here';
COMMENT ON COLUMN certmgr.crl_scope.finished_at IS 'its last certificate has expired and the last CRL is signed';

CREATE TABLE certmgr.crl (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	ca_id bigint NOT NULL REFERENCES certmgr.ca,
	scope_id bigint NOT NULL REFERENCES certmgr.crl_scope,
	number bigint NOT NULL,
	base_number bigint,
	this_update timestamptz NOT NULL,
	next_update timestamptz NOT NULL,
	entries bigint NOT NULL,
	der bytea NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
-- Serials are random: trying to compress them costs more than to sign them.
ALTER TABLE certmgr.crl ALTER COLUMN der SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX crl_complete_key ON certmgr.crl (scope_id, number) WHERE base_number IS NULL;
CREATE UNIQUE INDEX crl_delta_key ON certmgr.crl (scope_id, number) WHERE base_number IS NOT NULL;
CREATE INDEX crl_ca_id_idx ON certmgr.crl (ca_id, number);
COMMENT ON TABLE certmgr.crl IS 'signed certificate revocation lists, newest number counts';
COMMENT ON COLUMN certmgr.crl.number IS 'CRLNumber: microseconds since 1970, never falling, also after a restore';
COMMENT ON COLUMN certmgr.crl.base_number IS 'of a delta: the number of the complete CRL that it changes; null: this is a complete one';

-- Appended to by revocations, without a lock that others would wait for; emptied by who signs.
CREATE TABLE certmgr_private.crl_change (
	ca_id bigint NOT NULL,
	shard int,
	is_ca boolean NOT NULL DEFAULT false,
	at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	event text,
	certificate_id bigint,
	subscriber_id bigint
);
CREATE INDEX crl_change_ca_id_idx ON certmgr_private.crl_change (ca_id, at);
COMMENT ON TABLE certmgr_private.crl_change IS 'revocations and releases that no CRL has yet';
COMMENT ON COLUMN certmgr_private.crl_change.event IS 'what is sent by NOTIFY with the CRL; null: it was sent already';
