-- Forms that other programs want, and certificates from elsewhere.
CREATE FUNCTION certmgr.certificate_der(certificate bigint) RETURNS bytea LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'certmgr_certificate_der';
COMMENT ON FUNCTION certmgr.certificate_der(bigint) IS 'the certificate (DER)';
CREATE FUNCTION certmgr.private_key_pem(certificate bigint, password text) RETURNS text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_private_key_encrypted_pem';
COMMENT ON FUNCTION certmgr.private_key_pem(bigint, text) IS
	'the private key under a password (PEM, encrypted PKCS#8: PBES2 with PBKDF2, HMAC-SHA-256 and AES-256-CBC); for the subscriber''s owner and administrators; every call is audited';
CREATE FUNCTION certmgr.pkcs12(certificate bigint, password text, profile text DEFAULT 'modern', friendly_name text DEFAULT NULL) RETURNS bytea
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_pkcs12';
COMMENT ON FUNCTION certmgr.pkcs12(bigint, text, text, text) IS
	'a PKCS #12 file (RFC 7292) with key, certificate and issuers without the root; profile modern: AES-256 and SHA-256, legacy: 3DES and SHA-1 for old Java, Windows and macOS; every call is audited';
CREATE FUNCTION certmgr.pkcs7(certificate bigint, with_root boolean DEFAULT false) RETURNS bytea LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'certmgr_pkcs7';
COMMENT ON FUNCTION certmgr.pkcs7(bigint, boolean) IS 'the certificate and its issuers as a certs-only PKCS #7 (DER, RFC 2315): what Windows and Java call .p7b';
CREATE FUNCTION certmgr.describe(pem text) RETURNS jsonb LANGUAGE c STRICT STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'certmgr_describe';
COMMENT ON FUNCTION certmgr.describe(text) IS 'what is in a certificate (an array for several) or a certification request, whose proof of possession is checked; nothing is stored';
CREATE FUNCTION certmgr.fingerprint(pem text, digest text DEFAULT 'sha256') RETURNS bytea LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'certmgr_fingerprint';
COMMENT ON FUNCTION certmgr.fingerprint(text, text) IS 'digest (sha256, sha384, sha512, sha1) of the DER of a certificate, as browsers show it';
CREATE FUNCTION certmgr.jwk_thumbprint(pem text) RETURNS text LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'certmgr_jwk_thumbprint';
COMMENT ON FUNCTION certmgr.jwk_thumbprint(text) IS 'JWK thumbprint (RFC 7638, base64url SHA-256) of the public key of a certificate';
CREATE FUNCTION certmgr.tlsa_record(certificate bigint, port int DEFAULT 443, protocol text DEFAULT 'tcp', usage int DEFAULT 3, selector int DEFAULT 1,
	matching_type int DEFAULT 1, host text DEFAULT NULL) RETURNS SETOF text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_tlsa_record';
COMMENT ON FUNCTION certmgr.tlsa_record(bigint, int, text, int, int, int, text) IS
	'TLSA records (DANE, RFC 6698) for each host name of the certificate, or for host: usage 3 (DANE-EE) or 1 (PKIX-EE); selector 0 the certificate, 1 its key; matching type 0 in full, 1 SHA-256, 2 SHA-512';
CREATE FUNCTION certmgr.sshfp_record(certificate bigint, host text DEFAULT NULL) RETURNS SETOF text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_sshfp_record';
COMMENT ON FUNCTION certmgr.sshfp_record(bigint, text) IS 'SSHFP records (RFC 4255, SHA-256) for an SSH server that uses the key of the certificate';

CREATE FUNCTION certmgr.import_certificate(certificate text, private_key text DEFAULT NULL, password text DEFAULT NULL, subscriber text DEFAULT NULL, metadata jsonb DEFAULT NULL)
	RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_import_certificate';
COMMENT ON FUNCTION certmgr.import_certificate(text, text, text, text, jsonb) IS
	'takes a certificate (PEM; issuers may follow) into the inventory, with its private key (PEM; encrypted with a password) if given, which is sealed. Returns its id; that of the row that is there already for the same certificate, which gets the key if it has none. With a subscriber its template is asked (column external)';
CREATE FUNCTION certmgr.import_bundle(bundle text) RETURNS SETOF bigint LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'certmgr_import_bundle';
COMMENT ON FUNCTION certmgr.import_bundle(text) IS 'takes every certificate of a PEM bundle (at most 1000) into the inventory, each for itself. Returns their ids';
