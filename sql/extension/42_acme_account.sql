-- External CAs and our accounts there -----------------------------------------

CREATE FUNCTION certmgr.create_acme_ca(name text, directory_url text DEFAULT NULL, contacts text[] DEFAULT '{}', dns_provider text DEFAULT NULL, terms_of_service_agreed boolean DEFAULT false,
	trust_anchors text DEFAULT NULL, eab_kid text DEFAULT NULL, eab_hmac_key text DEFAULT NULL, profile text DEFAULT NULL, preset text DEFAULT NULL, preferred_chain text DEFAULT NULL,
	profile_policy text DEFAULT NULL, quirks jsonb DEFAULT NULL, eab_algorithm text DEFAULT NULL, account_key_algorithm text DEFAULT NULL, chain_anchors text DEFAULT NULL)
	RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_create_acme_ca';
COMMENT ON FUNCTION certmgr.create_acme_ca(text, text, text[], text, boolean, text, text, text, text, text, text, text, jsonb, text, text, text) IS
	'creates an external CA reached by ACME (RFC 8555): makes the account key; the worker registers the account. preset: a server that is known by name (certmgr.acme_preset), directory_url is then needed for those only that everybody runs. trust_anchors: PEM the server''s TLS certificate is checked against, instead of the system''s. eab_hmac_key: base64url or base64, for eab_algorithm HS256 (default), HS384 or HS512. profile_policy: required (default) or preferred. preferred_chain: common name of the root wanted. quirks: see certmgr.acme_ca_quirk. chain_anchors: PEM of the roots that the CA''s chains must end at, checked before a certificate is taken; none given, the chain''s own signatures are all that is checked. Returns the CA''s id';

CREATE FUNCTION certmgr.alter_acme_ca(name text, contacts text[] DEFAULT NULL, dns_provider text DEFAULT NULL, profile text DEFAULT NULL, preferred_chain text DEFAULT NULL, profile_policy text DEFAULT NULL,
	trust_anchors text DEFAULT NULL, quirks jsonb DEFAULT NULL, eab_kid text DEFAULT NULL, eab_hmac_key text DEFAULT NULL, eab_algorithm text DEFAULT NULL, chain_anchors text DEFAULT NULL)
	RETURNS void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_alter_acme_ca';
COMMENT ON FUNCTION certmgr.alter_acme_ca(text, text[], text, text, text, text, text, jsonb, text, text, text, text) IS
	'changes what is not NULL; an empty text or {} takes away what was there. quirks: those that are named, the others stay; null for one that shall be as the preset has it again, {} for all. The worker tells the CA of new contacts, and tries an account that waited for a person again';

CREATE FUNCTION certmgr.agree_terms_of_service(ca text) RETURNS void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_agree_terms_of_service';
COMMENT ON FUNCTION certmgr.agree_terms_of_service(text) IS 'you agree to the terms of service of that CA as they are now: certmgr.acme_account.terms_of_service has their URL. The account goes on';

CREATE FUNCTION certmgr.create_acme_account(ca text, contacts text[] DEFAULT NULL, eab_kid text DEFAULT NULL, eab_hmac_key text DEFAULT NULL, eab_algorithm text DEFAULT NULL, key_algorithm text DEFAULT NULL)
	RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_create_acme_account';
COMMENT ON FUNCTION certmgr.create_acme_account(text, text[], text, text, text, text) IS
	'makes another account at that CA, with a new key; the former one stays as a row that is not active, orders that are open go on at the new one from their start. Returns the account''s id';

CREATE FUNCTION certmgr.deactivate_acme_account(ca text) RETURNS void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_deactivate_acme_account';
COMMENT ON FUNCTION certmgr.deactivate_acme_account(text) IS 'gives up our account at that CA for good (RFC 8555 7.3.6); certificates stay valid, orders wait for create_acme_account()';

CREATE FUNCTION certmgr.rollover_acme_account_key(ca text, key_algorithm text DEFAULT NULL) RETURNS void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'certmgr_rollover_acme_account_key';
COMMENT ON FUNCTION certmgr.rollover_acme_account_key(text, text) IS
	'gives our account at that CA a new key (RFC 8555 7.3.5), in two phases that survive a crash; columns rollover and rollover_message of certmgr.acme_account say how far it is';
