CREATE VIEW certmgr.dns_provider_check WITH (security_barrier) AS
SELECT p.name AS dns_provider, c.created_at, s.position, s.step, s.ok, s.message, s.at, c.name AS record_name, c.step <> 'done' AS unfinished
  FROM certmgr.dns_provider p
 CROSS JOIN LATERAL (SELECT * FROM certmgr.dns_check x WHERE x.dns_provider_id = p.id ORDER BY x.id DESC LIMIT 1) c
  LEFT JOIN certmgr.dns_check_step s ON s.check_id = c.id;
COMMENT ON VIEW certmgr.dns_provider_check IS 'the last check of each DNS provider, step by step: CALL certmgr.check_dns_provider()';
