GRANT EXECUTE ON FUNCTION certmgr.renew_ca(text, boolean, interval, boolean, text, text), certmgr.cross_sign(text, text, interval, bigint, bigint, text, int),
	certmgr.activate_ca_issuer(text, bigint), certmgr.import_ca(text, text, text, text, text, interval, text, text, text, text, text),
	certmgr.set_chain(text, text, bigint) TO certmgr_admin;
GRANT SELECT ON certmgr.ca_issuers TO certmgr_admin, certmgr_operator, certmgr_auditor;
