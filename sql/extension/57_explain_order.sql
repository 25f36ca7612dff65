-- After the views, which it reads. What explain_order() says: as the owner of the extension, once the caller is known to be allowed.
CREATE FUNCTION certmgr_private.explain_order(certificate bigint, OUT at timestamptz, OUT event text) RETURNS SETOF record LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp AS $$
	SELECT x.at, x.event FROM (
		SELECT cert.created_at AS at, 0 AS sort, 0::bigint AS id,
			   format('%s was asked for by %s%s', array_to_string(cert.sans, ', '), cert.requested_by,
					  CASE WHEN cert.renewed_from IS NOT NULL THEN ', to replace certificate ' || cert.renewed_from END) AS event
		  FROM certmgr.certificate cert WHERE cert.id = explain_order.certificate
		UNION ALL
		SELECT o.created_at, 1, o.id, format('order %s at CA "%s", account %s', o.id, a.name, COALESCE(k.url, 'not registered yet'))
		  FROM certmgr.acme_order o JOIN certmgr.acme_account k ON k.id = o.account_id JOIN certmgr.ca a ON a.id = k.ca_id WHERE o.certificate_id = explain_order.certificate
		UNION ALL
		SELECT e.at, 2, e.id, format('order %s: %s %s: %s%s%s', e.order_id, e.method, e.kind, COALESCE('HTTP ' || e.status, 'no answer'), ' ' || e.problem, ' after ' || e.ms || ' ms')
		  FROM certmgr.acme_exchange e JOIN certmgr.acme_order o ON o.id = e.order_id WHERE o.certificate_id = explain_order.certificate
		UNION ALL
		SELECT e.at, 2, e.id, format('%s %s: %s%s%s', e.method, e.kind, COALESCE('HTTP ' || e.status, 'no answer'), ' ' || e.problem, ' after ' || e.ms || ' ms')
		  FROM certmgr.acme_exchange e WHERE e.certificate_id = explain_order.certificate AND e.order_id IS NULL AND e.kind = 'revokeCert'
		UNION ALL
		SELECT cert.revoked_at, 2, cert.id, format('revocation was asked for, with reason %s', cert.revocation_reason)
		  FROM certmgr.certificate cert WHERE cert.id = explain_order.certificate AND cert.revoked_at IS NOT NULL
		UNION ALL
		SELECT r.changed_at, 3, r.id, format('TXT record %s in zone %s is %s%s', r.name, COALESCE(r.zone, '(not known yet)'), r.state, ': ' || r.last_error)
		  FROM certmgr.dns_record r JOIN certmgr.acme_order o ON o.id = r.order_id WHERE o.certificate_id = explain_order.certificate
		UNION ALL
		SELECT COALESCE(z.posted_at, o.step_since), 4, z.id, format('the CA said of %s: %s', z.identifier, COALESCE(z.problem->>'detail', z.problem->>'type'))
		  FROM certmgr.acme_authorization z JOIN certmgr.acme_order o ON o.id = z.order_id WHERE o.certificate_id = explain_order.certificate AND z.problem IS NOT NULL
		UNION ALL
		SELECT o.finished_at, 5, o.id, format('order %s is %s%s', o.id, o.step, ': ' || COALESCE(o.problem->>'detail', o.problem->>'type'))
		  FROM certmgr.acme_order o WHERE o.certificate_id = explain_order.certificate AND o.finished_at IS NOT NULL
		UNION ALL
		SELECT f.created_at, 5, f.ca_id, CASE WHEN f.reason IS NULL THEN format('certificate %s was ordered from fallback CA "%s"', f.certificate_id, a.name)
				ELSE format('fallback CA "%s" was passed over: %s', a.name, f.reason) END
		  FROM certmgr.fallback_certificate f JOIN certmgr.ca a ON a.id = f.ca_id WHERE f.first_id = explain_order.certificate
		UNION ALL
		SELECT s.next_attempt, 6, s.id, format('next: %s%s; rule: %s',
			   CASE s.step WHEN 'preflight' THEN 'look at CAA records, then ask the CA for an order' WHEN 'new_order' THEN 'ask the CA for an order' WHEN 'authorize' THEN 'read the authorizations' WHEN 'present' THEN 'write TXT records'
				WHEN 'confirm' THEN 'wait until the DNS provider has made the change' WHEN 'propagate' THEN 'wait until the TXT records are at all name servers'
				WHEN 'challenge' THEN 'answer the challenges' WHEN 'await' THEN 'ask whether the names are validated' WHEN 'finalize' THEN 'send the CSR'
				WHEN 'issue' THEN 'ask whether the certificate is signed' ELSE 'download the certificate' END,
			   CASE WHEN s.attempt > 0 THEN format(', attempt %s after %s', s.attempt + 1, s.message) WHEN s.message IS NOT NULL THEN ' (' || s.message || ')' END,
			   CASE WHEN s.attempt > 0 THEN 'Retry-After of the CA if it gave one, else one second doubled each time to five minutes; after a day the order fails and up to three more are made after 1, 10 and 100 minutes'
				WHEN s.step = 'new_order' AND s.message LIKE 'waits for the CA%' THEN 'certmgr.acme_limit: what the CA allows is not exceeded, nothing is sent before; certmgr.forecast() tells when a batch would be through'
				WHEN s.step = 'propagate' THEN 'all authoritative servers must have it; ten minutes at most'
				WHEN s.step IN ('await', 'issue') THEN 'as fast as this CA has been lately, then the schedule of its quirk "polls"; Retry-After is a hint, no more than quirk "retry_after_cap"'
				ELSE 'at once' END)
		  FROM certmgr.order_status s WHERE s.certificate = explain_order.certificate AND s.finished_at IS NULL
		UNION ALL
		SELECT clock_timestamp(), 7, cert.id, format('certificate %s is %s%s%s', cert.id, cert.state, ': ' || cert.status_message, '; it is renewed at ' || cert.renew_at)
		  FROM certmgr.certificate cert WHERE cert.id = explain_order.certificate
		UNION ALL
		SELECT i.fetched_at, 6, i.certificate_id, i.status_message FROM certmgr.acme_renewal_info i WHERE i.certificate_id = explain_order.certificate AND i.status_message IS NOT NULL
	) x ORDER BY x.sort = 7, x.sort = 6, x.at, x.sort, x.id;
$$;
COMMENT ON FUNCTION certmgr_private.explain_order(bigint) IS 'the rows of certmgr.explain_order(), for whoever may read them';

CREATE FUNCTION certmgr.explain_order(certificate bigint, OUT at timestamptz, OUT event text) RETURNS SETOF record LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'certmgr_explain_order';
COMMENT ON FUNCTION certmgr.explain_order(bigint) IS
	'what happened to a certificate that was ordered from an external CA, what comes next, when, and by which rule; its orders, newest attempt last. For staff, auditors and the owner of its subscriber';
