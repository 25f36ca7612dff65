-- Templates ------------------------------------------------------------------
CREATE TRIGGER invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON certmgr.template FOR EACH STATEMENT EXECUTE FUNCTION certmgr_private.invalidate();

CREATE FUNCTION certmgr.create_template(name text, subject jsonb DEFAULT '{"CN": {}}', sans jsonb DEFAULT '{"dns": {}}', usages text[] DEFAULT NULL, allowed_usages text[] DEFAULT NULL,
	required_usages text[] DEFAULT '{}', critical_usages boolean DEFAULT false, key_algorithms text[] DEFAULT NULL, lifetime interval DEFAULT '90 days', min_lifetime interval DEFAULT NULL,
	max_lifetime interval DEFAULT NULL, outlives_issuer text DEFAULT 'refuse', backdate interval DEFAULT '1 minute', ca boolean DEFAULT false, path_length int DEFAULT NULL,
	extensions jsonb DEFAULT '{}', policies jsonb DEFAULT '[]', name_constraints jsonb DEFAULT '{}', must_staple boolean DEFAULT false, no_rev_avail text DEFAULT 'auto',
	publish boolean DEFAULT false, lint text DEFAULT 'off', check_function regprocedure DEFAULT NULL, allowed_roles text[] DEFAULT '{}', cas text[] DEFAULT '{}',
	external text DEFAULT 'warn')
	RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_create_template';
COMMENT ON FUNCTION certmgr.create_template(text, jsonb, jsonb, text[], text[], text[], boolean, text[], interval, interval, interval, text, interval, boolean, int, jsonb, jsonb, jsonb, boolean, text, boolean, text, regprocedure, text[], text[], text) IS
	'creates rules and defaults for what may be issued. subject: {"CN": {"required": true, "values": ["*.example.com"]}, "O": {"fixed": "Example"}, "OU": false}; sans: {"dns": {"suffix": ["example.com"], "wildcard": false, "max": 10}, "ip": {"cidr": ["10.0.0.0/8"]}} (exact, suffix, glob, cidr, regex a kind); extensions: {"1.2.3": {"value": "0500", "critical": false}, "1.2.4": {"from_request": true}}; policies: [{"oid": "1.2.3", "cps": "https://...", "notice": "..."}]; name_constraints (CAs): {"permitted": ["DNS:example.com"], "excluded": []}. What is not named is refused. lifetime counts both ends. check_function: function(jsonb) returns text, null is yes; it must belong to the caller. allowed_roles may use issue_from() with it for the CAs in cas. publish: its certificates are in certmgr.published_certificate. Returns the template''s id';

CREATE FUNCTION certmgr.alter_template(name text, subject jsonb DEFAULT NULL, sans jsonb DEFAULT NULL, usages text[] DEFAULT NULL, allowed_usages text[] DEFAULT NULL,
	required_usages text[] DEFAULT NULL, critical_usages boolean DEFAULT NULL, key_algorithms text[] DEFAULT NULL, lifetime interval DEFAULT NULL, min_lifetime interval DEFAULT NULL,
	max_lifetime interval DEFAULT NULL, outlives_issuer text DEFAULT NULL, backdate interval DEFAULT NULL, ca boolean DEFAULT NULL, path_length int DEFAULT NULL,
	extensions jsonb DEFAULT NULL, policies jsonb DEFAULT NULL, name_constraints jsonb DEFAULT NULL, must_staple boolean DEFAULT NULL, no_rev_avail text DEFAULT NULL,
	publish boolean DEFAULT NULL, lint text DEFAULT NULL, check_function regprocedure DEFAULT NULL, allowed_roles text[] DEFAULT NULL, cas text[] DEFAULT NULL,
	external text DEFAULT NULL)
	RETURNS void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_alter_template';
COMMENT ON FUNCTION certmgr.alter_template(text, jsonb, jsonb, text[], text[], text[], boolean, text[], interval, interval, interval, text, interval, boolean, int, jsonb, jsonb, jsonb, boolean, text, boolean, text, regprocedure, text[], text[], text) IS
	'changes what is not NULL, from the next certificate on; to take something away: an empty array (allowed_usages, key_algorithms), ''0'' (min_lifetime, max_lifetime), -1 (path_length), 0 (check_function). certmgr.policy_impact() lists what it would refuse now';

CREATE FUNCTION certmgr.drop_template(name text) RETURNS void LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'certmgr_drop_template';
COMMENT ON FUNCTION certmgr.drop_template(text) IS 'removes a template that no subscriber uses; certificates issued by it stay';

CREATE FUNCTION certmgr.explain_request(subscriber text DEFAULT NULL, ca text DEFAULT NULL, template text DEFAULT NULL, subject text DEFAULT NULL, sans text[] DEFAULT '{}', csr text DEFAULT NULL,
	lifetime interval DEFAULT NULL, key_algorithm text DEFAULT NULL, usages text[] DEFAULT NULL, not_before timestamptz DEFAULT NULL, OUT rule text, OUT verdict text, OUT detail text)
	RETURNS SETOF record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_explain_request';
COMMENT ON FUNCTION certmgr.explain_request(text, text, text, text, text[], text, interval, text, text[], timestamptz) IS
	'what a request would meet, rule by rule, without issuing: of a subscriber (with the arguments of issue()), or with those of issue_from(). verdict: ok or refused; detail says why';

CREATE FUNCTION certmgr.policy_impact(template text, OUT certificate bigint, OUT subscriber text, OUT subject text, OUT not_after timestamptz, OUT rule text, OUT detail text)
	RETURNS SETOF record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_policy_impact';
COMMENT ON FUNCTION certmgr.policy_impact(text) IS
	'live certificates that would be refused if they were asked for now, with each rule they break, and what the check function says (rule check_function): what a change of the template means';
