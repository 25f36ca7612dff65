-- DNS providers: which one writes what, leftovers, kinds of challenges ---------

CREATE FUNCTION certmgr.set_dns_zone(zone text, dns_provider text) RETURNS void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_set_dns_zone';
COMMENT ON FUNCTION certmgr.set_dns_zone(text, text) IS
	'lets this DNS provider write the TXT records in and below a zone, whatever CA asks for them; names in no such zone are written by the CA''s own provider. dns_provider NULL: not any more';
CREATE FUNCTION certmgr.alter_dns_provider(name text, config jsonb, secret text DEFAULT NULL) RETURNS void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_alter_dns_provider';
COMMENT ON FUNCTION certmgr.alter_dns_provider(text, jsonb, text) IS
	'replaces the configuration of a DNS provider, and its credential, which must be given again if it has one; what had failed with the former ones is tried at once. The credential alone: set_secret(''dns_provider:NAME'', ...)';
CREATE FUNCTION certmgr.sweep_dns(dns_provider text DEFAULT NULL) RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_sweep_dns';
COMMENT ON FUNCTION certmgr.sweep_dns(text) IS
	'makes the worker remove at once the TXT records that orders left behind (it tries by itself, for ever, with pauses). Returns how many there are';
CREATE FUNCTION certmgr.set_challenge_type(ca text, challenge_type text) RETURNS void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_set_challenge_type';
COMMENT ON FUNCTION certmgr.set_challenge_type(text, text) IS
	'how names are proven to an ACME CA: dns-01 (default), dns-account-01 (a label of the account''s own, so that two clients share a name), dns-persist-01 (a standing record, nothing is written: see dns_persist_record), http-01 and tls-alpn-01 (answered by certmgr.http_challenge_listen, tls_alpn_challenge_listen or a web server with http_challenge(); addresses too, no wildcards). For orders made from now on';
CREATE FUNCTION certmgr.dns_persist_record(ca text, name text, persist_until timestamptz DEFAULT NULL, issuer text DEFAULT NULL,
	OUT record_name text, OUT record_value text) RETURNS record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_dns_persist_record';
COMMENT ON FUNCTION certmgr.dns_persist_record(text, text, timestamptz, text) IS
	'the TXT record that lets our account at that CA have certificates for a name (dns-persist-01) until then, or for ever; *.name: for all names below as well. issuer: what the CA calls itself in DNS, by default the first of its CAA identities';
CREATE PROCEDURE certmgr.check_dns_provider(name text, zone text, timeout interval DEFAULT '3 min', INOUT ok boolean DEFAULT NULL, INOUT message text DEFAULT NULL)
	LANGUAGE c AS 'MODULE_PATHNAME', 'certmgr_check_dns_provider';
COMMENT ON PROCEDURE certmgr.check_dns_provider(text, text, interval, boolean, text) IS
	'lets the worker add a probe TXT record in that zone, see it at all name servers and remove it; waits for the result and commits while it waits. What failed, and which permission is missing, is in message; every step is in certmgr.dns_provider_check';
CREATE FUNCTION certmgr.set_caa_identities(ca text, identities text[]) RETURNS void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_set_caa_identities';
COMMENT ON FUNCTION certmgr.set_caa_identities(text, text[]) IS
	'what an ACME CA calls itself in CAA records (its documentation says it; Let''s Encrypt: letsencrypt.org). NULL: what its directory says (certmgr.acme_ca_status shows it); {}: CAA records are not looked at. An order is refused here, before anything is asked of the CA, when the CAA records of a name (RFC 8659, RFC 8657: account and method) do not allow it';
