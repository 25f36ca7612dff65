REVOKE ALL ON FUNCTION certmgr.explain_order(bigint), certmgr_private.explain_order(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION certmgr.explain_order(bigint) TO certmgr_requester, certmgr_admin, certmgr_operator, certmgr_auditor;
