GRANT SELECT ON certmgr.acme_preset, certmgr.acme_quirk, certmgr.acme_ca_quirk TO certmgr_admin, certmgr_operator, certmgr_auditor;
