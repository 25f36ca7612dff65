CREATE FUNCTION certmgr.set_fallback(subscriber text, cas text[], after interval DEFAULT '1 hour') RETURNS void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_set_fallback';
COMMENT ON FUNCTION certmgr.set_fallback(text, text[], interval) IS
	'when an ACME CA has not delivered a certificate of this subscriber in that time, or failed, it is ordered from these ACME CAs as well, one after the other. The first order goes on: what comes late is stored, marked and not renewed. {}: no fallback';
