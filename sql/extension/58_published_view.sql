-- What directories of mail clients, key servers and the like are fed from. It reads as certmgr_owner (no security_invoker): whoever
-- may read it needs nothing else. What is not valid any more, or is revoked or on hold, is not in it: nobody is to encrypt to that.
CREATE VIEW certmgr.published_certificate WITH (security_barrier) AS
SELECT c.id, c.subject, c.sans, c.usages, c.serial, c.not_before, c.not_after, b.fingerprint, b.der,
	   '-----BEGIN CERTIFICATE-----' || E'\n' ||
	   pg_catalog.regexp_replace(pg_catalog.translate(pg_catalog.encode(b.der, 'base64'), E'\n', ''), '(.{1,64})', E'\\1\n', 'g') ||
	   '-----END CERTIFICATE-----' || E'\n' AS pem
  FROM certmgr.template t
  JOIN certmgr.certificate c ON c.template_id = t.id
  JOIN certmgr.certificate_body b ON b.certificate_id = c.id
 WHERE t.publish AND c.state = 'issued' AND c.source = 'issued' AND c.not_after >= pg_catalog.now() AND b.der IS NOT NULL;
COMMENT ON VIEW certmgr.published_certificate IS
	'certificates that were issued by templates with publish => true and are valid: for directories, key servers and web pages, which read it by the role certmgr_responder';
