GRANT SELECT ON certmgr.dns_zone, certmgr.dns_persist TO certmgr_admin, certmgr_operator, certmgr_auditor;
GRANT EXECUTE ON FUNCTION certmgr.set_dns_zone(text, text), certmgr.alter_dns_provider(text, jsonb, text), certmgr.set_challenge_type(text, text), certmgr.set_caa_identities(text, text[]) TO certmgr_admin;
GRANT EXECUTE ON FUNCTION certmgr.sweep_dns(text), certmgr.dns_persist_record(text, text, timestamptz, text) TO certmgr_operator, certmgr_admin;
GRANT SELECT ON certmgr.dns_check, certmgr.dns_check_step, certmgr.dns_provider_check TO certmgr_admin, certmgr_operator, certmgr_auditor;
GRANT EXECUTE ON PROCEDURE certmgr.check_dns_provider(text, text, interval, boolean, text) TO certmgr_admin;
