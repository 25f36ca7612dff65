REVOKE ALL ON FUNCTION certmgr.certificate_der(bigint), certmgr.private_key_pem(bigint, text), certmgr.pkcs12(bigint, text, text, text), certmgr.pkcs7(bigint, boolean),
	certmgr.describe(text), certmgr.fingerprint(text, text), certmgr.jwk_thumbprint(text), certmgr.tlsa_record(bigint, int, text, int, int, int, text),
	certmgr.sshfp_record(bigint, text), certmgr.import_certificate(text, text, text, text, jsonb), certmgr.import_bundle(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION certmgr.certificate_der(bigint), certmgr.private_key_pem(bigint, text), certmgr.pkcs12(bigint, text, text, text), certmgr.pkcs7(bigint, boolean),
	certmgr.describe(text), certmgr.fingerprint(text, text), certmgr.jwk_thumbprint(text), certmgr.tlsa_record(bigint, int, text, int, int, int, text),
	certmgr.sshfp_record(bigint, text) TO certmgr_requester, certmgr_operator, certmgr_admin;
GRANT EXECUTE ON FUNCTION certmgr.certificate_der(bigint), certmgr.pkcs7(bigint, boolean), certmgr.describe(text), certmgr.fingerprint(text, text),
	certmgr.jwk_thumbprint(text), certmgr.tlsa_record(bigint, int, text, int, int, int, text), certmgr.sshfp_record(bigint, text) TO certmgr_auditor;
GRANT EXECUTE ON FUNCTION certmgr.import_certificate(text, text, text, text, jsonb), certmgr.import_bundle(text) TO certmgr_operator, certmgr_admin;
