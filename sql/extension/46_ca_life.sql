-- Life of a private CA: more certificates and keys than the first.

CREATE FUNCTION certmgr.renew_ca(ca text, new_key boolean DEFAULT false, lifetime interval DEFAULT NULL, activate boolean DEFAULT true, key_algorithm text DEFAULT NULL, signature_algorithm text DEFAULT NULL)
	RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_renew_ca';
COMMENT ON FUNCTION certmgr.renew_ca(text, boolean, interval, boolean, text, text) IS
	'gives a private CA a new certificate with its name, path length, constraints and policies, signed by whoever signed the present one: itself or its parent. new_key: with a new key (key_algorithm: default the present one''s); the old key goes on signing CRLs for what it issued. lifetime: default that of the present one. activate: it issues under it from now on. Returns the certificate''s id; NULL when the issuer is elsewhere: then ca_csr() and install_ca_certificate()';

CREATE FUNCTION certmgr.cross_sign(ca text, by text, lifetime interval DEFAULT NULL, certificate bigint DEFAULT NULL, by_certificate bigint DEFAULT NULL, template text DEFAULT NULL, path_length int DEFAULT NULL)
	RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_cross_sign';
COMMENT ON FUNCTION certmgr.cross_sign(text, text, interval, bigint, bigint, text, int) IS
	'has another CA certify the name and key of a private CA, so that who trusts that one trusts this one. certificate: which issuer of ca (certmgr.ca_issuers; default the active one); by_certificate: under which issuer of by. With the same CA twice, the old key certifies the new one or the other way round. template: one for CAs, whose name constraints, policies and other rules it gets instead of those that the CA has, and whose lifetime unless there is one; path_length: at most that. The certificate becomes an alternative issuer: activate_ca_issuer() or set_chain() puts it into chains. Returns its id';

CREATE FUNCTION certmgr.activate_ca_issuer(ca text, certificate bigint) RETURNS void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_activate_ca_issuer';
COMMENT ON FUNCTION certmgr.activate_ca_issuer(text, bigint) IS 'makes that certificate, and its key, the one that the CA issues under and that chains go through';

CREATE FUNCTION certmgr.import_ca(name text, certificate text, private_key text DEFAULT NULL, chain text DEFAULT NULL, password text DEFAULT NULL, crl_lifetime interval DEFAULT '7 days',
	crl_url text DEFAULT NULL, ca_issuers_url text DEFAULT NULL, ocsp_url text DEFAULT NULL, signature_algorithm text DEFAULT NULL, crl_ca_url text DEFAULT NULL)
	RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_import_ca';
COMMENT ON FUNCTION certmgr.import_ca(text, text, text, text, text, interval, text, text, text, text, text) IS
	'takes over a CA that exists: its certificate (PEM), its private key (PEM; password if it is encrypted), the issuers above it. Without the key it issues nothing, but is known as the issuer of certificates that are imported or installed, before or after it; install_ca_certificate() then takes its renewed certificates. The rest as for create_root_ca(). Returns the CA''s id';

CREATE FUNCTION certmgr.set_chain(ca text, chain text, certificate bigint DEFAULT NULL) RETURNS void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_set_chain';
COMMENT ON FUNCTION certmgr.set_chain(text, text, bigint) IS
	'what chain_pem, bundle_pem and pkcs12 give for certificates under a key of the CA: certificates (PEM), the CA''s own first, each signed by the next; NULL: they find the path themselves again. certificate: an issuer with that key; default the active one';

CREATE VIEW certmgr.ca_issuers WITH (security_barrier) AS
SELECT a.name AS ca, c.id AS certificate,
	   CASE WHEN c.state = 'revoked' THEN 'revoked' WHEN c.not_after < pg_catalog.now() THEN 'expired' WHEN c.id = a.certificate_id THEN 'active'
			WHEN i.key_id = n.key_id THEN 'alternative' WHEN c.id > a.certificate_id THEN 'next' ELSE 'retired' END AS state,
	   c.subject, p.name AS issued_by, c.issuer_id AS issuer_certificate, c.not_before, c.not_after, c.key_algorithm, k.signature_algorithm,
	   COALESCE(k.provider <> 'none', false) AS has_key, i.chain IS NOT NULL AS has_chain, c.created_at
  FROM certmgr.ca a
  JOIN certmgr.issuer i ON i.ca_id = a.id
  LEFT JOIN certmgr.issuer n ON n.certificate_id = a.certificate_id
  JOIN certmgr.certificate c ON c.id = i.certificate_id
  LEFT JOIN certmgr.ca p ON p.id = c.ca_id
  LEFT JOIN certmgr_private.key k ON k.id = i.key_id;
COMMENT ON VIEW certmgr.ca_issuers IS
	'certificates of private CAs. State: active (it issues under it, or is known by it first), alternative (same key: renewed or cross-signed), next (a key that is not used yet), retired (an older key: signs CRLs only), expired, revoked';
