-- security_barrier: a function in a caller's WHERE must not see rows that the view hides.
CREATE VIEW certmgr.expiring_certificate WITH (security_barrier, security_invoker) AS
SELECT c.id, s.name AS subscriber, a.name AS ca, c.subject, c.sans, c.not_after, c.not_after - pg_catalog.now() AS remaining, c.renew_at,
	   CASE WHEN c.renew_at IS NOT NULL THEN COALESCE(c.status_message, 'renewal at ' || c.renew_at::text)
			ELSE 'is not renewed by itself: SELECT certmgr.renew(' || c.id || ');' END AS next_step
  FROM certmgr.certificate c
  LEFT JOIN certmgr.ca a ON a.id = c.ca_id
  LEFT JOIN certmgr.subscriber s ON s.id = c.subscriber_id
 WHERE c.state = 'issued' AND c.not_after > pg_catalog.now() AND c.not_after < pg_catalog.now() + interval '30 days'
   AND NOT EXISTS (SELECT FROM certmgr.ocsp_signer o WHERE o.certificate_id = c.id)
 ORDER BY c.not_after;
COMMENT ON VIEW certmgr.expiring_certificate IS 'certificates that expire within 30 days, and what happens next';

CREATE VIEW certmgr.order_status WITH (security_barrier) AS
SELECT o.id, o.certificate_id AS certificate, s.name AS subscriber, a.name AS ca, o.identifiers, o.step, o.status AS ca_status, j.due_at AS next_attempt, j.attempt,
	   COALESCE(c.status_message, j.last_error) AS message, o.problem, o.expires, o.created_at, o.finished_at, o.url
  FROM certmgr.acme_order o
  JOIN certmgr.certificate c ON c.id = o.certificate_id
  JOIN certmgr.ca a ON a.id = c.ca_id
  LEFT JOIN certmgr.subscriber s ON s.id = c.subscriber_id
  LEFT JOIN certmgr_private.job j ON j.kind = 'acme_order' AND j.target_id = o.id;
COMMENT ON VIEW certmgr.order_status IS 'ACME orders: where each one is, what comes next and when';

CREATE VIEW certmgr.crl_status WITH (security_barrier) AS
SELECT a.name AS ca, l.number, l.this_update, l.next_update, l.entries, j.due_at AS next_refresh, j.last_error,
	   s.shard, l.base_number IS NOT NULL AS delta, s.open, s.key_id = a.key_id AS active_key, l.base_number,
	   (SELECT pg_catalog.min(c.at) FROM certmgr_private.crl_change c WHERE c.ca_id = a.id) AS changed_since,
	   s.covers
  FROM certmgr.ca a
  LEFT JOIN certmgr.crl_scope s ON s.ca_id = a.id AND s.finished_at IS NULL AND (s.shard IS NOT NULL OR s.covers <> 'all' OR a.config->>'crl_full' IS DISTINCT FROM 'false')
  LEFT JOIN LATERAL ((SELECT x.* FROM certmgr.crl x WHERE x.scope_id = s.id AND x.base_number IS NULL ORDER BY x.number DESC LIMIT 1)
					 UNION ALL
					 (SELECT x.* FROM certmgr.crl x WHERE x.scope_id = s.id AND x.base_number IS NOT NULL AND a.config ? 'delta_crl_lifetime' ORDER BY x.number DESC LIMIT 1)) l ON true
  LEFT JOIN certmgr_private.job j ON j.kind = 'crl' AND j.target_id = a.id
 WHERE a.type = 'private' AND a.key_id IS NOT NULL;
COMMENT ON VIEW certmgr.crl_status IS 'the newest CRLs of each private CA, complete and delta, of everything, of CA certificates and end entities apart, and of each shard; when the next one is signed, and since when there are revocations that no CRL has yet';

CREATE VIEW certmgr.worker_status WITH (security_barrier) AS
SELECT w.database, w.state, w.pid, w.next_due, w.failures,
	   CASE WHEN w.state = 'backoff' THEN 'the worker failed; it is started again at ' || w.not_before::text || '; the reason is in the server log'
			WHEN w.state = 'blocked' THEN 'the database or the extension is being dropped, renamed or copied'
			WHEN w.state = 'mismatch' THEN 'the library that runs is of another version than the extension: ALTER EXTENSION certmgr UPDATE; then restart the server'
			WHEN w.state = 'closed' THEN 'the database does not take connections (ALTER DATABASE ... ALLOW_CONNECTIONS, CONNECTION LIMIT), so no worker runs in it'
			WHEN w.state = 'unknown' THEN 'a worker looks soon whether the extension is installed there'
			WHEN w.state = 'idle' AND w.next_due = 'infinity' THEN 'nothing is scheduled'
			WHEN w.state = 'idle' THEN 'starts by itself at ' || w.next_due::text END AS hint
  FROM certmgr.worker_slots() w
 WHERE w.state <> 'absent';
COMMENT ON VIEW certmgr.worker_status IS 'workers of all databases as the launcher sees them';

CREATE VIEW certmgr.health WITH (security_barrier) AS
SELECT 'error' AS severity, 'master key' AS object, 'the master key cannot be read: ' || h.master_key AS finding,
	   'as a superuser, if there is none yet: SELECT certmgr.create_master_key(''/path/outside/PGDATA/master.key''); then ALTER SYSTEM SET certmgr.master_key_file = ''/path/outside/PGDATA/master.key''; SELECT pg_reload_conf();' AS what_to_do
  FROM certmgr.server_status() h WHERE h.master_key <> 'ok'
UNION ALL
SELECT 'warning', 'weak keys', 'the file certmgr.weak_key_file could not be used when the server read it: ' || h.weak_key_file,
	   'mend the file, or the setting, then SELECT pg_reload_conf(); until then keys are looked up in the list of before, or in none after a start of the server'
  FROM certmgr.server_status() h WHERE h.weak_key_file <> 'ok'
UNION ALL
SELECT 'warning', 'worker', 'the library is not preloaded, so no worker runs',
	   'set shared_preload_libraries = ''certmgr'' and restart, or schedule CALL certmgr.work()'
  FROM certmgr.server_status() h WHERE NOT h.preloaded
UNION ALL
SELECT 'error', 'worker', 'these rows belong to another cluster or database, so the worker does not act', 'SELECT certmgr.adopt(); unless the original still runs'
  FROM certmgr.server_status() h WHERE NOT h.adopted
UNION ALL
SELECT 'error', 'worker', 'the worker of this database failed ' || w.failures || ' times in a row', 'read the server log'
  FROM certmgr.worker_slots() w WHERE w.database = pg_catalog.current_database() AND w.state = 'backoff'
UNION ALL
SELECT 'error', 'ca ' || a.name, COALESCE(a.last_error, a.status_message), 
	   CASE WHEN EXISTS (SELECT FROM certmgr.acme_account k WHERE k.ca_id = a.id AND k.state = 'needs_human') THEN 'a person has to act as the finding says; orders wait and go on by themselves then'
			WHEN a.type = 'acme' THEN 'the worker tries again by itself; SELECT * FROM certmgr.acme_ca_status'
			ELSE 'the worker tries again by itself; SELECT name, last_error, last_error_at FROM certmgr.ca' END
  FROM certmgr.ca a WHERE a.last_error IS NOT NULL AND a.state <> 'disabled'
UNION ALL
SELECT 'warning', 'ca ' || a.name, 'pending: ' || COALESCE(a.status_message, 'not ready yet'),
	   CASE a.type WHEN 'private' THEN 'SELECT certmgr.ca_csr(' || pg_catalog.quote_literal(a.name) || '); then certmgr.install_ca_certificate()' ELSE 'the worker registers an account; SELECT * FROM certmgr.acme_ca_status' END
  FROM certmgr.ca a WHERE a.state = 'pending' AND a.last_error IS NULL
UNION ALL
SELECT CASE WHEN l.next_update < pg_catalog.now() THEN 'error' ELSE 'warning' END, 'crl of ' || l.ca, 'nextUpdate is ' || l.next_update::text,
	   'SELECT certmgr.refresh_crl(' || pg_catalog.quote_literal(l.ca) || ');'
  FROM certmgr.crl_status l WHERE l.next_update < pg_catalog.now() + (l.next_update - l.this_update) / 10
UNION ALL
(SELECT 'error', 'certificate ' || c.id, 'failed: ' || COALESCE(c.status_message, ''), 'mend the cause, then SELECT certmgr.renew(' || c.id || ');'
  FROM certmgr.certificate c WHERE c.state = 'failed' AND c.created_at > pg_catalog.now() - interval '7 days'
   AND NOT EXISTS (SELECT FROM certmgr.certificate r WHERE r.subscriber_id = c.subscriber_id AND r.renewed_from = c.id AND r.state IN ('pending', 'issued', 'revoked'))
 ORDER BY c.created_at DESC LIMIT 100)
UNION ALL
(SELECT 'warning', 'order ' || j.target_id, 'has failed ' || j.attempt || ' times: ' || COALESCE(j.last_error, ''), 'next attempt at ' || j.due_at::text || '; SELECT * FROM certmgr.explain_order(' || o.certificate_id || ');'
  FROM certmgr_private.job j JOIN certmgr.acme_order o ON o.id = j.target_id WHERE j.attempt > 0 AND j.last_error IS NOT NULL AND j.kind = 'acme_order' ORDER BY j.due_at LIMIT 100)
UNION ALL
(SELECT 'warning', 'certificate ' || c.id, 'renewal failed ' || c.renew_attempts || ' times: ' || COALESCE(c.status_message, ''), 'next attempt at ' || c.renew_at::text
  FROM certmgr.certificate c WHERE c.renew_at IS NOT NULL AND c.renew_attempts > 0 ORDER BY c.renew_at LIMIT 100)
UNION ALL
(SELECT 'warning', 'certificate ' || i.certificate_id, i.status_message, 'it is renewed at ' || COALESCE(c.renew_at::text, '(not by itself: SELECT certmgr.renew(' || c.id || ');)')
  FROM certmgr.acme_renewal_info i JOIN certmgr.certificate c ON c.id = i.certificate_id
 WHERE i.explanation_url IS NOT NULL AND NOT i.replaced AND c.state = 'issued' AND c.not_after > pg_catalog.now() ORDER BY i.certificate_id LIMIT 100)
UNION ALL
(SELECT 'warning', 'dns record ' || r.name, 'could not be removed: ' || r.last_error, 'the worker tries again; provider and zone are in certmgr.dns_record'
  FROM certmgr.dns_record r WHERE r.state <> 'removed' AND r.last_error IS NOT NULL ORDER BY r.id LIMIT 100)
UNION ALL
(SELECT 'warning', 'dns record ' || c.name, 'the probe of a check could not be removed: ' || COALESCE(j.last_error, ''), 'the worker tries again; see certmgr.dns_check'
  FROM certmgr_private.job j JOIN certmgr.dns_check c ON c.id = j.target_id WHERE j.kind = 'dns_check' AND c.finished_at IS NOT NULL ORDER BY c.id LIMIT 100)
UNION ALL
(SELECT CASE WHEN p.persist_until < pg_catalog.now() THEN 'error' ELSE 'warning' END, 'dns record _validation-persist.' || p.name, 'ends at ' || p.persist_until::text,
	   'make a new one before: SELECT * FROM certmgr.dns_persist_record(' || pg_catalog.quote_literal(a.name) || ', ' || pg_catalog.quote_literal(CASE WHEN p.wildcard THEN '*.' ELSE '' END || p.name) || ')'
  FROM certmgr.dns_persist p JOIN certmgr.ca a ON a.id = p.ca_id WHERE p.persist_until < pg_catalog.now() + interval '30 days' ORDER BY p.persist_until LIMIT 100)
UNION ALL
SELECT 'error', 'listener ' || l.challenge_type, COALESCE(l.error, 'does not run'),
	   CASE WHEN l.error IS NOT NULL THEN 'mend the cause, or change certmgr.' || CASE l.challenge_type WHEN 'http-01' THEN 'http' ELSE 'tls_alpn' END || '_challenge_listen; it tries again by itself'
			ELSE 'it is started again by itself within seconds; a setting that was empty at the start of the server needs a restart, with certmgr in shared_preload_libraries' END
  FROM certmgr.listener_status() l WHERE NOT l.listening AND NOT pg_catalog.pg_is_in_recovery();
COMMENT ON VIEW certmgr.health IS 'one row a finding: how bad, what about, what is wrong, what to do; no row: all is well';
