GRANT EXECUTE ON FUNCTION certmgr.ocsp_response(bytea), certmgr.ocsp_answer(bytea)
	TO certmgr_requester, certmgr_operator, certmgr_admin, certmgr_auditor, certmgr_monitor;
GRANT EXECUTE ON FUNCTION certmgr.alter_ocsp(text, text, interval, boolean, interval, text) TO certmgr_admin;
GRANT SELECT ON certmgr.issuer_hash, certmgr.ocsp_signer TO certmgr_admin, certmgr_operator, certmgr_auditor;
GRANT SELECT ON certmgr.ocsp_signer TO certmgr_requester;
