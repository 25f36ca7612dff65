GRANT SELECT ON certmgr.acme_exchange TO certmgr_admin, certmgr_operator, certmgr_auditor;
