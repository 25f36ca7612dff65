-- Triggers of the caches: any change to these tables tells every backend to
-- forget what it keeps of them. They write nothing, so a restore may fire them.
CREATE FUNCTION certmgr_private.invalidate() RETURNS trigger LANGUAGE c AS 'MODULE_PATHNAME', 'certmgr_invalidate';
COMMENT ON FUNCTION certmgr_private.invalidate() IS 'tells every session that cached CAs and subscribers are out of date';
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON certmgr.ca FOR EACH STATEMENT EXECUTE FUNCTION certmgr_private.invalidate();
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON certmgr.subscriber FOR EACH STATEMENT EXECUTE FUNCTION certmgr_private.invalidate();

CREATE FUNCTION certmgr_private.wake() RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'certmgr_wake';
COMMENT ON FUNCTION certmgr_private.wake() IS 'wakes the worker of this database when the transaction commits';

-- Master key -----------------------------------------------------------------

CREATE FUNCTION certmgr.create_master_key(path text) RETURNS void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_create_master_key';
COMMENT ON FUNCTION certmgr.create_master_key(text) IS 'makes a file with a new random master key (32 bytes, mode 0600) on the server, outside the data directory; superuser only. Then set certmgr.master_key_file and reload';

CREATE FUNCTION certmgr.set_secret(name text, value text) RETURNS void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_set_secret';
COMMENT ON FUNCTION certmgr.set_secret(text, text) IS 'replaces the credential of a DNS provider ("dns_provider:NAME") or any named secret; the value is sealed, never shown again';

-- Private CAs ----------------------------------------------------------------

CREATE FUNCTION certmgr.create_root_ca(name text, subject text, key_algorithm text DEFAULT 'EC-P256', lifetime interval DEFAULT '10 years', path_length int DEFAULT NULL,
	crl_lifetime interval DEFAULT '7 days', crl_url text DEFAULT NULL, ca_issuers_url text DEFAULT NULL, ocsp_url text DEFAULT NULL, signature_algorithm text DEFAULT NULL, crl_ca_url text DEFAULT NULL)
	RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_create_root_ca';
COMMENT ON FUNCTION certmgr.create_root_ca(text, text, text, interval, int, interval, text, text, text, text, text) IS
	'creates a self-signed private CA with a sealed key; subject in RFC 4514 form; path_length limits the CAs below it; the URLs go into certificates it issues, crl_ca_url into those of CAs, with lists of their own (alter_crl()); signature_algorithm: what its key signs with (ECDSA-SHA384, RSA-PSS-SHA256...; NULL: the usual one). Returns the CA''s id';

CREATE FUNCTION certmgr.create_intermediate_ca(name text, parent text, subject text, key_algorithm text DEFAULT 'EC-P256', lifetime interval DEFAULT '5 years', path_length int DEFAULT 0,
	crl_lifetime interval DEFAULT '7 days', crl_url text DEFAULT NULL, ca_issuers_url text DEFAULT NULL, ocsp_url text DEFAULT NULL, signature_algorithm text DEFAULT NULL, template text DEFAULT NULL, crl_ca_url text DEFAULT NULL)
	RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_create_intermediate_ca';
COMMENT ON FUNCTION certmgr.create_intermediate_ca(text, text, text, text, interval, int, interval, text, text, text, text, text, text) IS
	'creates a CA below another private CA; parent NULL: its certificate comes from elsewhere, through ca_csr() and install_ca_certificate(). template: one for CAs, whose name constraints, policies and other rules its certificate gets and keeps; with lifetime NULL its default lifetime, too. The rest as for create_root_ca(). Returns the CA''s id';

CREATE FUNCTION certmgr.ca_csr(ca text) RETURNS text LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'certmgr_ca_csr';
COMMENT ON FUNCTION certmgr.ca_csr(text) IS 'certification request (PEM, PKCS#10) of a private CA, for a parent elsewhere';

CREATE FUNCTION certmgr.install_ca_certificate(ca text, certificate text, chain text DEFAULT NULL, activate boolean DEFAULT true) RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_install_ca_certificate';
COMMENT ON FUNCTION certmgr.install_ca_certificate(text, text, text, boolean) IS 'gives a private CA a certificate (PEM) that a CA elsewhere signed for its key, with the issuers above it: its first one, a renewed one, or a cross certificate. Of a CA that was imported without its key: another certificate of the same name, of its key or a new one. activate: it issues under it from now on (the first one always). Returns the certificate''s id';

CREATE FUNCTION certmgr.disable_ca(ca text) RETURNS void LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'certmgr_disable_ca';
COMMENT ON FUNCTION certmgr.disable_ca(text) IS 'a disabled CA issues nothing; its CRLs go on';
CREATE FUNCTION certmgr.enable_ca(ca text) RETURNS void LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'certmgr_enable_ca';
COMMENT ON FUNCTION certmgr.enable_ca(text) IS 'undoes disable_ca';
CREATE FUNCTION certmgr.drop_ca(ca text) RETURNS void LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'certmgr_drop_ca';
COMMENT ON FUNCTION certmgr.drop_ca(text) IS 'removes a CA, with its keys, that has no subscribers, no CAs below it and no certificates that are still valid; what expired or was revoked stays in the inventory';

-- External CAs ---------------------------------------------------------------

CREATE FUNCTION certmgr.create_dns_provider(name text, type text, config jsonb DEFAULT '{}', secret text DEFAULT NULL) RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_create_dns_provider';
COMMENT ON FUNCTION certmgr.create_dns_provider(text, text, jsonb, text) IS
	'says how TXT records for DNS-01 are written. Type rfc2136: config has server (address:port, or an array), zone, key_name, key_algorithm (hmac-sha256), ttl, nameservers, resolvers, propagation; secret is the TSIG key (base64). Type sql: function (schema.name; action, zone, name and value, null or what went wrong), zone, timeout (seconds after which it is cancelled, 5), nameservers, resolvers, propagation. Returns its id';
CREATE FUNCTION certmgr.drop_dns_provider(name text) RETURNS void LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'certmgr_drop_dns_provider';
COMMENT ON FUNCTION certmgr.drop_dns_provider(text) IS 'removes a DNS provider that no CA uses and that has no records left, with its credential';

-- Subscribers ----------------------------------------------------------------

CREATE FUNCTION certmgr.create_subscriber(name text, ca text, subject text DEFAULT NULL, sans text[] DEFAULT '{}', lifetime interval DEFAULT NULL, key_algorithm text DEFAULT NULL,
	auto_renew boolean DEFAULT true, renew_before interval DEFAULT NULL, usages text[] DEFAULT NULL, owner text DEFAULT NULL,
	template text DEFAULT NULL, profile text DEFAULT NULL, partial_issue boolean DEFAULT NULL)
	RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_create_subscriber';
COMMENT ON FUNCTION certmgr.create_subscriber(text, text, text, text[], interval, text, boolean, interval, text[], text, text, text, boolean) IS
	'creates an entity that may hold certificates of that CA with this subject (RFC 4514; default: CN is the first host name), these names (DNS:, IP:, email:, URI: or bare) and usages (default: digitalSignature, serverAuth, clientAuth). Lifetime: default 90 days; of an external CA as long as the CA likes, and only where it takes a lifetime (quirk "validity") another one. owner: the role that may use it. template: rules it must keep, and defaults. External CAs: profile asks for another profile than the CA''s configuration does; partial_issue: when the CA refuses some of the names, it is asked for the others alone. Returns its id';
CREATE FUNCTION certmgr.alter_subscriber(name text, subject text DEFAULT NULL, sans text[] DEFAULT NULL, lifetime interval DEFAULT NULL, key_algorithm text DEFAULT NULL,
	auto_renew boolean DEFAULT NULL, renew_before interval DEFAULT NULL, usages text[] DEFAULT NULL, owner text DEFAULT NULL, state text DEFAULT NULL,
	template text DEFAULT NULL, profile text DEFAULT NULL, partial_issue boolean DEFAULT NULL)
	RETURNS void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_alter_subscriber';
COMMENT ON FUNCTION certmgr.alter_subscriber(text, text, text[], interval, text, boolean, interval, text[], text, text, text, text, boolean) IS
	'changes what is not NULL; certificates that were issued stay as they are. state: active or disabled; owner, template and profile: an empty text takes it away; lifetime of an external CA''s: zero, as long as the CA likes';
CREATE FUNCTION certmgr.drop_subscriber(name text) RETURNS void LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'certmgr_drop_subscriber';
COMMENT ON FUNCTION certmgr.drop_subscriber(text) IS 'removes a subscriber; its certificates stay in the inventory and are not renewed; what is on order for it is cancelled';

-- Certificates ---------------------------------------------------------------

CREATE FUNCTION certmgr.issue(subscriber text, csr text DEFAULT NULL, not_before timestamptz DEFAULT NULL) RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_issue';
COMMENT ON FUNCTION certmgr.issue(text, text, timestamptz) IS
	'issues a certificate to a subscriber, with a key made and sealed here or for a CSR (PEM). A private CA signs when the transaction commits; an external CA is asked by the worker after it. not_before: when it is to begin, not earlier than now; external CAs only where they take it (quirk "validity"). Returns the certificate''s id';
CREATE FUNCTION certmgr.issue_from(ca text, subject text DEFAULT NULL, sans text[] DEFAULT '{}', csr text DEFAULT NULL, lifetime interval DEFAULT NULL, key_algorithm text DEFAULT NULL, usages text[] DEFAULT NULL,
	template text DEFAULT NULL, not_before timestamptz DEFAULT NULL)
	RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_issue_from';
COMMENT ON FUNCTION certmgr.issue_from(text, text, text[], text, interval, text, text[], text, timestamptz) IS
	'issues a certificate from a CA without a subscriber: for administrators and operators, and by a template for the roles that it is granted to; with a CSR its subject and names are taken where none are given; not_before as for issue(). Returns the certificate''s id';
CREATE PROCEDURE certmgr.issue_now(subscriber text, csr text DEFAULT NULL, INOUT id bigint DEFAULT NULL, INOUT certificate text DEFAULT NULL, not_before timestamptz DEFAULT NULL) LANGUAGE c AS 'MODULE_PATHNAME', 'certmgr_issue_now';
COMMENT ON PROCEDURE certmgr.issue_now(text, text, bigint, text, timestamptz) IS 'issues and commits, then gives id and PEM in one statement; for an external CA the PEM comes later: CALL certmgr.wait(id). not_before as for issue()';
CREATE PROCEDURE certmgr.wait(certificate bigint, timeout interval DEFAULT '5 min', INOUT state text DEFAULT NULL) LANGUAGE c AS 'MODULE_PATHNAME', 'certmgr_wait';
COMMENT ON PROCEDURE certmgr.wait(bigint, interval, text) IS 'waits until a certificate is issued or failed; commits while it waits';
CREATE FUNCTION certmgr.renew(certificate bigint, key text DEFAULT 'new', csr text DEFAULT NULL) RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_renew';
COMMENT ON FUNCTION certmgr.renew(bigint, text, text) IS 'issues a successor with the same names, usages and extensions, as far as subscriber and template still have them; key: new or reuse; or a new CSR, which then says what it asks for. Returns its id';
CREATE FUNCTION certmgr.cancel(certificate bigint) RETURNS void LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'certmgr_cancel';
COMMENT ON FUNCTION certmgr.cancel(bigint) IS 'gives up a certificate that is still pending; its TXT records are removed';
CREATE FUNCTION certmgr.certificate_pem(certificate bigint) RETURNS text LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'certmgr_certificate_pem';
COMMENT ON FUNCTION certmgr.certificate_pem(bigint) IS 'the certificate (PEM)';
CREATE FUNCTION certmgr.chain_pem(certificate bigint) RETURNS text LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'certmgr_chain_pem';
COMMENT ON FUNCTION certmgr.chain_pem(bigint) IS 'its issuers (PEM), nearest first, without the root';
CREATE FUNCTION certmgr.bundle_pem(certificate bigint) RETURNS text LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'certmgr_bundle_pem';
COMMENT ON FUNCTION certmgr.bundle_pem(bigint) IS 'the certificate and its issuers (PEM), as servers want it';
CREATE FUNCTION certmgr.ca_pem(ca text) RETURNS text LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'certmgr_ca_pem';
COMMENT ON FUNCTION certmgr.ca_pem(text) IS 'the active certificate of a private CA (PEM)';
CREATE FUNCTION certmgr.private_key_pem(certificate bigint) RETURNS text LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'certmgr_private_key_pem';
COMMENT ON FUNCTION certmgr.private_key_pem(bigint) IS 'the private key (PEM, PKCS#8) of a certificate whose key was made here; for the subscriber''s owner and administrators; every call is audited';

-- Worker ---------------------------------------------------------------------

CREATE PROCEDURE certmgr.work(timeout interval DEFAULT '1 min', INOUT done bigint DEFAULT NULL) LANGUAGE c AS 'MODULE_PATHNAME', 'certmgr_work';
COMMENT ON PROCEDURE certmgr.work(interval, bigint) IS 'does what the worker would do, in this session, until nothing is due or the time is over: for pg_cron and for servers without shared_preload_libraries';
CREATE FUNCTION certmgr.adopt() RETURNS void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_adopt';
COMMENT ON FUNCTION certmgr.adopt() IS 'lets the worker of this database act on rows that came from another cluster or database (restore, clone, template)';
CREATE FUNCTION certmgr.worker_slots(OUT database name, OUT state text, OUT pid int, OUT next_due timestamptz, OUT failures int, OUT not_before timestamptz)
	RETURNS SETOF record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_worker_slots';
COMMENT ON FUNCTION certmgr.worker_slots() IS 'what the launcher knows of each database; empty without shared_preload_libraries';
CREATE FUNCTION certmgr.server_status(OUT preloaded boolean, OUT launcher_pid int, OUT master_key text, OUT adopted boolean, OUT weak_key_file text) LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_server_status';
COMMENT ON FUNCTION certmgr.server_status() IS 'is the library preloaded, does the launcher run, can the master key be read (ok, or why not), may this database''s worker act, could the file of weak keys be read when the server last did (ok, or why not; null: there is none)';
