GRANT EXECUTE ON FUNCTION certmgr.revoke(bigint, text, timestamptz), certmgr.revoke(bigint[], text, timestamptz), certmgr.revoke_serial(text, text, text, timestamptz),
	certmgr.revoke_pem(text, text, timestamptz), certmgr.revoke_by_key(text, text, text, timestamptz), certmgr.unhold(bigint)
	TO certmgr_requester, certmgr_operator, certmgr_admin;
