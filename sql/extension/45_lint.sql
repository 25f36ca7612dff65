-- Lint -------------------------------------------------------------------------
-- Pure functions of their argument, but for the rules, which a new version of the extension may add to.
CREATE FUNCTION certmgr.lint(certificate text, OUT rule text, OUT level text, OUT source text, OUT message text)
	RETURNS SETOF record LANGUAGE c STRICT STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'certmgr_lint';
COMMENT ON FUNCTION certmgr.lint(text) IS
	'rules of RFC 5280, its companions and the CA/Browser Forum that a certificate (PEM), wherever it comes from, breaks. level: error (MUST of a standard), warning (SHOULD, or a rule for public CAs), notice. Templates ask the same before signing: create_template(lint => ...)';

CREATE FUNCTION certmgr.lint_rules(OUT rule text, OUT level text, OUT source text, OUT message text)
	RETURNS SETOF record LANGUAGE c STRICT STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'certmgr_lint_rules';
COMMENT ON FUNCTION certmgr.lint_rules() IS 'all rules of lint, with where they come from; message says what is wrong where one is broken';
