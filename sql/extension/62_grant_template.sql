-- Templates are policy: administrators write them, staff reads them, a role sees those that are granted to it.
GRANT EXECUTE ON FUNCTION certmgr.create_template(text, jsonb, jsonb, text[], text[], text[], boolean, text[], interval, interval, interval, text, interval, boolean, int, jsonb, jsonb, jsonb, boolean, text, boolean, text, regprocedure, text[], text[], text),
	certmgr.alter_template(text, jsonb, jsonb, text[], text[], text[], boolean, text[], interval, interval, interval, text, interval, boolean, int, jsonb, jsonb, jsonb, boolean, text, boolean, text, regprocedure, text[], text[], text),
	certmgr.drop_template(text) TO certmgr_admin;
GRANT EXECUTE ON FUNCTION certmgr.issue_from(text, text, text[], text, interval, text, text[], text, timestamptz) TO certmgr_requester;
GRANT SELECT ON certmgr.template TO certmgr_admin, certmgr_operator, certmgr_auditor, certmgr_requester;
ALTER TABLE certmgr.template ENABLE ROW LEVEL SECURITY;
CREATE POLICY staff ON certmgr.template FOR SELECT TO certmgr_admin, certmgr_operator, certmgr_auditor USING (true);
CREATE POLICY granted ON certmgr.template FOR SELECT TO certmgr_requester
	USING (EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = ANY (allowed_roles) AND pg_catalog.pg_has_role(r.oid, 'usage'))
		   OR id IN (SELECT s.template_id FROM certmgr.subscriber s));
GRANT EXECUTE ON FUNCTION certmgr.explain_request(text, text, text, text, text[], text, interval, text, text[], timestamptz) TO certmgr_admin, certmgr_operator, certmgr_requester;
GRANT EXECUTE ON FUNCTION certmgr.policy_impact(text) TO certmgr_admin, certmgr_operator, certmgr_auditor;
GRANT EXECUTE ON FUNCTION certmgr.install_standard_templates() TO certmgr_admin;
