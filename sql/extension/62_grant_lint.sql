-- Whoever works with certificates may look at one.
GRANT EXECUTE ON FUNCTION certmgr.lint(text), certmgr.lint_rules() TO certmgr_admin, certmgr_operator, certmgr_approver, certmgr_auditor, certmgr_monitor, certmgr_requester;
