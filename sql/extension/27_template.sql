-- Rules and defaults for what may be issued. The rule sets are jsonb, checked
-- in full when they are written; the C code compiles them once a session.
CREATE TABLE certmgr.template (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL UNIQUE CONSTRAINT template_name_check CHECK (name <> ''),
	subject jsonb NOT NULL,
	sans jsonb NOT NULL,
	usages text[] NOT NULL,
	allowed_usages text[],
	required_usages text[] NOT NULL,
	critical_usages boolean NOT NULL,
	key_algorithms text[],
	lifetime interval NOT NULL,
	min_lifetime interval,
	max_lifetime interval,
	outlives_issuer text NOT NULL CONSTRAINT template_outlives_issuer_check CHECK (outlives_issuer IN ('refuse', 'clamp')),
	backdate interval NOT NULL,
	ca boolean NOT NULL,
	path_length int,
	extensions jsonb NOT NULL,
	policies jsonb NOT NULL,
	name_constraints jsonb NOT NULL,
	must_staple boolean NOT NULL,
	no_rev_avail text NOT NULL CONSTRAINT template_no_rev_avail_check CHECK (no_rev_avail IN ('auto', 'always', 'never')),
	publish boolean NOT NULL,
	lint text NOT NULL CONSTRAINT template_lint_check CHECK (lint IN ('off', 'warn', 'refuse')),
	check_function text,
	check_function_owner text,
	allowed_roles text[] NOT NULL,
	cas text[] NOT NULL,
	external text NOT NULL CONSTRAINT template_external_check CHECK (external IN ('warn', 'refuse')),
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	altered_at timestamptz
);
COMMENT ON TABLE certmgr.template IS 'rules and defaults for what may be issued; what a template does not name is refused';
COMMENT ON COLUMN certmgr.template.subject IS 'per attribute: required, denied, fixed, values (globs), regex, max; "*": attributes without a rule are allowed';
COMMENT ON COLUMN certmgr.template.sans IS 'per kind (dns, ip, email, uri, dirName, registeredID, upn, srv, permanentIdentifier, hardwareModuleName, otherName): exact, suffix, glob, cidr, regex, wildcard, min, max; and min, max of all';
COMMENT ON COLUMN certmgr.template.usages IS 'what a certificate gets when nothing else is asked for';
COMMENT ON COLUMN certmgr.template.allowed_usages IS 'null: usages and required_usages';
COMMENT ON COLUMN certmgr.template.critical_usages IS 'is the extended key usage critical (time stamping)';
COMMENT ON COLUMN certmgr.template.key_algorithms IS 'null: any that is not weak';
COMMENT ON COLUMN certmgr.template.outlives_issuer IS 'refuse, or clamp to the end of the issuer''s certificate';
COMMENT ON COLUMN certmgr.template.backdate IS 'how long before the request a certificate begins, at most a tenth of its life';
COMMENT ON COLUMN certmgr.template.extensions IS 'per OID: value (DER, hex) or from_request, and critical';
COMMENT ON COLUMN certmgr.template.no_rev_avail IS 'noRevAvail (RFC 9608): auto is for lifetimes up to a day';
COMMENT ON COLUMN certmgr.template.publish IS 'are its certificates in certmgr.published_certificate, those from before as well; off unless said';
COMMENT ON COLUMN certmgr.template.lint IS 'lint of what is signed: off, warn (broken rules go into status_message of the certificate), refuse (what breaks a rule of level error)';
COMMENT ON COLUMN certmgr.template.check_function IS 'function (jsonb) returns text that has the last word: null is yes; runs as its owner, for at most 5 seconds';
COMMENT ON COLUMN certmgr.template.allowed_roles IS 'roles that may use issue_from() with it, for the CAs in cas';
COMMENT ON COLUMN certmgr.template.external IS 'certificates of external CAs, and imported ones, whose usages, lifetime or extensions break the rules: warn (status_message of the certificate), refuse (the order fails; the certificate stays in the inventory, apart from it)';
COMMENT ON COLUMN certmgr.template.cas IS 'CAs it may be used with; empty: any, but none for requesters';
