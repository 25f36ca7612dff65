GRANT SELECT ON certmgr.acme_renewal_info TO certmgr_admin, certmgr_operator, certmgr_auditor;
