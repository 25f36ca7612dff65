-- Rate limits: set, asked about ---------------------------------------------

CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON certmgr.acme_limit FOR EACH STATEMENT EXECUTE FUNCTION certmgr_private.invalidate();

CREATE FUNCTION certmgr.set_acme_limit(ca text, scope text, burst int, period interval) RETURNS void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_set_acme_limit';
COMMENT ON FUNCTION certmgr.set_acme_limit(text, text, int, interval) IS
	'a CA takes at most burst things in any period; scopes: account_orders, domain_certificates, set_certificates, name_failures. burst NULL: what is published for its preset counts again';

CREATE FUNCTION certmgr.forecast(ca text, orders int DEFAULT 1, names text[][] DEFAULT NULL, OUT scope text, OUT key text, OUT wanted int, OUT ready_at timestamptz)
	RETURNS SETOF record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_forecast';
COMMENT ON FUNCTION certmgr.forecast(text, int, text[][]) IS
	'when a batch of orders would be through by the CA''s rate limits: a row a limit that it touches, the batch is through when the last is. names: a row of names an order (NULLs fill it up), each a new certificate; without names only orders of the account count';

CREATE VIEW certmgr.acme_ca_status WITH (security_barrier) AS
SELECT a.name AS ca, certmgr_private.acme_preset_of(a.config) AS preset, t.state AS account, t.url AS account_url, t.status_message, t.rollover,
	   CASE WHEN b.ca_id IS NULL THEN 'closed' WHEN b.open_until > pg_catalog.clock_timestamp() THEN 'open' ELSE 'half-open' END AS breaker,
	   b.open_until, b.reason,
	   (SELECT pg_catalog.count(*) FROM certmgr.acme_limit_state s WHERE s.ca_id = a.id AND s.parked_until > pg_catalog.clock_timestamp()) AS parked,
	   certmgr_private.caa_identities(a.config, t.caa_identities) AS caa_identities
  FROM certmgr.ca a
  LEFT JOIN certmgr.acme_account t ON t.ca_id = a.id AND t.active
  LEFT JOIN certmgr.acme_breaker b ON b.ca_id = a.id
 WHERE a.type = 'acme';
COMMENT ON VIEW certmgr.acme_ca_status IS 'each ACME CA: its account, whether it answers (breaker closed), and how many rate limits it has said are used up, and what it calls itself in CAA records';
