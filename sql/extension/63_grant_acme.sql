GRANT SELECT ON certmgr.acme_preset, certmgr.acme_quirk, certmgr.acme_ca_quirk TO certmgr_admin, certmgr_operator, certmgr_auditor;

GRANT EXECUTE ON FUNCTION certmgr.create_acme_ca(text, text, text[], text, boolean, text, text, text, text, text, text, text, jsonb, text, text, text),
	certmgr.alter_acme_ca(text, text[], text, text, text, text, text, jsonb, text, text, text, text), certmgr.agree_terms_of_service(text),
	certmgr.create_acme_account(text, text[], text, text, text, text), certmgr.deactivate_acme_account(text), certmgr.rollover_acme_account_key(text, text) TO certmgr_admin;
GRANT SELECT ON certmgr.acme_limit, certmgr.acme_limit_state, certmgr.acme_breaker, certmgr.acme_ca_status TO certmgr_admin, certmgr_operator, certmgr_auditor;
GRANT EXECUTE ON FUNCTION certmgr.set_acme_limit(text, text, int, interval) TO certmgr_admin;
GRANT EXECUTE ON FUNCTION certmgr.forecast(text, int, text[][]) TO certmgr_admin, certmgr_operator;
GRANT SELECT ON certmgr.subscriber_fallback, certmgr.fallback_certificate TO certmgr_admin, certmgr_operator, certmgr_auditor;
GRANT EXECUTE ON FUNCTION certmgr.set_fallback(text, text[], interval) TO certmgr_admin, certmgr_operator;
