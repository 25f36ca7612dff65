-- CRLs are public; who may sign one early, and who says how they are published.
GRANT EXECUTE ON FUNCTION certmgr.crl(text, int, boolean, text, bigint, text), certmgr.crl_pem(text, int, boolean, bigint, text)
	TO certmgr_requester, certmgr_operator, certmgr_admin, certmgr_auditor, certmgr_monitor;
GRANT EXECUTE ON FUNCTION certmgr.refresh_crl(text) TO certmgr_operator, certmgr_admin;
GRANT EXECUTE ON FUNCTION certmgr.alter_crl(text, interval, text, int, interval, interval, text, boolean, text) TO certmgr_admin;
GRANT SELECT ON certmgr.crl, certmgr.crl_scope, certmgr.issuer TO certmgr_admin, certmgr_operator, certmgr_auditor;
