-- Front ends read what is published, and nothing else of the inventory.
GRANT SELECT ON certmgr.published_certificate TO certmgr_responder, certmgr_admin, certmgr_operator, certmgr_auditor;
