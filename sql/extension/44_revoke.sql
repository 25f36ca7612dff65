-- Revocation ------------------------------------------------------------------

CREATE FUNCTION certmgr.revoke(certificate bigint, reason text DEFAULT 'unspecified', invalidity_date timestamptz DEFAULT NULL)
	RETURNS timestamptz LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_revoke';
COMMENT ON FUNCTION certmgr.revoke(bigint, text, timestamptz) IS
	'revokes a certificate (reasons of RFC 5280 5.3.1; certificateHold can be taken back by unhold); one of an external CA is revoked there by the worker. invalidity_date: since when it must not be trusted. A second call changes nothing, unless it was on hold. Returns the time of revocation';
CREATE FUNCTION certmgr.revoke(certificates bigint[], reason text DEFAULT 'unspecified', invalidity_date timestamptz DEFAULT NULL)
	RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_revoke_many';
COMMENT ON FUNCTION certmgr.revoke(bigint[], text, timestamptz) IS
	'revokes many certificates at once: SELECT certmgr.revoke(array_agg(id), ''superseded'') FROM certmgr.certificate WHERE ...; those that are revoked already or have expired are left alone. Returns how many were revoked';
CREATE FUNCTION certmgr.revoke_serial(ca text, serial text, reason text DEFAULT 'unspecified', invalidity_date timestamptz DEFAULT NULL)
	RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_revoke_serial';
COMMENT ON FUNCTION certmgr.revoke_serial(text, text, text, timestamptz) IS
	'revokes the certificate of that CA with that serial number, hexadecimal (1f0a, 0x1f0a, 1f:0a) or decimal; digits alone mean whichever exists. Returns the certificate''s id';
CREATE FUNCTION certmgr.revoke_pem(certificate text, reason text DEFAULT 'unspecified', invalidity_date timestamptz DEFAULT NULL)
	RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_revoke_pem';
COMMENT ON FUNCTION certmgr.revoke_pem(text, text, timestamptz) IS 'revokes this certificate (PEM). Returns its id';
CREATE FUNCTION certmgr.revoke_by_key(certificate text, proof text, reason text DEFAULT 'keyCompromise', invalidity_date timestamptz DEFAULT NULL)
	RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_revoke_by_key';
COMMENT ON FUNCTION certmgr.revoke_by_key(text, text, text, timestamptz) IS
	'revokes this certificate (PEM) for whoever holds its key, whatever their role owns. proof: a certification request (PEM) signed by that key, with the subject "CN=FINGERPRINT,O=revoke" (SHA-256 of the certificate, 64 hexadecimal digits), which is good for nothing else. Returns its id';
CREATE FUNCTION certmgr.unhold(certificate bigint) RETURNS boolean LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'certmgr_unhold';
COMMENT ON FUNCTION certmgr.unhold(bigint) IS 'releases a certificate that was revoked with reason certificateHold: it is valid again, and leaves the CRLs (deltas say removeFromCRL). False when it was not on hold but valid';
