-- PUBLIC gets nothing, not even USAGE; what the roles get is this list.
REVOKE ALL ON SCHEMA certmgr, certmgr_private FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA certmgr, certmgr_private FROM PUBLIC;
REVOKE ALL ON ALL PROCEDURES IN SCHEMA certmgr, certmgr_private FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA certmgr, certmgr_private FROM PUBLIC;
REVOKE ALL ON DOMAIN certmgr.certificate_state, certmgr.certificate_source FROM PUBLIC;

GRANT USAGE ON SCHEMA certmgr TO certmgr_admin, certmgr_operator, certmgr_approver, certmgr_auditor, certmgr_monitor, certmgr_requester;

-- requester: uses subscribers whose owner it is
GRANT EXECUTE ON FUNCTION certmgr.issue(text, text, timestamptz), certmgr.renew(bigint, text, text), certmgr.cancel(bigint),
	certmgr.certificate_pem(bigint), certmgr.chain_pem(bigint), certmgr.bundle_pem(bigint), certmgr.private_key_pem(bigint), certmgr.ca_pem(text)
	TO certmgr_requester, certmgr_operator, certmgr_admin;
GRANT EXECUTE ON PROCEDURE certmgr.issue_now(text, text, bigint, text, timestamptz), certmgr.wait(bigint, interval, text) TO certmgr_requester, certmgr_operator, certmgr_admin;
GRANT EXECUTE ON FUNCTION certmgr.certificate_pem(bigint), certmgr.chain_pem(bigint), certmgr.bundle_pem(bigint), certmgr.ca_pem(text) TO certmgr_auditor;

-- operator: subscribers and certificates of all
GRANT EXECUTE ON FUNCTION certmgr.issue_from(text, text, text[], text, interval, text, text[], text, timestamptz),
	certmgr.create_subscriber(text, text, text, text[], interval, text, boolean, interval, text[], text, text, text, boolean),
	certmgr.alter_subscriber(text, text, text[], interval, text, boolean, interval, text[], text, text, text, text, boolean),
	certmgr.drop_subscriber(text) TO certmgr_operator, certmgr_admin;
GRANT EXECUTE ON PROCEDURE certmgr.work(interval, bigint) TO certmgr_operator, certmgr_admin;

-- admin: CAs, DNS providers, credentials
GRANT EXECUTE ON FUNCTION certmgr.create_root_ca(text, text, text, interval, int, interval, text, text, text, text, text),
	certmgr.create_intermediate_ca(text, text, text, text, interval, int, interval, text, text, text, text, text, text),
	certmgr.ca_csr(text), certmgr.install_ca_certificate(text, text, text, boolean), certmgr.disable_ca(text), certmgr.enable_ca(text), certmgr.drop_ca(text),
	certmgr.create_dns_provider(text, text, jsonb, text), certmgr.drop_dns_provider(text), certmgr.set_secret(text, text),
	certmgr.adopt() TO certmgr_admin;

GRANT EXECUTE ON FUNCTION certmgr.worker_slots(), certmgr.server_status() TO certmgr_admin, certmgr_operator, certmgr_auditor, certmgr_monitor;

GRANT SELECT ON certmgr.ca, certmgr.subscriber, certmgr.certificate, certmgr.acme_account, certmgr.acme_order, certmgr.acme_authorization,
	certmgr.dns_provider, certmgr.dns_record TO certmgr_admin, certmgr_operator, certmgr_auditor;
GRANT SELECT (certificate_id, der, fingerprint, chain, spki, csr) ON certmgr.certificate_body TO certmgr_admin, certmgr_operator, certmgr_auditor;
GRANT SELECT ON certmgr.audit_event TO certmgr_admin, certmgr_auditor;
GRANT SELECT ON certmgr.expiring_certificate, certmgr.order_status, certmgr.crl_status, certmgr.worker_status, certmgr.health
	TO certmgr_admin, certmgr_operator, certmgr_auditor;
GRANT SELECT ON certmgr.crl_status, certmgr.worker_status, certmgr.health TO certmgr_monitor;
GRANT SELECT ON certmgr.certificate, certmgr.subscriber TO certmgr_requester;
GRANT SELECT (id, name, type, state) ON certmgr.ca TO certmgr_requester;
GRANT SELECT ON certmgr.expiring_certificate TO certmgr_requester;

-- Rows: staff sees all, a requester what belongs to its roles.
ALTER TABLE certmgr.subscriber ENABLE ROW LEVEL SECURITY;
ALTER TABLE certmgr.certificate ENABLE ROW LEVEL SECURITY;
CREATE POLICY staff ON certmgr.subscriber FOR SELECT TO certmgr_admin, certmgr_operator, certmgr_auditor USING (true);
CREATE POLICY staff ON certmgr.certificate FOR SELECT TO certmgr_admin, certmgr_operator, certmgr_auditor USING (true);
CREATE POLICY holder ON certmgr.subscriber FOR SELECT TO certmgr_requester
	USING (owner IS NOT NULL AND EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = owner AND pg_catalog.pg_has_role(r.oid, 'usage')));
CREATE POLICY holder ON certmgr.certificate FOR SELECT TO certmgr_requester
	USING (subscriber_id IN (SELECT s.id FROM certmgr.subscriber s));
-- Issued by a template, without a subscriber: it belongs to whoever asked for it.
CREATE POLICY requester ON certmgr.certificate FOR SELECT TO certmgr_requester
	USING (subscriber_id IS NULL AND template_id IS NOT NULL
		   AND EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = requested_by AND pg_catalog.pg_has_role(r.oid, 'usage')));
