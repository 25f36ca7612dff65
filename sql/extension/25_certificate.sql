-- Domains and not table constraints: a CHECK of a table is read anew for every
-- row that the issuing path puts (6 % of its time), and what writes there are constants of the C code.
CREATE DOMAIN certmgr.certificate_state AS text CONSTRAINT certificate_state_check CHECK (VALUE IN ('pending', 'issued', 'revoked', 'failed', 'cancelled'));
COMMENT ON DOMAIN certmgr.certificate_state IS 'states of a certificate';
CREATE DOMAIN certmgr.certificate_source AS text CONSTRAINT certificate_source_check CHECK (VALUE IN ('issued', 'imported', 'discovered', 'ca'));
COMMENT ON DOMAIN certmgr.certificate_source IS 'where a certificate comes from';

-- One row is one certificate that is, was or will be. No foreign keys to ca
-- and subscriber: each issue would lock one hot parent row in share mode
-- (multixacts under load); drop_ca and drop_subscriber check instead, under a lock.
CREATE TABLE certmgr.certificate (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	ca_id bigint,
	issuer_id bigint,
	subscriber_id bigint,
	state certmgr.certificate_state NOT NULL,
	source certmgr.certificate_source NOT NULL,
	serial bytea,
	subject text NOT NULL,
	sans text[] NOT NULL,
	usages text[] NOT NULL,
	key_algorithm text NOT NULL,
	not_before timestamptz,
	not_after timestamptz,
	created_at timestamptz NOT NULL,
	requested_by text NOT NULL,
	renewed_from bigint,
	renew_at timestamptz,
	renew_attempts int NOT NULL DEFAULT 0,
	revoked_at timestamptz,
	revocation_reason text,
	status_message text,
	metadata jsonb,
	template_id bigint,
	shard int,
	invalid_since timestamptz,
	is_ca boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX certificate_ca_id_serial_key ON certmgr.certificate (ca_id, serial);
CREATE INDEX certificate_subscriber_id_idx ON certmgr.certificate (subscriber_id, id) WHERE subscriber_id IS NOT NULL;
CREATE INDEX certificate_not_after_idx ON certmgr.certificate (not_after);
-- For certmgr.health: what is wrong, found without what is well.
CREATE INDEX certificate_renew_failed_idx ON certmgr.certificate (renew_at) WHERE renew_at IS NOT NULL AND renew_attempts > 0;
CREATE INDEX certificate_failed_idx ON certmgr.certificate (created_at) WHERE state = 'failed';
CREATE INDEX certificate_renew_at_idx ON certmgr.certificate (renew_at) WHERE renew_at IS NOT NULL;
-- What a CRL needs is in these, so that it is read without the table once that was vacuumed.
CREATE INDEX certificate_revoked_idx ON certmgr.certificate (ca_id, serial)
	INCLUDE (issuer_id, revoked_at, revocation_reason, invalid_since, not_after, is_ca) WHERE state = 'revoked';
CREATE INDEX certificate_revoked_ca_idx ON certmgr.certificate (ca_id, serial) WHERE state = 'revoked' AND is_ca;
CREATE INDEX certificate_revoked_shard_idx ON certmgr.certificate (ca_id, shard, serial)
	INCLUDE (issuer_id, revoked_at, revocation_reason, invalid_since, not_after) WHERE state = 'revoked' AND shard IS NOT NULL;
CREATE INDEX certificate_shard_idx ON certmgr.certificate (ca_id, shard, not_after) WHERE shard IS NOT NULL;
CREATE INDEX certificate_unfinished_idx ON certmgr.certificate (state, id) WHERE state IN ('pending', 'failed');
COMMENT ON TABLE certmgr.certificate IS 'every certificate there is or will be, CA certificates too; the inventory';
COMMENT ON COLUMN certmgr.certificate.ca_id IS 'the CA that issued it or will';
COMMENT ON COLUMN certmgr.certificate.issuer_id IS 'certificate of the issuer; null for a root and for external CAs';
COMMENT ON COLUMN certmgr.certificate.state IS 'pending, issued, revoked, failed or cancelled';
COMMENT ON COLUMN certmgr.certificate.source IS 'issued here or by an external CA at our request, imported, discovered, or ca for a CA''s own certificate';
COMMENT ON COLUMN certmgr.certificate.serial IS 'serial number, big endian';
COMMENT ON COLUMN certmgr.certificate.sans IS 'subject alternative names, with prefix: DNS:, IP:, email:, URI:';
COMMENT ON COLUMN certmgr.certificate.renewed_from IS 'the certificate this one replaces';
COMMENT ON COLUMN certmgr.certificate.renew_at IS 'when the worker renews it; null: never, or done';
COMMENT ON COLUMN certmgr.certificate.template_id IS 'the template it was issued by, if any';
COMMENT ON COLUMN certmgr.certificate.shard IS 'the shard of the CA''s CRL that it would be on, chosen when it was issued (certmgr.crl_scope); null: the list of all';
COMMENT ON COLUMN certmgr.certificate.is_ca IS 'it is a CA''s (basicConstraints): which of the lists it would be on where those of CAs and of end entities are apart';
COMMENT ON COLUMN certmgr.certificate.invalid_since IS 'when the key is known or suspected to have been compromised (invalidityDate of the CRL entry)';
COMMENT ON COLUMN certmgr.certificate.status_message IS 'what happened last and what comes next, in plain words';

CREATE TABLE certmgr.certificate_body (
	certificate_id bigint PRIMARY KEY,
	der bytea,
	fingerprint bytea,
	chain bytea,
	spki bytea,
	csr bytea,
	sealed_key bytea
);
COMMENT ON TABLE certmgr.certificate_body IS 'the bytes of a certificate, apart so that the inventory stays slim; written when the issuing transaction commits';
COMMENT ON COLUMN certmgr.certificate_body.fingerprint IS 'SHA-256 of der';
COMMENT ON COLUMN certmgr.certificate_body.chain IS 'issuers as an external CA sent them, DER one after the other';
COMMENT ON COLUMN certmgr.certificate_body.spki IS 'public key of a certificate that is still pending';
COMMENT ON COLUMN certmgr.certificate_body.csr IS 'certification request, DER';
COMMENT ON COLUMN certmgr.certificate_body.sealed_key IS 'private key if it was made here, sealed; no role may read it';

CREATE TABLE certmgr.audit_event (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at timestamptz NOT NULL,
	actor text NOT NULL,
	action text NOT NULL,
	object_type text NOT NULL,
	object_id bigint,
	detail jsonb
);
COMMENT ON TABLE certmgr.audit_event IS 'one row an operation, written by the transaction that did it';
