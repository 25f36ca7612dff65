-- OCSP ------------------------------------------------------------------------

CREATE FUNCTION certmgr.ocsp_response(request bytea) RETURNS bytea LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'certmgr_ocsp_response';
COMMENT ON FUNCTION certmgr.ocsp_response(bytea) IS
	'the OCSP response (RFC 6960, DER) to that request: good, revoked or unknown for each certificate it names, signed; or one that says malformedRequest, unauthorized (not a CA of ours) or tryLater. Never an error';
CREATE FUNCTION certmgr.ocsp_answer(request bytea, OUT response bytea, OUT produced_at timestamptz, OUT this_update timestamptz, OUT next_update timestamptz, OUT max_age int, OUT etag text)
	LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'certmgr_ocsp_answer';
COMMENT ON FUNCTION certmgr.ocsp_answer(bytea) IS
	'the same with what an HTTP server says along (RFC 9919): Last-Modified = this_update, Expires = next_update, Cache-Control: max-age (0: not to be cached), ETag';
CREATE FUNCTION certmgr.alter_ocsp(ca text, url text DEFAULT NULL, lifetime interval DEFAULT NULL, delegated boolean DEFAULT NULL, signer_lifetime interval DEFAULT NULL, signer_key_algorithm text DEFAULT NULL)
	RETURNS void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_alter_ocsp';
COMMENT ON FUNCTION certmgr.alter_ocsp(text, text, interval, boolean, interval, text) IS
	'how a private CA answers OCSP; what is NULL stays. url: where certificates say the responder is, empty: none; lifetime: from thisUpdate to nextUpdate (1 hour); delegated: answers are signed by certificates of their own, which the worker makes and replaces (default: when there is a url), not by the CA''s key; signer_lifetime, signer_key_algorithm: of those (14 days, EC-P256)';
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON certmgr.ocsp_signer FOR EACH STATEMENT EXECUTE FUNCTION certmgr_private.invalidate();
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON certmgr.issuer FOR EACH STATEMENT EXECUTE FUNCTION certmgr_private.invalidate();
