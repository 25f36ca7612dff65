-- Who an OCSP request speaks of: hashes of name and key, in each algorithm that a CertID may use.
CREATE TABLE certmgr.issuer_hash (
	key_hash bytea,
	name_hash bytea,
	ca_id bigint NOT NULL REFERENCES certmgr.ca,
	key_id bigint NOT NULL REFERENCES certmgr_private.key,
	PRIMARY KEY (key_hash, name_hash)
);
COMMENT ON TABLE certmgr.issuer_hash IS 'issuers by the hashes that OCSP requests name them by (SHA-1, SHA-256, SHA-384, SHA-512)';

CREATE TABLE certmgr.ocsp_signer (
	certificate_id bigint PRIMARY KEY REFERENCES certmgr.certificate,
	ca_id bigint NOT NULL REFERENCES certmgr.ca,
	issuer_key_id bigint NOT NULL REFERENCES certmgr_private.key,
	key_id bigint NOT NULL REFERENCES certmgr_private.key,
	not_before timestamptz NOT NULL,
	not_after timestamptz NOT NULL
);
CREATE INDEX ocsp_signer_issuer_idx ON certmgr.ocsp_signer (ca_id, issuer_key_id, not_after);
COMMENT ON TABLE certmgr.ocsp_signer IS 'delegated signers of OCSP answers: certificates that a CA''s key issued for that, made and replaced by the worker';

-- Answers that were signed before. One counts only while it says what the certificate's row
-- says, so nothing needs to be deleted here when that changes. Unlogged: a crash costs some signatures.
CREATE UNLOGGED TABLE certmgr_private.ocsp_response (
	certificate_id bigint NOT NULL,
	form int NOT NULL,
	status bigint NOT NULL,
	this_update timestamptz NOT NULL,
	next_update timestamptz NOT NULL,
	der bytea NOT NULL,
	PRIMARY KEY (certificate_id, form)
) WITH (fillfactor = 80);
CREATE INDEX ocsp_response_next_update_idx ON certmgr_private.ocsp_response (next_update);
ALTER TABLE certmgr_private.ocsp_response ALTER COLUMN der SET STORAGE EXTERNAL;
COMMENT ON TABLE certmgr_private.ocsp_response IS 'signed OCSP answers without a nonce, one for each certificate and form of asking';
COMMENT ON COLUMN certmgr_private.ocsp_response.form IS 'hash algorithm of the CertID, and whether it has parameters';
COMMENT ON COLUMN certmgr_private.ocsp_response.status IS '0: good; otherwise time and reason of the revocation in one number';
