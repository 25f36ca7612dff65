-- Ready templates. Names and addresses are open: who uses one narrows it by
-- alter_template(sans => ...), and says who may use it for which CAs. A template
-- that is there already is left as it is.
CREATE FUNCTION certmgr.install_standard_templates() RETURNS bigint LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT count(certmgr.create_template(t.name, subject => t.subject::jsonb, sans => t.sans::jsonb, usages => t.usages::text[], allowed_usages => t.allowed::text[],
	required_usages => t.required::text[], critical_usages => t.critical, lifetime => t.lifetime::interval, max_lifetime => t.longest::interval,
	outlives_issuer => 'clamp', ca => t.ca, path_length => t.path_length, extensions => t.extensions::jsonb, no_rev_avail => t.no_rev_avail))
  FROM (VALUES
	('tls-server', '{"CN": true, "O": true, "OU": true, "L": true, "ST": true, "C": true}', '{"dns": {}, "ip": {}, "required": true}',
	 '{digitalSignature,serverAuth}', '{digitalSignature,keyEncipherment,keyAgreement,serverAuth}', '{serverAuth}', false, '90 days', '398 days', false, NULL::int, '{}', 'auto'),
	('tls-client', '{"CN": true, "O": true, "OU": true, "L": true, "ST": true, "C": true, "UID": true, "serialNumber": true}', '{"dns": {}, "ip": {}, "email": {}, "uri": {}}',
	 '{digitalSignature,clientAuth}', '{digitalSignature,keyEncipherment,keyAgreement,clientAuth}', '{clientAuth}', false, '90 days', '398 days', false, NULL, '{}', 'auto'),
	('tls-server-client', '{"CN": true, "O": true, "OU": true, "L": true, "ST": true, "C": true}', '{"dns": {}, "ip": {}, "uri": {}, "required": true}',
	 '{digitalSignature,serverAuth,clientAuth}', '{digitalSignature,keyEncipherment,keyAgreement,serverAuth,clientAuth}', '{}', false, '90 days', '398 days', false, NULL, '{}', 'auto'),
	('device', '{"CN": true, "serialNumber": true, "O": true, "OU": true, "C": true}',
	 '{"permanentIdentifier": {"max": 1}, "hardwareModuleName": {"max": 1}, "dns": {}, "ip": {}, "uri": {}}',
	 '{digitalSignature,clientAuth}', '{digitalSignature,keyEncipherment,keyAgreement,clientAuth,serverAuth}', '{clientAuth}', false, '1 year', '10 years', false, NULL, '{}', 'never'),
	('code-signing', '{"CN": {"required": true}, "O": true, "OU": true, "L": true, "ST": true, "C": true, "organizationIdentifier": true}', '{"email": {}}',
	 '{digitalSignature,codeSigning}', NULL, '{codeSigning}', false, '1 year', '460 days', false, NULL, '{}', 'never'),
	('smime', '{"CN": true, "O": true, "OU": true, "L": true, "ST": true, "C": true, "emailAddress": true, "givenName": true, "surname": true, "title": true, "organizationIdentifier": true}',
	 '{"email": {"required": true}, "upn": {}}',
	 '{digitalSignature,emailProtection}', '{digitalSignature,nonRepudiation,keyEncipherment,keyAgreement,emailProtection,clientAuth}', '{emailProtection}', false, '1 year', '825 days', false, NULL, '{}', 'auto'),
	('time-stamping', '{"CN": {"required": true}, "O": true, "OU": true, "C": true, "organizationIdentifier": true}', '{}',
	 '{digitalSignature,timeStamping}', '{digitalSignature,nonRepudiation,timeStamping}', '{timeStamping}', true, '5 years', '135 months', false, NULL, '{}', 'never'),
	('smartcard-logon', '{"CN": {"required": true}, "O": true, "OU": true, "DC": true, "C": true, "UID": true, "emailAddress": true}', '{"upn": {"min": 1, "max": 1}, "email": {}}',
	 '{digitalSignature,clientAuth,msSmartcardLogin}', '{digitalSignature,keyEncipherment,clientAuth,msSmartcardLogin,pkInitClientAuth}', '{clientAuth,msSmartcardLogin}', false, '1 year', '3 years', false, NULL, '{}', 'auto'),
	('ocsp-signing', '{"CN": {"required": true}, "O": true, "OU": true, "C": true}', '{}',
	 '{digitalSignature,OCSPSigning}', NULL, '{digitalSignature,OCSPSigning}', false, '30 days', '398 days', false, NULL, '{"1.3.6.1.5.5.7.48.1.5": {"value": "0500"}}', 'never'),
	('ipsec', '{"CN": true, "O": true, "OU": true, "C": true}', '{"dns": {}, "ip": {}, "email": {}, "required": true}',
	 '{digitalSignature,ipsecIKE}', '{digitalSignature,nonRepudiation,keyEncipherment,ipsecIKE,ipsecEndSystem,ipsecTunnel,ipsecUser,serverAuth,clientAuth}', '{}', false, '1 year', '3 years', false, NULL, '{}', 'auto'),
	('document-signing', '{"CN": {"required": true}, "O": true, "OU": true, "L": true, "C": true, "givenName": true, "surname": true, "title": true, "serialNumber": true, "organizationIdentifier": true}', '{"email": {}}',
	 '{digitalSignature,nonRepudiation,documentSigning}', '{digitalSignature,nonRepudiation,documentSigning,msDocumentSigning,emailProtection}', '{documentSigning}', false, '2 years', '3 years', false, NULL, '{}', 'never'),
	('intermediate-ca', '{"CN": {"required": true}, "O": true, "OU": true, "C": true, "organizationIdentifier": true}', '{}',
	 NULL, '{keyCertSign,cRLSign,digitalSignature}', '{keyCertSign,cRLSign}', false, '5 years', '10 years', true, 0, '{}', 'never')
	) AS t(name, subject, sans, usages, allowed, required, critical, lifetime, longest, ca, path_length, extensions, no_rev_avail)
 WHERE NOT EXISTS (SELECT FROM certmgr.template x WHERE x.name = t.name)
$$;
COMMENT ON FUNCTION certmgr.install_standard_templates() IS
	'makes the templates tls-server, tls-client, tls-server-client, device, code-signing, smime, time-stamping, smartcard-logon, ocsp-signing, ipsec, document-signing, intermediate-ca, where they are missing. Returns how many';
