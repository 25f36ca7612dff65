REVOKE ALL ON FUNCTION certmgr.explain_order(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION certmgr.explain_order(bigint) TO certmgr_admin, certmgr_operator, certmgr_auditor;
