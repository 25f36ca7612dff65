-- CRLs ------------------------------------------------------------------------

CREATE FUNCTION certmgr.crl(ca text, shard int DEFAULT NULL, delta boolean DEFAULT false, format text DEFAULT 'der', issuer bigint DEFAULT NULL, covers text DEFAULT 'all')
	RETURNS bytea LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_crl';
COMMENT ON FUNCTION certmgr.crl(text, int, boolean, text, bigint, text) IS
	'the newest certificate revocation list of a private CA: complete, or the delta; of everything, or of one shard (certmgr.crl_status lists them); format der or pem; issuer: certificate of the CA whose key signs it, when not the active one; covers: ca or user, the list of CA certificates or of end entities alone where alter_crl keeps them apart. Makes the first one when there is none';
CREATE FUNCTION certmgr.crl_pem(ca text, shard int DEFAULT NULL, delta boolean DEFAULT false, issuer bigint DEFAULT NULL, covers text DEFAULT 'all')
	RETURNS text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_crl_pem';
COMMENT ON FUNCTION certmgr.crl_pem(text, int, boolean, bigint, text) IS 'the same as text (PEM)';
CREATE FUNCTION certmgr.refresh_crl(ca text) RETURNS bigint LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'certmgr_refresh_crl';
COMMENT ON FUNCTION certmgr.refresh_crl(text) IS 'signs the CRLs of a private CA now, of all shards, with their deltas; the worker does it before nextUpdate and after a revocation. Returns their number';
CREATE FUNCTION certmgr.alter_crl(ca text, lifetime interval DEFAULT NULL, url text DEFAULT NULL, shards int DEFAULT NULL, delay interval DEFAULT NULL,
	delta_lifetime interval DEFAULT NULL, delta_url text DEFAULT NULL, complete boolean DEFAULT NULL, ca_url text DEFAULT NULL)
	RETURNS void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_alter_crl';
COMMENT ON FUNCTION certmgr.alter_crl(text, interval, text, int, interval, interval, text, boolean, text) IS
	'how a private CA publishes revocations; what is NULL stays. lifetime: from thisUpdate to nextUpdate; url: where certificates say the CRL is, with {shard} in it when there are shards, empty: none; shards: how many lists new certificates are spread over; delay: how long a revocation may wait for others; delta_lifetime, delta_url: deltas, zero or empty: none; complete: also a list of everything besides the others; ca_url: where CA certificates say that their CRL is, which then is one of theirs alone (onlyContainsCACerts, without deltas), and what is at url is for end entities alone (onlyContainsUserCerts), empty: the same lists for both';
